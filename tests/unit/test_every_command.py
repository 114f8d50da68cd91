"""What holds for every command alike: who may give it, and that all of it is written or nothing."""

from pathlib import Path
from typing import Any, Final

import apsw
import msgspec
import pytest

from keysat_core.domain.actor import Scope
from keysat_core.domain.audit_list import AuditFilter
from keysat_core.domain.ids import (
    MachineId,
    MerchantProfileId,
)
from keysat_core.domain.license import key_of
from keysat_core.domain.listing import InvoiceFilter, LicenseFilter, MachineFilter
from keysat_core.domain.logo import checked_logo
from keysat_core.domain.machine import Candidate
from keysat_core.domain.merchant import RailPreference
from keysat_core.domain.money import Currency
from keysat_core.domain.payment import Rail
from keysat_core.domain.product import PriceInput
from keysat_core.domain.tip import TipFilter
from keysat_core.errors import Forbidden
from keysat_core.signing.license_key import LicensePayload
from keysat_core.use_cases.licenses import change_license_status as status
from keysat_core.use_cases.licenses import (
    issue_license,
    issue_licenses,
    list_licenses,
    show_license_key,
)
from keysat_core.use_cases.machines import activate_machine, deactivate_machine, list_machines
from keysat_core.use_cases.merchants import (
    create_profile,
    delete_profile,
    list_profiles,
    prefer_account,
    set_default_profile,
    set_logo,
    update_profile,
)
from keysat_core.use_cases.policies import (
    archive_policy,
    create_policy,
    delete_policy,
    list_policies,
    order_policies,
    update_policy,
)
from keysat_core.use_cases.products import (
    create_product,
    delete_product,
    list_products,
    update_product,
)
from keysat_core.use_cases.purchases import list_invoices, settle_by_hand
from keysat_core.use_cases.server import (
    list_audit,
    rates,
    record_backup,
    settings,
    show_tier,
    verify_audit,
)
from keysat_core.use_cases.tips import list_tips
from tests.support.access_commands import ACCESS_COMMANDS, ACCESS_READS
from tests.support.builders import NOW, make_profile
from tests.support.code_commands import CODE_COMMANDS, CODE_READS
from tests.support.commands import DOLLARS, Command, invoice_id, license_id, ports, tiered
from tests.support.server_commands import SERVER_COMMANDS, SERVER_READS
from tests.support.tier_commands import TIER_COMMANDS, TIER_READS
from tests.support.trade import OPERATOR, PATRON, Trade, open_trade, operator_without, payload_in
from tests.support.watched_store import Killed, WatchedStore
from tests.support.webhook_commands import WEBHOOK_COMMANDS, WEBHOOK_READS

DATABASE: Final = "keysat.db"


def machine_id(trade: Trade) -> MachineId:
    return trade.machines(license_id(trade))[0].machine.id


def payload(trade: Trade) -> LicensePayload:
    return payload_in(key_of(trade.licenses()[0], trade.keys.signing_key()))


def second_profile_id(trade: Trade) -> MerchantProfileId:
    profile = make_profile(is_default=False)
    with trade.store.writing() as tx:
        tx.merchants.put_profile(profile)
    return profile.id


def preferring(trade: Trade) -> MerchantProfileId:
    profile_id = trade.shop.profile.id
    preference = RailPreference(
        merchant_profile_id=profile_id,
        rail=Rail.LIGHTNING,
        provider_account_id=trade.shop.account.id,
    )
    with trade.store.writing() as tx:
        tx.merchants.put_preference(preference)
    return profile_id


def pictured(trade: Trade) -> MerchantProfileId:
    profile_id = trade.shop.profile.id
    logo = checked_logo(profile_id, b"\xff\xd8\xff\xe0", NOW)
    with trade.store.writing() as tx:
        tx.logos.put_logo(logo)
    return profile_id


COMMANDS: Final = [
    *ACCESS_COMMANDS,
    *WEBHOOK_COMMANDS,
    *SERVER_COMMANDS,
    *CODE_COMMANDS,
    *TIER_COMMANDS,
    Command(
        create_profile.create_profile,
        Scope.MERCHANT_PROFILES_WRITE,
        lambda t: ([create_profile.CreateProfile(name="N")], tiered(t)),
    ),
    Command(
        update_profile.update_profile,
        Scope.MERCHANT_PROFILES_WRITE,
        lambda t: (
            [update_profile.UpdateProfile(profile_id=t.shop.profile.id, name="M")],
            ports(t),
        ),
    ),
    Command(
        set_default_profile.set_default_profile,
        Scope.MERCHANT_PROFILES_WRITE,
        lambda t: ([second_profile_id(t)], ports(t)),
    ),
    Command(
        delete_profile.delete_profile,
        Scope.MERCHANT_PROFILES_WRITE,
        lambda t: ([second_profile_id(t)], ports(t)),
    ),
    Command(
        set_logo.set_logo,
        Scope.MERCHANT_PROFILES_WRITE,
        lambda t: ([t.shop.profile.id, b"\x89PNG\r\n\x1a\n"], ports(t)),
    ),
    Command(
        set_logo.clear_logo,
        Scope.MERCHANT_PROFILES_WRITE,
        lambda t: ([pictured(t)], ports(t)),
    ),
    Command(
        prefer_account.prefer_account,
        Scope.MERCHANT_PROFILES_WRITE,
        lambda t: (
            [
                prefer_account.PreferAccount(
                    profile_id=t.shop.profile.id, rail="lightning", account_id=t.shop.account.id
                )
            ],
            ports(t),
        ),
    ),
    Command(
        prefer_account.clear_preference,
        Scope.MERCHANT_PROFILES_WRITE,
        lambda t: ([preferring(t), "lightning"], ports(t)),
    ),
    Command(
        create_product.create_product,
        Scope.PRODUCTS_WRITE,
        lambda t: (
            [create_product.CreateProduct(slug="n", name="N", price=PriceInput(price_sats=5))],
            tiered(t),
        ),
    ),
    Command(
        update_product.update_product,
        Scope.PRODUCTS_WRITE,
        lambda t: (
            [update_product.UpdateProduct(product_id=t.shop.product.id, name="M")],
            ports(t),
        ),
    ),
    Command(
        delete_product.delete_product,
        Scope.PRODUCTS_WRITE,
        lambda t: (
            [delete_product.DeleteProduct(product_id=t.shop.product.id, is_forced=True)],
            ports(t),
        ),
    ),
    Command(
        create_policy.create_policy,
        Scope.POLICIES_WRITE,
        lambda t: (
            [create_policy.CreatePolicy(product_slug=t.shop.product.slug, slug="n", name="N")],
            tiered(t),
        ),
    ),
    Command(
        update_policy.update_policy,
        Scope.POLICIES_WRITE,
        lambda t: (
            [update_policy.UpdatePolicy(policy_id=t.shop.policy.id, max_machines=7)],
            tiered(t),
        ),
    ),
    Command(
        update_policy.set_tip,
        Scope.POLICIES_WRITE,
        lambda t: (
            [update_policy.SetTip(policy_id=t.shop.policy.id, tip_recipient="a@b", tip_pct_bps=1)],
            ports(t),
        ),
    ),
    Command(
        archive_policy.archive_policy,
        Scope.POLICIES_WRITE,
        lambda t: (
            [archive_policy.ArchivePolicy(policy_id=t.shop.policy.id, archived=True)],
            ports(t),
        ),
    ),
    Command(
        order_policies.order_policies,
        Scope.POLICIES_WRITE,
        lambda t: (
            [
                order_policies.OrderPolicies(
                    product_id=t.shop.product.id, policy_ids=(t.shop.policy.id,)
                )
            ],
            ports(t),
        ),
    ),
    Command(
        delete_policy.delete_policy,
        Scope.POLICIES_WRITE,
        lambda t: (
            [delete_policy.DeletePolicy(policy_id=t.shop.policy.id, is_forced=True)],
            ports(t),
        ),
    ),
    Command(
        issue_license.issue_license,
        Scope.LICENSES_WRITE,
        lambda t: (
            [issue_license.IssueLicense(product_slug=t.shop.product.slug)],
            ports(t) | {"keys": t.keys},
        ),
    ),
    Command(
        issue_licenses.issue_licenses,
        Scope.LICENSES_WRITE,
        lambda t: (
            [issue_licenses.IssueLicenses(product_slug=t.shop.product.slug, count=1)],
            ports(t) | {"keys": t.keys},
        ),
    ),
    Command(
        status.suspend_license,
        Scope.LICENSES_WRITE,
        lambda t: ([license_id(t)], ports(t) | {"reason": None}),
    ),
    Command(
        status.revoke_license,
        Scope.LICENSES_WRITE,
        lambda t: ([license_id(t)], ports(t) | {"reason": "why"}),
    ),
    Command(
        deactivate_machine.release_machine,
        Scope.MACHINES_WRITE,
        lambda t: ([machine_id(t)], ports(t) | {"reason": None}),
    ),
    Command(
        settings.pin_rate,
        Scope.RATES_WRITE,
        lambda t: ([Currency.USD, "65000"], ports(t)),
    ),
    Command(settings.cap_tips, Scope.MASTER, lambda t: ([5_000], ports(t))),
    Command(
        settings.set_late_payments,
        Scope.MASTER,
        lambda t: ([], ports(t) | {"is_accepted": True}),
    ),
    Command(
        settle_by_hand.settle_by_hand,
        Scope.INVOICES_WRITE,
        lambda t: (
            [settle_by_hand.SettleByHand(invoice_id=invoice_id(t), is_forced=True)],
            ports(t),
        ),
        audits=3,
        events=3,
    ),
    Command(
        rates.refresh_rate,
        Scope.RATES_WRITE,
        lambda t: (["USD"], {"clock": t.clock, "ids": t.ids, "rates": DOLLARS}),
    ),
    Command(
        record_backup.record_backup,
        Scope.BACKUPS_WRITE,
        lambda t: (
            [record_backup.RecordBackup(path="/b/k.db", began_at=t.clock.now(), size_bytes=9)],
            {"clock": t.clock},
        ),
        is_told=False,
    ),
    Command(
        activate_machine.activate_machine,
        None,
        lambda t: (
            [
                activate_machine.ActivateMachine(
                    payload=payload(t), candidate=Candidate(fingerprint="another")
                )
            ],
            ports(t) | {"facts": t.facts, "heartbeats": t.heartbeats},
        ),
    ),
    Command(
        deactivate_machine.deactivate_machine,
        None,
        lambda t: (
            [
                deactivate_machine.DeactivateMachine(
                    payload=payload(t), candidate=Candidate(fingerprint="seated")
                )
            ],
            ports(t),
        ),
    ),
]

READS: Final = [
    *ACCESS_READS,
    *WEBHOOK_READS,
    *SERVER_READS,
    *CODE_READS,
    *TIER_READS,
    Command(
        list_products.list_products,
        Scope.PRODUCTS_READ,
        lambda _: ([], {"is_inactive_included": True}),
    ),
    Command(list_products.show_product, Scope.PRODUCTS_READ, lambda t: ([t.shop.product.id], {})),
    Command(
        list_products.find_product_id, Scope.PRODUCTS_READ, lambda t: ([t.shop.product.slug], {})
    ),
    Command(
        list_policies.list_policies,
        Scope.POLICIES_READ,
        lambda t: ([list_policies.ListPolicies(product_slug=t.shop.product.slug)], {}),
    ),
    Command(list_policies.show_policy, Scope.POLICIES_READ, lambda t: ([t.shop.policy.id], {})),
    Command(
        list_policies.find_policy_id,
        Scope.POLICIES_READ,
        lambda t: ([t.shop.product.slug, t.shop.policy.slug], {}),
    ),
    Command(list_licenses.list_licenses, Scope.LICENSES_READ, lambda _: ([LicenseFilter()], {})),
    Command(list_licenses.show_license, Scope.LICENSES_READ, lambda t: ([license_id(t)], {})),
    Command(
        show_license_key.show_license_key,
        Scope.LICENSES_READ,
        lambda t: ([license_id(t)], {"keys": t.keys}),
    ),
    Command(
        list_licenses.summarize_licenses, Scope.LICENSES_READ, lambda t: ([], {"clock": t.clock})
    ),
    Command(list_licenses.count_licenses, Scope.LICENSES_READ, lambda _: ([], {})),
    Command(
        list_licenses.summarize_revenue, Scope.LICENSES_READ, lambda t: ([], {"clock": t.clock})
    ),
    Command(
        list_machines.list_machines,
        Scope.MACHINES_READ,
        lambda t: ([MachineFilter()], {"heartbeats": t.heartbeats}),
    ),
    Command(list_tips.list_tips, Scope.POLICIES_READ, lambda _: ([TipFilter()], {})),
    Command(settings.find_tips_cap, Scope.POLICIES_READ, lambda _: ([], {})),
    Command(list_invoices.list_invoices, Scope.INVOICES_READ, lambda _: ([InvoiceFilter()], {})),
    Command(list_invoices.show_invoice, Scope.INVOICES_READ, lambda t: ([invoice_id(t)], {})),
    Command(settle_by_hand.needs_asking, Scope.INVOICES_WRITE, lambda t: ([invoice_id(t)], {})),
    Command(settings.show_late_payments, Scope.SETTINGS_READ, lambda _: ([], {})),
    Command(list_profiles.list_profiles, Scope.MERCHANT_PROFILES_READ, lambda _: ([], {})),
    Command(
        list_profiles.show_profile,
        Scope.MERCHANT_PROFILES_READ,
        lambda t: ([t.shop.profile.id], {}),
    ),
    Command(list_profiles.show_default_accounts, Scope.PAYMENT_PROVIDERS_READ, lambda _: ([], {})),
    Command(show_tier.show_tier, Scope.TIER_READ, lambda _: ([], {"self_license": PATRON})),
    Command(list_audit.list_audit, Scope.AUDIT_READ, lambda _: ([AuditFilter()], {})),
    Command(verify_audit.verify_audit, Scope.AUDIT_READ, lambda _: ([], {})),
    Command(verify_audit.check_audit_end, Scope.AUDIT_READ, lambda _: ([], {})),
]


def name_of(command: Command) -> str:
    return command.use_case.__name__


every_command = pytest.mark.parametrize("command", COMMANDS, ids=name_of)
guarded = pytest.mark.parametrize(
    "command", [each for each in COMMANDS + READS if each.scope is not None], ids=name_of
)


@pytest.fixture
def trade(tmp_path: Path) -> Trade:
    """A shop that is selling something, and has a license with one seat taken."""
    trade = open_trade(tmp_path / DATABASE)
    issued = trade.issue(policy_slug=trade.shop.policy.slug, max_machines=0)
    trade.validate(issued.key, "seated")
    trade.open()
    return trade


def rows_in(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, as another program reads them."""
    connection = apsw.Connection(str(folder / DATABASE), flags=apsw.SQLITE_OPEN_READONLY)
    tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    rows = {
        str(name): connection.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608
        for (name,) in connection.execute(tables).fetchall()
    }
    connection.close()
    return rows


@guarded
def test_a_credential_without_the_scope_is_forbidden_and_nothing_is_written(
    command: Command, trade: Trade, tmp_path: Path
) -> None:
    assert command.scope is not None
    given, keywords = command.given(trade)
    before = rows_in(tmp_path)
    watched = WatchedStore(trade.store)
    with pytest.raises(Forbidden):
        command.use_case(operator_without(command.scope), *given, store=watched, **keywords)
    assert watched.steps == []
    assert rows_in(tmp_path) == before


@guarded
def test_a_credential_with_no_other_scope_is_let_through(command: Command, trade: Trade) -> None:
    assert command.scope is not None
    given, keywords = command.given(trade)
    actor = msgspec.structs.replace(OPERATOR, scopes=frozenset({command.scope}))
    command.use_case(actor, *given, store=trade.store, **keywords)


@every_command
def test_a_command_killed_before_its_commit_leaves_nothing_behind(
    command: Command, trade: Trade, tmp_path: Path
) -> None:
    given, keywords = command.given(trade)
    before = rows_in(tmp_path)
    for step in range(1, 100):
        watched = WatchedStore(trade.store, dies_at=step)
        with pytest.raises(Killed):
            command.use_case(OPERATOR, *given, store=watched, **keywords)
        if watched.steps[-1] == "committed":
            assert rows_in(tmp_path) != before
            return
        assert rows_in(tmp_path) == before
    pytest.fail("it never commits")


@every_command
def test_a_command_is_one_transaction_with_its_audit_row_and_its_event(
    command: Command, trade: Trade
) -> None:
    given, keywords = command.given(trade)
    audits, events = trade.trail()
    watched = WatchedStore(trade.store)
    command.use_case(OPERATOR, *given, store=watched, **keywords)
    assert watched.steps.count("committed") == 1
    new_audits = trade.audits()[len(audits) :]
    new_events = trade.events()[len(events) :]
    expected = command.events if command.is_told else 0
    assert len(new_audits) == command.audits
    assert len(new_events) == expected
    now = trade.clock.now()
    assert [row.occurred_at for row in new_audits] == [now] * command.audits
    assert [row.occurred_at for row in new_events] == [now] * expected
    for audit in new_audits:
        assert (audit.actor_kind, audit.actor_hash) == (OPERATOR.kind, OPERATOR.hash)
        assert audit.target_kind
        assert audit.target_id
