"""From bytes to rows, with line and column of what is wrong."""

from __future__ import annotations

import contextlib
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedules.csv_files import reading, writing
from schedules.csv_files.reading import Unreadable, read
from schedules.csv_files.writing import guarded, unguarded


def lines(content: bytes) -> list[tuple[int, dict[str, str]]]:
    return [(row.line, row.cells) for row in read(content).rows]


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\r\n1,2\r\n",
        b"\xef\xbb\xbfa,b\n1,2",
        b"a;b\n1;2\n",
        b'"a","b"\r1,"2"\r',
        b"\n a , b \n,\n 1 ,\t2\n\n",
    ],
)
def test_reads_what_spreadsheets_write(content):
    assert [cells for _, cells in lines(content)] == [{"a": "1", "b": "2"}]


def test_quotes_hold_separators_quotes_and_line_ends():
    assert lines(b'a,b\n"1,2","say ""so""\nand more"\n3,4\n') == [
        (2, {"a": "1,2", "b": 'say "so"\nand more'}),
        (4, {"a": "3", "b": "4"}),
    ]


def test_a_comma_inside_quotes_does_not_decide_the_separator():
    assert lines(b'"a,x,y";b\n1;2\n') == [(2, {"a,x,y": "1", "b": "2"})]


@pytest.mark.parametrize(
    ("content", "line", "column", "words"),
    [
        (b"", None, None, "empty"),
        (b"\n\r\n", None, None, "empty"),
        ("a,b\nx,ü\n".encode("latin-1"), 2, 3, "UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), None, None, "UTF-16"),
        (b"a,b\n1,2\n3,\x004\n", 3, None, "NUL"),
        (b'a,b\n1,2\n"3,4\n5,6\n', 3, None, "never closed"),
        (b'a,b\n"1"x,2\n', 2, None, "follows a closing"),
        (b"a,,b\n", 1, 2, "no name"),
        (b"a,b,A\n", 1, 3, "twice"),
        (b"a\n" + b"x" * (reading.MAX_CELL + 1), 2, None, "longer than"),
    ],
)
def test_says_where_a_file_is_broken(content, line, column, words):
    with pytest.raises(Unreadable, match=words) as caught:
        read(content)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_refuses_what_is_too_large():
    with pytest.raises(Unreadable, match="larger than 5 MB"):
        read(b"a\n" + b"x" * reading.MAX_BYTES)


def test_ten_thousand_rows_and_one_more():
    content = b"a\n" + b"1\n" * reading.MAX_ROWS
    assert len(read(content).rows) == 10_000
    with pytest.raises(Unreadable, match="10,000") as caught:
        read(content + b"2\n")
    assert caught.value.line == 10_002


def test_a_row_of_another_length_is_a_fault_of_that_row_alone():
    rows = read(b"a,b\n1\n1,2\n1,2,3\n").rows
    assert [(row.line, row.fault) for row in rows] == [
        (2, "This row has 1 cells, the header has 2."),
        (3, ""),
        (4, "This row has 3 cells, the header has 2."),
    ]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "'=1", "''@"])
def test_what_a_spreadsheet_would_run_is_written_as_text(cell):
    assert guarded(cell) == f"'{cell}"
    assert unguarded(guarded(cell)) == cell


@pytest.mark.parametrize("cell", ["", "x", "a=b", "'tis", "'", "1-2", " x"])
def test_anything_else_is_left_alone(cell):
    assert guarded(cell) == cell


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=8))
def test_what_is_written_is_read_again(rows):
    rows = [(f"x{first.strip()}", second.strip(" \r\n\t\u00a0")) for first, second in rows]
    content = "".join(writing.written(["one", "two"], iter(rows))).encode()
    expected = [(first.strip(" \r\n\t\u00a0"), second) for first, second in rows]
    assert [(row.cells["one"], row.cells["two"]) for row in read(content).rows] == expected


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content):
    with contextlib.suppress(Unreadable):
        assert read(content).header


def test_the_exported_file_can_be_read_by_anybody():
    content = "".join(writing.written(["a", "b"], iter([["1;2", "ü\n"]])))
    assert content.startswith("\ufeff")
    assert list(csv.reader(io.StringIO(content[1:], newline=""))) == [["a", "b"], ["1;2", "ü\n"]]
