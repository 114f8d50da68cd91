"""Which payment providers this server may use. Knows no adapter: the composition root names them."""

from collections.abc import Callable, Mapping
from typing import Final

from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from keysat_core.errors import ProviderNotLoaded
from keysat_core.ports.payments import PaymentProvider

UNKNOWN_KIND_REMEDY: Final = "this server has no adapter for it; connect another payment provider"

DISCONNECTED_REMEDY: Final = "it was disconnected; connect it again"


class ProviderRegistry:
    """Makes the adapter of an account by its kind.

    ``factories`` holds the kinds that are loaded; ``remedies`` says for the others what to change.
    """

    def __init__(
        self,
        factories: Mapping[ProviderKind, Callable[[ProviderAccount], PaymentProvider]],
        *,
        remedies: Mapping[ProviderKind, str],
    ) -> None:
        self._factories = dict(factories)
        self._remedies = dict(remedies)

    def kinds(self) -> frozenset[ProviderKind]:
        """Give the kinds that are loaded."""
        return frozenset(self._factories)

    def provider_for(self, account: ProviderAccount) -> PaymentProvider:
        """Give the adapter of an account.

        Raises:
            ProviderNotLoaded: no factory is known for its kind, or it was disconnected.
        """
        factory = self._factories.get(account.kind)
        if factory is None:
            remedy = self._remedies.get(account.kind, UNKNOWN_KIND_REMEDY)
            raise ProviderNotLoaded(account.kind, remedy)
        if not account.is_connected:
            raise ProviderNotLoaded(account.kind, DISCONNECTED_REMEDY)
        return factory(account)
