"""The page of a run in a real Chromium: it downloads nothing, runs nothing, and is readable in light and in dark."""

import base64
import io
import socket

import nbformat
import page_contrast
import page_office
import pytest
from PIL import Image

from notebooks import colours, counts, plot_style, tables
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


@pytest.fixture
def of_all_kinds(tmp_path):
    """The page of a notebook with code, a table of ours, a plot, printed lines, warnings and a failed cell."""
    marks = [{"mark": tables.HTML(f"{tables.dot(colour)} word"), "text": "plain"} for colour in colours.MARKS]
    error = {"ename": "JobFailed", "evalue": "No.", "traceback": [
        "\x1b[31m---\x1b[39m", "\x1b[36mCell\x1b[39m \x1b[32mIn[1]\x1b[39m",
        "\x1b[34mf\x1b[39m(\x1b[33m'x'\x1b[39m, \x1b[35mor\x1b[39m)",
        "\x1b[38;5;28mlen\x1b[39m \x1b[1;38;5;89m{\x1b[39;22m", "\x1b[91mred\x1b[39m"]}  # fmt: skip
    drawn, looks = plot()._repr_mimebundle_()
    drawn["image/png"] = base64.b64encode(drawn["image/png"]).decode()
    outputs = [
        nbformat.v4.new_output("execute_result", {"text/html": tables.table(marks, "Marks").data}, execution_count=1),
        nbformat.v4.new_output("display_data", drawn, metadata=looks),
        nbformat.v4.new_output("stream", name="stdout", text="printed"),
        nbformat.v4.new_output("stream", name="stderr", text="warned"),
        nbformat.v4.new_output("error", **error),
    ]
    source = "for one in range(3):  # a comment\n    print(f'{one} is', one != 2.5 and None, sep='')"
    cells = [
        nbformat.v4.new_markdown_cell("# Run\n\nWith `code`, **bold** and [a link](other.html)."),
        nbformat.v4.new_code_cell(source, execution_count=1, outputs=outputs),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "all.ipynb")
    page.write(tmp_path / "all.ipynb", tmp_path / "all.html")
    return tmp_path / "all.html"


@plot_style.styled
def plot():
    """A plot that is all lettering colour but for a bar of each mark."""
    figure, axes = plot_style.plot("ink & <marks>", 3.6, 2)
    axes.set_axis_off()
    axes.bar(range(7), [1] * 7, color=[plot_style.INK, *colours.MARKS], width=1)
    axes.set_xlim(-0.5, 6.5)
    return figure


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_of_a_page_stands_out_in_light_and_in_dark(browser, of_all_kinds, scheme):
    shown = opened(browser, of_all_kinds, scheme)
    cells = [text for text in page_contrast.texts(shown) if text["text"] in ("plain", "mark", "word")]
    assert len(cells) == 2 * len(colours.MARKS) + 1
    assert page_contrast.faint(shown) == []
    shown.context.close()


def named(pixel):
    """`#2b6ae5`"""
    return "#" + bytes(pixel).hex()


@pytest.mark.parametrize(("scheme", "ground"), [("light", page_contrast.WHITE), ("dark", page_contrast.DARK)])
def test_plots_have_the_page_s_ground_and_lettering_and_marks_that_stand_out_on_it(
    browser, of_all_kinds, tmp_path, scheme, ground
):
    shown = opened(browser, of_all_kinds, scheme)
    image = shown.locator(".jp-RenderedImage img")
    assert image.get_attribute("alt") == "ink & <marks>"
    assert image.evaluate("image => [image.width, image.naturalWidth]") == [360, 720]
    image.screenshot(path=tmp_path / "plot.png")
    picture = Image.open(tmp_path / "plot.png").convert("RGB")
    seen = [picture.getpixel((round(picture.width * (0.5 + place) / 7), picture.height // 2)) for place in range(7)]
    assert named(picture.getpixel((1, 1))) == ground
    assert page_contrast.contrast(named(seen[0]), ground) >= 4.5
    assert min(page_contrast.contrast(named(mark), ground) for mark in seen[1:]) >= 3
    shown.context.close()


def test_a_plot_asks_for_a_light_card_in_a_dark_lab_and_says_in_words_what_it_shows():
    data, looks = plot()._repr_mimebundle_()
    assert data["text/plain"] == "Plot: ink & <marks>"
    assert looks["needs_background"] == looks["image/png"]["needs_background"] == "light"
    assert Image.open(io.BytesIO(data["image/png"])).getpixel((0, 0))[3] == 0


def test_no_request_leaves_a_page_of_ours(browser, of_all_kinds):
    asked, context = [], browser.new_context()
    shown = context.new_page()
    shown.on("request", lambda request: asked.append(request.url.partition(":")[0]))
    shown.goto(of_all_kinds.as_uri(), wait_until="networkidle")
    assert asked[0] == "file"
    assert set(asked[1:]) <= {"data", "about"}
    context.close()
