"""Who may see the pages."""

import asyncio
from typing import Any

import pytest

from archbuilder.play.guard import Guard, Message, Receive, Scope, Send, is_local, new_token

LOCAL = {"host": "127.0.0.1:8421"}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    total = 0
    while True:
        message = await receive()
        total += len(message.get("body", b""))
        if message["type"] == "http.disconnect":
            return
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"{total}".encode()})


def asked(
    headers: dict[str, str], *, token: str = "", kind: str = "http", query: str = "", bodies: tuple[bytes, ...] = (b"",)
) -> list[Message]:
    """Return what is sent in answer to a request."""
    sent: list[Message] = []
    waiting: list[Message] = [
        {"type": "http.request", "body": body, "more_body": number < len(bodies) - 1}
        for number, body in enumerate(bodies)
    ]

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": kind,
        "path": "/",
        "method": "GET",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(Guard(app, port=8421, token=token, largest=10)(scope, receive, send))
    return sent


def status(sent: list[Message]) -> Any:
    return sent[0].get("status", sent[0].get("code", "accepted")) if sent else None


def test_this_machine_is_let_in_and_may_not_be_framed() -> None:
    for host in ("127.0.0.1:8421", "localhost:8421", "[::1]:8421"):
        sent = asked({"host": host, "origin": f"http://{host}"})
        assert status(sent) == 200
        assert (b"x-frame-options", b"DENY") in sent[0]["headers"]
    assert status(asked(LOCAL, kind="websocket")) == "accepted"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "evil.example"},
        {"host": "evil.example:8421"},
        {"host": "127.0.0.1:80"},
        {"host": "127.0.0.1:8421.evil.example"},
        {**LOCAL, "origin": "http://evil.example"},
        {**LOCAL, "origin": "http://localhost:8421"},
        {**LOCAL, "origin": "null"},
        {**LOCAL, "origin": "http://127.0.0.1:8421.evil.example"},
        {**LOCAL, "content-length": "-1"},
        {**LOCAL, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
        {**LOCAL, "sec-fetch-site": "same-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
    ],
)
def test_other_hosts_and_sites_are_refused(headers: dict[str, str]) -> None:
    assert status(asked(headers)) == 403
    assert asked(headers, kind="websocket")[0]["code"] == 1008


def test_a_link_on_another_site_may_lead_here() -> None:
    link = {**LOCAL, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert status(asked(link)) == 200
    assert status(asked({**link, "sec-fetch-site": "same-origin", "sec-fetch-dest": "empty"})) == 200


def test_what_is_too_large_is_refused_also_if_its_length_is_not_said() -> None:
    assert status(asked({**LOCAL, "content-length": "11"})) == 413
    assert asked(LOCAL, bodies=(b"12345", b"12345"))[1]["body"] == b"10"
    assert asked(LOCAL, bodies=(b"12345", b"12345", b"1")) == []


def test_with_a_token_the_address_that_has_it_sets_a_cookie_and_nothing_else_is_let_in() -> None:
    token, host = new_token(), {"host": "192.0.2.1:8421"}
    for query in ("", "token=", "token=wrong", f"token={token}x"):
        assert status(asked(host, token=token, query=query)) == 403
    assert asked(host, token=token, kind="websocket", query=f"token={token}")[0]["code"] == 1008
    sent = asked(host, token=token, query=f"token={token}&file=a.yaml")
    headers = dict(sent[0]["headers"])
    assert (sent[0]["status"], headers[b"location"]) == (303, b"/?file=a.yaml")
    cookie = headers[b"set-cookie"].decode()
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    known = {**host, "cookie": cookie.partition(";")[0]}
    assert status(asked(known, token=token)) == 200
    assert status(asked(known, token=token, kind="websocket")) == "accepted"
    assert status(asked({**known, "origin": "http://evil.example"}, token=token)) == 403
    assert status(asked({**host, "cookie": "archbuilder-8421=wrong"}, token=token)) == 403


def test_only_addresses_of_this_machine_are_local() -> None:
    assert all(map(is_local, ("127.0.0.1", "localhost", "::1")))
    assert not any(map(is_local, ("0.0.0.0", "::", "192.168.0.1", "")))
