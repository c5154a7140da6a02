"""``python -m trackplane.cli``: how the supervisor starts its children."""

from trackplane.cli import main

main()
