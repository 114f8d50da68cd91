"""The body of operations an operator gives a reason for."""

import msgspec


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """Why it is done; blank for the usual reason."""

    reason: str = ""
