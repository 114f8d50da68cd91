"""An imported signing key on the wire: its public half. Source: admin-api 2.17, B-40."""

from typing import Final, Literal

import msgspec

IMPORTED: Final = "licenses are signed with this key from now on; no restart is needed"


class IssuerKeyImported(msgspec.Struct, frozen=True, kw_only=True):
    """What verifies the licenses issued from now on."""

    ok: Literal[True] = True
    public_key_pem: str
    restart_required: Literal[False] = False
    message: str = IMPORTED
