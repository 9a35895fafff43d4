"""How the daemon is reached: its address, the token, and the authority that signed its certificate.

The standard library's HTTP is enough: every request is made in the background, by two threads, so that nothing is gained
by a library that would have to be installed.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

LOOPBACK = ("127.0.0.1", "::1", "localhost")
ANSWER_BYTES_MAX = 16 * 1024 * 1024


class Refused(Exception):
    """The daemon answered, and not with success."""

    def __init__(self, status: int, problem: Any, retry_after_s: float) -> None:
        problem = problem if isinstance(problem, dict) else {}
        super().__init__(f"{status} {problem.get('code')}: {problem.get('detail')}")
        self.status = status
        self.code = problem.get("code")
        self.retry_after_s = retry_after_s

    @property
    def may_pass(self) -> bool:
        """Whether the same may be taken later: tokens are mended by a person, and a daemon recovers."""
        return self.status >= 500 or self.status in (401, 403, 408, 429)


@dataclass(frozen=True)
class Access:
    """An address and what it takes to be let in."""

    url: str
    token: str | None = field(default=None, repr=False)
    ca: str | None = None

    def __post_init__(self) -> None:
        address = urllib.parse.urlsplit(self.url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError(f"url: {self.url} is no address, allowed: such as http://127.0.0.1:4780")
        if address.path.strip("/") or address.query:
            raise ValueError(f"url: {self.url} has a path, allowed: the daemon's address alone")
        if self.token and not (self.token.isascii() and self.token.isprintable()):
            # As a header it would be refused later, with its text in the words of the refusal.
            raise ValueError("token: it is none, allowed: printable ASCII")
        if self.token and address.scheme == "http" and address.hostname not in LOOPBACK:
            raise ValueError("token: it is sent only to this machine or over https")

    def connect(self, limit_s: float) -> Connection:
        """A connection whose every wait is at most `limit_s`. Neither proxies nor redirects are followed."""
        address = urllib.parse.urlsplit(self.url)
        if address.scheme == "https":
            checks = ssl.create_default_context(cafile=self.ca)
            made: http.client.HTTPConnection = http.client.HTTPSConnection(
                address.netloc, timeout=limit_s, context=checks
            )
        else:
            made = http.client.HTTPConnection(address.netloc, timeout=limit_s)
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        return Connection(made, headers)


class Connection:
    """One connection, which is made when first needed and again after a failure."""

    def __init__(self, connection: http.client.HTTPConnection, headers: dict[str, str]) -> None:
        self._connection = connection
        self._headers = headers
        self._streamed: socket.socket | None = None

    def get(self, path: str) -> Any:
        return self._ask("GET", path, None)

    def post(self, path: str, body: str) -> Any:
        return self._ask("POST", path, body.encode())

    def lines(self, path: str) -> Iterator[bytes]:
        """The lines of a stream, as they come. Raises where none came for the connection's limit."""
        self._connection.request("GET", path, headers=self._headers)
        self._streamed = self._connection.sock
        response = self._connection.getresponse()
        if response.status != 200:
            self._refuse(response, _read(response))
        # Said once the stream stands: what happens from here on comes on it.
        yield b""
        while line := response.readline(ANSWER_BYTES_MAX):
            yield line

    def close(self) -> None:
        self._connection.close()

    def interrupt(self) -> None:
        """Ends a stream from another thread than the one that reads it."""
        if self._streamed is not None:
            # It may be gone already.
            with contextlib.suppress(OSError):
                self._streamed.shutdown(socket.SHUT_RDWR)

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        was_open = self._connection.sock is not None
        try:
            return self._ask_once(method, path, body)
        except ConnectionError:
            if not was_open:
                raise
            # The daemon ends connections that rest. Asking twice is harmless: what is reported has its id.
            return self._ask_once(method, path, body)

    def _ask_once(self, method: str, path: str, body: bytes | None) -> Any:
        headers = self._headers if body is None else {**self._headers, "content-type": "application/json"}
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            answer = _read(response)
        except BaseException:
            self._connection.close()
            raise
        if not 200 <= response.status < 300:
            self._refuse(response, answer)
        return answer

    def _refuse(self, response: http.client.HTTPResponse, answer: Any) -> None:
        try:
            retry_after_s = float(response.getheader("retry-after") or 0)
        except ValueError:
            retry_after_s = 0.0
        raise Refused(response.status, answer, retry_after_s)


def _read(response: http.client.HTTPResponse) -> Any:
    body = response.read(ANSWER_BYTES_MAX)
    try:
        return json.loads(body)
    except ValueError:
        if 200 <= response.status < 300:
            raise
        return None
