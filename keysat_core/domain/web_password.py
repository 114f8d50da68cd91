"""The one password of the admin pages (admin-api 1.4)."""

from keysat_core.domain.secret import Secret
from keysat_core.domain.text import is_encodable
from keysat_core.errors import InvariantError
from keysat_core.limits import WEB_PASSWORD_BYTES_MAX, WEB_PASSWORD_BYTES_MIN


def checked_web_password(password: Secret) -> Secret:
    """Accept a new password, every character of it as it is.

    Raises:
        InvariantError: too short, too long, or not valid Unicode.
    """
    text = password.reveal()
    if not is_encodable(text):
        raise InvariantError("password", "is not valid Unicode")
    size = len(text.encode())
    if size < WEB_PASSWORD_BYTES_MIN:
        raise InvariantError("password", f"must have at least {WEB_PASSWORD_BYTES_MIN} bytes")
    if size > WEB_PASSWORD_BYTES_MAX:
        raise InvariantError("password", f"must have at most {WEB_PASSWORD_BYTES_MAX} bytes")
    return password


def may_be_web_password(password: Secret) -> bool:
    """Tell whether this is worth hashing: nothing longer was ever accepted."""
    text = password.reveal()
    return is_encodable(text) and len(text.encode()) <= WEB_PASSWORD_BYTES_MAX
