"""One real test mail, from the settings to the opened link: a thin entry to `mailer.verification`.

As a program it needs LIVE_EMAIL_TO and the settings of an account that sends; its exit code is the verification's. As a
test it runs that program with this environment's settings, or, without LIVE_EMAIL_TO, with mail servers on loopback.
"""

import os
import subprocess
import sys
from pathlib import Path

import mail_servers_texts as texts
import pytest

from mailer.verification import Asked, WrongParameters, verify_here
from mailer.verification.command import PARAMETERS_WRONG
from mailer.verification.parameters import RECIPIENT
from mailer.verification.stages import LOGIN, exit_code_of

pytest_plugins = ("mail_servers",)
# As it was before tests are kept from seeing this machine's settings.
ENVIRONMENT = dict(os.environ)


def main() -> int:
    """Verifies with the settings of this environment, tells what needs someone, and gives the exit code (2: no address)."""
    recipient = os.environ.get("LIVE_EMAIL_TO", "").strip()
    if not recipient:
        fix = "set LIVE_EMAIL_TO in the environment to the address that is to get the test mail."
        print(f"LIVE_EMAIL_TO is not set. To fix: {fix}", file=sys.stderr)
        return PARAMETERS_WRONG
    try:
        done = verify_here(Asked(recipient))
    except WrongParameters as error:
        print(*error.lines_for({RECIPIENT: "LIVE_EMAIL_TO"}), sep="\n", file=sys.stderr)
        return PARAMETERS_WRONG
    for row in done.findings:
        print(f"{row.title}: {row.evidence} To fix: {row.fix}")
    print(f"{done.light.upper()}: {done.sentence}")
    return done.exit_code


@pytest.fixture
def live(request, tmp_path):
    """Runs the program; `breakage` is one of the servers on loopback."""

    def live(breakage=""):
        environment = ENVIRONMENT
        if breakage or not ENVIRONMENT.get("LIVE_EMAIL_TO", "").strip():
            servers = request.getfixturevalue("mail_servers").environment(breakage)
            own = {"DATABASE_URL": f"sqlite:///{tmp_path}/record.db", "SESSION_KEY_RING": str(tmp_path / "ring.json"),
                   "BACKEND_URL": "http://localhost:9"}  # fmt: skip
            environment = ENVIRONMENT | servers | own | {"LIVE_EMAIL_TO": texts.CANDIDATE}
        command = [sys.executable, str(Path(__file__).resolve())]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)

    return live


def test_a_live_mail_arrives_and_its_link_opens(live):
    done = live()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "RED" not in done.stdout


def test_a_live_test_that_fails_ends_with_the_code_of_its_stage(live):
    done = live("wrong_password")
    assert done.returncode == exit_code_of(LOGIN)
    assert "To fix: Correct EMAIL_HOST_USER and EMAIL_HOST_PASSWORD" in done.stdout


@pytest.mark.parametrize("address", [None, "", " ", "nope", "a@b@c.test"])
def test_without_an_address_that_can_be_used_one_line_says_what_to_set(tmp_path, address):
    given = {"PATH": os.environ["PATH"], "DATABASE_URL": f"sqlite:///{tmp_path}/record.db", "EMAIL_BACKEND": "sandbox"}
    given |= {} if address is None else {"LIVE_EMAIL_TO": address}
    command = [sys.executable, str(Path(__file__).resolve())]
    done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=False)
    [line] = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert line.startswith("LIVE_EMAIL_TO")
    assert "To fix: " in line


if __name__ == "__main__":
    sys.exit(main())
