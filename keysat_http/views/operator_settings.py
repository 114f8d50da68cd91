"""What an operator sets while the server runs, on the wire. Source: admin-api 2.12, B-47."""

from typing import Literal

import msgspec


class OperatorName(msgspec.Struct, frozen=True, kw_only=True):
    """``effective`` is what buyers see: the stored name, else the one from the environment."""

    stored: str | None
    effective: str | None
    fallback_env: str | None


class OperatorNameSet(msgspec.Struct, frozen=True, kw_only=True):
    """The name that is stored now; null: none is."""

    ok: Literal[True] = True
    operator_name: str | None


class RetentionDays(msgspec.Struct, frozen=True, kw_only=True):
    """Days that validations and finished deliveries are kept; null: for ever, as audit rows are."""

    validation_days: int | None
    delivery_days: int | None


def operator_name_view(stored: str | None, fallback: str | None) -> OperatorName:
    """Render the name and where it comes from."""
    return OperatorName(stored=stored, effective=stored or fallback, fallback_env=fallback)
