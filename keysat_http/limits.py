"""Every maximum of the HTTP shell, with its reason. What people send is limited in the core."""

from typing import Final

from keysat_core.limits import PURCHASE_DEADLINE_SECONDS

REQUEST_ID_CHARS_MIN: Final = 8
"""Shortest request id taken over from a proxy; a shorter one would collide in the log."""

REQUEST_ID_CHARS_MAX: Final = 64
"""Longest request id taken over from a proxy."""

FORWARDED_HOPS_MAX: Final = 32
"""Most ``X-Forwarded-For`` entries looked at, from the right; no real chain is longer."""

FORWARDED_CHARS_MAX: Final = 256
"""Longest ``X-Forwarded-For`` remembered; a client may send any, and each would take memory."""

ORIGINS_MAX: Final = 4_096
"""Client addresses remembered, about 1 MB; with more than these they are worked out anew."""

FIELD_PROBLEMS_MAX: Final = 20
"""Most problems listed in one 400; error bodies stay short (public-api 1)."""

PROBLEM_CHARS_MAX: Final = 300
"""Longest text of one problem; error bodies stay short (public-api 1)."""

GLOBAL_PER_MINUTE: Final = 300
"""Requests per minute and endpoint while a proxy hides client addresses (public-api 3)."""

BUCKETS_PER_FLUSH_MAX: Final = 5_000
"""Rate buckets written in one transaction, so that a flush never holds the write lock for long."""

BUCKET_IDLE_SECONDS: Final = 86_400
"""Stored buckets older than this are purged: every one of ours is full again long before."""

PROBE_SECONDS: Final = 2
"""How long an answer of ``/readyz`` is reused, so that probes never crowd the write lock."""

TICK_JITTER: Final = 0.1
"""Part by which a tick's pause varies, so that many servers do not ask a provider in step."""

TICK_RESTART_SECONDS: Final = 1.0
"""First pause before a tick's crashed runner is started again; doubled every time it crashes."""

TICK_RESTART_SECONDS_MAX: Final = 300.0
"""Longest such pause: a bug is logged often enough, and the job still runs when it passes."""

TICKS_STOP_SECONDS: Final = 8.0
"""How long a running tick may take to end after the stop; supervisors kill after about 10 s."""

GRACEFUL_SECONDS: Final = 8
"""How long requests in flight may take to end after SIGTERM; PURCHASE_DEADLINE_SECONDS fits."""

LATE_SECONDS: Final = 3.0
"""A stop that has taken this long writes no rate limits any more: a locked database may cost 5 s."""

EXIT_SECONDS: Final = 9.5
"""Whole time from SIGTERM to the end of the process, forced if need be (10 s less a margin)."""

PURCHASE_SECONDS: Final = PURCHASE_DEADLINE_SECONDS - 0.5
"""When a purchase stops waiting, so that even a busy server's answer is there by the deadline."""

LOOK_SECONDS: Final = 15.0
"""How long a webhook's answer waits for the look at its invoice: BTCPay's next one waits behind it."""

CONNECTIONS_MAX: Final = 4_096
"""Open connections and running requests; above it new ones get a bare 503."""

OPEN_FILES: Final = 8_192
"""File descriptors asked of the system: a socket per connection and room for the databases."""

WAITING_BYTES_MAX: Final = 65_536
"""What a connection's answers may keep waiting within a turn; longer ones are sent as written."""

HEAD_BYTES_MAX: Final = 32_768
"""Largest address and headers of a request together: four times what browsers and proxies send."""

CHUNK_BYTES: Final = 16
"""What the size and line breaks of a part of a chunked body may take beside it, uncounted."""

PIPELINED_MAX: Final = 16
"""Requests a connection may send ahead of their answers; no client of ours sends any."""

REQUEST_SECONDS: Final = 30
"""How long a connection may take to send a whole request: 2 MiB over a slow line."""

KEEP_ALIVE_SECONDS: Final = 5
"""How long an idle connection stays open; waiters poll every 3 to 5 s."""

WORKER_THREADS: Final = 32
"""Threads for handlers that commit, list or call out. One writes at a time; most only wait."""

METRICS_CONNECTIONS_MAX: Final = 8
"""Connections, each a thread, on the metrics' own address; a scraper uses one, once in a while."""

METRICS_IDLE_SECONDS: Final = 5.0
"""How long such a connection may say or take nothing before it is closed."""
