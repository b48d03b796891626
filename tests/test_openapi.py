"""docs/openapi.json and the portal's routes say the same."""

import json
import re

import pytest
from portal_office import OPS

import portal
from portal_site import OWN_HEADER, OWN_INTERVIEW, Site
from store import answers, evaluations, holds, pages, places, questions, requests, times

DOCUMENT = json.loads((places.ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))


@pytest.fixture
def routes(db, settings, ring):
    """(path in OpenAPI's way, method) of every route that speaks JSON."""
    app = portal.Portal(Site(db, settings, ring, times.now)).routes()
    found = {(re.sub(r"<(\w+)>", r"{\1}", route.rule), route.method.lower()) for route in app.routes}
    return {(path, method) for path, method in found if path.startswith("/api/") or path in ("/healthz", "/readyz")}


def parameters(operation):
    """Its parameters, those that several share looked up."""
    shared = DOCUMENT["components"]["parameters"]
    return [shared[p["$ref"].rpartition("/")[2]] if "$ref" in p else p for p in operation.get("parameters", ())]


def documented():
    return {(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods}


def test_every_route_is_documented_and_nothing_else(routes):
    assert documented() == routes
    assert len(routes) >= 20


def test_every_part_of_a_path_is_a_documented_parameter():
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            given = {p["name"] for p in parameters(operation) if p["in"] == "path"}
            assert given == set(re.findall(r"{(\w+)}", path)), (path, method)


def test_every_reference_leads_somewhere():
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(DOCUMENT))):
        found = DOCUMENT
        for name in reference.split("/"):
            found = found[name]
        assert found


def headers_named(name):
    """The schema of a header, and how many operations need it."""
    given = [one for methods in DOCUMENT["paths"].values() for of in methods.values() for one in parameters(of)]
    found = [one for one in given if one["name"] == name]
    [schema] = {json.dumps(one["schema"]) for one in found}
    return json.loads(schema), sum(one.get("required", False) for one in found), len(found)


def test_every_change_of_a_candidates_page_says_which_interview_it_shows():
    changes = [path for path, method in documented() if "/api/interview/" in path and method != "get"]
    looks = [path for path, method in documented() if "/api/interview/" in path and method == "get"]
    schema, needed, given = headers_named(OWN_HEADER)
    assert (needed, given) == (len(changes), len(changes) + len(looks))
    for shown in ("IV-1", "IV-" + "9" * 19, "IV-0", "IV-", "1", "IV-1 ", "iv-1", "IV-" + "1" * 20):
        assert bool(re.search(schema["pattern"], shown)) == bool(OWN_INTERVIEW.fullmatch(shown))


def test_a_page_is_named_as_it_is_documented():
    documented_as = set(re.findall(r'"pattern": "\^(\[A-Za[^"]+)\$"', json.dumps(DOCUMENT)))
    assert documented_as == {holds.PAGE.pattern}


def test_the_limits_that_are_documented_are_those_that_are_held():
    text = DOCUMENT["paths"]["/api/interview/answers/{number}"]["put"]["requestBody"]["content"]["application/json"]
    assert text["schema"]["properties"]["text"]["maxLength"] == answers.TEXT_LENGTH
    rated = DOCUMENT["components"]["schemas"]["EvaluationInput"]["properties"]
    assert rated["overall_score"]["maximum"] == evaluations.LARGEST_SCORE
    assert rated["suggestions"]["maxLength"] == evaluations.SUGGESTIONS_LENGTH
    assert rated["traits"]["maxProperties"] == evaluations.TRAITS
    booked = DOCUMENT["paths"]["/api/interviews/slots/{id}/book_slot/"]["post"]["requestBody"]["content"]
    assert booked["application/json"]["schema"]["properties"]["booking_notes"]["maxLength"] == requests.NOTES_LENGTH


def test_a_page_of_a_list_and_the_number_of_a_question_have_the_limits_that_are_documented():
    limit = DOCUMENT["components"]["parameters"]["Limit"]["schema"]
    assert (limit["default"], limit["maximum"]) == (pages.ROWS, pages.MOST_ROWS)
    heard = DOCUMENT["paths"]["/api/interview/heartbeat"]["post"]["requestBody"]["content"]["application/json"]
    numbers = [heard["schema"]["properties"]["question"]]
    every = (of for methods in DOCUMENT["paths"].values() for of in methods.values())
    numbers += [one["schema"] for of in every for one in parameters(of) if one["name"] == "number"]
    assert [number["maximum"] for number in numbers] == [questions.MOST] * 4


@pytest.fixture
def asked(here):
    """What ops are answered who ask with a query parameter of that name: the status, and the field that is refused."""

    def asked(path, method, name):
        answer = here.ask(
            method.upper(), f"{path.replace('{id}', '1')}?{name}=x", OPS, "{}" if method != "get" else None
        )
        return answer.status, answer.data.get("field")

    return asked


def test_each_parameter_of_ops_that_is_documented_is_read_and_no_other(asked):
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            if operation.get("security") == [{"ops": []}]:
                known = [one["name"] for one in parameters(operation) if one["in"] == "query"]
                assert [asked(path, method, name) for name in [*known, "more"]] == [
                    (400, name) for name in [*known, "more"]
                ]
