"""Settings from the environment and ``.env``. Source: admin-api 4; decisions 6 and 11.

Every command needs to know where the database is; only the server needs the rest. What is wrong
is said by a ``ConfigurationError`` that names the variable and the remedy, never a secret.
"""

import os
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from keysat_cli.address import checked_address, find_address
from keysat_cli.backup_settings import FOLDER, BackupSettings, read_backup_settings
from keysat_cli.bind import Bind, parse_bind
from keysat_cli.btcpay_settings import BTCPayAddresses, read_btcpay_addresses
from keysat_cli.environment import Environment
from keysat_cli.rate_sources import RateSource, read_rate_sources
from keysat_core.domain.provider_address import webhook_base
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

LICENSE_FILE_NAME: Final = "keysat-license.txt"
"""The operator's own license, beside the database (admin-api 4, Better)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreSettings:
    """What every command on the database needs; files of Keysat's lie beside the database."""

    db_path: Path
    operator_name: str | None = None
    is_sandbox: bool = False
    self_license_key: Secret | None = None
    trust_root_pem: str = TRUST_ROOT_PEM
    upgrade_url: str = UPGRADE_BASE_URL
    btcpay: BTCPayAddresses = field(default_factory=BTCPayAddresses)
    rate_sources: tuple[RateSource, ...] = ()
    is_private_webhook_allowed: bool = False
    backups: BackupSettings = field(default_factory=BackupSettings)

    @property
    def backup_folder(self) -> Path:
        """Where backups are put, unless another place is named."""
        return self.backups.folder or self.db_path.parent / FOLDER

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
    is_cookie_secure: bool = True
    log_level: str = LOG_LEVEL_DEFAULT
    metrics_bind: Bind | None = None
    internal_url: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerSettings:
    """What a process needs that only runs background jobs.

    ``bind`` and ``public_url`` are those of the server, which the sandbox speaks to;
    ``known_public_url`` is None when nobody said what it is.
    """

    store: StoreSettings
    bind: Bind
    public_url: str
    known_public_url: str | None = None
    internal_url: str | None = None
    log_level: str = LOG_LEVEL_DEFAULT


def read_store_settings(environment: Environment) -> StoreSettings:
    """Read what every command on the database needs.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    license_key = environment.find("KEYSAT_LICENSE")
    upgrade_url = environment.find("KEYSAT_UPGRADE_URL")
    is_sandbox = environment.says_yes("KEYSAT_SANDBOX_MODE")
    return StoreSettings(
        db_path=_db_path(environment.find("KEYSAT_DB_PATH") or DB_PATH_DEFAULT),
        operator_name=environment.find("KEYSAT_OPERATOR_NAME"),
        is_sandbox=is_sandbox,
        self_license_key=Secret(license_key) if license_key else None,
        trust_root_pem=_trust_root(environment.find("KEYSAT_TRUST_ROOT_PEM")),
        upgrade_url=checked_address("KEYSAT_UPGRADE_URL", upgrade_url)
        if upgrade_url
        else UPGRADE_BASE_URL,
        btcpay=read_btcpay_addresses(environment),
        rate_sources=read_rate_sources(environment, is_sandbox=is_sandbox),
        is_private_webhook_allowed=environment.is_on("KEYSAT_WEBHOOK_ALLOW_PRIVATE"),
        backups=read_backup_settings(environment),
    )


def read_serve_settings(environment: Environment) -> ServeSettings:
    """Read what the server needs.

    Raises:
        ConfigurationError: a setting is missing or wrong.
    """
    return ServeSettings(
        store=read_store_settings(environment),
        bind=parse_bind(environment.find("KEYSAT_BIND") or BIND_DEFAULT),
        public_url=read_public_url(environment),
        admin_api_key=_admin_api_key(environment),
        trusted_proxies=_trusted_proxies(environment),
        is_rate_limited=environment.is_on("KEYSAT_RATE_LIMITS", default="1"),
        is_cookie_secure=not environment.is_on("KEYSAT_INSECURE_COOKIES"),
        log_level=environment.find("KEYSAT_LOG_LEVEL") or LOG_LEVEL_DEFAULT,
        metrics_bind=_metrics_bind(environment),
        internal_url=find_address(environment, "KEYSAT_INTERNAL_URL"),
    )


def read_public_url(environment: Environment) -> str:
    """Read the address buyers and payment providers reach the server at.

    Raises:
        ConfigurationError: it is missing or wrong.
    """
    text = environment.require(
        "KEYSAT_PUBLIC_URL",
        "set it to the address buyers reach this server at, such as https://licenses.example.com",
    )
    return checked_address("KEYSAT_PUBLIC_URL", text)


def read_webhook_base(environment: Environment, public_url: str) -> str:
    """Read the address a BTCPay Server reports to.

    Raises:
        ConfigurationError: ``KEYSAT_INTERNAL_URL`` is wrong.
    """
    return webhook_base(public_url, find_address(environment, "KEYSAT_INTERNAL_URL"))


def read_worker_settings(environment: Environment) -> WorkerSettings:
    """Read what a process needs that only runs background jobs.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    bind = parse_bind(environment.find("KEYSAT_BIND") or BIND_DEFAULT)
    known = find_address(environment, "KEYSAT_PUBLIC_URL")
    return WorkerSettings(
        store=read_store_settings(environment),
        bind=bind,
        public_url=known or f"http://{bind.own_host}:{bind.port}",
        known_public_url=known,
        internal_url=find_address(environment, "KEYSAT_INTERNAL_URL"),
        log_level=environment.find("KEYSAT_LOG_LEVEL") or LOG_LEVEL_DEFAULT,
    )


def find_problem(environment: Environment) -> str | None:
    """Say what a server would refuse among the settings that are set; None if nothing."""
    try:
        public_url = environment.find("KEYSAT_PUBLIC_URL")
        if public_url is not None:
            checked_address("KEYSAT_PUBLIC_URL", public_url)
        find_address(environment, "KEYSAT_INTERNAL_URL")
        if environment.find("KEYSAT_ADMIN_API_KEY") is not None:
            _admin_api_key(environment)
        parse_bind(environment.find("KEYSAT_BIND") or BIND_DEFAULT)
        _metrics_bind(environment)
        _trusted_proxies(environment)
        read_rate_sources(environment)
    except ConfigurationError as exc:
        return str(exc)
    return None


def real_path(path: Path) -> Path:
    """Give the file a link leads to: what belongs to a database lies beside that, not the link."""
    # A path that may not be looked at is nobody's link; pathlib would raise.
    return Path(os.path.realpath(path)) if os.path.islink(path) else path  # noqa: PTH114


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


def _admin_api_key(environment: Environment) -> Secret:
    remedy = "make one with: openssl rand -hex 32"
    text = environment.require("KEYSAT_ADMIN_API_KEY", remedy)
    if len(text.encode()) < ADMIN_KEY_BYTES_MIN:
        raise ConfigurationError(
            "KEYSAT_ADMIN_API_KEY", f"must have at least {ADMIN_KEY_BYTES_MIN} bytes; {remedy}"
        )
    if text.startswith("change-me"):
        raise ConfigurationError(
            "KEYSAT_ADMIN_API_KEY", f"is that of an example, which everybody knows; {remedy}"
        )
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ConfigurationError(
            "KEYSAT_ADMIN_API_KEY", f"must be plain characters without spaces; {remedy}"
        )
    return Secret(text)


def _metrics_bind(environment: Environment) -> Bind | None:
    text = environment.find("KEYSAT_METRICS_BIND")
    return None if text is None else parse_bind(text, setting="KEYSAT_METRICS_BIND")


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
