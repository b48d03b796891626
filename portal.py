"""The portal that candidates meet: routes and pages. Its server is in `portal_server`, rules and record in `store`.

What a page tells whoever checks it (see `store.session_keys.proof_token`):
`<meta name="interview-state" content="early">` is the access window's state (`store.sessions.STATES`) or the name of
the message shown instead; on an interview's page `[data-reference]` holds `IV-<interview id>`, `[data-candidate]` the
name, and the `datetime` of `time[data-start]` and `time[data-end]` the booked instants, in UTC.
"""

import argparse
import functools
import hashlib
import ipaddress
import itertools
import json
import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import bottle
from bottle import HTTPError, HTTPResponse, request, response

from portal_server import BODY_BYTES, guarded, headers_for, is_https, listen, serve
from store import database, places, session_keys, sessions, times, visits
from store.errors import DatabaseUnusable, NotAdmitted, StoreError, UnknownKey
from store.redaction import RedactedStream, install_excepthook
from store.session_keys import KeyRing
from store.settings import Settings, from_environment

log = logging.getLogger("portal")

VIEWS, STATIC = places.ROOT / "views", places.ROOT / "static"
ASSETS = {
    "portal.css": "text/css; charset=utf-8",
    "portal.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
PROOF_HEADER, OWN_HEADER = "X-Interview-Proof", "X-Interview"

ERRORS = {400: "bad_request", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "too_large",
          415: "not_json", 421: "wrong_host", 429: "too_many_attempts", 500: "internal_error",
          503: "unavailable"}  # fmt: skip
"""The JSON interface's names for statuses that say no more."""

COOKIES_TRIED = 5
"""A browser may hold an old cookie of ours beside the new one; more than a few are somebody's game."""
_COOKIE_VALUE = r"[A-Za-z0-9_-]{43}"  # as `visits.exchange` makes it
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:/@\[\]]+)(?::(\d{1,5}))?", re.ASCII | re.IGNORECASE)


class Portal:
    """The routes, over one record. `clock` gives aware UTC; nothing else here asks for the time."""

    def __init__(self, db: database.Database, settings: Settings, ring: KeyRing, clock: Callable[[], datetime]):
        self.db, self.ring, self.clock = db, ring, clock
        self.origins, self.hosts = _origins(settings), {settings.backend_host, *map(_name_of, settings.portal_hosts)}
        self.local = is_loopback(settings.portal_host)
        self.secure = is_https(settings)
        self.cookie = "__Host-iv" if self.secure else "iv"
        self.own_cookie = re.compile(rf"(?:^|[;,])[ \t]*{self.cookie}=({_COOKIE_VALUE})(?=[ \t]*(?:[;,]|$))")
        self.assets, self.links = _assets()
        self.page = functools.cache(lambda name: bottle.SimpleTemplate(name=f"{name}.tpl", lookup=[str(VIEWS)]))

    def routes(self) -> bottle.Bottle:
        app = bottle.Bottle()
        app.default_error_handler = self.error
        app.add_hook("before_request", self.check_host)
        app.get("/", callback=self.with_record(self.enter))
        app.get("/interview", callback=self.with_record(self.interview))
        app.get("/api/interview/state", callback=self.with_record(self.state))
        app.post("/api/interview/start", callback=self.with_record(self.start))
        app.get("/healthz", callback=self.with_record(self.health))
        app.get("/static/<name>", callback=self.asset)
        app.get(
            "/robots.txt", callback=lambda: HTTPResponse("User-agent: *\nDisallow: /\n", 200, Content_Type="text/plain")
        )
        app.get("/favicon.ico", callback=lambda: HTTPResponse(status=204))
        return app

    def enter(self) -> str | HTTPResponse:
        """A valid key, whatever the access window says, is exchanged for a cookie; HEAD writes nothing."""
        if not request.query_string:
            return self.message("home")
        presented = request.query.getall("session_key")
        sent = HTTPResponse(status=303, Location="/interview")
        try:
            if len(presented) != 1:
                raise UnknownKey
            session = session_keys.find(self.db, presented[0], self.ring)
            if request.method != "HEAD":
                cookie = visits.exchange(self.db, session, self._kind(session), self.clock())
                sent.set_cookie(self.cookie, cookie, path="/", httponly=True, samesite="lax", secure=self.secure)
        except UnknownKey:
            raise self._unknown_key() from None
        return sent

    def _kind(self, session: session_keys.SessionRow) -> str:
        proof = request.headers.raw(PROOF_HEADER)
        if proof is None:
            return visits.CANDIDATE
        if not session_keys.is_proof(proof, session.public, session.key_id, self.ring):
            raise HTTPError(403)
        return visits.PROOF

    def _unknown_key(self) -> HTTPError:
        network, now = visits.network(request.environ.get("REMOTE_ADDR", "")), self.clock()
        if visits.too_many_failures(self.db, network, now):
            return HTTPError(429, Retry_After=str(visits.FAILURES_WINDOW))
        if request.method != "HEAD":
            visits.count_failure(self.db, network, now)
        return HTTPError(404, "unknown_link")

    def visit(self) -> visits.Visit:
        """The visit of the request's cookie; an error page 401 without one. Other sites' cookies do not matter."""
        sent = itertools.islice(self.own_cookie.finditer(request.headers.raw("Cookie", "")), COOKIES_TRIED)
        visit = next(filter(None, (visits.find(self.db, cookie[1]) for cookie in sent)), None)
        if visit is None:
            raise HTTPError(401, "no_visit")
        return visit

    def interview(self) -> str:
        view, now = self.visit().view, self.clock()
        access = view.access(now)
        return self.page(access.state).render(
            static=self.links, state=access.state, view=view, access=access, times=times,
            turns=sessions.turns(view, access, now), clocks=view.clocks(), grace=int(sessions.GRACE.total_seconds()),
        )  # fmt: skip

    def state(self) -> HTTPResponse:
        view, now = self.visit().view, self.clock()
        return _json(200, sessions.turns(view, view.access(now), now))

    def start(self) -> HTTPResponse:
        self.check_own_request()
        if strict_json(_body()) != {}:
            raise HTTPError(400)
        visit, now = self.visit(), self.clock()
        if visit.kind != visits.CANDIDATE:
            raise HTTPError(403)
        try:
            view = sessions.begin(self.db, visit.view.session_id, now)
        except NotAdmitted:
            view = visit.view
            return _json(409, {"error": "not_admitted"} | sessions.turns(view, view.access(now), now))
        return _json(200, sessions.turns(view, view.access(now), now))

    def health(self) -> HTTPResponse:
        return _json(200, {"status": "ok", "database_id": database.database_id(self.db)})

    def asset(self, name: str) -> HTTPResponse:
        if name not in self.assets:
            raise HTTPError(404)
        content, kind = self.assets[name]
        return HTTPResponse(content, 200, Content_Type=kind, Cache_Control="public, max-age=31536000, immutable")

    def check_host(self) -> None:
        """Answers only for its own names, so that a forged Host reaches no page."""
        given = _HOST.fullmatch(request.environ.get("HTTP_HOST", ""))
        if given is None:
            raise HTTPError(400)
        name, port = given[1].strip("[]").lower(), given[2] or "80"
        own_port = self.local and name in LOCAL_HOSTS and port == request.environ.get("SERVER_PORT")
        if name not in self.hosts and not own_port:
            raise HTTPError(421)

    def check_own_request(self) -> None:
        """Refuses a change that another site's page could have sent with the candidate's cookie."""
        # Raw, for bottle decodes as UTF-8 and breaks on anything else.
        origin, site = request.headers.raw("Origin"), request.headers.raw("Sec-Fetch-Site")
        own_host = self.local and origin == f"http://{request.environ.get('HTTP_HOST', '')}"
        if not (origin in self.origins or own_host or (origin is None and site == "same-origin")):
            raise HTTPError(403)
        if site not in (None, "same-origin") or request.headers.raw(OWN_HEADER) != "1":
            raise HTTPError(403)
        if request.content_type.partition(";")[0].strip().lower() != "application/json":
            raise HTTPError(415)

    def with_record(self, answer: Callable[[], object]) -> Callable[[], object]:
        """Lends a connection for the request; a record that cannot be reached is a page, and a line in the log."""

        def lending() -> object:
            try:
                with database.lent(self.db):
                    return answer()
            except DatabaseUnusable as error:
                log.error("%s", error.line())
                raise HTTPError(503, Retry_After="10") from None

        return lending

    def message(self, name: str, status: int = 200) -> str:
        return self.page(name).render(static=self.links, state=name, status=status)

    def error(self, error: HTTPError) -> str:
        """The page, or the JSON under /api/, for every refusal and error; nothing of the request is echoed."""
        name = error.body if error.body in ("unknown_link", "no_visit") else ""
        if request.environ.get("PATH_INFO", "").startswith("/api/"):
            response.content_type = "application/json"
            return json.dumps({"error": name or ERRORS.get(error.status_code, "refused")})
        response.content_type = "text/html; charset=UTF-8"
        return self.message(name or "error", error.status_code)


def make_app(
    db: database.Database, settings: Settings, ring: KeyRing, clock: Callable[[], datetime] = times.now
) -> Callable:
    """The portal as a WSGI application, every answer with the headers that keep a candidate safe."""
    return guarded(Portal(db, settings, ring, clock).routes(), headers_for(settings))


def strict_json(body: bytes) -> object:
    """One JSON value in UTF-8: no NaN, no name twice, no endless nesting. An error page 400 otherwise."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refused, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError):
        raise HTTPError(400) from None


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name is given twice")
    return dict(pairs)


def _body() -> bytes:
    if request.content_length > BODY_BYTES:
        raise HTTPError(413)
    body = request.environ["wsgi.input"].read(BODY_BYTES + 1)
    if len(body) > BODY_BYTES:
        raise HTTPError(413)
    return body


def _json(status: int, data: dict[str, object]) -> HTTPResponse:
    return HTTPResponse(json.dumps(data), status, Content_Type="application/json")


def _assets() -> tuple[dict[str, tuple[bytes, str]], dict[str, str]]:
    """The static files by their hashed names, and the address of each; read once, symbolic links not followed."""
    held, links = {}, {}
    for name, kind in ASSETS.items():
        with open(os.open(STATIC / name, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            content = file.read()
        stem, suffix = Path(name).stem, Path(name).suffix
        hashed = f"{stem}.{hashlib.sha256(content).hexdigest()[:16]}{suffix}"
        held[hashed], links[name] = (content, kind), f"/static/{hashed}"
    return held, links


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _name_of(host: str) -> str:
    given = _HOST.fullmatch(host)
    return given[1].strip("[]").lower() if given else host


def _origins(settings: Settings) -> set[str]:
    parts = urlsplit(settings.backend_url)
    own = parts.netloc.lower().removesuffix(":443" if parts.scheme == "https" else ":80")
    return {f"{parts.scheme}://{host}" for host in (own, *settings.portal_hosts)}


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _end_with_parent() -> None:
    # Not sys.stdin: its lock, held by a daemon thread, aborts the interpreter's end.
    while os.read(0, 4096):
        continue
    os.kill(os.getpid(), signal.SIGTERM)


def main(arguments: list[str] | None = None) -> int:
    """Runs the portal. Exit codes: 0 stopped, 2 it cannot start (one line on stderr says why and what to do)."""
    parser = argparse.ArgumentParser(prog="portal.py", description="Serves the candidates' portal.")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input is closed")
    options = parser.parse_args(arguments)
    sys.stderr = RedactedStream(sys.stderr)
    install_excepthook()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="portal: %(message)s")
    try:
        settings = from_environment()
        db = database.open_record(settings.database_url.get_secret_value())
        ring = session_keys.load_ring(db, settings.session_key_ring.get_secret_value(), now=times.now())
        listener = listen(settings)
    except StoreError as error:
        print(f"portal: {error.line()}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _stop)
    if options.with_parent:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    serve(make_app(db, settings, ring), listener, headers_for(settings))
    db.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
