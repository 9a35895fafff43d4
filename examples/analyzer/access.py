"""How Tidegate is reached: its address, the token, and the authority that signed its certificate."""

import http.client
import json
import ssl
import urllib.parse
from dataclasses import dataclass, field

LOOPBACK = ("127.0.0.1", "::1", "localhost")
ANSWER_BYTES_MAX = 4 * 1024 * 1024

# What may go wrong with a request or with what its answer holds.
FAILURES = (OSError, http.client.HTTPException, ValueError, KeyError, TypeError)


@dataclass(frozen=True)
class Access:
    server: str
    token: str | None = field(default=None, repr=False)
    ca: str | None = None

    def __post_init__(self):
        address = urllib.parse.urlsplit(self.server)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError(f"{self.server} is no address, allowed: such as http://127.0.0.1:4780")
        if self.token and address.scheme == "http" and address.hostname not in LOOPBACK:
            raise ValueError("a token is sent only to this machine or over https")

    def request(self, method, path, limit_s, body=None):
        """Status, JSON and `Retry-After` in seconds of an answer. Raises one of FAILURES.

        A connection for each request: no caller waits for another's. Neither proxies nor redirects are followed.
        """
        address = urllib.parse.urlsplit(self.server)
        if address.scheme == "https":
            checks = ssl.create_default_context(cafile=self.ca)
            connection = http.client.HTTPSConnection(address.netloc, timeout=limit_s, context=checks)
        else:
            connection = http.client.HTTPConnection(address.netloc, timeout=limit_s)
        headers = {"content-type": "application/json"} if body is not None else {}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            answer = json.loads(response.read(ANSWER_BYTES_MAX))
            return response.status, answer, float(response.getheader("retry-after", 0))
        finally:
            connection.close()
