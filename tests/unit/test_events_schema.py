"""``schema/events.schema.json`` says what subscribers receive."""

from typing import Any, Final

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given, settings

from keysat_core.domain.events import PUBLISHED_EVENT_TYPES, PUBLISHED_EVENTS, outbox_event
from keysat_core.domain.ids import EventId
from keysat_core.domain.instant import Instant
from keysat_core.testing import strategies as values
from tests.support.tree import ROOT

SCHEMA: Final[dict[str, Any]] = msgspec.json.decode(
    (ROOT / "schema" / "events.schema.json").read_bytes()
)
VALIDATOR: Final = jsonschema_rs.validator_for(SCHEMA, validate_formats=True)


@pytest.mark.parametrize("name", sorted(PUBLISHED_EVENTS))
def test_every_published_event_keeps_to_the_schema(name: str) -> None:
    kind = PUBLISHED_EVENTS[name]

    @settings(max_examples=20)
    @given(event=values.events(kind), now=values.instants())
    def check(event: Any, now: Instant) -> None:
        row = outbox_event(event, event_id=EventId("e"), now=now)
        body = msgspec.json.decode(row.body)
        VALIDATOR.validate(body)
        for field in SCHEMA["$defs"][name]["properties"]["data"]["required"]:
            less = body | {"data": {k: v for k, v in body["data"].items() if k != field}}
            assert not VALIDATOR.is_valid(less)

    check()


def test_only_published_events_are_in_it() -> None:
    assert set(SCHEMA["$defs"]) == PUBLISHED_EVENT_TYPES
    assert len(SCHEMA["oneOf"]) == len(PUBLISHED_EVENT_TYPES)
    assert not VALIDATOR.is_valid(
        {"event_type": "product.updated", "timestamp": "2027-01-01T00:00:00Z", "data": {}}
    )


def test_published_names_are_told_apart_by_one_class_each() -> None:
    assert all(kind.is_published for kind in PUBLISHED_EVENTS.values())
    assert {kind.event_type for kind in PUBLISHED_EVENTS.values()} == set(PUBLISHED_EVENTS)
