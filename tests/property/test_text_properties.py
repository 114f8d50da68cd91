"""Text and instants from outside: what is accepted can be stored and read back (lifecycles 0)."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keysat_core.domain.document import checked_document, checked_object
from keysat_core.domain.entitlement import CatalogEntry, checked_catalog, checked_entitlements
from keysat_core.domain.instant import Instant, checked_instant, parse_rfc3339, rfc3339
from keysat_core.domain.text import (
    checked_range,
    checked_slug,
    checked_text,
    cut_text,
    is_encodable,
    optional_text,
)
from keysat_core.errors import InvariantError
from keysat_core.limits import CATALOG_ENTRIES_MAX, INSTANT_MAX, METADATA_BYTES_MAX
from keysat_core.testing import strategies

anything = st.text(st.characters() | st.sampled_from("\0\ud800\udfff \t\n"), max_size=12)


@given(anything, st.booleans())
def test_accepted_text_is_unchanged_and_can_be_stored(text: str, required: object) -> None:
    is_fine = (
        "\0" not in text
        and not re.search("[\ud800-\udfff]", text)
        and len(text) <= 8
        and (bool(text.strip()) or not required)
    )
    assert is_encodable(text) is (re.search("[\ud800-\udfff]", text) is None)
    if is_fine:
        assert checked_text(text, field="f", chars_max=8, required=bool(required)) == text
        assert text.encode().decode() == text
    else:
        with pytest.raises(InvariantError) as refused:
            checked_text(text, field="f", chars_max=8, required=bool(required))
        assert refused.value.field == "f"


@given(st.none() | strategies.texts())
def test_blank_optional_text_is_absent_and_other_text_is_trimmed(text: str | None) -> None:
    expected = (text or "").strip() or None
    assert optional_text(text, field="f", chars_max=40) == expected


@given(strategies.texts(60), st.integers(1, 50))
def test_descriptive_text_is_cut_and_never_refused_for_its_length(text: str, most: int) -> None:
    cut = cut_text(text, most, field="f")
    assert cut == (text[:most].strip() or None)


@given(st.from_regex(r"[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True))
def test_a_slug_that_stands_in_a_url_as_it_is_is_accepted(slug: str) -> None:
    assert checked_slug(slug) == slug


@pytest.mark.parametrize(
    "slug", ["", "-a", "_a", "A", "a b", "a/b", "\u00e4", "a" * 65, "a\n", "a%", "\u0661"]
)
def test_any_other_slug_is_refused(slug: str) -> None:
    with pytest.raises(InvariantError):
        checked_slug(slug)


@given(st.integers(), st.integers(-5, 5), st.integers(-5, 5))
def test_both_ends_of_a_range_belong_to_it(value: int, low: int, high: int) -> None:
    for number in (value, low - 1, low, high, high + 1):
        if low <= number <= high:
            assert checked_range(number, field="f", low=low, high=high) == number
        else:
            with pytest.raises(InvariantError):
                checked_range(number, field="f", low=low, high=high)


# --- instants -----------------------------------------------------------------------------------


@given(strategies.instants())
def test_an_instant_reads_back_from_its_own_spelling(instant: Instant) -> None:
    text = rfc3339(instant)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text)
    assert parse_rfc3339(text, field="f") == instant
    assert parse_rfc3339(text.lower(), field="f") == instant


@settings(max_examples=300)
@given(
    st.datetimes(min_value=datetime(1970, 1, 3), max_value=datetime(9999, 12, 30)),  # noqa: DTZ001
    st.integers(-1_439, 1_439),
)
def test_an_offset_is_applied_and_a_fraction_is_cut_off(moment: datetime, minutes: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    exact = aware - datetime(1970, 1, 1, tzinfo=UTC)
    whole = exact.days * 86_400 + exact.seconds
    assert parse_rfc3339(aware.isoformat(), field="f") == whole


@given(st.text(st.sampled_from("0123456789-:.TtZz+ W\u0661\ud800"), max_size=30))
def test_what_is_no_instant_is_refused_and_nothing_else_is_raised(text: str) -> None:
    with suppress(InvariantError):
        assert 0 <= parse_rfc3339(text, field="expires_at") <= INSTANT_MAX


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2027-01-31",
        "2027-01-31T00:00:00",
        "2027-13-31T00:00:00Z",
        "2027-02-30T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "2027-01-31x00:00:00Z",
        "\u0662027-01-31T00:00:00Z",
    ],
)
def test_an_instant_without_date_time_and_offset_is_refused(text: str) -> None:
    with pytest.raises(InvariantError):
        parse_rfc3339(text, field="f")


@pytest.mark.parametrize(("seconds", "is_fine"), [(-1, False), (0, True), (INSTANT_MAX, True)])
def test_an_instant_lies_between_1970_and_9999(seconds: int, is_fine: object) -> None:
    if is_fine:
        assert checked_instant(seconds, field="f") == seconds
        return
    with pytest.raises(InvariantError):
        checked_instant(seconds, field="f")


def test_the_first_second_of_the_year_10000_cannot_be_spelled() -> None:
    with pytest.raises(InvariantError):
        checked_instant(INSTANT_MAX + 1, field="f")


# --- documents, entitlements, catalogs ----------------------------------------------------------


@given(strategies.documents())
def test_an_accepted_document_reads_back_the_same(value: object) -> None:
    accepted = checked_document(value, field="metadata")
    assert msgspec.json.decode(msgspec.json.encode(accepted)) == value
    if isinstance(value, dict):
        assert checked_object(value, field="metadata") == value
    else:
        with pytest.raises(InvariantError):
            checked_object(value, field="metadata")


def nested(depth: int) -> object:
    value: object = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value", ["x" * METADATA_BYTES_MAX, "\ud800", object(), {"a": {1, object()}}, nested(5_000)]
)
def test_a_document_that_cannot_be_stored_is_refused(value: object) -> None:
    with pytest.raises(InvariantError):
        checked_document(value, field="metadata")


@given(strategies.entitlements(), strategies.catalogs())
def test_entitlements_are_kept_in_order_and_only_those_of_a_catalog(
    slugs: tuple[str, ...], catalog: tuple[CatalogEntry, ...]
) -> None:
    known = {entry.slug for entry in catalog}
    if not catalog or set(slugs) <= known:
        assert checked_entitlements(slugs, catalog) == slugs
    else:
        with pytest.raises(InvariantError):
            checked_entitlements(slugs, catalog)
    assert checked_entitlements(tuple(known), catalog) == tuple(known)


@pytest.mark.parametrize("slug", ["", " ", "nul\0", "\ud800", "x" * 256])
def test_an_entitlement_no_key_can_carry_is_refused(slug: str) -> None:
    with pytest.raises(InvariantError):
        checked_entitlements((slug,))


@given(strategies.catalogs())
def test_a_catalog_of_plain_slugs_is_accepted_as_it_is(catalog: tuple[CatalogEntry, ...]) -> None:
    assert checked_catalog(catalog) == catalog


def entry(slug: str, **fields: str) -> CatalogEntry:
    return CatalogEntry(slug=slug, **({"name": ""} | fields))


@pytest.mark.parametrize(
    "catalog",
    [
        [entry("")],
        [entry("Upper")],
        [entry("a-b")],
        [entry("a"), entry("a")],
        [entry(f"e{number}") for number in range(CATALOG_ENTRIES_MAX + 1)],
        [entry("a", name="\0")],
        [entry("a", description="\ud800")],
        [entry("a", name="x" * 201)],
    ],
)
def test_a_catalog_that_breaks_a_rule_is_refused(catalog: list[CatalogEntry]) -> None:
    with pytest.raises(InvariantError):
        checked_catalog(catalog)


@pytest.mark.defects("D48")
def test_an_odd_slug_that_is_there_already_may_stay() -> None:
    old = (entry("Old Slug"),)
    assert checked_catalog([*old, entry("new")], present=old) == (*old, entry("new"))
    with pytest.raises(InvariantError):
        checked_catalog([entry("Other Slug")], present=old)
