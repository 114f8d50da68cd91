"""Taking over a signing key. Source: admin-api 2.17, B-40."""

from dataclasses import dataclass
from typing import Final

from litestar import Request
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    RequestBody,
    Schema,
)

from keysat_core.domain.actor import Actor
from keysat_core.domain.secret import Secret
from keysat_core.errors import BadPEM, InvariantError, StillReferenced
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.server import import_issuer_key as use_case
from keysat_core.use_cases.server.import_issuer_key import ImportIssuerKey
from keysat_http.routes import post
from keysat_http.views.issuer_key import IssuerKeyImported

EXAMPLE: Final = (
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
    "-----END PRIVATE KEY-----\n"
)
"""The key whose bytes are 0 to 31, which nobody may use (RFC 8410, section 7 has the form)."""


@dataclass
class TakesPEM(Operation):
    """An operation whose body is PEM text, for the OpenAPI document."""

    def __post_init__(self) -> None:
        """Say so."""
        text = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING), example=EXAMPLE)
        self.request_body = RequestBody(content={"text/plain": text}, required=True)


@post(
    "/v1/admin/import-issuer-key",
    raises=[BadPEM, StillReferenced],
    sync_to_thread=None,
    operation_class=TakesPEM,
    tags=["server"],
)
async def import_issuer_key(
    request: Request[object, object, State],
    actor: NamedDependency[Actor],
    ports: NamedDependency[Ports],
) -> IssuerKeyImported:
    """Sign with the PKCS#8 PEM in the body from now on, whatever its type says. Master key only."""
    body = await request.body()
    return await sync_to_thread(_import, body, actor, ports)


def _import(body: bytes, actor: Actor, ports: Ports) -> IssuerKeyImported:
    try:
        pem = Secret(body.decode("utf-8"))
    except UnicodeDecodeError:
        # Its cause would hold the body, and so the key.
        raise InvariantError("body", "is not UTF-8 text") from None
    public_pem = use_case.import_issuer_key(
        actor,
        ImportIssuerKey(pem=pem),
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        keys=ports.keys,
    )
    return IssuerKeyImported(public_key_pem=public_pem)
