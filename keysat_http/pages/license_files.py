"""A license key to take along: as a file, and as a code for a camera."""

import re
from io import BytesIO
from typing import Final

import segno
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import FromQuery
from segno.encoder import DataOverflowError

from keysat_core.errors import NotFound, SigningKeyUnusable
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.show_purchase import PurchaseSheet
from keysat_http.pages.purchases import SHOWN_CHARS_MAX, find_purchase
from keysat_http.routes import get

QR_CHARS_MAX: Final = 600
"""Longer keys make codes so dense that cameras fail; they are left to the file."""

_PRIVATE: Final = {"cache-control": "no-store", "x-robots-tag": "noindex"}


def has_qr(key: str) -> bool:
    """Tell whether a key is short enough for a code."""
    return len(key) <= QR_CHARS_MAX


@get(
    "/thank-you/license.lic",
    raises=[NotFound, SigningKeyUnusable],
    media_type="text/plain",
    tags=["pages"],
)
def get_license_file(ports: NamedDependency[Ports], invoice_id: FromQuery[str]) -> Response[str]:
    """Give the license key of a purchase as a file."""
    sheet, key = _sold(invoice_id, ports)
    name = re.sub(r"[^a-z0-9_-]", "", sheet.product.slug)[:64] or "license"
    disposition = f'attachment; filename="{name}.lic"'
    headers = _PRIVATE | {"content-disposition": disposition}
    return Response(key + "\n", media_type="text/plain", headers=headers)


@get(
    "/thank-you/license.svg",
    raises=[NotFound, SigningKeyUnusable],
    media_type="image/svg+xml",
    tags=["pages"],
)
def get_license_qr(ports: NamedDependency[Ports], invoice_id: FromQuery[str]) -> Response[bytes]:
    """Give the license key of a purchase as a QR code."""
    _, key = _sold(invoice_id, ports)
    if not has_qr(key):
        raise NotFound("QR code", invoice_id)
    try:
        code = segno.make_qr(key, error="m")
    except DataOverflowError as exc:  # pragma: no cover  QR_CHARS_MAX is far below
        raise NotFound("QR code", invoice_id) from exc
    picture = BytesIO()
    code.save(picture, kind="svg", scale=4, border=4, dark="#000", light="#fff", xmldecl=False)
    return Response(picture.getvalue(), media_type="image/svg+xml", headers=_PRIVATE)


def _sold(invoice_id: str, ports: Ports) -> tuple[PurchaseSheet, str]:
    sheet = find_purchase(invoice_id[:SHOWN_CHARS_MAX], ports)
    if sheet is None or sheet.key is None:
        raise NotFound("license", invoice_id)
    return sheet, sheet.key
