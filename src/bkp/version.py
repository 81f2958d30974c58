"""The version of bkp."""

VERSION = "0.1.0"
