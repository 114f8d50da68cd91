"""PEM blocks, and nothing about what is in them.

Source: RFC 7468 sections 2 and 3. Stricter than it asks: the block must be alone, since text
around a key is more often a paste gone wrong than an explanation.
"""

from base64 import b64decode, b64encode

from keysat_core.errors import BadPEM


def read_pem(text: str, label: str) -> bytes:
    """Return the bytes of the only block in ``text``. White space around and in it is ignored.

    Raises:
        BadPEM: There is no block, more than one, another label, or the base64 is damaged.
    """
    before, head, rest = text.partition(f"-----BEGIN {label}-----")
    body, tail, after = rest.partition(f"-----END {label}-----")
    if not head or not tail or before.strip() or after.strip():
        raise BadPEM(f"expected exactly one {label} block")
    try:
        return b64decode("".join(body.split()), validate=True)
    except ValueError:
        raise BadPEM(f"the {label} block is not base64") from None


def write_pem(der: bytes, label: str) -> str:
    """Return the block with LF line ends. ``der`` must fit one line, which is 48 bytes."""
    return f"-----BEGIN {label}-----\n{b64encode(der).decode('ascii')}\n-----END {label}-----\n"
