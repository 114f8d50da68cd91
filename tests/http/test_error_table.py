"""The error table: complete, and as the published API spells it."""

from collections.abc import Iterator

import msgspec
import pytest

from keysat_core import errors as core
from keysat_http.errors import INTERNAL_MESSAGE, RULES, answer

SAMPLES = (
    core.InvariantError("slug", "must not be empty"),
    core.BadKeyFormat("too short"),
    core.BadKeySignature(),
    core.KeyExpired(1),
    core.FingerprintMismatch(),
    core.BadPEM("no block"),
    core.Unauthorized(),
    core.Forbidden(),
    core.NotFound("product", "x"),
    core.SlugTaken("product", "x"),
    core.StillReferenced("product", "x", {"licenses": 2}),
    core.IdempotencyKeyReused(),
    core.RequestInFlight(),
    core.AnswerLost(),
    core.IllegalTransition("license", "revoked", "suspend"),
    core.StillPayable(is_provider_asked=True),
    core.TierCapReached("five products at most", "https://up.example"),
    core.ProductInactive("x"),
    core.PolicyUnavailable("x", "archived"),
    core.CodeRefused("expired"),
    core.TierChangeRefused("same_tier", "it is on this tier already"),
    core.RecoveryRefused(),
    core.NoProvider(),
    core.ProviderRefused("create_invoice", "auth", "token of http://10.0.0.1 refused"),
    core.ProviderUnavailable("create_invoice", "http://10.0.0.1 refused"),
    core.RateUnavailable("USD"),
    core.RecipientFailed("http://10.0.0.1 refused"),
    core.NotAuthentic(),
    core.ConnectStateInvalid(),
    core.AlreadyConnected("btcpay"),
    core.StoreUndecided("choose one of", [("s1", "A store")]),
    core.NotConfigured("connect one first"),
    core.ProviderNotLoaded("btcpay", "connect it"),
    core.RateLimited(7),
    core.CsrfTokenInvalid(),
    core.CrossSiteRequest(),
    core.WebPasswordUnset(),
    core.ConfigurationError("KEYSAT_X", "wrong"),
    core.NotInstalled("the sandbox", "server"),
    core.CorruptRow("licenses", "1", "bad"),
    core.StoreBusy(),
    core.StoreUnavailable("/srv/keysat.db is gone"),
    core.MigrationRefused("version 3"),
    core.PathTaken("a.db"),
    core.BackupUnsound("a.db", ("it is damaged",)),
    core.DatabaseInUse("a.db is open"),
    core.SigningKeyUnusable("lost"),
    core.LicenseFileUnwritable("no space left"),
)


def leaves() -> Iterator[type[core.KeysatError]]:
    pending: list[type[core.KeysatError]] = [core.KeysatError]
    while pending:
        below = [k for k in pending.pop().__subclasses__() if k.__module__.startswith("keysat_")]
        for kind in below:
            if any(k.__module__.startswith("keysat_") for k in kind.__subclasses__()):
                pending.append(kind)
            else:
                yield kind


def test_every_leaf_has_a_row_and_no_family_has_one() -> None:
    assert {leaf.__qualname__ for leaf in leaves()} == {leaf.__qualname__ for leaf in RULES}


def test_every_row_is_tried_below() -> None:
    assert {type(sample) for sample in SAMPLES} == set(RULES)


@pytest.mark.parametrize("failure", SAMPLES, ids=lambda failure: failure.code)
def test_an_answer_is_the_published_envelope(failure: core.KeysatError) -> None:
    ready = answer(failure, request_id="r" * 16)
    body = msgspec.json.decode(ready.encoded(), type=dict[str, object])
    assert body["ok"] is False
    assert set(body) <= {
        "ok",
        "error",
        "message",
        "code",
        "upgrade_url",
        "detail",
        "request_id",
    }
    assert 400 <= ready.status <= 599
    assert str(body["message"]).startswith(RULES[type(failure)].prefix)
    assert len(str(body["message"])) <= 400
    if ready.status == 500:
        assert body["message"] == INTERNAL_MESSAGE
        assert body["code"] == "internal_error"
    else:
        assert body["code"] == failure.code


@pytest.mark.parametrize(
    ("failure", "status", "error", "message"),
    [
        (core.Unauthorized(), 401, "unauthorized", "unauthorized"),
        (core.NotAuthentic(), 401, "unauthorized", "unauthorized"),
        (core.Forbidden(), 403, "forbidden", "forbidden"),
        (core.NotFound("product", "x"), 404, "not_found", "not found: no product 'x'"),
        (core.TierCapReached("no more", "https://u"), 402, "tier_cap", "no more"),
        (core.RateLimited(7), 429, "rate_limited", "too many requests: slow down and retry in 7 s"),
        (core.RateUnavailable("USD"), 502, "upstream_error", None),
        (core.StoreBusy(), 503, "service_unavailable", None),
        (core.SlugTaken("product", "x"), 409, "conflict", None),
        (core.CodeRefused("expired"), 400, "bad_request", None),
        (core.NoProvider(), 400, "bad_request", None),
    ],
    ids=lambda value: value.code if isinstance(value, core.KeysatError) else None,
)
def test_statuses_and_codes_are_the_contract(
    failure: core.KeysatError, status: int, error: str, message: str | None
) -> None:
    ready = answer(failure, request_id=None)
    assert (ready.status, ready.body.error) == (status, error)
    assert message is None or ready.body.message == message


def test_a_tier_cap_says_where_to_get_more() -> None:
    ready = answer(core.TierCapReached("no more", "https://u"), request_id=None)
    assert ready.body.upgrade_url == "https://u"


def test_a_limit_says_when_to_come_back() -> None:
    assert answer(core.RateLimited(7), request_id=None).headers == {"retry-after": "7"}
    assert answer(core.StoreBusy(), request_id=None).headers == {"retry-after": "1"}


def test_a_broken_rule_names_its_field() -> None:
    ready = answer(core.InvariantError("slug", "must not be empty"), request_id=None)
    assert msgspec.to_builtins(ready.body)["detail"] == [
        {"field": "slug", "problem": "must not be empty"}
    ]


def test_buyers_do_not_see_what_a_provider_said_but_operators_do() -> None:
    failure = core.ProviderUnavailable("create_invoice", "http://10.0.0.1 refused")
    assert "10.0.0.1" not in answer(failure, request_id=None).body.message
    shown = answer(failure, request_id=None, is_for_operator=True).body.message
    assert shown == "upstream error: create_invoice: unavailable: http://10.0.0.1 refused"


def test_buyers_are_told_whether_waiting_helps() -> None:
    def told(failure: core.KeysatError) -> str:
        return answer(failure, request_id=None).body.message

    silent = told(core.ProviderUnavailable("create_invoice"))
    assert silent == "upstream error: provider unavailable; nothing was charged, try again later"
    assert told(core.ProviderRefused("create_invoice", "auth", "key revoked")) == (
        "upstream error: the seller's payment service refused; nothing was charged, please tell"
        " the seller"
    )


@pytest.mark.parametrize("failure", [ValueError("secret"), core.CorruptRow("t", "k", "secret")])
@pytest.mark.betters("B-06")
def test_a_fault_tells_nothing_but_its_request_id(failure: Exception) -> None:
    ready = answer(failure, request_id="abcdefgh")
    assert ready.status == 500
    assert b"secret" not in ready.encoded()
    assert ready.body.request_id == "abcdefgh"


def test_a_failure_nobody_listed_is_a_fault() -> None:
    class Unheard(core.KeysatError):
        code = "unheard"

    assert answer(Unheard("secret"), request_id=None).status == 500
