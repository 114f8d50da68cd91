"""The last field of a version 2 payload: entitlement slugs, each behind a byte with its length.

Both take what the wire allows, empty slugs included, which old servers issued; what is issued today
is checked where it is issued.

Source: lifecycles 1.2 (LIC1 payload).
"""

from collections.abc import Sequence

from keysat_core.errors import BadKeyFormat, InvariantError
from keysat_core.limits import ENTITLEMENT_BYTES_MAX, ENTITLEMENTS_MAX


def read_entitlements(raw: bytes, count: int) -> tuple[str, ...]:
    """Read ``count`` slugs, which must fill all of ``raw``.

    Raises:
        BadKeyFormat: The list is shorter or longer than that, or a slug is not UTF-8.
    """
    slugs = []
    end = 0
    try:
        for _ in range(count):
            begin = end + 1
            end = begin + raw[end]
            slugs.append(raw[begin:end].decode("utf-8"))
    except IndexError:
        raise BadKeyFormat("its entitlement list is cut short") from None
    except UnicodeDecodeError:
        raise BadKeyFormat("an entitlement is not UTF-8") from None
    # A slice stops at the end of its bytes, so a last slug that claims more shows only here.
    if end != len(raw):
        raise BadKeyFormat("its entitlement list does not end where the payload ends")
    return tuple(slugs)


def write_entitlements(slugs: Sequence[str]) -> bytes:
    """Write the list without its count.

    Raises:
        InvariantError: There are more than 255, or one has more than 255 bytes of UTF-8.
    """
    if len(slugs) > ENTITLEMENTS_MAX:
        raise InvariantError("entitlements", f"must be at most {ENTITLEMENTS_MAX}")
    packed = bytearray()
    for slug in slugs:
        try:
            raw = slug.encode("utf-8")
        except UnicodeEncodeError:
            raise InvariantError("entitlements", "must not hold lone surrogates") from None
        if len(raw) > ENTITLEMENT_BYTES_MAX:
            raise InvariantError(
                "entitlements", f"must each have 1 to {ENTITLEMENT_BYTES_MAX} bytes of UTF-8"
            )
        packed.append(len(raw))
        packed += raw
    return bytes(packed)
