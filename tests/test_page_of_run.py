"""The page of a run in a real Chromium: it downloads nothing, runs nothing, and is readable in light and in dark."""

import base64
import socket

import nbformat
import page_office
import pytest

from notebooks import counts
from notebooks.runner import page

browser = page_office.browser
DOT = base64.b64encode(
    base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
).decode()
HOSTILE = (
    '<script>document.title = "ran"</script><img src="http://127.0.0.1:{port}/a.png" onerror="document.title = 1">'
    '<link rel="stylesheet" href="http://127.0.0.1:{port}/a.css"><iframe srcdoc="<p>framed</p>"></iframe>'
    f'<img id="dot" src="data:image/png;base64,{DOT}"><table><tr><td id="cell">seen</td></tr></table>'
)


@pytest.fixture
def outside():
    """A server that nothing of a page may reach."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server


@pytest.fixture
def written(tmp_path, outside):
    """The page of a notebook whose outputs would load and run things."""
    hostile = HOSTILE.replace("{port}", str(outside.getsockname()[1]))
    outputs = [
        nbformat.v4.new_output("display_data", {"text/html": hostile}),
        nbformat.v4.new_output("display_data", {"application/javascript": "document.title = 'ran'"}),
        nbformat.v4.new_output("display_data", {"text/vnd.mermaid": "graph TD; a-->b", "text/plain": "a to b"}),
        nbformat.v4.new_output("display_data", {counts.MEDIA_TYPE: {"rows": 3}}),
        nbformat.v4.new_output("stream", name="stdout", text="printed\n"),
    ]
    cells = [nbformat.v4.new_markdown_cell("# Run\n\nSo: $x^2$"), nbformat.v4.new_code_cell("1", outputs=outputs)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "run.ipynb")
    page.write(tmp_path / "run.ipynb", tmp_path / "run.html")
    return tmp_path / "run.html"


def opened(browser, path, scheme):
    """The page in a browser of this colour scheme."""
    shown = browser.new_context(color_scheme=scheme).new_page()
    shown.goto(path.as_uri())
    return shown


def test_nothing_is_downloaded_or_run_and_what_was_put_out_is_shown(browser, written, outside):
    shown = opened(browser, written, "light")
    with pytest.raises(TimeoutError):
        outside.accept()
    assert shown.title() == "run"
    assert shown.locator("#cell").inner_text() == "seen"
    assert shown.locator("#dot").evaluate("image => image.naturalWidth") == 1
    assert shown.frame_locator("iframe").locator("p").inner_text() == "framed"
    assert "printed" in shown.locator("body").inner_text()
    shown.context.close()


def brightness(shown, selector, what):
    """From 0, black, to 765, white."""
    colour = shown.locator(selector).first.evaluate(f"part => getComputedStyle(part).{what}")
    return sum(int(part) for part in colour.partition("(")[2].rstrip(")").split(",")[:3])


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_the_page_is_dark_on_light_or_light_on_dark_as_the_reader_has_it(browser, written, scheme, is_dark):
    shown = opened(browser, written, scheme)
    ground = brightness(shown, "body", "backgroundColor")
    for selector in ("h1", "#cell", ".jp-OutputArea-output pre"):
        ink = brightness(shown, selector, "color")
        assert (ground < 200 and ink > 500) if is_dark else (ground > 600 and ink < 300), selector
    shown.context.close()
