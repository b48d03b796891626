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
    booked = DOCUMENT["paths"]["/api/interviews/slots/{slot_id}/book_slot/"]["post"]["requestBody"]["content"]
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
        answer = ask_of_ops(here, f"{path}?{name}=x", method)
        return answer.status, answer.data.get("field")

    return asked


def ask_of_ops(here, path, method, number="1", headers=OPS):
    body = '{"interview_id": 1, "overall_score": 1}' if "evaluation" in path else '{"interview_id": 1}'
    address = re.sub(r"{\w+}", number, path)
    return here.ask(method.upper(), address, headers, body if method in ("post", "put") else None)


def operations_of_ops():
    """(path, method, what is documented) of all that ops can ask."""
    every = ((path, method, said) for path, methods in DOCUMENT["paths"].items() for method, said in methods.items())
    return [one for one in every if one[2].get("security") == [{"ops": []}]]


def test_each_parameter_of_ops_that_is_documented_is_read_and_no_other(asked):
    for path, method, operation in operations_of_ops():
        known = [one["name"] for one in parameters(operation) if one["in"] == "query"]
        for name in [*known, "more"]:
            assert asked(path, method, name) == (400, name)


def test_the_id_in_an_address_of_ops_is_named_as_it_is_documented(here):
    addressed = [one for one in operations_of_ops() if "{" in one[0]]
    for path, method, operation in addressed:
        [name] = [one["name"] for one in parameters(operation) if one["in"] == "path"]
        told = [ask_of_ops(here, path, method, number) for number in ("0", "999999")]
        assert [(answer.status, answer.data["field"]) for answer in told] == [(404, name)] * 2
    assert len(addressed) == 5


@pytest.mark.parametrize(("headers", "status"), [({}, 401), (OPS | {"Content-Type": "text/plain"}, 415), (OPS, 404)])
def test_a_refusal_to_ops_has_all_that_is_documented_of_it(here, headers, status):
    schemas, responses = DOCUMENT["components"]["schemas"], DOCUMENT["components"]["responses"]
    for path, method, operation in operations_of_ops():
        answer = ask_of_ops(here, path, method, "999999", headers)
        if answer.status == status:
            said = responses[operation["responses"][str(status)]["$ref"].rpartition("/")[2]]
            name = said["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            assert name in ("OpsRefusal", "OpsFieldRefusal")
            assert set(schemas["OpsRefusal"]["required"]) <= answer.data.keys()
            assert ("field" in answer.data) == (name == "OpsFieldRefusal")
