"""What may be asked about an invoice, and what it means that one account gave no answer.

Source: payments 6.12 and 10. What an answer does to the sale is ``domain.answer``'s.
"""

from collections.abc import Sequence
from typing import Final

from keysat_core.domain.ids import MerchantProfileId
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.merchant import ProviderAccount
from keysat_core.errors import ProviderNotLoaded, ProviderRefused, UpstreamError

_FORBIDDEN: Final = 403


def has_nothing_to_ask(invoice: Invoice) -> bool:
    """Tell whether no provider can say anything that is not known.

    It only lacks its effect, costs nothing, or was not created anywhere, as far as we know.
    """
    lacks_effect = invoice.status is InvoiceStatus.SETTLED and invoice.effect_at is None
    is_elsewhere = invoice.provider_account_id is not None
    is_elsewhere = is_elsewhere or invoice.provider_invoice_id is not None
    return lacks_effect or invoice.is_free or not is_elsewhere


def likeliest_first(
    connected: Sequence[ProviderAccount], default_profile: MerchantProfileId | None
) -> list[ProviderAccount]:
    """Order the accounts that may know an invoice which names none (payments 10)."""
    return sorted(connected, key=lambda one: one.merchant_profile_id != default_profile)


def is_out_of_reach(invoice: Invoice, askable: Sequence[ProviderAccount]) -> bool:
    """Nobody can say that an invoice does not exist.

    Its account was disconnected and nothing tells whether those at its address now are the same one.
    """
    own_id = invoice.provider_account_id
    are_others = all(account.id != own_id and account.store_id is None for account in askable)
    return not askable or (own_id is not None and are_others)


def is_not_found(failure: UpstreamError | ProviderNotLoaded) -> bool:
    """Tell whether an account said that it has no such invoice."""
    return isinstance(failure, ProviderRefused) and failure.problem == "not_found"


def read_failure(
    invoice: Invoice, failure: UpstreamError | ProviderNotLoaded
) -> UpstreamError | ProviderNotLoaded:
    """Read the refusal of an invoice that is perhaps another's: BTCPay 2.4 forbids what 2.3 misses.

    Source: payments 6.12.
    """
    is_anybodys = invoice.provider_account_id is None
    if is_anybodys and isinstance(failure, ProviderRefused) and failure.http_status == _FORBIDDEN:
        return ProviderRefused(failure.operation, "not_found", http_status=_FORBIDDEN)
    return failure
