"""The tracking plan: model, YAML, merge, JSON Schema, validation. Pure: no I/O, clock or environment."""
