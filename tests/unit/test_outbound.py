"""Calling out: one deadline, no redirects, bounded answers, and an address of our choosing."""

import socket
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from keysat_adapters.outbound.answer import NoAnswer
from keysat_adapters.outbound.http import ANSWER_BYTES_MAX, HTTPSender


@contextmanager
def answering(*pieces: bytes, pause: float = 0) -> Iterator[str]:
    """Answer every connection with these pieces, with a pause before each."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=say, args=(connection,), daemon=True).start()

        def say(connection: socket.socket) -> None:
            with closing(connection):
                try:
                    connection.recv(65_536)
                    for piece in pieces:
                        time.sleep(pause)
                        connection.sendall(piece)
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def echoing() -> Iterator[str]:
    """Answer one connection with what it said."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with closing(connection):
                asked = connection.recv(65_536)
                connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(asked) + asked)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [bytes([byte]) for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 100],
        [HEAD + b"Content-Length: 100\r\n\r\n", *([b"x"] * 99)],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *([b"1\r\nx\r\n"] * 100)],
    ],
    ids=["headers", "body", "chunks"],
)
def test_one_that_dribbles_is_given_up_at_the_deadline(pieces: list[bytes]) -> None:
    # Each read has all the time in the world; together they have half a second.
    with (
        answering(*pieces, pause=0.1) as url,
        HTTPSender() as sender,
        pytest.raises(NoAnswer) as lost,
    ):
        sender.send("GET", url, seconds=0.5)
    assert lost.value.was_sent
    assert lost.value.is_slow


def test_an_answer_comes_whole() -> None:
    with (
        answering(HEAD + b"X-A: 1\r\nContent-Length: 2\r\n\r\nok") as url,
        HTTPSender(user_agent="Keysat/9") as sender,
    ):
        answer = sender.send("POST", url, seconds=5, body=b"{}", headers={"X-B": "2"})
    assert (answer.status, answer.body, answer.headers["x-a"]) == (200, b"ok", "1")
    assert answer.is_success


def test_no_cookie_is_kept() -> None:
    head = HEAD + b"Set-Cookie: session=1; Path=/\r\nContent-Length: 0\r\n\r\n"
    with answering(head) as url, HTTPSender() as sender:
        sender.send("GET", url, seconds=5)
        with echoing() as echo:
            assert b"session" not in sender.send("GET", echo, seconds=5).body


def test_a_redirect_is_an_answer_like_any_other() -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    with answering(head) as url, HTTPSender() as sender:
        answer = sender.send("GET", url, seconds=5, headers={"Authorization": "token k"})
    assert answer.status == 302
    assert not answer.is_success


@pytest.mark.parametrize(
    "pieces",
    [
        [HEAD + b"\r\n", *([b"x" * 1_048_576] * 5)],
        [HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok"],
        [b"nonsense\r\n\r\n"],
        [b""],
    ],
    ids=["too long", "packed", "no HTTP", "nothing"],
)
def test_what_is_no_fit_answer_is_none(pieces: list[bytes]) -> None:
    assert ANSWER_BYTES_MAX < 5 * 1_048_576
    with answering(*pieces) as url, HTTPSender() as sender, pytest.raises(NoAnswer):
        sender.send("GET", url, seconds=5)


@pytest.mark.parametrize("key", ["hush\x00", "hush\r\nX: 1", "hüsh", "hush\ud800"])
def test_a_key_that_fits_no_header_is_not_sent_and_not_quoted(key: str) -> None:
    with answering() as url, HTTPSender() as sender, pytest.raises(NoAnswer) as lost:
        sender.send("GET", url, seconds=5, headers={"Authorization": f"token {key}"})
    assert not lost.value.was_sent
    trail = "".join(traceback.format_exception(lost.value))
    assert "hush" not in trail.replace(__file__, "")
    assert "hüsh" not in trail


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/",
        "nope://127.0.0.1/",
        "http://[bad/",
        "http://two..dots.example/",
        f"http://{'a' * 64}.example/",
    ],
)
def test_who_was_never_reached_did_nothing(url: str) -> None:
    with HTTPSender() as sender, pytest.raises(NoAnswer) as lost:
        sender.send("POST", url, seconds=5)
    assert not lost.value.was_sent


def test_the_address_that_was_judged_is_the_one_connected_to() -> None:
    asked: list[tuple[str, int]] = []

    def address_for(host: str, port: int) -> str:
        asked.append((host, port))
        if host == "forbidden.example":
            raise OSError("not there")
        return "127.0.0.1"

    with (
        answering(HEAD + b"Content-Length: 2\r\n\r\nok") as url,
        HTTPSender(address_for=address_for) as sender,
    ):
        port = int(url.rsplit(":", 1)[1])
        answer = sender.send("GET", f"http://tips.example:{port}/", seconds=5)
        assert answer.body == b"ok"
        with pytest.raises(NoAnswer) as lost:
            sender.send("GET", f"http://forbidden.example:{port}/", seconds=5)
    assert not lost.value.was_sent
    assert asked == [("tips.example", port), ("forbidden.example", port)]
