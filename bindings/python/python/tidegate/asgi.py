"""Middleware for ASGI applications: each request finds the client, and the shutdown sends what waits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tidegate.client import AsyncClient

__all__ = ["TidegateMiddleware"]

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]


class TidegateMiddleware:
    """Puts `client` into the state of each request, as `request.state.tidegate` in Starlette and FastAPI.

    Its assignments wait for nothing, so that it makes none beforehand. When the application has shut down, what was
    reported and not sent yet is sent, for at most the client's `flush_at_exit_s`.
    """

    def __init__(self, app: _App, client: AsyncClient) -> None:
        self._app = app
        self._client = client

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] in ("http", "websocket"):
            scope.setdefault("state", {})["tidegate"] = self._client
        elif scope["type"] == "lifespan":
            send = self._closing(send)
        await self._app(scope, receive, send)

    def _closing(self, send: _Send) -> _Send:
        async def send_and_close(message: MutableMapping[str, Any]) -> None:
            if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
                await self._client.close()
            await send(message)

        return send_and_close
