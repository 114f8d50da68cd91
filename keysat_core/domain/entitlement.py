"""Entitlements: what a license grants, and a product's catalog of them (lifecycles 4.4)."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from keysat_core.domain.text import checked_text
from keysat_core.errors import InvariantError
from keysat_core.limits import CATALOG_ENTRIES_MAX, DESCRIPTION_CHARS_MAX, NAME_CHARS_MAX
from keysat_core.signing.entitlement_list import write_entitlements
from keysat_core.signing.license_key import check_entitlements

GRANTS_REMEMBERED: Final = 64
"""Lists of entitlements remembered as good: as many as policies; each may have 64 kB."""

_CATALOG_SLUG: Final = re.compile(r"[a-z0-9_]{1,255}")


class CatalogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entitlement a product may grant; ``name`` and ``description`` are for buyers."""

    slug: str
    name: str
    description: str = ""


Catalog = tuple[CatalogEntry, ...]
"""The closed list of a product; empty means any entitlement may be granted."""


def checked_catalog(entries: Iterable[CatalogEntry], *, present: Catalog = ()) -> Catalog:
    """Accept a catalog. Slugs that ``present`` already holds are kept as they are (D48).

    Raises:
        InvariantError: a slug is not ``[a-z0-9_]+`` or appears twice, or there are too many.
    """
    catalog = tuple(entries)
    kept = {entry.slug for entry in present}
    if len(catalog) > CATALOG_ENTRIES_MAX:
        raise InvariantError("entitlements_catalog", f"at most {CATALOG_ENTRIES_MAX} entries")
    if len({entry.slug for entry in catalog}) != len(catalog):
        raise InvariantError("entitlements_catalog", "each slug may appear only once")
    for entry in catalog:
        if entry.slug not in kept and not _CATALOG_SLUG.fullmatch(entry.slug):
            raise InvariantError("entitlements_catalog", "slugs may hold only a-z, 0-9 and '_'")
        checked_text(entry.name, field="entitlements_catalog", chars_max=NAME_CHARS_MAX)
        checked_text(
            entry.description, field="entitlements_catalog", chars_max=DESCRIPTION_CHARS_MAX
        )
    return catalog


def checked_entitlements(slugs: Sequence[str], catalog: Catalog = ()) -> tuple[str, ...]:
    """Accept what a policy or license grants; with a catalog, only slugs it lists.

    Wire limits are checked here, before anything is stored (D34).

    Raises:
        InvariantError: outside the catalog, or not encodable in a license key.
    """
    grants = tuple(slugs)
    _check_issuable(grants)
    if catalog:
        known = {entry.slug for entry in catalog}
        unknown = [slug for slug in grants if slug not in known]
        if unknown:
            raise InvariantError(
                "entitlements", f"{unknown[0]!r} is not in the product's entitlements catalog"
            )
    return grants


@lru_cache(maxsize=GRANTS_REMEMBERED)
def check_stored_entitlements(slugs: tuple[str, ...]) -> None:
    """Check what a license that was issued once may hold; its policy's licenses share it.

    Blank ones too: an earlier server issued them, and its keys hold them (lifecycles 1.2).

    Raises:
        InvariantError: no license key can hold them.
    """
    write_entitlements(slugs)
    for slug in slugs:
        checked_text(slug, field="entitlements", chars_max=len(slug))


@lru_cache(maxsize=GRANTS_REMEMBERED)
def _check_issuable(slugs: tuple[str, ...]) -> None:
    """Check what a policy's licenses share, so that it is seldom new."""
    check_entitlements(slugs)
    for slug in slugs:
        checked_text(slug, field="entitlements", chars_max=len(slug), required=True)
