"""Users, API keys, and what a key may do. Source: the specification of payments."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

UNRESTRICTED: Final = "unrestricted"
STORE: Final = "btcpay.store."

VIEW_SETTINGS: Final = STORE + "canviewstoresettings"
MODIFY_SETTINGS: Final = STORE + "canmodifystoresettings"
VIEW_INVOICES: Final = STORE + "canviewinvoices"
CREATE_INVOICE: Final = STORE + "cancreateinvoice"
MODIFY_INVOICES: Final = STORE + "canmodifyinvoices"
MODIFY_WEBHOOKS: Final = STORE + "webhooks.canmodifywebhooks"
USE_LIGHTNING: Final = STORE + "canuselightningnode"
CREATE_LIGHTNING_INVOICE: Final = STORE + "cancreatelightninginvoice"
VIEW_WALLET: Final = STORE + "canviewwallet"
INTERNAL_NODE: Final = "btcpay.server.canuseinternallightningnode"

IMPLIED: Final[Mapping[str, frozenset[str]]] = {
    MODIFY_SETTINGS: frozenset(
        {
            VIEW_SETTINGS,
            MODIFY_INVOICES,
            VIEW_INVOICES,
            CREATE_INVOICE,
            MODIFY_WEBHOOKS,
            USE_LIGHTNING,
            CREATE_LIGHTNING_INVOICE,
            VIEW_WALLET,
        }
    ),
    MODIFY_INVOICES: frozenset({VIEW_INVOICES, CREATE_INVOICE}),
    USE_LIGHTNING: frozenset({CREATE_LIGHTNING_INVOICE}),
}
ALL: Final = frozenset(IMPLIED).union(*IMPLIED.values())


@dataclass(slots=True, kw_only=True)
class User:
    """Somebody with stores of their own."""

    id: str
    store_ids: list[str] = field(default_factory=list)
    is_admin: bool = False


@dataclass(slots=True, kw_only=True)
class APIKey:
    """A key of a user. ``permissions`` are as granted, each optionally with ``:storeId``."""

    text: str = field(repr=False)
    user: User
    label: str
    permissions: tuple[str, ...]
    everywhere: frozenset[str] = frozenset()
    by_store: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        everywhere: set[str] = set()
        by_store: dict[str, set[str]] = {}
        for granted in self.permissions:
            permission, _, store_id = granted.partition(":")
            target = by_store.setdefault(store_id, set()) if store_id else everywhere
            target.update(expanded(permission))
        self.everywhere = frozenset(everywhere)
        self.by_store = {store_id: frozenset(names) for store_id, names in by_store.items()}

    def may(self, permission: str, store_id: str) -> bool:
        """Say whether the key may do something in a store of its user."""
        if store_id not in self.user.store_ids:
            return False
        return permission in self.everywhere or permission in self.by_store.get(store_id, ())

    def may_somewhere(self, permission: str) -> bool:
        """Say whether the key holds a permission for any store at all."""
        return permission in self.everywhere or any(
            permission in held for held in self.by_store.values()
        )


def expanded(permission: str) -> Iterable[str]:
    """Give a permission and all that it implies."""
    if permission == UNRESTRICTED:
        return ALL
    return {permission, *IMPLIED.get(permission, ())}
