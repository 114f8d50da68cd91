"""Licenses, machines and keys from the command line."""

from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from keysat_cli.settings import StoreSettings
from keysat_cli.wiring import open_ports
from keysat_core.domain.actor import Actor, ActorKind
from keysat_core.domain.machine import Candidate
from keysat_core.signing import SigningKey, parse_key
from keysat_core.use_cases.machines.activate_machine import ActivateMachine, activate_machine
from keysat_http.views.license import IssuedLicense, License, LicenseSummary
from keysat_http.views.machine import Machine
from tests.support.program import Program, shop_with_a_tier

LIST_ONLY: Final = {"policy_slug", "policy_name", "product_slug"}
LICENSE_KEYS: Final = set(License.__struct_fields__) - LIST_ONLY


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return shop_with_a_tier(tmp_path)


def issue(program: Program, *words: str) -> Any:
    return program.json("license", "issue", "widget/pro", *words)


def seat(program: Program, key: str, fingerprint: str) -> str:
    """Seat a machine as the sold software would, and give its id."""
    with open_ports(StoreSettings(db_path=program.db_path)) as ports:
        answer = activate_machine(
            Actor(kind=ActorKind.BUYER_LICENSE_KEY),
            ActivateMachine(
                payload=parse_key(key).payload,
                candidate=Candidate(fingerprint=fingerprint, hostname="laptop\x1b[31m"),
            ),
            store=ports.store,
            facts=ports.facts,
            heartbeats=ports.heartbeats,
            clock=ports.clock,
            ids=ports.ids,
        )
    assert answer.machine_id is not None
    return answer.machine_id


def test_an_issued_license_has_the_terms_of_its_policy(program: Program) -> None:
    issued = issue(program)
    assert set(issued) == set(IssuedLicense.__struct_fields__)
    assert (issued["entitlements"], issued["max_machines"]) == (["sync"], 3)
    shown = program.json("license", "show", issued["license_id"])
    assert set(shown) == LICENSE_KEYS | {"tier_changes"}
    assert (shown["status"], shown["expires_at"]) == ("active", issued["expires_at"])


def test_no_default_tier_is_issued_in_the_place_of_an_empty_one(program: Program) -> None:
    assert program.refusal("license", "issue", "widget/")[0] == 3
    assert program.json("license", "summary")["total"] == 0


def test_terms_may_be_given_with_the_license(program: Program) -> None:
    issued = issue(
        program, "--expires-at", "2030-01-01T00:00:00Z", "--max-machines", "9", "--trial",
        "--no-entitlements", "--grace-seconds", "1d", "--buyer-email", "a@b.example",
        "--nostr-npub", "npub1", "--note", "a gift",
    )  # fmt: skip
    assert issued["expires_at"] == "2030-01-01T00:00:00Z"
    assert (issued["max_machines"], issued["is_trial"], issued["entitlements"]) == (9, True, [])
    shown = program.json("license", "show", issued["license_id"])
    assert (shown["buyer_email"], shown["nostr_npub"]) == ("a@b.example", "npub1")
    assert (shown["grace_seconds"], shown["metadata"]["note"]) == (86_400, "a gift")
    clash = ("license", "issue", "widget", "--no-entitlements", "--entitlement", "x")
    assert program.refusal(*clash)[0] == 2


def test_a_license_needs_no_policy(program: Program) -> None:
    issued = program.json("license", "issue", "widget", "--entitlement", "extra")
    assert (issued["expires_at"], issued["entitlements"]) == (None, ["extra"])


def test_people_find_the_key_on_the_last_line(program: Program) -> None:
    assert program.text("license", "issue", "widget").splitlines()[-1].startswith("LIC1-")


def test_a_key_is_shown_again_whatever_the_status(program: Program) -> None:
    issued = issue(program)
    license_id = issued["license_id"]
    shown = {"license_id": license_id, "license_key": issued["license_key"]}
    assert program.json("license", "key", license_id) == shown | {"status": "active"}
    program.text("license", "revoke", license_id, "--yes")
    rows = len(program.json("audit", "list")["entries"])
    assert program.json("license", "key", license_id) == shown | {"status": "revoked"}
    lines = program.text("license", "key", license_id).splitlines()
    assert (lines[1].split(), lines[-1]) == (["status", "revoked"], issued["license_key"])
    assert len(program.json("audit", "list")["entries"]) == rows
    assert program.refusal("license", "key", "nobody")[0] == 3


def test_licenses_are_found_by_what_is_known_of_them(program: Program) -> None:
    first = issue(program, "--buyer-email", "A@b.example")["license_id"]
    second = program.json("license", "issue", "widget", "--nostr-npub", "npub1")["license_id"]

    def found(*words: str) -> set[str]:
        return {row["id"] for row in program.json("license", "list", *words)["licenses"]}

    assert found() == {first, second}
    assert found("--buyer-email", "a@B.example") == {first}
    assert found("--nostr-npub", "npub1") == {second}
    assert found("--policy", "widget/pro") == {first}
    assert found("--product", "widget", "--status", "active") == {first, second}
    assert found("--status", "revoked") == set()
    assert found("--invoice-id", "nothing") == set()
    assert len(found("--limit", "1") | found("--limit", "1", "--offset", "1")) == 2


def test_a_listed_license_names_its_product_and_policy(program: Program) -> None:
    issue(program)
    [row] = program.json("license", "list")["licenses"]
    assert set(row) == LICENSE_KEYS | LIST_ONLY
    assert (row["product_slug"], row["policy_slug"]) == ("widget", "pro")


def test_a_full_page_says_where_the_next_begins(program: Program) -> None:
    issue(program)
    issue(program)
    result = program.run("license", "list", "--limit", "1")
    assert "--offset 1" in result.stderr
    assert program.run("license", "list").stderr == ""


def test_a_suspension_is_lifted_and_may_be_repeated(program: Program) -> None:
    license_id = issue(program)["license_id"]
    stopped = program.json("license", "suspend", license_id, "--reason", "chargeback")
    assert set(stopped) == LICENSE_KEYS
    assert (stopped["status"], stopped["suspension_reason"]) == ("suspended", "chargeback")
    again = program.run("license", "suspend", license_id)
    assert (again.exit_code, "already" in again.stderr) == (0, True)
    assert program.json("license", "unsuspend", license_id)["status"] == "active"


def test_a_revoked_license_stays_so(program: Program) -> None:
    license_id = issue(program)["license_id"]
    ended = program.json("license", "revoke", license_id, "--yes", "--reason", "refunded")
    assert (ended["status"], ended["revocation_reason"]) == ("revoked", "refunded")
    assert program.refusal("license", "revoke", license_id, "--yes")[0] == 3
    assert program.refusal("license", "unsuspend", license_id)[0] == 3


def test_licenses_are_counted(program: Program) -> None:
    issue(program)
    counted = program.json("license", "summary")
    assert set(counted) == set(LicenseSummary.__struct_fields__)
    assert (counted["total"], counted["active"], counted["last_24h"]) == (1, 1, 1)
    assert program.text("license", "summary").splitlines()[0].split() == ["total", "1"]


def test_machines_are_listed_and_freed(program: Program) -> None:
    issued = issue(program)
    machine_id = seat(program, issued["license_key"], "one")
    [row] = program.json("machine", "list", "--license", issued["license_id"])["machines"]
    assert program.json("machine", "list", "--license", "")["machines"] == []
    assert set(row) == set(Machine.__struct_fields__)
    assert (row["id"], row["active"], row["product_slug"]) == (machine_id, True, "widget")
    assert program.json("machine", "deactivate", machine_id, "--yes") == {"ok": True}
    assert program.json("machine", "list") == {"machines": [], "total": 0, "is_total_exact": True}
    [freed] = program.json("machine", "list", "--all", "--product", "widget")["machines"]
    assert (freed["active"], freed["deactivation_reason"]) == (False, "admin deactivate")
    assert program.refusal("machine", "deactivate", machine_id, "--yes")[0] == 3
    assert program.refusal("machine", "list", "--product", "gadget")[0] == 3


def test_what_strangers_wrote_cannot_steer_the_terminal(program: Program) -> None:
    seat(program, issue(program)["license_key"], "one")
    text = program.text("machine", "list")
    assert "laptop" in text
    assert "\x1b" not in text


# --- keys ---------------------------------------------------------------------------------------


def verify(program: Program, *words: str, stdin: str = "") -> tuple[int, Any]:
    result = program.run("key", "verify", *words, "--json", stdin=stdin)
    return result.exit_code, msgspec.json.decode(result.stdout)


def test_a_key_verifies_against_this_server(program: Program) -> None:
    issued = issue(program)
    code, verdict = verify(program, issued["license_key"], "--product", "widget")
    assert (code, verdict["ok"], verdict["reason"]) == (0, True, None)
    assert verdict["payload"]["license_id"] == issued["license_id"]
    assert verdict["payload"]["entitlements"] == ["sync"]
    assert "verifies" in program.text("key", "verify", issued["license_key"])


def test_a_key_is_read_from_stdin(program: Program) -> None:
    key = issue(program)["license_key"]
    assert verify(program, "-", stdin=f"  {key}\n")[0] == 0
    assert program.json("key", "inspect", "-", stdin=key)["payload"]["version"] == 2


def test_a_key_verifies_offline_with_the_public_key_alone(program: Program, tmp_path: Path) -> None:
    issued = issue(program)
    (tmp_path / "issuer.pem").write_text(program.text("key", "public"))
    elsewhere = Program(folder=tmp_path, variables={"KEYSAT_DB_PATH": "/no/such/folder/k.db"})
    words = (issued["license_key"], "--pem", "issuer.pem")
    assert verify(elsewhere, *words)[0] == 0
    assert verify(elsewhere, *words, "--product", issued["product_id"])[0] == 0
    assert elsewhere.refusal("key", "verify", *words, "--product", "widget")[0] == 2


def test_the_public_key_is_one_pem_block(program: Program) -> None:
    shown = program.json("key", "public")
    assert shown["algorithm"] == "ed25519"
    assert program.text("key", "public") == shown["public_key_pem"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--at", "2031-01-01T00:00:00Z"], "expired"),
        (["--product", "gadget"], "product_mismatch"),
    ],
)
def test_a_key_that_is_not_good_here_says_why(
    words: list[str], reason: str, program: Program
) -> None:
    program.text("product", "create", "gadget", "--name", "Gadget", "--price-value", "1")
    key = issue(program, "--expires-at", "2030-01-01T00:00:00Z")["license_key"]
    code, verdict = verify(program, key, *words)
    assert (code, verdict["ok"], verdict["reason"]) == (8, False, reason)
    assert verdict["payload"] is None


def test_a_key_of_another_issuer_does_not_verify(program: Program, tmp_path: Path) -> None:
    (tmp_path / "other.pem").write_text(SigningKey.from_seed(bytes(32)).verify_key.to_pem())
    key = issue(program)["license_key"]
    assert verify(program, key, "--pem", "other.pem")[1]["reason"] == "bad_signature"
    result = program.run("key", "verify", key, "--pem", "other.pem")
    assert (result.exit_code, "bad_signature" in result.stdout) == (8, True)
    assert verify(program, "LIC1-nonsense")[1]["reason"] == "bad_format"


def test_a_file_that_is_no_public_key_is_refused(program: Program, tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("hello")
    code, said = program.refusal("key", "verify", "LIC1-A-B", "--pem", "no.pem")
    assert (code, said["code"]) == (4, "bad_pem")


def test_a_key_is_inspected_without_any_database(program: Program, tmp_path: Path) -> None:
    issued = issue(program)
    empty = tmp_path / "empty"
    empty.mkdir()
    elsewhere = Program(folder=empty)
    said = elsewhere.json("key", "inspect", issued["license_key"])
    assert said["payload"]["license_id"] == issued["license_id"]
    assert said["payload"]["fingerprint_hash"] is None
    assert "Not verified" in elsewhere.text("key", "inspect", issued["license_key"])
    assert list(empty.iterdir()) == []
