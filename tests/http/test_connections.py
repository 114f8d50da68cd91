"""What the server's connections promise: no answer is lost, and nobody keeps much waiting."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from keysat_http.limits import HEAD_BYTES_MAX, PIPELINED_MAX
from tests.support.live_server import LiveServer, live_server
from tests.support.program import ADMIN_KEY

ASKED: Final = b'{"key":"garbage"}'
REQUEST: Final = (
    b"POST /v1/validate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(ASKED), ASKED)
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder: Path = tmp_path_factory.mktemp("connections")
    with live_server(folder, KEYSAT_RATE_LIMITS="0") as server:
        yield server


def connect(server: LiveServer) -> socket.socket:
    port = int(server.url.rsplit(":", 1)[1])
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def everything_from(connection: socket.socket) -> bytes:
    received = b""
    while part := connection.recv(65_536):
        received += part
    return received


@pytest.mark.parametrize("pause", [0, 0.0001, 0.001])
def test_a_client_that_will_send_no_more_gets_its_answer(server: LiveServer, pause: float) -> None:
    for _ in range(50):
        with connect(server) as connection:
            connection.sendall(REQUEST)
            time.sleep(pause)
            connection.shutdown(socket.SHUT_WR)
            assert b'"bad_format"' in everything_from(connection)


CHUNKED: Final = REQUEST[: REQUEST.index(b"content-length")] + b"transfer-encoding: chunked\r\n\r\n"
BROKEN_OFF: Final = [b"", b"GET /hea", REQUEST[:-1], CHUNKED + b"2\r\n{}\r\n0\r\nx: y\r\n"]


@pytest.mark.parametrize("begun", BROKEN_OFF)
@pytest.mark.parametrize("whole", [0, 1, 3])
def test_a_client_that_breaks_off_a_request_gets_the_answers_before_it(
    server: LiveServer, whole: int, begun: bytes
) -> None:
    with connect(server) as connection:
        connection.sendall(REQUEST * whole + begun)
        connection.shutdown(socket.SHUT_WR)
        assert everything_from(connection).count(b'"bad_format"') == whole


def test_requests_sent_ahead_are_answered_in_order(server: LiveServer) -> None:
    last = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    with connect(server) as connection:
        connection.sendall(REQUEST * (PIPELINED_MAX - 1) + last)
        received = everything_from(connection)
    assert received.count(b'"bad_format"') == PIPELINED_MAX - 1
    assert received.endswith(b'{"ok":true}')


def test_too_many_requests_sent_ahead_end_the_connection(server: LiveServer) -> None:
    with connect(server) as connection:
        connection.sendall(REQUEST * 20 * PIPELINED_MAX)
        try:
            received = everything_from(connection)
        except ConnectionResetError:
            received = b""
    assert received.count(b'"bad_format"') <= 2 * PIPELINED_MAX
    assert server.ask("GET", "/healthz").is_success


def test_a_head_beyond_its_limit_is_refused(server: LiveServer) -> None:
    line = b"x-filler: %s\r\n" % (b"f" * 1_000)
    with connect(server) as connection:
        head = b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + line * (HEAD_BYTES_MAX // 1_000 + 2)
        connection.sendall(head)
        with contextlib.suppress(ConnectionResetError):
            assert everything_from(connection).startswith(b"HTTP/1.1 400")
    assert server.ask("GET", "/healthz").is_success


@pytest.mark.parametrize("filler", [b"x: y\r\n", b"f" * 1_000])
def test_a_head_that_never_ends_is_refused_while_it_comes(
    server: LiveServer, filler: bytes
) -> None:
    sent, answer = 0, b""
    with connect(server) as connection:
        try:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-first: ")
            # Far more than fits what is buffered on the way.
            while sent < 64 * 2**20:
                connection.sendall(filler * 100)
                sent += len(filler) * 100
        except OSError:
            with contextlib.suppress(OSError):
                answer = everything_from(connection)
    assert answer.startswith(b"HTTP/1.1 400") or not answer
    assert sent < 16 * 2**20
    assert server.ask("GET", "/healthz").is_success


def test_a_legal_head_may_come_in_any_pieces(server: LiveServer) -> None:
    filler = b"x: %s\r\n" % (b"f" * 40)
    head = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
    head += filler * ((HEAD_BYTES_MAX - len(head)) // len(filler) - 1) + b"\r\n"
    for cuts in ([], [10], [1_000, len(head) - 2], [10, len(head) - 1]):
        with connect(server) as connection:
            begins = [0, *cuts]
            for begin, end in zip(begins, [*cuts, len(head)], strict=True):
                connection.sendall(head[begin:end])
                time.sleep(0.02)
            assert everything_from(connection).endswith(b'{"ok":true}')


def test_a_large_body_does_not_count_as_the_head_behind_it(server: LiveServer) -> None:
    body = b'{"key":"%s"}' % (b"k" * 3 * HEAD_BYTES_MAX)
    first = REQUEST.replace(b"length: %d" % len(ASKED), b"length: %d" % len(body))
    first = first.removesuffix(ASKED) + body
    last = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    with connect(server) as connection:
        connection.sendall(first + last[:30])
        time.sleep(0.05)
        connection.sendall(last[30:])
        received = everything_from(connection)
    assert b'"bad_format"' in received
    assert received.endswith(b'{"ok":true}')


def test_a_client_that_will_send_no_more_gets_an_answer_that_takes_a_while(
    server: LiveServer,
) -> None:
    body = b'{"slug":"half-closed","name":"P","price_sats":1}'
    with connect(server) as connection:
        connection.sendall(
            b"POST /v1/admin/products HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b"authorization: Bearer %s\r\ncontent-length: %d\r\n\r\n%s"
            % (ADMIN_KEY.encode(), len(body), body)
        )
        connection.shutdown(socket.SHUT_WR)
        assert b'"half-closed"' in everything_from(connection)


def test_an_answer_has_the_same_head_on_a_connection_that_stays_and_on_one_that_ends(
    server: LiveServer,
) -> None:
    """The first is sent in one piece, the second by the server's usual way."""

    def head_of(answer: bytes) -> set[bytes]:
        head, _, _ = answer.partition(b"\r\n\r\n")
        return {line for line in head.split(b"\r\n") if not line.startswith(b"x-request-id: ")}

    ending = REQUEST.replace(b"\r\n", b"\r\nconnection: close\r\n", 1)
    with connect(server) as connection:
        connection.sendall(REQUEST + ending)
        received = everything_from(connection)
    first, second = (b"HTTP/1.1 " + part for part in received.split(b"HTTP/1.1 ")[1:])
    assert head_of(second) - head_of(first) == {b"connection: close"}
    assert head_of(first) - head_of(second) == set()
    assert first.count(b"x-request-id: ") == second.count(b"x-request-id: ") == 1


def test_an_answer_larger_than_may_wait_arrives_whole(server: LiveServer) -> None:
    document = server.ask("GET", "/v1/openapi.json")
    assert len(document.content) == int(document.headers["content-length"]) > 65_536


def test_a_revocation_is_seen_by_a_request_that_was_begun_before_it(server: LiveServer) -> None:
    """The head was sent ahead; what counts is when the whole request was there."""
    server.admin("POST", "/v1/admin/products", {"slug": "p", "name": "P", "price_sats": 1})
    for _ in range(5):
        issued = server.admin("POST", "/v1/admin/licenses", {"product_slug": "p"})
        assert server.validate(issued["license_key"])["ok"] is True
        body = b'{"key":"%s"}' % issued["license_key"].encode()
        head = (
            b"POST /v1/validate HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        )
        with connect(server) as connection:
            connection.sendall(REQUEST + head)
            server.admin(
                "POST", f"/v1/admin/licenses/{issued['license_id']}/revoke", {"reason": "r"}
            )
            connection.sendall(body)
            assert everything_from(connection).endswith(b'{"ok":false,"reason":"revoked"}')
