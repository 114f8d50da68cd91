"""What the screens of products, tiers and codes work out before anybody clicks. Source: admin-api 7."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from keysat_core.domain.ids import LicenseId, PolicyId
from keysat_core.domain.self_license import SelfLicense
from tests.support.builders import make_tip
from tests.support.http import ADMIN
from tests.support.markup import Page, read_page
from tests.support.shop import Shop, running_shop

PLANTED = "</script><img src=x onerror=alert(1)>'\"\u202e"
CARD = re.compile(
    r'<span class="price"><strong>(?P<price>[^<]*)</strong>(?: <span class="faint">(?P<cadence>[^<]*))?'
    r'.*?<ul class="terms[^"]*">(?P<terms>.*?)</ul>(?P<features>.*?)(?=<span class="price">|</form>|\Z)',
    re.DOTALL,
)
FEATURE = re.compile(r'<li><span class="name">([^<]*)</span>(?:(?!<li>).)*', re.DOTALL)
TERM = re.compile(r"<li>([^<]*)</li>")


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop() as shop:
        yield shop


def screen(shop: Shop, path: str) -> str:
    answer = shop.client.get(f"/admin{path}", headers=ADMIN, follow_redirects=False)
    assert answer.status_code == 200, answer.text
    return answer.text


def read(shop: Shop, path: str) -> Page:
    page = read_page(screen(shop, path))
    assert page.problems == []
    return page


def cards(html: str) -> list[tuple[str, str, list[str], list[str]]]:
    """Read price, cadence, terms and visible features of every tier on a page."""
    return sorted(
        (
            card["price"],
            card["cadence"] or "",
            TERM.findall(card["terms"]),
            [
                unescape(found[1])
                for found in FEATURE.finditer(card["features"])
                if "hidden from buyers" not in found[0]
            ],
        )
        for card in CARD.finditer(html)
    )


def test_a_tier_says_to_operators_what_it_says_to_buyers(shop: Shop) -> None:
    catalog = [{"slug": "sync", "name": "Sync & more", "description": "Everywhere"}]
    catalog += [{"slug": "pdf", "name": ""}]
    shop.add_product(
        price_currency="USD", price_value=4_900, entitlements_catalog=catalog, price_sats=None
    )
    shop.pin_rate("USD", "50000")
    shop.add_policy("inherits", entitlements=["pdf", "sync"], duration_seconds=7_200)
    told = {"marketing_bullets": ["Fast", " ", 5], "hidden_entitlements": ["pdf"]}
    below = told | {"marketing_bullets_position": "below", "highlight": True}
    shop.add_policy("above", price_sats_override=900, entitlements=["sync", "pdf"], metadata=told)
    shop.add_policy("free", price_sats_override=0, entitlements=["sync", "pdf"], metadata=below)
    monthly: dict[str, Any] = {
        "is_recurring": True,
        "renewal_period_days": 30,
        "trial_days": 7,
        "max_machines": 0,
    }
    shop.add_policy("monthly", price_sats_override=1_250, **monthly)
    told_buyers = cards(shop.client.get("/buy/app").text.split('id="order"')[0])
    assert cards(screen(shop, "/policies?product=app")) == told_buyers
    assert [card[0] for card in told_buyers] == ["12.50 USD", "49.00 USD", "9.00 USD", "Free"]
    assert ("9.00 USD", "", ["Yours for good", "For 1 machine"], ["Fast", "Sync & more"]) in (
        told_buyers
    )


@pytest.mark.parametrize(
    "metadata",
    [
        {"marketing_bullets": 5, "hidden_entitlements": {"a": 1}, "description": [1]},
        {"marketing_bullets": "text", "hidden_entitlements": "sync", "highlight": "yes"},
        {"marketing_bullets_position": 7, "hidden_entitlements": [None, ["x"], "gone"]},
    ],
)
def test_metadata_of_any_shape_is_shown_and_can_be_edited(shop: Shop, metadata: Any) -> None:
    shop.add_product(entitlements_catalog=[{"slug": "sync", "name": "Sync"}])
    policy = shop.add_policy("odd", entitlements=["sync"], metadata=metadata)
    read(shop, "/policies?product=app")
    read(shop, f"/policies/{policy['id']}")


def test_what_the_catalog_lost_stays_granted_until_somebody_takes_it_away(shop: Shop) -> None:
    catalog = [{"slug": "sync", "name": "Sync"}, {"slug": "old", "name": "Old"}]
    product = shop.add_product(entitlements_catalog=catalog)
    hides = {"hidden_entitlements": ["gone"]}
    policy = shop.add_policy("pro", entitlements=["sync", "old"], metadata=hides)
    shop.admin("PATCH", f"/products/{product['id']}", json={"entitlements_catalog": [catalog[0]]})
    boxes = re.findall(
        r'<input type="checkbox" id="[eh]\d" name="([a-z_.]+)"[^>]*value="(\w+)"( checked)?',
        screen(shop, f"/policies/{policy['id']}"),
    )
    assert {(name, slug) for name, slug, checked in boxes if checked} == {
        ("entitlements", "sync"),
        ("entitlements", "old"),
        ("metadata_changes.hidden_entitlements", "gone"),
    }


def test_tips_of_a_tier_are_shown_after_its_recipient_was_taken_away(shop: Shop) -> None:
    shop.add_product()
    policy, other = shop.add_policy("pro"), shop.add_policy("other")
    for of, recipient in ((policy, "ann@tips.example"), (other, "eve@tips.example")):
        issued = shop.issue(policy_slug=of["slug"])
        ids: dict[str, Any] = {
            "license_id": LicenseId(issued["license_id"]),
            "policy_id": PolicyId(of["id"]),
        }
        with shop.ports.store.writing() as tx:
            tx.tips.put_tip(make_tip(recipient=recipient, amount_sats=21, **ids))
    shown = read(shop, f"/policies/{policy['id']}").text
    assert "21 sats to ann@tips.example" in shown
    assert "eve@tips.example" not in shown


def test_codes_are_grouped_and_counted_over_all_pages_and_sorted_within_groups(shop: Shop) -> None:
    shop.add_product("zebra")
    shop.add_product("app")
    half = {"kind": "percent", "amount": 5_000}
    for number in range(55):
        body = half | {"code": f"A{number:02}", "product_slug": "app"}
        shop.admin("POST", "/discount-codes", json=body)
    for code, product in (("Z1", "zebra"), ("ALL1", None), ("ALL2", None)):
        shop.admin("POST", "/discount-codes", json=half | {"code": code, "product_slug": product})
    first = screen(shop, "/codes?sort=-code")
    assert re.findall(r"<code>(\w+)</code></a>", first)[:2] == ["A54", "A53"]
    second = read(shop, "/codes?sort=-code&offset=50").text
    for counted in ("App 55 codes", "Zebra 1 code", "For every product 2 codes"):
        assert counted in second
    assert (
        second.index("A00")
        < second.index("Zebra 1")
        < second.index("ALL2")
        < (second.index("ALL1"))
    )
    assert "A00" not in read(shop, "/codes?product=-").text
    assert "Z1" in read(shop, "/codes?product=zebra&q=z").text
    assert "Z1" not in read(shop, "/codes?product=zebra&q=nothing").text


def test_codes_are_found_by_how_they_are(shop: Shop) -> None:
    shop.add_product()
    made: dict[str, Any] = {}
    half: dict[str, Any] = {"kind": "percent", "amount": 5_025}
    for code, more in (
        ("GOOD", {}),
        ("ENDED", {"expires_at": "2020-01-01T00:00:00Z"}),
        ("ONCE", {"max_uses": 1, "kind": "free_license", "amount": 0, "product_slug": "app"}),
        ("STOPPED", {}),
    ):
        made[code] = shop.admin("POST", "/discount-codes", json=half | {"code": code} | more)
    path = f"/discount-codes/{made['STOPPED']['id']}/active"
    shop.admin("PATCH", path, json={"active": False})
    shop.post("/v1/redeem", product="app", code="ONCE")
    found = {
        state: re.findall(r"<code>(\w+)</code></a>", screen(shop, f"/codes?state={state}"))
        for state in ("active", "expired", "used+up", "disabled")
    }
    assert found == {
        "active": ["GOOD"],
        "expired": ["ENDED"],
        "used+up": ["ONCE"],
        "disabled": ["STOPPED"],
    }


def test_a_code_says_what_it_brought_and_keeps_its_archived_tiers(shop: Shop) -> None:
    shop.add_product(price_sats=10_000)
    policy = shop.add_policy("gold")
    shop.add_policy("silver")
    body = {"code": "HALF", "kind": "percent", "amount": 1_275, "product_slug": "app"}
    body |= {"policy_slugs": ["gold"], "referrer_label": "Ann"}
    code = shop.admin("POST", "/discount-codes", json=body)
    sold = shop.sell(policy_slug="gold", code="HALF")
    shop.admin("PATCH", f"/policies/{policy['id']}/archived", json={"archived": True})
    html = screen(shop, f"/codes/{code['id']}")
    text = " ".join(read_page(html).text.split())
    assert "8,725 sats from 1 paid sale, 1,275 sats off; referred by Ann" in text
    assert sold["license_id"][:8] in text
    assert 'value="12.75"' in html
    assert re.search(r'value="gold" checked', html)
    assert re.search(r'value="silver">', html)


def test_caps_are_announced_at_one_below_at_them_and_beyond(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with running_shop(path=path) as plenty:
        for product, tiers in (("free", 3), ("near", 4), ("full", 5), ("over", 6)):
            plenty.add_product(product)
            for number in range(tiers):
                plenty.add_policy(f"t{number}", product=product)
        for number in range(11):
            body = {"code": f"C{number}", "kind": "percent", "amount": 1}
            plenty.admin("POST", "/discount-codes", json=body)
    with running_shop(path=path, self_license=SelfLicense()) as small:
        said = {
            product: read(small, f"/policies?product={product}").text
            for product in ("free", "near", "full", "over")
        }
        codes = read(small, "/codes").text
    assert not re.search("tiers of this product", said["free"])
    assert "approaching the limit of your tier: 4 of 5 tiers of this product" in said["near"]
    assert "Your tier covers 5 tiers of this product, and you have them all" in said["full"]
    assert "You have more tiers of this product than your tier covers" in said["over"]
    assert "You have more active codes than your tier covers (11 of 10)" in codes


def test_texts_that_pretend_to_be_markup_are_shown_as_texts(shop: Shop) -> None:
    entry = {"slug": "x", "name": PLANTED, "description": PLANTED}
    product = shop.add_product(name=PLANTED, description=PLANTED, entitlements_catalog=[entry])
    told = {"description": PLANTED, "marketing_bullets": [PLANTED]}
    tip: dict[str, Any] = {"tip_recipient": "a@b.example", "tip_pct_bps": 1, "tip_label": PLANTED}
    policy = shop.add_policy("p", name=PLANTED, entitlements=["x"], metadata=told, **tip)
    code = shop.admin(
        "POST",
        "/discount-codes",
        json={
            "code": "C",
            "kind": "percent",
            "amount": 1,
            "product_slug": "app",
            "referrer_label": PLANTED,
            "description": PLANTED,
        },
    )
    seen = PLANTED.replace("\u202e", "\ufffd")
    for path in (
        "/products",
        f"/products/{product['id']}",
        "/policies",
        f"/policies/{policy['id']}",
        "/codes",
        f"/codes/{code['id']}",
    ):
        page = read(shop, path)
        assert "alert" not in page.scripts
        assert "x" not in page.references
        assert seen in page.text
        assert "\u202e" not in page.text
