"""The portal over HTTP: a real server as a child process, asked the way browsers, scanners and attackers ask."""

import json
import re
import socket

import pytest
from portal_office import DAY, HOUR, MINUTE, OWN

from store import booking, database, session_keys, times
from store.database import execute, fetch

START, STATE = "/api/interview/start", "/api/interview/state"


def test_health_names_the_database(here):
    answer = here.ask("GET", "/healthz")
    assert (answer.status, answer.data) == (200, {"status": "ok", "database_id": database.database_id(here.db)})


def test_a_link_becomes_a_cookie_and_leaves_the_address(here, open_now):
    answer = here.ask("GET", open_now.link)
    assert (answer.status, answer.headers["Location"], answer.text) == (303, "/interview", "")
    assert re.fullmatch(r"iv=[\w-]{43}; HttpOnly; Path=/; SameSite=lax", answer.headers["Set-Cookie"])


@pytest.mark.parametrize(("starts_in", "state", "words"), [
    (3 * DAY, "early", "15 minutes before the start"), (5 * MINUTE, "waiting", "starts by itself"),
    (-MINUTE, "open", "Start now"), (-20 * MINUTE, "late", "time to begin has passed"),
])  # fmt: skip
def test_each_state_of_the_window_has_its_page(here, starts_in, state, words):
    booked = here.book(starts_in)
    page = here.page(booked)
    assert page.status == 200
    assert page.shows(r'name="interview-state" content="(\w+)"') == state
    assert words in page.text
    assert page.shows(r"data-reference>([^<]+)") == f"IV-{booked.id}"
    assert page.shows(r'data-start datetime="([^"]+)"') == times.iso(booked.start)


def test_the_page_shows_the_booked_time_in_india_and_where_the_candidate_is(here):
    booked = here.book(3 * DAY)
    page = here.page(booked)
    assert times.time_words(booked.start, "Asia/Kolkata") in page.text
    assert times.time_words(booked.start, "Europe/Berlin") in page.text
    assert times.time_words(booked.start - 15 * MINUTE, "Asia/Kolkata") in page.text


def test_names_are_shown_as_text(here, open_now):
    page = here.page(open_now)
    assert "Asha &lt;b&gt;" in page.text
    assert "Asha <b>" not in page.text


def test_a_running_interview_goes_on_after_the_entry_window(here):
    booked = here.book(-20 * MINUTE)
    execute(here.db, "UPDATE interview_session SET begun_at = ? WHERE id = ?",
            (times.epoch(booked.start), booked.session))  # fmt: skip
    page, again = here.page(booked), here.page(booked)
    assert page.shows(r'interview-state" content="(\w+)"') == again.shows(r'content="(running)"') == "running"
    cookie = here.ask("GET", booked.link).cookie
    assert here.ask("POST", START, here.own(booked) | cookie, "{}").data["begun_at"] == times.iso(booked.start)


def test_a_begun_interview_past_its_end_is_done(here):
    booked = here.book(-HOUR)
    execute(here.db, "UPDATE interview_session SET begun_at = ? WHERE id = ?", (1.0, booked.session))
    assert "Your interview is finished" in here.page(booked).text


def test_a_moved_interviews_old_link_shows_the_new_time(here):
    booked, later = here.book(DAY), times.now().replace(microsecond=0) + 2 * DAY
    booking.move(here.db, booked.id, starts_at=later, ends_at=later + HOUR, settings=here.settings, ring=here.ring,
                 now=times.now())  # fmt: skip
    page = here.page(booked)
    assert page.shows(r'data-start datetime="([^"]+)"') == times.iso(later)
    assert times.time_words(later, "Asia/Kolkata") in page.text


def test_a_cancelled_bookings_link_says_so_and_does_not_open(here):
    booked = here.book(MINUTE)
    cookie = here.ask("GET", booked.link).cookie
    booking.cancel(here.db, booked.id, settings=here.settings, now=times.now())
    assert "This interview was cancelled" in here.page(booked).text
    answer = here.ask("POST", START, here.own(booked) | cookie, "{}")
    assert (answer.status, answer.data["state"]) == (409, "cancelled")


@pytest.mark.parametrize("query", [
    "?session_key=", "?session_key=nonsense", "?session_key=k1" + "a" * 48, "?other=1", "?session_key={key}x",
    "?session_key={key}&session_key={key}", "?session_key=%E2%84%AA{tail}", "?SESSION_KEY={key}", "?session_key=%00",
    "?session_key={key};session_key={key}", "?%ff=%ff&session_key=%ed%a0%80", "?session_key={key}%0A",
])  # fmt: skip
def test_every_link_that_opens_nothing_is_answered_alike(here, open_now, query):
    plain = here.ask("GET", "/?session_key=k1" + "b" * 48)
    answer = here.ask("GET", "/" + query.format(key=open_now.key, tail=open_now.key[1:]))
    assert (answer.status, answer.text) == (404, plain.text)
    assert sorted(set(answer.headers) - {"Date"}) == sorted(set(plain.headers) - {"Date"})
    assert "copy <strong>the whole link</strong>" in plain.text


def test_the_key_is_read_in_capitals_and_beside_tracking_parameters(here, open_now):
    assert here.ask("GET", open_now.link.replace(open_now.key, open_now.key.upper())).status == 303
    assert here.ask("GET", open_now.link + "&utm_source=mail").status == 303


def test_the_bare_address_asks_for_the_mails_link(here):
    answer = here.ask("GET", "/")
    assert answer.status == 200
    assert "Please open the link in your mail" in answer.text


def test_head_writes_nothing(here, open_now):
    for path in (open_now.link, "/?session_key=k1" + "c" * 48, "/interview", "/"):
        assert here.ask("HEAD", path).text == ""
    assert "Set-Cookie" not in here.ask("HEAD", open_now.link).headers
    assert here.ask("HEAD", open_now.link).status == 303
    assert fetch(here.db, "SELECT count(*) FROM portal_visit WHERE session_id = ?", (open_now.session,)) == [(0,)]
    assert fetch(here.db, "SELECT count(*) FROM failed_key") == [(0,)]
    assert here.session(open_now, "opened_at") is None


def test_a_mail_scanner_costs_the_candidate_nothing(here):
    booked = here.book(5 * MINUTE)
    for _ in range(25):
        scanner = here.ask("GET", booked.link).cookie
    assert here.ask("GET", "/interview", scanner).status == 200
    assert here.ask("POST", START, here.own(booked) | scanner, "{}").status == 409
    assert here.session(booked, "begun_at") is None
    assert "You are in the right place" in here.page(booked).text


def test_a_visit_of_proof_is_not_taken_for_the_candidates(here, open_now):
    proof = {"X-Interview-Proof": session_keys.proof_token(open_now.public, "1", here.ring)}
    cookie = here.ask("GET", open_now.link, proof).cookie
    assert f"IV-{open_now.id}" in here.ask("GET", "/interview", cookie).text
    assert here.ask("POST", START, here.own(open_now) | cookie, "{}").status == 403
    assert (here.session(open_now, "opened_at"), here.session(open_now, "begun_at")) == (None, None)
    assert here.ask("GET", open_now.link, {"X-Interview-Proof": "0" * 64}).status == 403
    assert here.session(open_now, "opened_at") is None


def test_the_interview_begins_once(here, open_now):
    cookie = here.ask("GET", open_now.link).cookie
    first, second = (here.ask("POST", START, here.own(open_now) | cookie, "{}") for _ in range(2))
    assert (first.status, first.data["state"]) == (second.status, second.data["state"]) == (200, "running")
    assert first.data["begun_at"] == second.data["begun_at"]
    assert first.data["deadline"] == times.iso(open_now.start + 45 * MINUTE)
    assert "Your interview has begun" in here.ask("GET", "/interview", cookie).text
    assert here.session(open_now, "engaged_at") is None


def test_an_early_start_is_refused_with_the_opening_time(here):
    booked = here.book(HOUR)
    cookie = here.ask("GET", booked.link).cookie
    answer = here.ask("POST", START, here.own(booked) | cookie, "{}")
    assert (answer.status, answer.data["error"], answer.data["state"]) == (409, "not_admitted", "early")
    assert answer.data["opens_at"] == times.iso(booked.start - 15 * MINUTE)


def test_the_state_tells_the_servers_clock(here, open_now):
    cookie = here.ask("GET", open_now.link).cookie
    data = here.ask("GET", STATE, cookie).data
    assert data["starts_at"] == times.iso(open_now.start)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", data["server_time"])
    assert data["begun_at"] is None


@pytest.mark.parametrize(("changes", "status"), [
    ({"X-Interview": None}, 403), ({"Sec-Fetch-Site": "cross-site"}, 403), ({"Sec-Fetch-Site": None}, 403),
    ({"X-Interview": "1"}, 403), ({"X-Interview": "IV-0"}, 403), ({"X-Interview": "IV-" + "9" * 19}, 409),
    ({"Origin": "http://portal.example", "Sec-Fetch-Site": "same-site"}, 403),
    ({"Origin": "https://evil.example"}, 403), ({"Origin": "null"}, 403), ({"Content-Type": "text/plain"}, 415),
    ({"Origin": "http://portal.example"}, 200), ({"Origin": "http://portal.example", "Sec-Fetch-Site": None}, 200),
    ({"Content-Type": "application/json; charset=utf-8"}, 200),
])  # fmt: skip
def test_only_our_own_page_can_start_an_interview(here, open_now, changes, status):
    cookie = here.ask("GET", open_now.link).cookie
    headers = {name: value for name, value in (here.own(open_now) | changes).items() if value}
    assert here.ask("POST", START, headers | cookie, "{}").status == status
    assert (here.session(open_now, "begun_at") is not None) == (status == 200)


@pytest.mark.parametrize(("body", "status"), [
    ("", 400), ("[]", 400), ("{", 400), ('{"a": 1}', 400), ('{"a": NaN}', 400), ('{"a": 1, "a": 1}', 400),
    ("[" * 100_000, 400), ('{"a":' * 50_000, 400), (b"\xff{}", 400), (b"\x00" * 100, 400), ("9" * 6000, 400),
    ("[" + "1," * 200_000, 413),
])  # fmt: skip
def test_a_body_that_is_not_what_we_send_is_refused_calmly(here, open_now, body, status):
    cookie = here.ask("GET", open_now.link).cookie
    assert here.ask("POST", START, here.own(open_now) | cookie, body).status == status
    assert here.session(open_now, "begun_at") is None


@pytest.mark.parametrize("changes", [{"X-Interview": "1"}, {"X-Interview": ""}, {"Origin": "https://evil.example"}])
def test_what_does_not_come_from_our_own_page_is_refused_before_it_is_read(here, open_now, changes):
    assert here.ask("POST", START, here.enter(open_now) | changes, "{").status == 403


def test_without_a_cookie_the_page_asks_for_the_link_again(here):
    for headers in ({}, {"Cookie": "iv=" + "x" * 43}, {"Cookie": "iv"}, {"Cookie": 'iv="\\777"; ;;=='}):
        answer = here.ask("GET", "/interview", headers)
        assert answer.status == 401
        assert "open the link in your mail again" in answer.text
    assert here.ask("GET", STATE).data == {"error": "no_visit"}
    assert here.ask("POST", START, OWN | {"X-Interview": "IV-1"}, "{}").data == {"error": "no_visit"}


@pytest.mark.parametrize(("host", "status"), [
    ("evil.example", 421), ("portal.example", 303), ("PORTAL.example:8443", 303), ("portal.example.evil.example", 421),
    ("portal.example@evil.example", 400), ("127.0.0.1:1", 421), ("localhost", 421), ("", 400), ("a b", 400),
])  # fmt: skip
def test_a_forged_host_reaches_no_page_and_no_redirect(here, open_now, host, status):
    answer = here.ask("GET", open_now.link, {"Host": host})
    assert answer.status == status
    assert answer.headers["Location"] == ("/interview" if status == 303 else None)
    assert "evil" not in answer.text


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/", 200), ("GET", "/nothing", 404), ("POST", "/", 405), ("DELETE", START, 405), ("GET", "/interview", 401),
    ("GET", "/healthz", 200), ("GET", "/static/portal.css", 404), ("GET", "/static/..%2fportal.py", 404),
    ("GET", "/static/../portal.py", 404), ("GET", "/robots.txt", 200), ("GET", "/favicon.ico", 204),
    ("GET", "/%c3%a9", 404), ("PROPFIND", "/interview", 405),
])  # fmt: skip
def test_every_answer_carries_the_headers_that_keep_it_safe(here, method, path, status):
    answer = here.ask(method, path)
    headers = answer.headers
    assert answer.status == status
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert (headers["Referrer-Policy"], headers["Cache-Control"]) == ("no-referrer", "no-store")
    assert (headers["X-Content-Type-Options"], headers["X-Robots-Tag"]) == ("nosniff", "noindex, nofollow")
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Server"] is None
    assert "Strict-Transport-Security" not in headers


def test_what_was_asked_is_never_echoed(here):
    answer = here.ask("GET", "/canary-path?canary=1", {"X-Canary": "canary", "Cookie": "canary=1"})
    assert answer.status == 404
    assert "canary" not in answer.text.lower()


def test_static_files_have_hashed_names_and_may_be_kept(here):
    page = here.ask("GET", "/").text
    for address in re.findall(r'(?:href|src)="(/static/[^"]+)"', page):
        answer = here.ask("GET", address)
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert re.search(r"\.[0-9a-f]{16}\.(css|js|svg)$", address)
    assert not re.search(r"https?://|style=|onclick|<script>|<style", page)


def test_only_failing_keys_are_slowed_down(here, open_now):
    answers = [here.ask("GET", f"/?session_key=k1{number:048d}") for number in range(32)]
    assert [answer.status for answer in answers] == [404] * 30 + [429] * 2
    assert answers[-1].headers["Retry-After"] == "600"
    assert here.ask("GET", open_now.link).status == 303


def test_half_sent_requests_do_not_stop_the_others(here):
    stalled = [socket.create_connection(("127.0.0.1", here.port)) for _ in range(30)]
    for connection in stalled:
        connection.sendall(b"POST /api/interview/start HTTP/1.1\r\nHost: portal.example\r\nContent-Length: 99\r\n\r\n{")
    assert here.ask("GET", "/healthz").status == 200
    for connection in stalled:
        connection.close()


def test_no_answer_and_no_log_holds_a_key(here, open_now):
    key, cookie = {"X-Any": open_now.key, "Referer": open_now.link}, here.ask("GET", open_now.link).cookie
    answers = [
        here.ask("GET", open_now.link, key),
        here.ask("GET", "/interview", key | cookie),
        here.ask("POST", open_now.link, key),
        here.ask("GET", f"/{open_now.key}"),
        here.ask("GET", STATE, cookie),
        here.ask("GET", f"/interview?session_key={open_now.key}", {"Cookie": f"iv={open_now.key}"}),
        here.ask("POST", START, here.own(open_now) | cookie, json.dumps({"session_key": open_now.key})),
        here.ask("GET", f"/?session_key=k1{open_now.key}"),
        here.ask("GET", "/", {"Host": open_now.key}),
    ]
    seen = "".join(answer.text + str(answer.headers) for answer in answers)
    assert [answer.status for answer in answers] == [303, 200, 405, 404, 200, 401, 400, 404, 421]
    assert open_now.key not in seen
    assert not session_keys.SESSION_KEY.search(here.errors.read_text())
