"""How the earlier server writes an invoice, the license made of it, and the machines that use it."""

import json
from datetime import timedelta
from typing import Final, NamedTuple

from tests.support.earlier.catalog import Catalog, Line
from tests.support.earlier.merchants import Merchants
from tests.support.earlier.pen import DAY, NOW, Cell, Pen, Row, digest

UNITS_PER_BTC: Final = {"USD": 64_250.75, "EUR": 59_800.5}
SOURCES: Final = ("kraken", "coinbase", "coingecko", "manual_pin")


class Sales(NamedTuple):
    """Who writes, who sells, and what."""

    pen: Pen
    merchants: Merchants
    catalog: Catalog

    def provider_of(self, line: Line, kind: str = "btcpay") -> Row:
        """Give the account a line's invoices are made at."""
        accounts = {
            (False, "btcpay"): self.merchants.btcpay,
            (False, "zaprite"): self.merchants.zaprite,
            (True, "btcpay"): self.merchants.second_btcpay,
            (True, "zaprite"): self.merchants.second_zaprite,
        }
        return accounts[line.product.get("merchant_profile_id") is not None, kind]

    def invoice(
        self, line: Line, policy: Row | None, age: float, *, kind: str = "btcpay", **cells: Cell
    ) -> Row:
        """Write an invoice of a policy's price, or of the product's, at an account of its seller."""
        pen, currency = self.pen, str(line.product["price_currency"])
        value = price_of(line, policy)
        made: Row = {
            "id": pen.id(),
            "btcpay_invoice_id": pen.random.randbytes(11).hex(),
            "product_id": line.product["id"],
            "policy_id": None if policy is None else policy["id"],
            "status": "settled",
            "amount_sats": value,
            "checkout_url": f"https://pay.example/i/{pen.random.randbytes(8).hex()}",
            "created_at": pen.ago(age),
            "updated_at": pen.ago(max(0, age - 90)),
            "payment_provider_id": self.provider_of(line, kind)["id"],
        }
        if currency != "SAT":
            rate = UNITS_PER_BTC[currency]
            made["amount_sats"] = round(value * 1_000_000 / rate)
            made["listed_currency"] = currency
            made["listed_value"] = value
            made["exchange_rate_centibps"] = round(rate * 10_000)
            made["exchange_rate_source"] = pen.random.choice(SOURCES)
        return pen.put("invoices", **{**made, **cells})

    def free_invoice(self, line: Line, policy: Row | None, age: float, **cells: Cell) -> Row:
        """Write the invoice of something that cost nothing (lifecycles 7.1)."""
        invoice_id = self.pen.id()
        return self.pen.put(
            "invoices",
            **{
                "id": invoice_id,
                "btcpay_invoice_id": f"free-{invoice_id}",
                "product_id": line.product["id"],
                "policy_id": None if policy is None else policy["id"],
                "status": "settled",
                "amount_sats": 0,
                "checkout_url": "",
                "created_at": self.pen.ago(age),
                "updated_at": self.pen.ago(age),
                **cells,
            },
        )

    def license(
        self, line: Line, policy: Row | None, age: float, *, of: Row | None = None, **cells: Cell
    ) -> Row:
        """Write a license with the terms of its policy, of an invoice or issued by hand."""
        terms = policy or {}
        seconds = int(terms.get("duration_seconds") or 0)
        trial_days = int(terms.get("trial_days") or 0)
        if terms.get("is_recurring") and trial_days:
            seconds = trial_days * DAY
        ends = NOW - timedelta(seconds=age) + timedelta(seconds=seconds)
        source = {"source": "admin_issue", "note": "by hand"}
        if of is not None:
            source = {"source": "purchase", "btcpay_invoice_id": str(of["btcpay_invoice_id"])}
        return self.pen.put(
            "licenses",
            **{
                "id": self.pen.id(),
                "product_id": line.product["id"],
                "invoice_id": None if of is None else of["id"],
                "policy_id": terms.get("id"),
                "status": "active",
                "issued_at": self.pen.ago(age),
                "expires_at": self.pen.spelled(ends) if seconds else None,
                "grace_seconds": terms.get("grace_seconds", 0),
                "max_machines": terms.get("max_machines", 1),
                "entitlements_json": terms.get("entitlements_json", "[]"),
                "is_trial": int(bool(terms.get("is_trial") or trial_days)),
                "buyer_email": None if of is None else of.get("buyer_email"),
                "metadata_json": json.dumps(source),
                **cells,
            },
        )

    def machine(self, license: Row, fingerprint: str, age: float, **cells: Cell) -> Row:
        """Write a machine that a license is in use on."""
        return self.pen.put(
            "machines",
            **{
                "id": self.pen.id(),
                "license_id": license["id"],
                "fingerprint": fingerprint,
                "fingerprint_hash": digest(fingerprint),
                "hostname": f"host-{self.pen.random.randrange(10_000)}",
                "platform": self.pen.random.choice(("linux", "macos", "windows", None)),
                "ip_last_seen": f"198.51.100.{self.pen.random.randrange(256)}",
                "activated_at": self.pen.ago(age),
                "last_heartbeat_at": self.pen.ago(age * self.pen.random.random()),
                **cells,
            },
        )


def price_of(line: Line, policy: Row | None) -> int:
    """Give a policy's list price in the product's currency (lifecycles 4.3)."""
    override = None if policy is None else policy.get("price_sats_override")
    return int(line.product["price_value"] or 0) if override is None else int(override)
