"""The interview over HTTP: what the candidate's page asks and sends, and what others cannot."""

from datetime import datetime

import pytest
from portal_office import DAY, HOUR, MINUTE

from store import answers, session_keys, times
from store.database import execute, fetch

AT = "/api/interview"
FIRST, SECOND = "first-page-0123456", "second-page-987654"
instant = datetime.fromisoformat
WEBM = b"\x1a\x45\xdf\xa3" + b"sound" * 100


@pytest.fixture
def begun(here, open_now):
    """A begun interview and the headers of its candidate's page."""
    open_now.own = here.enter(open_now)
    assert here.ask("POST", f"{AT}/start", open_now.own, "{}").status == 200
    return open_now


@pytest.fixture
def save(here, begun):
    """Saves an answer; gives the server's answer."""

    def save(text, page=FIRST, sequence=1, base=0, number=1):
        body = {"page": page, "sequence": sequence, "base_revision": base, "text": text}
        return here.send("PUT", f"{AT}/answers/{number}", begun.own, **body)

    return save


@pytest.fixture
def beat(here, begun):
    def beat(page=FIRST, question=None, engaged=False):
        return here.send("POST", f"{AT}/heartbeat", begun.own, page=page, question=question, engaged=engaged).data

    return beat


def questions(here, begun):
    return here.ask("GET", f"{AT}/questions", begun.own).data


def test_a_begun_interview_has_its_questions_one_after_the_other(here, begun):
    data = questions(here, begun)
    assert [question["number"] for question in data["questions"]] == list(range(1, len(data["questions"]) + 1))
    assert len(data["questions"]) >= 3
    assert (data["question"], data["held"], data["state"]) == (None, False, "running")
    assert data["questions"][0] | {"text": ""} == {
        "number": 1, "text": "", "kind": "text", "time_limit_seconds": None, "opened_at": None, "closes_at": None,
        "revision": 0, "answer": "", "saved_at": None, "recordings": [],
    }  # fmt: skip


def test_an_interview_that_has_not_begun_shows_no_question(here, open_now):
    answer = here.ask("GET", f"{AT}/questions", here.enter(open_now))
    assert (answer.status, answer.data["error"], answer.data["state"]) == (409, "not_running", "open")


def test_a_saved_answer_is_there_after_a_reload(here, begun, save):
    saved = save("I like people.")
    assert (saved.status, saved.data["revision"]) == (200, 1)
    question = questions(here, begun)["questions"][0]
    assert (question["answer"], question["revision"], question["saved_at"]) == (
        "I like people.", 1, saved.data["saved_at"]
    )  # fmt: skip


def test_a_save_repeated_because_its_reply_was_lost_is_no_conflict(save):
    assert [save("One").data["revision"], save("One").data["revision"]] == [1, 1]
    assert save("One two", sequence=2, base=0).data["revision"] == 2


def test_another_page_is_told_and_can_take_over_and_nothing_is_lost(here, begun, save, beat):
    assert beat(FIRST, question=1)["is_holder"]
    assert save("from the first").status == 200
    assert not beat(SECOND)["is_holder"]
    refused = save("from the second", page=SECOND)
    assert (refused.status, refused.data["error"]) == (409, "taken_over")
    taken = here.send("POST", f"{AT}/take-over", begun.own, page=SECOND).data
    assert (taken["is_holder"], taken["question"]) == (True, 1)
    assert not beat(FIRST)["is_holder"]
    conflict = save("from the second", page=SECOND)
    assert (conflict.status, conflict.data["error"], conflict.data["text"]) == (409, "conflict", "from the first")
    assert save("both", page=SECOND, sequence=2, base=conflict.data["revision"]).status == 200


CHANGES = (
    ("POST", "start", {}), ("POST", "heartbeat", {"page": FIRST, "question": 1, "engaged": True}),
    ("POST", "take-over", {"page": FIRST}), ("POST", "release", {"page": FIRST}), ("POST", "finish", {"page": FIRST}),
    ("PUT", "answers/1", {"page": FIRST, "sequence": 9, "base_revision": 0, "text": "A's text"}),
)  # fmt: skip


def kept_of(here, booked):
    """All that is known of an interview: its session, its answers and copies, its visits and events."""
    tables = ("interview_session s WHERE s.id", "answer WHERE session_id", "answer_copy WHERE session_id",
              "recording WHERE session_id", "portal_visit WHERE session_id", "session_question WHERE session_id")  # fmt: skip
    return [fetch(here.db, f"SELECT * FROM {table} = ?", (booked.session,)) for table in tables]


def test_a_page_of_another_interview_changes_nothing_in_the_one_whose_link_was_opened_since(here, begun):
    other = here.book(-MINUTE)
    mixed = here.enter(other) | here.own(begun)
    before = kept_of(here, other)
    chunk = {"Content-Type": "application/octet-stream", "X-Recording-Type": "audio/webm"}
    upload = f"{AT}/answers/1/recordings/take-0123456789abc?page={FIRST}&offset=0"
    said = [here.send(method, f"{AT}/{path}", mixed, **body) for method, path, body in CHANGES]
    said += [here.ask("PUT", upload, mixed | chunk, WEBM)]
    said += [
        here.ask("GET", f"{AT}/{path}", mixed) for path in ("state", "questions", "answers/1/recordings/" + "t" * 16)
    ]
    assert {(answer.status, answer.text) for answer in said} == {(409, '{"error": "other_interview"}')}
    assert kept_of(here, other) == before


def test_a_look_needs_not_say_which_interview_is_shown(here, begun):
    cookie = {"Cookie": begun.own["Cookie"]}
    assert [here.ask("GET", f"{AT}/{path}", cookie).status for path in ("state", "questions")] == [200, 200]
    assert here.ask("GET", f"{AT}/state", cookie | {"X-Interview": "IV-x"}).status == 403


@pytest.fixture
def limited(here, begun):
    """The begun interview's second question has a time of its own."""
    sql = "UPDATE session_question SET time_limit_seconds = 30 WHERE session_id = ? AND number = 2"
    execute(here.db, sql, (begun.session,))
    return begun


def test_a_limited_question_is_told_by_the_heartbeat_that_opens_it_and_not_before(here, limited, save, beat):
    first, second = questions(here, limited)["questions"][:2]
    assert (first["text"] is None, second["text"], second["time_limit_seconds"]) == (False, None, 30)
    refused = save("well prepared", number=2)
    assert (refused.status, refused.data) == (409, {"error": "question_not_opened"})
    assert (beat()["opened"], beat(SECOND, question=2)["opened"]) == (None, None)
    opened = beat(FIRST, question=2)["opened"]
    told = questions(here, limited)["questions"][1]
    assert opened == {name: told[name] for name in ("number", "text", "opened_at", "closes_at")}
    assert opened["text"]
    assert instant(opened["closes_at"]) - instant(opened["opened_at"]) == MINUTE / 2
    assert save("read first", number=2).status == 200


def test_an_untouched_page_of_a_running_interview_is_not_pushed_out_by_scanners(here, begun, beat):
    waiting = here.enter(begun)
    beat()
    for _ in range(25):
        here.ask("GET", begun.link)
    assert here.ask("GET", f"{AT}/state", begun.own).status == 200
    assert here.ask("GET", f"{AT}/state", waiting).status == 401


def test_only_the_page_that_holds_the_interview_is_heard(here, begun, beat):
    beat(FIRST, engaged=True)
    watching = here.enter(begun)
    here.send("POST", f"{AT}/heartbeat", watching, page=SECOND, question=None, engaged=False)
    heard = fetch(
        here.db, "SELECT heard_at IS NOT NULL FROM portal_visit WHERE session_id = ? ORDER BY id", (begun.session,)
    )
    assert [bool(row[0]) for row in heard] == [True, False]


def test_a_closed_page_gives_the_interview_back(here, begun, beat):
    beat(FIRST)
    assert here.send("POST", f"{AT}/release", begun.own, page=FIRST).status == 204
    assert beat(SECOND)["is_holder"]


def test_only_a_persons_touch_counts_as_engaged(here, begun, beat):
    beat()
    assert here.session(begun, "engaged_at") is None
    beat(engaged=True)
    assert here.session(begun, "engaged_at") is not None


def test_a_visit_that_a_person_touched_is_not_pushed_out_by_scanners(here, begun, beat):
    untouched = here.enter(begun)
    beat(engaged=True)
    for _ in range(25):
        here.ask("GET", begun.link)
    assert here.ask("GET", f"{AT}/state", begun.own).status == 200
    assert here.ask("GET", f"{AT}/state", untouched).status == 401


def test_recordings_that_cannot_be_kept_are_a_busy_answer_and_a_line_for_ops(here, spoken, upload):
    folder = here.errors.parent / "recordings"
    folder.rename(here.errors.parent / "aside") if folder.exists() else None
    folder.write_text("a file in its place")
    answer = upload(WEBM)
    folder.unlink()
    assert (answer.status, answer.data, answer.headers["Retry-After"]) == (503, {"error": "unavailable"}, "10")
    assert "To fix:" in here.errors.read_text()


def test_finishing_ends_the_interview_once(here, begun, save):
    save("All said.")
    first, again = (here.send("POST", f"{AT}/finish", begun.own, page=FIRST) for _ in range(2))
    assert (first.status, first.data["state"]) == (again.status, again.data["state"]) == (200, "done")
    execute(here.db, "UPDATE interview_session SET finished_at = finished_at - 30 WHERE id = ?", (begun.session,))
    late = save("And another thing", sequence=2, base=1)
    assert (late.status, late.data["error"], late.data["state"]) == (409, "not_running", "done")
    assert "Your interview is finished" in here.ask("GET", "/interview", begun.own).text


def test_a_finish_some_seconds_after_the_deadline_is_accepted_and_a_minute_after_it_is_not(here):
    states = []
    for seconds in (10, 60):
        booked = here.book(-HOUR)
        own = here.enter(booked)
        deadline = times.epoch(times.now()) - seconds
        execute(here.db, "UPDATE interview_session SET begun_at = 1 WHERE id = ?", (booked.session,))
        execute(here.db, "UPDATE interview SET ended_at = ? WHERE id = ?", (deadline, booked.id))
        states.append(here.send("POST", f"{AT}/finish", own, page=FIRST).status)
    assert states == [200, 409]


@pytest.mark.parametrize(("path", "body", "field"), [
    ("heartbeat", {"question": 1, "engaged": True}, "page"),
    ("heartbeat", {"page": "short", "question": 1, "engaged": True}, "page"),
    ("heartbeat", {"page": FIRST, "question": "1", "engaged": True}, "question"),
    ("heartbeat", {"page": FIRST, "question": True, "engaged": True}, "question"),
    ("heartbeat", {"page": FIRST, "question": 1, "engaged": 1}, "engaged"), ("take-over", {"page": 7}, "page"),
    ("finish", {"page": FIRST, "more": 1}, "more"), ("finish", {"page": FIRST, "k1" + "a" * 48: 1}, ""),
])  # fmt: skip
def test_a_malformed_field_is_named(here, begun, path, body, field):
    answer = here.send("POST", f"{AT}/{path}", begun.own, **body)
    assert (answer.status, answer.data["field"]) == (400, field)


@pytest.mark.parametrize(("changes", "code"), [
    ({"sequence": 0}, "value_invalid"), ({"sequence": 2**60}, "value_invalid"), ({"base_revision": -1}, "value_invalid"),
    ({"base_revision": 1.5}, "value_invalid"), ({"text": None}, "value_invalid"),
    ({"text": "x" * (answers.TEXT_LENGTH + 1)}, "text_too_long"), ({"text": "\ud800"}, "text_unreadable"),
])  # fmt: skip
def test_an_answer_that_cannot_be_kept_is_refused_calmly(here, begun, changes, code):
    body = {"page": FIRST, "sequence": 1, "base_revision": 0, "text": "fine"} | changes
    answer = here.send("PUT", f"{AT}/answers/1", begun.own, **body)
    assert (answer.status, answer.data["error"]) == (400, code)
    assert fetch(here.db, "SELECT count(*) FROM answer WHERE session_id = ?", (begun.session,)) == [(0,)]


@pytest.mark.parametrize("number", ["0", "99", "x", "-1", "1.0", "%F0", "9" * 30])
def test_a_question_that_does_not_exist_takes_no_answer(here, begun, number):
    body = {"page": FIRST, "sequence": 1, "base_revision": 0, "text": "fine"}
    assert here.send("PUT", f"{AT}/answers/{number}", begun.own, **body).status == 404


@pytest.mark.parametrize("path", ["heartbeat", "take-over", "release", "finish"])
def test_only_the_candidates_own_page_can_change_anything(here, begun, path):
    body = {"page": FIRST} | ({"question": 1, "engaged": True} if path == "heartbeat" else {})
    for changes in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"X-Interview": "0"}):
        assert here.send("POST", f"{AT}/{path}", begun.own | changes, **body).status == 403
    assert here.send("POST", f"{AT}/{path}", here.own(begun), **body).status == 401
    proof = {"X-Interview-Proof": session_keys.proof_token(begun.public, "1", here.ring)}
    cookie = here.ask("GET", begun.link, proof).cookie
    assert here.send("POST", f"{AT}/{path}", here.own(begun) | cookie, **body).status == 403
    assert (here.session(begun, "page"), here.session(begun, "finished_at")) == (None, None)


@pytest.fixture
def spoken(here, begun):
    """The begun interview's first question asks for a recording."""
    sql = "UPDATE session_question SET kind = 'audio' WHERE session_id = ? AND number = 1"
    execute(here.db, sql, (begun.session,))
    return begun


@pytest.fixture
def upload(here, spoken):
    def upload(chunk, offset=0, more="", take="take-0123456789abc", media="audio/webm;codecs=opus", **headers):
        own = spoken.own | {"Content-Type": "application/octet-stream", "X-Recording-Type": media} | headers
        path = f"{AT}/answers/1/recordings/{take}?page={FIRST}&offset={offset}{more}"
        return here.ask("PUT", path, own, chunk)

    return upload


def test_a_recording_arrives_in_pieces_and_goes_on_where_it_was(here, spoken, upload):
    assert upload(WEBM[:300]).data == {"size": 300, "state": "uploading"}
    assert upload(WEBM[:300]).data == {"size": 300, "state": "uploading"}
    wrong = upload(WEBM[400:], offset=400)
    assert (wrong.status, wrong.data) == (409, {"error": "wrong_offset", "size": 300})
    resumed = here.ask("GET", f"{AT}/answers/1/recordings/take-0123456789abc", spoken.own).data
    assert resumed == {"size": 300, "state": "uploading"}
    assert upload(WEBM[300:], offset=300, more="&final=1").data == {"size": len(WEBM), "state": "complete"}
    listed = questions(here, spoken)["questions"][0]["recordings"]
    assert listed == [
        {"take": "take-0123456789abc", "media_type": "audio/webm", "size": len(WEBM), "state": "complete"}
    ]


def test_what_is_no_recording_is_refused(upload):
    assert upload(b"<html>" * 50).data["error"] == "recording_type"
    assert upload(WEBM, media="text/html").status == 415
    assert upload(WEBM, take="../../etc/passwd").status == 404
    assert upload(WEBM, take="short").status == 400
    assert upload(WEBM, offset="-1").status == 400
    assert [upload(WEBM, more=f"&recorded_at={wrong}").status for wrong in ("-1", "now", "1" * 14, "1.5")] == [400] * 4
    assert upload(WEBM * 1000).status == 413
    assert upload(WEBM, **{"Content-Type": "application/json"}).status == 415
    assert upload(WEBM, **{"Sec-Fetch-Site": "cross-site"}).status == 403


def test_the_camera_is_allowed_only_where_the_job_asks_for_it(here, spoken):
    def policy():
        return here.ask("GET", "/interview", spoken.own).headers["Permissions-Policy"]

    assert "camera=(), microphone=(self)," in policy()
    execute(here.db, "UPDATE session_question SET kind = 'video' WHERE session_id = ?", (spoken.session,))
    assert "camera=(self), microphone=(self)," in policy()
    execute(here.db, "UPDATE session_question SET kind = 'text' WHERE session_id = ?", (spoken.session,))
    assert "camera=(), microphone=()," in policy()


def test_the_last_instant_for_saving_is_told(here):
    booked = here.book(3 * DAY)
    data = here.ask("GET", f"{AT}/state", here.enter(booked)).data
    assert data["ends_at"] > data["deadline"] == times.iso(booked.start + 45 * MINUTE)


def test_the_portal_says_whether_it_is_ready(here):
    answer = here.ask("GET", "/readyz")
    assert (answer.status, answer.data["status"]) == (200, "ready")
    assert answer.data["checks"] == {"record": "ok", "room": "ok", "key_ring": "ok", "recordings": "ok"}
