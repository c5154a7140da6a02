"""The control plane: apps, keys, plans, rules and people; it publishes what the data plane runs."""
