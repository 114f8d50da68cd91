"""Who may do what: the keys of scripts, and the password of the admin pages."""

from collections.abc import Mapping
from typing import Any, Final

from keysat_cli.commands.password import read_password
from keysat_cli.output import note
from keysat_cli.remote.api import API
from keysat_cli.remote.row import Params, Remote

KEYS: Final = "api-keys"
SESSIONS: Final = "web-sessions"


def _create_key(api: API, p: Params) -> Any:
    made = api.post(
        KEYS, body={"label": p["label"], "role": p["role"], "scopes": list(p["scopes"])}
    )
    note("Keep the token now; it is never shown again.")
    return made


def _list_keys(api: API, p: Params) -> Any:
    return api.get(KEYS, limit=p["limit"], offset=p["offset"])


def _revoke_key(api: API, p: Params) -> Any:
    return api.delete(KEYS, p["key_id"])


def _set_password(api: API, p: Params) -> Any:
    del p
    return api.post("web-password", body={"password": read_password().reveal()})


def _list_sessions(api: API, p: Params) -> Any:
    del p
    return api.get(SESSIONS)


def _end_session(api: API, p: Params) -> Any:
    return api.delete(SESSIONS, p["session_name"])


def _end_others(api: API, p: Params) -> Any:
    return api.post(SESSIONS, "end-others", body={"keep": p["keep"]})


ROWS: Final[Mapping[str, Remote]] = {
    "api-key create": Remote(run=_create_key),
    "api-key list": Remote(
        run=_list_keys,
        columns=("label", "role", "scopes", "created_at", "last_used_at", "revoked_at", "id"),
    ),
    "api-key revoke": Remote(run=_revoke_key),
    "password set": Remote(run=_set_password),
    "session list": Remote(
        run=_list_sessions,
        columns=("name", "signed_in_with", "created_at", "last_seen_at", "expires_at", "ip"),
    ),
    "session end": Remote(run=_end_session),
    "session end-others": Remote(run=_end_others),
}
