"""One live server that all clients of this folder talk to."""

from collections.abc import Iterator

import pytest
from keysat_licensing_client import Client  # type: ignore[import-untyped]

from tests.support.live_server import LiveServer, live_server
from tests.support.own_license import TRUST_ROOT, operators_license
from tests.support.program import Program, shop_with_a_tier


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A shop with a tier of every sort that a client meets, and a code that gives one away.

    All tests come from one address and share what it may do: 20 purchases at once, for one.
    """
    folder = tmp_path_factory.mktemp("published")
    program = shop_with_a_tier(folder)
    program.text("policy", "update", "widget/pro", "--tier-rank", "1")
    program.text("policy", "create", "widget/free", "--name", "Free", "--price-sats-override", "0")
    program.text(
        "policy", "create", "widget/team", "--name", "Team", "--price-sats-override", "60000",
        "--entitlement", "sync", "--entitlement", "share", "--tier-rank", "2",
    )  # fmt: skip
    program.text(
        "policy", "create", "widget/try", "--name", "Try", "--price-sats-override", "0",
        "--trial", "--duration-seconds", "14d",
    )  # fmt: skip
    own = {
        "KEYSAT_LICENSE": operators_license("recurring_billing"),
        "KEYSAT_TRUST_ROOT_PEM": TRUST_ROOT,
    }
    Program(folder=folder, variables=own).text(
        "policy", "create", "widget/monthly", "--name", "Monthly", "--recurring",
        "--price-sats-override", "9000", "--renewal-period-days", "30", "--trial-days", "7",
    )  # fmt: skip
    program.text("code", "create", "GIFT", "--kind", "free_license", "--product", "widget")
    with live_server(folder) as running:
        yield running


@pytest.fixture(scope="session")
def client(server: LiveServer) -> Client:
    return Client(server.url)
