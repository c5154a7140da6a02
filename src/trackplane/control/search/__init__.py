"""Search over what is planned: the index, kept in the transaction of each change, and its queries.

``index_plan`` follows a plan that is put in force, ``set_use`` what is observed; ``SearchReader``
answers. The database keeps which documents have a word (``sqlite``: FTS5, ``postgres``: GIN); words
and what ranks and counts are in memory (``vocabulary``, ``columns``).
"""

from trackplane.control.search.index import Use, forget_app, index_plan, set_use
from trackplane.control.search.postings import postings_of
from trackplane.control.search.reader import SearchReader, Wanted, names_of

__all__ = [
    "SearchReader",
    "Use",
    "Wanted",
    "forget_app",
    "index_plan",
    "names_of",
    "postings_of",
    "set_use",
]
