"""What nodes hold that rules may name, as far as the control plane can tell: keys, a geo database."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class Facilities(msgspec.Struct, frozen=True, kw_only=True):
    """``keys`` gives the names of secrets there are now; None where that is not known.

    A control plane beside its workers shares their folder of secrets and settings. One that does not
    leaves these open: a rule that names what a node lacks is then rejected by that node.
    """

    keys: Callable[[], frozenset[str] | None] = lambda: None
    has_geo: bool | None = None


UNKNOWN = Facilities()
