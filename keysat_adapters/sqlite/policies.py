"""Policies as rows."""

from typing import Final

import msgspec

from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table, json_text
from keysat_core.domain.ids import PolicyId, ProductId
from keysat_core.domain.policy import Policy, Tip
from keysat_core.errors import NotFound, SlugTaken
from keysat_core.limits import PRODUCTS_MAX

POLICIES: Final = Table(
    "policies",
    (
        "id",
        "product_id",
        "slug",
        "name",
        "duration_seconds",
        "grace_seconds",
        "max_machines",
        "is_trial",
        "price_sats_override",
        "entitlements",
        "metadata",
        "tip_recipient",
        "tip_pct_bps",
        "tip_label",
        "active",
        "public",
        "is_recurring",
        "renewal_period_days",
        "grace_period_days",
        "trial_days",
        "tier_rank",
        "archived_at",
        "created_at",
        "updated_at",
    ),
)
_BY_ID: Final = POLICIES.select("WHERE id = ?")
_BY_SLUG: Final = POLICIES.select("WHERE product_id = ? AND slug = ?")
_LIST: Final = POLICIES.select(f"WHERE product_id = ? ORDER BY name, id LIMIT {PRODUCTS_MAX}")
_PUT: Final = POLICIES.upsert()

_read_entitlements: Final = msgspec.json.Decoder(tuple[str, ...]).decode
_read_json: Final = msgspec.json.Decoder().decode


def _policy(row: Row) -> Policy:
    return Policy(
        id=row[0],
        product_id=row[1],
        slug=row[2],
        name=row[3],
        duration_seconds=row[4],
        grace_seconds=row[5],
        max_machines=row[6],
        is_trial=bool(row[7]),
        price_sats_override=row[8],
        entitlements=_read_entitlements(row[9]),
        metadata=_read_json(row[10]),
        tip=None if row[11] is None else Tip(recipient=row[11], pct_bps=row[12], label=row[13]),
        active=bool(row[14]),
        public=bool(row[15]),
        is_recurring=bool(row[16]),
        renewal_period_days=row[17],
        grace_period_days=row[18],
        trial_days=row[19],
        tier_rank=row[20],
        archived_at=row[21],
        created_at=row[22],
        updated_at=row[23],
    )


class SQLitePolicies:
    """Implements ``ports.store.Policies``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_policy(self, policy_id: PolicyId) -> Policy:
        """Give a policy; raises ``NotFound``."""
        policy = self.find_policy(policy_id)
        if policy is None:
            raise NotFound("policy", policy_id)
        return policy

    def find_policy(self, policy_id: PolicyId) -> Policy | None:
        """Give a policy or None."""
        return POLICIES.found(_policy, self._session.row(_BY_ID, (policy_id,)))

    def find_policy_by_slug(self, product_id: ProductId, slug: str) -> Policy | None:
        """Give the policy of a product with a slug or None."""
        return POLICIES.found(_policy, self._session.row(_BY_SLUG, (product_id, slug)))

    def list_policies(self, product_id: ProductId) -> list[Policy]:
        """Give the policies of a product by name."""
        return POLICIES.values(_policy, self._session.rows(_LIST, (product_id,)))

    def put_policy(self, policy: Policy) -> None:
        """Insert or replace a policy; raises ``SlugTaken``."""
        tip = policy.tip
        self._session.run(
            _PUT,
            (
                policy.id,
                policy.product_id,
                policy.slug,
                policy.name,
                policy.duration_seconds,
                policy.grace_seconds,
                policy.max_machines,
                policy.is_trial,
                policy.price_sats_override,
                json_text(policy.entitlements),
                json_text(policy.metadata),
                tip.recipient if tip else None,
                tip.pct_bps if tip else 0,
                tip.label if tip else None,
                policy.active,
                policy.public,
                policy.is_recurring,
                policy.renewal_period_days,
                policy.grace_period_days,
                policy.trial_days,
                policy.tier_rank,
                policy.archived_at,
                policy.created_at,
                policy.updated_at,
            ),
            taken={"policies.product_id, policies.slug": SlugTaken("policy", policy.slug)},
        )

    def count_policies(self, product_id: ProductId) -> int:
        """Count the policies of a product."""
        sql = "SELECT count(*) FROM policies WHERE product_id = ?"
        return self._session.number(sql, (product_id,))
