"""Invoices of the lightning-address double are real ones: the specification's, to the letter."""

import hashlib

import pytest

from tests.simulators.lightning_address.bolt11 import (
    Field,
    Invoice,
    amount_text,
    bytes_field,
    number_field,
    words_of,
    write_invoice,
)
from tests.simulators.lightning_address.secp256k1 import (
    ORDER,
    public_key,
    recovered_public_key,
    sign_recoverable,
)

# All of these are published in BOLT 11, Examples, and in its bolt11/invoice-test.json.
KEY = 0xE126F68F7EAFCC8B74F54D269FE206BE715000F94DAC067D1C04A8CA3B2DB734
NODE_ID = "03e7156ae33b0a208d0744199163177e909e80176e55d97a2f221ede0f934dd9ad"
MADE_AT = 1_496_314_658
HASH = bytes_field(
    "p", bytes.fromhex("0001020304050607080900010203040506070809000102030405060708090102")
)
SECRET = bytes_field("s", b"\x11" * 32)
MODERN = number_field("9", 1 << 8 | 1 << 14)
DONATION = bytes_field("d", b"Please consider supporting this project")
COFFEE = bytes_field("d", b"1 cup coffee")
NONSENSE = bytes_field("d", "ナンセンス 1杯".encode())
BEANS = bytes_field("d", b"coffee beans")
LIST = bytes_field(
    "h",
    hashlib.sha256(
        b"One piece of chocolate cake, one icecream cone, one pickle, one slice of swiss cheese, "
        b"one slice of salami, one lollypop, one piece of cherry pie, one sausage, one cupcake, "
        b"and one slice of watermelon"
    ).digest(),
)
MINUTE = number_field("x", 60)
TESTNET_FALLBACK = Field(
    "f", (17, *words_of(bytes.fromhex("3172b5654f6683c8fb146959d347ce303cae4ca7")))
)
METADATA = bytes_field("m", bytes.fromhex("01fafaf0"))

VECTORS = {
    "donation": (
        ("bc", None, (HASH, DONATION)),
        "lnbc1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae8g6twvus8g6rfwvs8qun0dfjkxaq8rkx3yf5tcsyz3d73gafnh3cax9rn449d9p5uxz9ezhhypd0elx87sjle52x86fux2ypatgddc6k63n7erqz25le42c4u4ecky03ylcqca784w",
    ),
    "coffee": (
        ("bc", 250_000_000, (HASH, COFFEE, MINUTE)),
        "lnbc2500u1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpuaztrnwngzn3kdzw5hydlzf03qdgm2hdq27cqv3agm2awhz5se903vruatfhq77w3ls4evs3ch9zw97j25emudupq63nyw24cg27h2rspfj9srp",
    ),
    "nonsense": (
        ("bc", 250_000_000, (HASH, NONSENSE, MINUTE)),
        "lnbc2500u1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpquwpc4curk03c9wlrswe78q4eyqc7d8d0xqzpuyk0sg5g70me25alkluzd2x62aysf2pyy8edtjeevuv4p2d5p76r4zkmneet7uvyakky2zr4cusd45tftc9c5fh0nnqpnl2jfll544esqchsrny",
    ),
    "list": (
        ("bc", 2_000_000_000, (HASH, LIST)),
        "lnbc20m1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqhp58yjmdan79s6qqdhdzgynm4zwqd5d7xmw5fk98klysy043l2ahrqscc6gd6ql3jrc5yzme8v4ntcewwz5cnw92tz0pc8qcuufvq7khhr8wpald05e92xw006sq94mg8v2ndf4sefvf9sygkshp5zfem29trqq2yxxz7",
    ),
    "testnet": (
        ("tb", 2_000_000_000, (LIST, HASH, TESTNET_FALLBACK)),
        "lntb20m1pvjluezhp58yjmdan79s6qqdhdzgynm4zwqd5d7xmw5fk98klysy043l2ahrqspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqfpp3x9et2e20v6pu37c5d9vax37wxq72un98kmzzhznpurw9sgl2v0nklu2g4d0keph5t7tj9tcqd8rexnd07ux4uv2cjvcqwaxgj7v4uwn5wmypjd5n69z2xm3xgksg28nwht7f6zspwp3f9t",
    ),
    "donation with a secret": (
        ("bc", None, (SECRET, HASH, DONATION, MODERN)),
        "lnbc1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae8g6twvus8g6rfwvs8qun0dfjkxaq9qrsgq357wnc5r2ueh7ck6q93dj32dlqnls087fxdwk8qakdyafkq3yap9us6v52vjjsrvywa6rt52cm9r9zqt8r2t7mlcwspyetp5h2tztugp9lfyql",
    ),
    "coffee with a secret": (
        ("bc", 250_000_000, (SECRET, HASH, COFFEE, MINUTE, MODERN)),
        "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh",
    ),
    "list with a secret": (
        ("bc", 2_000_000_000, (SECRET, HASH, LIST, MODERN)),
        "lnbc20m1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqhp58yjmdan79s6qqdhdzgynm4zwqd5d7xmw5fk98klysy043l2ahrqs9qrsgq7ea976txfraylvgzuxs8kgcw23ezlrszfnh8r6qtfpr6cxga50aj6txm9rxrydzd06dfeawfk6swupvz4erwnyutnjq7x39ymw6j38gp7ynn44",
    ),
    "testnet with a secret": (
        ("tb", 2_000_000_000, (SECRET, LIST, HASH, TESTNET_FALLBACK, MODERN)),
        "lntb20m1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygshp58yjmdan79s6qqdhdzgynm4zwqd5d7xmw5fk98klysy043l2ahrqspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqfpp3x9et2e20v6pu37c5d9vax37wxq72un989qrsgqdj545axuxtnfemtpwkc45hx9d2ft7x04mt8q7y6t0k2dge9e7h8kpy9p34ytyslj3yu569aalz2xdk8xkd7ltxqld94u8h2esmsmacgpghe9k8",
    ),
    "beans with features": (
        ("bc", 2_500_000_000, (HASH, BEANS, SECRET, number_field("9", 1 << 8 | 1 << 14 | 1 << 99))),
        "lnbc25m1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5vdhkven9v5sxyetpdeessp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygs9q5sqqqqqqqqqqqqqqqqsgq2a25dxl5hrntdtn6zvydt7d66hyzsyhqs4wdynavys42xgl6sgx9c4g7me86a27t07mdtfry458rtjr0v92cnmswpsjscgt2vcse3sgpz3uapa",
    ),
    "payment metadata": (
        (
            "bc",
            1_000_000_000,
            (
                HASH,
                bytes_field("d", b"payment metadata inside"),
                METADATA,
                SECRET,
                number_field("9", 1 << 8 | 1 << 14 | 1 << 48),
            ),
        ),
        "lnbc10m1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdp9wpshjmt9de6zqmt9w3skgct5vysxjmnnd9jx2mq8q8a04uqsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygs9q2gqqqqqqsgq7hf8he7ecf7n4ffphs6awl9t6676rrclv9ckg3d3ncn7fct63p6s365duk5wrk202cfy3aj5xnnp5gs3vrdvruverwwq7yzhkf5a3xqpd05wjc",
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_a_published_invoice_is_written_to_the_letter(name: str) -> None:
    (network, amount_msat, fields), text = VECTORS[name]
    invoice = Invoice(network=network, amount_msat=amount_msat, timestamp=MADE_AT, fields=fields)
    assert write_invoice(invoice, key=KEY) == text


@pytest.mark.parametrize(
    ("amount_msat", "text"),
    [
        (None, ""),
        (1, "10p"),
        (100, "1n"),
        (1_000, "10n"),
        (967_878_534, "9678785340p"),
        (2_000_000_000, "20m"),
        (100_000_000_000, "1"),
    ],
)
def test_an_amount_is_written_as_short_as_it_can_be(amount_msat: int | None, text: str) -> None:
    assert amount_text(amount_msat) == text


def test_the_published_key_is_the_published_nodes() -> None:
    assert public_key(KEY).hex() == NODE_ID


@pytest.mark.parametrize("number", range(20))
def test_a_signature_leads_back_to_its_key(number: int) -> None:
    digest = hashlib.sha256(bytes([number])).digest()
    key = int.from_bytes(hashlib.sha256(digest).digest()) % ORDER
    signature = sign_recoverable(key, digest)
    assert len(signature) == 65
    assert 0 < int.from_bytes(signature[32:64]) <= ORDER // 2
    assert recovered_public_key(signature, digest) == public_key(key)
    assert recovered_public_key(signature, hashlib.sha256(digest).digest()) != public_key(key)
