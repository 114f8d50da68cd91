"""The page on which a user grants an application a key, as data and as HTML.

Source: BTCPay's authorization flow. Approving answers a page that posts a form to the
application; denying sends the application nothing at all.
"""

from collections.abc import Sequence
from html import escape
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from tests.simulators.btcpay.accounts import STORE, APIKey, User
from tests.simulators.btcpay.world import World

LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})
KEY_PAGE: Final = "/account/apikeys"


class ConsentRefused(Exception):
    """BTCPay does not show the page: the redirect would carry a key in the clear."""


class ConsentForm(msgspec.Struct, frozen=True, kw_only=True):
    """What the browser posts to the application after the user approved."""

    target: str
    fields: tuple[tuple[str, str], ...]

    @property
    def body(self) -> bytes:
        """The fields as ``application/x-www-form-urlencoded``."""
        return urlencode(self.fields).encode()

    def value(self, name: str) -> str:
        return dict(self.fields)[name]

    def __repr__(self) -> str:
        return f"ConsentForm({self.target!r}, {[name for name, _ in self.fields]})"


class ConsentQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What an application asks for, as its address says."""

    application: str
    identifier: str
    redirect: str
    permissions: tuple[str, ...]
    is_strict: bool
    selects_stores: bool


def question_of(query: Sequence[tuple[str, str]]) -> ConsentQuestion:
    """Read the query of an authorize address."""
    first = dict(reversed(query))
    return ConsentQuestion(
        application=first.get("applicationName", ""),
        identifier=first.get("applicationIdentifier", ""),
        redirect=first.get("redirect", ""),
        permissions=tuple(value for name, value in query if name == "permissions"),
        is_strict=first.get("strict", "true").lower() == "true",
        selects_stores=first.get("selectiveStores", "false").lower() == "true",
    )


def question_at(authorize_url: str) -> ConsentQuestion:
    """Read an authorize address."""
    return question_of(parse_qsl(urlsplit(authorize_url).query, keep_blank_values=True))


def check_redirect(world: World, question: ConsentQuestion) -> None:
    """Refuse to send a key in the clear on mainnet.

    Raises:
        ConsentRefused: The redirect is plain http to somewhere else.
    """
    parts = urlsplit(question.redirect)
    is_main = any(store.network == "mainnet" for store in world.stores.values())
    if is_main and parts.scheme != "https" and (parts.hostname or "") not in LOCAL_HOSTS:
        raise ConsentRefused(question.redirect)


def grant(
    world: World, user: User, question: ConsentQuestion, store_ids: Sequence[str] | None
) -> ConsentForm:
    """Make the key, or find the one an equal question was granted before.

    Without ``store_ids`` the permissions hold for every store of the user.
    """
    permissions = question.permissions
    if question.selects_stores and store_ids is not None:
        permissions = tuple(
            granted
            for permission in question.permissions
            for granted in (
                [f"{permission}:{store_id}" for store_id in store_ids]
                if permission.startswith(STORE)
                else [permission]
            )
        )
    known = world.keys.get(world.grants.get((question.identifier, question.redirect), ""))
    if known is None or not question.identifier or set(known.permissions) != set(permissions):
        known = APIKey(
            text=world.ids.hexadecimal(20),
            user=user,
            label=question.application,
            permissions=permissions,
        )
        world.keys[known.text] = known
        world.grants[question.identifier, question.redirect] = known.text
    return ConsentForm(
        target=question.redirect,
        fields=(
            ("apiKey", known.text),
            ("userId", user.id),
            *(("permissions[]", permission) for permission in known.permissions),
            ("__RequestVerificationToken", world.ids.hexadecimal(32)),
        ),
    )


def question_page(world: World, user: User, question: ConsentQuestion, action: str) -> str:
    """Draw the question with the user's stores to pick from."""
    stores = "".join(
        f'<label><input type="checkbox" name="store" value="{escape(store_id)}" checked>'
        f" {escape(world.stores[store_id].name)}</label><br>"
        for store_id in user.store_ids
        if question.selects_stores
    )
    permissions = "".join(f"<li><code>{escape(name)}</code></li>" for name in question.permissions)
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Authorize</title>"
        f"<h1>{escape(question.application)} asks for access</h1><ul>{permissions}</ul>"
        f'<form method="post" action="{escape(action)}">{stores}'
        '<button name="command" value="Authorize">Authorize app</button> '
        '<button name="command" value="Cancel">Cancel</button></form></html>\n'
    )


def redirect_page(form: ConsentForm) -> str:
    """Draw the page that posts the form by itself."""
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in form.fields
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Redirecting</title>"
        f'<form method="post" id="postform" action="{escape(form.target)}">{fields}'
        "<noscript><button>Continue</button></noscript></form>"
        '<script>document.getElementById("postform").submit()</script></html>\n'
    )
