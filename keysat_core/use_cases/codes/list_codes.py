"""Read discount codes and their uses."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.code import Code
from keysat_core.domain.ids import CodeId
from keysat_core.domain.redemption import Redemption
from keysat_core.limits import REDEMPTIONS_SHOWN_MAX
from keysat_core.ports.store import Store


class CodePage(msgspec.Struct, frozen=True, kw_only=True):
    """One page, newest first; ``total`` counts all that match."""

    codes: tuple[Code, ...]
    total: int


class ShownCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code and its latest uses, newest first, at most ``REDEMPTIONS_SHOWN_MAX``."""

    code: Code
    redemptions: tuple[Redemption, ...]


def list_codes(
    actor: Actor, *, is_inactive_included: bool, limit: int, offset: int, store: Store
) -> CodePage:
    """Give a page of codes.

    Raises:
        Forbidden: the actor lacks ``discount_codes:read``.
    """
    authorize(actor, Scope.DISCOUNT_CODES_READ)
    with store.reading() as tx:
        return CodePage(
            codes=tuple(
                tx.codes.list_codes(
                    is_inactive_included=is_inactive_included, limit=limit, offset=offset
                )
            ),
            total=tx.codes.count_codes(is_inactive_included=is_inactive_included),
        )


def show_code(actor: Actor, code_id: CodeId, *, store: Store) -> ShownCode:
    """Give a code with its uses.

    Raises:
        Forbidden: the actor lacks ``discount_codes:read``.
        NotFound: no such code.
    """
    authorize(actor, Scope.DISCOUNT_CODES_READ)
    with store.reading() as tx:
        return ShownCode(
            code=tx.codes.get_code(code_id),
            redemptions=tuple(tx.codes.list_redemptions(code_id, REDEMPTIONS_SHOWN_MAX)),
        )


def find_code_id(actor: Actor, text: str, *, store: Store) -> CodeId:
    """Give the id of the code that is spelled so, or that has the id.

    Raises:
        Forbidden: the actor lacks ``discount_codes:read``.
        NotFound: there is none.
    """
    authorize(actor, Scope.DISCOUNT_CODES_READ)
    with store.reading() as tx:
        found = tx.codes.find_code_by_text(text.strip().upper())
        return found.id if found is not None else tx.codes.get_code(CodeId(text)).id
