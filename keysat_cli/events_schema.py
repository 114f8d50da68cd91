"""``schema/events.schema.json``: what subscribers receive, made from the event classes."""

from typing import Any, Final

import msgspec

from keysat_core.domain.events import PUBLISHED_EVENTS, Event

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def events_schema() -> bytes:
    """Describe the body of every published event, one definition each."""
    kinds = dict(sorted(PUBLISHED_EVENTS.items()))
    names = [f"#/$defs/{name}" for name in kinds]
    document = {
        "$schema": DIALECT,
        "title": "Keysat event",
        "description": (
            "The body of an outgoing webhook. New fields and new events may be added; none is removed."
        ),
        "oneOf": [{"$ref": name} for name in names],
        "$defs": {name: _event(kind) for name, kind in kinds.items()},
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _event(kind: type[Event]) -> dict[str, Any]:
    data = _data(kind)
    return {
        "title": kind.event_type,
        "description": data.pop("description"),
        "type": "object",
        "properties": {
            "event_type": {"const": kind.event_type},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": data,
        },
        "required": ["event_type", "timestamp", "data"],
    }


def _data(kind: type[Event]) -> dict[str, Any]:
    (reference,), components = msgspec.json.schema_components(
        [kind], schema_hook=_any, ref_template="{name}"
    )
    data = dict(components[reference["$ref"]])
    # The tag is how the class is told from others in memory; a body says it by its event_type.
    data["properties"] = {name: one for name, one in data["properties"].items() if name != "type"}
    data["required"] = [name for name in data["required"] if name != "type"]
    del data["title"]
    data["description"] = data["description"].partition("\n")[0]
    return data


def _any(_: type) -> dict[str, Any]:
    """Describe a JSON document that may hold anything."""
    return {"description": "Any JSON value."}
