"""Puts a double behind an ``httpx.Client`` in the same process: no socket, no waiting."""

from urllib.parse import parse_qsl

import httpx

from tests.simulators.exchange import ConnectionCut, NeverAnswered, NotReachable, Request, Service


class ServiceTransport(httpx.BaseTransport):
    """Hands each request to ``service``. A timeout or cut is raised at once."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as the service does.

        Raises:
            httpx.ReadTimeout: The service never answers.
            httpx.ReadError: The service hangs up.
            httpx.ConnectError: The service takes no connection.
        """
        try:
            answer = self._service.handle(request_of(request))
        except NeverAnswered as error:
            raise httpx.ReadTimeout("the double never answers", request=request) from error
        except ConnectionCut as error:
            raise httpx.ReadError("the double hung up", request=request) from error
        except NotReachable as error:
            raise httpx.ConnectError("the double takes no connection", request=request) from error
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)


def request_of(request: httpx.Request) -> Request:
    """Read what httpx is about to send."""
    url = request.url
    path, _, query = url.raw_path.decode("ascii").partition("?")
    return Request(
        method=request.method,
        path=path,
        query=tuple(parse_qsl(query, keep_blank_values=True)) if query else (),
        headers={
            name.decode("ascii").lower(): value.decode("latin-1")
            for name, value in request.headers.raw
        },
        body=request.read(),
        base_url=f"{url.scheme}://{url.netloc.decode('ascii')}",
    )
