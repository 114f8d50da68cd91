"""Where a stranger may send us: to the public internet and nowhere else, whatever names say."""

from ipaddress import ip_address
from typing import Final

import pytest

from keysat_adapters.outbound.reach import admitted, is_public, resolve_name

PUBLIC: Final = [
    "1.1.1.1",
    "93.184.215.14",
    "2606:4700:4700::1111",
    "::ffff:1.1.1.1",
    "64:ff9b::101:101",
]
REFUSED: Final = [
    "0.0.0.0",  # noqa: S104  not to listen on
    "10.0.0.5",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.8.9.10",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.5",
    "::ffff:127.0.0.1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:5::1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_may_be_reached(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize("text", REFUSED)
def test_any_other_address_may_not(text: str) -> None:
    assert not is_public(ip_address(text))


def test_an_address_that_every_network_has_comes_first() -> None:
    found = ["2606:4700:4700::1111", "1.1.1.1", "1.0.0.1"]
    assert admitted(found, is_public) == ["1.1.1.1", "1.0.0.1", "2606:4700:4700::1111"]


@pytest.mark.parametrize("found", [["1.1.1.1", "10.0.0.5"], ["127.0.0.1"], ["somewhere"], []])
def test_a_name_that_leads_anywhere_else_leads_nowhere(found: list[str]) -> None:
    assert admitted(found, is_public) == []


@pytest.mark.parametrize("name", ["127.0.0.1", "0x7f.1", "2130706433", "localhost"])
def test_however_this_machine_is_spelled_it_is_not_public(name: str) -> None:
    assert admitted(resolve_name(name, 443), is_public) == []
