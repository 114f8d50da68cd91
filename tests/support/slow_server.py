"""A server in a process of its own: ``python -m tests.support.slow_server DATABASE``.

It prints its port, answers ``/slow/SECONDS`` after so long, and runs a tick without a pause.
"""

import asyncio
import sys
import time
from pathlib import Path

from litestar.params import FromPath

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.system.seal import SecretBoxSeal
from keysat_http import routes
from keysat_http.app import create_app
from keysat_http.logs import configure_logs
from keysat_http.provider_threads import ProviderThreads
from keysat_http.serve import run_server
from keysat_http.ticks import Tick
from tests.support.http import ListedValidations, OneKey, TurnedClock, ports_over, settings

PROVIDERS = ProviderThreads()


@routes.get("/slow/{seconds:float}")
def wait(seconds: FromPath[float]) -> dict[str, float]:
    time.sleep(seconds)
    return {"waited": seconds}


@routes.get("/provider/{seconds:float}", sync_to_thread=None)
async def ask(seconds: FromPath[float]) -> dict[str, bool]:
    """Give up on a provider that hangs, as a purchase does."""
    try:
        async with asyncio.timeout(0.2):
            await PROVIDERS.run(lambda: time.sleep(seconds))
    except TimeoutError:
        return {"answered": False}
    return {"answered": True}


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    configure_logs("info")
    with SQLiteStore.open(Path(sys.argv[1])) as store:
        ports = ports_over(
            store, clock=TurnedClock(), keys=OneKey(), validations=ListedValidations()
        )
        tick = Tick(
            name="busy", first_after_seconds=0.0, every_seconds=0.1, run=lambda: time.sleep(0.5)
        )
        app = create_app(
            ports, settings(), seal=SecretBoxSeal(), route_handlers=[wait, ask], ticks=[tick]
        )
        run_server(app, host="127.0.0.1", port=0, ready=lambda port: say(str(port)))
    say("closed")


if __name__ == "__main__":
    main()
