"""The candidates' portal: its routes, and the program that serves them. Pages, JSON and server are in `portal_*`."""

import argparse
import json
import logging
import sys
from collections.abc import Callable
from datetime import datetime

import bottle
from bottle import HTTPError, HTTPResponse, request, response

from portal_api import InterviewApi
from portal_fields import FieldRefused
from portal_ops import OpsApi, explained
from portal_pages import Pages
from portal_processes import Crew
from portal_server import AT_ONCE, READING, WRITING, Lanes, address_of, guarded, headers_for, listen, serve
from portal_site import JSON_TYPE, Site, json_answer
from store import database, places, readiness, recordings, session_keys, times
from store.errors import DatabaseUnusable, RecordingsUnusable, StoreError
from store.redaction import RedactedStream, install_excepthook
from store.session_keys import KeyRing
from store.settings import Settings

log = logging.getLogger("portal")

ROBOTS = "User-agent: *\nDisallow: /\n"
PAGES = ("unknown_link", "no_visit")
"""Refusals with a page of their own."""
NAMED = (*PAGES, "ops_api_off", "wrong_token", "other_interview")

ERRORS = {400: "bad_request", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "too_large",
          415: "wrong_type", 421: "wrong_host", 429: "too_many_attempts", 500: "internal_error",
          503: "unavailable"}  # fmt: skip
"""The JSON interface's names for statuses that say no more."""


class Portal:
    """The routes of one site, and what is answered when one of them cannot."""

    def __init__(self, site: Site):
        self.site, self.pages, self.api = site, Pages(site), InterviewApi(site)
        self.ops = OpsApi(site)

    def routes(self) -> bottle.Bottle:
        app = bottle.Bottle()
        app.default_error_handler = self.error
        app.add_hook("before_request", self.site.check_host)
        # Outside of lending, which would answer for it when the record cannot be reached.
        app.get("/readyz", callback=self.ready)
        app.get("/static/<name>", callback=self.pages.asset)
        app.get("/robots.txt", callback=lambda: HTTPResponse(ROBOTS, 200, Content_Type="text/plain"))
        app.get("/favicon.ico", callback=lambda: HTTPResponse(status=204))
        for method, path, answer in self.with_record():
            app.route(path, method, self.lending(answer))
        return app

    def with_record(self) -> tuple[tuple[str, str, Callable[..., object]], ...]:
        """The routes that read or write the record."""
        return (
            ("GET", "/", self.pages.enter),
            ("GET", "/interview", self.pages.interview),
            ("GET", "/healthz", self.health),
            *self.api.routes(),
            *self.ops.routes(),
        )

    def lending(self, answer: Callable[..., object]) -> Callable[..., object]:
        """Lends a connection for the request; a record that cannot be reached is a page, and a line in the log."""

        def answering(**parts: str) -> object:
            try:
                with database.lent(self.site.db):
                    return answer(**parts)
            except FieldRefused as refused:
                return refused.answer
            except (DatabaseUnusable, RecordingsUnusable) as error:
                log.error("%s", error.line())
                raise HTTPError(503, Retry_After="10") from None

        return answering

    def health(self) -> HTTPResponse:
        return json_answer(200, {"status": "ok", "database_id": database.database_id(self.site.db)})

    def ready(self) -> HTTPResponse:
        checks = readiness.checks(self.site.db, self.site.ring, self.api.recordings)
        is_ready = set(checks.values()) == {"ok"}
        return json_answer(200 if is_ready else 503, {"status": "ready" if is_ready else "not_ready", "checks": checks})

    def error(self, error: HTTPError) -> str:
        """The page, or the JSON under /api/, for every refusal and error; nothing of the request is echoed."""
        name = error.body if error.body in NAMED else ""
        path = request.environ.get("PATH_INFO", "")
        if path.startswith("/api/"):
            response.content_type = JSON_TYPE
            code = name or ERRORS.get(error.status_code, "refused")
            # The candidate's page has words of its own for each code.
            more = {} if path.startswith("/api/interview/") else explained(code, error.get_header("Allow", ""))
            return json.dumps({"error": code} | more)
        response.content_type = "text/html; charset=UTF-8"
        return self.pages.message(name if name in PAGES else "error", error.status_code)


def make_app(
    db: database.Database, settings: Settings, ring: KeyRing, clock: Callable[[], datetime] = times.now
) -> Callable:
    """The portal as a WSGI application, every answer with the headers that keep a candidate safe."""
    return guarded(Portal(Site(db, settings, ring, clock)).routes(), headers_for(settings))


NO_RECORD = ("/robots.txt", "/favicon.ico")
CHEAP = ("/interview", "/healthz")


def lanes(db: database.Database) -> Lanes:
    """Who in the server answers what: a link's exchange and all that is sent writes, the rest only reads.

    SQLite never makes a read wait, nor goes over a network for it, so a candidate's reads are answered at once there;
    and it lets one writer in at a time, so one of each process is enough: more only got in each other's way.
    """
    is_near = database.is_sqlite(db)

    def of(method: str, path: str, query: str) -> str:
        if method not in ("GET", "HEAD"):
            return WRITING
        if path == "/":
            return WRITING if query else AT_ONCE
        if path in NO_RECORD or path.startswith("/static/"):
            return AT_ONCE
        return AT_ONCE if is_near and (path in CHEAP or path.startswith("/api/interview/")) else READING

    return Lanes(of, writers=1 if is_near else 4)


def main(arguments: list[str] | None = None) -> int:
    """Runs the portal. Exit codes: 0 stopped, 2 it cannot start (one line on stderr says why and what to do)."""
    parser = argparse.ArgumentParser(prog="portal.py", description="Serves the candidates' portal.")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input is closed")
    options = parser.parse_args(arguments)
    sys.stderr = RedactedStream(sys.stderr)
    install_excepthook()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="portal: %(message)s")
    try:
        settings = Settings.load()
        db = database.open_record(settings.database_url.get_secret_value())
        ring = session_keys.load_ring(db, settings.session_key_ring.get_secret_value(), now=times.now())
        listener = listen(settings)
    except StoreError as error:
        print(f"portal: {error.line()}", file=sys.stderr)
        return 2
    _sweep(db, settings)
    _close(db)

    def work(on_ready: Callable[[], None], lives: int) -> int:
        """One process's share: connections are its own, opened after the fork."""
        own = database.open_record(settings.database_url.get_secret_value())
        serve(make_app(own, settings, ring), listener, headers_for(settings), lanes(own), on_ready, lives)
        _close(own)
        return 0

    def say() -> None:
        print(f"READY {address_of(listener)}", flush=True)

    code = Crew(work, settings.portal_processes).run(say, until=0 if options.with_parent else None)
    return 2 if code else 0


def _sweep(db: database.Database, settings: Settings) -> None:
    try:
        recordings.sweep(db, places.resolve(settings.recordings_folder), times.now())
    except StoreError as error:
        # What a crash left is no reason to keep candidates out.
        log.error("recordings were not swept: %s", error.line())


def _close(db: database.Database) -> None:
    db.close()
    if not database.is_sqlite(db):
        db.close_all()


if __name__ == "__main__":
    sys.exit(main())
