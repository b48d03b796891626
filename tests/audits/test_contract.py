"""schemathesis against docs/openapi.json: what the portal says is what is written there, whatever it is sent."""

import pytest
from portal_office import OPS

from audits import tools
from audits.conftest import complaints
from store import answers, places, sessions, times

pytestmark = pytest.mark.audit

CONTRACT = places.ROOT / "docs" / "openapi.json"
EXAMPLES = 100
"""For each operation; the same ones in every run."""
SECONDS = 200
TOO_STRICT = "positive_data_acceptance"
"""The one check left out: the portal refuses what a schema cannot tell, such as control characters, 2.0 as a whole
number, or a picture that is called a recording."""
CANDIDATE, FINISH, FOR_OPS = (
    "^/(healthz|readyz|api/interview/)",
    "^/api/interview/finish$",
    "^/api/(interviews|evaluation|recordings)/",
)


def run(here, headers, *which):
    """What schemathesis said, and its exit code: 0 if every answer was as the contract has it."""
    given = [
        part for name, value in headers.items() if name != "Content-Type" for part in ("--header", f"{name}: {value}")
    ]
    done = tools.python(
        "schemathesis", "run", CONTRACT, "--url", f"http://127.0.0.1:{here.port}", *given, *which, "--checks", "all",
        "--exclude-checks", TOO_STRICT, "--max-examples", EXAMPLES, "--generation-deterministic", "--no-color",
        # The cookie and the token are ours, in every request; that they are needed is checked all the same.
        "--generation-with-security-parameters", "false", "--request-timeout", 10, seconds=SECONDS,
        cwd=here.errors.parent,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def held_to(here, headers, *which):
    code, said = run(here, headers, *which)
    assert code == 0, said
    assert complaints(here) == []


@pytest.fixture
def candidate(here, open_now):
    """The headers of a page whose interview runs."""
    headers = here.enter(open_now)
    sessions.begin(here.db, open_now.session, times.now())
    return headers | {"Origin": f"http://127.0.0.1:{here.port}"}


def test_what_a_candidates_page_is_told_is_what_the_contract_says(here, candidate):
    held_to(here, candidate, "--include-path-regex", CANDIDATE, "--exclude-path-regex", FINISH)


def test_the_end_of_an_interview_is_as_the_contract_says(here, candidate):
    held_to(here, candidate, "--include-path-regex", FINISH)


def test_what_ops_systems_are_told_is_what_the_contract_says(here, open_now, candidate):
    answers.finish(here.db, open_now.session, page="a" * 16, now=times.now())
    held_to(here, OPS, "--include-path-regex", FOR_OPS)
