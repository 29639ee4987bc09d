"""Tables are whole at every width, and text is printed in every encoding."""

import io
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from ufama.audit.report import audit_table
from ufama.report.method_list import method_list
from ufama.report.table import Column, Table
from ufama.terminal import TerminalTable

WIDTHS = (40, 80, 120)
LONGEST_UNBROKEN = 4  # columns that a card indents the second line of a field


def shown(table, width):
    console = Console(file=io.StringIO(), width=width, soft_wrap=True)
    console.print(table)
    return console.file.getvalue()


def assert_whole(table: TerminalTable, width: int):
    """Every word of every cell is there, in its order within the cell, and no line is longer than the terminal."""
    text = shown(table, width)
    assert max(map(len, text.splitlines())) <= width
    words = text.split()
    for row in table.rows:
        for word in " ".join(row).split():
            if len(word) <= width - LONGEST_UNBROKEN:
                assert word in words, (word, width)
    assert {word.rstrip(":") for word in words} >= {word.rstrip(":") for word in " ".join(table.headings).split()}


def audit_tables():
    draw = np.random.default_rng(0)
    names = ("UF-AMA", "LGDAAN-Nets", "an-earlier-method")
    rows = [(name, session, subject) for name in names for session in (1, 2, 3) for subject in range(1, 13)]
    frame = pd.DataFrame(rows, columns=["method", "session", "subject"])
    frame["accuracy"] = draw.uniform(60, 99, len(frame)).round(2)
    printed = pd.DataFrame({"method": names, "mean": 80.0, "sd": 11.26})
    report = audit_table(frame, windows=[(851, 832, 822), 3394], trials=[40] * 15, printed=printed)
    return [part for part in report.__rich__().renderables if isinstance(part, TerminalTable)]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_table_of_the_audit_is_whole(width):
    tables = audit_tables()
    assert len(tables) == 5
    for table in tables:
        assert_whole(table, width)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_list_of_methods_is_whole(width):
    assert_whole(method_list(), width)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_tables_of_svm_evaluate_and_tune_are_whole(width):
    frame = pd.DataFrame({"name": ["own_recordings.npz"] * 2, "what": ["labels permuted within a subject", ""]})
    frame["mean"], frame["low"] = [71.25, np.nan], [60.0, 100.0]
    columns = [Column("name", "data set", "key"), Column("what", "labels", "key")]
    columns += [Column("mean", "mean", "measured", "windows right (%)", 2), Column("low", "95 % CI", "measured", "", 1)]
    assert_whole(
        Table("t", frame, columns, "A caption that is longer than forty columns, so it is wrapped.").__rich__(), width
    )


def test_numbers_stand_below_each_other_and_cards_replace_a_grid_that_would_break_words():
    table = TerminalTable(["method", "n"], [["A", "5"], ["B", "1205"]], right=(1,))
    assert shown(table, 40).splitlines()[2:4] == ["A          5", "B       1205"]
    table = TerminalTable(["method", "what it is checked against"], [["A", "an-incomparably-long-word here"]])
    assert shown(table, 30).splitlines()[0] == "method: A"
    assert "an-incomparably-long-word here" in shown(table, 60)


def test_a_longer_word_than_the_terminal_is_broken_and_nothing_of_it_lost():
    word = "doi:10.1000/" + "x" * 60
    assert word in "".join(shown(TerminalTable(["name", "source"], [["A", word]]), 40).split())


def test_text_of_two_cells_per_letter_fits_too():
    table = TerminalTable(["method", "session"], [["情感識別方法", "1"], ["A", "2"]], title="表")
    assert "情感識別方法" in shown(table, 20)


def test_no_rows_and_no_columns():
    assert shown(TerminalTable((), (), "Nothing is in training."), 40).strip() == "Nothing is in training."
    assert "name" in shown(TerminalTable(["name"], ()), 40)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "gbk", "cp437", "utf-8", "utf-16"])
def test_every_sign_is_printed_in_every_encoding(encoding):
    script = (
        "from ufama.terminal import print_in_any_encoding, PLAIN_SIGNS\n"
        "print_in_any_encoding()\n"
        "print('n−1 … ±2 µV 感 é', *PLAIN_SIGNS, chr(0xDC80))"
    )
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode(encoding)
    assert text.startswith("n-1 ... +/-2 uV ? ?" if encoding == "ascii" else "n")
    assert encoding != "utf-8" or "n−1 … ±2 µV 感 é" in text
