"""axe-core on every state of the pages: in both themes, on a small phone and on a desk's screen, in every language."""

import pytest

import portal_words
from audits import tools
from audits.browser import THEMES, opened
from audits.stages import STAGES

pytestmark = pytest.mark.audit

WIDTHS = (320, 1280)
# All rules that are on by default, best practices included, and the one of WCAG 2.2 that is not.
LOOK = """async () => {
  const { violations } = await axe.run({ resultTypes: ["violations"], rules: { "target-size": { enabled: true } } });
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}"""
IS_CUT_OFF = "[...document.querySelectorAll('html, .page')].some((of) => of.scrollWidth > of.clientWidth)"


@pytest.fixture(scope="module")
def axe():
    """The source of axe-core, run by the debugger, so that the page's own policy stays in force."""
    return tools.package("axe-core/axe.min.js").read_text(encoding="utf-8")


def looked_at(page, theme, width):
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 800})
    found = page.evaluate(LOOK)
    return [*found, "wider than the screen"] if page.evaluate(IS_CUT_OFF) else found


@pytest.mark.parametrize("language", portal_words.languages())
@pytest.mark.parametrize("stage", STAGES, ids=str)
def test_no_page_shuts_anybody_out(stage, language, portal, browser, axe):
    with opened(browser, language) as page:
        stage.reach(page, portal)
        page.evaluate(axe)
        found = {(theme, width): looked_at(page, theme, width) for theme in THEMES for width in WIDTHS}
        assert page.get_attribute("html", "lang") == language
    assert found == dict.fromkeys(found, [])


def test_a_page_that_shuts_somebody_out_is_noticed(browser, axe):
    with opened(browser) as page:
        page.set_content("<!doctype html><title>A page</title><main><h1>A page</h1><input></main>")
        page.evaluate(axe)
        found = looked_at(page, "light", 320)
    assert [line.partition(":")[0] for line in found] == ["html-has-lang", "label"]
