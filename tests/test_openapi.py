"""docs/openapi.json and the portal's routes say the same."""

import json
import re

import pytest

import portal
from portal_site import OWN_HEADER, OWN_INTERVIEW, Site
from store import holds, places, times

DOCUMENT = json.loads((places.ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))


@pytest.fixture
def routes(db, settings, ring):
    """(path in OpenAPI's way, method) of every route that speaks JSON."""
    app = portal.Portal(Site(db, settings, ring, times.now)).routes()
    found = {(re.sub(r"<(\w+)>", r"{\1}", route.rule), route.method.lower()) for route in app.routes}
    return {(path, method) for path, method in found if path.startswith("/api/") or path in ("/healthz", "/readyz")}


def documented():
    return {(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods}


def test_every_route_is_documented_and_nothing_else(routes):
    assert documented() == routes
    assert len(routes) >= 19


def test_every_part_of_a_path_is_a_documented_parameter():
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            given = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
            assert given == set(re.findall(r"{(\w+)}", path)), (path, method)


def test_every_reference_leads_somewhere():
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(DOCUMENT))):
        found = DOCUMENT
        for name in reference.split("/"):
            found = found[name]
        assert found


def headers_named(name):
    """The schema of a header, and how many operations need it."""
    given = [
        one for methods in DOCUMENT["paths"].values() for of in methods.values() for one in of.get("parameters", ())
    ]
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
    from store import answers, evaluations, requests

    text = DOCUMENT["paths"]["/api/interview/answers/{number}"]["put"]["requestBody"]["content"]["application/json"]
    assert text["schema"]["properties"]["text"]["maxLength"] == answers.TEXT_LENGTH
    rated = DOCUMENT["components"]["schemas"]["EvaluationInput"]["properties"]
    assert rated["overall_score"]["maximum"] == evaluations.LARGEST_SCORE
    assert rated["suggestions"]["maxLength"] == evaluations.SUGGESTIONS_LENGTH
    assert rated["traits"]["maxProperties"] == evaluations.TRAITS
    booked = DOCUMENT["paths"]["/api/interviews/slots/{id}/book_slot/"]["post"]["requestBody"]["content"]
    assert booked["application/json"]["schema"]["properties"]["booking_notes"]["maxLength"] == requests.NOTES_LENGTH
