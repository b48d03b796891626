"""The pages that candidates see: the link's exchange for a cookie, the interview's page, and every message.

What a page tells whoever checks it (see `store.session_keys.proof_token`):
`<meta name="interview-state" content="early">` is the access window's state (`store.sessions.STATES`) or the name of
the message shown instead; on an interview's page `[data-reference]` holds `IV-<interview id>`, `[data-candidate]` the
name, and the `datetime` of `time[data-start]` and `time[data-end]` the booked instants, in UTC.
"""

import functools
import hashlib
import os
import re
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import bottle
from bottle import HTTPError, HTTPResponse, request, response

from portal_server import HEADERS
from portal_site import Site, Words
from store import answers, places, questions, session_keys, sessions, times, visits
from store.errors import UnknownKey

VIEWS, STATIC = places.ROOT / "views", places.ROOT / "static"
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
AHEAD = (sessions.EARLY, sessions.WAITING, sessions.OPEN, sessions.RUNNING)
"""States of a page that lives through to the interview, and so must be allowed what the job asks for."""
_NOTHING = dict(HEADERS)["Permissions-Policy"]
_AUDIO = _NOTHING.replace("microphone=()", "microphone=(self)")
PERMISSIONS = {"": _NOTHING, "audio": _AUDIO, "video": _AUDIO.replace("camera=()", "camera=(self)")}
"""What a page may ask the candidate for, by what its questions need."""
PROOF_HEADER = "X-Interview-Proof"


@functools.lru_cache(maxsize=1024)
def _escaped(text: str) -> str:
    return bottle.html_escape(text)


@functools.lru_cache(maxsize=4096)
def _clocks(t: Words, started_at: datetime, ended_at: datetime, zones: tuple[str, ...]) -> list[SimpleNamespace]:
    return t.clocks(started_at, ended_at, zones)


_TEXT = re.compile(r"\{\{t\('([a-z_.]+)'\)\}\}")
_SIGNS = re.compile(r"[{}%\\\n]")
"""What means something to the template language."""


class Template(bottle.SimpleTemplate):
    """A template in one language: texts that no value goes into are written and escaped once, not for every page."""

    words: Words

    def prepare(self, **settings: object) -> None:
        super().prepare(**settings)
        self._str, self._escape = str, lambda value: _escaped(value if type(value) is str else str(value))
        self.source = _TEXT.sub(self._written, Path(self.filename).read_text(encoding="utf-8"))

    def execute(self, _stdout: list[str], kwargs: dict[str, object]) -> dict[str, object]:
        # As bottle does it, with fewer copies, and without leaving circles that must be looked for and collected.
        env = kwargs | {"_stdout": _stdout, "_printlist": _stdout.extend, "_rebase": None, "_str": self._str,
                        "_escape": self._escape}  # fmt: skip
        env["include"], env["rebase"] = functools.partial(self._include, env), functools.partial(self._rebase, env)
        exec(self.co, env)
        del env["include"], env["rebase"]
        if env["_rebase"]:
            name, given = env["_rebase"]
            inner = "".join(_stdout)
            _stdout.clear()
            self._include(env, name, base=inner, **given)
        return env

    def _include(self, _env: dict[str, object], _name: str, **kwargs: object) -> dict[str, object]:
        if _name not in self.cache:
            self.cache[_name] = self.__class__(name=_name, lookup=self.lookup)
        return self.cache[_name].execute(_env["_stdout"], _env | kwargs)

    def _written(self, found: re.Match[str]) -> str:
        text = self.words(found[1])
        return found[0] if _SIGNS.search(text) else _escaped(text)


@functools.cache
def _template(words: Words, name: str) -> Template:
    # Parts that a page includes are made of the page's own class, and so are in its language.
    kind = type("Template", (Template,), {"words": words})
    return kind(name=f"{name}.tpl", lookup=[str(VIEWS)])


class Pages:
    """The HTML side of a site, and its static files."""

    def __init__(self, site: Site):
        self.site = site
        self.assets, self.links = _assets()

    def enter(self) -> str | HTTPResponse:
        """A valid key, whatever the access window says, is exchanged for a cookie; HEAD writes nothing."""
        if not request.query_string:
            return self.message("home")
        site, presented = self.site, request.query.getall("session_key")
        sent = HTTPResponse(status=303, Location="/interview")
        try:
            if len(presented) != 1:
                raise UnknownKey
            session = session_keys.find(site.db, presented[0], site.ring)
            if request.method != "HEAD":
                cookie = visits.exchange(site.db, session, self._kind(session), site.clock())
                sent.set_cookie(site.cookie, cookie, path="/", httponly=True, samesite="lax", secure=site.secure)
        except UnknownKey:
            raise site.failed_attempt(HTTPError(404, "unknown_link")) from None
        return sent

    def _kind(self, session: session_keys.SessionRow) -> str:
        proof = request.headers.raw(PROOF_HEADER)
        if proof is None:
            return visits.CANDIDATE
        if not session_keys.is_proof(proof, session.public, session.key_id, self.site.ring):
            raise HTTPError(403)
        return visits.PROOF

    def interview(self) -> str:
        view, now, t = self.site.visit().view, self.site.clock(), self.site.words()
        access, session_id = view.access(now), view.session_id
        needs = questions.needs(self.site.db, session_id) if access.state in AHEAD else ""
        limited = access.state == sessions.WAITING and questions.has_limits(self.site.db, session_id)
        response.set_header("Permissions-Policy", PERMISSIONS[needs])
        return _template(t, access.state).render(
            t=t, static=self.links, state=access.state, view=view, access=access, times=times, needs=needs,
            limited=limited, text_length=answers.TEXT_LENGTH,
            turns=sessions.turns(view, access, now), clocks=_clocks(t, view.started_at, view.ended_at, tuple(view.zones())),
            said=answers.counts(self.site.db, session_id) if access.state == sessions.DONE else None,
        )  # fmt: skip

    def message(self, name: str, status: int = 200) -> str:
        t = self.site.words()
        return _template(t, name).render(t=t, static=self.links, state=name, status=status)

    def asset(self, name: str) -> HTTPResponse:
        if name not in self.assets:
            raise HTTPError(404)
        content, kind = self.assets[name]
        return HTTPResponse(content, 200, Content_Type=kind, Cache_Control="public, max-age=31536000, immutable")


def _assets() -> tuple[dict[str, tuple[bytes, str]], dict[str, str]]:
    """The static files by their hashed names, and the address of each; read once, symbolic links not followed."""
    held, links = {}, {}
    for path in sorted(STATIC.iterdir()):
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            content = file.read()
        hashed = f"{path.stem}.{hashlib.sha256(content).hexdigest()[:16]}{path.suffix}"
        held[hashed], links[path.name] = (content, TYPES[path.suffix]), f"/static/{hashed}"
    return held, links
