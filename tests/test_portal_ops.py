"""What ops and their systems ask over HTTP: slots, booking into one, evaluations and recordings, with the token only."""

import threading
import time
from datetime import timedelta

import pytest
from portal_office import DAY, HOUR, MINUTE, OPS, OPS_TOKEN, OWN, running

from store import booking, recordings, times
from store.database import execute, fetch

LISTED, SLOTS = "/api/evaluation/crud/", "/api/interviews/slots/"
WEBM = b"\x1a\x45\xdf\xa3" + b"sound" * 50


def slot_of(here, booked):
    return fetch(
        here.db, "SELECT slot_id FROM interview_schedule WHERE interview_id = ? ORDER BY id DESC", (booked.id,)
    )[0][0]


def free_slot(here, booked, starts_in=2 * DAY, capacity=1):
    """Another slot of the interview's job, with free places."""
    job = fetch(here.db, "SELECT job_id FROM interview WHERE id = ?", (booked.id,))[0][0]
    start = times.epoch(times.now().replace(microsecond=0) + starts_in)
    sql = "INSERT INTO interview_slot (job_id, starts_at, ends_at, state, created_at) VALUES (?, ?, ?, 'open', 0) RETURNING id"
    slot = fetch(here.db, sql, (job, start, start + 1800))[0][0]
    for number in range(1, capacity + 1):
        execute(here.db, "INSERT INTO seat (slot_id, number) VALUES (?, ?)", (slot, number))
    return slot


def of_same_job(here, booked):
    other = here.book(DAY)
    sql = "UPDATE interview SET job_id = (SELECT job_id FROM interview WHERE id = ?) WHERE id = ?"
    execute(here.db, sql, (booked.id, other.id))
    return other


def book(here, slot, headers=OPS, **body):
    return here.send("POST", f"{SLOTS}{slot}/book_slot/", headers, **body)


def refused(answer):
    return answer.status, answer.data["error"], answer.data.get("field")


def test_a_cancelled_interview_is_booked_again_with_its_mail_queued(here):
    booked = here.book(DAY)
    booking.cancel(here.db, booked.id, settings=here.settings, now=times.now())
    slot = free_slot(here, booked)
    answer = book(here, slot, interview_id=booked.id, booking_notes="Bring your papers.")
    assert (answer.status, answer.data["action"], answer.data["slot_id"]) == (201, "create", slot)
    assert answer.data["booking_notes"] == "Bring your papers."
    assert answer.data["mail"]["state"] == "queued"
    row = "SELECT h.id, i.started_at FROM interview i JOIN interview_schedule h ON h.interview_id = i.id WHERE h.slot_id = ?"
    schedule, start = fetch(here.db, row, (slot,))[0]
    assert (answer.data["schedule_id"], answer.data["starts_at"]) == (schedule, times.iso(times.from_epoch(start)))


def test_a_booked_interview_moves_and_stays_when_asked_again(here):
    booked = here.book(DAY)
    slot = free_slot(here, booked)
    answers = [book(here, slot, interview_id=booked.id) for _ in range(2)]
    assert [(answer.status, answer.data["action"]) for answer in answers] == [(200, "move"), (200, "unchanged")]
    assert fetch(here.db, "SELECT count(*) FROM notification WHERE interview_id = ?", (booked.id,)) in ([(1,)], [(2,)])


def test_notes_stay_where_they_are_left_out_or_null(here):
    booked = here.book(DAY)
    first, second, third = (free_slot(here, booked, days * DAY) for days in (2, 3, 4))
    book(here, first, interview_id=booked.id, booking_notes="Bring your papers.")
    answers = [
        book(here, second, interview_id=booked.id),
        book(here, third, interview_id=booked.id, booking_notes=None),
    ]
    assert [(answer.data["action"], answer.data["booking_notes"]) for answer in answers] == [
        ("move", "Bring your papers.")
    ] * 2


def test_slots_of_an_interviews_job_are_listed_with_their_free_places_and_can_be_booked_into(here):
    booked = here.book(DAY)
    held, free, past = slot_of(here, booked), free_slot(here, booked, capacity=2), free_slot(here, booked, -HOUR)
    listed = here.ask("GET", f"{SLOTS}?interview_id={booked.id}", OPS).data
    assert [(one["id"], one["free"], one["interviews"]) for one in listed["slots"]] == [
        (held, 0, [booked.id]), (free, 2, []),
    ]  # fmt: skip
    assert (listed["next_after"], past in [one["id"] for one in listed["slots"]]) == (None, False)
    assert (
        book(here, listed["slots"][1]["id"], interview_id=booked.id).data["starts_at"]
        == listed["slots"][1]["starts_at"]
    )


def test_slots_are_listed_page_by_page(here):
    booked = here.book(DAY)
    made = [slot_of(here, booked), *(free_slot(here, booked, days * DAY) for days in (2, 3))]
    asked = f"{SLOTS}?interview_id={booked.id}&limit=2"
    first = here.ask("GET", asked, OPS).data
    second = here.ask("GET", f"{asked}&after={first['next_after']}", OPS).data
    assert [[one["id"] for one in page["slots"]] for page in (first, second)] == [made[:2], made[2:]]
    assert (first["next_after"], second["next_after"]) == (made[1], None)


def test_slots_for_an_unknown_interview_are_no_empty_list(here):
    assert refused(here.ask("GET", f"{SLOTS}?interview_id=999999", OPS)) == (404, "not_found", "interview_id")


def test_new_notes_for_the_slot_that_is_held_already_are_not_taken_and_the_answer_shows_those_that_stand(here):
    booked = here.book(DAY)
    slot = free_slot(here, booked)
    answers = [book(here, slot, interview_id=booked.id, booking_notes=text) for text in ("First.", "Second.")]
    assert [(answer.data["action"], answer.data["booking_notes"]) for answer in answers] == [
        ("move", "First."), ("unchanged", "First."),
    ]  # fmt: skip
    assert answers[0].data["mail"] == answers[1].data["mail"]


@pytest.mark.parametrize(("body", "field"), [
    ({}, "interview_id"), ({"interview_id": "7"}, "interview_id"), ({"interview_id": True}, "interview_id"),
    ({"interview_id": 0}, "interview_id"), ({"interview_id": 2**63}, "interview_id"), ({"interview_id": 1.5}, "interview_id"),
    ({"interview_id": 1, "booking_notes": 7}, "booking_notes"), ({"interview_id": 1, "more": 1}, "more"),
])  # fmt: skip
def test_what_is_missing_or_malformed_is_named(here, body, field):
    slot = free_slot(here, here.book(DAY))
    answer = book(here, slot, **body)
    assert (answer.status, answer.data["field"]) == (400, field)
    assert field in answer.data["message"]
    assert answer.data["fix"].startswith("give ")


def test_notes_that_are_too_long_are_named(here):
    booked = here.book(DAY)
    answer = book(here, free_slot(here, booked), interview_id=booked.id, booking_notes="x" * 2001)
    assert refused(answer) == (400, "text_too_long", "booking_notes")


@pytest.mark.parametrize("slot", ["999999", "0", "x", "1%00", "9" * 40, "-1"])
def test_an_unknown_slot_is_not_found(here, slot):
    assert refused(book(here, slot, interview_id=here.book(DAY).id)) == (404, "not_found", "slot_id")


def test_an_unknown_interview_is_not_found(here):
    slot = free_slot(here, here.book(DAY))
    assert refused(book(here, slot, interview_id=999_999)) == (404, "not_found", "interview_id")


def test_each_rule_that_forbids_a_booking_is_a_conflict_with_its_reason(here):
    booked, other = here.book(DAY), here.book(DAY)
    past = free_slot(here, booked, starts_in=-HOUR)
    full = free_slot(here, booked, starts_in=7 * DAY)
    assert book(here, full, interview_id=of_same_job(here, booked).id).status == 200
    cancelled = free_slot(here, booked, starts_in=3 * DAY)
    booking.cancel_slot(here.db, cancelled, settings=here.settings, now=times.now())
    codes = [refused(book(here, slot, interview_id=booked.id))[:2] for slot in (past, full, cancelled)]
    assert codes == [(409, "slot_past"), (409, "slot_full"), (409, "slot_cancelled")]
    assert refused(book(here, free_slot(here, other), interview_id=booked.id)) == (409, "job_differs", "interview_id")
    execute(here.db, "UPDATE interview_session SET begun_at = 1 WHERE id = ?", (booked.session,))
    assert refused(book(here, free_slot(here, booked, 4 * DAY), interview_id=booked.id))[:2] == (
        409,
        "interview_started",
    )
    execute(here.db, "UPDATE interview SET state = 'completed' WHERE id = ?", (booked.id,))
    assert refused(book(here, free_slot(here, booked, 5 * DAY), interview_id=booked.id))[:2] == (
        409,
        "interview_completed",
    )


def test_a_booking_never_waits_for_a_mail_server(here):
    booked = here.book(DAY)
    begun = time.monotonic()
    assert book(here, free_slot(here, booked), interview_id=booked.id).status == 200
    assert time.monotonic() - begun < 10
    states = fetch(here.db, "SELECT DISTINCT state FROM notification WHERE interview_id = ?", (booked.id,))
    assert ("queued",) in states
    assert ("sent",) not in states


def test_one_place_asked_for_at_once_is_given_once(here):
    first = here.book(DAY)
    slot, others, statuses = free_slot(here, first, 6 * DAY), [first], []
    others += [of_same_job(here, first) for _ in range(5)]
    racers = [
        threading.Thread(target=lambda one=one: statuses.append(book(here, slot, interview_id=one.id).status))
        for one in others
    ]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert sorted(statuses) == [200, 409, 409, 409, 409, 409]


@pytest.mark.parametrize(("headers", "status", "error"), [
    ({}, 401, "wrong_token"), ({"Authorization": "Bearer wrong"}, 401, "wrong_token"),
    ({"Authorization": f"Basic {OPS_TOKEN}"}, 401, "wrong_token"), ({"Authorization": OPS_TOKEN}, 401, "wrong_token"),
    ({"Authorization": f"Bearer {OPS_TOKEN}x"}, 401, "wrong_token"), ({"Authorization": "Bearer \xff"}, 401, "wrong_token"),
])  # fmt: skip
def test_without_the_token_nothing_is_told(here, headers, status, error):
    looks = [("GET", path) for path in (LISTED, f"{LISTED}1/", SLOTS, "/api/recordings/1")]
    for method, path in (*looks, ("POST", LISTED)):
        answer = here.ask(
            method, path, {"Content-Type": "application/json"} | headers, "{}" if method == "POST" else None
        )
        assert (answer.status, answer.data["error"], answer.data.keys()) == (status, error, {"error", "message", "fix"})
    assert here.ask("GET", LISTED, headers).headers["WWW-Authenticate"] == "Bearer"


def test_the_candidates_cookie_opens_nothing_of_ops(here, open_now):
    assert here.ask("GET", LISTED, here.enter(open_now)).status == 401


def test_wrong_tokens_are_slowed_down_and_the_right_one_never(here):
    statuses = [here.ask("GET", LISTED, {"Authorization": "Bearer no"}).status for _ in range(32)]
    assert statuses == [401] * 30 + [429] * 2
    assert here.ask("GET", LISTED, OPS).status == 200


def test_without_the_setting_the_interface_is_off_and_says_so(tmp_path, record_url):
    with running(record_url, tmp_path) as bare:
        answer = bare.ask("GET", LISTED, OPS)
    assert (answer.status, answer.data["error"]) == (403, "ops_api_off")
    assert answer.data["fix"].startswith("set OPS_TOKEN")


@pytest.fixture
def completed(here):
    """An interview that was begun and finished."""
    booked = here.book(-MINUTE)
    execute(here.db, "UPDATE interview_session SET begun_at = 1, finished_at = 2 WHERE id = ?", (booked.session,))
    execute(here.db, "UPDATE interview SET state = 'completed' WHERE id = ?", (booked.id,))
    return booked


def rate(here, **body):
    return here.send("POST", LISTED, OPS, **body)


def test_an_evaluation_is_created_read_replaced_listed_and_deleted(here, completed):
    made = rate(here, interview_id=completed.id, overall_score=7.5, traits={"clarity": 8}, suggestions="Ask more.")
    one = f"{LISTED}{made.data['id']}/"
    assert (made.status, made.headers["Location"]) == (201, one)
    assert here.ask("GET", one, OPS).data == made.data
    candidate = made.data["candidate_id"]
    assert here.ask("GET", f"{LISTED}?candidate_id={candidate}", OPS).data["evaluations"] == [made.data]
    unknown = here.ask("GET", f"{LISTED}?candidate_id={candidate + 999}", OPS)
    assert refused(unknown) == (404, "not_found", "candidate_id")
    changed = here.send("PUT", one, OPS, overall_score=4, details={"panel": ["A", "B"]})
    assert (changed.status, changed.data["overall_score"], changed.data["traits"]) == (200, 4, {})
    assert here.ask("DELETE", one, OPS).status == 204
    assert refused(here.ask("GET", one, OPS)) == (404, "not_found", "evaluation_id")


def test_evaluations_are_listed_page_by_page_and_the_last_page_may_be_full(here):
    made = []
    for _ in range(3):
        booked = here.book(-MINUTE)
        execute(here.db, "UPDATE interview_session SET begun_at = 1, finished_at = 2 WHERE id = ?", (booked.session,))
        made.append(rate(here, interview_id=booked.id, overall_score=5).data["id"])
    pages = []
    for limit, after in ((2, made[0] - 1), (2, made[1]), (3, made[0] - 1), (3, made[2])):
        page = here.ask("GET", f"{LISTED}?limit={limit}&after={after}", OPS).data
        pages.append(([one["id"] for one in page["evaluations"]], page["next_after"]))
    assert pages == [(made[:2], made[1]), (made[2:], None), (made, None), ([], None)]


def test_a_completed_interview_is_rated_once(here, completed):
    assert rate(here, interview_id=completed.id, overall_score=5).status == 201
    assert refused(rate(here, interview_id=completed.id, overall_score=6)) == (409, "evaluation_exists", "interview_id")


def test_an_interview_that_is_not_over_cannot_be_rated(here):
    answer = rate(here, interview_id=here.book(DAY).id, overall_score=5)
    assert refused(answer) == (409, "interview_not_completed", "interview_id")


@pytest.mark.parametrize(("changes", "field"), [
    ({"overall_score": 10.5}, "overall_score"), ({"overall_score": "7"}, "overall_score"),
    ({"overall_score": None}, "overall_score"),
    ({"traits": {"clarity": 11}}, "traits"), ({"traits": []}, "traits"), ({"suggestions": 7}, "suggestions"),
    ({"details": "x"}, "details"), ({"more": 1}, "more"), ({"interview_id": "1"}, "interview_id"),
])  # fmt: skip
def test_an_evaluation_with_a_wrong_field_names_it(here, completed, changes, field):
    answer = rate(here, **({"interview_id": completed.id, "overall_score": 5} | changes))
    assert (answer.status, answer.data["field"]) == (400, field)


def test_what_takes_no_parameter_refuses_any_and_does_nothing(here, completed):
    made = rate(here, interview_id=completed.id, overall_score=5).data["id"]
    answer = here.ask("DELETE", f"{LISTED}{made}/?dry_run=1", OPS)
    assert refused(answer) == (400, "unknown_parameter", "dry_run")
    assert answer.data["fix"] == "give none."
    assert here.ask("GET", f"{LISTED}{made}/", OPS).status == 200


def test_a_mail_tests_interview_and_slot_are_unknown_to_ops(here):
    booked, tested = here.book(DAY), here.book(DAY)
    slot = slot_of(here, tested)
    execute(here.db, "UPDATE interview SET is_test = ? WHERE id = ?", (True, tested.id))
    listed = here.ask("GET", f"{SLOTS}?after={slot_of(here, booked) - 1}", OPS).data["slots"]
    assert [one["id"] for one in listed] == [slot_of(here, booked)]
    assert refused(here.ask("GET", f"{SLOTS}?interview_id={tested.id}", OPS)) == (404, "not_found", "interview_id")
    assert refused(book(here, slot, interview_id=booked.id)) == (404, "not_found", "slot_id")
    assert refused(book(here, slot_of(here, booked), interview_id=tested.id)) == (404, "not_found", "interview_id")


def test_a_recording_is_handed_to_ops_only(here, completed, tmp_path):
    execute(here.db, "INSERT INTO session_question (session_id, number, text, kind) VALUES (?, 1, 'Say it', 'audio')",
            (completed.session,))  # fmt: skip
    execute(here.db, "UPDATE interview_session SET finished_at = NULL WHERE id = ?", (completed.session,))
    execute(here.db, "UPDATE interview SET state = 'scheduled' WHERE id = ?", (completed.id,))
    folder = here.errors.parent / "recordings"
    recordings.append(here.db, completed.session, 1, "take-0123456789abc", page="page-0123456789abc",
                      media_type="audio/webm", offset=0, chunk=WEBM, is_final=True, folder=folder, limit=10**6,
                      now=times.now() + timedelta(seconds=1))  # fmt: skip
    number = fetch(here.db, "SELECT id FROM recording WHERE session_id = ?", (completed.session,))[0][0]
    answer = here.ask("GET", f"/api/recordings/{number}", OPS)
    assert (answer.status, answer.headers["Content-Type"], answer.text) == (200, "audio/webm", WEBM.decode())
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="interview-')
    assert here.ask("GET", f"/api/recordings/{number}", here.enter(completed)).status == 401
    assert here.ask("GET", "/api/recordings/999999", OPS).status == 404
    assert here.ask("GET", f"/static/{completed.session}", OWN).status == 404


def test_the_token_is_in_no_answer_and_no_log(here):
    answer = here.ask("GET", LISTED, OPS)
    here.ask("GET", f"/{OPS_TOKEN}", OPS)
    assert OPS_TOKEN not in answer.text + str(answer.headers) + here.errors.read_text()
