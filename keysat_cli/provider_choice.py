"""Which provider account a command means: the one that was named, else the default profile's."""

from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from keysat_core.errors import NotFound
from keysat_core.ports.store import Store
from keysat_core.use_cases.connections.show_providers import (
    find_default_account,
    list_accounts_of_kind,
)
from keysat_http.views.not_connected import nothing_disconnected


def find_chosen(
    kind: ProviderKind, noun: str, provider_id: str | None, *, store: Store
) -> ProviderAccount | None:
    """Find the connected account that is meant; None: no id was given and the default has none.

    Raises:
        NotFound: no connected account of the kind has the id.
    """
    if provider_id is None:
        return find_default_account(kind, store=store)
    account_id = ProviderAccountId(provider_id)
    accounts = list_accounts_of_kind(kind, store=store)
    found = next((one for one in accounts if one.id == account_id), None)
    if found is None:
        raise NotFound(f"connected {noun} with the id", provider_id)
    return found


def sentence(text: str) -> str:
    """Write what the API says as a sentence of its own."""
    return f"{text[:1].upper()}{text[1:]}."


def none_chosen(kind: ProviderKind, noun: str, *, store: Store) -> str:
    """Say that the default profile has no such account, and which ones there are to choose."""
    connected = list_accounts_of_kind(kind, store=store)
    return nothing_disconnected(noun, None, connected, chosen_with="--provider")
