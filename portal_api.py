"""What the interview's page asks and sends: /api/interview, as docs/openapi.json describes it. JSON both ways."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from bottle import HTTPError, HTTPResponse, request

import portal_fields as fields
from portal_site import BYTES_TYPE, Site, body_bytes, json_answer
from store import answers, places, questions, recordings, sessions, times, visits
from store.answers import Asked, Hold
from store.errors import AnswerRefused, NotAdmitted
from store.sessions import SessionView

STATUSES = {"question_unknown": 404, "text_too_long": 400, "text_unreadable": 400, "recording_too_large": 413,
            "recording_type": 415}  # fmt: skip
"""The refusals of an answer that are not a conflict, 409."""
RECORDING_TYPE = "X-Recording-Type"


class InterviewApi:
    """The candidate's side of the JSON interface; what changes something must come from the candidate's own page."""

    def __init__(self, site: Site):
        self.site = site
        self.recordings = places.resolve(site.settings.recordings_folder)

    def routes(self) -> tuple[tuple[str, str, Callable[..., HTTPResponse]], ...]:
        at = "/api/interview"
        return (
            ("GET", f"{at}/state", self.state),
            ("POST", f"{at}/start", self.start),
            ("GET", f"{at}/questions", self.questions),
            ("POST", f"{at}/heartbeat", self.heartbeat),
            ("POST", f"{at}/take-over", self.take_over),
            ("POST", f"{at}/release", self.release),
            ("PUT", f"{at}/answers/<number>", self.save),
            ("GET", f"{at}/answers/<number>/recordings/<take>", self.take),
            ("PUT", f"{at}/answers/<number>/recordings/<take>", self.record),
            ("POST", f"{at}/finish", self.finish),
        )

    def state(self) -> HTTPResponse:
        return json_answer(200, self._turns(self.site.visit().view))

    def start(self) -> HTTPResponse:
        visit, _ = self._change()
        try:
            view = sessions.begin(self.site.db, visit.view.session_id, self.site.clock())
        except NotAdmitted:
            return json_answer(409, {"error": "not_admitted"} | self._turns(visit.view))
        return json_answer(200, self._turns(view))

    def questions(self) -> HTTPResponse:
        view, now = self.site.visit().view, self.site.clock()
        if view.access(now).state != sessions.RUNNING:
            return json_answer(409, {"error": "not_running"} | self._turns(view))
        hold = answers.hold(self.site.db, view.session_id, now=now)
        asked = [_asked(question) for question in answers.content(self.site.db, view.session_id)]
        return json_answer(
            200, self._turns(view) | {"questions": asked, "question": hold.question, "held": hold.is_held}
        )

    def heartbeat(self) -> HTTPResponse:
        visit, given = self._change(
            page=fields.page, question=fields.whole_or_nothing(1, questions.MOST), engaged=fields.truth
        )
        if given["engaged"]:
            visits.engage(self.site.db, visit, self.site.clock())
        return self._answered(visit.view, lambda: self._heard(visit, given))

    def _heard(self, visit: visits.Visit, given: dict[str, Any]) -> dict[str, object]:
        now = self.site.clock()
        hold = answers.heartbeat(self.site.db, visit.view.session_id, **given, now=now)
        if hold.is_holder:
            visits.hear(self.site.db, visit, now)
        return self._held(hold) | {"opened": _opened(hold)}

    def take_over(self) -> HTTPResponse:
        visit, given = self._touched(page=fields.page)
        return self._answered(visit.view, lambda: self._held(
            answers.take_over(self.site.db, visit.view.session_id, **given, now=self.site.clock())
        ))  # fmt: skip

    def release(self) -> HTTPResponse:
        visit, given = self._change(page=fields.page)
        answers.release(self.site.db, visit.view.session_id, **given, now=self.site.clock())
        return HTTPResponse(status=204)

    def save(self, number: str) -> HTTPResponse:
        visit, given = self._touched(
            page=fields.page, sequence=fields.whole(1, fields.LARGEST_SEQUENCE),
            base_revision=fields.whole(0, fields.LARGEST_REVISION), text=fields.text,
        )  # fmt: skip
        return self._answered(visit.view, lambda: self._saved(visit.view, _number(number), given))

    def _saved(self, view: SessionView, number: int, given: dict[str, Any]) -> dict[str, object]:
        now = self.site.clock()
        saved = answers.save(self.site.db, view.session_id, number, **given, now=now)
        return {"revision": saved.revision, "saved_at": _instant(saved.saved_at), "server_time": _instant(now)}

    def take(self, number: str, take: str) -> HTTPResponse:
        visit, _ = self.site.visit(), _number(number)
        if not fields.page(take):
            raise HTTPError(404)
        known = recordings.status(self.site.db, visit.view.session_id, take)
        state = {"size": known.size, "state": known.state} if known else {"size": 0, "state": "none"}
        return json_answer(200, state)

    def record(self, number: str, take: str) -> HTTPResponse:
        self.site.check_own_request(BYTES_TYPE)
        visit, asked = self._candidate(), request.query
        visits.engage(self.site.db, visit, self.site.clock())
        if not fields.page(take) or not fields.page(asked.get("page")):
            raise HTTPError(400)
        offset, final, recorded_at = asked.get("offset", ""), asked.get("final", ""), asked.get("recorded_at", "")
        if not (_is_whole(offset, 15) and _is_whole(recorded_at or "0", 13)) or final not in ("", "1"):
            raise HTTPError(400)
        return self._answered(visit.view, lambda: _take(recordings.append(
            self.site.db, visit.view.session_id, _number(number), take, page=asked.get("page"),
            media_type=request.headers.raw(RECORDING_TYPE, ""), offset=int(offset), chunk=body_bytes(),
            is_final=final == "1", folder=self.recordings, limit=self.site.settings.recording_bytes,
            now=self.site.clock(), recorded_at=times.from_epoch(int(recorded_at) / 1000) if recorded_at else None,
        )))  # fmt: skip

    def finish(self) -> HTTPResponse:
        visit, given = self._touched(page=fields.page)
        return self._answered(visit.view, lambda: self._turns(
            answers.finish(self.site.db, visit.view.session_id, **given, now=self.site.clock())
        ))  # fmt: skip

    def _change(self, **rules: fields.Rule) -> tuple[visits.Visit, dict[str, Any]]:
        """The candidate's visit and the body's fields, of a request that only our own page can send."""
        self.site.check_own_request()
        given = fields.read(**rules)
        return self._candidate(), given

    def _touched(self, **rules: fields.Rule) -> tuple[visits.Visit, dict[str, Any]]:
        """The same for what only a person's touch makes a page send: from then on the visit is kept."""
        visit, given = self._change(**rules)
        visits.engage(self.site.db, visit, self.site.clock())
        return visit, given

    def _candidate(self) -> visits.Visit:
        visit = self.site.visit()
        if visit.kind != visits.CANDIDATE:
            raise HTTPError(403)
        return visit

    def _answered(self, view: SessionView, act: Callable[[], dict[str, object]]) -> HTTPResponse:
        """What the act says, or why it was refused, with all that the page needs to go on."""
        try:
            return json_answer(200, act())
        except AnswerRefused as refused:
            said = {
                name: _instant(value) if isinstance(value, datetime) else value for name, value in refused.data.items()
            }
            turns = self._turns(view) if refused.code == "not_running" else {}
            return json_answer(STATUSES.get(refused.code, 409), {"error": refused.code} | turns | said)

    def _held(self, hold: Hold) -> dict[str, object]:
        return self._turns(hold.view) | {"is_holder": hold.is_holder, "question": hold.question}

    def _turns(self, view: SessionView) -> dict[str, object]:
        now = self.site.clock()
        return sessions.turns(view, view.access(now), now)


def _number(text: str) -> int:
    """The question's number in an address; an error page 404 for what cannot be one."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(questions.MOST)) else 0
    if not 1 <= number <= questions.MOST:
        raise HTTPError(404)
    return number


def _is_whole(text: str, digits: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= digits


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else times.iso(moment)


def _opened(hold: Hold) -> dict[str, object] | None:
    opened = hold.opened
    return opened and {
        "number": opened.number, "text": opened.text, "opened_at": _instant(opened.opened_at),
        "closes_at": _instant(opened.closes_at),
    }  # fmt: skip


def _asked(asked: Asked) -> dict[str, object]:
    takes = [{"take": take.take, "media_type": take.media_type} | _take(take) for take in asked.takes]
    return {
        "number": asked.number, "text": asked.text if asked.is_told else None, "kind": asked.kind,
        "time_limit_seconds": asked.time_limit_seconds, "opened_at": _instant(asked.opened_at),
        "closes_at": _instant(asked.closes_at), "revision": asked.revision, "answer": asked.answer,
        "saved_at": _instant(asked.saved_at), "recordings": takes,
    }  # fmt: skip


def _take(take: recordings.Take | answers.Take) -> dict[str, object]:
    return {"size": take.size, "state": take.state}
