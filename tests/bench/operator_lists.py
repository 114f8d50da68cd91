"""How fast operators read: every list, search, count and sum of a very large shop, over HTTP.

The shop is made by SQL at the schema before the one that made lists fast, so that bringing it up to
date is timed too. ``--scale 0.05`` makes a twentieth of it.
"""

import argparse
import logging
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import apsw
import structlog

from keysat_adapters.sqlite.connection import create_file, open_reader, open_writer
from keysat_adapters.sqlite.ledger import record
from keysat_adapters.sqlite.migration import packaged_migrations
from keysat_adapters.sqlite.migrations import migrate
from tests.support.http import ADMIN, START
from tests.support.large_shop import Size, Z, fill, fixed
from tests.support.performance_page import keep_result, rows
from tests.support.shop import Shop, running_shop

REQUESTS: Final = 40
MUST_MS: Final = 100.0
DAY: Final = 86_400

Ask = Callable[[], str]


def build(path: Path, size: Size) -> tuple[float, float]:
    """Make the shop; give the seconds that took, and those of bringing it up to date."""
    known = packaged_migrations()
    ours = next(one for one in known if one.name == "long_lists")
    create_file(path)
    with closing(open_writer(path, synchronous="OFF")) as connection:
        migrate(connection, known[: ours.version - 1])
        connection.pragma("cache_size", -2_000_000)
        connection.pragma("journal_mode", "memory")
        began = time.perf_counter()
        fill(connection, size)
        built = time.perf_counter() - began
        began = time.perf_counter()
        # As when a server starts, but for the copy that is made before.
        connection.execute("BEGIN").fetchall()
        for migration in known[ours.version - 1 :]:
            migration.run(connection)
            record(connection, migration)
        connection.execute("COMMIT").fetchall()
        return built, time.perf_counter() - began


def cases(size: Size, connection: apsw.Connection) -> Iterator[tuple[str, Ask]]:
    """Give every question with its name; each asks for something else every time."""
    pick = random.Random(7)  # noqa: S311  the same questions each time

    def column(sql: str) -> list[str]:
        return [str(row[0]) for row in connection.execute(sql)]

    emails = column("SELECT buyer_email FROM licenses WHERE buyer_email IS NOT NULL LIMIT 2000")
    npubs = column("SELECT nostr_npub FROM licenses WHERE nostr_npub IS NOT NULL LIMIT 2000")
    licenses = column("SELECT id FROM licenses LIMIT 2000")
    invoices = column("SELECT id FROM invoices LIMIT 2000")
    at_provider = column("SELECT provider_invoice_id FROM invoices LIMIT 2000")
    hashes = column("SELECT DISTINCT actor_hash FROM audit_log WHERE actor_hash IS NOT NULL")
    requests = column("SELECT request_id FROM audit_log LIMIT 2000")

    def when() -> str:
        at = START - pick.randrange(900) * DAY
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at + 5_000))

    def window() -> str:
        begin = START - (pick.randrange(800) + 60) * DAY
        spell = "%Y-%m-%dT%H:%M:%SZ"
        return (
            f"since={time.strftime(spell, time.gmtime(begin))}"
            f"&until={time.strftime(spell, time.gmtime(begin + 30 * DAY))}"
        )

    one = pick.choice

    def product() -> str:
        return fixed("a", pick.randrange(20))

    def policy() -> str:
        return fixed("b", pick.randrange(60))

    def deep(count: int) -> str:
        return f"offset={pick.randrange(max(count, 2))}"

    page = "limit=100"

    asks: dict[str, Ask] = {
        "products": lambda: "/products?include_inactive=true",
        "policies": lambda: f"/policies?product_slug=p{pick.randrange(20)}",
        "licenses": lambda: f"/licenses?{page}",
        "licenses, any page": lambda: f"/licenses?{page}&{deep(size.licenses)}",
        "licenses of a product, any page": (
            lambda: f"/licenses?{page}&product_id={fixed('a', 0)}&{deep(size.licenses // 2)}"
        ),
        "licenses of a tier": lambda: f"/licenses?{page}&policy_id={policy()}",
        "licenses by status": (
            lambda: f"/licenses?{page}&status={one(['active', 'suspended', 'revoked'])}"
        ),
        "licenses of a product by status": (
            lambda: f"/licenses?{page}&product_id={product()}&status={one(['active', 'revoked'])}"
        ),
        "licenses of a time": lambda: f"/licenses?{page}&{window()}",
        "search by e-mail": lambda: f"/licenses/search?buyer_email={one(emails)}",
        "search by a reseller's e-mail": (
            lambda: (
                f"/licenses/search?buyer_email=reseller@example.org&status={one(['active', 'revoked'])}"
            )
        ),
        "search by npub": lambda: f"/licenses/search?nostr_npub={one(npubs)}",
        "search by invoice": lambda: f"/licenses/search?invoice_id={one(invoices)}",
        "search by the provider's invoice": (
            lambda: f"/licenses/search?invoice_id={one(at_provider)}"
        ),
        "search with everything": (
            lambda: (
                f"/licenses/search?buyer_email={one(emails)}&product_id={product()}&status=active"
            )
        ),
        "licenses/summary": lambda: "/licenses/summary",
        "licenses/counts": lambda: "/licenses/counts",
        "revenue/summary": lambda: "/revenue/summary",
        "revenue/summary of a time": lambda: f"/revenue/summary?since={when()}",
        "invoices": lambda: f"/invoices?{page}",
        "invoices, any page": lambda: f"/invoices?{page}&{deep(size.invoices)}",
        "invoices by status": (
            lambda: f"/invoices?{page}&status={one(['pending', 'settled', 'expired', 'invalid'])}"
        ),
        "invoices of a product by status": (
            lambda: f"/invoices?{page}&product_id={product()}&status={one(['pending', 'settled'])}"
        ),
        "invoices of an account by status": (
            lambda: f"/invoices?{page}&payment_provider_id={Z}&status={one(['pending', 'invalid'])}"
        ),
        "invoices by e-mail": lambda: f"/invoices?{page}&buyer_email={one(emails)}",
        "invoices to look at": lambda: f"/invoices?{page}&needs_attention=true",
        "invoices of a time": lambda: f"/invoices?{page}&{window()}",
        "machines": lambda: f"/machines?{page}",
        "machines, any page": lambda: f"/machines?{page}&{deep(size.machines * 3 // 4)}",
        "machines with those gone, any page": (
            lambda: f"/machines?{page}&include_inactive=true&{deep(size.machines)}"
        ),
        "machines of a license": lambda: f"/machines?{page}&license_id={one(licenses)}",
        "machines of a product": lambda: f"/machines?{page}&product_id={product()}",
        "machines of a product, any page": (
            lambda: f"/machines?{page}&product_id={fixed('a', 0)}&{deep(size.machines * 3 // 8)}"
        ),
        "subscriptions": lambda: f"/subscriptions?{page}&{deep(size.subscriptions)}",
        "subscriptions by status": (
            lambda: f"/subscriptions?{page}&status={one(['active', 'lapsed'])}&{deep(9_999)}"
        ),
        "discount codes": lambda: f"/discount-codes?include_inactive=true&{page}",
        "discount-codes/attribution": lambda: "/discount-codes/attribution",
        "discount-codes/attribution of a time": (lambda: f"/discount-codes/attribution?{window()}"),
        "tips": lambda: f"/tips?{page}&{deep(size.tips)}",
        "webhook deliveries": lambda: f"/webhook-deliveries?{page}",
        "webhook deliveries, any page": (
            lambda: f"/webhook-deliveries?{page}&{deep(size.deliveries)}"
        ),
        "webhook deliveries of an endpoint": (
            lambda: (
                f"/webhook-deliveries?{page}&endpoint_id={fixed('d', pick.randrange(5))}&{deep(9_999)}"
            )
        ),
        "webhook deliveries by status": (
            lambda: f"/webhook-deliveries?{page}&status={one(['pending', 'failed', 'delivered'])}"
        ),
        "webhook endpoints": lambda: "/webhook-endpoints",
        "merchant profiles": lambda: "/merchant-profiles",
        "tier": lambda: "/tier",
        "db-info": lambda: "/db-info",
        "audit": lambda: "/audit",
        "audit, a page far down": lambda: f"/audit?before_id={pick.randrange(size.audits) + 1}",
        "audit, offset": lambda: f"/audit?{deep(100_000)}",
        "audit of an action": (
            lambda: (
                f"/audit?action={one(['license.issue_manual', 'license.revoke', 'rate.refresh'])}"
            )
        ),
        "audit of an action at a time": (
            lambda: f"/audit?action={one(['license.issue_manual', 'license.revoke'])}&{window()}"
        ),
        "audit of a time": lambda: f"/audit?{window()}",
        "audit of a kind of actor": lambda: f"/audit?actor_kind={one(['cli', 'system', 'web_ui'])}",
        "audit of a credential": lambda: f"/audit?actor_hash={one(hashes)}",
        "audit of a credential and an action": (
            lambda: (
                f"/audit?actor_hash={one(hashes)}&action={one(['license.revoke', 'web_ui.login_ok'])}"
            )
        ),
        "audit of an API key": lambda: f"/audit?actor_id=key-{pick.randrange(40)}",
        "audit of a target": lambda: f"/audit?target_kind=license&target_id={one(licenses)}",
        "audit of a request": lambda: f"/audit?request_id={one(requests)}",
        "audit with everything": (
            lambda: (
                f"/audit?target_kind=license&actor_kind=admin_api_key&actor_hash={one(hashes)}"
                f"&action=license.revoke&{window()}"
            )
        ),
    }
    yield from asks.items()


def asked_often(shop: Shop, ask: Ask) -> tuple[float, float, float]:
    """Ask many times; give the median, the 95th percentile, and that of processor time, all in ms."""
    taken, worked = [], []
    for _ in range(REQUESTS):
        path = f"/v1/admin{ask()}"
        began, began_work = time.perf_counter(), time.process_time()
        answer = shop.client.get(path, headers=ADMIN)
        worked.append((time.process_time() - began_work) * 1_000)
        taken.append((time.perf_counter() - began) * 1_000)
        assert answer.status_code == 200, (path, answer.text[:300])
    late = int(REQUESTS * 0.95) - 1
    return sorted(taken)[REQUESTS // 2], sorted(taken)[late], sorted(worked)[late]


def exported(shop: Shop) -> tuple[int, float]:
    """Export every license; give the bytes and seconds."""
    began, size = time.perf_counter(), 0
    with shop.client.stream("GET", "/v1/admin/export/licenses", headers=ADMIN) as answer:
        for piece in answer.iter_bytes():
            size += len(piece)
    return size, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    size = Size.scaled(asked.scale)
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        path = Path(folder) / "keysat.db"
        built, migrated = build(path, size)
        with running_shop(path=path) as shop, closing(open_reader(path)) as connection:
            lines: list[tuple[str, str, str, str]] = []
            slow = []
            for name, ask in cases(size, connection):
                median, worst, work = asked_often(shop, ask)
                lines.append((name, f"{median:.1f}", f"{worst:.1f}", f"{work:.1f}"))
                print(f"{work:8.1f} {worst:8.1f} {median:8.1f}  {name}", flush=True)
                if work >= MUST_MS:
                    slow.append(name)
            length, seconds = exported(shop)
            metrics = time.perf_counter()
            shop.client.get("/metrics", headers=ADMIN)
            metrics = (time.perf_counter() - metrics) * 1_000
        gigabytes = path.stat().st_size / 1e9
    result = [
        *rows(("GET /v1/admin/…", "median, ms", "p95, ms", "p95 of processor time, ms"), lines),
        "",
        (
            f"{size.licenses:,} licenses, {size.machines:,} machines, {size.audits:,} audit rows,"
            f" {size.invoices:,} invoices: {gigabytes:.1f} GB, made in {built:.0f} s and brought to this"
            f" schema in {migrated:.0f} s. `/metrics` {metrics:.1f} ms. All licenses exported as CSV over"
            f" HTTP: {length / 1e6:.0f} MB in {seconds:.0f} s. The p95 of processor time must be below {MUST_MS:.0f} ms:"
            f" {', '.join(slow) or 'every one is'}."
        ),
    ]
    if asked.scale >= 1:
        keep_result("operator_lists", result)
    else:
        print("\n".join(result))


if __name__ == "__main__":
    main()
