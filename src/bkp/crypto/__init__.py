"""Bytes and keys to bytes: sealing, the password's key, derived keys.

Knows nothing of what the bytes mean.  Every primitive is the `cryptography`
package's; nothing here is our own cryptography.
"""
