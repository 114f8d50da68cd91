"""The receiver on the page about webhooks is run, and told of something."""

import os
import re
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

from keysat_adapters.outbound.webhook_sender import HTTPWebhookSender
from keysat_core.domain.ids import DeliveryId
from keysat_core.domain.secret import Secret
from keysat_core.domain.webhook_delivery import Reply
from keysat_core.domain.webhook_signature import webhook_headers
from tests.support.builders import NOW
from tests.support.live_server import free_port
from tests.support.tree import ROOT

SECRET = Secret("a secret of the page")
BODY = b'{"event_type":"license.revoked","timestamp":"x","data":{"license_id":"l"}}'


def send(sender: HTTPWebhookSender, url: str, secret: Secret, delivery_id: str) -> Reply:
    headers = webhook_headers(
        secret,
        delivery_id=DeliveryId(delivery_id),
        event_type="license.revoked",
        body=BODY,
        now=NOW,
    )
    return sender.send(url, headers, BODY)


@pytest.mark.betters("B-35")
def test_the_receiver_of_the_page_takes_each_event_once_and_no_forged_one(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    path = tmp_path / "receiver.py"
    path.write_text(program, encoding="utf-8")
    port = free_port()
    url = f"http://127.0.0.1:{port}/keysat"
    env = os.environ | {"WEBHOOK_SECRET": SECRET.reveal(), "PORT": str(port)}
    with (
        subprocess.Popen(  # noqa: S603  the program is the page's own
            [sys.executable, str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=env,
        ) as process,
        HTTPWebhookSender(user_agent="Keysat/test", is_private_allowed=True) as sender,
    ):
        try:
            ends_at = monotonic() + 20
            while send(sender, url, SECRET, "1").status_code != 204:
                assert monotonic() < ends_at
                sleep(0.05)
            assert send(sender, url, Secret("another secret of sb"), "2").status_code == 401
            assert send(sender, url, SECRET, "1").status_code == 204
            assert send(sender, url, SECRET, "3").status_code == 204
        finally:
            process.terminate()
        assert process.stdout is not None
        assert process.stdout.read().splitlines() == ["license.revoked {'license_id': 'l'}"] * 2
