"""The portal's three hot paths as a Flask application with plain sqlite3: a connection kept by each thread, SQL, Jinja."""

import os
import sqlite3
import threading
import time

import flask
import peers_access as access

app = flask.Flask(__name__, template_folder=os.path.dirname(os.environ["PEER_TEMPLATE"]))
PAGE = os.path.basename(os.environ["PEER_TEMPLATE"])
app.config["TRUSTED_HOSTS"] = ["127.0.0.1"]
kept = threading.local()

COLUMNS = ("session_id", "interview_id", "generation", "candidate_name", "candidate_timezone", "job_title", "company",
           "started_at", "ended_at", "timezone", "opens_before", "closes_after", "state", "reference", "booking_notes",
           "begun_at", "finished_at", "job_id")  # fmt: skip
VISIT = (
    "SELECT s.id, i.id, s.generation, c.name, c.timezone, j.title, j.company, i.started_at, i.ended_at, i.timezone,"
    " i.opens_before, i.closes_after, i.state, i.reference, b.booking_notes, s.begun_at, s.finished_at, j.id"
    " FROM portal_visit v JOIN interview_session s ON s.id = v.session_id AND s.generation = v.generation"
    " JOIN interview i ON i.id = s.interview_id JOIN candidate c ON c.id = i.candidate_id"
    " JOIN job j ON j.id = i.job_id LEFT JOIN interview_schedule b ON b.interview_id = i.id AND b.state = 'booked'"
    " WHERE v.cookie_hash = ?"
)
PUSH_OUT = (
    "DELETE FROM portal_visit WHERE session_id = ? AND kind = 'candidate' AND engaged_at IS NULL AND id <= (SELECT id"
    " FROM portal_visit WHERE session_id = ? AND kind = 'candidate' AND engaged_at IS NULL ORDER BY id DESC LIMIT 1"
    " OFFSET ?)"
)


def record() -> sqlite3.Connection:
    if not hasattr(kept, "record"):
        kept.record = sqlite3.connect(access.DATABASE, timeout=30, isolation_level=None)
        kept.record.executescript(access.PRAGMAS)
    return kept.record


def visit() -> dict[str, object]:
    row = record().execute(VISIT, (access.cookie_hash(flask.request.cookies.get(access.COOKIE, "")),)).fetchone()
    if row is None:
        flask.abort(401)
    return dict(zip(COLUMNS, row, strict=True))


@app.after_request
def guarded(answer: flask.Response) -> flask.Response:
    answer.headers.extend(access.HEADERS)
    return answer


@app.get("/interview")
def interview() -> str:
    found = visit()
    kinds = record().execute("SELECT DISTINCT kind FROM question WHERE job_id = ?", (found["job_id"],)).fetchall()
    return flask.render_template(PAGE, **access.facts(found), kinds=kinds)


@app.get("/")
def enter() -> flask.Response:
    key, db = flask.request.args.get("session_key", ""), record()
    sql = "SELECT id, interview_id, public, key_id, generation FROM interview_session WHERE public = ?"
    row = db.execute(sql, (access.public_part(key),)).fetchone()
    if row is None or not access.is_key(key, *row[2:]):
        flask.abort(404)
    cookie, now = access.new_cookie(), time.time()
    db.execute("BEGIN IMMEDIATE")
    with db:
        generation, opened_at = db.execute(
            "SELECT generation, opened_at FROM interview_session WHERE id = ?", (row[0],)
        ).fetchone()
        if generation != row[4]:
            flask.abort(404)
        db.execute(
            "INSERT INTO portal_visit (session_id, cookie_hash, kind, generation, created_at)"
            " VALUES (?, ?, 'candidate', ?, ?)", (row[0], access.cookie_hash(cookie), generation, now),
        )  # fmt: skip
        db.execute(PUSH_OUT, (row[0], row[0], access.LIVE_VISITS))
        if opened_at is None:
            db.execute("UPDATE interview_session SET opened_at = ? WHERE id = ?", (now, row[0]))
            db.execute("INSERT INTO event (at, kind, interview_id, data) VALUES (?, 'opened', ?, '{}')", (now, row[1]))
    answer = flask.redirect("/interview", 303)
    answer.set_cookie(access.COOKIE, cookie, httponly=True, samesite="Lax")
    return answer


@app.put("/api/interview/answers/<int:number>")
def save(number: int) -> tuple[dict[str, object], int] | dict[str, object]:
    if any(flask.request.headers.get(name) != value for name, value in access.OWN_HEADERS.items()):
        flask.abort(403)
    data, db, now = flask.request.get_json(), record(), time.time()
    if not access.is_draft(data):
        flask.abort(400)
    found = visit()
    if not access.shows(flask.request.headers, found["interview_id"]):
        return {"error": "other_interview"}, 409
    session_id = found["session_id"]
    db.execute("BEGIN IMMEDIATE")
    with db:
        row = db.execute(
            "SELECT s.page, s.held_at, i.started_at, i.ended_at, i.opens_before, i.closes_after, i.state, s.begun_at,"
            " s.finished_at FROM interview_session s JOIN interview i ON i.id = s.interview_id WHERE s.id = ?",
            (session_id,),
        ).fetchone()
        if access.access_state(*row[2:]) != "running":
            return {"error": "not_running"}, 409
        if row[0] not in (None, data["page"]) and now - row[1] < access.HOLD_SECONDS:
            return {"error": "taken_over"}, 409
        if row[0] != data["page"]:
            db.execute(
                "UPDATE interview_session SET page = ?, held_at = ? WHERE id = ?", (data["page"], now, session_id)
            )
        place = (session_id, number)
        question = db.execute(
            "SELECT q.opened_at, a.revision, a.page, a.sequence, a.text FROM session_question q LEFT JOIN answer a"
            " ON a.session_id = q.session_id AND a.number = q.number WHERE q.session_id = ? AND q.number = ?", place,
        ).fetchone()  # fmt: skip
        if question is None:
            return {"error": "question_unknown"}, 404
        revision = (question[1] or 0) + 1
        if question[2] == data["page"] and data["sequence"] <= question[3]:
            return {"revision": question[1], "saved_at": access.iso(now), "server_time": access.iso(now)}
        db.execute(
            "UPDATE session_question SET opened_at = ? WHERE session_id = ? AND number = ? AND opened_at IS NULL",
            (now, *place),
        )
        db.execute("UPDATE interview_session SET engaged_at = ? WHERE id = ? AND engaged_at IS NULL", (now, session_id))
        db.execute(
            "INSERT INTO answer (session_id, number, revision, text, page, sequence, saved_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (session_id, number) DO UPDATE SET revision = excluded.revision, text = excluded.text,"
            " page = excluded.page, sequence = excluded.sequence, saved_at = excluded.saved_at",
            (*place, revision, data["text"], data["page"], data["sequence"], now),
        )
    return {"revision": revision, "saved_at": access.iso(now), "server_time": access.iso(now)}
