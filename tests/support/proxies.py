"""nginx and Caddy with the samples of ``packaging``, on loopback ports and with a certificate of their own.

Of a sample only addresses, files and the optional lines are changed, and each change must find its text.
"""

import os
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from tests.support.live_server import free_port
from tests.support.tree import ROOT

NAME: Final = "licenses.example.com"
"""What the samples call the server."""

START_SECONDS: Final = 20.0

_NGINX_MAIN: Final = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
{user}
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/keysat.conf;
}}
"""


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A proxy that runs in front of a Keysat."""

    plain_port: int
    port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def client(self, address: str) -> httpx.Client:
        """A client that calls from this loopback address, and trusts the proxy's certificate."""
        trusted = ssl.create_default_context(cafile=self.folder / "cert.pem")
        return httpx.Client(
            base_url=self.url,
            headers={"host": NAME},
            transport=httpx.HTTPTransport(local_address=address, verify=trusted),
            timeout=20,
        )


@contextmanager
def nginx(folder: Path, backend: int, *, admin_network: str = "") -> Iterator[Proxy]:
    """Run nginx with its sample; with a network, with the lines that keep the administration to it."""
    proxy = _prepared(folder)
    changes = {
        "127.0.0.1:8080;": f"127.0.0.1:{backend};",
        "listen 80;": f"listen 127.0.0.1:{proxy.plain_port};",
        "    listen [::]:80;\n": "",
        "listen 443 ": f"listen 127.0.0.1:{proxy.port} ",
        "    listen [::]:443 ssl http2;\n": "",
        f"/etc/letsencrypt/live/{NAME}/fullchain.pem": str(folder / "cert.pem"),
        f"/etc/letsencrypt/live/{NAME}/privkey.pem": str(folder / "key.pem"),
        "/var/log/nginx/": f"{folder}/",
    }
    if admin_network:
        changes["#allow 192.0.2.0/24;"] = f"allow {admin_network};"
    (folder / "keysat.conf").write_text(_changed("nginx/keysat.conf", changes))
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_NGINX_MAIN.format(folder=folder, user=user))
    with _running(proxy, "nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")):
        yield proxy


@contextmanager
def caddy(folder: Path, backend: int, *, admin_network: str = "") -> Iterator[Proxy]:
    """Run Caddy with its sample; with a network, with the lines that keep the administration to it."""
    proxy = _prepared(folder)
    certificate = f"tls {folder}/cert.pem {folder}/key.pem"
    changes = {
        "127.0.0.1:8080 {": f"127.0.0.1:{backend} {{",
        "\tservers {": f"\tadmin off\n\thttp_port {proxy.plain_port}\n\thttps_port {proxy.port}\n"
        "\tdefault_bind 127.0.0.1\n\tservers {",
        f"\n{NAME} {{\n": f"\n{NAME} {{\n\t{certificate}\n",
    }
    if admin_network:
        changes |= {
            "#@stranger": "@stranger",
            "#\tpath": "\tpath",
            "#\tnot remote_ip 192.0.2.0/24\n\t#}": f"\tnot remote_ip {admin_network}\n\t}}",
            "#respond": "respond",
        }
    (folder / "Caddyfile").write_text(_changed("caddy/Caddyfile", changes))
    with _running(proxy, "caddy", "run", "--config", str(folder / "Caddyfile")):
        yield proxy


def _changed(sample: str, changes: dict[str, str]) -> str:
    text = (ROOT / "packaging" / sample).read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, f"{sample} no longer says {old!r}"
        text = text.replace(old, new)
    return text


def _prepared(folder: Path) -> Proxy:
    subprocess.run(  # noqa: S603
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", f"/CN={NAME}"),
            *("-addext", f"subjectAltName=DNS:{NAME},IP:127.0.0.1"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )
    return Proxy(plain_port=free_port(), port=free_port(), folder=folder)


@contextmanager
def _running(proxy: Proxy, *words: str) -> Iterator[None]:
    log = proxy.folder / "proxy.log"
    with (
        log.open("wb") as said,
        subprocess.Popen(  # noqa: S603
            words,
            env={"PATH": f"{os.environ['PATH']}:/usr/sbin", "HOME": str(proxy.folder)},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        ) as process,
    ):
        try:
            deadline = time.monotonic() + START_SECONDS
            while process.poll() is None and time.monotonic() < deadline:
                try:
                    with proxy.client("127.0.0.1") as client:
                        client.get("/healthz")
                    break
                except httpx.TransportError:
                    time.sleep(0.05)
            else:
                raise AssertionError(f"{words[0]} did not start: {log.read_text()}")
            yield
        finally:
            process.terminate()
