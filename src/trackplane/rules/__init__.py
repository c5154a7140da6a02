"""The rule language: front ends, types, IR, reference evaluator. Pure: no I/O, clock or environment."""
