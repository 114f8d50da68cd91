"""How a lightning-address host behaves towards one recipient's payers; honest unless told otherwise.

HTTP faults such as a 503 or a timeout belong to a ``FaultPlan``; here is what a host does on purpose.
"""

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """What the host answers.

    Attributes:
        least_msat: ``minSendable``; the callback refuses less.
        most_msat: ``maxSendable``; the callback refuses more.
        tag: ``tag``; None leaves the field out.
        metadata_error: Answer the first step with ``status`` ``ERROR`` and this reason.
        callback_error: Answer the second step so.
        metadata_redirect: Send whoever asks for the first step there.
        callback_redirect: Send whoever asks for the second step there.
        callback: Name this URL as the callback instead of the host's own.
        callback_query: A query the callback has already; the callback insists on getting it back.
        network: The network the invoice is for, as BOLT 11 spells it after ``ln``.
        amount_factor: The invoice asks for so many times what was asked for.
        amount_added_msat: And for so much more.
        has_amount: Whether the invoice says an amount at all.
        age_seconds: How long ago the invoice was made.
        expiry_seconds: How long after that it can be paid.
        described: What the invoice's hash is of; None is the metadata, as it must be.
        has_description_hash: Whether it carries a hash; a plain description otherwise.
    """

    least_msat: int = 1_000
    most_msat: int = 100_000_000_000
    tag: str | None = "payRequest"
    metadata_error: str | None = None
    callback_error: str | None = None
    metadata_redirect: str | None = None
    callback_redirect: str | None = None
    callback: str | None = None
    callback_query: str = ""
    network: str = "bc"
    amount_factor: int = 1
    amount_added_msat: int = 0
    has_amount: bool = True
    age_seconds: int = 0
    expiry_seconds: int = 3_600
    described: str | None = None
    has_description_hash: bool = True


HONEST: Final = Conduct()
MISCONDUCT: Final = {
    "metadata_error": replace(HONEST, metadata_error="Recipient is closed"),
    "callback_error": replace(HONEST, callback_error="Node is offline"),
    "wrong_tag": replace(HONEST, tag="withdrawRequest"),
    "plain_http_callback": replace(HONEST, callback="http://tips.example/lnurlp/callback"),
    "loopback_callback": replace(HONEST, callback="https://127.0.0.1/lnurlp/callback"),
    "private_callback": replace(HONEST, callback="https://10.0.0.5/lnurlp/callback"),
    "link_local_callback": replace(HONEST, callback="https://169.254.169.254/latest/meta-data"),
    "metadata_redirect": replace(HONEST, metadata_redirect="https://127.0.0.1/"),
    "callback_redirect": replace(HONEST, callback_redirect="https://127.0.0.1/"),
    "other_amount": replace(HONEST, amount_factor=2),
    "amount_one_msat_more": replace(HONEST, amount_added_msat=1),
    "no_amount": replace(HONEST, has_amount=False),
    "other_network": replace(HONEST, network="tb"),
    "expired_invoice": replace(HONEST, age_seconds=7_200),
    "other_description": replace(HONEST, described="[]"),
    "no_description_hash": replace(HONEST, has_description_hash=False),
}
"""What a payer must not pay after, by name: each a host that is wrong in one way alone."""
