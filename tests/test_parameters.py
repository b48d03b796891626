"""Parameters of the command line and of a notebook's namespace: read strictly, and everything wrong is told at once."""

from typing import Literal

import nbformat
import papermill
import pytest
from papermill.exceptions import PapermillExecutionError

from notebooks import parameters
from notebooks.parameters.cell import read_cell
from notebooks.parameters.secret_names import is_secret
from store.errors import SettingsError

CELL = read_cell(
    'batch: str = ...  # which\nbatch_csv: str = ""\ndays: int = 30\nscore: float = -1.0\ndry_run: bool = True\n'
    'mode: Literal["plan", "book"] = "plan"\nlimit: int | None = None\nlog_file: str = ""\n'
)


def given(*texts):
    return parameters.given(CELL, ["batch=b", *texts])


def findings_of(*texts):
    with pytest.raises(SettingsError) as refused:
        parameters.given(CELL, texts)
    return {finding.id: finding for finding in refused.value.findings}


def test_defaults_stand_where_nothing_is_given():
    assert given() == {
        "batch": "b", "batch_csv": "", "days": 30, "score": -1.0, "dry_run": True, "mode": "plan", "limit": None,
        "log_file": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("dry_run=false", False),
        ("dry_run=True", True),
        ("days=7", 7),
        ("days=-7", -7),
        ("score=8", 8.0),
        ("score=7.25", 7.25),
        ("score=1e3", 1000.0),
        ("batch_csv=007", "007"),
        ("batch_csv=12:30", "12:30"),
        ("batch_csv=true", "true"),
        ("batch_csv=", ""),
        ("batch_csv=a=b=c", "a=b=c"),
        ("batch_csv= 'x' ", " 'x' "),
        ("mode=book", "book"),
        ("limit=None", None),
        ("limit=5", 5),
    ],
)
def test_a_text_is_read_by_its_parameters_type_alone(text, value):
    read = given(text)[text.partition("=")[0]]
    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize(
    "text",
    ["days=007", "days=1_000", "days=7.0", "days=", "days= 7", "days=seven", "days=\u0667", "days=9999999999999999999",
     "dry_run=1", "dry_run=yes", "dry_run=", "score=nan", "score=inf", "score=1e999", "score=07.5", "score=1,5",
     "mode=Book", "mode=", "limit=none", "batch_csv=\udcff", "batch_csv=a\0b"],
)  # fmt: skip
def test_what_would_have_to_be_guessed_is_refused_with_what_to_write(text):
    [finding] = findings_of("batch=b", text).values()
    assert finding.id == f"parameters.{text.partition('=')[0]}"
    assert finding.fix.startswith("write ")


def test_everything_wrong_is_told_at_once():
    found = findings_of("days=x", "dryrun=false", "dry_run", "mode=a", "mode=b", "score=1", "score=2")
    assert list(found) == ["parameters.days", "parameters.dryrun", "parameters.dry_run", "parameters.mode", "parameters.score",
                           "parameters.batch"]  # fmt: skip
    assert found["parameters.dryrun"].fix == "did you mean dry_run?"
    assert found["parameters.mode"].what == "mode is given twice."
    assert found["parameters.batch"].fix == "add batch=VALUE (a text)."


def test_a_name_that_is_code_is_only_an_unknown_name():
    [finding] = findings_of("batch=b", "x = 1; import os #=2").values()
    assert "is no parameter of this notebook" in finding.what


SECRET_NAMES = ("email_host_password", "OPS_TOKEN", "smtp_pwd", "mail_pass", "passphrase", "private_key", "database_url",
                "record_dsn", "bearer", "authorization", "mail_pw", "userpass", "db_pass2", "client_key", "otp", "jwt",
                "conn_string", "ftp_pass", "postgres_pass", "admin_pass", "host_pass", "key_pass", "root_pw")  # fmt: skip


@pytest.mark.parametrize("text", ["session_key", *(f"{name}=hunter2hunter2" for name in SECRET_NAMES)])
def test_a_secret_is_refused_by_its_name_and_its_value_is_not_repeated(text):
    [finding] = findings_of("batch=b", text).values()
    assert "looks like a secret" in finding.what
    assert "hunter2" not in finding.line()


@pytest.mark.parametrize(
    "name",
    [
        "author",
        "key",
        "portal_url",
        "pass_mark",
        "compass",
        "monkey",
        "spin",
        "keys",
        "canary",
        "sort_key",
        "group_key",
        "pin_code",
        "first_pass",
        "second_pass",
        "otp_digits",
    ],
)
def test_a_name_that_only_sounds_like_a_secret_is_none(name):
    assert not is_secret(name)


def test_the_log_is_the_runners():
    [finding] = findings_of("batch=b", "log_file=x.log").values()
    assert finding.what == "log_file is given by the runner."


def namespace(**values):
    kinds = {"limit": int | None, "mode": Literal["a", "b"], "score": float, "batch": str}
    return {"__annotations__": kinds, "limit": None, "mode": "a", "score": 1, "batch": "b", "other": 3} | values


def test_a_notebooks_own_names_are_checked_by_their_annotations():
    assert parameters.check(namespace(limit=3)) == {"limit": 3, "mode": "a", "score": 1, "batch": "b"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"limit": "3"}, r"limit = '3' is not a whole number or None\."),
        ({"limit": True}, r"limit = True is not a whole number or None\."),
        ({"mode": "c"}, r"mode = 'c' is not one of 'a', 'b'\."),
        ({"score": None}, r"score = None is not a number\."),
        ({"score": float("nan")}, r"score = nan is not a number\."),
        ({"score": float("-inf")}, r"score = -inf is not a number\."),
        ({"score": 10**400}, r"score = 10+ is not a number\."),
        ({"batch": "a\0b"}, r"batch = 'a\\x00b' is not a text\."),
        ({"batch": ...}, r"batch is not given, and has no default\."),
    ],
)
def test_a_notebook_refuses_values_that_papermill_gave_it_unchecked(wrong, said):
    with pytest.raises(SettingsError, match=said):
        parameters.check(namespace(**wrong))


PARAMETERS_CELL = "limit: int | None = None\nscore: float = 1.0\n"


def findings_of_run(*cells):
    with pytest.raises(SettingsError) as refused:
        parameters.check(namespace(In=["", PARAMETERS_CELL, *cells, "parameters.check(globals())"]))
    return refused.value.findings


def test_a_name_that_papermill_gave_and_no_parameter_has_is_refused_with_the_nearest():
    [finding] = findings_of_run("# Parameters\nscoer = 2\nlimit = 3\n")
    assert (finding.id, finding.fix) == ("parameters.scoer", "did you mean score?")


def test_every_unknown_name_that_papermill_gave_is_told_at_once():
    findings = findings_of_run('# Parameters\nscoer = 2\nzzz = {"limit": 3}\n')
    assert [finding.id for finding in findings] == ["parameters.scoer", "parameters.zzz"]


def test_a_secret_that_papermill_gave_is_told_once_as_a_secret_of_whatever_type():
    given = namespace(smtp_password=1234, In=["", PARAMETERS_CELL, "# Parameters\nsmtp_password = 1234\n"])
    with pytest.raises(SettingsError) as refused:
        parameters.check(given)
    [finding] = refused.value.findings
    assert "looks like a secret" in finding.what
    assert "1234" not in finding.line()


@pytest.mark.parametrize(
    "cells",
    [
        ("scoer = 2\nlimit = 3",),
        ("# Parameters\nlimit = 3", "later = 1\nmore = later"),
        ("# Parameters of my own\nscoer = 2",),
        ("# Parameters\nscoer = 2", "# Parameters\nscore = 2"),
        ("# Parameters\nscoer = 2", PARAMETERS_CELL),
        ("this is no Python", "%matplotlib inline"),
    ],
)
def test_what_a_notebook_sets_itself_or_set_right_by_hand_is_no_parameter_given(cells):
    parameters.check(namespace(In=["", PARAMETERS_CELL, *cells, "parameters.check(globals())"]))


def test_papermill_itself_leaves_the_names_that_it_was_given_where_they_are_looked_for(tmp_path):
    sources = (PARAMETERS_CELL, "from notebooks import parameters\nparameters.check(globals())")
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells[0].metadata.tags = ["parameters"]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "in.ipynb")
    with pytest.raises(PapermillExecutionError, match="scoer is no parameter of this notebook"):
        papermill.execute_notebook(
            tmp_path / "in.ipynb", tmp_path / "out.ipynb", {"scoer": 2, "limit": 3}, progress_bar=False
        )
