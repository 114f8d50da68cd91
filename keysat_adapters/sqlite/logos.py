"""Pictures of merchant profiles as rows."""

from typing import Final

from keysat_adapters.sqlite.session import Row, Session
from keysat_adapters.sqlite.table import Table
from keysat_core.domain.ids import MerchantProfileId
from keysat_core.domain.logo import Logo, LogoType

LOGOS: Final = Table(
    "merchant_profile_logos",
    ("merchant_profile_id", "media_type", "content", "version", "updated_at"),
)
_BY_PROFILE: Final = LOGOS.select("WHERE merchant_profile_id = ?")
_PUT: Final = LOGOS.upsert(key=("merchant_profile_id",))


def _logo(row: Row) -> Logo:
    return Logo(
        merchant_profile_id=row[0],
        media_type=LogoType(row[1]),
        content=row[2],
        version=row[3],
        updated_at=row[4],
    )


class SQLiteLogos:
    """Implements ``ports.store.Logos``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_logo(self, profile_id: MerchantProfileId) -> Logo | None:
        """Give the picture of a profile or None."""
        return LOGOS.found(_logo, self._session.row(_BY_PROFILE, (profile_id,)))

    def find_version(self, profile_id: MerchantProfileId) -> str | None:
        """Give the version of a picture or None."""
        row = self._session.row(
            "SELECT version FROM merchant_profile_logos WHERE merchant_profile_id = ?",
            (profile_id,),
        )
        return None if row is None else row[0]

    def list_versions(self) -> dict[MerchantProfileId, str]:
        """Give the versions of all pictures by their profiles."""
        rows = self._session.rows("SELECT merchant_profile_id, version FROM merchant_profile_logos")
        return {row[0]: row[1] for row in rows}

    def put_logo(self, logo: Logo) -> None:
        """Insert or replace the picture of a profile."""
        self._session.run(
            _PUT,
            (
                logo.merchant_profile_id,
                logo.media_type,
                logo.content,
                logo.version,
                logo.updated_at,
            ),
        )

    def remove_logo(self, profile_id: MerchantProfileId) -> None:
        """Remove the picture of a profile, if there is one."""
        self._session.run(
            "DELETE FROM merchant_profile_logos WHERE merchant_profile_id = ?", (profile_id,)
        )
