"""The README and the pages in docs/ name what is there: settings, commands, make targets, stages, files."""

import json
import re
import shlex
import sys

import pytest

from mailer.__main__ import main
from mailer.config import MailSettings
from mailer.sandbox import scenarios
from mailer.verification import stages
from notebooks import __main__ as jobs_command
from notebooks import schedule
from notebooks.schedule import reading
from store import times
from store.outcomes import BUSY_CODE, EXIT_CODES
from store.places import ROOT
from store.settings import Settings

PAGES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in (ROOT / "README.md", *ROOT.glob("docs/*.md"))}
TEXT = "\n".join(PAGES.values())
KINDS = "ALLOW|BACKEND|CANDIDATES|DATABASE|DEFAULT|DKIM|DNS|EMAIL|IMAP|INTERVIEW|OPS|PORTAL|RECORDING|RECORDINGS|RUNS"
NAMED = re.compile(rf"\b(?:{KINDS}|SANDBOX|SESSION)_[A-Z_]*[A-Z]\b")
COMMANDS = set(re.findall(r"python -m mailer ([a-z-]+)((?: --[a-z-]+)*)", TEXT))
JOB_COMMANDS = set(re.findall(r"python -m notebooks ([a-z]+)([^`\n|#]*)", TEXT))
RUNS = re.findall(r"^    .*-m notebooks run (\w+)((?:\\\n|.)*)", TEXT, re.MULTILINE)
FILES = set(re.findall(r"\b(?:notebooks/\w+\.ipynb|tests/\w+\.py|mailer/\w+/)", TEXT))


def table(page, head):
    """The rows of the table whose head has this first cell, each as a list of cells."""
    lines = PAGES[page].splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith(f"| {head} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return rows
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


@pytest.fixture(scope="module")
def settings():
    """The names of the settings that a module asks for."""
    modules = [path for name in (".", "store", "mailer/**", "notebooks") for path in ROOT.glob(f"{name}/*.py")]
    code = "\n".join(path.read_text() for path in modules)
    fields = (*Settings.model_fields, *MailSettings.model_fields)
    return {name.upper() for name in fields if re.search(rf"\.{name}\b", code)}


@pytest.fixture
def help_of(monkeypatch, capsys):
    """What a command of the mailer says that it takes; fails for one that is not there."""
    # The command replaces the hook for the whole process.
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)

    def help_of(command, program=main):
        with pytest.raises(SystemExit) as end:
            program([command, "--help"])
        assert end.value.code == 0
        return capsys.readouterr().out

    return help_of


def test_table_of_settings_names_every_setting(settings):
    cells = " ".join(" ".join(row) for row in table("README.md", "setting"))
    assert settings - set(re.findall(r"`([A-Z_]+)`", cells)) == set()


def test_no_page_names_a_setting_that_is_not_there(settings):
    assert set(NAMED.findall(TEXT)) - settings == set()


@pytest.mark.parametrize(("command", "options"), sorted(COMMANDS))
def test_commands_of_the_mailer_exist_with_their_options(command, options, help_of):
    said = help_of(command)
    assert [option for option in options.split() if option not in said] == []


@pytest.mark.parametrize(("command", "rest"), sorted(JOB_COMMANDS))
def test_commands_of_the_notebooks_exist_with_their_options(command, rest, help_of):
    said = help_of(command, jobs_command.main)
    assert [option for option in re.findall(r"--[a-z-]+", rest) if option not in said] == []


@pytest.mark.parametrize("option", [row[0].strip("`") for row in table("docs/jobs.md", "option")])
def test_options_in_the_table_of_runs_exist(option, help_of):
    assert f"{option} " in help_of("run", jobs_command.main).replace("]", " ")


def test_exit_codes_in_the_table_of_runs_are_those_of_the_runner():
    told = {
        int(row[0]): row[1].partition("or ")[2].strip("`") or row[1].strip("`")
        for row in table("docs/jobs.md", "exit code")
    }
    assert told == {code: outcome for outcome, code in EXIT_CODES.items()}
    assert BUSY_CODE in told


def test_fields_in_the_table_of_the_schedule_are_those_that_it_takes():
    assert {row[0].strip("`") for row in table("docs/jobs.md", "field")} == set(reading.FIELDS)


def test_the_schedule_that_the_page_shows_is_right(tmp_path):
    shown = re.search(r"^    timezone = (?:.*\n)(?:    .*\n|\n)+", PAGES["docs/jobs.md"], re.MULTILINE)[0]
    path = tmp_path / "schedule.toml"
    path.write_text(shown.replace("\n    ", "\n").lstrip())
    [job] = schedule.read(path, times.now()).jobs
    assert (job.name, job.job.values["dry_run"]) == ("daily_batch", False)


@pytest.mark.parametrize("option", [row[0].strip("`").split()[0] for row in table("docs/mail.md", "command")])
def test_options_in_the_table_of_the_verification_exist(option, help_of):
    assert option in help_of("verify")


def test_make_targets_that_pages_name_exist():
    there = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^    |`)make ([a-z-]+)", TEXT, re.MULTILINE)) - there == set()


def test_exit_codes_in_the_table_are_those_of_the_stages():
    told = [(int(row[0]), row[1].strip("`")) for row in table("docs/mail.md", "exit code")]
    assert told == [(stage.exit_code, stage.name) for stage in stages.STAGES]


def test_scenarios_that_pages_name_exist():
    named = set(re.findall(r"(?:--scenario |scenario=)([a-z0-9-]+)", TEXT))
    assert named
    assert named - set(scenarios.BY_NAME) == set()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings_that_are_there(page):
    for target, heading in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", PAGES[page]):
        file = (ROOT / page).parent / target if target else ROOT / page
        assert file.exists(), target
        assert not heading or heading in headings(file.read_text()), f"{target}#{heading}"


def headings(text):
    """The anchors that a page has, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("place", sorted(FILES))
def test_files_that_pages_name_are_there(place):
    assert (ROOT / place).exists()


@pytest.mark.parametrize(
    ("head", "column", "notebook"), [("parameter", 0, "rehearsal"), ("command", 1, "email_verification")]
)
def test_tables_of_parameters_name_all_that_the_notebook_takes(head, column, notebook):
    told = {row[column].strip("`") for row in table("docs/mail.md", head)} - {"always shown"}
    assert told == parameters_of(notebook) - {"log_file"}


@pytest.mark.parametrize(("notebook", "given"), RUNS)
def test_parameters_given_to_a_notebook_are_its_own(notebook, given):
    words = [word for word in shlex.split(given.replace("\\\n", " ")) if not word.startswith("-")]
    assert {word.partition("=")[0] for word in words if "=" in word} - parameters_of(notebook) == set()


def parameters_of(notebook):
    cells = json.loads((ROOT / f"notebooks/{notebook}.ipynb").read_text())["cells"]
    text = next("".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", []))
    return set(re.findall(r"^(\w+):", text, re.MULTILINE))
