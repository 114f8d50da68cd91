"""Consent links, the health of provider accounts and the troubles of their webhooks as rows."""

from typing import Final

from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table
from keysat_core.domain.connecting import ConnectState
from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.domain.provider_health import ProviderHealth, ProviderProblem
from keysat_core.domain.webhook_trouble import WebhookProblem, WebhookTrouble
from keysat_core.limits import PAGE_MAX

STATES: Final = Table(
    "connect_states",
    (
        "token_hash",
        "merchant_profile_id",
        "label",
        "store_id",
        "is_scoped",
        "initiator_hash",
        "created_at",
    ),
)
HEALTH: Final = Table(
    "provider_health",
    (
        "payment_provider_id",
        "failures",
        "failing_since",
        "left_until",
        "is_known",
        "may_sell",
        "last_ok_at",
        "last_failed_at",
        "detail",
        "alerted",
    ),
)
TROUBLES: Final = Table("webhook_troubles", ("payment_provider_id", "problem", "detail", "since"))
_PUT_STATE: Final = STATES.upsert(key=("token_hash",))
_STATE: Final = STATES.select("WHERE token_hash = ?")
_HEALTH_OF: Final = HEALTH.select("WHERE payment_provider_id = ?")
_ALL_HEALTH: Final = HEALTH.select(f"ORDER BY payment_provider_id LIMIT {PAGE_MAX}")
_PUT_HEALTH: Final = HEALTH.upsert(key=("payment_provider_id",))
_TROUBLE_OF: Final = TROUBLES.select("WHERE payment_provider_id = ?")
_ALL_TROUBLES: Final = TROUBLES.select(f"ORDER BY payment_provider_id LIMIT {PAGE_MAX}")
_PUT_TROUBLE: Final = TROUBLES.upsert(key=("payment_provider_id",))


def _state(row: Row) -> ConnectState:
    return ConnectState(
        token_hash=row[0],
        merchant_profile_id=row[1],
        label=row[2],
        store_id=row[3],
        is_scoped=bool(row[4]),
        initiator_hash=row[5],
        created_at=row[6],
    )


def _health(row: Row) -> ProviderHealth:
    return ProviderHealth(
        account_id=row[0],
        failures=row[1],
        failing_since=row[2],
        left_until=row[3],
        is_known=bool(row[4]),
        may_sell=bool(row[5]),
        last_ok_at=row[6],
        last_failed_at=row[7],
        detail=row[8],
        alerted=None if row[9] is None else ProviderProblem(row[9]),
    )


def _trouble(row: Row) -> WebhookTrouble:
    return WebhookTrouble(
        account_id=row[0], problem=WebhookProblem(row[1]), detail=row[2], since=row[3]
    )


class SQLiteConnections:
    """Implements ``ports.store.Connections``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def put_state(self, state: ConnectState) -> None:
        """Keep a consent link."""
        self._session.run(
            _PUT_STATE,
            (
                state.token_hash,
                state.merchant_profile_id,
                state.label,
                state.store_id,
                state.is_scoped,
                state.initiator_hash,
                state.created_at,
            ),
        )

    def find_state(self, token_hash: str) -> ConnectState | None:
        """Give a consent link; None when it is unknown or was taken."""
        return STATES.found(_state, self._session.row(_STATE, (token_hash,)))

    def take_state(self, token_hash: str) -> ConnectState | None:
        """Give a consent link and forget it."""
        state = self.find_state(token_hash)
        if state is not None:
            self._session.run("DELETE FROM connect_states WHERE token_hash = ?", (token_hash,))
        return state

    def purge_states(self, before: Instant) -> int:
        """Remove consent links made before an instant."""
        return self._session.run("DELETE FROM connect_states WHERE created_at < ?", (before,))

    def find_health(self, account_id: ProviderAccountId) -> ProviderHealth | None:
        """Give how an account answers; None when nothing was noted yet."""
        return HEALTH.found(_health, self._session.row(_HEALTH_OF, (account_id,)))

    def list_health(self) -> list[ProviderHealth]:
        """Give what was noted, by account."""
        return HEALTH.values(_health, self._session.rows(_ALL_HEALTH))

    def put_health(self, health: ProviderHealth) -> None:
        """Insert or replace what is known of an account."""
        self._session.run(
            _PUT_HEALTH,
            (
                health.account_id,
                health.failures,
                health.failing_since,
                health.left_until,
                health.is_known,
                health.may_sell,
                health.last_ok_at,
                health.last_failed_at,
                health.detail,
                health.alerted,
            ),
        )

    def remove_health(self, account_id: ProviderAccountId) -> None:
        """Forget how an account answers, and what is wrong with its webhook."""
        self._session.run(
            "DELETE FROM provider_health WHERE payment_provider_id = ?", (account_id,)
        )
        self.remove_trouble(account_id)

    def find_trouble(self, account_id: ProviderAccountId) -> WebhookTrouble | None:
        """Give what is wrong with an account's webhook; None when nothing is."""
        return TROUBLES.found(_trouble, self._session.row(_TROUBLE_OF, (account_id,)))

    def list_troubles(self) -> list[WebhookTrouble]:
        """Give what is wrong with webhooks, by account."""
        return TROUBLES.values(_trouble, self._session.rows(_ALL_TROUBLES))

    def put_trouble(self, trouble: WebhookTrouble) -> None:
        """Insert or replace what is wrong with an account's webhook."""
        self._session.run(
            _PUT_TROUBLE, (trouble.account_id, trouble.problem, trouble.detail, trouble.since)
        )

    def remove_trouble(self, account_id: ProviderAccountId) -> None:
        """Nothing is wrong with an account's webhook any more."""
        self._session.run(
            "DELETE FROM webhook_troubles WHERE payment_provider_id = ?", (account_id,)
        )
