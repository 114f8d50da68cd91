"""The code of docs/doubles.md is run in this process, with an application that hears webhooks."""

from typing import Any

import httpx

from tests.support.docs.pages import page_named


def test_the_doubles_do_what_the_page_shows() -> None:
    heard: list[str] = []

    def our_app(request: httpx.Request) -> httpx.Response:
        heard.append(request.url.path)
        return httpx.Response(200)

    blocks = [block for block in page_named("docs/doubles.md").blocks if block.language == "python"]
    assert len(blocks) == 3
    names: dict[str, Any] = {"our_app": our_app}
    for block in blocks:
        code = compile("\n" * block.line + block.text, block.page.name, "exec")
        exec(code, names)  # noqa: S102  our own page
        names["client"].close()
    for opened in ("app", "sender"):
        names[opened].close()
    assert {path.rsplit("/", 1)[0] for path in heard} >= {"/v1/btcpay", "/v1/zaprite/webhook"}
