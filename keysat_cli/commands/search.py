"""``keysat search``: find anything by a piece of it."""

import click

from keysat_cli.groups import JSONCommand
from keysat_cli.output import emit, listing
from keysat_cli.session import OPERATOR, open_shop
from keysat_core.use_cases.server.find_anything import find_anything
from keysat_http.views.search import found_view


@click.command(cls=JSONCommand)
@click.argument("text")
def search(text: str) -> None:
    """Find licenses, buyers, invoices, machines, codes, products, policies and endpoints.

    TEXT is how one begins: an id (8 characters are enough) or one at the payment provider, an e-mail,
    a host name or fingerprint, a code, a slug, a name; or a whole license key.
    """
    with open_shop() as ports:
        view = found_view(text, find_anything(OPERATOR, text, store=ports.store, keys=ports.keys))
    rows = [(hit.kind, hit.title, hit.detail, hit.id) for hit in view.hits]
    emit(view, listing(("kind", "title", "detail", "id"), rows, noun="hits"))
