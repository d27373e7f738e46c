"""Who may talk to the app: only somebody who knows the address with its token.

Loopback is not private on a shared machine, so every request and every WebSocket is checked.
"""

from __future__ import annotations

import secrets
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_REFUSED = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Touchstone</title>
<style>:root{color-scheme:light dark}body{font:16px/1.6 system-ui,sans-serif;max-width:38em;margin:16vh auto 0;
padding:0 24px;color:light-dark(#1d2320,#e4e7e5);background:light-dark(#fff,#15181a)}h1{font-size:22px}
code{background:light-dark(#f5f6f4,#1d2124);padding:2px 6px;border-radius:4px}</style>
<h1>This is Touchstone, but the address is not complete</h1>
<p>Open the whole address that <code>workbench app</code> printed in the terminal. It ends with
<code>?token=</code> and a long word. The terminal that runs the app still shows it.</p>
<p>Touchstone asks for it because other people on this machine can reach this port too.</p></html>"""


class TokenGate:
    """ASGI middleware: a token in the address becomes a cookie; without either the answer is 401."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app = app
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, turn the token into a cookie, or refuse."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        if self._known(scope, headers) and _same_origin(headers) and _local(headers):
            await self.app(scope, receive, send)
            return
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = next((value for name, value in query if name == "token"), "")
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 4401})
        elif scope["method"] == "GET" and self._equal(given):
            rest = urlencode([(name, value) for name, value in query if name != "token"])
            place = "/" + scope["path"].lstrip("/") + (f"?{rest}" if rest else "")
            cookie = f"{_cookie_name(scope)}={self.token}; HttpOnly; SameSite=Strict; Path=/"
            await _answer(send, 303, b"", [(b"location", place.encode()), (b"set-cookie", cookie.encode())])
        else:
            await _answer(send, 401, _REFUSED, [(b"content-type", b"text/html; charset=utf-8")])

    def _known(self, scope: Scope, headers: dict[str, str]) -> bool:
        bearer = headers.get("authorization", "")
        if bearer.startswith("Bearer ") and self._equal(bearer.removeprefix("Bearer ")):
            return True
        if scope["path"].startswith("/api/"):
            return False
        try:
            jar = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        crumb = jar.get(_cookie_name(scope))
        return crumb is not None and self._equal(crumb.value)

    def _equal(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self.token.encode())


def _cookie_name(scope: Scope) -> str:
    # Cookies are shared by all ports of a host: two open projects must not log each other out.
    return f"touchstone-{(scope.get('server') or ('', 0))[1]}"


def _same_origin(headers: dict[str, str]) -> bool:
    """A page of another port is the same *site* and would send our cookie; its Origin gives it away."""
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def _local(headers: dict[str, str]) -> bool:
    """A name that somebody else's DNS points at this machine is not ours."""
    return headers.get("host", "").rpartition(":")[0] in ("127.0.0.1", "localhost")


async def _answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, (b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer")],
        }
    )
    await send({"type": "http.response.body", "body": body})
