"""Proposals: what they find on labelled sets, beside the obvious ways, and what they cost.

The sets stand beside this file; those called *held out* were written before and never tuned on.
"""

from __future__ import annotations

import json
import sys

from benchmarks.assist import duplicates, inference, reuse, scale


def main() -> None:
    for suite in (duplicates, reuse, inference, scale):
        for row in suite.rows():
            print(json.dumps(row, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    sys.exit(main())
