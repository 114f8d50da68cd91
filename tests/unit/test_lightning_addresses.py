"""Asking lightning addresses: the double is honest, or wrong in one way; nobody leads us astray."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from socket import SHUT_RDWR, create_server, socket
from threading import Event, Thread
from time import monotonic

import httpx
import pytest

from keysat_adapters.lightning.addresses import HTTPSLightningAddresses
from keysat_adapters.lightning.fetch import BODY_BYTES_MAX, AddressFor, Fetcher, Unanswered
from keysat_adapters.outbound.addresses import Addresses
from keysat_adapters.outbound.deadline import DeadlineTransport
from keysat_adapters.outbound.http import HTTPSender
from keysat_core.domain.lightning import PayOffer, read_address
from keysat_core.errors import RecipientFailed
from tests.simulators.exchange import Request, Response
from tests.simulators.fault_plan import Answer, Timeout
from tests.simulators.lightning_address.conduct import HONEST, MISCONDUCT, Conduct
from tests.simulators.lightning_address.fake_host import FakeLightningAddressHost
from tests.simulators.virtual_clock import VirtualClock
from tests.support.pinned_transport import PinnedTransport

ADDRESS = read_address("ada+tips@tips.example")
PUBLIC = "93.184.215.14"


class Names:
    """Resolves names as told; each answer is used up, but for the last."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.asked: list[tuple[str, int]] = []
        self._answers = list(answers) or [[PUBLIC]]

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class Asking:
    """The adapter before a double."""

    def __init__(self, conduct: Conduct = HONEST, names: Names | None = None) -> None:
        self.host = FakeLightningAddressHost(VirtualClock(), seed=3)
        self.host.add_user(ADDRESS.user, conduct)
        self.names = names or Names()
        self.transports: list[PinnedTransport] = []
        self.addresses = HTTPSLightningAddresses(
            Fetcher(resolve=self.names, sender_for=self._sender)
        )

    def _sender(self, address_for: AddressFor) -> HTTPSender:
        self.transports.append(PinnedTransport(self.host, address_for))
        return HTTPSender(transport=self.transports[-1])

    @property
    def connected(self) -> list[tuple[str, str, int]]:
        return self.transports[0].connected

    def offer(self) -> PayOffer:
        return self.addresses.resolve(ADDRESS)


def test_an_honest_host_writes_the_invoice_that_was_asked_for() -> None:
    asking = Asking()
    offer = asking.offer()
    assert (offer.sendable_msat_min, offer.sendable_msat_max) == (1_000, 100_000_000_000)
    assert offer.metadata == asking.host.metadata(ADDRESS.user)
    invoice = asking.addresses.request_invoice(offer, 1_250_000)
    (issued,) = asking.host.issued
    assert (invoice.bolt11, invoice.amount_msat) == (issued.bolt11, 1_250_000)
    assert invoice.payment_hash == issued.payment_hash
    assert invoice.description_hash == sha256(offer.metadata.encode()).hexdigest()
    assert invoice.expires_at == issued.created_at + 3_600
    assert asking.connected == [("tips.example", PUBLIC, 443)] * 2


def test_a_callback_keeps_the_query_it_has() -> None:
    asking = Asking(replace(HONEST, callback_query="session=7"))
    assert asking.addresses.request_invoice(asking.offer(), 5_000).amount_msat == 5_000


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("metadata_error", "it refuses: Recipient is closed"),
        ("wrong_tag", "'withdrawRequest'"),
        ("plain_http_callback", "callback is not https"),
        ("metadata_redirect", "redirects"),
    ],
)
def test_an_answer_that_cannot_be_used_fails(name: str, said: str) -> None:
    asking = Asking(MISCONDUCT[name])
    with pytest.raises(RecipientFailed, match=said):
        asking.offer()
    assert [host for host, _, _ in asking.connected] == ["tips.example"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("callback_error", "it refuses: Node is offline"),
        ("callback_redirect", "redirects"),
    ],
)
def test_a_callback_that_gives_no_invoice_fails(name: str, said: str) -> None:
    asking = Asking(MISCONDUCT[name])
    offer = asking.offer()
    with pytest.raises(RecipientFailed, match=said):
        asking.addresses.request_invoice(offer, 5_000)


@pytest.mark.parametrize("name", ["loopback_callback", "private_callback", "link_local_callback"])
def test_a_callback_on_another_network_is_not_called(name: str) -> None:
    """The names of addresses resolve to themselves, as the system's resolver has it."""
    asking = Asking(MISCONDUCT[name])
    offer = asking.offer()
    host = httpx.URL(offer.callback).host
    asking.names._answers = [[host]]
    with pytest.raises(RecipientFailed, match="not on the public internet"):
        asking.addresses.request_invoice(offer, 5_000)
    assert len(asking.connected) == 1


@pytest.mark.parametrize("private", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "fd00::1"])
def test_a_name_on_another_network_is_not_called(private: str) -> None:
    asking = Asking(names=Names([private]))
    with pytest.raises(RecipientFailed, match=r"tips\.example .*not on the public internet"):
        asking.offer()
    assert asking.connected == []


def test_a_name_that_turns_private_between_the_steps_is_not_called() -> None:
    asking = Asking(names=Names([PUBLIC], ["10.1.2.3"]))
    offer = asking.offer()
    with pytest.raises(RecipientFailed, match="not on the public internet"):
        asking.addresses.request_invoice(offer, 5_000)
    assert asking.host.issued == []


def test_a_name_is_resolved_once_for_each_connection() -> None:
    """Another answer a moment later changes nothing: the judged address is the one that is used."""
    asking = Asking(names=Names([PUBLIC], ["127.0.0.1"]))
    asking.offer()
    assert asking.names.asked == [("tips.example", 443)]
    assert asking.connected == [("tips.example", PUBLIC, 443)]


def test_a_name_without_an_address_fails() -> None:
    with pytest.raises(RecipientFailed, match="does not resolve"):
        Asking(names=Names([])).offer()


def test_a_resolver_that_fails_is_a_name_without_an_address() -> None:
    def broken(host: str, port: int) -> Sequence[str]:
        raise OSError("no such name")

    with pytest.raises(OSError, match="does not resolve"):
        Addresses(resolve=broken).address_for("tips.example", 443)


def test_a_resolver_that_hangs_is_not_waited_for() -> None:
    over = Event()

    def hanging(host: str, port: int) -> Sequence[str]:
        over.wait(30)
        return [PUBLIC]

    began_at = monotonic()
    with pytest.raises(OSError, match="in time"):
        Addresses(resolve=hanging, seconds=0.1).address_for("tips.example", 443)
    assert monotonic() - began_at < 5
    over.set()


@pytest.mark.parametrize("action", [Answer(503, b"<html>"), Answer(200, b"[]"), Timeout()])
def test_a_host_in_trouble_fails(action: Answer | Timeout) -> None:
    asking = Asking()
    asking.host.faults.on_call("read_metadata", action)
    with pytest.raises(RecipientFailed):
        asking.offer()


class Saying:
    """A service that says one thing."""

    def __init__(self, body: bytes, status: int = 200) -> None:
        self._response = Response(status=status, headers={}, body=body)

    def handle(self, request: Request, /) -> Response:
        return self._response


def saying(body: bytes) -> HTTPSLightningAddresses:
    return HTTPSLightningAddresses(
        Fetcher(
            resolve=Names(),
            sender_for=lambda chosen: HTTPSender(transport=PinnedTransport(Saying(body), chosen)),
        )
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b'"x"', "not a JSON object"),
        (b"{}", "callback"),
        (b'{"status":"error"}', "without a reason"),
        (b'{"status":"ERROR","reason":{"a":1}}', "refuses"),
        (b'{"status":1,"callback":2}', "callback"),
        (
            b'{"callback":"https://a","minSendable":"x","maxSendable":1,"metadata":""}',
            "minSendable",
        ),
        (b" " * (BODY_BYTES_MAX + 1), "more than"),
        (b'{"x":%s%s}' % (b"[" * 9_999, b"]" * 9_999), "not a JSON object"),
        (
            b'{"callback":"https://a/%s","minSendable":1,"maxSendable":1,"metadata":""}'
            % (b"x" * 3_000),
            "too long",
        ),
    ],
)
def test_an_answer_that_is_none_fails(body: bytes, said: str) -> None:
    with pytest.raises(RecipientFailed, match=said):
        saying(body).resolve(ADDRESS)


def test_an_answer_without_a_tag_is_a_pay_request() -> None:
    asking = Asking(replace(HONEST, tag=None))
    assert asking.offer().sendable_msat_min == 1_000


def offer_at(callback: str) -> PayOffer:
    return PayOffer(callback=callback, sendable_msat_min=1, sendable_msat_max=10**9, metadata="[]")


@pytest.mark.parametrize(
    "callback",
    [
        "http://a.example/",
        "https:///x",
        "https://u:p@a.example/",
        "ftp://a",
        "https://[x",
        "https://a b/",
    ],
)
def test_a_callback_that_is_no_plain_https_url_fails(callback: str) -> None:
    with pytest.raises(RecipientFailed):
        saying(b"{}").request_invoice(offer_at(callback), 1_000)


def test_an_invoice_that_is_none_fails() -> None:
    with pytest.raises(RecipientFailed, match="its invoice cannot be read: it is no bech32"):
        saying(b'{"pr":"lnurl"}').request_invoice(offer_at("https://a.example/"), 1_000)


# --- over real sockets --------------------------------------------------------------------------


class PlainTransport(httpx.BaseTransport):
    """The real transport to a loopback port, without TLS: nobody has a certificate for one."""

    def __init__(self, port: int, address_for: AddressFor) -> None:
        self._port = port
        self._inner = DeadlineTransport(bytes_max=1 << 20, address_for=address_for)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(scheme="http", port=self._port)
        return self._inner.handle_request(request)


@contextmanager
def dribbling(head: bytes) -> Iterator[int]:
    """Listen, and answer with a head and then a byte now and then, without end."""
    over = Event()

    def serve(listener: socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(head)
            while not over.wait(0.05):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    with create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            over.set()
            with suppress(OSError):
                listener.shutdown(SHUT_RDWR)
            thread.join(5)


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\nx-", b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n"]
)
def test_a_server_that_dribbles_is_given_the_whole_time_once(head: bytes) -> None:
    with dribbling(head) as port:
        fetcher = Fetcher(
            is_admitted=lambda address: address.is_loopback,
            resolve=Names(["127.0.0.1"]),
            sender_for=lambda chosen: HTTPSender(transport=PlainTransport(port, chosen)),
            seconds=0.4,
        )
        began_at = monotonic()
        with pytest.raises(Unanswered, match=r"tips\.example did not answer"):
            fetcher.get("https://tips.example/.well-known/lnurlp/ada")
        assert monotonic() - began_at < 3


def test_this_machine_is_refused_by_the_real_resolver_too() -> None:
    with pytest.raises(RecipientFailed, match="not on the public internet"):
        HTTPSLightningAddresses().resolve(read_address("ada@localhost"))
