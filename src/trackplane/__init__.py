"""Trackplane: one platform for the whole life of an event."""

__version__ = "0.1.0"
