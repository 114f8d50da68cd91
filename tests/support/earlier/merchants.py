"""Sellers of the earlier shop, and the accounts they are paid into."""

from typing import NamedTuple

from tests.support.earlier.pen import DAY, Pen, Row, digest


class Merchants(NamedTuple):
    """Who sells, and where the money goes."""

    default: Row
    second: Row
    btcpay: Row
    zaprite: Row
    second_btcpay: Row
    second_zaprite: Row


def write_merchants(pen: Pen) -> Merchants:
    """Write three profiles, four accounts, preferences and consent links given out."""
    default = _profile(pen, id=pen.hex_id(), name="Lantern Works", is_default=1)
    default["created_at"] = "2025-03-02 08:15:00"
    pen.shows(default, "profile.default", "profile.migrated_id", "time.of_sqlite")
    second = _profile(
        pen,
        name="Lantern Studio",
        legal_name="Lantern Studio Ltd.",
        support_url="https://studio.example/help",
        support_email="help@studio.example",
        brand_color="#336699",
        post_purchase_redirect_url="https://studio.example/thanks?invoice={invoice_id}",
        smtp_host="smtp.studio.example",
        smtp_port=587,
        smtp_username="studio",
        smtp_password="not sent by anything",  # noqa: S106  a column that must be carried
        smtp_from_address="shop@studio.example",
        smtp_from_name="Lantern Studio",
        smtp_use_starttls=0,
    )
    pen.shows(second, "profile.smtp", "profile.redirect")
    third = _profile(pen, name="  Unused, with spaces  ", smtp_host="localhost", smtp_port=0)
    pen.shows(third, "profile.without_provider")
    pen.plant("odd.smtp_port", third)
    merchants = Merchants(
        default,
        second,
        btcpay=_btcpay(pen, default, "http://btcpayserver.startos:23000", id=pen.hex_id()),
        zaprite=_zaprite(pen, default, "https://api.zaprite.com"),
        second_btcpay=_btcpay(pen, second, "http://10.0.3.7:23000"),
        second_zaprite=_zaprite(pen, second, "https://zaprite.example"),
    )
    merchants.btcpay.update(label="BTCPay (migrated)", connected_at="2025-03-02 08:15:00")
    pen.shows(merchants.btcpay, "provider.migrated", "provider.btcpay", "time.of_sqlite")
    pen.shows(merchants.second_btcpay, "provider.btcpay")
    pen.shows(merchants.zaprite, "provider.zaprite")
    pen.shows(merchants.second_zaprite, "provider.zaprite")
    for profile, rail, account in (
        (default, "lightning", merchants.btcpay),
        (default, "onchain", merchants.btcpay),
        (second, "card", merchants.second_zaprite),
        (second, "lightning", merchants.second_zaprite),
    ):
        pen.put(
            "merchant_profile_rail_preferences",
            merchant_profile_id=profile["id"],
            rail=rail,
            payment_provider_id=account["id"],
        )
    for profile_id, is_scoped in ((default["id"], 0), (None, 0), (second["id"], 1)):
        pen.put(
            "btcpay_authorize_state",
            state_token=pen.random.randbytes(20).hex().upper()[:32],
            created_at=pen.ago(600),
            merchant_profile_id=profile_id,
            scoped_initiator=is_scoped,
            initiator_actor_hash=digest("a scoped key") if is_scoped else None,
        )
    return merchants


def _profile(pen: Pen, **cells: str | int | None) -> Row:
    return pen.put(
        "merchant_profiles",
        **{
            "id": pen.id(),
            "is_default": 0,
            "created_at": pen.ago(400 * DAY),
            "updated_at": pen.ago(30 * DAY),
            **cells,
        },
    )


def _btcpay(pen: Pen, profile: Row, base_url: str, **cells: str) -> Row:
    return _account(
        pen,
        profile,
        kind="btcpay",
        label=f"BTCPay — {profile['name']}",
        base_url=base_url,
        webhook_id=pen.hex_id()[:22],
        webhook_secret=pen.random.randbytes(32).hex(),
        store_id=pen.random.randbytes(22).hex()[:44],
        **cells,
    )


def _zaprite(pen: Pen, profile: Row, base_url: str) -> Row:
    label = f"Zaprite — {profile['name']}"
    return _account(pen, profile, kind="zaprite", label=label, base_url=base_url)


def _account(pen: Pen, profile: Row, **cells: str) -> Row:
    return pen.put(
        "payment_providers",
        **{
            "id": pen.id(),
            "merchant_profile_id": profile["id"],
            "api_key": pen.random.randbytes(20).hex(),
            "connected_at": pen.ago(300 * DAY),
            "updated_at": pen.ago(20 * DAY),
            **cells,
        },
    )
