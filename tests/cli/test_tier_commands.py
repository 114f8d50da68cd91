"""Changing tiers and recovering keys from the command line."""

from pathlib import Path

import msgspec
import pytest

from keysat_cli.settings import StoreSettings
from keysat_cli.wiring import open_ports
from keysat_core.domain.ids import LicenseId, TierChangeId
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.tier_change import ChangeActor, Direction, TierChange
from keysat_http.views.recovered_license import RecoveredLicense
from keysat_http.views.tier_change import TierChangeView, TierPreview
from tests.support.builders import make_invoice
from tests.support.program import Program, on_a_terminal, shop_with_a_tier


@pytest.fixture
def program(tmp_path: Path) -> Program:
    program = shop_with_a_tier(tmp_path)
    program.text(
        "policy", "create", "widget/lite", "--name", "Lite", "--price-sats-override", "9000",
    )  # fmt: skip
    return program


def issued(program: Program) -> str:
    license_id: str = program.json("license", "issue", "widget/pro")["license_id"]
    return license_id


def test_a_change_says_what_is_lost_and_asks(program: Program) -> None:
    id_ = issued(program)
    dry = program.json("tier", "change", id_, "lite", "--dry-run")
    assert (dry["dry_run"], dry["entitlements_lost"]) == (True, ["sync"])
    unasked = program.run("tier", "change", id_, "lite")
    assert unasked.exit_code == 2
    assert "loses sync" in unasked.stderr
    assert program.json("tier", "history", id_) == {"tier_changes": [], "total": 0}
    code, said = on_a_terminal(program, ("tier", "change", id_, "lite"), "n\n")
    assert code == 130
    assert "loses sync" in said
    told = program.json("tier", "change", id_, "lite", "--yes", "--reason", "asked for")
    assert (told["applied"], told["to_policy_slug"]) == (True, "lite")
    (row,) = program.json("tier", "history", id_)["tier_changes"]
    assert row.keys() == set(TierChangeView.__struct_fields__)
    assert (row["reason"], row["actor"]) == ("asked for", "admin")
    assert "applied" in program.text("tier", "history", id_)
    assert program.json("license", "show", id_)["entitlements"] == []


def test_a_change_that_loses_nothing_does_not_ask(program: Program) -> None:
    id_ = program.json("license", "issue", "widget/lite")["license_id"]
    assert "pro" in program.text("tier", "change", id_, "pro")


def test_a_quote_tells_the_price(program: Program) -> None:
    id_ = program.json("license", "issue", "widget/lite")["license_id"]
    quote = program.json("tier", "quote", id_, "pro")
    assert quote.keys() == set(TierPreview.__struct_fields__)
    assert quote["proration_charge_value"] == 16_000
    assert "16000 SAT" in program.text("tier", "quote", id_, "pro", "--paid")


def test_what_cannot_wait_is_refused(program: Program) -> None:
    words = ("tier", "change", issued(program), "lite", "--apply-at", "next_cycle")
    code, envelope = program.refusal(*words, "--yes")
    assert (code, envelope["code"]) == (4, "tier_change_refused")


def test_a_change_that_waits_is_called_off(program: Program) -> None:
    """Scheduled as a server that sells recurring tiers would."""
    license_id = issued(program)
    with (
        open_ports(StoreSettings(db_path=program.db_path)) as ports,
        ports.store.writing() as tx,
    ):
        license = tx.licenses.get_license(LicenseId(license_id))
        assert license.policy_id is not None
        now = ports.clock.now()
        change = TierChange(
            id=TierChangeId(ports.ids.new()),
            license_id=license.id,
            from_policy_id=license.policy_id,
            to_policy_id=license.policy_id,
            direction=Direction.DOWNGRADE,
            charge=Money(currency=Currency.SAT, amount=0),
            effective_at=Instant(now + 9),
            actor=ChangeActor.BUYER,
            created_at=now,
        )
        tx.tier_changes.put_tier_change(change)
    assert "scheduled" in program.text("tier", "history", license_id)
    assert "is called off" in program.text("tier", "cancel", license_id, change.id)
    assert program.json("tier", "cancel", license_id, change.id) == {
        "ok": True,
        "already": "withdrawn",
    }
    assert "withdrawn" in program.text("tier", "history", license_id)


def test_a_key_is_recovered_as_its_buyer_would(program: Program) -> None:
    license_id = issued(program)
    with (
        open_ports(StoreSettings(db_path=program.db_path)) as ports,
        ports.store.writing() as tx,
    ):
        license = tx.licenses.get_license(LicenseId(license_id))
        invoice = make_invoice(
            product_id=license.product_id,
            status=InvoiceStatus.SETTLED,
            buyer_email="Ada@b.example",
            effect_at=ports.clock.now(),
        )
        tx.invoices.put_invoice(invoice)
        tx.licenses.put_license(msgspec.structs.replace(license, invoice_id=invoice.id))
    told = program.json("license", "recover", invoice.id, "ada@B.example")
    assert told.keys() == set(RecoveredLicense.__struct_fields__)
    assert told["license_key"] == program.json("license", "key", license_id)["license_key"]
    assert told["license_key"] in program.text("license", "recover", invoice.id, "ada@b.example")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("tier", "change", "x", "lite"), 3),
        (("tier", "quote", "x", "lite"), 3),
        (("tier", "history", "x"), 3),
        (("tier", "cancel", "x", "y"), 3),
        (("license", "recover", "x", "a@b.example"), 3),
        (("license", "recover", " ", "a@b.example"), 4),
    ],
)
def test_what_is_not_there_ends_with_its_code(
    program: Program, words: tuple[str, ...], code: int
) -> None:
    assert program.refusal(*words)[0] == code


def test_the_tier_it_is_on_is_refused(program: Program) -> None:
    assert program.refusal("tier", "change", issued(program), "pro")[0] == 4
