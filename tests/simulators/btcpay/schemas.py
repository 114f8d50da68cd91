"""Turns BTCPay's OpenAPI 3.0 schemas into JSON Schema that says what they mean.

``nullable`` becomes a type of its own; ``allOf`` is merged, because a closed part (one with
``additionalProperties: false``) would otherwise refuse the fields of the other parts; ``oneOf``
becomes ``anyOf``, because the branches overlap; a schema with named properties is closed unless it
says otherwise, so that a misspelled field is noticed.
"""

from collections.abc import Mapping
from typing import Any, Final

Schema = dict[str, Any]

KEPT: Final = ("type", "enum", "minimum", "maximum", "required", "additionalProperties")
DECIMAL: Final = r"^-?[0-9]+(\.[0-9]+)?$"
UNDOCUMENTED: Final[Mapping[str, Schema]] = {
    "WebhookData": {"secret": {"type": "string", "nullable": True}},
    "WebhookDeliveryData": {"errorMessage": {"type": "string", "nullable": True}},
}
"""Fields that BTCPay answers and its document does not name or not so, by schema: a webhook that is
read carries ``"secret": null``, a delivery that went well ``"errorMessage": null``."""
CLOSED_BY_MISTAKE: Final = ("anyOf", "oneOf")
"""A closed schema without properties whose branches have them, as ``config`` of a payment method,
would refuse every value; it is taken for open."""


class SchemaBook:
    """The named schemas of one set of documents."""

    def __init__(self, named: Mapping[str, Schema]) -> None:
        self._named = named

    def plain(self, schema: Schema, *, is_closed: bool = True) -> Schema:
        """Convert a schema; ``is_closed`` closes what has properties and does not say."""
        merged = self._merged(schema)
        plain = _own_words(merged)
        properties = merged.get("properties")
        if properties is not None:
            plain["properties"] = {name: self.plain(part) for name, part in properties.items()}
            if is_closed:
                plain.setdefault("additionalProperties", False)
        if isinstance(merged.get("items"), dict):
            plain["items"] = self.plain(merged["items"])
        for word in CLOSED_BY_MISTAKE:
            if word in merged:
                plain["anyOf"] = [self.plain(part, is_closed=False) for part in merged[word]]
                if properties is None and plain.get("additionalProperties") is False:
                    del plain["additionalProperties"]
        if merged.get("nullable"):
            return {"anyOf": [plain, {"type": "null"}]}
        return plain

    def _merged(self, schema: Schema) -> Schema:
        """Follow references and fold ``allOf`` into one; the outer schema wins."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            merged = self._merged(self._named.get(name, {}))
            if name in UNDOCUMENTED:
                merged["properties"] = {**merged.get("properties", {}), **UNDOCUMENTED[name]}
            return merged
        merged = {name: value for name, value in schema.items() if name != "allOf"}
        for part in schema.get("allOf", ()):
            inner = self._merged(part)
            properties = {**inner.pop("properties", {}), **merged.get("properties", {})}
            merged = {**inner, **merged}
            if properties:
                merged["properties"] = properties
        return merged


def _own_words(merged: Schema) -> Schema:
    """Take over what says the same in JSON Schema; decimals in text get a pattern."""
    plain: Schema = {name: merged[name] for name in KEPT if name in merged}
    if merged.get("type") == "string" and merged.get("format") == "decimal":
        plain["pattern"] = DECIMAL
    return plain
