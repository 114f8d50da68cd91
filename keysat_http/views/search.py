"""What a search found, on the wire."""

import msgspec

from keysat_core.domain.search import HitKind
from keysat_core.use_cases.server.find_anything import Found


class HitView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was found. The id of a buyer is the e-mail that lists take.

    ``license_id``: whose a machine is; null for everything else.
    """

    kind: HitKind
    id: str
    title: str
    detail: str
    license_id: str | None


class FoundView(msgspec.Struct, frozen=True, kw_only=True):
    """What begins with what was asked for, a few of each kind; ``full``: of these there may be more."""

    q: str
    hits: list[HitView]
    full: tuple[HitKind, ...]


def found_view(text: str, found: Found) -> FoundView:
    """Render what was found."""
    return FoundView(
        q=text,
        hits=[
            HitView(
                kind=hit.kind,
                id=hit.id,
                title=hit.title,
                detail=hit.detail,
                license_id=hit.license_id,
            )
            for hit in found.hits
        ],
        full=found.full,
    )
