"""The keys of licenses, derived from the rows of the earlier server and asked of a new one."""

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from keysat_adapters.sqlite.key_ring import SQLiteKeyRing
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.actor import EVERY_SCOPE, Actor, ActorKind
from keysat_core.domain.ids import LicenseId
from keysat_core.errors import NotFound
from keysat_core.use_cases.licenses.show_license_key import show_license_key
from tests.support.earlier.keys import key_seconds, license_key, seed_in
from tests.support.earlier.mapping import Difference
from tests.support.earlier.old_rows import OldRow, OldShop

OPERATOR: Final = Actor(kind=ActorKind.CLI, scopes=EVERY_SCOPE)


def old_keys(old: Path) -> dict[str, str]:
    """Derive the key of every license whose key the earlier server could make (lifecycles 1.4)."""
    shop = OldShop(old)
    (pem,) = [row["private_key_pem"] for row in shop.tables["server_keys"]]
    seed = seed_in(pem)
    keys = {row["id"]: _key(seed, row) for row in shop.tables["licenses"]}
    return {id_: key for id_, key in keys.items() if key is not None}


def new_keys(new: Path, ids: list[str]) -> dict[str, str]:
    """Ask a copy of a new database for the keys of licenses, as an operator does."""
    with TemporaryDirectory() as folder:
        copy = Path(shutil.copy(new, folder))
        with SQLiteStore.open(copy, migrate=False) as store:
            ring = SQLiteKeyRing(store)
            keys = {}
            for id_ in ids:
                try:
                    shown = show_license_key(OPERATOR, LicenseId(id_), store=store, keys=ring)
                except NotFound:
                    continue
                keys[id_] = shown.key
    return keys


def key_differences(old: Path, new: Path) -> list[Difference]:
    """Give the licenses whose keys are not byte for byte what they were."""
    before = old_keys(old)
    after = new_keys(new, list(before))
    return [
        Difference(
            table="licenses",
            id=id_,
            column="key",
            old=key,
            new=after.get(id_),
            explained=None,
        )
        for id_, key in before.items()
        if after.get(id_) != key
    ]


def _key(seed: bytes, row: OldRow) -> str | None:
    entitlements = json.loads(row["entitlements_json"])
    if len(entitlements) > 255 or any(len(each.encode()) > 255 for each in entitlements):
        # It failed over such a row, after it was written (D34).
        return None
    return license_key(
        seed,
        product_id=row["product_id"],
        license_id=row["id"],
        issued_at=key_seconds(row["issued_at"]),
        expires_at=key_seconds(row["expires_at"]),
        is_trial=bool(row["is_trial"]),
        entitlements=entitlements,
    )
