"""The candidates file: shapes that are read alike, and files that are refused with line, column and fix."""

import csv
import hashlib
import io
import os
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from store import places
from store.candidates_file import CandidatesFile
from store.errors import FileRefused
from store.settings import Settings
from store.text_lines import TextLines

HEADER = "candidate_name,candidate_email,job_title,company_name,slot_date,start_time,end_time"
ROW = "Asha Rao,asha@example.com,Engineer,Example Systems,2026-11-30,09:00,09:45"
CELLS = ROW.split(",")


@pytest.fixture
def written(tmp_path):
    """Writes a candidates file and says where."""

    def write(content: str | bytes) -> Path:
        path = tmp_path / "candidates.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def records(path, **limits):
    with CandidatesFile(path, Settings(**limits)) as file:
        return list(file)


def refusal_of(path, **limits) -> FileRefused:
    with pytest.raises(FileRefused) as refusal:
        records(path, **limits)
    assert refusal.value.fix
    return refusal.value


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_separators_and_line_ends_are_read_alike(written, encoding, delimiter, end):
    text = end.join((HEADER, ROW, ROW.replace("Asha Rao", "\u0905\u0936\u093e"))).replace(",", delimiter)
    found = records(written(text.encode(encoding)))
    assert found == [(2, CELLS), (3, ["\u0905\u0936\u093e", *CELLS[1:]])]


def test_separator_is_found_in_the_header_whatever_the_rows_hold(written):
    row = ROW.replace(",", ";").replace("Asha Rao", '"a,b,c,d,e,f,g,h\t\t\t"')
    assert records(written(HEADER.replace(",", ";") + "\n" + row))[0][1][0] == "a,b,c,d,e,f,g,h\t\t\t"


@pytest.mark.parametrize("first", ["sep=;\r\n", '"sep=;"\n', "SEP=;\r"])
def test_separator_line_of_a_spreadsheet_is_honoured(written, first):
    assert records(written(first + f"{HEADER}\n{ROW}".replace(",", ";"))) == [(3, CELLS)]


def test_separator_line_with_another_sign_is_refused(written):
    assert refusal_of(written(f"sep=|\n{HEADER}\n{ROW}")).code == "separator"


def test_line_numbers_count_quoted_line_breaks_blank_lines_and_mixed_ends(written):
    many = '"Asha\nof\r\nPune"' + ROW.removeprefix("Asha Rao")
    found = records(written(f"\n{HEADER}\r\n{many}\r\r\n\n,,,,,,\n{ROW}\n{many}"))
    assert [line for line, _ in found] == [3, 9, 10]
    assert found[0][1][0] == "Asha\nof\r\nPune"


def test_quotes_commas_and_spaces_after_the_separator_are_read(written):
    row = ROW.replace("Asha Rao", '"Rao, ""Asha"""').replace(",asha@", ', "asha@').replace(".com,", '.com",')
    assert records(written(f"{HEADER}\n{row}"))[0][1] == ['Rao, "Asha"', *CELLS[1:]]


def test_header_names_match_without_case_spaces_underscores_and_hyphens(written):
    header = "Candidate Name, CANDIDATE-EMAIL ,jobtitle,Company_Name,Slot date,START_TIME,End-Time,\ufeffNotes"
    header = header.replace("Notes", "Booking Notes") + ",,"
    with CandidatesFile(written(f"{header}\n{ROW},note,,\n"), Settings()) as file:
        assert list(file.header) == [*HEADER.split(","), "booking_notes"]
        assert list(file.header.values()) == list(range(8))


def test_unknown_missing_and_doubled_columns_are_all_named_at_once(written):
    header = "candidate_name,candidate_name,candidte_email,job_title,company_name,,shoe size,slot_date"
    refusal = refusal_of(written(f"\n{header}\nx\n"))
    assert (refusal.code, refusal.place) == ("columns", "line 2")
    assert str(refusal) == (
        "The header on line 2: unknown column 'candidte_email' (did you mean candidate_email?); column 6 has no name; "
        "unknown column 'shoe size'; missing column candidate_email; "
        "missing column start_time; missing column end_time or duration_minutes; "
        "column candidate_name stands there 2 times."
    )


def test_either_end_time_or_duration_is_enough(written):
    header = HEADER.replace("end_time", "duration_minutes")
    assert len(records(written(f"{header}\n{ROW.replace('09:45', '45')}"))) == 1


def test_file_without_a_header_is_refused_without_repeating_a_candidates_data(written):
    refusal = refusal_of(written(f"{ROW}\n{ROW}\n"))
    assert refusal.code == "columns"
    assert "asha" not in refusal.line().lower()


def test_header_of_thousands_of_strange_columns_gives_a_short_refusal(written):
    refusal = refusal_of(written(HEADER + "," + ",".join(f"x\u202e{n}" for n in range(2000)) + "\n"))
    assert len(refusal.line()) < 1500
    assert str(refusal).isprintable()


def test_windows_1252_is_refused_with_line_and_byte(written):
    content = f"{HEADER}\n{ROW}\n".encode() + ROW.replace("Asha", "Ren\u00e9e").encode("cp1252")
    refusal = refusal_of(written(content))
    assert refusal.place == f"line 3, byte {content.index(0xE9)}, byte 3 of the line"
    assert "CSV UTF-8" in refusal.fix


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", ";;;\n", "sep=;\n"])
def test_empty_file_is_refused(written, content):
    assert refusal_of(written(content)).code == "file_empty"


def test_header_without_rows_is_refused(written):
    assert refusal_of(written(f"{HEADER}\n\n,,,,,,\n")).code == "file_empty"


def test_missing_file_folder_and_impossible_name_are_refused(tmp_path):
    assert refusal_of(tmp_path / "none.csv").code == "file_missing"
    assert refusal_of(tmp_path).code == "file_is_folder"
    assert refusal_of(tmp_path / ("x" * 300)).code == "file_unreadable"
    assert refusal_of("a\0b").code == "file_unreadable"


def test_a_pipe_a_device_and_a_link_to_itself_are_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    assert (
        "is a pipe or a device, and no file. To fix: name the CSV file itself."
        in refusal_of(tmp_path / "pipe.csv").line()
    )
    assert refusal_of("/dev/zero").code == "file_unreadable"
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    assert refusal_of(tmp_path / "loop.csv").code == "file_unreadable"


def test_the_refusal_of_a_missing_file_shows_where_it_was_looked_for():
    text = str(refusal_of("some folder/none.csv"))
    assert text == f"none.csv does not exist; it was looked for in {places.ROOT / 'some folder'}."


def test_file_in_the_place_of_a_folder_is_refused(written):
    assert refusal_of(written("x") / "candidates.csv").code == "file_unreadable"


def test_unclosed_quote_is_refused_with_the_line_it_opened_on(written):
    opened = f'"closed\nhere",{ROW.split(",", 1)[1]}'.replace("Engineer", '"open')
    refusal = refusal_of(written(f"{HEADER}\n{ROW}\n{opened}\n{ROW}\n"))
    assert (refusal.code, refusal.place) == ("quote_open", "line 4")


def test_literal_quote_inside_an_unquoted_cell_opens_nothing(written):
    row = ROW.replace("Engineer", '5" screens')
    assert records(written(f"{HEADER}\n{row}\n"))[0][1][2] == '5" screens'


def test_text_after_a_closing_quote_is_refused_rather_than_guessed(written):
    row = ROW.replace("Asha Rao", f'"Asha "A\n{ROW}\n"')
    refusal = refusal_of(written(f"{HEADER}\n{row}\n"))
    assert (refusal.code, refusal.place) == ("quote_stray", "line 2")


def test_quote_that_never_closes_is_refused_in_flat_memory(written):
    path = written(f'{HEADER}\n{ROW}\n"Asha' + ",x\n" * 2_000_000)
    tracemalloc.start()
    try:
        refusal = refusal_of(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (refusal.code, refusal.place) == ("row_too_long", "line 3")
    assert "quote opened on line 3" in str(refusal)
    assert peak < 4_000_000


def test_endless_line_is_refused_in_flat_memory(written):
    path = written(HEADER + "\n")
    os.truncate(path, 150_000_000)
    with path.open("r+b") as file:
        file.seek(len(HEADER) + 1)
        file.write(b"x" * 400_000)
    refusal = refusal_of(path)
    assert (refusal.code, refusal.place) == ("row_too_long", "line 2")


def test_row_of_just_the_permitted_length_is_read(written):
    row = ROW.replace("Engineer", "x" * (200 - len(ROW) + len("Engineer") - 1))
    assert len(records(written(f"{HEADER}\n{row}\n"), candidates_row_chars=200)) == 1
    assert refusal_of(written(f"{HEADER}\n{row}y\n"), candidates_row_chars=200).code == "row_too_long"


def test_row_limit_above_the_csv_modules_own_is_still_a_clear_refusal(written):
    path = written(f"{HEADER}\n{'x' * 200_000}\n")
    assert refusal_of(path, candidates_row_chars=10_000_000).code == "row_too_long"
    assert csv.field_size_limit() == 131_072


def test_file_beyond_the_size_limit_is_refused_before_it_is_read(written):
    path = written(f"{HEADER}\n{ROW}\n")
    os.truncate(path, 50_000_000_000)
    began = time.perf_counter()
    assert refusal_of(path).code == "file_too_large"
    assert time.perf_counter() - began < 5


def test_a_file_that_grows_while_it_is_read_keeps_its_size_limit():
    content = f"{HEADER}\n{ROW}\n".encode()
    assert len(list(TextLines(io.BytesIO(content), Settings(candidates_file_bytes=len(content))))) == 2
    with pytest.raises(FileRefused) as refusal:
        list(TextLines(io.BytesIO(content), Settings(candidates_file_bytes=len(content) - 1)))
    assert refusal.value.code == "file_too_large"


def test_more_rows_than_allowed_are_refused_at_the_first_one_too_many(written):
    path = written(f"{HEADER}\n" + f"{ROW}\n\n" * 5)
    assert len(records(path, candidates_file_rows=5)) == 5
    refusal = refusal_of(path, candidates_file_rows=4)
    assert (refusal.code, refusal.place) == ("too_many_rows", "line 10")


def test_many_rows_are_read_in_flat_memory(written):
    path = written(f"{HEADER}\n" + f"{ROW}\n" * 60_000)
    tracemalloc.start()
    try:
        with CandidatesFile(path, Settings()) as file:
            rows = sum(1 for _ in file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert rows == file.rows == 60_000
    assert peak < 2_000_000


def test_checksum_is_known_only_when_the_whole_file_has_been_read(written):
    path = written(f"\ufeff{HEADER}\r\n{ROW}\r\n{ROW}")
    with CandidatesFile(path, Settings()) as file:
        next(iter(file))
        with pytest.raises(ValueError, match="not been read to its end"):
            _ = file.sha256
        list(file)
        assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_record_with_too_few_or_too_many_cells_is_no_matter_of_the_file(written):
    assert [len(cells) for _, cells in records(written(f"{HEADER}\nAsha\n{ROW},x,y\n"))] == [1, 9]


@hypothesis_settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.lists(st.text("A\u0905 ,;\t\r\n\"'\u2028=", max_size=8), min_size=7, max_size=7), min_size=1, max_size=4
    ),
    st.sampled_from(",;\t"),
)
def test_whatever_cells_a_csv_writer_writes_are_read_back(tmp_path_factory, rows, delimiter):
    rows = [[f"A{cells[0]}", *cells[1:]] for cells in rows]
    path = tmp_path_factory.getbasetemp() / "written_back.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([HEADER.split(","), *rows])
    found = [[cell.lstrip(" ") for cell in cells] for _, cells in records(path)]
    assert found == [[cell.lstrip(" ") for cell in cells] for cells in rows]
