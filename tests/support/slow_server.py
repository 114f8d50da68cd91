"""A server in a process of its own: ``python -m tests.support.slow_server DATABASE``.

It prints its port, answers ``/slow/SECONDS`` after so long, and runs a tick without a pause.
"""

import sys
import time
from pathlib import Path

from litestar.params import FromPath

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_http import routes
from keysat_http.app import create_app
from keysat_http.logs import configure_logs
from keysat_http.serve import run_server
from keysat_http.ticks import Tick
from tests.support.http import ListedValidations, OneKey, TurnedClock, ports_over, settings


@routes.get("/slow/{seconds:float}")
def wait(seconds: FromPath[float]) -> dict[str, float]:
    time.sleep(seconds)
    return {"waited": seconds}


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
        app = create_app(ports, settings(), route_handlers=[wait], ticks=[tick])
        run_server(app, host="127.0.0.1", port=0, ready=lambda port: say(str(port)))
    say("closed")


if __name__ == "__main__":
    main()
