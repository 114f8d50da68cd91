"""Licenses and machines in every store."""

from abc import ABC, abstractmethod
from typing import Any

import msgspec
import pytest

from keysat_core.domain.ids import InvoiceId, LicenseId, MachineId, PolicyId, ProductId
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.listing import (
    LicenseCounts,
    LicenseFilter,
    LicenseSummary,
    MachineFilter,
    Total,
)
from keysat_core.errors import NotFound, StoreUnavailable
from keysat_core.ports.store import Store
from tests.support.builders import (
    NOW,
    make_invoice,
    make_license,
    make_machine,
    make_policy,
    make_product,
    new_id,
    stored_shop,
)

replace = msgspec.structs.replace


class LicensesContract(ABC):
    @pytest.fixture
    @abstractmethod
    def store(self) -> Store: ...

    def test_a_license_comes_back_whole(self, store: Store) -> None:
        shop = stored_shop(store)
        invoice = make_invoice(shop.product)
        license = make_license(
            shop.product,
            policy_id=shop.policy.id,
            invoice_id=invoice.id,
            status=LicenseStatus.REVOKED,
            expires_at=NOW + 1,
            grace_seconds=2,
            max_machines=0,
            is_trial=True,
            entitlements=("pro", "beta"),
            fingerprint="  raw\tfingerprint ",
            buyer_email="Buyer@Example.org",
            nostr_npub="npub1x",
            bound_identity="x",
            metadata={"note": ["a", 1]},
            suspended_at=NOW + 3,
            suspension_reason="s",
            revoked_at=NOW + 4,
            revocation_reason="r",
        )
        with store.writing() as tx:
            tx.invoices.put_invoice(invoice)
            tx.licenses.put_license(license)
        with store.reading() as tx:
            assert tx.licenses.find_license(license.id) == license
            assert tx.licenses.get_license(license.id) == license
            assert tx.licenses.find_license_for_invoice(invoice.id) == license

    def test_a_license_that_is_not_there_is_not_found(self, store: Store) -> None:
        with store.reading() as tx:
            assert tx.licenses.find_license(LicenseId(new_id())) is None
            assert tx.licenses.find_license_for_invoice(InvoiceId(new_id())) is None
            with pytest.raises(NotFound):
                tx.licenses.get_license(LicenseId(new_id()))

    def test_putting_a_license_again_replaces_it(self, store: Store) -> None:
        shop = stored_shop(store)
        license = make_license(shop.product, buyer_email="old@example.org")
        changed = replace(license, buyer_email=None, status=LicenseStatus.SUSPENDED)
        with store.writing() as tx:
            tx.licenses.put_license(license)
            tx.licenses.put_license(changed)
        with store.reading() as tx:
            assert tx.licenses.get_license(license.id) == changed
            assert tx.licenses.list_licenses(LicenseFilter(buyer_email="old@example.org")) == []

    def test_an_invoice_pays_for_one_license(self, store: Store) -> None:
        shop = stored_shop(store)
        invoice = make_invoice(shop.product)
        license = make_license(shop.product, invoice_id=invoice.id)
        with store.writing() as tx:
            tx.invoices.put_invoice(invoice)
            tx.licenses.put_license(license)
            tx.licenses.put_license(license)
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.licenses.put_license(make_license(shop.product, invoice_id=invoice.id))
        with store.reading() as tx:
            assert tx.licenses.find_license_for_invoice(invoice.id) == license

    @pytest.mark.parametrize("field", ["policy_id", "invoice_id", "product_id"])
    def test_a_license_of_something_unknown_is_refused(self, store: Store, field: str) -> None:
        shop = stored_shop(store)
        unknown: dict[str, Any] = {field: new_id()}
        stray = make_license(shop.product, **unknown)
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.licenses.put_license(stray)

    def test_licenses_are_listed_newest_first_a_page_at_a_time(self, store: Store) -> None:
        shop = stored_shop(store)
        licenses = [make_license(shop.product, issued_at=NOW + step) for step in range(5)]
        with store.writing() as tx:
            for license in licenses:
                tx.licenses.put_license(license)
        with store.reading() as tx:
            pages = [
                [row.license for row in tx.licenses.list_licenses(LicenseFilter(limit=2, offset=o))]
                for o in (0, 2, 4, 6)
            ]
        newest = licenses[::-1]
        assert pages == [newest[:2], newest[2:4], newest[4:], []]

    def test_licenses_of_one_second_are_paged_without_gap_or_repetition(self, store: Store) -> None:
        shop = stored_shop(store)
        licenses = {make_license(shop.product).id for _ in range(7)}
        with store.writing() as tx:
            for license_id in licenses:
                tx.licenses.put_license(make_license(shop.product, id=license_id))
        with store.reading() as tx:
            seen = [
                row.license.id
                for offset in range(0, 7, 3)
                for row in tx.licenses.list_licenses(LicenseFilter(limit=3, offset=offset))
            ]
        assert (len(seen), set(seen)) == (7, licenses)

    def test_a_listed_license_carries_the_names_of_its_product_and_tier(self, store: Store) -> None:
        shop = stored_shop(store)
        with store.writing() as tx:
            tx.licenses.put_license(make_license(shop.product, policy_id=shop.policy.id))
            tx.licenses.put_license(make_license(shop.product, issued_at=NOW + 1))
        with store.reading() as tx:
            without, with_tier = tx.licenses.list_licenses(LicenseFilter())
        assert (without.product_slug, without.policy_slug) == (shop.product.slug, None)
        assert with_tier.policy_slug == shop.policy.slug
        assert with_tier.policy_name == shop.policy.name

    def test_every_given_field_of_a_filter_must_match(self, store: Store) -> None:
        shop, other = stored_shop(store), make_product()
        invoice = make_invoice(
            shop.product, provider_account_id=shop.account.id, provider_invoice_id="at-provider"
        )
        wanted = make_license(
            shop.product,
            policy_id=shop.policy.id,
            invoice_id=invoice.id,
            status=LicenseStatus.SUSPENDED,
            buyer_email="a@example.org",
            nostr_npub="npub1",
        )
        with store.writing() as tx:
            tx.products.put_product(other)
            tx.invoices.put_invoice(invoice)
            tx.licenses.put_license(wanted)
            tx.licenses.put_license(make_license(other, buyer_email="b@example.org"))
        matching = LicenseFilter(
            product_id=shop.product.id,
            policy_id=shop.policy.id,
            status=LicenseStatus.SUSPENDED,
            buyer_email="a@example.org",
            nostr_npub="npub1",
            invoice_id=invoice.id,
        )
        misses = [
            LicenseFilter(product_id=ProductId(new_id())),
            LicenseFilter(policy_id=PolicyId(new_id())),
            LicenseFilter(status=LicenseStatus.REVOKED),
            LicenseFilter(buyer_email=""),
            LicenseFilter(nostr_npub="npub2"),
            LicenseFilter(invoice_id="elsewhere"),
            replace(matching, product_id=other.id),
            replace(matching, buyer_email="b@example.org"),
            replace(matching, offset=1),
        ]
        with store.reading() as tx:
            assert [row.license for row in tx.licenses.list_licenses(matching)] == [wanted]
            assert [tx.licenses.list_licenses(miss) for miss in misses] == [[]] * len(misses)

    def test_a_license_is_found_by_the_invoice_id_of_the_provider(self, store: Store) -> None:
        shop = stored_shop(store)
        invoice = make_invoice(
            shop.product, provider_account_id=shop.account.id, provider_invoice_id="at-provider"
        )
        license = make_license(shop.product, invoice_id=invoice.id)
        with store.writing() as tx:
            tx.invoices.put_invoice(invoice)
            tx.licenses.put_license(license)
        with store.reading() as tx:
            for known in (invoice.id, "at-provider"):
                rows = tx.licenses.list_licenses(LicenseFilter(invoice_id=known))
                assert [row.license for row in rows] == [license]

    @pytest.mark.parametrize(
        ("stored", "asked"),
        [
            ("Buyer@Example.org", "buyer@example.ORG"),
            ("\u00c9tienne@example.org", "\u00e9tienne@example.org"),
            ("stra\u00dfe@example.org", "STRASSE@example.org"),
            (
                "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2@example.org",
                "\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3@EXAMPLE.ORG",
            ),
        ],
    )
    def test_email_is_compared_without_case(self, store: Store, stored: str, asked: str) -> None:
        shop = stored_shop(store)
        license = make_license(shop.product, buyer_email=stored)
        with store.writing() as tx:
            tx.licenses.put_license(license)
        with store.reading() as tx:
            rows = tx.licenses.list_licenses(LicenseFilter(buyer_email=asked))
            assert [row.license for row in rows] == [license]

    def test_wild_cards_in_a_filter_match_only_themselves(self, store: Store) -> None:
        shop = stored_shop(store)
        with store.writing() as tx:
            tx.licenses.put_license(make_license(shop.product, buyer_email="a@example.org"))
        with store.reading() as tx:
            for wild in ("%", "_@example.org", "*"):
                assert tx.licenses.list_licenses(LicenseFilter(buyer_email=wild)) == []

    def test_the_summary_counts_by_status_and_age(self, store: Store) -> None:
        shop = stored_shop(store)
        ages = [0, DAY_SECONDS - 1, DAY_SECONDS, 7 * DAY_SECONDS - 1, 7 * DAY_SECONDS]
        statuses = [*LicenseStatus, LicenseStatus.ACTIVE, LicenseStatus.ACTIVE]
        with store.writing() as tx:
            assert tx.licenses.license_summary(NOW).total == 0
            for age, status in zip(ages, statuses, strict=True):
                license = make_license(shop.product, issued_at=NOW - age, status=status)
                tx.licenses.put_license(license)
        with store.reading() as tx:
            assert tx.licenses.license_summary(NOW) == LicenseSummary(
                total=5, active=3, suspended=1, revoked=1, last_24h=2, last_7d=4
            )

    def test_what_ends_soon_is_counted(self, store: Store) -> None:
        shop = stored_shop(store)
        ends = [None, NOW, NOW + 1, NOW + 30, NOW + 31]
        with store.writing() as tx:
            for end in ends:
                expires_at = None if end is None else Instant(end)
                tx.licenses.put_license(make_license(shop.product, expires_at=expires_at))
            tx.licenses.put_license(
                make_license(
                    shop.product, expires_at=Instant(NOW + 5), status=LicenseStatus.REVOKED
                )
            )
            assert tx.licenses.count_expiring(NOW, Instant(NOW + 30)) == Total(2)

    def test_licenses_are_counted_per_product_and_tier(self, store: Store) -> None:
        shop, other = stored_shop(store), make_product()
        with store.writing() as tx:
            tx.products.put_product(other)
            tx.licenses.put_license(make_license(shop.product, policy_id=shop.policy.id))
            tx.licenses.put_license(make_license(shop.product))
            tx.licenses.put_license(make_license(other))
        with store.reading() as tx:
            assert tx.licenses.license_counts() == LicenseCounts(
                by_product={shop.product.id: 2, other.id: 1}, by_policy={shop.policy.id: 1}
            )

    # --- machines -------------------------------------------------------------------------------

    def test_a_machine_comes_back_whole(self, store: Store) -> None:
        license = make_license(stored_shop(store).product)
        machine = make_machine(
            license,
            fingerprint=" raw \t",
            hostname="host",
            platform="linux",
            ip_last_seen="::1",
            last_heartbeat_at=NOW + 1,
        )
        gone = replace(machine, deactivated_at=NOW + 2, deactivation_reason="sold")
        with store.writing() as tx:
            tx.licenses.put_license(license)
            tx.machines.put_machine(machine)
            assert tx.machines.get_machine(machine.id) == machine
            assert tx.machines.find_live_machine(license.id, machine.fingerprint_hash) == machine
            tx.machines.put_machine(gone)
        with store.reading() as tx:
            assert tx.machines.get_machine(machine.id) == gone
            assert tx.machines.find_live_machine(license.id, machine.fingerprint_hash) is None
            with pytest.raises(NotFound):
                tx.machines.get_machine(MachineId(new_id()))

    def test_a_fingerprint_has_one_live_machine_on_a_license(self, store: Store) -> None:
        license = make_license(stored_shop(store).product)
        first = make_machine(license, fingerprint="one")
        with store.writing() as tx:
            tx.licenses.put_license(license)
            tx.machines.put_machine(first)
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.machines.put_machine(make_machine(license, fingerprint="one"))
        second = make_machine(license, fingerprint="one")
        with store.writing() as tx:
            tx.machines.put_machine(replace(first, deactivated_at=NOW))
            tx.machines.put_machine(second)
        with store.reading() as tx:
            assert tx.machines.find_live_machine(license.id, first.fingerprint_hash) == second

    def test_two_licenses_may_seat_one_fingerprint(self, store: Store) -> None:
        product = stored_shop(store).product
        licenses = [make_license(product), make_license(product)]
        with store.writing() as tx:
            for license in licenses:
                tx.licenses.put_license(license)
                tx.machines.put_machine(make_machine(license, fingerprint="one"))
        with store.reading() as tx:
            assert [tx.machines.count_live_machines(license.id) for license in licenses] == [1, 1]

    def test_only_live_machines_take_seats(self, store: Store) -> None:
        license = make_license(stored_shop(store).product)
        with store.writing() as tx:
            tx.licenses.put_license(license)
            for _ in range(3):
                tx.machines.put_machine(make_machine(license))
            tx.machines.put_machine(make_machine(license, deactivated_at=NOW))
        with store.reading() as tx:
            assert tx.machines.count_live_machines(license.id) == 3
            assert tx.machines.count_live_machines(LicenseId(new_id())) == 0

    def test_a_machine_of_an_unknown_license_is_refused(self, store: Store) -> None:
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.machines.put_machine(make_machine())

    def test_machines_are_listed_most_recently_seen_first(self, store: Store) -> None:
        shop, other = stored_shop(store), make_product(name="Other")
        policy = make_policy(shop.product)
        license = make_license(shop.product, buyer_email="a@b", policy_id=policy.id)
        elsewhere = make_license(other, status=LicenseStatus.REVOKED)
        old = make_machine(license, last_heartbeat_at=NOW - 9)
        new = make_machine(license, last_heartbeat_at=NOW + 9)
        gone = make_machine(license, deactivated_at=NOW)
        stranger = make_machine(elsewhere, last_heartbeat_at=NOW)
        with store.writing() as tx:
            tx.products.put_product(other)
            tx.policies.put_policy(policy)
            for each in (license, elsewhere):
                tx.licenses.put_license(each)
            for machine in (old, new, gone, stranger):
                tx.machines.put_machine(machine)

        def listed(**fields: object) -> list[str]:
            criteria = msgspec.convert(fields, MachineFilter)
            with store.reading() as tx:
                return [row.machine.id for row in tx.machines.list_machines(criteria)]

        assert listed() == [new.id, stranger.id, old.id]
        assert listed(license_id=license.id) == [new.id, old.id]
        assert listed(product_id=other.id) == [stranger.id]
        assert listed(license_id=license.id, product_id=other.id) == []
        assert listed(license_id=license.id, is_inactive_included=True) == [
            new.id,
            gone.id,
            old.id,
        ]
        assert listed(limit=1, offset=1) == [stranger.id]
        with store.reading() as tx:
            row = tx.machines.list_machines(MachineFilter(product_id=other.id))[0]
        assert row.machine == stranger
        assert (row.license_status, row.buyer_email) == (LicenseStatus.REVOKED, None)
        assert (row.product_id, row.product_slug, row.product_name) == (
            other.id,
            other.slug,
            "Other",
        )
