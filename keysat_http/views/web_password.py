"""What became of the password of the admin pages. Source: admin-api 2.2."""

import msgspec


class WebPasswordChange(msgspec.Struct, frozen=True, kw_only=True):
    """It is done."""

    ok: bool = True
