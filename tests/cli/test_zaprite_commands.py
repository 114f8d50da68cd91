"""``keysat zaprite`` against the double on a loopback port. Source: payments 7.5 and 7.6."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import pytest

from keysat_cli.environment import Environment
from keysat_cli.session import OPERATOR
from keysat_cli.settings import read_store_settings
from keysat_cli.wiring import open_ports
from keysat_core.domain.buyer import BuyerRequest
from keysat_core.domain.invoice import Invoice
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.open_purchase import open_purchase
from keysat_core.use_cases.purchases.request_payment import request_payment
from keysat_core.use_cases.purchases.settle_invoice import settle_invoice
from keysat_core.use_cases.zaprite.capture_payment import capture_payment
from tests.simulators.server import serving
from tests.simulators.wall_clock import WallClock
from tests.simulators.zaprite.charge_outcome import answered, refused
from tests.simulators.zaprite.fake_zaprite import FakeZaprite
from tests.support.own_license import SIGNER, operators_license
from tests.support.program import Program

PUBLIC_URL: Final = "https://shop.example"


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The program, and the double it connects to."""

    program: Program
    fake: FakeZaprite
    base_url: str

    def connect(self, *words: str) -> dict[str, object]:
        told: dict[str, object] = self.program.json(
            "zaprite", "connect", "--base-url", self.base_url, *words,
            stdin=self.fake.live.api_key + "\n",
        )  # fmt: skip
        return told

    @contextmanager
    def ports(self) -> Iterator[Ports]:
        with open_ports(read_store_settings(Environment(self.program.settings))) as ports:
            yield ports

    def sell(self, ports: Ports, policy: str) -> Invoice:
        """Open an invoice at the double."""
        request = BuyerRequest(
            product_slug="widget", policy_slug=policy, buyer_email="ada@example.com"
        )
        opened = open_purchase(
            OPERATOR,
            request,
            public_url=PUBLIC_URL,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            keys=ports.keys,
            rates=ports.rates,
            providers=ports.providers,
        )
        return request_payment(
            OPERATOR,
            opened.invoice.id,
            is_first_try=True,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            providers=ports.providers,
        )

    def save_a_card(self) -> tuple[str, str]:
        """Sell the monthly tier with its card saved, and open another invoice; gives both ids."""
        with self.ports() as ports:
            sold = self.sell(ports, "monthly")
            assert sold.provider_invoice_id is not None
            self.fake.pay(sold.provider_invoice_id)
            self.fake.attach_profile(sold.provider_invoice_id)
            settle_invoice(
                OPERATOR,
                sold.id,
                store=ports.store,
                clock=ports.clock,
                ids=ports.ids,
                providers=ports.providers,
            )
            assert ports.saved_payments is not None
            capture_payment(
                sold.id,
                store=ports.store,
                clock=ports.clock,
                ids=ports.ids,
                saved_payments=ports.saved_payments,
            )
            return sold.id, self.sell(ports, "once").id


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    variables = {
        "KEYSAT_PUBLIC_URL": PUBLIC_URL,
        "KEYSAT_LICENSE": operators_license(
            "zaprite_payments", "recurring_billing", "unlimited_merchant_profiles"
        ),
        "KEYSAT_TRUST_ROOT_PEM": SIGNER.verify_key.to_pem(),
    }
    program = Program(folder=tmp_path, variables=variables)
    program.text("product", "create", "widget", "--name", "Widget", "--price-value", "25000")
    program.text("policy", "create", "widget/once", "--name", "Once")
    program.text(
        "policy", "create", "widget/monthly", "--name", "Monthly", "--recurring",
        "--renewal-period-days", "30",
    )  # fmt: skip
    with closing(WallClock()) as clock:
        fake = FakeZaprite(clock)
        with serving(fake) as base_url:
            yield Desk(program=program, fake=fake, base_url=base_url)
        fake.check()


def test_an_account_is_connected_shown_and_disconnected(desk: Desk) -> None:
    program = desk.program
    assert program.json("zaprite", "status")["connected"] is False
    told = desk.connect("--label", "Cards")
    assert told["webhook_url"] == f"{PUBLIC_URL}/v1/zaprite/webhook/{told['provider_id']}"
    assert (told["label"], told["webhook_registered"]) == ("Cards", True)
    shown = program.json("zaprite", "status")
    assert (shown["connected"], shown["webhook_url"]) == (True, told["webhook_url"])
    assert str(told["webhook_url"]) in program.text("zaprite", "status")
    gone = program.json("zaprite", "disconnect", "--yes")
    assert (gone["noop"], gone["provider_id"]) == (False, told["provider_id"])
    assert program.json("zaprite", "disconnect", "--yes")["noop"] is True
    assert program.refusal("zaprite", "disconnect", "--yes", "--provider", "x")[0] == 3


def test_an_empty_id_or_profile_is_nobodys(desk: Desk) -> None:
    refused = desk.program.run(
        "zaprite", "connect", "--base-url", desk.base_url, "--profile", "", stdin="key\n"
    )
    assert refused.exit_code == 4
    assert "no such merchant profile" in refused.stderr
    desk.connect()
    code, said = desk.program.refusal("zaprite", "disconnect", "--yes", "--provider", "")
    assert (code, said["error"]) == (3, "not_found")
    assert desk.program.json("zaprite", "status")["connected"] is True


def test_an_account_of_another_profile_is_named_to_choose_it(desk: Desk) -> None:
    profile = desk.program.json("profile", "create", "Second")
    told = desk.connect("--profile", profile["id"])
    said = desk.program.text("zaprite", "disconnect")
    assert said.startswith("The default merchant profile has no Zaprite account;")
    assert f"--provider: {told['provider_id']} ({told['label']})." in said
    assert desk.program.json("zaprite", "disconnect")["noop"] is True
    assert desk.program.json("zaprite", "status")["connected"] is True


def test_a_second_account_is_a_conflict(desk: Desk) -> None:
    desk.connect()
    result = desk.program.run(
        "zaprite", "connect", "--base-url", desk.base_url, "--json", stdin="key\n"
    )
    assert result.exit_code == 5
    assert msgspec.json.decode(result.stderr)["error"] == "conflict"


def test_the_key_is_never_shown(desk: Desk) -> None:
    key = desk.fake.live.api_key
    program = desk.program
    said = program.run("zaprite", "connect", "--base-url", desk.base_url, stdin=f"{key}\n")
    assert said.exit_code == 0
    assert key not in said.output
    assert "Webhook (registered by itself)" in said.output
    assert key not in program.text("zaprite", "status", "--json")
    desk.fake.revoke_key(key)


def test_the_key_may_come_from_the_environment(desk: Desk) -> None:
    key = desk.fake.live.api_key
    program = Program(
        folder=desk.program.folder,
        variables=desk.program.variables | {"KEYSAT_ZAPRITE_API_KEY": key},
    )
    told = program.json("zaprite", "connect", "--base-url", desk.base_url, stdin="not this\n")
    assert told["ok"] is True


def test_an_address_to_paste_is_explained(desk: Desk) -> None:
    desk.fake.live.registration_refusal = 403
    said = desk.program.run(
        "zaprite", "connect", "--base-url", desk.base_url, stdin=desk.fake.live.api_key
    )
    assert "enter it at Zaprite" in said.stdout
    assert "Settings, API" in said.stderr


def test_a_wrong_key_stores_nothing(desk: Desk) -> None:
    program = desk.program
    said = program.run("zaprite", "connect", "--base-url", desk.base_url, "--json", stdin="bad\n")
    assert said.exit_code == 10
    assert msgspec.json.decode(said.stderr)["error"] == "upstream_error"
    assert program.json("zaprite", "status")["connected"] is False
    assert program.run("zaprite", "connect", "--json", stdin="\n").exit_code == 4


def test_the_operators_license_must_include_it(desk: Desk) -> None:
    bare = desk.program.variables | {"KEYSAT_LICENSE": operators_license("patron")}
    program = Program(folder=desk.program.folder, variables=bare)
    said = program.run("zaprite", "connect", "--json", stdin="key\n")
    assert said.exit_code == 4
    assert msgspec.json.decode(said.stderr)["error"] == "tier_cap"


def test_without_a_public_address_there_is_no_webhook_to_name(desk: Desk) -> None:
    variables = {**desk.program.variables, "KEYSAT_PUBLIC_URL": ""}
    program = Program(folder=desk.program.folder, variables=variables)
    assert program.run("zaprite", "status").exit_code == 6


def test_a_saved_card_is_listed_and_charged_once(desk: Desk) -> None:
    program = desk.program
    assert program.text("zaprite", "saved") == "No saved payment methods.\n"
    desk.connect()
    saved_id, due_id = desk.save_a_card()
    (listed,) = program.json("zaprite", "saved")["saved_payments"]
    assert listed["invoice_id"] == saved_id
    assert (listed["state"], listed["method"], listed["buyer_email"]) == (
        "saved",
        "CARD",
        "ada@example.com",
    )
    assert saved_id in program.text("zaprite", "saved")
    words = ("zaprite", "charge", due_id, "--with", saved_id)
    assert program.refusal(*words)[0] == 2
    charged = program.json(*words, "--yes")
    assert (charged["charge"], charged["already"], charged["invoice_status"]) == (
        "charged",
        False,
        "settled",
    )
    again = program.json(*words, "--yes")
    assert (again["charge"], again["already"]) == ("charged", True)
    assert "There was a charge of this invoice before" in program.text(*words, "--yes")
    assert desk.fake.charges(due_id) == 1


@pytest.mark.parametrize(
    ("outcome", "state", "words"),
    [
        (answered("DECLINED"), "not_charged", "Zaprite said DECLINED"),
        (refused(402), "failed", "was refused"),
        (refused(500), "unknown", "had no answer"),
    ],
)
def test_a_charge_that_did_not_go_through_is_told(
    desk: Desk, outcome: object, state: str, words: str
) -> None:
    desk.connect()
    saved_id, due_id = desk.save_a_card()
    desk.fake.charging.script(outcome)  # type: ignore[arg-type]
    said = desk.program.text("zaprite", "charge", due_id, "--with", saved_id, "--yes")
    assert words in said
    assert "The invoice is pending." in said
    again = desk.program.json("zaprite", "charge", due_id, "--with", saved_id, "--yes")
    assert (again["charge"], again["already"], again["invoice_status"]) == (state, True, "pending")


def test_what_cannot_be_charged_is_refused(desk: Desk) -> None:
    desk.connect()
    saved_id, due_id = desk.save_a_card()
    program = desk.program
    words = ("zaprite", "charge", "--yes")
    assert program.refusal(*words, saved_id, "--with", saved_id)[0] == 4
    assert program.refusal(*words, due_id, "--with", due_id)[0] == 3
    assert program.refusal(*words, "nobody", "--with", saved_id)[0] == 3
