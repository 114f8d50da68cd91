"""What the doctor makes of the work: jobs, paid invoices, payment providers, and the clock.

Measuring is the adapters' business; nothing here looks at anything.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from keysat_core.domain.finding import Finding, failing, ok, warning
from keysat_core.domain.instant import Instant, rfc3339, rfc3339_or_number
from keysat_core.domain.lease import Lease
from keysat_core.domain.webhook_delivery import DeliveryCounts
from keysat_core.domain.webhook_trouble import REMEDIES, WebhookTrouble
from keysat_core.limits import (
    CLOCK_DRIFT_SECONDS_MAX,
    CLOCK_FLOOR,
    CLOCK_MARGIN_SECONDS,
    DELIVERIES_WAITING_MAX,
    EFFECT_SECONDS_MAX,
    INSTANT_MAX,
    LEASE_CLOCK_STEP_SECONDS,
    LEASE_LEFT_SECONDS_MAX,
    LEASE_SECONDS,
    TICK_SILENCE_SECONDS_MAX,
)


class ClockFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The clock, the newest instant stored, and how far the clock moved against elapsed time."""

    now: Instant
    newest_at: Instant | None
    drift_seconds: float


def judge_leases(leases: Sequence[Lease], now: Instant) -> list[Finding]:
    """Judge leases that last longer than any, or that nobody freed."""
    found = []
    for lease in leases:
        if lease.holder is None:
            continue
        left = lease.held_until - now
        if left > LEASE_SECONDS + LEASE_CLOCK_STEP_SECONDS:
            until = rfc3339_or_number(lease.held_until)
            remedy = "nothing: it counts as free; see that the clock is right"
            found.append(warning(f"job {lease.name} is leased until {until}", remedy))
        elif -left > LEASE_LEFT_SECONDS_MAX:
            found.append(
                warning(
                    f"job {lease.name} was cut off at {rfc3339_or_number(lease.held_until)} and not taken over",
                    "start the server, or run: keysat worker --once",
                )
            )
    return found or ok("no job is stuck")


def judge_unfinished(unfinished_since: Sequence[Instant], now: Instant) -> list[Finding]:
    """Judge when invoices were settled that have had no effect yet."""
    late = [since for since in unfinished_since if now - since > EFFECT_SECONDS_MAX]
    if late:
        return [
            failing(
                f"{len(late)} paid invoices have no license yet, the oldest since"
                f" {rfc3339_or_number(min(late))}",
                "run: keysat worker --once --job reconcile; if it fails its message says why",
            )
        ]
    return ok("every paid invoice has its license")


_PROVIDER_REMEDIES: Final[Mapping[str, str]] = {
    "unreachable": "see that it runs and that this machine reaches it",
    "credential_dead": "its key is not accepted any more: disconnect it and connect it again",
    "cannot_sell": "its key may not create invoices: disconnect it and connect it again",
}


def judge_providers(
    accounts: Sequence[tuple[str, str, str, str | None]],
    webhooks: Sequence[tuple[str, str, WebhookTrouble]],
    *,
    stranded: int,
) -> list[Finding]:
    """Judge how payment providers answered: each a kind, a label, a state and its last failure.

    ``webhooks``: kind, label and what is wrong, of those whose webhooks do not arrive.
    ``stranded``: invoices that wait at a provider that was disconnected.
    """
    findings = [
        failing(
            f"{kind} ({label}) is {state.replace('_', ' ')}" + (f": {detail}" if detail else ""),
            _PROVIDER_REMEDIES[state],
        )
        for kind, label, state, detail in accounts
        if state in _PROVIDER_REMEDIES
    ]
    findings += [
        warning(f"{kind} ({label}) failed lately: {detail}", "look again in ten minutes")
        for kind, label, state, detail in accounts
        if state == "failing"
    ]
    findings += [
        warning(
            f"webhooks of {kind} ({label}) do not arrive, {trouble.problem.replace('_', ' ')} since"
            f" {rfc3339(trouble.since)}" + (f": {trouble.detail}" if trouble.detail else ""),
            REMEDIES[trouble.problem],
        )
        for kind, label, trouble in webhooks
    ]
    if stranded:
        findings.append(
            warning(
                f"{stranded} invoices wait at a provider that was disconnected",
                "connect the same store again, or settle them by hand: keysat invoice settle",
            )
        )
    return findings or ok(f"{len(accounts)} connected, none fails")


def judge_webhooks(
    counts: Sequence[DeliveryCounts], retried: Mapping[str, int] | None = None
) -> list[Finding]:
    """Judge whether events reach the webhook endpoints; ``dead`` are deliveries of the last day.

    ``retried``: by endpoint, deliveries that failed at least once and are tried again.
    """
    findings = [
        warning(
            f"{one.dead} deliveries to webhook endpoint {one.endpoint_id} died within a day",
            "see why: keysat delivery list --status failed; then: keysat webhook replay",
        )
        for one in counts
        if one.dead
    ]
    findings += [
        warning(
            f"{one.queued} deliveries wait for webhook endpoint {one.endpoint_id}",
            "see that it answers, and quickly: keysat delivery list --status pending",
        )
        for one in counts
        if one.queued > DELIVERIES_WAITING_MAX
    ]
    findings += [
        warning(
            f"{count} deliveries to webhook endpoint {endpoint_id} failed and are tried again",
            "see why: keysat delivery list --status pending",
        )
        for endpoint_id, count in (retried or {}).items()
    ]
    return findings or ok(f"{len(counts)} endpoints, none misses events")


def judge_ticks(finished_at: Instant | None, now: Instant) -> list[Finding]:
    """Judge when a background job last ended well."""
    if finished_at is None:
        return ok("none has run on this database yet")
    if finished_at - now > CLOCK_MARGIN_SECONDS:
        return [
            warning(
                f"the last background job ended in the future: {rfc3339_or_number(finished_at)}",
                "see that the clock is right; jobs run all the same",
            )
        ]
    if now - finished_at > TICK_SILENCE_SECONDS_MAX:
        return [
            warning(
                f"no background job has ended well since {rfc3339_or_number(finished_at)}",
                "start the server; without it payments are not noticed",
            )
        ]
    return ok(f"the last ended well at {rfc3339(finished_at)}")


def judge_clock(clock: ClockFacts) -> list[Finding]:
    """Judge the machine's clock by what cannot be."""
    remedy = "set the clock, and let the machine keep it by NTP"
    if not CLOCK_FLOOR <= clock.now <= INSTANT_MAX:
        return [failing(f"the clock says {rfc3339_or_number(clock.now)}, which cannot be", remedy)]
    if clock.newest_at is not None and clock.newest_at - clock.now > CLOCK_MARGIN_SECONDS:
        return [
            failing(
                f"the clock says {rfc3339(clock.now)}, but the newest row is from"
                f" {rfc3339_or_number(clock.newest_at)}",
                f"{remedy}; if it is right now, it was wrong when that row was written",
            )
        ]
    if abs(clock.drift_seconds) > CLOCK_DRIFT_SECONDS_MAX:
        moved = f"{clock.drift_seconds:+.1f} s"
        return [warning(f"the clock was moved by {moved} while the doctor looked", remedy)]
    return ok(f"it is {rfc3339(clock.now)}")
