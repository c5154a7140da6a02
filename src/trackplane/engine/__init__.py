"""The engine: rulesets compiled to Python, run over frames, deduplicated. CPU only: no I/O, no clock."""
