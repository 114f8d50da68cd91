"""Who collects a sale, against the table of payments 4.1 read step by step; and who may be preferred."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.instant import Instant
from keysat_core.domain.merchant import (
    SERVED_RAILS,
    ProviderAccount,
    ProviderKind,
    RailPreference,
    accounts_for_rail,
    disconnected,
)
from keysat_core.domain.payment import Rail
from keysat_core.errors import NoProvider
from tests.support.builders import make_account, make_profile

PROFILE = make_profile()
RAILS = st.sampled_from(Rail)


@st.composite
def accounts(draw: st.DrawFn) -> ProviderAccount:
    """An account of the profile; few instants, so that some are connected at the same time."""
    kind = draw(st.sampled_from(ProviderKind))
    own = st.lists(RAILS, min_size=1, unique=True).map(tuple)
    account = make_account(
        PROFILE,
        kind=kind,
        served_rails=draw(st.just(SERVED_RAILS[kind]) | own),
        connected_at=Instant(draw(st.integers(0, 3))),
    )
    return disconnected(account, Instant(9)) if draw(st.booleans()) else account


def chosen_of(listed: Sequence[ProviderAccount]) -> SearchStrategy[list[RailPreference]]:
    """At most one preference for each rail, whether or not it makes sense."""
    whom = st.sampled_from([account.id for account in (*listed, make_account(PROFILE))])
    return st.dictionaries(RAILS, whom).map(
        lambda given: [
            RailPreference(merchant_profile_id=PROFILE.id, rail=rail, provider_account_id=account)
            for rail, account in given.items()
        ]
    )


@st.composite
def sales(
    draw: st.DrawFn,
) -> tuple[list[ProviderAccount], Rail | None, list[RailPreference]]:
    listed = draw(st.lists(accounts(), max_size=4))
    return listed, draw(st.none() | RAILS), draw(chosen_of(listed))


def turn(account: ProviderAccount) -> tuple[bool, int, str]:
    """Earliest first, pretend money last."""
    return account.kind is ProviderKind.SANDBOX, account.connected_at, account.id


def expected(
    listed: Sequence[ProviderAccount], rail: Rail | None, preferences: Sequence[RailPreference]
) -> ProviderAccount | None:
    """The table as it is printed."""
    live = [account for account in listed if account.disconnected_at is None]
    if not live:
        return None
    if rail is None:
        rail = min(live, key=turn).served_rails[0]
    for preference in preferences:
        for account in live:
            is_meant = preference.rail is rail and account.id == preference.provider_account_id
            if is_meant and rail in account.served_rails:
                return account
    real = [account for account in live if account.kind is not ProviderKind.SANDBOX]
    serving = [account for account in real or live if rail in account.served_rails]
    return min(serving, key=turn, default=None)


@settings(max_examples=200)
@given(sale=sales(), data=st.data())
def test_who_collects_is_found_as_the_table_says_in_whichever_order_accounts_are_read(
    sale: tuple[list[ProviderAccount], Rail | None, list[RailPreference]], data: st.DataObject
) -> None:
    listed, rail, preferences = sale
    wanted = expected(listed, rail, preferences)
    shuffled = data.draw(st.permutations(listed))
    if wanted is None:
        with pytest.raises(NoProvider) as refused:
            accounts_for_rail(shuffled, rail, preferences)
        assert refused.value.rail in {None, rail}
    else:
        assert accounts_for_rail(shuffled, rail, preferences)[0] == wanted


@settings(max_examples=120)
@given(sale=sales())
def test_several_may_collect_only_where_nobody_chose(
    sale: tuple[list[ProviderAccount], Rail | None, list[RailPreference]],
) -> None:
    listed, rail, preferences = sale
    if expected(listed, rail, preferences) is None:
        return
    first, *others = accounts_for_rail(listed, rail, preferences)
    assert first.is_connected
    served = set(first.served_rails).intersection(*(other.served_rails for other in others))
    assert rail in served if rail else served
    if others:
        ruled = {one.provider_account_id for one in preferences if one.rail is rail}
        assert not ruled & {account.id for account in (first, *others)}
        assert all(turn(first) < turn(other) for other in others)
        assert len({account.kind is ProviderKind.SANDBOX for account in (first, *others)}) == 1
