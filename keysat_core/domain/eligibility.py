"""Which code may be used for which tier: the typed one, and the featured one (lifecycles 6.2, 6.5)."""

from collections.abc import Iterable
from enum import StrEnum

from keysat_core.domain.code import Code, CodeKind
from keysat_core.domain.instant import Instant
from keysat_core.domain.policy import Policy
from keysat_core.domain.product import Product
from keysat_core.errors import CodeRefused


class CodeProblem(StrEnum):
    """Why a code does not apply, in the order in which it is found (lifecycles 6.2)."""

    UNKNOWN = "unknown_code"
    DISABLED = "disabled"
    PAID = "requires_payment"
    EXPIRED = "expired"
    WRONG_PRODUCT = "wrong_product"
    WRONG_TIER = "wrong_tier"
    EXHAUSTED = "exhausted"


def problem_of(
    code: Code | None, product: Product, policy: Policy | None, now: Instant
) -> CodeProblem | None:
    """Find the first thing that keeps a code from the tier that is sold; None: it applies.

    ``policy`` is the tier that is sold, also when the buyer named none (D18).
    """
    if code is None:
        return CodeProblem.UNKNOWN
    if not code.active:
        return CodeProblem.DISABLED
    if code.is_expired(now):
        return CodeProblem.EXPIRED
    if code.product_id not in {None, product.id}:
        return CodeProblem.WRONG_PRODUCT
    if not is_for(code, policy):
        return CodeProblem.WRONG_TIER
    return CodeProblem.EXHAUSTED if code.remaining_uses == 0 else None


def is_for(code: Code, policy: Policy | None) -> bool:
    """Whether a code counts for a tier of its product."""
    return not code.policy_ids or (policy is not None and policy.id in code.policy_ids)


def checked_code(code: Code | None, product: Product, policy: Policy | None, now: Instant) -> Code:
    """Accept a code that a buyer typed.

    Raises:
        CodeRefused: it does not apply; the first reason found.
    """
    problem = problem_of(code, product, policy, now)
    if code is None or problem is not None:
        raise CodeRefused(problem or CodeProblem.UNKNOWN)
    return code


def checked_free_code(code: Code | None, now: Instant) -> Code:
    """Accept a code that costs nothing, whatever it is for.

    Source: public-api 7: the kind is looked at before the time and the scope.

    Raises:
        CodeRefused: unknown, disabled, or of a kind that requires payment.
    """
    if code is None:
        raise CodeRefused(CodeProblem.UNKNOWN)
    if not code.active:
        raise CodeRefused(CodeProblem.DISABLED)
    if code.kind is not CodeKind.FREE_LICENSE:
        raise CodeRefused(CodeProblem.PAID)
    if code.is_expired(now):
        raise CodeRefused(CodeProblem.EXPIRED)
    return code


def featured_code(
    candidates: Iterable[Code], product: Product, policy: Policy | None, now: Instant
) -> Code | None:
    """Choose the code that is applied by itself: for this tier, else product, else any; oldest first.

    Source: lifecycles 6.5, public-api 8.3.
    """
    fitting = [
        code
        for code in candidates
        if code.featured and problem_of(code, product, policy, now) is None
    ]
    return min(fitting, key=_rank, default=None)


def _rank(code: Code) -> tuple[int, Instant, str]:
    place = 0 if code.policy_ids else 1 if code.product_id else 2
    return place, code.created_at, code.id
