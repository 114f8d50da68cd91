"""Every screen, for ``keysat_http.endpoints``."""

from typing import Final

from litestar.types import ControllerRouterHandler

from keysat_http.pages.admin import api_keys, audit, login, products, styleguide

SCREENS: Final[tuple[ControllerRouterHandler, ...]] = (
    login.show_sign_in,
    products.show_products,
    audit.show_audit,
    api_keys.show_api_keys,
    styleguide.show_styleguide,
)
