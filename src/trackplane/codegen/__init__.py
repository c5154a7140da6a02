"""Code generators: a plan in, typed trackers and their lock files out. Pure."""

from trackplane.codegen.lock import lock_text
from trackplane.codegen.python import generate_python

__all__ = ["generate_python", "lock_text"]
