"""What an audit is given: labels that mean the same agree, and whatever has no meaning is named with its place."""

import pandas as pd
import pytest

from ufama.audit.given import label_of, printed_facts, read_accuracies, tidy_accuracies
from ufama.audit.granularity import TableError
from ufama.audit.report import audit_table

ROWS = [(method, session, subject) for method in ("A", "B b") for session in (1, 2) for subject in (1, 2, 3)]
TABLE = pd.DataFrame(ROWS, columns=["method", "session", "subject"]).assign(
    accuracy=[80.1 + place for place in range(len(ROWS))]
)


def facts(table=TABLE, **columns):
    printed = pd.DataFrame({"mean": [50.0], "sd": [1.0], **columns})
    return printed_facts(printed, tidy_accuracies(table, None)[0])


@pytest.mark.parametrize("method", ["B b", " B b ", "B  b", "B\u00a0b"])
@pytest.mark.parametrize("session", [1, 1.0, "1", "1.0", " 1 ", "1.00"])
def test_one_method_and_session_however_they_are_typed(method, session):
    assert facts(method=[method], session=[session]) == {("B b", "1"): (50.0, 1.0)}


def test_composed_and_decomposed_letters_are_the_same():
    assert label_of("Mu\u0308ller") == label_of("M\u00fcller")


@pytest.mark.parametrize("session", [None, float("nan"), "all"])
def test_a_row_over_all_sessions(session):
    assert facts(method=["A"], session=[session]) == {("A", "all"): (50.0, 1.0)}


def test_the_only_method_and_the_only_session_need_no_name():
    one = TABLE[TABLE["method"].eq("A") & TABLE["session"].eq(1)]
    assert facts(one) == facts(one, session=[1]) == facts(one, method=["A"], session=[1.0])
    report = audit_table(one, printed=pd.DataFrame({"mean": [50.0], "sd": [1.0]}), search=range(200, 210))
    assert any(finding.kind == "mean" for finding in report.findings)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"method": ["A (ours)"]}, r"row 1: method 'A \(ours\)' is not in the table of accuracies; there are A, B b"),
        ({"method": ["a"]}, "row 1: method 'a' is not in"),
        ({"method": ["A"], "session": ["Session 1"]}, "session of method A 'Session 1' is not in .* are 1, 2"),
        ({"method": ["A"], "session": [3]}, "session of method A '3' is not in"),
        ({}, "row 1: no method is named; there are A, B b"),
        ({"method": ["A", "A "], "mean": [1.0, 2.0], "sd": [1.0, 1.0]}, "row 2: method A, session all is there twice"),
        ({"method": ["A"], "mean": ["90.61±2"]}, "row 1, column mean: '90.61±2' is not a number"),
        ({"method": ["A"], "sd": ["2,1"]}, "row 1, column sd: '2,1' is not a number"),
        ({"method": ["A"], "mean": [float("inf")]}, "column mean: inf is not a number"),
        ({"method": ["A"], "mean": [None]}, "column mean: .* is not a number"),
        ({"method": ["A"], "mean": [101.0]}, "column mean: 101.0 is not an accuracy"),
        ({"method": ["A"], "sd": [-1.0]}, "column sd: -1.0 is not an accuracy"),
    ],
)
def test_a_printed_row_that_means_nothing_is_named(columns, message):
    with pytest.raises(TableError, match=message):
        facts(**columns)


@pytest.mark.parametrize("column", ["method", "session"])
def test_a_printed_name_for_which_the_table_has_no_column(column):
    one = TABLE[TABLE["method"].eq("A")].drop(columns=["method", "session", "subject"])
    with pytest.raises(TableError, match=f"named, but the table of accuracies has no column {column}"):
        facts(one, **{column: ["1"]})


def test_a_printed_mean_may_have_no_sd():
    (fact,) = facts(method=["A"], sd=[None]).values()
    assert fact[0] == 50.0 and fact[1] != fact[1]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("90.61±2", "row 2, column accuracy: '90.61±2' is not a number"),
        ("90,61", "row 2, column accuracy"),
        ("9_0", "row 2, column accuracy"),
        ("", "row 2, column accuracy is empty"),
        ("inf", "row 2, column accuracy: 'inf'"),
        ("120", "row 2, column accuracy: 120 is not an accuracy"),
    ],
)
def test_a_cell_of_the_table_that_is_no_accuracy_is_named(tmp_path, cell, message):
    (tmp_path / "t.csv").write_text(f'method,accuracy\nA,90.1\nA,"{cell}"\n')
    with pytest.raises(TableError, match=message):
        audit_table(read_accuracies(tmp_path / "t.csv"), search=range(200, 210))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("method,accuracy\nMüller,90.1\n".encode("latin-1"), "is not text in UTF-8: save it as CSV UTF-8"),
        ("method,accuracy\nA,90.1\n".encode("utf-16"), "is not text in UTF-8"),
        ("method,accuracy\nA,90.1\n".encode("utf-16-le"), "is not text in UTF-8"),
        ("method,accuracy\n方法,90.1\n".encode("gbk"), "is not text in UTF-8"),
        (bytes(range(256)), "is not text in UTF-8"),
        (b"", "it is empty"),
        (b"method,accuracy\nA,90.1,\nB,80.2,\n", "is not a CSV table with commas"),
        (b"accuracy,accuracy\n90.1,80.1\n", "two columns 'accuracy'"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, content, message):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(TableError, match=message):
        read_accuracies(tmp_path / "t.csv")


def test_a_byte_order_mark_blanks_and_an_unnamed_index_do_not_matter(tmp_path):
    (tmp_path / "t.csv").write_bytes("\ufeff, method , accuracy\n0, NA , 90.10\n".encode())
    frame = read_accuracies(tmp_path / "t.csv")
    assert frame[["method", "accuracy"]].to_numpy().tolist() == [["NA", "90.10"]]


def test_what_is_no_file_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(TableError, match="cannot be read"):
            read_accuracies(path)
