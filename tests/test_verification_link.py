"""Where the link of the test mail is opened: where candidates open it, and what keeps a portal from answering there."""

import contextlib
import socket
import ssl
import threading
import time
from types import SimpleNamespace

import pytest
from smtp_server import SmtpServer, certificate
from test_verification import TO, row_of, smtp

from mailer import portal_process
from mailer.config import check
from mailer.verification import Asked, portal_place, stages, verify
from mailer.verification.stages import AMBER, FAILED, OK, RED, WARNING
from notebooks import preflight_gate
from notebooks.stopping import JobFailed

pytest_plugins = ("proof_office",)


@pytest.fixture
def free_port():
    """A port at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture
def verified(desk, environment):
    """Runs a verification whose mails go through a server on this machine, with this BACKEND_URL."""

    def verified(backend_url, **asked):
        settings = desk.settings.model_copy(update={"backend_url": backend_url})
        with SmtpServer() as server:
            return verify(Asked(TO, wait=1, rates_spam=False, **asked), smtp(server.port), settings,
                          lambda: (desk.db, desk.ring), environment=environment)  # fmt: skip

    return verified


def test_the_link_opens_at_the_portal_that_candidates_get(verified, environment, free_port):
    with portal_process.running(environment, port=free_port):
        row = row_of(verified(f"http://localhost:{free_port}"), stages.LINK, OK)
    assert f"'s page at http://localhost:{free_port}; the page says that the interview is not open yet" in row.evidence


def test_a_local_portal_that_does_not_run_is_warned_of_though_the_link_opens_at_one_of_its_own(verified, free_port):
    done = verified(f"http://localhost:{free_port}")
    row = row_of(done, stages.LINK, WARNING)
    assert (done.light, row.code) == (AMBER, "link.own_portal")
    assert "opened at a portal of this run's own, not at BACKEND_URL" in row.evidence
    assert "make portal" in row.fix
    assert "the link does not open at BACKEND_URL" in done.sentence


def test_before_a_batch_a_link_that_candidates_cannot_open_is_a_failure(verified, free_port):
    done = verified(f"http://localhost:{free_port}", before_batch=True)
    row = row_of(done, stages.LINK, FAILED)
    assert (done.light, row.code) == (RED, "link.nothing_there")
    assert row.fix.endswith("then run the batch again.")


def test_a_batch_stopped_by_its_canary_says_that_the_canary_went_out(desk, environment, free_port):
    settings = desk.settings.model_copy(update={"backend_url": f"http://localhost:{free_port}"})
    with SmtpServer() as server:
        mail = smtp(server.port)
        run = SimpleNamespace(checked_mail=check(mail, settings), mail=mail, settings=settings, db=desk.db, ring=desk.ring,
                              environment=environment)  # fmt: skip
        given = {"dry_run": False, "deliver_mail": True, "preflight": True, "portal_url": ""}
        with pytest.raises(JobFailed) as stopped:
            preflight_gate.check(run, canary=TO, **given)
    assert "no candidate was booked or mailed, only the test invitation to r***@acme.org went out." in str(
        stopped.value
    )
    assert "no portal answers at BACKEND_URL" in str(stopped.value)


def test_a_name_that_is_not_found_is_told_by_its_spelling():
    trouble = portal_place.trouble_at("https://no-such-name.invalid", "BACKEND_URL")
    assert (trouble.code, trouble.is_silent) == ("name_unknown", False)
    assert trouble.fix.startswith("correct the spelling of BACKEND_URL")


def test_a_redirect_names_where_the_portal_is(other_server):
    other_server.answers["/healthz"] = (301, {"Location": "https://portal.acme.in/healthz"}, b"")
    trouble = portal_place.trouble_at(other_server.url, "BACKEND_URL")
    assert trouble.code == "redirect"
    assert trouble.fix.startswith("set BACKEND_URL to https://portal.acme.in,")


def test_whatever_else_answers_is_left_to_the_portals_client(other_server):
    assert portal_place.trouble_at(other_server.url, "BACKEND_URL") is None


@pytest.fixture
def listening():
    """A socket that listens, and accepts only as far as the system does it by itself."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_portal_that_says_nothing_is_given_up_in_time(listening):
    began = time.monotonic()
    trouble = portal_place.trouble_at(f"http://127.0.0.1:{listening.getsockname()[1]}", "BACKEND_URL", seconds=0.3)
    assert (trouble.code, trouble.is_silent) == ("silent", True)
    assert time.monotonic() - began < 5


@pytest.fixture
def encrypted(tmp_path, listening):
    """A listening server with a certificate that nobody knows; it takes one connection."""
    context, _ = certificate(tmp_path, "localhost")

    def serve():
        client, _ = listening.accept()
        # The client hangs up as soon as it has seen the certificate.
        with client, contextlib.suppress(OSError, ssl.SSLError):
            context.wrap_socket(client, server_side=True)

    thread = threading.Thread(target=serve)
    thread.start()
    yield listening.getsockname()[1]
    thread.join(5)


def test_a_certificate_that_browsers_do_not_know_is_told(encrypted):
    trouble = portal_place.trouble_at(f"https://localhost:{encrypted}", "BACKEND_URL")
    assert trouble.code == "certificate"
    assert "self-signed" in trouble.what
    assert "certificate for localhost by an authority that browsers know" in trouble.fix


def test_https_to_a_portal_without_it_is_told(other_server):
    assert portal_place.trouble_at(other_server.url.replace("http:", "https:"), "BACKEND_URL").code == "no_tls"


@pytest.mark.parametrize(
    "address", ["x", "http://", "ftp://a.in", "http://a.in/path", "http://a.in:99999", "http://[", ""]
)
def test_what_is_no_address_of_a_portal_is_seen_before_anything_is_tried(address):
    assert not portal_place.is_address(address)
    assert portal_place.is_address("http://a.in:8000/")
