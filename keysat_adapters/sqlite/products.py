"""Products as rows."""

from typing import Final

import msgspec

from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table, json_text
from keysat_core.domain.entitlement import Catalog
from keysat_core.domain.ids import ProductId
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.product import Product
from keysat_core.errors import NotFound, SlugTaken
from keysat_core.limits import PRODUCTS_MAX

PRODUCTS: Final = Table(
    "products",
    (
        "id",
        "slug",
        "name",
        "description",
        "price_currency",
        "price_value",
        "active",
        "metadata",
        "entitlements_catalog",
        "merchant_profile_id",
        "created_at",
        "updated_at",
    ),
)
_BY_ID: Final = PRODUCTS.select("WHERE id = ?")
_BY_SLUG: Final = PRODUCTS.select("WHERE slug = ?")
_LIST: Final = PRODUCTS.select(f"ORDER BY name, id LIMIT {PRODUCTS_MAX}")
_LIST_ACTIVE: Final = PRODUCTS.select(f"WHERE active = 1 ORDER BY name, id LIMIT {PRODUCTS_MAX}")
_PUT: Final = PRODUCTS.upsert()

_read_catalog: Final = msgspec.json.Decoder(Catalog).decode
_read_json: Final = msgspec.json.Decoder().decode


def _product(row: Row) -> Product:
    return Product(
        id=row[0],
        slug=row[1],
        name=row[2],
        description=row[3],
        price=Money(currency=Currency(row[4]), amount=row[5]),
        active=bool(row[6]),
        metadata=_read_json(row[7]),
        entitlements_catalog=_read_catalog(row[8]),
        merchant_profile_id=row[9],
        created_at=row[10],
        updated_at=row[11],
    )


class SQLiteProducts:
    """Implements ``ports.store.Products``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_product(self, product_id: ProductId) -> Product:
        """Give a product; raises ``NotFound``."""
        product = self.find_product(product_id)
        if product is None:
            raise NotFound("product", product_id)
        return product

    def find_product(self, product_id: ProductId) -> Product | None:
        """Give a product or None."""
        return PRODUCTS.found(_product, self._session.row(_BY_ID, (product_id,)))

    def find_product_by_slug(self, slug: str) -> Product | None:
        """Give the product with a slug or None."""
        return PRODUCTS.found(_product, self._session.row(_BY_SLUG, (slug,)))

    def list_products(self, *, is_inactive_included: bool) -> list[Product]:
        """Give products by name."""
        sql = _LIST if is_inactive_included else _LIST_ACTIVE
        return PRODUCTS.values(_product, self._session.rows(sql))

    def put_product(self, product: Product) -> None:
        """Insert or replace a product; raises ``SlugTaken``."""
        self._session.run(
            _PUT,
            (
                product.id,
                product.slug,
                product.name,
                product.description,
                product.price.currency,
                product.price.amount,
                product.active,
                json_text(product.metadata),
                json_text(product.entitlements_catalog),
                product.merchant_profile_id,
                product.created_at,
                product.updated_at,
            ),
            taken={"products.slug": SlugTaken("product", product.slug)},
        )

    def count_products(self) -> int:
        """Count products, inactive ones too."""
        return self._session.number("SELECT count(*) FROM products")
