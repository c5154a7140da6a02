"""What a script may import and call. This keeps honest scripts honest; the kernel holds the others.

Read by ``load_definitions`` before a script is published, and by the isolated process that runs it,
which imports nothing else of this package.
"""

from __future__ import annotations

from typing import Final

MODULES: Final = frozenset(
    {
        "__future__",
        "base64",
        "binascii",
        "bisect",
        "cmath",
        "collections",
        "collections.abc",
        "copy",
        "dataclasses",
        "datetime",
        "decimal",
        "difflib",
        "enum",
        "fractions",
        "functools",
        "hashlib",
        "heapq",
        "hmac",
        "html",
        "ipaddress",
        "itertools",
        "json",
        "math",
        "numbers",
        "operator",
        "re",
        "statistics",
        "string",
        "struct",
        "textwrap",
        "types",
        "typing",
        "unicodedata",
        "urllib.parse",
        "zlib",
    }
)
# Packages of a dotted name that are no module of the list themselves.
PARENTS: Final = frozenset(name.partition(".")[0] for name in MODULES)

ABSENT_BUILTINS: Final = frozenset({"breakpoint", "exit", "help", "input", "open", "quit"})
ENTRIES: Final = ("transform", "transform_batch")
