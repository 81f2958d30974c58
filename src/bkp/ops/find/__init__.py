"""Find files by name, and where blobs, trees and packs are used."""
