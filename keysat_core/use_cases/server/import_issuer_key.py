"""Take over a signing key from another server, before anything was sold here.

Source: admin-api 2.17, B-40.
"""

from typing import Final

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import AuditEntry, audited
from keysat_core.domain.events import SettingChanged, outbox_event
from keysat_core.domain.ids import EventId
from keysat_core.domain.instant import Instant
from keysat_core.domain.secret import Secret
from keysat_core.errors import InvariantError, StillReferenced
from keysat_core.limits import PEM_CHARS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.keys import KeyRing
from keysat_core.ports.store import Store
from keysat_core.signing import SigningKey

_FIELD: Final = "private_key_pem"

_REMEDY: Final = "their keys would verify no more; import into a server that has issued none"


class ImportIssuerKey(msgspec.Struct, frozen=True, kw_only=True):
    """An Ed25519 private key: PKCS#8 in PEM form."""

    pem: Secret


def import_issuer_key(
    actor: Actor,
    command: ImportIssuerKey,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    keys: KeyRing,
) -> str:
    """Sign with this key from now on, in every process, and give the public one in PEM form.

    Raises:
        Forbidden: the actor does not hold the master key.
        InvariantError: it is blank or far too long.
        BadPEM: it is no Ed25519 private key in PEM form.
        StillReferenced: there are licenses, whose keys would verify no more.
    """
    authorize(actor, Scope.MASTER)
    signing_key = SigningKey.from_pem(_checked(command.pem))
    public_pem = signing_key.verify_key.to_pem()
    now = clock.now()
    with store.writing() as tx:
        # Kept counts may be wrong in a damaged database; no buyer's key may depend on them.
        if tx.licenses.has_any():
            count = max(1, tx.statistics.database_info().counts.licenses_total)
            raise StillReferenced("issuer key", "ed25519", {"licenses": count}, remedy=_REMEDY)
        tx.settings.replace_signing_key_pem(Secret(signing_key.to_pem()), public_pem, now)
        tx.trail.append_audit(_audit(actor, public_pem, now))
        event = SettingChanged(setting="issuer_key", value=public_pem)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    keys.reload()
    return public_pem


def _checked(pem: Secret) -> str:
    text = pem.reveal()
    if not text.strip():
        raise InvariantError(_FIELD, "is required: send the PEM as the body")
    if len(text) > PEM_CHARS_MAX:
        raise InvariantError(_FIELD, f"must have at most {PEM_CHARS_MAX} characters")
    return text


def _audit(actor: Actor, public_pem: str, now: Instant) -> AuditEntry:
    entry = audited(
        actor,
        "issuer_key.import",
        now,
        public_key_pem=public_pem,
        note="the private key is never written here",
    )
    return msgspec.structs.replace(entry, target_kind="server_key")
