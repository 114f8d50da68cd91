"""What this server is and with which public key its licenses verify. Source: public-api 4."""

from typing import Final, Literal

import msgspec
from litestar.di import NamedDependency

from keysat_core.errors import SigningKeyUnusable
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.server.settings import find_operator_name
from keysat_http.routes import get
from keysat_http.settings import HTTPSettings

KEY_FORMAT_VERSION: Final = 2
"""Source: public-api 4: the version of the license keys issued."""


class ServiceInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What ``GET /`` says."""

    version: str
    operator: str | None
    public_key_pem: str
    service: Literal["keysat"] = "keysat"
    key_algorithm: Literal["ed25519"] = "ed25519"
    key_format_version: int = KEY_FORMAT_VERSION


class PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """What ``GET /v1/pubkey`` says."""

    public_key_pem: str
    algorithm: Literal["ed25519"] = "ed25519"


class IssuerPublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """What ``GET /v1/issuer/public-key`` says."""

    public_key_pem: str
    key_algorithm: Literal["ed25519"] = "ed25519"
    key_format_version: int = KEY_FORMAT_VERSION


@get("/", is_inline=True, raises=[SigningKeyUnusable], tags=["meta"])
def get_service_info(
    ports: NamedDependency[Ports], settings: NamedDependency[HTTPSettings]
) -> ServiceInfo:
    """Describe this server."""
    return ServiceInfo(
        version=settings.version,
        operator=operator_name(ports, settings),
        public_key_pem=_public_key_pem(ports),
    )


@get("/v1/pubkey", is_inline=True, raises=[SigningKeyUnusable], tags=["meta"])
def get_public_key(ports: NamedDependency[Ports]) -> PublicKey:
    """Give the key that verifies this server's licenses."""
    return PublicKey(public_key_pem=_public_key_pem(ports))


@get("/v1/issuer/public-key", is_inline=True, raises=[SigningKeyUnusable], tags=["meta"])
def get_issuer_public_key(ports: NamedDependency[Ports]) -> IssuerPublicKey:
    """Give the key that verifies this server's licenses, under its second published address."""
    return IssuerPublicKey(public_key_pem=_public_key_pem(ports))


def operator_name(ports: Ports, settings: HTTPSettings) -> str | None:
    """Give the live setting, else the configured name, else None."""
    return find_operator_name(store=ports.store) or settings.operator_name or None


def _public_key_pem(ports: Ports) -> str:
    return ports.keys.signing_key().verify_key.to_pem()
