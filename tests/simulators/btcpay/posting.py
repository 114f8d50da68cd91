"""Posts webhooks as BTCPay's client does: over the network, or through a client that is given."""

from collections.abc import Callable, Mapping
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


def post_through(client: httpx.Client) -> Callable[[str, Mapping[str, str], bytes], int]:
    """Give a way to post through a client, such as one whose transport is an app in this process."""

    def post_here(url: str, headers: Mapping[str, str], body: bytes) -> int:
        return client.post(url, headers=dict(headers), content=body).status_code

    return post_here
