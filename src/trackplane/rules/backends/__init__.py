"""SQL back ends: a checked rule as one query over stored events, exactly, or refused by name. Pure."""
