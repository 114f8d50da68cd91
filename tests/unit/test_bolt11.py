"""Invoices as BOLT 11 itself gives them, and everything that is none.

Source of the examples: BOLT 11, "Examples" and "Examples of Invalid Invoices" (CC BY 4.0).
"""

from contextlib import suppress
from hashlib import sha256
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keysat_adapters.lightning.bolt11 import UnreadableInvoice, decode_bolt11
from tests.simulators.lightning_address.bolt11 import (
    ALPHABET,
    Field,
    Invoice,
    bech32,
    bytes_field,
    number_field,
    words_of,
    words_of_number,
    write_invoice,
)

HASH: Final = "0001020304050607080900010203040506070809000102030405060708090102"
MADE_AT: Final = 1_496_314_658
CAKE: Final = sha256(
    b"One piece of chocolate cake, one icecream cone, one pickle, one slice of swiss cheese, one"
    b" slice of salami, one lollypop, one piece of cherry pie, one sausage, one cupcake, and one"
    b" slice of watermelon"
).hexdigest()

NONSENSE: Final = (
    "lnbc2500u1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpquwpc4curk03c9wlrswe"
    "78q4eyqc7d8d0xqzpuyk0sg5g70me25alkluzd2x62aysf2pyy8edtjeevuv4p2d5p76r4zkmneet7uvyakky2zr4cusd4"
    "5tftc9c5fh0nnqpnl2jfll544esqchsrny"
)
CAKE_INVOICE: Final = (
    "lnbc20m1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqhp58yjmdan79s6qqdhdzgynm"
    "4zwqd5d7xmw5fk98klysy043l2ahrqscc6gd6ql3jrc5yzme8v4ntcewwz5cnw92tz0pc8qcuufvq7khhr8wpald05e92x"
    "w006sq94mg8v2ndf4sefvf9sygkshp5zfem29trqq2yxxz7"
)
TESTNET: Final = (
    "lntb20m1pvjluezhp58yjmdan79s6qqdhdzgynm4zwqd5d7xmw5fk98klysy043l2ahrqspp5qqqsyqcyq5rqwzqfqqqsy"
    "qcyq5rqwzqfqqqsyqcyq5rqwzqfqypqfpp3x9et2e20v6pu37c5d9vax37wxq72un98kmzzhznpurw9sgl2v0nklu2g4d0"
    "keph5t7tj9tcqd8rexnd07ux4uv2cjvcqwaxgj7v4uwn5wmypjd5n69z2xm3xgksg28nwht7f6zspwp3f9t"
)
PICO: Final = (
    "lnbc9678785340p1pwmna7lpp5gc3xfm08u9qy06djf8dfflhugl6p7lgza6dsjxq454gxhj9t7a0sd8dgfkx7cmtwd68ye"
    "tpd5s9xar0wfjn5gpc8qhrsdfq24f5ggrxdaezqsnvda3kkum5wfjkzmfqf3jkgem9wgsyuctwdus9xgrcyqcjcgpzgfskx"
    "6eqf9hzqnteypzxz7fzypfhg6trddjhygrcyqezcgpzfysywmm5ypxxjemgw3hxjmn8yptk7untd9hxwg3q2d6xjcmtv4ez"
    "q7pqxgsxzmnyyqcjqmt0wfjjq6t5v4khxxqyjw5qcqp2rzjq0gxwkzc8w6323m55m4jyxcjwmy7stt9hwkwe2qxmy8zpsgg"
    "7jcuwz87fcqqeuqqqyqqqqlgqqqqn3qq9qn07ytgrxxzad9hc4xt3mawjjt8znfv8xzscs7007v9gh9j569lencxa8xeuj"
    "zkxs0uamak9aln6ez02uunw6rd2ht2sqe4hz8thcdagpleym0j"
)
BEANS: Final = (
    "lnbc25m1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5vdhkven9v5sxyetpdeess"
    "p5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygs9q5sqqqqqqqqqqqqqqqpqsq67gye39hfg3zd8rgc"
    "80k32tvy9xk2xunwm5lzexnvpx6fd77en8qaq424dxgt56cag2dpt359k3ssyhetktkpqh24jqnjyw6uqd08sgptq44qu"
)


@pytest.mark.parametrize(
    ("text", "network", "amount_msat", "described", "seconds"),
    [
        (NONSENSE, "bc", 250_000_000, None, 60),
        (CAKE_INVOICE, "bc", 2_000_000_000, CAKE, 3_600),
        (TESTNET, "tb", 2_000_000_000, CAKE, 3_600),
        (BEANS, "bc", 2_500_000_000, None, 3_600),
        (BEANS.upper(), "bc", 2_500_000_000, None, 3_600),
    ],
    ids=["expiry", "hash", "testnet", "features", "upper case"],
)
def test_an_example_says_what_its_breakdown_says(
    text: str,
    network: str,
    amount_msat: int,
    described: str | None,
    seconds: int,
) -> None:
    read = decode_bolt11(text)
    assert (read.network, read.amount_msat) == (network, amount_msat)
    assert (read.payment_hash, read.description_hash) == (HASH, described)
    assert (read.created_at, read.expires_at) == (MADE_AT, MADE_AT + seconds)
    assert read.bolt11 == text.lower()


def test_an_amount_in_pico_bitcoin_is_read_to_the_millisatoshi() -> None:
    read = decode_bolt11(PICO)
    assert read.amount_msat == 967_878_534
    assert read.payment_hash == "462264ede7e14047e9b249da94fefc47f41f7d02ee9b091815a5506bc8abf75f"
    assert (read.created_at, read.expires_at) == (1_572_468_703, 1_572_468_703 + 604_800)


NO_SEPARATOR: Final = NONSENSE.removeprefix("lnbc2500u1")
MIXED: Final = "LNBC2500u" + NONSENSE.removeprefix("lnbc2500u")
SHORT: Final = (
    "lnbc1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetj"
    "ypeh2ursdae8g6na6hlh"
)
MULTIPLIER: Final = (
    "lnbc2500x1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4j"
    "sxqzpujr6jxr9gq9pv6g46y7d20jfkegkg4gljz2ea2a3m9lmvvr95tq2s0kvu70u3axgelz3kyvtp2ywwt0y8hkx2869z"
    "q5dll9nelr83zzqqpgl2zg"
)
SUB_MSAT: Final = (
    "lnbc2500000001p1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7"
    "enxv4jsxqzpu7hqtk93pkf7sw55rdv4k9z2vj050rxdr6za9ekfs3nlt5lr89jqpdmxsmlj9urqumg0h9wzpqecw7th56t"
    "dms40p2ny9q4ddvjsedzcplva53s"
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (NONSENSE[:-1] + "t", "checksum"),
        (NO_SEPARATOR, "no bech32"),
        (MIXED, "mixes"),
        (SHORT, "cut off"),
        (MULTIPLIER, "beginning"),
        (SUB_MSAT, "millisatoshis"),
        ("", "no bech32"),
        ("lnbc1", "no bech32"),
        (CAKE_INVOICE.replace("q", "b", 1), "character"),
        ("lnbc1" + "q" * 5_000, "no bech32"),
        ("lnbç1qqqqqq", "no bech32"),
    ],
)
def test_what_is_no_invoice_is_refused(text: str, said: str) -> None:
    with pytest.raises(UnreadableInvoice, match=said):
        decode_bolt11(text)


def written(*fields: Field, amount_msat: int | None = 21_000, network: str = "bc") -> str:
    invoice = Invoice(network=network, amount_msat=amount_msat, timestamp=MADE_AT, fields=fields)
    return write_invoice(invoice, key=7)


PAYMENT: Final = bytes_field("p", bytes.fromhex(HASH))


def test_an_invoice_without_a_payment_hash_is_refused() -> None:
    with pytest.raises(UnreadableInvoice, match="no payment hash"):
        decode_bolt11(written(bytes_field("d", b"tips")))


def test_fields_of_another_length_are_skipped_and_the_first_of_a_kind_counts() -> None:
    short, other = bytes_field("p", b"short"), bytes_field("p", b"\1" * 32)
    unknown = Field("2", (0, 0, 0))
    read = decode_bolt11(written(unknown, short, PAYMENT, other, bytes_field("h", b"no")))
    assert (read.payment_hash, read.description_hash) == (HASH, None)


@pytest.mark.parametrize("cut", [(1,), (1, 0), (1, 31, 31, 5)])
def test_a_field_that_is_cut_off_is_refused(cut: tuple[int, ...]) -> None:
    words = [*words_of_number(MADE_AT, 7), *cut, *words_of(b"\0" * 65)]
    with pytest.raises(UnreadableInvoice, match="field is cut off"):
        decode_bolt11(bech32("lnbc", words))


def test_an_invoice_may_leave_the_amount_to_the_payer() -> None:
    assert decode_bolt11(written(PAYMENT, amount_msat=None)).amount_msat is None


def test_an_amount_above_all_bitcoin_is_refused() -> None:
    with pytest.raises(UnreadableInvoice, match="more than there is"):
        decode_bolt11(written(PAYMENT, amount_msat=2_100_000_000_000_001_000))


def test_an_expiry_without_end_ends_with_time() -> None:
    longest = decode_bolt11(written(PAYMENT, number_field("x", 2**64 - 1)))
    assert longest.expires_at == 253_402_300_799
    endless = decode_bolt11(written(PAYMENT, Field("x", (31,) * 100)))
    assert endless.expires_at == MADE_AT + 3_600


@given(
    amount_msat=st.none() | st.integers(1, 2**60),
    network=st.sampled_from(["bc", "tb", "tbs", "bcrt"]),
    payment_hash=st.binary(min_size=32, max_size=32),
    described=st.none() | st.binary(min_size=32, max_size=32),
    expiry=st.integers(0, 2**40),
)
def test_what_is_written_is_read(
    amount_msat: int | None, network: str, payment_hash: bytes, described: bytes | None, expiry: int
) -> None:
    fields = [bytes_field("p", payment_hash), number_field("x", expiry)]
    if described is not None:
        fields.append(bytes_field("h", described))
    read = decode_bolt11(written(*fields, amount_msat=amount_msat, network=network))
    assert (read.network, read.amount_msat) == (network, amount_msat)
    assert read.payment_hash == payment_hash.hex()
    assert read.description_hash == (described.hex() if described is not None else None)


@given(st.integers(len("lnbc20m1"), len(CAKE_INVOICE) - 1), st.sampled_from(ALPHABET))
def test_one_changed_character_is_noticed(place: int, sign: str) -> None:
    changed = CAKE_INVOICE[:place] + sign + CAKE_INVOICE[place + 1 :]
    if changed == CAKE_INVOICE:
        assert decode_bolt11(changed).payment_hash == HASH
    else:
        with pytest.raises(UnreadableInvoice):
            decode_bolt11(changed)


@given(st.text(max_size=200) | st.text("".join(ALPHABET) + "1lnbc0123456789munp", max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(UnreadableInvoice):
        assert decode_bolt11(text).payment_hash
