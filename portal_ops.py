"""What ops and their systems ask with OPS_TOKEN: booking into a slot, evaluations, recordings. JSON, as in docs/openapi.json."""

from collections.abc import Callable

from bottle import HTTPResponse, request

import portal_fields as fields
from portal_site import JSON_TYPE, Site, check_type, json_answer, json_body
from store import evaluations, places, recordings, rules, slot_booking, times
from store.errors import BookingRefused, EvaluationRefused, NotFound
from store.evaluations import Evaluation
from store.slot_booking import BookedSlot

MALFORMED = ("value_missing", "value_invalid", "text_too_long", "text_unclean")
"""Refusals of a booking that a corrected request can lift at once: 400. All others are about the record: 409."""
EXISTING = ("evaluation_exists", "interview_not_completed")
PAGE_ROWS, MOST_ROWS = 100, 500


class OpsApi:
    """The side of ops. A bearer token is sent by hand, so no Origin is asked for. It never waits for a mail server."""

    def __init__(self, site: Site):
        self.site = site
        self.recordings = places.resolve(site.settings.recordings_folder)

    def routes(self) -> tuple[tuple[str, str, Callable[..., HTTPResponse]], ...]:
        listed, one = "/api/evaluation/crud/", "/api/evaluation/crud/<id>/"
        routes = (
            ("POST", "/api/interviews/slots/<id>/book_slot/", self.book_slot),
            ("GET", listed, self.evaluations),
            ("POST", listed, self.create_evaluation),
            ("GET", one, self.evaluation),
            ("PUT", one, self.update_evaluation),
            ("DELETE", one, self.delete_evaluation),
            ("GET", "/api/recordings/<id>", self.recording),
        )
        return tuple((method, path, self._for_ops(answer)) for method, path, answer in routes)

    def _for_ops(self, answer: Callable[..., HTTPResponse]) -> Callable[..., HTTPResponse]:
        def answering(**parts: str) -> HTTPResponse:
            self.site.check_bearer()
            try:
                return answer(**parts)
            except NotFound as refused:
                return _refused(404, "not_found", refused)
            except BookingRefused as refused:
                return _refused(400 if refused.code in MALFORMED else 409, refused.code, refused)
            except EvaluationRefused as refused:
                return _refused(409 if refused.code in EXISTING else 400, refused.code, refused)

        return answering

    def book_slot(self, id: str) -> HTTPResponse:  # noqa: A002 - the route's own name
        slot_id = _id("slot_id", id)
        check_type(JSON_TYPE)
        given = fields.read(
            optional=("booking_notes",),
            interview_id=fields.whole(1, fields.LARGEST_ID),
            booking_notes=fields.text_or_nothing,
        )
        booking = slot_booking.book_into(
            self.site.db, slot_id, given["interview_id"], booking_notes=given["booking_notes"],
            settings=self.site.settings, ring=self.site.ring, now=self.site.clock(),
        )  # fmt: skip
        status = 201 if booking.action == rules.CREATE else 200
        return json_answer(status, _booked(slot_booking.describe(self.site.db, booking)))

    def evaluations(self) -> HTTPResponse:
        asked = request.query
        candidate = _whole("candidate_id", asked.get("candidate_id"), None, fields.LARGEST_ID)
        after = _whole("after", asked.get("after"), 0, fields.LARGEST_ID)
        limit = _whole("limit", asked.get("limit"), PAGE_ROWS, MOST_ROWS)
        found = evaluations.listed(self.site.db, candidate, after=after, limit=limit)
        following = found[-1].id if len(found) == limit else None
        return json_answer(200, {"evaluations": [_evaluation(one) for one in found], "next_after": following})

    def create_evaluation(self) -> HTTPResponse:
        check_type(JSON_TYPE)
        made = evaluations.create(self.site.db, json_body(), now=self.site.clock())
        return json_answer(201, _evaluation(made), Location=f"/api/evaluation/crud/{made.id}/")

    def evaluation(self, id: str) -> HTTPResponse:  # noqa: A002
        return json_answer(200, _evaluation(evaluations.read(self.site.db, _id("id", id))))

    def update_evaluation(self, id: str) -> HTTPResponse:  # noqa: A002
        check_type(JSON_TYPE)
        changed = evaluations.update(self.site.db, _id("id", id), json_body(), now=self.site.clock())
        return json_answer(200, _evaluation(changed))

    def delete_evaluation(self, id: str) -> HTTPResponse:  # noqa: A002
        evaluations.delete(self.site.db, _id("id", id), now=self.site.clock())
        return HTTPResponse(status=204)

    def recording(self, id: str) -> HTTPResponse:  # noqa: A002
        found = recordings.find(self.site.db, _id("id", id))
        file = recordings.opened(self.recordings, found)
        name = f"interview-{found.interview_id}-question-{found.number}-{found.id}{recordings.suffix(found.media_type)}"
        return HTTPResponse(
            file, 200, Content_Type=found.media_type, Content_Length=str(found.size),
            Content_Disposition=f'attachment; filename="{name}"',
        )  # fmt: skip


def _id(field: str, text: str) -> int:
    """The id in an address. Raises NotFound for what is none."""
    if not (text.isascii() and text.isdigit() and 0 < int(text[:20]) <= fields.LARGEST_ID and len(text) < 20):
        raise NotFound(field, text[:20])
    return int(text)


def _whole(field: str, text: str | None, default: int | None, largest: int) -> int | None:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= largest):
        raise fields.FieldRefused(field)
    return int(text)


def _refused(status: int, code: str, refused: NotFound | BookingRefused | EvaluationRefused) -> HTTPResponse:
    said = {"error": code, "field": refused.field, "message": str(refused), "fix": refused.fix}
    return json_answer(status, said)


def _booked(booked: BookedSlot) -> dict[str, object]:
    mail = {"notification_id": booked.mail_id, "kind": booked.mail_kind, "state": booked.mail_state}
    return {
        "action": booked.action, "schedule_id": booked.schedule_id, "slot_id": booked.slot_id,
        "interview_id": booked.interview_id, "starts_at": times.iso(booked.starts_at),
        "ends_at": times.iso(booked.ends_at), "timezone": booked.timezone, "booking_notes": booked.booking_notes,
        "mail": mail if booked.mail_id else None,
    }  # fmt: skip


def _evaluation(one: Evaluation) -> dict[str, object]:
    return {
        "id": one.id, "interview_id": one.interview_id, "candidate_id": one.candidate_id,
        "overall_score": one.overall_score, "traits": one.traits, "suggestions": one.suggestions, "details": one.details,
        "created_at": times.iso(one.created_at), "updated_at": times.iso(one.updated_at),
    }  # fmt: skip
