"""Proposals for people who design events, from what exists and from what arrives.

Pure: no clock, no I/O; plans, observations and samples are passed in.
"""

from trackplane.assist.catalogue import Catalogue
from trackplane.assist.completeness import PARTS, Completeness, completeness
from trackplane.assist.design import Design, read_design
from trackplane.assist.drafts import Draft, draft
from trackplane.assist.evidence import gather
from trackplane.assist.infer import Inferred, infer
from trackplane.assist.proposals import Proposals, propose
from trackplane.assist.writing import to_yaml, written

__all__ = [
    "PARTS",
    "Catalogue",
    "Completeness",
    "Design",
    "Draft",
    "Inferred",
    "Proposals",
    "completeness",
    "draft",
    "gather",
    "infer",
    "propose",
    "read_design",
    "to_yaml",
    "written",
]
