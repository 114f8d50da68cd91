"""Who called, as far as it can be known."""

from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keysat_http.client_address import Callers
from keysat_http.settings import PRIVATE_NETWORKS

PROXIES = (ip_network("10.0.0.0/8"), ip_network("::1/128"), ip_network("127.0.0.0/8"))
PUBLIC = "198.51.100.7"


def scope(peer: str | None, *forwarded: str) -> Any:
    return {
        "type": "http",
        "client": None if peer is None else (peer, 50_000),
        "headers": [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded],
    }


def address(peer: str | None, *forwarded: str) -> str | None:
    return Callers(PROXIES).address_of(scope(peer, *forwarded))


@pytest.mark.betters("B-03")
def test_a_stranger_cannot_name_another_address() -> None:
    assert address(PUBLIC, "203.0.113.1") == PUBLIC


def test_a_proxy_names_the_client() -> None:
    assert address("10.0.0.1", "203.0.113.1") == "203.0.113.1"


@pytest.mark.betters("B-03")
def test_the_rightmost_hop_no_proxy_owns_counts() -> None:
    assert address("10.0.0.1", "1.2.3.4, 203.0.113.1, 10.9.9.9") == "203.0.113.1"


def test_several_headers_are_one_list() -> None:
    assert address("10.0.0.1", "1.2.3.4", "203.0.113.1, 10.9.9.9") == "203.0.113.1"


def test_garbage_ends_what_can_be_believed() -> None:
    assert address("10.0.0.1", "203.0.113.1, unknown, 10.9.9.9") == "10.9.9.9"
    assert address("10.0.0.1", "203.0.113.1, _hidden") == "10.0.0.1"
    assert address("10.0.0.1", "") == "10.0.0.1"
    assert address("10.0.0.1", ", ,") == "10.0.0.1"


def test_a_client_in_the_proxies_own_network_is_found_at_the_far_end() -> None:
    assert address("127.0.0.1", "10.0.0.77, 10.0.0.2") == "10.0.0.77"


def test_addresses_are_spelt_one_way() -> None:
    assert address("::ffff:10.0.0.1", "::ffff:203.0.113.1") == "203.0.113.1"
    assert address("10.0.0.1", "203.0.113.1:4711") == "203.0.113.1"
    assert address("10.0.0.1", "[2001:DB8::1]:443") == "2001:db8::1"
    assert address("fe80::1%eth0") == "fe80::1"


def test_without_a_peer_there_is_no_address() -> None:
    assert address(None, "203.0.113.1") is None


def test_callers_behind_a_silent_proxy_share_an_address() -> None:
    silent = Callers(PROXIES).caller_of(scope("10.0.0.1"))
    assert (silent.address, silent.limiting_address) == ("10.0.0.1", None)
    assert Callers(PROXIES).caller_of(scope("192.168.1.5")).limiting_address is None
    assert Callers(PROXIES).caller_of(scope(PUBLIC)).limiting_address == PUBLIC
    spoken = Callers(PROXIES).caller_of(scope("10.0.0.1", "10.0.0.77"))
    assert spoken.limiting_address == "10.0.0.77"


def test_an_endless_header_is_read_from_its_end() -> None:
    assert address("10.0.0.1", ",".join(["x"] * 50_000 + ["203.0.113.1"])) == "203.0.113.1"


@given(st.lists(st.text(st.characters(codec="latin-1"), max_size=40), max_size=5))
def test_no_header_can_break_it_or_move_a_stranger(values: list[str]) -> None:
    assert address(PUBLIC, *values) == PUBLIC
    through_proxy = address("10.0.0.1", *values)
    assert through_proxy is not None
    assert str(ip_address(through_proxy)) == through_proxy


@given(
    st.lists(st.ip_addresses().map(str), max_size=4),
    st.ip_addresses(v=4).filter(lambda ip: not any(ip in net for net in PRIVATE_NETWORKS)),
    st.lists(st.integers(1, 2**24 - 2).map(lambda n: str(IPv4Address(0x0A000000 + n))), max_size=4),
)
def test_what_a_client_forges_on_the_left_never_counts(
    forged: list[str], client: IPv4Address, proxies: list[str]
) -> None:
    hops = [*forged, str(client), *proxies]
    found = Callers(PRIVATE_NETWORKS).address_of(scope("10.0.0.1", ", ".join(hops)))
    assert found == str(client)


def test_addresses_of_one_ipv6_site_share_a_limit() -> None:
    one, other, stranger = (
        Callers(()).caller_of(scope(peer))
        for peer in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1")
    )
    assert one.limiting_address == other.limiting_address != stranger.limiting_address
    assert one.address == "2001:db8:1:2::1"
