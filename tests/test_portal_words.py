"""The catalogues: every language says the same things, every word is used, and the browser's wish is understood."""

import re
import string

import pytest

from portal_words import DEFAULT, Words, choose, languages
from store.places import ROOT

TEMPLATES = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "views").glob("*.tpl")))
SCRIPTS = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "static").glob("*.js")))
MADE_FROM_THE_STATE = r"\w+\.(chip|heading)|(error|advice)\.\w+"
"""Names that templates put together: a state's heading, an error's advice."""
OF_THE_CATALOGUE = r"(date|unit)\.\w+"
"""Names that `Words` itself reads."""

others = pytest.mark.parametrize("language", sorted(set(languages()) - {DEFAULT}))


def texts(language):
    """Every single text of a language; those of a list by their places."""
    found = {}
    for name, text in languages()[language].texts.items():
        found |= {name: text} if isinstance(text, str) else {f"{name}.{n}": each for n, each in enumerate(text)}
    return found


def values(text):
    return sorted(field for _, field, _, _ in string.Formatter().parse(text) if field is not None)


def test_there_is_a_catalogue_in_hindi():
    assert list(languages()) == ["en", "hi"]
    assert languages()["hi"].name == "हिन्दी"


@others
def test_every_language_says_the_same_things(language):
    assert texts(language).keys() == texts(DEFAULT).keys()


@others
def test_every_text_names_the_same_values(language):
    english = texts(DEFAULT)
    wrong = {name for name, text in texts(language).items() if values(text) != values(english[name])}
    assert wrong == set()


@others
def test_what_is_set_strong_is_set_strong_in_every_language(language):
    english = texts(DEFAULT)
    wrong = {name for name, text in texts(language).items() if text.count("*") != english[name].count("*")}
    assert wrong == set()


@others
def test_no_text_was_forgotten_in_english(language):
    english = texts(DEFAULT)
    same = {name for name, text in texts(language).items() if text == english[name]}
    assert {name for name in same if re.search("[A-Za-z]{2}", re.sub(r"\{\w+\}", "", english[name]))} == set()


def test_no_sentence_stands_under_two_names():
    by_status, said = re.compile(r"(error|advice)\.\w+"), {}
    for name, text in texts(DEFAULT).items():
        if not by_status.fullmatch(name):
            said.setdefault(text, []).append(name)
    assert [names for names in said.values() if len(names) > 1] == []


@pytest.mark.parametrize("language", languages())
def test_no_text_holds_markup_or_nothing(language):
    assert {name for name, text in texts(language).items() if re.search(r"[<>&]", text) or not text.strip()} == set()


def test_every_text_is_used_by_a_template_or_a_script():
    shown = set(re.findall(r"'(\w+\.\w+)'", TEMPLATES))
    said = {f"script.{name}" for name in re.findall(r'\bt\("(\w+)"|\btexts\.(\w+)', SCRIPTS) for name in name if name}
    made = re.compile(f"{MADE_FROM_THE_STATE}|{OF_THE_CATALOGUE}")
    unused = {name for name in languages()[DEFAULT].texts if name not in shown | said and not made.fullmatch(name)}
    assert unused == set()


def test_every_text_that_a_template_or_a_script_names_exists():
    shown = set(re.findall(r"\bt(?:\.html|\.count)?\('(\w+\.\w+)'", TEMPLATES))
    said = {f"script.{name}" for name in re.findall(r'\bt\("(\w+)"', SCRIPTS)}
    assert min(len(shown), len(said)) > 50
    assert (shown | said) - languages()[DEFAULT].texts.keys() == set()


def test_no_script_holds_words_of_its_own():
    strings = re.findall(r'"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`', SCRIPTS)
    spoken = [text for pair in strings for text in pair if re.search(r"[A-Za-z]+ [a-z]+ [a-z]+", text)]
    assert [text for text in spoken if "[" not in text and "$" not in text and text != "use strict"] == []


@pytest.mark.parametrize(("accepted", "language"), [
    ("", "en"), ("hi", "hi"), ("hi-IN", "hi"), ("HI-in", "hi"), ("hi-Deva-IN", "hi"), ("fr, hi;q=0.5", "hi"),
    ("en-GB,en;q=0.9,hi;q=0.8", "en"), ("hi;q=0.9, en;q=0.8", "hi"), ("en;q=0.1, hi;q=0.2", "hi"),
    ("hi;q=0", "en"), ("hi;q=0.000, en;q=0.1", "en"), ("*", "en"), ("de", "en"), ("hindi", "en"), ("hi;q=2", "en"),
    ("hi;q=abc", "en"), (";q=1", "en"), (",,,", "en"), ("hi;;q=1", "en"), ("../../etc/passwd", "en"), ("\x00hi", "en"),
    ("हि", "en"), ("hi" * 10_000, "en"), ("x," * 10_000 + "hi", "en"), ("hi ; q=0.5", "hi"), ("en;q=0.5,hi", "hi"),
])  # fmt: skip
def test_the_browsers_wish_is_understood(accepted, language):
    assert choose(accepted).language == language


def test_a_value_cannot_bring_markup_into_a_text():
    shown = Words("en").html("early.opens", before="<b>", date="*x*", time="{date}")
    assert "<b>" not in shown
    assert "&lt;b&gt;" in shown
    assert "<strong>{date}</strong>" in shown
