"""Code generators: a plan in, typed trackers out. Pure."""

from trackplane.codegen.python import generate_python

__all__ = ["generate_python"]
