"""Ids as BTCPay makes them, from a seed, so that a run can be repeated."""

import random
from typing import Final

BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32: Final = "023456789acdefghjklmnpqrstuvwxyz"

ADDRESS_PREFIXES: Final = {"regtest": "bcrt1q", "testnet": "tb1q", "mainnet": "bc1q"}


class Identifiers:
    """One seeded source of everything random."""

    __slots__ = ("_random",)

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose

    def short(self) -> str:
        """Make an id of 16 bytes: invoices, webhooks, deliveries."""
        return "".join(self._random.choices(BASE58, k=22))

    def store(self) -> str:
        """Make an id of 32 bytes."""
        return "".join(self._random.choices(BASE58, k=44))

    def hexadecimal(self, n_bytes: int) -> str:
        return f"{self._random.getrandbits(8 * n_bytes):0{2 * n_bytes}x}"

    def user(self) -> str:
        """Make a UUID."""
        text = self.hexadecimal(16)
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def address(self, network: str) -> str:
        """Make a receive address of the network's look; its checksum is none."""
        return ADDRESS_PREFIXES[network] + "".join(self._random.choices(BECH32, k=38))
