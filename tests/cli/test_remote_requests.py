"""How the program speaks with a server elsewhere: what is sent, sent again, refused and never shown."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from tests.simulators.exchange import ConnectionCut, Request, Response
from tests.simulators.server import serving
from tests.support.program import Program

KEY: Final = "a-very-secret-key-0123456789"
Answers = Callable[[Request], Response]


def said(status: int, document: Any = None, **headers: str) -> Response:
    spelled = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers=spelled, body=msgspec.json.encode(document))


def refused(status: int, code: str, message: str = "why", **extra: Any) -> Response:
    body = {"ok": False, "error": code, "message": message, "code": code}
    return said(status, body | extra)


def always(answer: Response) -> Answers:
    return lambda _: answer


@dataclass(kw_only=True)
class Scripted:
    """A server that says what it is told, the last for ever."""

    answers: list[Answers] = field(default_factory=list)
    heard: list[Request] = field(default_factory=list)

    def handle(self, request: Request) -> Response:
        self.heard.append(request)
        return (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(request)


@dataclass(kw_only=True)
class Call:
    program: Program
    server: Scripted
    url: str

    def answers(self, *answers: Response | Answers) -> None:
        self.server.answers = [one if callable(one) else always(one) for one in answers]


@pytest.fixture
def call(tmp_path: Path) -> Iterator[Call]:
    server = Scripted()
    with serving(server) as url:
        program = Program(
            folder=tmp_path,
            variables={
                "KEYSAT_URL": url,
                "KEYSAT_API_KEY": KEY,
                "KEYSAT_CONFIG": str(tmp_path / "logins.toml"),
            },
        )
        yield Call(program=program, server=server, url=url)


EMPTY: Final = said(200, {"products": []})


def cut(_: Request) -> Response:
    raise ConnectionCut


# --- what is sent --------------------------------------------------------------------------------


def test_the_key_goes_in_the_header_and_nowhere_else(call: Call) -> None:
    call.answers(EMPTY)
    result = call.program.run("product", "list")
    assert (result.exit_code, result.output) == (0, "No products.\n")
    [heard] = call.server.heard
    assert heard.headers["authorization"] == f"Bearer {KEY}"
    assert (heard.path, heard.query) == ("/v1/admin/products", (("include_inactive", "false"),))


def test_a_name_cannot_leave_its_place_in_the_address(call: Call) -> None:
    call.answers(said(200, {"id": "x"}))
    call.program.json("license", "show", "../products?x=1#y")
    assert call.server.heard[0].path == "/v1/admin/licenses/..%2Fproducts%3Fx%3D1%23y"


def test_every_change_is_sent_under_a_key_of_its_own(call: Call) -> None:
    call.answers(said(200, {"ok": True}))
    for _ in range(2):
        call.program.json("machine", "deactivate", "m", "--yes")
    first, second = (one.headers["idempotency-key"] for one in call.server.heard)
    assert first != second
    call.program.json("machine", "deactivate", "m", "--yes", "--idempotency-key", first)
    assert call.server.heard[2].headers["idempotency-key"] == first


def test_a_dry_run_is_the_servers(call: Call) -> None:
    call.answers(said(200, {"ok": True, "dry_run": True}))
    told = call.program.text("machine", "deactivate", "m", "--dry-run")
    assert call.server.heard[0].value("dry_run") == "true"
    assert told.splitlines()[-1] == "Nothing was changed."


# --- what is sent again --------------------------------------------------------------------------


def test_reading_waits_for_a_busy_server(call: Call) -> None:
    busy = said(429, {"message": "m", "error": "rate_limited"}, retry_after="0")
    call.answers(busy, cut, said(503, {}, retry_after="0"), EMPTY)
    assert call.program.json("product", "list") == {"products": []}
    assert len(call.server.heard) == 4


def test_but_not_for_ever(call: Call) -> None:
    busy = msgspec.structs.replace(refused(429, "rate_limited"), headers={"retry-after": "0"})
    call.answers(busy)
    code, envelope = call.program.refusal("product", "list")
    assert (code, envelope["code"], len(call.server.heard)) == (4, "rate_limited", 4)
    patient = msgspec.structs.replace(busy, headers={"retry-after": "3600"})
    call.answers(patient)
    assert call.program.refusal("product", "list")[0] == 4
    assert len(call.server.heard) == 5


def test_a_change_is_never_sent_twice_by_itself(call: Call) -> None:
    call.answers(cut)
    code, envelope = call.program.refusal("machine", "deactivate", "m", "--yes")
    assert (code, envelope["code"], len(call.server.heard)) == (10, "no_answer", 1)
    key = call.server.heard[0].headers["idempotency-key"]
    assert f"--idempotency-key {key}" in envelope["message"]
    call.answers(said(503, {}, retry_after="0"))
    assert call.program.refusal("machine", "deactivate", "m", "--yes")[0] == 10
    assert len(call.server.heard) == 2


# --- how refusals end ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "exit_code"),
    [
        (refused(400, "invalid_field"), 4),
        (refused(401, "unauthorized", "unauthorized"), 4),
        (refused(403, "forbidden", "forbidden"), 4),
        (refused(404, "not_found"), 3),
        (refused(409, "slug_taken"), 5),
        (refused(409, "still_referenced"), 5),
        (refused(402, "tier_cap", upgrade_url="https://up.example"), 4),
        (refused(500, "internal_error", request_id="r1"), 10),
        (refused(502, "provider_unavailable"), 10),
        (refused(503, "store_busy"), 7),
        (refused(404, "unknown_to_us"), 3),
        (refused(409, "unknown_to_us"), 5),
        (refused(418, "unknown_to_us"), 4),
        (refused(520, "unknown_to_us"), 10),
        (Response(status=404, body=b"<html>"), 3),
        (Response(status=200, body=b"<html>"), 10),
        (Response(status=302, headers={"location": "https://elsewhere.example/"}), 10),
    ],
)
def test_a_refusal_ends_as_it_would_here(call: Call, answer: Response, exit_code: int) -> None:
    call.answers(answer)
    code, envelope = call.program.refusal("product", "list")
    assert (code, envelope["exit_code"], envelope["status"]) == (
        exit_code,
        exit_code,
        answer.status,
    )
    if answer.status == 402:
        assert envelope["upgrade_url"] in envelope["message"]
    if answer.status == 500:
        assert envelope["request_id"] == "r1"


def test_a_redirect_is_not_followed_with_the_key(call: Call) -> None:
    other = Scripted(answers=[lambda _: EMPTY])
    with serving(other) as elsewhere:
        call.answers(Response(status=307, headers={"location": f"{elsewhere}/v1/admin/products"}))
        code, envelope = call.program.refusal("product", "list")
    assert (code, envelope["code"], other.heard) == (10, "redirected", [])
    assert elsewhere in envelope["message"]


def test_nothing_printed_ever_holds_the_key(call: Call) -> None:
    echo = refused(400, "invalid_field", f"what is {KEY}?")
    for answer in (echo, Response(status=307, headers={"location": f"https://x/{KEY}"}), cut):
        call.answers(answer)
        for words in (["product", "list"], ["product", "list", "--json"]):
            assert KEY not in call.program.run(*words).output
    assert (
        KEY not in call.program.run("product", "list", "--url", f"http://u:{KEY}@x.example").output
    )


def test_a_server_that_is_not_there_is_outside(tmp_path: Path) -> None:
    program = Program(folder=tmp_path, variables={"KEYSAT_API_KEY": KEY})
    code, envelope = program.refusal("--url", "http://127.0.0.1:1", "product", "list")
    assert (code, envelope["code"]) == (10, "no_answer")


# --- where a command goes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example", "http://192.168.1.2:8080", "http://box.local", "ftp://shop.example",
        "shop.example", "https://", "https://u:p@shop.example", "https://shop.example?x=1", "http://[",
    ],
)  # fmt: skip
def test_an_address_that_would_show_the_key_is_refused(url: str, tmp_path: Path) -> None:
    program = Program(folder=tmp_path, variables={"KEYSAT_API_KEY": KEY})
    code, envelope = program.refusal("product", "list", "--url", url)
    assert (code, envelope["code"]) == (2, "usage")


def test_http_to_another_machine_must_be_allowed(tmp_path: Path) -> None:
    program = Program(folder=tmp_path, variables={"KEYSAT_API_KEY": KEY})
    for words in (("--url", "http://x.invalid", "--insecure-http"), ("--url", "http://abc.onion")):
        assert program.refusal(*words, "product", "list")[0] == 10


def test_what_works_on_files_says_that_it_cannot(call: Call) -> None:
    for words in (("backup",), ("license", "key", "x"), ("audit", "verify")):
        code, envelope = call.program.refusal(*words)
        assert code == 2
        assert f"keysat {' '.join(words[:2])}".rstrip(" x") in envelope["message"]
        assert "--local" in envelope["message"]
    assert call.server.heard == []


def test_local_means_here_whatever_is_set(call: Call) -> None:
    call.program.text("product", "create", "w", "--name", "W", "--price-value", "5", "--local")
    assert call.program.json("--local", "product", "show", "w")["slug"] == "w"
    assert call.server.heard == []
    assert call.program.text("completion", "bash")


def test_an_address_of_its_own_keeps_the_name_it_has(call: Call) -> None:
    call.answers(said(200, {"id": "e", "url": "https://new.example"}))
    call.program.json("webhook", "update", "e", "--url", "https://new.example")
    assert msgspec.json.decode(call.server.heard[0].body) == {"url": "https://new.example"}


def test_an_unknown_server_needs_a_key(tmp_path: Path) -> None:
    code, envelope = Program(folder=tmp_path).refusal(
        "--url", "https://x.invalid", "product", "list"
    )
    assert code == 2
    assert "KEYSAT_API_KEY" in envelope["message"]


def test_a_folder_s_env_file_sends_no_key_anywhere(call: Call) -> None:
    variables = {k: v for k, v in call.program.variables.items() if k != "KEYSAT_URL"}
    program = Program(folder=call.program.folder, variables=variables)
    (program.folder / ".env").write_text(f"KEYSAT_URL={call.url}\n")
    assert program.refusal("product", "list")[0] == 7
    assert call.server.heard == []


def test_the_key_of_one_server_is_not_sent_to_another(call: Call) -> None:
    other = Scripted(answers=[always(EMPTY)])
    with serving(other) as elsewhere:
        for words in (("product", "list"), ("login",), ("login", "--unchecked")):
            code, envelope = call.program.refusal(*words, "--url", elsewhere)
            assert (code, envelope["code"]) == (2, "usage")
            assert "--api-key-file" in envelope["message"]
            assert KEY not in envelope["message"]
        assert other.heard == []
        assert not (call.program.folder / "logins.toml").exists()
        allowed = ("product", "list", "--url", elsewhere, "--api-key-file", "-")
        assert call.program.json(*allowed, stdin="another-key\n") == {"products": []}
    assert other.heard[0].headers["authorization"] == "Bearer another-key"


def test_the_key_goes_to_its_server_however_that_is_spelled(call: Call) -> None:
    call.answers(EMPTY)
    for url in (f"{call.url}/", call.url.replace("http", "HTTP")):
        assert call.program.json("product", "list", "--url", url) == {"products": []}
    variables = {k: v for k, v in call.program.variables.items() if k != "KEYSAT_URL"}
    alone = Program(folder=call.program.folder, variables=variables)
    assert alone.json("product", "list", "--url", call.url) == {"products": []}
    assert {one.headers["authorization"] for one in call.server.heard} == {f"Bearer {KEY}"}


# --- logins --------------------------------------------------------------------------------------


def test_a_login_is_tried_kept_and_used(call: Call) -> None:
    program = Program(
        folder=call.program.folder,
        variables={"KEYSAT_CONFIG": call.program.variables["KEYSAT_CONFIG"]},
    )
    call.answers(EMPTY)
    kept = program.json("login", "--url", call.url, "--name", "shop", stdin=f"{KEY}\n")
    assert kept == {"name": "shop", "url": call.url}
    path = program.folder / "logins.toml"
    assert path.stat().st_mode & 0o777 == 0o600
    assert KEY in path.read_text()
    for words in (
        ("--profile", "shop", "product", "list"),
        ("product", "list", "--profile", "shop"),
    ):
        assert program.json(*words) == {"products": []}
    assert {one.headers["authorization"] for one in call.server.heard} == {f"Bearer {KEY}"}
    listed = program.run("logins", "--json").output
    assert KEY not in listed
    assert [one["name"] for one in msgspec.json.decode(listed)["logins"]] == ["shop"]
    assert program.json("logout", "shop")["ok"] is True
    assert program.run("logout", "shop").exit_code == 3
    assert program.refusal("--profile", "shop", "product", "list")[0] == 6


def test_a_key_the_server_refuses_is_not_kept(call: Call) -> None:
    call.answers(refused(403, "forbidden", "forbidden"))
    result = call.program.run("login", "--url", call.url, "--api-key-file", "-", stdin=f"{KEY}\n")
    assert result.exit_code == 4
    assert not (call.program.folder / "logins.toml").exists()


def test_a_file_that_others_can_read_is_refused(call: Call) -> None:
    call.answers(EMPTY)
    call.program.text("login", "--url", call.url, "--name", "shop")
    path = call.program.folder / "logins.toml"
    for mode in (0o640, 0o604, 0o620):
        path.chmod(mode)
        for words in (("--profile", "shop", "product", "list"), ("logins",), ("logout", "shop")):
            code, envelope = call.program.refusal(*words)
            assert code == 6
            assert "chmod 600" in envelope["message"]
    path.chmod(0o600)
    assert call.program.json("--profile", "shop", "product", "list") == {"products": []}
    path.write_text('[shop]\napi_key = "secret-in-the-file')
    result = call.program.run("--profile", "shop", "product", "list")
    assert result.exit_code == 6
    assert "secret-in-the-file" not in result.output


def test_the_key_of_a_login_goes_only_where_it_is_for(call: Call) -> None:
    call.answers(EMPTY)
    call.program.text("login", "--url", call.url, "--name", "shop")
    call.server.heard.clear()
    code, _ = call.program.refusal("--profile", "shop", "--url", call.url, "product", "list")
    assert code == 2
    assert call.server.heard == []


# --- what people see -----------------------------------------------------------------------------


def test_people_see_tables_and_facts(call: Call) -> None:
    rows = [{"code": "X", "kind": "percent", "amount": 1000, "active": True, "id": "i"}]
    call.answers(said(200, {"codes": rows, "total": 1}))
    shown = call.program.text("code", "list", "--limit", "1")
    assert "CODE  KIND     AMOUNT" in shown
    code = {"id": "i", "code": "X", "metadata": {"a": 1}}
    uses = [{"invoice_id": "v", "status": "redeemed"}]
    call.answers(said(200, {"codes": rows}), said(200, {"code": code, "redemptions": uses}))
    assert call.program.text("code", "show", "x") == (
        "code:\n"
        "id        i\n"
        "code      X\n"
        'metadata  {"a":1}\n'
        "\n"
        "redemptions:\n"
        "INVOICE ID  STATUS\n"
        "v           redeemed\n"
    )


def test_an_authority_that_cannot_be_read_is_said_before_anything_is_sent(call: Call) -> None:
    (call.program.folder / "empty.pem").write_text("nothing")
    for name in ("nowhere.pem", "empty.pem"):
        code, envelope = call.program.refusal("product", "list", "--ca-file", name)
        assert code == 6
        assert name in envelope["message"]
    assert call.server.heard == []
