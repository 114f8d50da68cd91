"""What ``keysat doctor`` says of payment providers that do not answer, or whose webhooks do not come."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import new_id
from tests.support.patient import change, examine, healthy, unwell
from tests.support.program import Program

NAME = "payment providers"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return healthy(tmp_path)


def connect(
    program: Program,
    *,
    is_known: int = 1,
    may_sell: int = 1,
    failures: int = 0,
    failing_since: int | None = None,
    webhook_problem: str | None = None,
) -> None:
    account = new_id()
    change(
        program,
        "INSERT INTO payment_providers (id, merchant_profile_id, kind, label, served_rails, base_url,"
        " connected_at, updated_at)"
        " SELECT :account, id, 'btcpay', 'L', '[]', '', 0, 0 FROM merchant_profiles LIMIT 1",
        "INSERT INTO provider_health (payment_provider_id, failures, failing_since, is_known, may_sell)"
        " VALUES (:account, :failures, :failing_since, :is_known, :may_sell)",
        "INSERT INTO webhook_troubles SELECT :account, :webhook_problem, NULL, 0"
        " WHERE :webhook_problem IS NOT NULL",
        account=account,
        failures=failures,
        failing_since=failing_since,
        is_known=is_known,
        may_sell=may_sell,
        webhook_problem=webhook_problem,
    )


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"is_known": 0}, "is credential dead"),
        ({"may_sell": 0}, "is cannot sell"),
        ({"failures": 3, "failing_since": 1}, "is unreachable"),
    ],
)
def test_a_provider_that_does_not_work_fails(
    program: Program, how: dict[str, Any], said: str
) -> None:
    connect(program, **how)
    document = examine(program, "--offline")
    assert unwell(document) == {NAME: "failing"}
    assert (document["ok"], document["exit_code"]) == (False, 35)
    assert said in program.run("doctor").stdout


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"failures": 1}, "failed lately"),
        ({"webhook_problem": "refused"}, "disconnect the provider and connect it again"),
        ({"webhook_problem": "undelivered"}, "KEYSAT_PUBLIC_URL"),
    ],
)
def test_one_that_may_need_somebody_is_a_warning(
    program: Program, how: dict[str, Any], said: str
) -> None:
    connect(program, **how)
    document = examine(program, "--offline")
    assert unwell(document) == {NAME: "warning"}
    assert (document["ok"], document["exit_code"]) == (True, 0)
    assert said in program.run("doctor").stdout
    assert examine(program, "--offline", "--strict")["exit_code"] == 35
