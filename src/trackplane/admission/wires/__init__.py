"""Wires: a client's bytes -> a ``Record``, one file per protocol. Mapping tables: ``spec/wires.md``."""
