"""Where BTCPay Server is, and the credentials an old install kept in its environment."""

from dataclasses import dataclass

from keysat_cli.address import find_address
from keysat_cli.environment import Environment
from keysat_core.domain.secret import Secret
from keysat_core.use_cases.connections.seed_btcpay import BTCPaySeed


@dataclass(frozen=True, kw_only=True, slots=True)
class BTCPayAddresses:
    """Where one BTCPay Server is, as this server, the operator's browser and buyers reach it.

    ``browser_url`` defaults to ``url``, ``public_url`` to ``browser_url`` if that is set.
    ``sends_buyer_email``: its stores are told who buys.
    """

    url: str | None = None
    browser_url: str | None = None
    public_url: str | None = None
    seed: BTCPaySeed | None = None
    sends_buyer_email: bool = False


def read_btcpay_addresses(environment: Environment) -> BTCPayAddresses:
    """Read where BTCPay Server is.

    Raises:
        ConfigurationError: an address is wrong.
    """
    return BTCPayAddresses(
        url=find_address(environment, "BTCPAY_URL"),
        browser_url=find_address(environment, "BTCPAY_BROWSER_URL"),
        public_url=find_address(environment, "BTCPAY_PUBLIC_URL"),
        seed=_btcpay_seed(environment),
        sends_buyer_email=environment.says_yes("BTCPAY_SEND_BUYER_EMAIL"),
    )


def _btcpay_seed(environment: Environment) -> BTCPaySeed | None:
    """Read the credentials of an old install; without all of them there are none (B-30)."""
    names = ("BTCPAY_API_KEY", "BTCPAY_STORE_ID", "BTCPAY_WEBHOOK_SECRET")
    api_key, store_id, secret = (environment.find(name) for name in names)
    if not (api_key and store_id and secret):
        return None
    return BTCPaySeed(api_key=Secret(api_key), store_id=store_id, webhook_secret=Secret(secret))
