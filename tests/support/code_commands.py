"""Use cases of discount codes, as rows of the table of commands."""

from typing import Final

from keysat_core.domain.actor import Scope
from keysat_core.domain.code import Code
from keysat_core.use_cases.codes import (
    attribute_sales,
    create_code,
    delete_code,
    list_codes,
    update_code,
)
from tests.support.commands import Command, ports, tiered
from tests.support.trade import OPERATOR, Trade


def stored(trade: Trade) -> Code:
    command = create_code.CreateCode(code="SAVE", kind="percent", amount=1_000)
    return create_code.create_code(OPERATOR, command, store=trade.store, **tiered(trade))


CODE_COMMANDS: Final = [
    Command(
        create_code.create_code,
        Scope.DISCOUNT_CODES_WRITE,
        lambda t: ([create_code.CreateCode(code="X", kind="percent", amount=1)], tiered(t)),
    ),
    Command(
        update_code.update_code,
        Scope.DISCOUNT_CODES_WRITE,
        lambda t: ([update_code.UpdateCode(code_id=stored(t).id, amount=2)], ports(t)),
    ),
    Command(
        update_code.set_code_active,
        Scope.DISCOUNT_CODES_WRITE,
        lambda t: ([update_code.SetCodeActive(code_id=stored(t).id, active=False)], tiered(t)),
    ),
    Command(
        delete_code.delete_code,
        Scope.DISCOUNT_CODES_WRITE,
        lambda t: ([stored(t).id], ports(t)),
    ),
]
CODE_READS: Final = [
    Command(
        list_codes.list_codes,
        Scope.DISCOUNT_CODES_READ,
        lambda _: ([], {"is_inactive_included": True, "limit": 10, "offset": 0}),
    ),
    Command(list_codes.show_code, Scope.DISCOUNT_CODES_READ, lambda t: ([stored(t).id], {})),
    Command(
        list_codes.find_code_id, Scope.DISCOUNT_CODES_READ, lambda t: ([str(stored(t).code)], {})
    ),
    Command(
        attribute_sales.attribute_sales,
        Scope.DISCOUNT_CODES_READ,
        lambda _: ([], {"since": None, "until": None}),
    ),
]
