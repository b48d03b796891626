"""What ops and their systems ask with OPS_TOKEN: slots, bookings, evaluations, recordings; see docs/openapi.json."""

from collections.abc import Callable

from bottle import HTTPResponse

import portal_fields as fields
from portal_fields import FieldRefused
from portal_site import BODY_BYTES, JSON_TYPE, Site, check_type, json_answer, json_body
from store import evaluations, pages, places, recordings, rules, slot_booking, slots, times, visits
from store.errors import BookingRefused, EvaluationRefused, NotFound
from store.evaluations import Evaluation
from store.pages import Page, Row
from store.slot_booking import BookedSlot
from store.slots import UpcomingSlot

MALFORMED = ("value_missing", "value_invalid", "text_too_long", "text_unclean")
"""Refusals of a booking that a corrected request can lift at once: 400. All others are about the record: 409."""
EXISTING = ("evaluation_exists", "interview_not_completed")
PAGE = {"after": fields.Number(0), "limit": fields.Number(pages.ROWS, 1, pages.MOST_ROWS)}

WORDS = {
    "bad_request": ("The request cannot be read.", "send it as docs/openapi.json describes it."),
    "wrong_token": ("The token is missing, or not this portal's.", "send Authorization: Bearer and the OPS_TOKEN."),
    "ops_api_off": ("The interface for ops is off.", "set OPS_TOKEN, and start the portal again."),
    "not_found": ("There is no such address.", "take one of docs/openapi.json, with the / at its end if it has one."),
    "method_not_allowed": ("The address does not take this method.", "use {allowed}."),
    "too_large": (f"The body has more than {BODY_BYTES} bytes.", "send a shorter one."),
    "wrong_type": (f"The body's type is not {JSON_TYPE}.", f"send Content-Type: {JSON_TYPE}."),
    "wrong_host": ("The portal has another name.", "ask at BACKEND_URL, or add this name to PORTAL_HOSTS."),
    "too_many_attempts": ("Too many wrong tokens came from this network.",
                          f"wait {visits.FAILURES_WINDOW // 60} minutes, or send the right token."),
    "internal_error": ("The portal failed.", "look into its log; asking again may do."),
    "unavailable": ("The record cannot be reached now.", "ask again in 10 seconds; the portal's log says why."),
}  # fmt: skip
"""What is wrong, and what to do, by the code of a refusal that is about no field."""


class OpsApi:
    """The side of ops. A bearer token is sent by hand, so no Origin is asked for. It never waits for a mail server."""

    def __init__(self, site: Site):
        self.site = site
        self.recordings = places.resolve(site.settings.recordings_folder)

    def routes(self) -> tuple[tuple[str, str, Callable[..., HTTPResponse]], ...]:
        listed, one = "/api/evaluation/crud/", "/api/evaluation/crud/<evaluation_id>/"
        take = self._for_ops
        return (
            ("GET", "/api/interviews/slots/", take(self.slots, interview_id=fields.Number(None, 1), **PAGE)),
            ("POST", "/api/interviews/slots/<slot_id>/book_slot/", take(self.book_slot)),
            ("GET", listed, take(self.evaluations, candidate_id=fields.Number(None, 1), **PAGE)),
            ("POST", listed, take(self.create_evaluation)),
            ("GET", one, take(self.evaluation)),
            ("PUT", one, take(self.update_evaluation)),
            ("DELETE", one, take(self.delete_evaluation)),
            ("GET", "/api/recordings/<recording_id>", take(self.recording)),
        )

    def _for_ops(self, answer: Callable[..., HTTPResponse], **query: fields.Number) -> Callable[..., HTTPResponse]:
        """The answer for whoever has the token, given the parts of the address and what its `query` asks for."""

        def answering(**parts: str) -> HTTPResponse:
            self.site.check_bearer()
            try:
                return answer(**parts, **fields.query(**query))
            except NotFound as refused:
                return _refused(404, "not_found", refused)
            except BookingRefused as refused:
                return _refused(400 if refused.code in MALFORMED else 409, refused.code, refused)
            except EvaluationRefused as refused:
                return _refused(409 if refused.code in EXISTING else 400, refused.code, refused)

        return answering

    def book_slot(self, slot_id: str) -> HTTPResponse:
        slot = _id("slot_id", slot_id)
        check_type(JSON_TYPE)
        given = fields.read(
            optional=("booking_notes",),
            interview_id=fields.whole(1, fields.LARGEST_ID),
            booking_notes=fields.text_or_nothing,
        )
        booking = slot_booking.book_into(
            self.site.db, slot, given["interview_id"], booking_notes=given["booking_notes"],
            settings=self.site.settings, ring=self.site.ring, now=self.site.clock(),
        )  # fmt: skip
        status = 201 if booking.action == rules.CREATE else 200
        return json_answer(status, _booked(slot_booking.describe(self.site.db, booking)))

    def slots(self, interview_id: int | None, after: int, limit: int) -> HTTPResponse:
        found = slots.upcoming(self.site.db, interview_id, after=after, limit=limit, now=self.site.clock())
        return _page("slots", found, _slot)

    def evaluations(self, candidate_id: int | None, after: int, limit: int) -> HTTPResponse:
        found = evaluations.listed(self.site.db, candidate_id, after=after, limit=limit)
        return _page("evaluations", found, _evaluation)

    def create_evaluation(self) -> HTTPResponse:
        made = evaluations.create(self.site.db, _rating(), now=self.site.clock())
        return json_answer(201, _evaluation(made), Location=f"/api/evaluation/crud/{made.id}/")

    def evaluation(self, evaluation_id: str) -> HTTPResponse:
        found = evaluations.read(self.site.db, _id("evaluation_id", evaluation_id))
        return json_answer(200, _evaluation(found))

    def update_evaluation(self, evaluation_id: str) -> HTTPResponse:
        number = _id("evaluation_id", evaluation_id)
        changed = evaluations.update(self.site.db, number, _rating(), now=self.site.clock())
        return json_answer(200, _evaluation(changed))

    def delete_evaluation(self, evaluation_id: str) -> HTTPResponse:
        evaluations.delete(self.site.db, _id("evaluation_id", evaluation_id), now=self.site.clock())
        return HTTPResponse(status=204)

    def recording(self, recording_id: str) -> HTTPResponse:
        found = recordings.find(self.site.db, _id("recording_id", recording_id))
        file = recordings.opened(self.recordings, found)
        name = f"interview-{found.interview_id}-question-{found.number}-{found.id}{recordings.suffix(found.media_type)}"
        return HTTPResponse(
            file, 200, Content_Type=found.media_type, Content_Length=str(found.size),
            Content_Disposition=f'attachment; filename="{name}"',
        )  # fmt: skip


def _id(field: str, text: str) -> int:
    """The id in an address; an answer 404 for what is none, which is not shown."""
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) <= fields.LARGEST_ID):
        fix = f"give a whole number from 1 to {fields.LARGEST_ID} in the address."
        raise _refused(404, "not_found", FieldRefused(field, f"{field} in the address is no id.", fix))
    return int(text)


def _rating() -> dict[str, object]:
    """The body, with names that an evaluation has."""
    check_type(JSON_TYPE)
    given = json_body()
    fields.refuse_unknown(given, evaluations.FIELDS, "field")
    return given


def explained(code: str, allowed: str) -> dict[str, str]:
    """What to say beside the code of a refusal that is about no field; `allowed` are the methods of the address."""
    message, fix = WORDS.get(code, WORDS["bad_request"])
    return {"message": message, "fix": fix.format(allowed=" or ".join(allowed.split(",")))}


def _page(name: str, page: Page[Row], shown: Callable[[Row], dict[str, object]]) -> HTTPResponse:
    return json_answer(200, {name: [shown(one) for one in page.rows], "next_after": page.next_after})


Refused = FieldRefused | NotFound | BookingRefused | EvaluationRefused


def _refused(status: int, code: str, refused: Refused) -> HTTPResponse:
    said = {"error": code, "field": refused.field, "message": str(refused), "fix": refused.fix}
    return json_answer(status, said)


def _slot(one: UpcomingSlot) -> dict[str, object]:
    return {
        "id": one.id, "job_title": one.job_title, "company_name": one.company_name,
        "starts_at": times.iso(one.starts_at), "ends_at": times.iso(one.ends_at), "capacity": one.capacity,
        "free": one.free, "interviews": one.interviews,
    }  # fmt: skip


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
