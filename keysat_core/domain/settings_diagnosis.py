"""What the doctor makes of settings that are each right and together wrong."""

from ipaddress import ip_address
from typing import Final

import msgspec

from keysat_core.domain.finding import Finding, failing, ok, warning
from keysat_core.domain.secret import Secret
from keysat_core.limits import ADMIN_KEY_CHARACTERS_MIN

_LOCAL_NAMES: Final = (".localhost", ".local", ".lan", ".home.arpa", ".internal", ".onion")
"""Names no public certificate is given for (RFC 6761, 6762, 7686, 8375)."""

_EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  compared, not bound


class SettingsFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Settings as one process sees them; None where they are not set.

    Attributes:
        problem: What a setting that cannot be read at all is told, with the remedy.
        public_scheme: ``http`` or ``https``.
        public_host: The host buyers are sent to.
        bind_host: The address listened on.
        is_behind_proxy: What ``KEYSAT_BEHIND_PROXY`` says.
        has_proxy_list: Whether ``KEYSAT_TRUSTED_PROXIES`` is set.
        admin_key: The master key.
        other_secrets: Values of other settings, by name.
        legacy_conflicts: Settings whose older name is set to something else.
        license_variable: The operator's own license from the variable.
        license_file: The same from the file.
        is_sandbox: Whether payments are pretended.
        has_real_sales: Whether the database has sold for real money.
        has_pretend_sales: Whether it has sold for pretend money.
    """

    problem: str | None = None
    public_scheme: str | None = None
    public_host: str | None = None
    bind_host: str | None = None
    is_behind_proxy: bool | None = None
    has_proxy_list: bool = False
    admin_key: Secret | None = None
    other_secrets: dict[str, Secret] = {}
    legacy_conflicts: tuple[str, ...] = ()
    license_variable: Secret | None = None
    license_file: Secret | None = None
    is_sandbox: bool = False
    has_real_sales: bool = False
    has_pretend_sales: bool = False


def judge_settings(facts: SettingsFacts) -> list[Finding]:
    """Judge settings against each other and against the database."""
    found = [
        *_unreadable(facts),
        *_names(facts),
        *_money(facts),
        *_admin_key(facts),
        *_addresses(facts),
        *_proxies(facts),
        *_license(facts),
    ]
    return found or ok("no setting contradicts another")


def is_public_host(host: str) -> bool:
    """Tell whether a host is one that strangers can reach by this name."""
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith(_LOCAL_NAMES)


def is_own_host(host: str) -> bool:
    """Tell whether a host means the machine that asks."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _unreadable(facts: SettingsFacts) -> list[Finding]:
    if facts.problem is None:
        return []
    return [failing(facts.problem, "correct the setting; the server does not start with it")]


def _names(facts: SettingsFacts) -> list[Finding]:
    return [
        failing(
            f"{name} and its older name LICENSING_{name.removeprefix('KEYSAT_')} differ",
            f"remove the older one; {name} is what counts",
        )
        for name in facts.legacy_conflicts
    ]


def _money(facts: SettingsFacts) -> list[Finding]:
    if facts.is_sandbox and facts.has_real_sales:
        return [
            failing(
                "sandbox mode is on, but this database has sold for real money",
                "remove KEYSAT_SANDBOX_MODE; try things out on a database of their own",
            )
        ]
    if not facts.is_sandbox and facts.has_pretend_sales:
        return [
            failing(
                "sandbox mode is off, but this database has sold for pretend money",
                "sell from a fresh database; licenses in this one were not paid for",
            )
        ]
    return []


def _admin_key(facts: SettingsFacts) -> list[Finding]:
    if facts.admin_key is None:
        return []
    key = facts.admin_key.reveal()
    remedy = "make a new KEYSAT_ADMIN_API_KEY with: openssl rand -hex 32"
    found = [
        failing(f"KEYSAT_ADMIN_API_KEY is the same as {name}", remedy)
        for name, secret in sorted(facts.other_secrets.items())
        if secret.reveal() == key
    ]
    if len(set(key)) < ADMIN_KEY_CHARACTERS_MIN:
        found.append(failing("KEYSAT_ADMIN_API_KEY can be guessed", remedy))
    return found


def _addresses(facts: SettingsFacts) -> list[Finding]:
    host = facts.public_host
    if host is None:
        return []
    if is_own_host(host) and facts.bind_host in _EVERYWHERE:
        return [
            warning(
                f"buyers are sent to {host}, their own machine, while the server listens everywhere",
                "set KEYSAT_PUBLIC_URL to the address buyers use, or KEYSAT_BIND to 127.0.0.1",
            )
        ]
    if facts.public_scheme == "http" and is_public_host(host):
        return [
            warning(
                f"{host} is public, but KEYSAT_PUBLIC_URL is http: keys travel in the clear",
                "put a proxy with TLS in front and set KEYSAT_PUBLIC_URL to its https address",
            )
        ]
    return []


def _proxies(facts: SettingsFacts) -> list[Finding]:
    if facts.has_proxy_list and facts.is_behind_proxy is not None:
        said = "on" if facts.is_behind_proxy else "off"
        return [
            warning(
                f"KEYSAT_TRUSTED_PROXIES is set and KEYSAT_BEHIND_PROXY is {said}; only the list counts",
                "remove KEYSAT_BEHIND_PROXY, or the list",
            )
        ]
    is_trusting = facts.has_proxy_list or bool(facts.is_behind_proxy)
    if facts.public_scheme == "https" and not is_trusting:
        return [
            warning(
                "KEYSAT_PUBLIC_URL is https, so a proxy is in front, but none is trusted:"
                " all buyers share one rate limit",
                "set KEYSAT_TRUSTED_PROXIES to the proxy's address, or KEYSAT_BEHIND_PROXY=1",
            )
        ]
    return []


def _license(facts: SettingsFacts) -> list[Finding]:
    variable, file = facts.license_variable, facts.license_file
    if variable is None or file is None or variable.reveal().strip() == file.reveal().strip():
        return []
    return [
        warning(
            "KEYSAT_LICENSE and the license file hold different licenses; the variable counts",
            "remove the one that is out of date",
        )
    ]
