"""Where the tests of tokens get theirs: a clock, programs and files that give tokens, a token server on loopback."""

import json
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs

import requests
from pydantic import SecretStr
from requests.adapters import HTTPAdapter

from mailer.tokens import Token, TokenCommand

NOW = 1_800_000_000.0
TENANT = "6f0c9b4e-1d2a-4a7b-9c3e-000000000001"


def program(code: str) -> TokenCommand:
    """A command that runs a line of Python."""
    return TokenCommand((sys.executable, "-c", code))


@dataclass
class Given:
    """A source that gives the tokens it was given, one after the other, the last one for ever."""

    values: tuple[str, ...]
    expires_at: float | None = None
    fetched: int = 0

    def __hash__(self) -> int:
        return hash(self.values)

    @property
    def identity(self) -> SecretStr:
        return SecretStr("given")

    def fetch(self, now: float, timeout: float) -> Token:
        self.fetched += 1
        return Token(SecretStr(self.values[min(self.fetched, len(self.values)) - 1]), self.expires_at)


@dataclass
class TokenServer:
    """Answers each POST with `answer` and `status`; `asked` are the forms that came."""

    answer: dict
    status: int = 200
    asked: list[dict[str, str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def session(self) -> requests.Session:
        """An HTTP session for which this server is the whole of Microsoft's login."""
        session = requests.Session()
        session.mount("https://", _Detour(self.address))
        return session

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        return type("Handler", (_Handler,), {"owner": self})


class _Handler(BaseHTTPRequestHandler):
    owner: TokenServer

    def do_GET(self):
        host = "https://login.microsoftonline.com"
        self._say(200, {
            "tenant_discovery_endpoint": f"{host}/{TENANT}/v2.0/.well-known/openid-configuration",
            "metadata": [],
            "authorization_endpoint": f"{host}/{TENANT}/oauth2/v2.0/authorize",
            "token_endpoint": f"{host}/{TENANT}/oauth2/v2.0/token",
            "issuer": f"{host}/{TENANT}/v2.0",
        })  # fmt: skip

    def do_POST(self):
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.owner.asked.append({name: values[0] for name, values in form.items()})
        self._say(self.owner.status, self.owner.answer)

    def _say(self, status, answer):
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing."""


class _Detour(HTTPAdapter):
    """Takes every https request to a server on loopback."""

    def __init__(self, address: str):
        self._address = address
        super().__init__()

    def send(self, request, **given):
        request.url = self._address + "/" + request.url.split("/", 3)[3]
        return super().send(request, **given)
