"""Requests as the seller, the buyer or the sold software sends them, each written down."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

import httpx
import msgspec

from keysat_cli.commands.demo.forms import Fields
from keysat_cli.commands.demo.shop import DemoShop
from keysat_cli.commands.demo.transcript import Exchange, Transcript
from keysat_cli.failures import DifferencesFound

FORM_HEADERS: Final[Mapping[str, str]] = {"content-type": "application/x-www-form-urlencoded"}


class Walk:
    """Sends requests as the seller or as anybody, and writes each down."""

    def __init__(self, shop: DemoShop, client: httpx.Client, transcript: Transcript) -> None:
        self._shop = shop
        self._client = client
        self.transcript = transcript

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        shows: Sequence[str] = (),
        is_seller: bool = False,
    ) -> Mapping[str, object]:
        """Send a request and give the JSON of its answer, which must be a 200.

        Raises:
            DifferencesFound: it is not.
        """
        exchange = self.ask(method, path, body, is_seller=is_seller)
        self.transcript.add(exchange, shows=shows)
        return exchange.answer or {}

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        is_seller: bool = False,
    ) -> Exchange:
        """Like ``call``, but write nothing down."""
        headers = {"authorization": f"Bearer {self._shop.admin_api_key}"} if is_seller else {}
        answer = self.send(method, path, json=body, headers=headers)
        if answer.status_code != HTTPStatus.OK:
            raise DifferencesFound(
                f"{method} {path} answered {answer.status_code}: {answer.text[:300]}"
            )
        document = msgspec.json.decode(answer.content, type=dict[str, object])
        return Exchange(method=method, path=path, request=body, status=200, answer=document)

    def send(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, object] | None = None,
        form: Fields | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request and give the bare answer; a path without a host is the shop's.

        Raises:
            DifferencesFound: none came.
        """
        try:
            if form is None:
                return self._client.request(method, path, json=json, headers=headers)
            return self._client.request(method, path, content=urlencode(form), headers=FORM_HEADERS)
        except httpx.HTTPError as exc:
            self._shop.refuse_dead()
            raise DifferencesFound(f"{method} {path} got no answer: {exc}") from exc

    def visit(
        self,
        method: str,
        url: str,
        *,
        form: Fields | None = None,
        expected: int = HTTPStatus.OK,
    ) -> httpx.Response:
        """Load a page as a browser does, and write down its address without the query.

        Raises:
            DifferencesFound: it answers another status than expected.
        """
        page = self.send(method, url, form=form)
        status = page.status_code
        shown = url.partition("?")[0] + ("?…" if "?" in url else "")
        exchange = Exchange(method=method, path=shown, request=None, status=status, answer=None)
        self.transcript.add(exchange, shows=())
        if status != expected:
            raise DifferencesFound(f"{method} {shown} answered {status} instead of {expected:d}")
        return page


def expect(answer: Mapping[str, object], **expected: object) -> None:
    """Hold fields of an answer against what they should be.

    Raises:
        DifferencesFound: one is something else.
    """
    for name, value in expected.items():
        if answer.get(name) != value:
            raise DifferencesFound(f"expected {name} {value!r}, got {answer.get(name)!r}")
