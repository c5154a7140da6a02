"""Admission: an upload's bytes in, one disposition per event out. Pure: no clock, I/O or randomness.

``wires`` turn a client's bytes into a ``Record``; ``hygiene`` keeps broken JSON out, event by event;
``admit`` decides what becomes of each event and lays it into a ``Round``: the frames, dirty events
and ledger counts that one append of the queue will carry for many uploads.
"""
