"""Routes as FastAPI declares them, on the standard library alone: a method, a path, a function, JSON in and out."""

import json
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY_BYTES_MAX = 64 * 1024


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

    def answer(self, method, path, body):
        """Status and JSON of a request."""
        parts = path.split("?")[0].strip("/").split("/")
        for known, pattern, function in self._routes:
            if known != method or len(pattern) != len(parts):
                continue
            pairs = list(zip(pattern, parts))
            if all(part == of or of.startswith("{") for of, part in pairs):
                given = [part for of, part in pairs if of.startswith("{")]
                return run(function, given if method == "GET" else [*given, body])
        return 404, {"detail": "no such path"}

    def serve(self, host, port):
        server = Server((host, port), handler_of(self))
        # Whoever started this waits for the line, so that it can let the system choose the port.
        print(f"listening on http://{host}:{server.server_address[1]}", flush=True)
        server.serve_forever()


def run(function, arguments):
    try:
        return 200, function(*arguments)
    except Invalid as error:
        return 422, {"detail": str(error)}
    except Unavailable as error:
        return 503, {"detail": str(error)}
    except Exception as error:
        print(f"{function.__name__}: {error!r}", flush=True)
        return 500, {"detail": "a fault of the analyzer"}


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def handler_of(app):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def setup(self):
            super().setup()
            # Head and body of an answer are two writes; without this the second may wait for the client's ACK.
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def _handle(self):
            length = self.headers.get("content-length", "0")
            if not length.isdigit() or int(length) > BODY_BYTES_MAX or "transfer-encoding" in self.headers:
                self.close_connection = True
                return self._send(413, {"detail": f"a body has a length of at most {BODY_BYTES_MAX}"})
            try:
                body = json.loads(self.rfile.read(int(length)) or b"{}")
            except ValueError:
                return self._send(400, {"detail": "the body is no JSON"})
            if not isinstance(body, dict):
                return self._send(422, {"detail": "the body is no object"})
            return self._send(*app.answer(self.command, self.path, body))

        do_GET = do_POST = do_PUT = _handle

        def _send(self, status, answer):
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    return Handler
