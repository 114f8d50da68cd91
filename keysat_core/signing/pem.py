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
    block = text.strip()
    after_head = block.removeprefix(f"-----BEGIN {label}-----")
    body = after_head.removesuffix(f"-----END {label}-----")
    if after_head == block or body == after_head:
        raise BadPEM(f"expected exactly one {label} block")
    try:
        # A second block fails here, because a hyphen is not base64.
        return b64decode("".join(body.split()), validate=True)
    except ValueError:
        raise BadPEM(f"the {label} block is not base64") from None


def write_pem(der: bytes, label: str) -> str:
    """Return the block with LF line ends. ``der`` must fit one line, which is 48 bytes."""
    return f"-----BEGIN {label}-----\n{b64encode(der).decode('ascii')}\n-----END {label}-----\n"
