"""Holds every exchange against BTCPay's own OpenAPI documents, kept unmodified in ``openapi/``.

Where BTCPay and its documents differ, the double does as BTCPay does, and the check knows:

* Invalid fields are answered with 422, which most operations do not document (they say 400).
* 400 is documented as an array of fields; a store that cannot take money answers one problem.
* 401, 403, 404 and 503 are one problem everywhere, documented or not.
* 2.4.1 documents invoices and webhooks without their store in the path; the store-scoped paths,
  which every version has, are held against those.
* A webhook that is read carries ``secret: null`` (``schemas.UNDOCUMENTED``).
* Amounts are text in both directions. BTCPay also reads numbers; the check does not let our client
  send one.
* Paying by lightning takes ``canuselightningnode``; 2.4.1 documents
  ``cancreatelightninginvoice``. The double asks for the first, which every version accepts.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema_rs

from tests.simulators.btcpay.schemas import Schema, SchemaBook
from tests.simulators.exchange import Request, Response, UnreadableBody

FOLDER: Final = Path(__file__).parent / "openapi"
NEWEST: Final = "v2.4.1"
PROBLEM: Final[Schema] = {"$ref": "#/components/schemas/ProblemDetails"}
INVALID: Final[Schema] = {"$ref": "#/components/schemas/ValidationProblemDetails"}
ERRORS: Final[Mapping[int, Schema]] = {
    400: {"anyOf": [PROBLEM, INVALID]},
    422: INVALID,
    **dict.fromkeys((401, 403, 404, 409, 429, 503), PROBLEM),
}
MISSING_PERMISSION: Final[Schema] = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("code", "message", "missingPermission")},
    "required": ["code", "message", "missingPermission"],
}
STORELESS: Final = re.compile(r"^/api/v1/stores/\{storeId\}(/(?:invoices|webhooks)/\{.*)$")


class ContractBroken(AssertionError):
    """A request or an answer is not what BTCPay documents."""


class Contract:
    """The documents of one version. Validators are compiled once, when first needed."""

    def __init__(self, folder: str) -> None:
        self._paths: dict[str, dict[str, Any]] = {}
        self._webhooks: dict[str, Any] = {}
        self._parameters: dict[str, Any] = {}
        named: dict[str, Schema] = {}
        for path in _documents(folder):
            document = json.loads(path.read_text(encoding="utf-8"))
            self._paths.update(document.get("paths", {}))
            self._webhooks.update(document.get("x-webhooks", {}))
            components = document.get("components", {})
            self._parameters.update(components.get("parameters", {}))
            named.update(components.get("schemas", {}))
        self._book = SchemaBook(named)
        self._validators: dict[tuple[str, ...], jsonschema_rs.Validator] = {}

    def check_request(self, path: str, request: Request) -> None:
        """Hold a request against the operation of a path template.

        Raises:
            ContractBroken: The operation, a query parameter or the body is not documented so.
        """
        operation = self._operation(request.method, path)
        if operation is None:
            raise ContractBroken(f"{request.method} {path} is not documented")
        where = f"{request.method} {path}"
        self._check_query(where, operation, request.query)
        schema = _json_schema(operation.get("requestBody", {}))
        if schema is None:
            if request.body:
                raise ContractBroken(f"{where} takes no body")
            return
        try:
            value = request.json()
        except UnreadableBody as error:
            raise ContractBroken(f"{where}: the body is not JSON: {error}") from error
        self._check((where, "body"), schema, value)

    def check_answer(self, method: str, path: str, answer: Response) -> None:
        """Hold an answer against the operation.

        Raises:
            ContractBroken: The status or the body is not documented so.
        """
        operation = self._operation(method, path)
        if operation is None:
            return
        where, status = f"{method} {path}", answer.status
        if status >= 400:
            if answer.headers.get("content-type", "").startswith("application/json"):
                schema = MISSING_PERMISSION if status == 403 else ERRORS.get(status, {})
                self._check((where, str(status)), schema, answer.json())
            return
        documented = operation["responses"]
        # A redirect is documented as 307 and sent as 303 or 302, depending on the version.
        if str(status) not in documented and status < 300:
            raise ContractBroken(f"{where} does not document {status}")
        content = _json_schema(documented.get(str(status), {}))
        if content is not None:
            self._check((where, str(status)), content, answer.json())

    def check_webhook(self, event_type: str, body: bytes) -> None:
        """Hold the body of a webhook against its event; an event without documents passes.

        Raises:
            ContractBroken: It is documented otherwise.
        """
        documented = self._webhooks.get(event_type)
        if documented is None:
            return
        schema = _json_schema(documented["post"]["requestBody"])
        if schema is not None:
            self._check(("webhook", event_type), schema, json.loads(body))

    def permissions(self, method: str, path: str) -> list[str] | None:
        """List what an operation is documented to take; None when it is not documented."""
        operation = self._operation(method, path)
        if operation is None:
            return None
        return [name for way in operation.get("security", []) for name in way.get("API_Key", [])]

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        documented = self._paths.get(path)
        if documented is None and (scoped := STORELESS.match(path)):
            documented = self._paths.get("/api/v1" + scoped[1])
        if documented is None:
            return None
        operation: dict[str, Any] | None = documented.get(method.lower())
        if operation is None:
            return None
        shared = documented.get("parameters", [])
        return {**operation, "parameters": [*shared, *operation.get("parameters", [])]}

    def _check_query(
        self, where: str, operation: dict[str, Any], query: Iterable[tuple[str, str]]
    ) -> None:
        known = {}
        for given in operation["parameters"]:
            name = given.get("$ref", "").rpartition("/")[2]
            parameter = self._parameters.get(name, given)
            if parameter.get("in") == "query":
                known[parameter["name"]] = parameter["schema"]
        for name, text in query:
            if name not in known:
                raise ContractBroken(f"{where} documents no query parameter {name!r}")
            schema = known[name]
            item = schema.get("items", schema)
            self._check((where, "query", name), item, _typed(item, text))

    def _check(self, key: tuple[str, ...], schema: Schema, value: object) -> None:
        validator = self._validators.get(key)
        if validator is None:
            validator = jsonschema_rs.validator_for(self._book.plain(schema))
            self._validators[key] = validator
        error = next(iter(validator.iter_errors(value)), None)
        if error is not None:
            at = "/".join(str(step) for step in error.instance_path) or "the whole"
            raise ContractBroken(f"{' '.join(key)}: {at}: {error.message}")


def _documents(folder: str) -> list[Path]:
    """List the documents of a version; what it has none of here is taken from the newest."""
    paths = {path.name: path for path in (FOLDER / NEWEST).glob("*.json")}
    paths.update((path.name, path) for path in (FOLDER / folder).glob("*.json"))
    return sorted(paths.values())


def _json_schema(part: Mapping[str, Any]) -> Schema | None:
    schema: Schema | None = part.get("content", {}).get("application/json", {}).get("schema")
    return schema


def _typed(schema: Schema, text: str) -> object:
    """Read a query value as its schema means it; unreadable text stays text and is refused."""
    if schema.get("type") == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if schema.get("type") == "number" or "UnixTimestamp" in schema.get("$ref", ""):
        try:
            return float(text)
        except ValueError:
            return text
    return text


@cache
def contract_of(folder: str) -> Contract:
    """Read the documents of a version once per process."""
    return Contract(folder)
