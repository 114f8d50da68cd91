"""The picture a seller is known by."""

from base64 import b64encode

import pytest

from tests.support.shop import Shop

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100


def encoded(content: bytes) -> dict[str, str]:
    return {"content": b64encode(content).decode("ascii")}


def test_a_logo_is_served_to_anybody_under_an_address_of_its_own(shop: Shop) -> None:
    profile_id = shop.admin("GET", "/merchant-profiles")["profiles"][0]["id"]
    path = f"/merchant-profiles/{profile_id}/logo"
    assert shop.client.get(f"/logo/{profile_id}").status_code == 404
    made = shop.admin("PUT", path, json=encoded(PNG))
    assert (made["media_type"], made["size"]) == ("image/png", len(PNG))
    assert shop.admin("GET", f"/merchant-profiles/{profile_id}")["logo_url"] == made["logo_url"]
    assert shop.admin("GET", "/merchant-profiles")["profiles"][0]["logo_url"] == made["logo_url"]
    served = shop.client.get(made["logo_url"])
    assert (served.content, served.headers["content-type"]) == (PNG, "image/png")
    assert served.headers["x-content-type-options"] == "nosniff"
    assert "immutable" in served.headers["cache-control"]
    assert "immutable" not in shop.client.get(f"/logo/{profile_id}").headers["cache-control"]
    webp = b"RIFF\x10\0\0\0WEBPVP8 "
    changed = shop.admin("PUT", path, json=encoded(webp))
    assert changed["logo_url"] != made["logo_url"]
    shop.admin("PUT", path, json=encoded(webp))
    assert shop.client.get(changed["logo_url"]).headers["content-type"] == "image/webp"
    assert shop.admin("DELETE", path, params={"dry_run": "true"})["dry_run"] is True
    for _ in range(2):
        assert shop.admin("DELETE", path)["ok"] is True
    assert shop.client.get(changed["logo_url"]).status_code == 404
    assert shop.audited("merchant_profile.logo.set") == 2
    assert shop.audited("merchant_profile.logo.clear") == 1


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (encoded(b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>"), "PNG, JPEG or WebP"),
        (encoded(b""), "PNG, JPEG or WebP"),
        (encoded(b"RIFF\x10\0\0\0WAVEfmt "), "PNG, JPEG or WebP"),
        (encoded(PNG + b"\0" * 32_768), "at most 32 kB"),
        ({"content": "not base64!"}, "base64"),
        ({"content": "é"}, "base64"),
        ({}, "content"),
    ],
)
def test_what_is_no_small_picture_is_refused(
    shop: Shop, body: dict[str, str], problem: str
) -> None:
    profile_id = shop.admin("GET", "/merchant-profiles")["profiles"][0]["id"]
    path = f"/merchant-profiles/{profile_id}/logo"
    refused = shop.admin("PUT", path, ok=False, json=body)
    assert refused.status_code == 400
    assert problem in refused.text
    assert shop.admin("PUT", "/merchant-profiles/nope/logo", ok=False, json=body).status_code >= 400
