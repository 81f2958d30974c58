"""Where objects are kept: one protocol of four verbs, and what implements it."""

from .base import Kind, ObjectName, Store

__all__ = ["Kind", "ObjectName", "Store"]
