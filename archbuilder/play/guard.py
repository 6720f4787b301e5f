"""Who may see the pages: requests and web sockets of other sites, of other hosts, and without the token are refused."""

import hmac
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_LOCAL = ("127.0.0.1", "localhost", "[::1]")
_OTHERS = "requests of other sites are refused"
_HEADERS = (
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"frame-ancestors 'none'; base-uri 'self'; object-src 'none'"),
)


def is_local(host: str) -> bool:
    """Return whether only this machine reaches an address."""
    return host in ("127.0.0.1", "localhost", "::1")


def new_token() -> str:
    """Return a token that nobody guesses."""
    return secrets.token_urlsafe(24)


class Guard:
    """ASGI middleware in front of everything else.

    Without a token, only names of this machine are accepted as the host, so that no other site can have its name
    resolved to it. With one, its cookie is needed, which the first request with `?token=` sets.
    """

    def __init__(self, app: App, *, port: int, token: str = "", largest: int = 1 << 20) -> None:
        """Stand in front of an app.

        Args:
            app: The app.
            port: The port that it listens on.
            token: The token; empty for none, where only this machine reaches it.
            largest: Bytes of a request's body.
        """
        self._app, self._port, self._token, self._largest = app, port, token, largest
        self._cookie = f"archbuilder-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        reason = self._refusal(headers, scope.get("method", ""))
        if reason:
            await _refuse(scope, receive, send, 403, reason)
        elif self._token and not self._has_token(headers):
            await self._welcome(scope, receive, send)
        elif int(headers.get("content-length", "0") or 0) > self._largest:
            await _refuse(scope, receive, send, 413, "this is larger than the playground takes")
        else:
            await self._app(scope, self._limited(receive), _with_headers(send))

    def _refusal(self, headers: MutableMapping[str, str], method: str) -> str:
        """Return why a request is refused; empty if it is not."""
        host = headers.get("host", "")
        if not self._token and host not in {f"{name}:{self._port}" for name in _LOCAL}:
            return f"the host {host[:80]!r} is not this machine; open http://127.0.0.1:{self._port}/"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return _OTHERS
        # A page of another site can ask for an address without an origin, as for a picture; a link may lead here.
        is_link = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not (is_link and method == "GET"):
            return _OTHERS
        if not headers.get("content-length", "0").isdecimal():
            return "the length of the request is no number"
        return ""

    def _has_token(self, headers: MutableMapping[str, str]) -> bool:
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return False
        return cookie is not None and hmac.compare_digest(cookie.value.encode(), self._token.encode())

    async def _welcome(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the token of an address into a cookie, and go on without it in the address."""
        query = parse_qsl(scope["query_string"].decode("latin-1"))
        given = next((value for name, value in query if name == "token"), "")
        if scope["type"] != "http" or not hmac.compare_digest(given.encode(), self._token.encode()):
            await _refuse(
                scope, receive, send, 403, "open the address with its token, which the playground has printed"
            )
            return
        rest = urlencode([pair for pair in query if pair[0] != "token"])
        place = "/" + scope["path"].lstrip("/\\") + (f"?{rest}" if rest else "")
        cookie = f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict"
        headers = [(b"location", place.encode("latin-1", "ignore")), (b"set-cookie", cookie.encode())]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _limited(self, receive: Receive) -> Receive:
        """Return a receiver that ends a body which is longer than it may be."""
        total = 0

        async def limited() -> Message:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b"")) if message["type"] == "http.request" else 0
            if total > self._largest:
                return {"type": "http.disconnect"}
            return message

        return limited


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *_HEADERS]
        await send(message)

    return sending


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, reason: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": reason[:120]})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *_HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{reason}\n".encode()})
