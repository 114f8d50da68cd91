"""The least a validation could cost: a bare ASGI application on the same server.

It reads the same JSON and encodes a constant answer of the same size, and does nothing else.
Run it as a program: ``floor_app.py PORT ANSWER_FILE``.
"""

import gc
import sys
from pathlib import Path
from typing import Any

import msgspec
import uvicorn


class Question(msgspec.Struct):
    key: str
    product_slug: str | None = None
    fingerprint: str | None = None


class Floor:
    def __init__(self, answer: bytes) -> None:
        self._answer = msgspec.json.decode(answer)
        self._decode = msgspec.json.Decoder(Question).decode
        self._encode = msgspec.json.Encoder().encode

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        message = await receive()
        if scope["method"] == "POST":
            self._decode(message["body"])
        body = self._encode(self._answer)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class FrozenServer(uvicorn.Server):
    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        gc.collect()
        gc.freeze()


if __name__ == "__main__":
    app = Floor(Path(sys.argv[2]).read_bytes())
    FrozenServer(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=int(sys.argv[1]),
            http="httptools",
            loop="uvloop",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
        )
    ).run()
