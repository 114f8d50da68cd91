"""Moving in from a database of the earlier server of this protocol (decisions 24)."""
