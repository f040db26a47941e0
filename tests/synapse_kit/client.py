"""A JSON client of one homeserver, and the paths of its APIs."""
from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import quote, urlsplit

Json = Any


class ApiError(Exception):
    """The homeserver answered with an error status."""

    def __init__(self, method: str, path: str, status: int, body: Json) -> None:
        code = body.get("errcode") if isinstance(body, dict) else None
        super().__init__(f"{method} {path[:140]}: {status} {json.dumps(body, ensure_ascii=False)[:300]}")
        self.status, self.code, self.body = status, code, body


class Client:
    """A JSON client of one homeserver, over one kept-open connection."""

    def __init__(self, url: str, timeout: float = 120) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"not a plain http URL: {url!r}")
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=timeout)

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        """One exchange; a connection that the server closed in between is opened again, once."""
        for is_last in (False, True):
            try:
                self._connection.request(method, path, body, headers)
                response = self._connection.getresponse()
                return response.status, response.read()
            except (http.client.HTTPException, ConnectionError):
                self._connection.close()
                if is_last:
                    raise
        raise AssertionError("unreachable")

    def call(self, method: str, path: str, body: Json = None, token: str | None = None) -> Json:
        """Send and receive JSON; raises ApiError on any status but 200."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data is not None else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        status, answer = self.send(method, path, data, headers)
        try:
            decoded = json.loads(answer)
        except ValueError:
            decoded = {"error": answer.decode(errors="replace")}
        if status != 200:
            raise ApiError(method, path, status, decoded)
        return decoded


def segments(parts: tuple[str, ...]) -> str:
    return "/".join(quote(part, safe="") for part in parts)


def v3(*parts: str) -> str:
    """A path of the client-server API."""
    return "/_matrix/client/v3/" + segments(parts)


def admin(version: str, *parts: str) -> str:
    """A path of Synapse's admin API."""
    return f"/_synapse/admin/{version}/" + segments(parts)
