"""Identifiers: lower-case hyphenated UUIDv4 text, one type per noun (decisions 26).

Ids from outside are opaque: they are compared byte for byte and never parsed. Only product and
license ids must be UUIDs, because a license key packs them in 16 bytes.
"""

import re
from typing import Final, NewType

ProductId = NewType("ProductId", str)
PolicyId = NewType("PolicyId", str)
LicenseId = NewType("LicenseId", str)
MachineId = NewType("MachineId", str)
InvoiceId = NewType("InvoiceId", str)
MerchantProfileId = NewType("MerchantProfileId", str)
ProviderAccountId = NewType("ProviderAccountId", str)
EventId = NewType("EventId", str)
TipId = NewType("TipId", str)
CodeId = NewType("CodeId", str)
RedemptionId = NewType("RedemptionId", str)
SubscriptionId = NewType("SubscriptionId", str)
CycleId = NewType("CycleId", str)
TierChangeId = NewType("TierChangeId", str)
WebhookEndpointId = NewType("WebhookEndpointId", str)
DeliveryId = NewType("DeliveryId", str)
ApiKeyId = NewType("ApiKeyId", str)

_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def is_uuid_text(text: str) -> bool:
    """Tell whether ``text`` is a UUID in the one spelling Keysat writes."""
    return _UUID.fullmatch(text) is not None
