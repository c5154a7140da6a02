"""The engine beside the engines people pick today: the same events, the same rules, equal outputs.

``work`` makes events and rules, ``ours`` runs Trackplane and plain Python, ``peers/`` the others, which ``build``
makes from their registries into ``.cache/bench``; ``__main__`` runs and compares them all.
"""

from benchmarks.engine.work import FRAME_EVENTS, SERVER, event, rule

__all__ = ["FRAME_EVENTS", "SERVER", "event", "rule"]
