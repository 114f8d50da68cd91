"""Every screen, for ``keysat_http.endpoints``."""

from typing import Final

from litestar.types import ControllerRouterHandler

from keysat_http.pages.admin import login, products, styleguide

SCREENS: Final[tuple[ControllerRouterHandler, ...]] = (
    login.show_sign_in,
    products.show_products,
    styleguide.show_styleguide,
)
