"""html-validate on every state of the pages: as served, and as they stand once their script has run."""

import json

import pytest

import portal_words
from audits import tools
from audits.browser import opened
from audits.stages import STAGES

pytestmark = pytest.mark.audit


def faults(path, rules):
    """Each fault of a file, as `line: rule: words`."""
    script = tools.package("html-validate/bin/html-validate.mjs")
    done = tools.node(script, "--config", tools.HERE / rules, "--formatter", "json", path, seconds=60)
    assert done.stdout, done.stderr
    return [
        f"{fault['line']}: {fault['ruleId']}: {fault['message']}"
        for file in json.loads(done.stdout)
        for fault in file["messages"]
    ]


@pytest.mark.parametrize("language", portal_words.languages())
@pytest.mark.parametrize("stage", STAGES, ids=str)
def test_every_page_is_valid_as_served_and_as_drawn(stage, language, portal, browser, tmp_path):
    served, drawn = tmp_path / "served.html", tmp_path / "drawn.html"
    with opened(browser, language) as page:
        stage.reach(page, portal)
        drawn.write_text(page.content(), encoding="utf-8")
        page.context.set_offline(False)
        served.write_bytes(page.context.request.get(page.url, headers={"Accept-Language": language}).body())
    assert f'<html lang="{language}">' in served.read_text(encoding="utf-8")
    assert {"served": faults(served, "htmlvalidate.cjs"), "drawn": faults(drawn, "htmlvalidate.drawn.cjs")} == {
        "served": [],
        "drawn": [],
    }


def test_a_page_that_is_not_valid_is_noticed(tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<!doctype html><html lang="en"><title>A page</title><p id="a"><div id="a"></div></p></html>')
    assert {line.split(": ")[1] for line in faults(page, "htmlvalidate.cjs")} >= {"no-dup-id", "close-order"}
