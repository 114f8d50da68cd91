"""The server itself: its own license, its settings, what it says of itself, and its key."""

from collections.abc import Mapping
from typing import Any, Final

import click
from msgspec import UNSET

from keysat_cli.commands.key import read_private_pem
from keysat_cli.commands.settings import ON_OFF, EverySetting, read_days
from keysat_cli.options import read_argument_or_stdin
from keysat_cli.remote.api import API
from keysat_cli.remote.row import Params, Remote, changed, narrowed

LICENSE: Final = "self-license"
ANALYTICS: Final = "community-analytics"
SETTINGS: Final = "settings"
NAME: Final = "operator-name"
LATE: Final = "accept-late-payments"
RETENTION: Final = "retention"

_KEPT: Final = {"keep-validations": "validation_days", "keep-deliveries": "delivery_days"}


def _show_license(api: API, p: Params) -> Any:
    del p
    return api.get(LICENSE)


def _activate(api: API, p: Params) -> Any:
    return api.post(LICENSE, body={"license_key": read_argument_or_stdin(p["text"])})


def _refresh(api: API, p: Params) -> Any:
    del p
    return api.post(LICENSE, "refresh")


def _show_settings(api: API, p: Params) -> Any:
    del p
    every = {
        "operator_name": api.get(SETTINGS, NAME),
        "accept_late_payments": api.get(SETTINGS, LATE)["enabled"],
        "retention": api.get(SETTINGS, RETENTION),
    }
    return narrowed(every, EverySetting)


def _set_setting(api: API, p: Params) -> Any:
    name, value = p["name"], p["value"]
    if name in _KEPT:
        api.put(SETTINGS, RETENTION, body={_KEPT[name]: read_days(value)})
    elif name == NAME:
        api.post(SETTINGS, NAME, body={"name": value})
    elif value in ON_OFF:
        api.post(SETTINGS, LATE, body={"enabled": ON_OFF[value]})
    else:
        raise click.UsageError(f"{LATE} is on or off")
    return _show_settings(api, p)


def _show_analytics(api: API, p: Params) -> Any:
    del p
    return api.get(ANALYTICS)


def _enable(api: API, p: Params) -> Any:
    url = UNSET if p["collector_url"] is None else p["collector_url"]
    return api.post(ANALYTICS, body=changed({"enabled": True, "collector_url": url}))


def _disable(api: API, p: Params) -> Any:
    url = None if p["forget_url"] else UNSET
    return api.post(ANALYTICS, body=changed({"enabled": False, "collector_url": url}))


def _reset(api: API, p: Params) -> Any:
    del p
    return api.post(ANALYTICS, "reset")


def _database(api: API, p: Params) -> Any:
    del p
    return api.get("db-info")


def _figures(api: API, p: Params) -> Any:
    return api.get("figures", days=p["days"])


def _health(api: API, p: Params) -> Any:
    del p
    return api.get("health")


def _search(api: API, p: Params) -> Any:
    return api.get("search", q=p["text"])


def _import_key(api: API, p: Params) -> Any:
    return api.post("import-issuer-key", body=read_private_pem(p["path"]).encode())


ROWS: Final[Mapping[str, Remote]] = {
    "self-license show": Remote(run=_show_license),
    "self-license activate": Remote(run=_activate),
    "self-license refresh": Remote(run=_refresh),
    "settings show": Remote(run=_show_settings),
    "settings set": Remote(run=_set_setting),
    "analytics show": Remote(run=_show_analytics),
    "analytics enable": Remote(run=_enable),
    "analytics disable": Remote(run=_disable),
    "analytics reset": Remote(run=_reset),
    "db-info": Remote(run=_database),
    "health": Remote(run=_health),
    "figures": Remote(run=_figures),
    "search": Remote(run=_search, columns=("kind", "title", "detail", "id")),
    "key import": Remote(run=_import_key),
}
