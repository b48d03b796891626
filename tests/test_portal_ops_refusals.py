"""What ops are told over HTTP when a request is no good: which part of it, what is wrong, and what to give instead."""

import pytest
from portal_office import OPS

import portal
import portal_ops

LISTED, SLOTS = "/api/evaluation/crud/", "/api/interviews/slots/"
KEY = "k1" + "aB" * 24


def refused(answer):
    return answer.status, answer.data["error"], answer.data.get("field")


@pytest.mark.parametrize("query", [
    "candidate_id=x", "limit=0", "limit=501", "after=-1", "candidate_id=" + "9" * 30, "limit=", "limit=2&limit=3",
])  # fmt: skip
def test_a_query_that_makes_no_sense_is_named_with_what_to_give(here, query):
    answer = here.ask("GET", f"{LISTED}?{query}", OPS)
    name = query.partition("=")[0]
    assert refused(answer) == (400, "value_invalid", name)
    assert answer.data["message"].startswith(f"{name} is ")
    assert answer.data["fix"].startswith("give ")


def test_every_parameter_that_is_not_known_is_named_and_those_that_are(here):
    answer = here.ask("GET", f"{LISTED}?page=2&limit=5&size=9&{'k1' + 'a' * 48}=1", OPS)
    assert refused(answer) == (400, "unknown_parameter", "page")
    assert answer.data["message"] == "Unknown: page, size, 1 too long or too strange to show."
    assert answer.data["fix"] == "give only candidate_id, after, limit."


@pytest.mark.parametrize(("body", "why"), [
    ("[]", "it is JSON, but no object"), ("", "it is empty"), ('{"a":\n x}', "it is no JSON from line 2, column 2 on"),
    ('{"a": NaN}', "NaN is no JSON"), ('{"a": 1, "a": 2}', "an object in it has a name twice"),
    ("[" * 50_000, "it is nested too deeply"), (b'{"\xff": 1}', "byte 3 is not UTF-8"),
    ('{"a": ' + "9" * 5000 + "}", "a number in it has too many digits"),
])  # fmt: skip
@pytest.mark.parametrize("path", [LISTED, f"{SLOTS}1/book_slot/"])
def test_a_body_that_is_no_json_object_is_refused_with_what_it_lacks(here, path, body, why):
    answer = here.ask("POST", path, OPS, body)
    assert refused(answer) == (400, "bad_request", None)
    assert answer.data["message"] == f"The body cannot be read: {why}."
    assert answer.data["fix"].startswith("send one JSON object")


@pytest.mark.parametrize(("method", "path", "headers", "status", "error", "fix"), [
    ("GET", LISTED, {}, 401, "wrong_token", "send Authorization: Bearer and the OPS_TOKEN."),
    ("PATCH", f"{LISTED}1/", OPS, 405, "method_not_allowed", "use DELETE or GET or PUT."),
    ("DELETE", SLOTS, OPS, 405, "method_not_allowed", "use GET."),
    ("POST", LISTED, OPS | {"Content-Type": "text/plain"}, 415, "wrong_type", "send Content-Type: application/json."),
    ("POST", f"{SLOTS}1/book_slot/", OPS | {"Content-Type": "text/plain"}, 415, "wrong_type",
     "send Content-Type: application/json."),
    ("GET", SLOTS.rstrip("/"), OPS, 404, "not_found",
     "take one of docs/openapi.json, with the / at its end if it has one."),
    ("GET", SLOTS, OPS | {"Host": "other.example"}, 421, "wrong_host",
     "ask at BACKEND_URL, or add this name to PORTAL_HOSTS."),
])  # fmt: skip
def test_a_refusal_that_is_about_no_field_says_what_is_wrong_and_what_to_do(
    here, method, path, headers, status, error, fix
):
    answer = here.ask(method, path, headers, "{}" if method == "POST" else None)
    assert (answer.status, answer.data["error"], answer.data["fix"]) == (status, error, fix)
    assert answer.data["message"].endswith(".")


def test_each_code_that_the_portal_may_answer_ops_has_words():
    assert set(portal.ERRORS.values()) - {"forbidden"} <= set(portal_ops.WORDS)


@pytest.mark.parametrize("path", [LISTED, f"{SLOTS}1/book_slot/"])
@pytest.mark.parametrize(("name", "field"), [
    ("Score2", "Score2"), ("overall-score", "overall-score"), (KEY, ""), ("a\nb\u202e<b>", ""), ("x" * 41, ""),
    ("Score", "Score"), ("", ""),
])  # fmt: skip
def test_an_unknown_name_is_told_if_it_can_be_no_key_and_no_trick(here, path, name, field):
    answer = here.send("POST", path, OPS, **{"interview_id": 1, name: 1})
    assert refused(answer) == (400, "unknown_field", field)
    assert answer.data["message"] == f"Unknown: {field or '1 too long or too strange to show'}."


@pytest.mark.parametrize("number", ["999999", "0", "-1", "x", "1.0", "9" * 30, "%D9%A1", KEY])
@pytest.mark.parametrize(("path", "field"), [
    (LISTED + "{}/", "evaluation_id"), ("/api/recordings/{}", "recording_id"), (SLOTS + "{}/book_slot/", "slot_id"),
])  # fmt: skip
def test_an_id_in_an_address_has_one_name_and_one_status_whatever_is_wrong_with_it(here, path, field, number):
    method, body = ("POST", '{"interview_id": 1}') if "book_slot" in path else ("GET", None)
    answer = here.ask(method, path.format(number), OPS, body)
    assert refused(answer) == (404, "not_found", field)
    assert KEY not in answer.text


@pytest.mark.parametrize(("path", "name"), [(SLOTS, "interview_id"), (LISTED, "candidate_id")])
def test_an_id_after_the_question_mark_is_400_where_it_is_none_and_404_where_it_is_unknown(here, path, name):
    answers = [refused(here.ask("GET", f"{path}?{name}={value}", OPS)) for value in ("0", "-1", "x", "999999")]
    assert answers == [(400, "value_invalid", name)] * 3 + [(404, "not_found", name)]
