"""csp_evaluator on the Content-Security-Policy of every kind of answer."""

import json

import pytest

from audits import tools

pytestmark = pytest.mark.audit

HIGH, SYNTAX, MEDIUM, HIGH_MAYBE = 10, 20, 30, 40
ANSWERS = ("/", "/interview", "/nosuch", "/healthz", "/api/interview/state", "/robots.txt")


def grave(policy):
    """What is grave in a policy, or might be."""
    tools.package("csp_evaluator/package.json")
    done = tools.node(tools.HERE / "policy.mjs", policy, seconds=30)
    assert done.stdout, done.stderr
    return [finding for finding in json.loads(done.stdout) if finding["severity"] <= HIGH_MAYBE]


@pytest.mark.parametrize("path", ANSWERS)
def test_no_policy_has_a_hole(path, portal):
    assert grave(portal.ask("GET", path).headers["Content-Security-Policy"]) == []


def test_a_policy_with_a_hole_is_noticed():
    assert [finding["directive"] for finding in grave("script-src 'unsafe-inline'; object-src 'none'")] == [
        "script-src"
    ]
