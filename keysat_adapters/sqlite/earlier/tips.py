"""Carrying tips."""

import msgspec

from keysat_adapters.sqlite.earlier.cells import Cells, RowLeft
from keysat_adapters.sqlite.earlier.mover import Mover
from keysat_core.domain.ids import LicenseId, PolicyId, TipId
from keysat_core.domain.tip import TipAttempt, TipStatus
from keysat_core.limits import AMOUNT_MAX, NAME_CHARS_MAX, TIP_BPS_MAX, TIP_DETAIL_CHARS_MAX

_DONE = frozenset({TipStatus.SENT, TipStatus.FAILED, TipStatus.SKIPPED})
"""What the earlier server knew."""


def carry_tips(mover: Mover) -> None:
    """Carry tips. Of several for one license one counts: the one that was sent, else the newest."""
    counted: dict[str, TipAttempt] = {}

    def tip(cells: Cells) -> None:
        found = _tip(mover, cells)
        known = counted.get(found.license_id)
        if found.status is not TipStatus.SKIPPED:
            if known is not None and known.status is TipStatus.SENT:
                found = _skipped(mover, found)
            else:
                if known is not None:
                    mover.tx.tips.put_tip(_skipped(mover, known))
                counted[found.license_id] = found
        mover.tx.tips.put_tip(found)

    mover.each("tip_attempts", tip)


def _tip(mover: Mover, cells: Cells) -> TipAttempt:
    status = cells.raw("status")
    if status not in _DONE:
        raise RowLeft("its status is not known")
    created_at = cells.at("created_at", otherwise=mover.now)
    known = TipStatus(str(status))
    license_id = LicenseId(mover.needed(cells, "license_id", "licenses"))
    return TipAttempt(
        id=TipId(cells.required("id")),
        license_id=license_id,
        policy_id=PolicyId(mover.needed(cells, "policy_id", "policies")),
        recipient=cells.text("recipient", chars_max=NAME_CHARS_MAX) or "",
        amount_sats=cells.number("amount_sats", high=AMOUNT_MAX),
        pct_bps=cells.number("pct_bps", high=TIP_BPS_MAX),
        label=cells.text("label"),
        status=known,
        detail=cells.text("detail", chars_max=TIP_DETAIL_CHARS_MAX),
        payment_hash=cells.text("payment_hash"),
        tried_at=created_at if known is TipStatus.SENT else None,
        created_at=created_at,
        updated_at=created_at,
    )


def _skipped(mover: Mover, tip: TipAttempt) -> TipAttempt:
    detail = f"was {tip.status} at the earlier server, beside another of the same license"
    if tip.detail:
        detail = f"{detail}: {tip.detail}"
    cells = Cells("tip_attempts", tip.id, {}, mover.ledger)
    cells.changed(f"another tip of license {tip.license_id} counts; this is kept as skipped", "D1")
    return msgspec.structs.replace(
        tip, status=TipStatus.SKIPPED, detail=detail[:TIP_DETAIL_CHARS_MAX]
    )
