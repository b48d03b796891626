"""One interview's mail sent now, as the seed flow does it: its log lines in order, and its refusals."""

import pytest
from smtp_server import FROM, SmtpServer

from mailer.config import MailSettings
from mailer.errors import ConfigurationRefused
from mailer.notifications import send_candidate_interview_scheduled_notification
from store import session_keys
from store.booking import find_interview

pytest_plugins = ("post_office",)
pytestmark = pytest.mark.usefixtures("troubles_are_told")

FLOW = (
    "DEBUG: book_slot called for slot ",
    "DEBUG: Request data: ",
    "EMAIL: Starting email send for interview ",
    "EMAIL: Configuration check: ",
    "EMAIL: Sending interview notification email",
    "[SUCCESS] Interview notification email sent successfully!",
)


def notify(post, booked, port=0, **changes):
    given = {"email_backend": "smtp", "email_host": "127.0.0.1", "email_port": str(port), "default_from_email": FROM,
             "email_timeout": "2", "email_deadline": "4"}  # fmt: skip
    return send_candidate_interview_scheduled_notification(
        find_interview(booked.interview_id), mail=MailSettings(**given | changes), shared=post.desk.settings,
        ring=post.desk.ring, clock=lambda: post.desk.now,
    )  # fmt: skip


def test_one_booking_leaves_the_lines_of_the_flow_in_their_order(post, lines):
    with SmtpServer() as server:
        booked = post.book(1)[0]
        report = notify(post, booked, server.port)
    written = lines("DEBUG:", "EMAIL:", "[")
    assert [next((form for form in FLOW if line.startswith(form)), line) for line in written] == list(FLOW)
    assert all(f"{booked.interview_id}" in line for line in written[2:])
    assert (report.sent, report.is_clean) == (1, True)


def test_repaired_settings_are_said_without_breaking_the_order_of_the_flow(post, lines):
    booked = post.book(1)[0]
    with pytest.raises(ConfigurationRefused):
        notify(post, booked, 465, email_use_tls="1", email_lease="1")
    assert lines("EMAIL: Configuration check: ") == []
    assert "EMAIL_USE_SSL=True" in lines("EMAIL: Mail settings: ")[0]


def test_only_the_interviews_own_mail_is_sent(post):
    with SmtpServer() as server:
        _, second = post.book(2)
        notify(post, second, server.port)
        assert server.recipients() == ["c1@cand.example"]
        assert notify(post, second, server.port).sent == 0
    assert post.states() == ["queued", "sent"]


def test_the_mail_carries_the_candidates_address_and_the_booked_link(post):
    with SmtpServer() as server:
        booked = post.book(1)[0]
        notify(post, booked, server.port)
    public, key_id, generation = post.desk.rows("SELECT public, key_id, generation FROM interview_session")[0]
    key = session_keys.session_key(public, key_id, generation, post.desk.ring)
    sender, recipient, data = server.delivered[0]
    assert (sender, recipient) == (FROM, "c0@cand.example")
    assert f"\r\nhttps://interviews.example.com/?session_key={key}\r\n".encode() in data
    assert b"12:30 PM IST" in data or b"11:30 AM IST" in data


def test_wrong_settings_are_refused_with_every_finding_before_any_connection(post, lines):
    with SmtpServer() as server:
        booked = post.book(1)[0]
        with pytest.raises(ConfigurationRefused) as refused:
            notify(post, booked, "no-port", email_host="", default_from_email="you@example.com")
        assert server.connections == []
    told = lines("[EMAIL NOT SENT]")
    assert len(refused.value.findings) == len(told) >= 3
    assert all(line.startswith(f"[EMAIL NOT SENT] interview {booked.interview_id}: ") for line in told)
    assert post.states() == ["queued"]


@pytest.mark.parametrize("backend", ["console", "django.core.mail.backends.dummy.EmailBackend", "locmem", ""])
def test_a_backend_that_sends_nothing_counts_as_not_sent(post, lines, backend):
    booked = post.book(1)[0]
    with pytest.raises(ConfigurationRefused):
        notify(post, booked, 25, email_backend=backend)
    assert lines("[EMAIL NOT SENT]")
    assert lines("[SUCCESS]") == []
    assert post.states() == ["queued"]


def test_a_local_link_is_not_mailed_through_a_real_server(post, lines):
    booked = post.book(1)[0]
    post.desk.settings = post.desk.settings.model_copy(update={"backend_url": "http://localhost:8000"})
    real = {"email_host": "mail.hospital-group.in", "email_use_tls": "1", "email_host_user": "jobs",
            "email_host_password": "x9Fq2", "default_from_email": "jobs@hospital-group.in"}  # fmt: skip
    with pytest.raises(ConfigurationRefused) as refused:
        notify(post, booked, 587, **real)
    assert [finding.id for finding in refused.value.findings] == ["mail.local_links"]


def test_a_failed_mail_is_in_the_report_and_raises_nothing(post, lines):
    with SmtpServer({"RCPT": "550 5.1.1 no such user"}) as server:
        booked = post.book(1)[0]
        report = notify(post, booked, server.port)
    assert (report.sent, report.states["failed"], report.is_clean) == (0, 1, False)
    assert lines(f"[EMAIL FAILED] interview {booked.interview_id}: ")
    assert post.desk.rows("SELECT state FROM interview_schedule") == [("booked",)]
