"""Posts webhooks over the network as BTCPay's client does."""

from collections.abc import Mapping
from typing import Final

import httpx

TIMEOUT_SECONDS: Final = 100


def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    """Post a webhook, follow redirects, and give the status.

    Raises:
        httpx.HTTPError: There was no answer.
    """
    with httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=True) as client:
        return client.post(url, headers=dict(headers), content=body).status_code
