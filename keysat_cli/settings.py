"""Settings from the environment and ``.env``. Source: admin-api 4; decisions 6 and 11.

Every command needs to know where the database is; only the server needs the rest. What is wrong
is said by a ``ConfigurationError`` that names the variable and the remedy, never a secret.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from keysat_cli.env_file import FILE_NAME, read_env_file
from keysat_core.domain.secret import Secret
from keysat_core.domain.self_license import TRUST_ROOT_PEM, UPGRADE_BASE_URL
from keysat_core.errors import BadPEM, ConfigurationError
from keysat_core.signing import VerifyKey
from keysat_http.settings import PRIVATE_NETWORKS, Network

DB_PATH_DEFAULT: Final = "./data/keysat.db"
BIND_DEFAULT: Final = "0.0.0.0:8080"
LOG_LEVEL_DEFAULT: Final = "info"

ADMIN_KEY_BYTES_MIN: Final = 32
"""Source: admin-api 4."""

PORT_MAX: Final = 65_535

LICENSE_FILE_NAME: Final = "keysat-license.txt"
"""The operator's own license, beside the database (admin-api 4, Better)."""

_LEGACY: Final[Mapping[str, str]] = {
    f"KEYSAT_{name}": f"LICENSING_{name}"
    for name in ("BIND", "DB_PATH", "ADMIN_API_KEY", "PUBLIC_URL", "OPERATOR_NAME")
}
_PREFIXES: Final = ("KEYSAT_", "LICENSING_", "BTCPAY_")
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


class Environment:
    """Variables by name: surrounding white space does not count, an empty value is no value."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def find(self, name: str) -> str | None:
        """Give a variable, else its legacy name's value, else None."""
        for spelling in (name, _LEGACY.get(name, name)):
            value = self._text(spelling)
            if value:
                return value
        return None

    def conflicts(self) -> tuple[str, ...]:
        """Give the names whose legacy name is set to something else."""
        pairs = {name: {self._text(name), self._text(legacy)} for name, legacy in _LEGACY.items()}
        return tuple(name for name, texts in pairs.items() if "" not in texts and len(texts) > 1)

    def values_beside(self, name: str) -> dict[str, str]:
        """Give every other variable of Keysat's that is set, by the name it is set under."""
        skipped = {name, _LEGACY.get(name, name)}
        return {
            other: self._text(other)
            for other in self._variables
            if other.startswith(_PREFIXES) and other not in skipped and self._text(other)
        }

    def require(self, name: str, remedy: str) -> str:
        """Give a variable that must be set.

        Raises:
            ConfigurationError: it is not.
        """
        value = self.find(name)
        if value is None:
            raise ConfigurationError(name, f"is not set; {remedy}")
        return value

    def is_on(self, name: str, *, default: str = "0") -> bool:
        """Read a switch, which is off unless set or on by ``default``.

        Raises:
            ConfigurationError: it is neither a yes nor a no.
        """
        value = (self.find(name) or default).lower()
        if value not in _TRUE | _FALSE:
            raise ConfigurationError(name, "must be 1, true, yes or on; or 0, false, no or off")
        return value in _TRUE

    def _text(self, name: str) -> str:
        return self._variables.get(name, "").strip()


@dataclass(frozen=True, kw_only=True, slots=True)
class Bind:
    """Where the server listens. ``host`` is an IP address or ``localhost``, without brackets."""

    host: str
    port: int

    @property
    def own_host(self) -> str:
        """The address this machine itself reaches the server at, as it stands in a URL."""
        if self.host == "0.0.0.0":  # noqa: S104  compared, not bound
            return "127.0.0.1"
        if ":" in self.host:
            return "[::1]" if self.host == "::" else f"[{self.host}]"
        return self.host


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreSettings:
    """What every command on the database needs; files of Keysat's lie beside the database."""

    db_path: Path
    operator_name: str | None = None
    is_sandbox: bool = False
    self_license_key: Secret | None = None
    trust_root_pem: str = TRUST_ROOT_PEM
    upgrade_url: str = UPGRADE_BASE_URL

    @property
    def self_license_path(self) -> Path:
        """Where the operator's own license is looked for when no variable holds it."""
        return self.db_path.with_name(LICENSE_FILE_NAME)

    @property
    def sandbox_path(self) -> Path:
        """The pretend payment service's own books."""
        return self.db_path.with_name(f"{self.db_path.stem}-sandbox.db")


@dataclass(frozen=True, kw_only=True, slots=True)
class ServeSettings:
    """What the server needs. ``public_url`` has no trailing slash."""

    store: StoreSettings
    bind: Bind
    public_url: str
    admin_api_key: Secret
    trusted_proxies: tuple[Network, ...] = ()
    is_rate_limited: bool = True
    log_level: str = LOG_LEVEL_DEFAULT


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerSettings:
    """What a process needs that only runs background jobs.

    ``bind`` and ``public_url`` are those of the server, which the sandbox speaks to.
    """

    store: StoreSettings
    bind: Bind
    public_url: str
    log_level: str = LOG_LEVEL_DEFAULT


def load_environment(variables: Mapping[str, str], folder: Path) -> Environment:
    """Join the environment with ``.env`` of a folder; the environment wins.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    set_ones = {name: value for name, value in variables.items() if value.strip()}
    return Environment(read_env_file(folder / FILE_NAME) | set_ones)


def read_store_settings(environment: Environment) -> StoreSettings:
    """Read what every command on the database needs.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    license_key = environment.find("KEYSAT_LICENSE")
    upgrade_url = environment.find("KEYSAT_UPGRADE_URL")
    return StoreSettings(
        db_path=_db_path(environment.find("KEYSAT_DB_PATH") or DB_PATH_DEFAULT),
        operator_name=environment.find("KEYSAT_OPERATOR_NAME"),
        is_sandbox=(environment.find("KEYSAT_SANDBOX_MODE") or "").lower() in _TRUE,
        self_license_key=Secret(license_key) if license_key else None,
        trust_root_pem=_trust_root(environment.find("KEYSAT_TRUST_ROOT_PEM")),
        upgrade_url=_url("KEYSAT_UPGRADE_URL", upgrade_url) if upgrade_url else UPGRADE_BASE_URL,
    )


def read_serve_settings(environment: Environment) -> ServeSettings:
    """Read what the server needs.

    Raises:
        ConfigurationError: a setting is missing or wrong.
    """
    public_url = environment.require(
        "KEYSAT_PUBLIC_URL",
        "set it to the address buyers reach this server at, such as https://licenses.example.com",
    )
    return ServeSettings(
        store=read_store_settings(environment),
        bind=parse_bind(environment.find("KEYSAT_BIND") or BIND_DEFAULT),
        public_url=_url("KEYSAT_PUBLIC_URL", public_url),
        admin_api_key=_admin_api_key(environment),
        trusted_proxies=_trusted_proxies(environment),
        is_rate_limited=environment.is_on("KEYSAT_RATE_LIMITS", default="1"),
        log_level=environment.find("KEYSAT_LOG_LEVEL") or LOG_LEVEL_DEFAULT,
    )


def read_worker_settings(environment: Environment) -> WorkerSettings:
    """Read what a process needs that only runs background jobs.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    bind = parse_bind(environment.find("KEYSAT_BIND") or BIND_DEFAULT)
    public_url = environment.find("KEYSAT_PUBLIC_URL") or f"http://{bind.own_host}:{bind.port}"
    return WorkerSettings(
        store=read_store_settings(environment),
        bind=bind,
        public_url=_url("KEYSAT_PUBLIC_URL", public_url),
        log_level=environment.find("KEYSAT_LOG_LEVEL") or LOG_LEVEL_DEFAULT,
    )


def find_problem(environment: Environment) -> str | None:
    """Say what a server would refuse among the settings that are set; None if nothing."""
    try:
        public_url = environment.find("KEYSAT_PUBLIC_URL")
        if public_url is not None:
            _url("KEYSAT_PUBLIC_URL", public_url)
        if environment.find("KEYSAT_ADMIN_API_KEY") is not None:
            _admin_api_key(environment)
        parse_bind(environment.find("KEYSAT_BIND") or BIND_DEFAULT)
        _trusted_proxies(environment)
    except ConfigurationError as exc:
        return str(exc)
    return None


def real_path(path: Path) -> Path:
    """Give the file a link leads to: what belongs to a database lies beside that, not the link."""
    # A path that may not be looked at is nobody's link; pathlib would raise.
    return Path(os.path.realpath(path)) if os.path.islink(path) else path  # noqa: PTH114


def parse_bind(text: str) -> Bind:
    """Read ``address:port``; an IPv6 address stands in brackets.

    Raises:
        ConfigurationError: it is nothing of the kind.
    """
    host, _, port = text.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if is_bracketed else host
    is_port = port.isascii() and port.isdecimal() and int(port) <= PORT_MAX
    if not is_port or not _is_address(bare, is_ipv6=is_bracketed):
        raise ConfigurationError(
            "KEYSAT_BIND", f"{text!r} is not an address such as 0.0.0.0:8080 or [::]:8080"
        )
    return Bind(host=bare, port=int(port))


def _is_address(text: str, *, is_ipv6: bool) -> bool:
    if text == "localhost":
        return not is_ipv6
    try:
        return (ip_address(text).version == 6) is is_ipv6  # noqa: PLR2004  IP version 6
    except ValueError:
        return False


def _db_path(text: str) -> Path:
    path = Path(text).expanduser()
    if text.startswith(":") or path.name in {"", ".", ".."} or os.path.isdir(path):  # noqa: PTH112
        raise ConfigurationError("KEYSAT_DB_PATH", f"{text!r} must name a file, not a folder")
    return real_path(path)


def _trust_root(text: str | None) -> str:
    if text is None:
        return TRUST_ROOT_PEM
    # Many tools keep a variable on one line, so a written backslash-n stands for a line end.
    pem = text.replace("\\n", "\n")
    try:
        return VerifyKey.from_pem(pem).to_pem()
    except BadPEM as exc:
        raise ConfigurationError(
            "KEYSAT_TRUST_ROOT_PEM", f"{exc.problem}; leave it out to use Keysat's own"
        ) from exc


def _url(name: str, text: str) -> str:
    problem = f"{text!r} must be an http(s) address such as https://licenses.example.com"
    if not text.isprintable() or " " in text:
        raise ConfigurationError(name, problem)
    try:
        parts = urlsplit(text)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ConfigurationError(name, problem) from None
    if parts.scheme not in {"http", "https"} or not has_host:
        raise ConfigurationError(name, problem)
    if parts.query or parts.fragment or parts.username is not None:
        raise ConfigurationError(name, "must have neither a user, a ? nor a #")
    return text.rstrip("/")


def _admin_api_key(environment: Environment) -> Secret:
    remedy = "make one with: openssl rand -hex 32"
    text = environment.require("KEYSAT_ADMIN_API_KEY", remedy)
    if len(text.encode()) < ADMIN_KEY_BYTES_MIN:
        raise ConfigurationError(
            "KEYSAT_ADMIN_API_KEY", f"must have at least {ADMIN_KEY_BYTES_MIN} bytes; {remedy}"
        )
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ConfigurationError(
            "KEYSAT_ADMIN_API_KEY", f"must be plain characters without spaces; {remedy}"
        )
    return Secret(text)


def _trusted_proxies(environment: Environment) -> tuple[Network, ...]:
    listed = environment.find("KEYSAT_TRUSTED_PROXIES")
    is_behind_proxy = environment.is_on("KEYSAT_BEHIND_PROXY")
    if listed is None:
        return PRIVATE_NETWORKS if is_behind_proxy else ()
    networks: list[Network] = []
    for part in filter(None, (part.strip() for part in listed.split(","))):
        try:
            networks.append(ip_network(part))
        except ValueError:
            raise ConfigurationError(
                "KEYSAT_TRUSTED_PROXIES", f"{part!r} is not a network such as 10.0.0.0/8"
            ) from None
    return tuple(networks)
