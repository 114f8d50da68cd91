"""What ``HTTPSender`` sends with: an httpx client over a transport with one deadline."""

from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from keysat_adapters.outbound.answer import Answer, NoAnswer


class HTTPXExchange:
    """Implements ``keysat_adapters.outbound.http.Exchange``."""

    def __init__(
        self,
        *,
        user_agent: str,
        transport: httpx.BaseTransport,
    ) -> None:
        # What a host sets for one account must not come back with the key of another.
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        self._client = httpx.Client(
            cookies=no_cookies,
            headers={"User-Agent": user_agent, "Accept-Encoding": "identity"},
            follow_redirects=False,
            trust_env=False,
            transport=transport,
        )

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, seconds: float
    ) -> Answer:
        """Send one request and give its answer, whatever its status.

        Raises:
            NoAnswer: none came in time, it was too long, or the address cannot be called.
        """
        try:
            answer = self._client.request(
                method, url, headers=dict(headers), content=body, timeout=seconds
            )
        except (httpx.ConnectError, httpx.UnsupportedProtocol, httpx.InvalidURL) as exc:
            raise NoAnswer(_said(exc), was_sent=False) from exc
        except (httpx.LocalProtocolError, UnicodeError):
            # The cause holds the text that cannot be written, which may be a key.
            said = "its address or a header cannot be written"
            raise NoAnswer(said, was_sent=False) from None
        except httpx.HTTPError as exc:
            is_slow = isinstance(exc, httpx.TimeoutException)
            raise NoAnswer(_said(exc), was_sent=True, is_slow=is_slow) from exc
        named = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status_code, named, answer.content)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
