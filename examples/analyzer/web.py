"""Routes as FastAPI declares them, on asyncio alone: a method, a path, a coroutine, JSON in and out."""

import asyncio
import http
import json

BODY_BYTES_MAX = 64 * 1024
REST_S = 30.0


class Invalid(Exception):
    """A request that is not valid; answered 422 with this text."""


class Unavailable(Exception):
    """What was asked for cannot be done now; answered 503 with this text."""


class App:
    def __init__(self):
        self._routes = []

    def get(self, path):
        return self._route("GET", path)

    def post(self, path):
        return self._route("POST", path)

    def put(self, path):
        return self._route("PUT", path)

    def _route(self, method, path):
        def keep(function):
            self._routes.append((method, path.strip("/").split("/"), function))
            return function

        return keep

    async def answer(self, method, path, body):
        """Status and JSON of a request."""
        parts = path.split("?")[0].strip("/").split("/")
        for known, pattern, function in self._routes:
            if known != method or len(pattern) != len(parts):
                continue
            pairs = list(zip(pattern, parts))
            if all(part == of or of.startswith("{") for of, part in pairs):
                given = [part for of, part in pairs if of.startswith("{")]
                return await run(function, given if method == "GET" else [*given, body])
        return 404, {"detail": "no such path"}

    async def serve(self, host, port):
        server = await asyncio.start_server(self._connection, host, port, limit=BODY_BYTES_MAX, backlog=128)
        # Whoever started this waits for the line, so that it can let the system choose the port.
        print(f"listening on http://{host}:{server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()

    async def _connection(self, reader, writer):
        try:
            while request := await asyncio.wait_for(read(reader), REST_S):
                status, answer = await self._request(*request)
                body = json.dumps(answer).encode()
                head = f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
                writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
                await writer.drain()
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.TimeoutError):
            # It is gone, rests, or does not speak HTTP as it is spoken here.
            pass
        finally:
            writer.close()

    async def _request(self, method, path, text):
        try:
            body = json.loads(text or b"{}")
        except ValueError:
            return 400, {"detail": "the body is no JSON"}
        if not isinstance(body, dict):
            return 422, {"detail": "the body is no object"}
        return await self.answer(method, path, body)


async def read(reader):
    """Method, path and body; None where the connection was ended. Raises ValueError for what is not read here."""
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    first, *lines = head.decode("latin-1").split("\r\n")
    if not first:
        return None
    method, path, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= BODY_BYTES_MAX or "transfer-encoding" in headers:
        raise ValueError("the body is too long")
    return method, path, await reader.readexactly(length)


async def run(function, arguments):
    try:
        return 200, await function(*arguments)
    except Invalid as error:
        return 422, {"detail": str(error)}
    except Unavailable as error:
        return 503, {"detail": str(error)}
    except Exception as error:
        print(f"{function.__name__}: {error!r}", flush=True)
        return 500, {"detail": "a fault of the analyzer"}
