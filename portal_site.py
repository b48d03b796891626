"""One installation's portal: its record and names, and what a request must be before anything answers it."""

import hmac
import ipaddress
import itertools
import json
import re
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

from bottle import HTTPError, HTTPResponse, request

from portal_server import BODY_BYTES, is_https
from portal_words import Words, choose
from store import database, visits
from store.session_keys import KeyRing
from store.settings import Settings

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
OWN_HEADER = "X-Interview"
"""Which interview the page that sends a request shows: `IV-12`."""
OWN_INTERVIEW = re.compile(r"IV-[1-9][0-9]{0,18}")
JSON_TYPE, BYTES_TYPE = "application/json", "application/octet-stream"

COOKIES_TRIED = 5
"""A browser may hold an old cookie of ours beside the new one; more than a few are somebody's game."""
_COOKIE_VALUE = r"[A-Za-z0-9_-]{43}"  # as `visits.exchange` makes it
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:/@\[\]]+)(?::(\d{1,5}))?", re.ASCII | re.IGNORECASE)


class Site:
    """What the portal's parts share. `clock` gives aware UTC; nothing else in the portal asks for the time."""

    def __init__(self, db: database.Database, settings: Settings, ring: KeyRing, clock: Callable[[], datetime]):
        self.db, self.settings, self.ring, self.clock = db, settings, ring, clock
        self.origins, self.hosts = _origins(settings), {settings.backend_host, *map(_name_of, settings.portal_hosts)}
        self.local = is_loopback(settings.portal_host)
        self.secure = is_https(settings)
        self.cookie = "__Host-iv" if self.secure else "iv"
        self.own_cookie = re.compile(rf"(?:^|[;,])[ \t]*{self.cookie}=({_COOKIE_VALUE})(?=[ \t]*(?:[;,]|$))")

    def words(self) -> Words:
        """The language that the request asks for."""
        return choose(request.headers.raw("Accept-Language", ""))

    def visit(self) -> visits.Visit:
        """The visit of the request's cookie; an error page 401 without one. Other sites' cookies do not matter.

        A page that shows another interview gets 409: its browser has opened that one's link since, which changed the
        cookie, and what is written in one interview must not reach the other.
        """
        shown = request.headers.raw(OWN_HEADER)
        if shown is not None and not OWN_INTERVIEW.fullmatch(shown):
            raise HTTPError(403)
        sent = itertools.islice(self.own_cookie.finditer(request.headers.raw("Cookie", "")), COOKIES_TRIED)
        visit = next(filter(None, (visits.find(self.db, cookie[1]) for cookie in sent)), None)
        if visit is None:
            raise HTTPError(401, "no_visit")
        if shown is not None and shown != visit.view.code:
            raise HTTPError(409, "other_interview")
        return visit

    def check_host(self) -> None:
        """Answers only for its own names, so that a forged Host reaches no page."""
        given = _HOST.fullmatch(request.environ.get("HTTP_HOST", ""))
        if given is None:
            raise HTTPError(400)
        name, port = given[1].strip("[]").lower(), given[2] or "80"
        own_port = self.local and name in LOCAL_HOSTS and port == request.environ.get("SERVER_PORT")
        if name not in self.hosts and not own_port:
            raise HTTPError(421)

    def check_own_request(self, content_type: str = JSON_TYPE) -> None:
        """Refuses a change that another site's page could have sent with the candidate's cookie."""
        # Raw, for bottle decodes as UTF-8 and breaks on anything else.
        origin, site = request.headers.raw("Origin"), request.headers.raw("Sec-Fetch-Site")
        own_host = self.local and origin == f"http://{request.environ.get('HTTP_HOST', '')}"
        if not (origin in self.origins or own_host or (origin is None and site == "same-origin")):
            raise HTTPError(403)
        if site not in (None, "same-origin") or not OWN_INTERVIEW.fullmatch(request.headers.raw(OWN_HEADER, "")):
            raise HTTPError(403)
        check_type(content_type)

    def check_bearer(self) -> None:
        """Lets ops in by OPS_TOKEN; failures count against the client's network, as unknown keys do."""
        token = self.settings.ops_token.get_secret_value()
        if not token:
            raise HTTPError(403, "ops_api_off")
        kind, _, given = request.headers.raw("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(
            given.strip().encode("utf-8", "replace"), token.encode()
        ):
            raise self.failed_attempt(HTTPError(401, "wrong_token", WWW_Authenticate="Bearer"))

    def failed_attempt(self, refusal: HTTPError) -> HTTPError:
        """The refusal, counted; 429 once this network's failures are used up. HEAD writes nothing."""
        network, now = visits.network(request.environ.get("REMOTE_ADDR", "")), self.clock()
        if visits.too_many_failures(self.db, network, now):
            return HTTPError(429, Retry_After=str(visits.FAILURES_WINDOW))
        if request.method != "HEAD":
            visits.count_failure(self.db, network, now)
        return refusal


def check_type(content_type: str) -> None:
    """An error page 415 for a body of another type."""
    if request.content_type.partition(";")[0].strip().lower() != content_type:
        raise HTTPError(415)


def body_bytes() -> bytes:
    """The request's body; an error page 413 if it is longer than BODY_BYTES."""
    if request.content_length > BODY_BYTES:
        raise HTTPError(413)
    body = request.environ["wsgi.input"].read(BODY_BYTES + 1)
    if len(body) > BODY_BYTES:
        raise HTTPError(413)
    return body


def json_body() -> dict[str, object]:
    """The body as one JSON object; an answer 400 that says what it lacks, or an error page 413, otherwise."""
    data = strict_json(body_bytes())
    if not isinstance(data, dict):
        raise _unreadable("it is JSON, but no object")
    return data


def strict_json(body: bytes) -> object:
    """One JSON value in UTF-8: no NaN, no name twice, no endless nesting. An answer 400 says what else it is."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refused, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise _unreadable(_why(error)) from None


class _Forbidden(ValueError):
    """JSON that others take and we do not; the text says why, and holds nothing of the body."""


def _refused(constant: str) -> None:
    raise _Forbidden(f"{constant} is no JSON")


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise _Forbidden("an object in it has a name twice")
    return dict(pairs)


def _why(error: ValueError | RecursionError) -> str:
    if isinstance(error, _Forbidden):
        return str(error)
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1} is not UTF-8"
    if isinstance(error, json.JSONDecodeError):
        return (
            f"it is no JSON from line {error.lineno}, column {error.colno} on" if error.doc.strip() else "it is empty"
        )
    return "a number in it has too many digits"


def _unreadable(why: str) -> HTTPResponse:
    fix = "send one JSON object in UTF-8, such as {}, with each name once."
    return json_answer(400, {"error": "bad_request", "message": f"The body cannot be read: {why}.", "fix": fix})


def json_answer(status: int, data: object, **headers: str) -> HTTPResponse:
    return HTTPResponse(json.dumps(data), status, Content_Type=JSON_TYPE, **headers)


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
