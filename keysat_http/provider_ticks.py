"""The ticks that look after connected payment providers. Source: payments 14.1, 14.2 and 15."""

from collections.abc import Mapping
from typing import Final

import structlog

from keysat_core.domain.instant import Instant
from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from keysat_core.domain.provider_address import webhook_base
from keysat_core.errors import ProviderNotLoaded, UpstreamError
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.connections.check_webhook import (
    Mended,
    WebhookLook,
    check_webhook,
    move_zaprite_webhook,
)
from keysat_core.use_cases.connections.look_after_providers import list_connected, probe_provider
from keysat_http.leasing import Work
from keysat_http.ticks import Tick

PROBE_SECONDS: Final = 900
"""How often an account is asked whether it answers (payments 15)."""

WEBHOOK_SECONDS: Final = 900
"""How often it is seen that webhooks are registered and arrive: soon enough for who changed a secret
to be told of it. Source: payments 14.1 asks for every 6 hours at the least."""

EVER: Final = Instant(0)

log = structlog.get_logger("keysat.ticks")


def provider_ticks(
    ports: Ports, *, public_url: str | None, internal_url: str | None = None
) -> list[Tick]:
    """Declare them. Without a known public address webhooks are not looked at."""
    awake_since = ports.clock.now()
    ticks = [
        Tick(
            name="provider_probe",
            first_after_seconds=30,
            every_seconds=PROBE_SECONDS,
            run=lambda: probe_providers(ports),
            is_shared=True,
            has_work=lambda: bool(list_connected(store=ports.store)),
        )
    ]
    if public_url is not None:
        ticks.append(
            Tick(
                name="webhook_check",
                first_after_seconds=45,
                every_seconds=WEBHOOK_SECONDS,
                run=lambda: check_webhooks(
                    ports, public_url, internal_url=internal_url, awake_since=awake_since
                ),
                is_shared=True,
                has_work=lambda: bool(list_connected(store=ports.store)),
            )
        )
    return ticks


def probe_providers(ports: Ports) -> Work:
    """Ask every connected account whether it answers."""
    asked = failed = 0
    for account in list_connected(store=ports.store):
        health = probe_provider(
            account,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            providers=ports.providers,
        )
        if health is None:
            continue
        asked += 1
        failed += health.failures > 0
        if health.failures:
            log.warning(
                "provider_failing",
                kind=account.kind,
                state=health.state(ports.clock.now()),
                failures=health.failures,
                detail=health.detail,
            )
    return Work(items=asked - failed, failed=failed)


def check_webhooks(
    ports: Ports,
    public_url: str,
    *,
    internal_url: str | None = None,
    awake_since: Instant = EVER,
) -> Work:
    """See that every account's webhook leads to this server, as far as its provider tells.

    ``internal_url``: where a BTCPay Server on the same box reaches this server.
    """
    bases = {
        ProviderKind.BTCPAY: webhook_base(public_url, internal_url),
        ProviderKind.ZAPRITE: public_url,
    }
    looked_at = failed = 0
    for account in list_connected(store=ports.store):
        try:
            found = _check_webhook(ports, account, bases, awake_since)
        except (UpstreamError, ProviderNotLoaded) as exc:
            failed += 1
            log.warning("webhook_not_checked", code=exc.code, problem=str(exc))
            continue
        if found is None:
            continue
        looked_at += 1
        if found.mended is not Mended.NOTHING:
            log.info("webhook_mended", kind=account.kind, label=account.label, how=found.mended)
        if found.trouble is not None:
            log.warning(
                "webhook_failing",
                kind=account.kind,
                label=account.label,
                trouble=found.trouble.problem,
            )
    return Work(items=looked_at, failed=failed)


def _check_webhook(
    ports: Ports,
    account: ProviderAccount,
    bases: Mapping[ProviderKind, str],
    awake_since: Instant,
) -> WebhookLook | None:
    """Look after one account's webhook; None when there was nothing to look at."""
    if account.kind is ProviderKind.BTCPAY and ports.btcpay is not None:
        return check_webhook(
            account,
            public_url=bases[account.kind],
            awake_since=awake_since,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            btcpay=ports.btcpay,
        )
    if account.kind is ProviderKind.ZAPRITE and ports.zaprite is not None:
        return move_zaprite_webhook(
            account,
            public_url=bases[account.kind],
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            zaprite=ports.zaprite,
        )
    return None
