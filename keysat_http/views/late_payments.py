"""Whether late payments are accepted, as operators see it."""

import msgspec


class LatePayments(msgspec.Struct, frozen=True, kw_only=True):
    """``enabled``: a payment that came after expiry is accepted once it is final."""

    enabled: bool
