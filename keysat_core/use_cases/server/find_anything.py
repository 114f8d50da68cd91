"""Look for anything an operator may have a piece of: an id, a key, an e-mail, a name."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.ids import LicenseId
from keysat_core.domain.search import Hit, HitKind, Needle, read_needle
from keysat_core.errors import BadKeyFormat, BadKeySignature
from keysat_core.limits import SEARCH_HITS_MAX, SEARCH_ID_CHARS_MIN
from keysat_core.ports.keys import KeyRing
from keysat_core.ports.store import Store, Transaction


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, in the order of the kinds. ``full``: kinds of which there may be more."""

    hits: tuple[Hit, ...]
    full: tuple[HitKind, ...]


KIND_SCOPES: Final[Mapping[HitKind, Scope]] = {
    HitKind.LICENSE: Scope.LICENSES_READ,
    HitKind.BUYER: Scope.LICENSES_READ,
    HitKind.INVOICE: Scope.INVOICES_READ,
    HitKind.MACHINE: Scope.MACHINES_READ,
    HitKind.CODE: Scope.DISCOUNT_CODES_READ,
    HitKind.PRODUCT: Scope.PRODUCTS_READ,
    HitKind.POLICY: Scope.POLICIES_READ,
    HitKind.WEBHOOK_ENDPOINT: Scope.WEBHOOKS_READ,
}
"""Who may see which kind: whoever may list it. Of the others nothing is looked for."""


def find_anything(actor: Actor, text: str, *, store: Store, keys: KeyRing) -> Found:
    """Find what begins with what was typed, at most ``SEARCH_HITS_MAX`` of each kind.

    A license key finds its license if it is this issuer's.

    Raises:
        Forbidden: the actor lacks ``licenses:read``.
        InvariantError: no text that could be stored, or longer than any key.
        SigningKeyUnusable: only when a license key is looked for.
    """
    authorize(actor, Scope.LICENSES_READ)
    needle = read_needle(text)
    if needle is None:
        return Found(hits=(), full=())
    if needle.key is not None:
        return Found(hits=_license_of(needle.key, store=store, keys=keys), full=())
    hits: list[Hit] = []
    full: list[HitKind] = []
    with store.reading() as tx:
        for kind, look in _LOOKS.items():
            if KIND_SCOPES[kind] in actor.scopes:
                found = look(tx, needle)
                hits += found
                full += [kind] if len(found) == SEARCH_HITS_MAX else []
    return Found(hits=tuple(hits), full=tuple(full))


def _license_of(key: str, *, store: Store, keys: KeyRing) -> tuple[Hit, ...]:
    try:
        license_id = LicenseId(keys.payload_of(key).license_id)
    except (BadKeyFormat, BadKeySignature):
        return ()
    with store.reading() as tx:
        return tuple(tx.search.find_licenses(license_id, 1))


def _licenses(tx: Transaction, needle: Needle) -> list[Hit]:
    beginning = needle.id_beginning
    return [] if beginning is None else tx.search.find_licenses(beginning, SEARCH_HITS_MAX)


def _webhooks(tx: Transaction, needle: Needle) -> list[Hit]:
    """Look through all endpoints, because of addresses it is the middle that tells them apart."""
    word = needle.text.lower()
    return [
        Hit(HitKind.WEBHOOK_ENDPOINT, one.id, one.url, one.description)
        for one in tx.webhooks.list_endpoints()
        if word in one.url.lower() or (len(word) >= SEARCH_ID_CHARS_MIN and one.id.startswith(word))
    ][:SEARCH_HITS_MAX]


def _by_word(
    look: Callable[[Transaction], Callable[[str, int], list[Hit]]],
) -> Callable[[Transaction, Needle], list[Hit]]:
    def found(tx: Transaction, needle: Needle) -> list[Hit]:
        return [] if needle.word is None else look(tx)(needle.word, SEARCH_HITS_MAX)

    return found


_LOOKS: Final[Mapping[HitKind, Callable[[Transaction, Needle], list[Hit]]]] = {
    HitKind.LICENSE: _licenses,
    HitKind.BUYER: _by_word(lambda tx: tx.search.find_buyers),
    HitKind.INVOICE: lambda tx, needle: tx.search.find_invoices(needle, SEARCH_HITS_MAX),
    HitKind.MACHINE: lambda tx, needle: tx.search.find_machines(needle, SEARCH_HITS_MAX),
    HitKind.CODE: _by_word(lambda tx: tx.search.find_codes),
    HitKind.PRODUCT: _by_word(lambda tx: tx.search.find_products),
    HitKind.POLICY: _by_word(lambda tx: tx.search.find_policies),
    HitKind.WEBHOOK_ENDPOINT: _webhooks,
}
