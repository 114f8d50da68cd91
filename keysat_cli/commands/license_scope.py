"""Licenses as the options of lists and exports name them."""

from collections.abc import Mapping
from typing import Any

from keysat_cli.session import OPERATOR
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.listing import LicenseFilter
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.policies.list_policies import find_policy_id
from keysat_core.use_cases.products.list_products import find_product_id


def license_filter(ports: Ports, fields: Mapping[str, Any]) -> LicenseFilter:
    """Read what ``license_filter_options`` were given.

    Raises:
        NotFound: no such product or policy.
    """
    given = dict(fields)
    slug, address, status = (given.pop(name) for name in ("product_slug", "address", "status"))
    store = ports.store
    return LicenseFilter(
        product_id=None if slug is None else find_product_id(OPERATOR, slug, store=store),
        policy_id=(
            None
            if address is None
            else find_policy_id(OPERATOR, address.product_slug, address.slug, store=store)
        ),
        status=LicenseStatus(status) if status else None,
        **given,
    )
