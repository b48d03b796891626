"""The last look before publishing: secrets and keys are found in whatever form they are written, and named by place only."""

import base64
import html
import json
import os
from urllib.parse import quote

import key_samples
import pytest
from key_samples import SESSION_KEY as KEY

from notebooks.runner.artefact_check import ArtefactCheck

SECRET = 'päss"wörd&<1>'
LONG = "hunter2-Hunter2"


@pytest.fixture
def hits_in(tmp_path):
    """What is found in a file of this text, or in a notebook of these cells."""

    def hits_in(content, name="run.log", secrets=(SECRET,)):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return [(hit.place, hit.what) for hit in ArtefactCheck(dict.fromkeys(secrets, "")).hits(path)]

    return hits_in


@pytest.mark.parametrize(
    "written",
    [SECRET, html.escape(SECRET), html.escape(html.escape(SECRET)), html.escape(html.escape(SECRET).replace("&quot;", "&#34;")),
     json.dumps(SECRET), "p%C3%A4ss%22w%C3%B6rd%26%3C1%3E",
     *(base64.b64encode(f"{before}{SECRET}\0after".encode()).decode() for before in ("", "x", "xy")),
     SECRET.encode().hex(), SECRET.encode().hex().upper(), SECRET[::-1]],
)  # fmt: skip
def test_a_secret_is_found_as_it_is_and_as_it_is_written_elsewhere(hits_in, written):
    assert hits_in(f"first line\nit is {written} here\n") == [("line 2", "a secret of the settings")]


@pytest.mark.parametrize("around", ["<b>{}</b>", '<tspan x="1" dy="2">{}</tspan>', "<!-- {} -->{}", "</i>{}<br/>"])
def test_a_secret_is_found_with_markup_between_its_letters(hits_in, around):
    shown = "".join(around.format(html.escape(sign), html.escape(sign)) for sign in SECRET)
    output = {"output_type": "display_data", "metadata": {}, "data": {"text/html": [shown]}}
    cells = [{"cell_type": "code", "source": [], "metadata": {}, "outputs": [output]}]
    assert hits_in({"cells": cells, "metadata": {}}, "run.ipynb") == [("cell 1, output 1", "a secret of the settings")]


QUOTED = """pass'wörd"9\\w"""


PROGRAMS = (
    repr, ascii, lambda s: repr([s]), lambda s: str(KeyError(s)), lambda s: repr(s.encode()),
    lambda s: json.dumps(json.dumps(s)), lambda s: s.replace("'", "''"), lambda s: s.encode().hex(":"),
    lambda s: quote(s).lower(), lambda s: f"{{'a': {s!r}}}",
)  # fmt: skip


@pytest.mark.parametrize("write", PROGRAMS)
def test_a_secret_is_found_as_programs_write_it(hits_in, write):
    assert hits_in(f"it is {write(QUOTED)} here\n", secrets=[QUOTED]) == [("line 1", "a secret of the settings")]


@pytest.mark.parametrize(
    ("written", "what"),
    [
        (f"https://x/?session_key={KEY}", "a session_key"),
        (KEY.upper(), "a session_key"),
        *[(written.partition("\n")[0], what) for written, what in key_samples.ISSUED],
        ("postgresql://ops:hunter2@db/interviews", "a login in a web address"),
    ],
)
def test_a_key_is_found_by_its_look(hits_in, written, what):
    assert hits_in(f"so: {written}\n") == [("line 1", what)]


@pytest.mark.parametrize(
    "harmless",
    ["session_key=*** was masked", "postgresql://ops:***@db/interviews", "a***@example.com", "http://127.0.0.1:8000/a@b",
     "20261128T100000Z_1f3a", "f" * 64, "<3f0a.11@interviews.example.com>", "EMAIL_HOST_PASSWORD is not set"],
)  # fmt: skip
def test_what_every_run_shows_is_no_hit(hits_in, harmless):
    assert hits_in(f"{harmless}\n") == []


def test_a_notebook_is_told_by_cell_and_output(hits_in):
    def cell(source, *texts):
        outputs = [{"output_type": "stream", "text": text} for text in texts]
        return {"cell_type": "code", "metadata": {}, "source": source, "outputs": outputs}

    halves = [SECRET[:5], SECRET[5:]]
    notebook = {"cells": [cell("a"), cell("b", "fine", halves), cell([SECRET])], "metadata": {"papermill": {"x": KEY}}}
    assert hits_in(notebook, "run.ipynb") == [
        ("cell 2, output 2", "a secret of the settings"),
        ("cell 3", "a secret of the settings"),
        ("its metadata", "a session_key"),
    ]


@pytest.mark.parametrize(
    "written",
    [" ".join(LONG), "\n".join(LONG), "\u00a0".join(LONG), "&nbsp;".join(LONG), LONG.encode().hex(" "),
     base64.encodebytes(f"{'x' * 50}{LONG}{'x' * 50}".encode()).decode(), f"{LONG[:5]}\r\n{LONG[5:]}"],
)  # fmt: skip
def test_a_secret_is_found_whatever_white_space_is_between_its_letters(hits_in, written):
    output = {"output_type": "stream", "text": written.splitlines(keepends=True)}
    notebook = {"cells": [{"cell_type": "code", "source": "", "outputs": [output]}], "metadata": {}}
    assert hits_in(notebook, "run.ipynb", [LONG]) == [("cell 1, output 1", "a secret of the settings")]
    last = 2 + len(written.splitlines()) - 1
    found = hits_in("\n".join(["first", written, *["other words"] * 20_000]), secrets=[LONG])
    assert found[0][0] in (f"line {last}", f"line {last - 1}")
    assert [what for _, what in found] == ["a secret of the settings"]


def test_a_secret_across_two_pieces_of_a_long_log_is_found_in_the_line_where_it_ends(hits_in, monkeypatch):
    monkeypatch.setattr("notebooks.runner.artefact_check._BLOCK_CHARS", 64)
    letters = "\n".join(LONG)
    for before in range(60):
        assert hits_in("x\n" * before + letters, secrets=[LONG]) == [
            (f"line {before + len(LONG)}", "a secret of the settings")
        ]


@pytest.mark.parametrize(
    ("secret", "text"), [("12345678", "1234 5678"), ("sunshine", "sun shine"), ("abc12", "a b c 1 2")]
)
def test_what_may_be_words_or_numbers_is_no_secret_with_blanks_in_it(hits_in, secret, text):
    assert hits_in(text, secrets=[secret]) == []


def test_what_calls_itself_a_picture_and_is_none_is_looked_at_as_well(hits_in):
    for value in (7, None, [1, {"a": LONG}], {"b": f"it is {LONG}"}, LONG, [LONG[:5], LONG[5:]]):
        output = {"output_type": "display_data", "data": {"image/png": value}}
        notebook = {"cells": [{"cell_type": "code", "outputs": [output]}], "metadata": {}}
        assert len(hits_in(notebook, "run.ipynb", [LONG])) == (value not in (7, None))


def test_what_is_nested_as_deep_as_json_goes_is_read(hits_in):
    nested = LONG
    for _ in range(400):
        nested = [{"a": nested}]
    assert hits_in({"cells": [], "metadata": nested}, "run.ipynb", [LONG]) == [
        ("its metadata", "a secret of the settings")
    ]


@pytest.mark.parametrize("name", ["run.log", "run.ipynb"])
def test_a_pipe_in_a_file_s_place_is_refused_and_not_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(OSError, match="no regular file"):
        ArtefactCheck({LONG: ""}).hits(tmp_path / name)


def test_random_letters_of_a_picture_are_no_key(hits_in):
    letters = f"iVBORw0KGgo{KEY}"
    both = {"image/png": f"{letters}\n", "text/html": f'<img src="data:image/png;base64,{letters}">'}
    picture = {"output_type": "display_data", "data": both}
    notebook = {"cells": [{"cell_type": "code", "source": "", "metadata": {}, "outputs": [picture]}], "metadata": {}}
    assert hits_in(notebook, "run.ipynb") == []
    assert hits_in(f'<img src="data:image/png;base64,{KEY}">\n', "run.html") == []


def test_a_short_secret_is_left_out_for_it_is_an_ordinary_word(hits_in):
    assert hits_in("a test of the mail\n", secrets=("test", "")) == []


def test_no_more_than_twenty_places_are_told(hits_in):
    assert len(hits_in(f"{KEY}\n" * 100)) == 20


@pytest.mark.parametrize("between", ["", " ", "\n", "=\n"])
def test_a_key_beside_a_picture_is_found(hits_in, between):
    key = "gh" + "p_" + "a1B2" * 9 if between == "" else "AKIA" + "IOSFODNN7EXAMPLE"
    text = f"data:image/png;base64,iVBORw0KGgo={between}{key}"
    assert [what for _, what in hits_in(f"{text}\n")] == ["a GitHub token" if between == "" else "an AWS access key"]


@pytest.mark.parametrize("data", ["iVBORw0KGgo AKIA" + "IOSFODNN7EXAMPLE", "AKIA" + "IOSFODNN7EXAMPLE"])
def test_what_calls_itself_a_picture_is_one_only_if_it_looks_like_one(hits_in, data):
    output = {"output_type": "display_data", "metadata": {}, "data": {"image/png": data}}
    cell = {"cell_type": "code", "source": "", "metadata": {}, "execution_count": 1, "outputs": [output]}
    assert [what for _, what in hits_in({"cells": [cell], "metadata": {}}, "a.ipynb")] == ["an AWS access key"]


@pytest.mark.parametrize(
    ("secret", "written"),
    [
        ("k3/Zq+9aT7w==", quote("k3/Zq+9aT7w==")),
        ("k3/Zq+9aT7w==", "k3%2fZq%2b9aT7w%3d%3d"),
        ("hunter2>>?~~", base64.urlsafe_b64encode(b"hunter2>>?~~").decode()),
        ("hunter2>>?~~", base64.urlsafe_b64encode(b"xhunter2>>?~~").decode()),
    ],
)
def test_a_secret_is_found_as_web_addresses_have_it(hits_in, secret, written):
    assert written != secret
    assert hits_in(f"see {written} here\n", secrets=[secret]) == [("line 1", "a secret of the settings")]


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://app:geh,eim-9Xq@db.acme/prod",
        "https://bot:p(ss)w0rd9@git.acme/x",
        "amqp://u:a;b|c?d9@mq/x",
        "postgresql://bob:2024?Geheim9Xq@db.acme/prod",
        "amqp://u:1234,S3cretPw@mq/x",
        "https://bot:7;hunter22@git.acme",
        "smtp://first.last:2024-geheim@mail.in",
        "smtp://first.last:2024&Geheim9Xq@mail.in",
        "smtp://first.last:2024=Geheim9Xq@mail.in",
        "https://git.bot:4711(hunter22@git.acme",
    ],
)
def test_a_login_whose_password_has_signs_is_found(hits_in, text):
    assert hits_in(f"{text}\n") == [("line 1", "a login in a web address")]


@pytest.mark.parametrize(
    "text",
    [
        "http://localhost:8000,ops@example.com",
        "http://a.in:80;b@c.in",
        "http://a.in:8000|b@c",
        r"'http://localhost:8000\nops@example.com'",
        "smtp://localhost:1025=a@b",
        "http://127.0.0.1:8000&#x27;ops@e.com",
        "http://[::1]:8000?mail=ops@e.com",
        "<pre>portal &lt;https://hr.acme.example:8443&gt;,o***@acme.example</pre>",
        r"'https://hr.acme.example:8443\r\nops@acme.example'",
        "[https://hr.acme.example:8443](mailto:ops@acme.example)",
        "{https://hr.acme.example:8443},ops@acme.example",
    ],
)
def test_an_address_with_a_port_beside_a_mail_address_is_no_login(hits_in, text):
    assert hits_in(f"{text}\n") == []


@pytest.mark.parametrize("before", ["", "x", "xy"])
def test_a_short_password_is_found_inside_of_base64(hits_in, before):
    written = base64.b64encode(f"{before}pw-8x!Zz\0after".encode()).decode()
    assert hits_in(f"Authorization {written}\n", secrets=["pw-8x!Zz"]) == [("line 1", "a secret of the settings")]


def test_a_secret_of_digits_is_found_where_json_has_it_as_a_number(hits_in):
    output = {"output_type": "display_data", "metadata": {}, "data": {"application/json": {"pin": [1, 84736251]}}}
    cell = {"cell_type": "code", "source": "", "metadata": {}, "execution_count": 1, "outputs": [output]}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    assert hits_in(notebook, "a.ipynb", ["84736251"]) == [("cell 1, output 1", "a secret of the settings")]
