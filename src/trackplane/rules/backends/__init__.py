"""Back ends in SQL: a rule's IR as one query, exact or refused by name; never approximate.

(05:20, for the other helpers: "backends" works here; "frontends" goes on with builder, format, fuzz.)
"""
