"""The buy page as a browser without scripts uses it. Source: public-api 14.1."""

import gzip
import re
from typing import Any

import httpx
import pytest

from keysat_core.ports.sandbox import PretendPayment
from tests.support.markup import read_page
from tests.support.operation_calls import stocked_shop
from tests.support.shop import Shop, running_shop

NASTY = "<img src=x onerror=alert(1)>\u202e\x07'\"&"


def stock(shop: Shop) -> None:
    catalog = [
        {"slug": "sync", "name": "Sync", "description": "Keeps devices alike."},
        {"slug": "bare", "name": "Bare", "description": ""},
        {"slug": "inner", "name": "inner", "description": ""},
    ]
    shop.add_product("notes", price_sats=25_000, entitlements_catalog=catalog)
    shop.add_policy("basic", product="notes")
    shop.add_policy(
        "pro",
        product="notes",
        price_sats_override=60_000,
        duration_seconds=7_200,
        entitlements=["sync", "bare", "inner"],
        metadata={
            "highlight": True,
            "description": "For work",
            "marketing_bullets": ["Quick answers", " ", 5],
            "marketing_bullets_position": "below",
            "hidden_entitlements": ["inner"],
        },
    )


def add_code(shop: Shop, **fields: Any) -> None:
    shop.admin("POST", "/discount-codes", json=fields)


def show(shop: Shop, path: str = "/buy/notes", *, status: int = 200) -> str:
    answer = shop.client.get(path)
    assert answer.status_code == status, answer.text
    page = read_page(answer.text)
    assert page.problems == []
    return answer.text


def form_of(html: str, **changed: str) -> dict[str, str]:
    attempt = re.search(r'name="attempt" value="([^"]+)"', html)
    assert attempt is not None
    return {
        "attempt": attempt[1],
        "policy": "basic",
        "code": "",
        "email": "",
        "do": "buy",
    } | changed


def send(shop: Shop, form: dict[str, str], slug: str = "notes") -> httpx.Response:
    return shop.client.post(f"/buy/{slug}", data=form)


def invoices(shop: Shop) -> int:
    return int(shop.admin("GET", "/invoices")["total"])


@pytest.fixture
def notes(shop: Shop) -> Shop:
    stock(shop)
    return shop


def test_tiers_are_shown_with_what_they_bring_and_cost(notes: Shop) -> None:
    add_code(
        notes, code="LAUNCH", kind="percent", amount=5_000, featured=True, max_uses=9,
        product_slug="notes", policy_slugs=["basic"],
    )  # fmt: skip
    html = show(notes)
    text = re.sub(r"\s+", " ", read_page(html).text)
    for said in (
        "Most popular", "60,000 sats", "instead of 25,000 sats", "12,500 sats", "50 % off, 9 left",
        "Valid for 2 hours", "Yours for good", "For work", "Sync", "Keeps devices alike.", "Bare",
        "Quick answers",
    ):  # fmt: skip
        assert said in text, said
    assert "inner" not in text
    assert text.index("Sync") < text.index("Quick answers")
    assert re.search(r'value="pro" checked', html)


def test_the_first_of_repeated_choices_counts_and_an_unknown_one_none(notes: Shop) -> None:
    assert re.search(r'value="basic" checked', show(notes, "/buy/notes?policy=basic&policy=pro"))
    assert re.search(r'value="pro" checked', show(notes, "/buy/notes?policy=nope"))


def test_what_is_not_sold_is_a_page_that_names_it(notes: Shop) -> None:
    assert "no-such-thing" in show(notes, "/buy/no-such-thing", status=404)
    product_id = notes.admin("GET", "/products")["products"][0]["id"]
    notes.admin("PATCH", f"/products/{product_id}/active", json={"active": False})
    assert "notes" in show(notes, status=404)
    refused = send(notes, {"policy": "basic", "do": "buy"})
    assert refused.status_code == 404
    assert "text/html" in refused.headers["content-type"]


def test_a_form_sent_twice_is_one_purchase_and_a_changed_one_another(notes: Shop) -> None:
    form = form_of(show(notes))
    sent = [send(notes, form) for _ in range(3)]
    assert {one.status_code for one in sent} == {303}
    assert len({one.headers["location"] for one in sent}) == 1
    assert invoices(notes) == 1
    changed = [send(notes, form | {"policy": "pro"}) for _ in range(2)]
    assert len({one.headers["location"] for one in changed}) == 1
    assert invoices(notes) == 2


def test_the_way_leads_over_a_page_of_ours_to_the_payment_and_on_to_the_license(
    notes: Shop,
) -> None:
    there = send(notes, form_of(show(notes), email="ann@example.org")).headers["location"]
    assert there.startswith("/checkout?invoice_id=")
    invoice_id = there.partition("=")[2]
    checkout_url = notes.invoice(invoice_id).checkout_url
    html = show(notes, there)
    assert read_page(html).refreshes
    assert f'href="{checkout_url}"' in html
    assert f'content="0; url={checkout_url}"' in html
    notes.act({"btcpay_invoice_id": checkout_url.rpartition("/")[2]}, PretendPayment.PAY)
    notes.deliver()
    again = notes.client.get(there)
    assert (again.status_code, again.headers["location"]) == (
        303,
        f"/thank-you?invoice_id={invoice_id}",
    )
    assert send(notes, {"policy": "basic"}).status_code == 303


def test_an_attempt_that_ran_out_can_be_made_again(notes: Shop) -> None:
    form = form_of(show(notes))
    first = send(notes, form).headers["location"]
    url = notes.invoice(first.partition("=")[2]).checkout_url
    notes.act({"btcpay_invoice_id": url.rpartition("/")[2]}, PretendPayment.EXPIRE)
    notes.deliver()
    second = [send(notes, form).headers["location"] for _ in range(2)]
    assert second[0] == second[1] != first


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("nothing", "We do not know this code"),
        ("only-pro", "not for this tier"),
        ("off", "not accepted any more"),
    ],
)
def test_a_code_that_does_not_apply_is_said_next_to_its_field_and_buys_nothing(
    notes: Shop, code: str, said: str
) -> None:
    add_code(
        notes,
        code="ONLY-PRO",
        kind="percent",
        amount=1_000,
        product_slug="notes",
        policy_slugs=["pro"],
    )
    off = notes.admin(
        "POST", "/discount-codes", json={"code": "OFF", "kind": "percent", "amount": 1_000}
    )
    notes.admin("PATCH", f"/discount-codes/{off['id']}/active", json={"active": False})
    form = form_of(show(notes), code=code, email="ann@example.org", policy="basic")
    for do, status in (("apply", 200), ("buy", 400)):
        answer = send(notes, form | {"do": do})
        assert answer.status_code == status
        page = read_page(answer.text)
        assert page.problems == []
        assert said in page.element_text["code-problem"]
        assert "hidden" not in page.attributes["code-problem"]
        assert page.attributes["code"]["aria-invalid"] == "true"
        assert page.attributes["code"]["aria-describedby"] == "code-problem"
        assert page.attributes["email"]["value"] == "ann@example.org"
        assert page.attributes["code"]["value"] == code
    assert invoices(notes) == 0


def test_a_code_that_applies_is_shown_for_every_tier_and_counts(notes: Shop) -> None:
    add_code(notes, code="TENTH", kind="percent", amount=1_000)
    form = form_of(show(notes), code=" tenth ")
    text = re.sub(r"\s+", " ", send(notes, form | {"do": "apply"}).text)
    assert "Pay 22,500 sats" in text
    assert "Pay 54,000 sats" in text
    bought = send(notes, form).headers["location"].partition("=")[2]
    assert notes.invoice(bought).amount_sats == 22_500


@pytest.mark.parametrize("code", ["GIFT", "WHOLE"])
def test_what_costs_nothing_is_a_license_at_once(notes: Shop, code: str) -> None:
    add_code(notes, code="GIFT", kind="free_license", amount=0)
    add_code(notes, code="WHOLE", kind="percent", amount=10_000)
    assert "Get the license" in show(notes, f"/buy/notes?code={code}")
    form = form_of(show(notes), code=code)
    there = {send(notes, form).headers["location"] for _ in range(2)}
    assert len(there) == 1
    assert 'data-state="ready"' in show(notes, there.pop())
    assert len(notes.licenses()) == 1


def test_without_a_rate_or_a_payment_service_the_page_says_so_and_keeps_what_was_typed() -> None:
    with running_shop(is_sandbox=False) as shop:
        shop.add_product("dear", price_value=4_900, price_currency="USD")
        html = show(shop, "/buy/dear?email=ann@example.org")
        assert "cannot be converted" in html
        assert "cannot take payments" in html
        assert "ann@example.org" in html
        form = form_of(html, policy="", email="ann@example.org")
        refused = send(shop, form, "dear")
        assert refused.status_code == 502
        assert read_page(refused.text).attributes["email"]["value"] == "ann@example.org"
        shop.pin_rate("USD", "50000")
        said = re.sub(r"\s+", " ", show(shop, "/buy/dear"))
        assert "98,000 sats" in said
        assert "50,000.00 USD" in said
        assert "from the seller, just now" in said
        unpaid = send(shop, form, "dear")
        assert unpaid.status_code == 400
        assert 'role="alert"' in unpaid.text


def test_forms_are_counted_with_purchases(notes: Shop) -> None:
    for number in range(20):
        assert send(notes, {"policy": "basic", "attempt": f"{number:036}"}).status_code == 303
    refused = send(notes, {"policy": "basic", "email": "ann@example.org"})
    assert refused.status_code == 429
    assert "ann@example.org" in refused.text
    assert notes.post("/v1/purchase", product="notes").status_code == 429


def test_codes_cannot_be_guessed_through_the_page(notes: Shop) -> None:
    for number in range(20):
        show(notes, f"/buy/notes?code=c{number}")
    assert "Too many codes" in show(notes, "/buy/notes?code=c20")


def test_buyers_choose_how_to_pay_where_two_services_collect() -> None:
    with stocked_shop(document={"paths": {}}) as stocked:
        shop = stocked.shop
        profile_id, btcpay_id = (
            stocked.names[name] for name in ("default_profile_id", "btcpay_id")
        )
        shop.admin(
            "PUT",
            f"/merchant-profiles/{profile_id}/rail-preferences/lightning",
            json={"payment_provider_id": btcpay_id},
        )
        html = show(shop, "/buy/app")
        rails = set(re.findall(r'name="rail"[^>]*value="(\w+)"', html))
        assert rails == {"card", "lightning", "onchain"}
        for rail, kind in (("card", "zaprite"), ("lightning", "btcpay")):
            form = form_of(show(shop, "/buy/app"), policy="pro", rail=rail)
            sent = send(shop, form, "app")
            invoice = shop.invoice(sent.headers["location"].partition("=")[2])
            with shop.ports.store.reading() as tx:
                assert invoice.provider_account_id is not None
                account = tx.merchants.find_account(invoice.provider_account_id)
            assert account is not None
            assert account.kind == kind


def test_planted_markup_is_text_and_hidden_characters_are_seen(shop: Shop) -> None:
    planted = NASTY.replace("\x07", "")
    shop.add_product("bad", name=planted, description=planted, price_sats=1)
    shop.add_policy(
        "t", product="bad", name=planted, entitlements=["<script>"],
        metadata={"description": planted, "marketing_bullets": [planted]},
    )  # fmt: skip
    for answer in (
        shop.client.get("/buy/bad", params={"code": NASTY, "email": NASTY, "policy": NASTY}),
        send(shop, {"policy": NASTY, "code": NASTY, "email": NASTY, "do": "apply"}, "bad"),
    ):
        assert answer.status_code == 200
        assert "<img src=x" not in answer.text
        assert "<script>" not in answer.text
        assert "\u202e" not in answer.text
        assert read_page(answer.text).problems == []


def test_the_policy_lets_nothing_in_and_styles_only_with_the_nonce(notes: Shop) -> None:
    answer = notes.client.get("/buy/notes")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    nonce = re.search(r"style-src 'nonce-([^']+)'", policy)
    assert nonce is not None
    assert set(re.findall(r'<(?:style|script)[^>]*nonce="([^"]+)"', answer.text)) == {nonce[1]}
    assert len(re.findall(r"<(?:style|script)\b", answer.text)) == answer.text.count(
        f'nonce="{nonce[1]}"'
    ) - answer.text.count('<link rel="stylesheet"')


def test_the_page_and_its_files_are_compressed_for_who_takes_that(notes: Shop) -> None:
    for path in ("/buy/notes", "/static/keysat.css", "/static/htmx.js"):
        plain = notes.client.get(path, headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert "accept-encoding" in plain.headers["vary"]
        refused = notes.client.get(path, headers={"accept-encoding": "gzip;q=0, br"})
        assert "content-encoding" not in refused.headers
        zipped = notes.client.get(path, headers={"accept-encoding": "br, gzip;q=0.8"})
        assert zipped.headers["content-encoding"] == "gzip"
        assert int(zipped.headers["content-length"]) < len(plain.content) / 2
        if path.startswith("/static"):
            assert zipped.content == plain.content
    raw = gzip.compress(notes.client.get("/static/htmx.js").content)
    assert len(raw) < 20_000


def test_a_seller_is_known_by_color_and_logo(notes: Shop) -> None:
    profile_id = notes.admin("GET", "/merchant-profiles")["profiles"][0]["id"]
    notes.admin("PATCH", f"/merchant-profiles/{profile_id}", json={"brand_color": "#ffe100"})
    assert 'class="logo"' not in show(notes)
    path = f"/merchant-profiles/{profile_id}/logo"
    made = notes.admin("PUT", path, json={"content": "iVBORw0KGgo="})
    html = show(notes)
    assert f'src="{made["logo_url"]}"' in html
    assert "--accent: #" in html
    part = notes.client.get("/buy/notes", headers={"HX-Request": "true"}).text
    assert "<style" not in part
    assert 'id="order"' in part
