"""The portal's application asked without a server: on https, and when something inside it breaks."""

import http.client
import io
import re
from datetime import timedelta
from types import SimpleNamespace

import pytest

import portal
from store import booking, database, session_keys, times
from store.database import fetch
from store.requests import BookingRequest


@pytest.fixture
def app(db, settings, ring):
    """The application itself on an https address, asked without a server."""

    def ask(path, *, record=db, clock=times.now, **environ):
        query, errors, seen = path.partition("?")[2], io.StringIO(), {}
        base = {"REQUEST_METHOD": "GET", "PATH_INFO": path.partition("?")[0], "QUERY_STRING": query,
                "HTTP_HOST": "interviews.example.com", "SERVER_NAME": "x", "SERVER_PORT": "80", "wsgi.errors": errors,
                "wsgi.input": io.BytesIO(b""), "wsgi.url_scheme": "http", "REMOTE_ADDR": "192.0.2.1"}  # fmt: skip

        def start(status, headers, exc_info=None):
            seen.update(status=int(status[:3]), headers=http.client.HTTPMessage())
            for name, value in headers:
                seen["headers"].add_header(name, value)

        body = b"".join(portal.make_app(record, settings, ring, clock)(base | environ, start))
        return SimpleNamespace(**seen, text=body.decode(), errors=errors.getvalue())

    return ask


@pytest.fixture
def link(db, settings, ring, now, tomorrow):
    request = BookingRequest(
        candidate_name="Asha", email="a@example.com", address="a@example.com", job_title="Nurse", company_name="Acme",
        starts_at=tomorrow, ends_at=tomorrow + timedelta(hours=1), timezone="Asia/Kolkata",
    )  # fmt: skip
    booking.book_slot(db, request, settings=settings, ring=ring, now=now)
    key = session_keys.session_key(fetch(db, "SELECT public FROM interview_session")[0][0], "1", 1, ring)
    return f"/?session_key={key}"


def test_on_https_the_cookie_is_bound_to_the_host(app, link):
    answer = app(link)
    assert re.fullmatch(r"__Host-iv=[\w-]{43}; HttpOnly; Path=/; SameSite=lax; Secure", answer.headers["Set-Cookie"])
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert answer.headers["Location"] == "/interview"


def test_a_server_error_shows_and_logs_no_key(app, link):
    def broken():
        raise RuntimeError(f"the clock stopped at {link}")

    answer = app(link, clock=broken)
    assert answer.status == 500
    assert "Something went wrong on our side" in answer.text
    assert answer.headers["Content-Security-Policy"]
    assert "RuntimeError" in answer.errors
    key = link.partition("=")[2]
    assert key not in answer.errors + answer.text + str(answer.headers)


def test_a_broken_record_is_a_calm_page_and_one_line(app, link, tmp_path, caplog):
    (tmp_path / "broken.db").write_bytes(b"x" * 4096)
    broken = database.connect(f"sqlite:///{tmp_path}/broken.db")
    answer = app(link, record=broken)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
    assert "The portal is busy" in answer.text
    assert "is not a database" in caplog.text
    assert app("/healthz", record=broken).status == 503
    broken.close()


def test_a_body_without_a_length_is_bounded_too(app):
    sent = {"REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(b"[" * 300_000), "CONTENT_TYPE": "application/json",
            "HTTP_X_INTERVIEW": "IV-1", "HTTP_SEC_FETCH_SITE": "same-origin"}  # fmt: skip
    assert app("/api/interview/start", **sent).status == 413


@pytest.mark.parametrize("sent", [
    "a@b=1; {own}", 'prefs={{"a":1}}; {own}', "x; {own}", "a=b c; {own}", "\xe9=1; {own}", "{own}; {stale}",
    "{stale}; {own}", "x=1, {own}", ";;=;{own};", "{own}; {own}", 'q="; {own}', "{own}; x=\x01", "{own}x; {own}",
    "__Host-iv=; {own}", "x" * 9000 + "; {own}",
])  # fmt: skip
def test_no_other_cookie_locks_a_candidate_out(app, link, sent):
    own = app(link).headers["Set-Cookie"].partition(";")[0]
    answer = app("/interview", HTTP_COOKIE=sent.format(own=own, stale="__Host-iv=" + "s" * 43))
    assert answer.status == 200
    assert 'name="interview-state"' in answer.text


@pytest.mark.parametrize("sent", ["{own}x", "x{own}", "iv={value}", "__host-iv={value}", "x {own}", "__Host-iv ={value}",
                                  "{stale}; " * 5 + "{own}"])  # fmt: skip
def test_what_only_resembles_our_cookie_opens_nothing(app, link, sent):
    own = app(link).headers["Set-Cookie"].partition(";")[0]
    stale, value = "__Host-iv=" + "s" * 43, own.partition("=")[2]
    assert app("/interview", HTTP_COOKIE=sent.format(own=own, value=value, stale=stale)).status == 401


@pytest.mark.parametrize("name", ["ORIGIN", "SEC_FETCH_SITE", "X_INTERVIEW", "X_INTERVIEW_PROOF"])
def test_a_header_in_another_encoding_is_refused_calmly(app, link, name):
    own = {"HTTP_X_INTERVIEW": "IV-1", "HTTP_SEC_FETCH_SITE": "same-origin", "CONTENT_TYPE": "application/json"}
    sent = own | {f"HTTP_{name}": "\xe9", "REQUEST_METHOD": "GET" if name == "X_INTERVIEW_PROOF" else "POST"}
    assert app(link if name == "X_INTERVIEW_PROOF" else "/api/interview/start", **sent).status == 403
