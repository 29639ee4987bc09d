"""The head of a page: the question, what was found, where to see it, and what it rests on."""

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ufama.analysis.titles import PROTOCOL_TITLES
from ufama.report.captions import recordings_of
from ufama.report.table import Table
from ufama.report.training_size import size_sentences


@dataclass(frozen=True)
class PageHead:
    """A page's question, finding, evidence and caveat, shown as a list of four terms.

    Parameters
    ----------
    question
        one sentence
    finding
        sentences; every number in one of page's results is a cell of one of its tables (`shown`)
    evidence
        what to look at: the name of a figure or the anchor of a section of the page, and what it is called
    caveat
        sentences on what the finding rests on
    size
        sentences on the size of training; none where nothing is trained
    """

    question: str
    finding: Sequence[str]
    evidence: Mapping[str, str]
    caveat: Sequence[str]
    size: Sequence[str] = ()

    def __post_init__(self):
        if not (self.question and self.finding and self.evidence and (self.caveat or self.size)):
            raise ValueError("the head of a page needs a question, a finding, its evidence and a caveat.")

    def _repr_html_(self) -> str:
        links = ", ".join(
            f'<a href="#{_anchor(name)}">{html.escape(title)}</a>' for name, title in self.evidence.items()
        )
        size = f'<p class="training-size">{_joined(self.size)}</p>' if self.size else ""
        parts = {
            "Question": f"<p>{_shown_text(self.question)}</p>",
            "Finding": "<ul>" + "".join(f"<li>{_shown_text(one)}</li>" for one in self.finding) + "</ul>"
            if len(self.finding) > 1
            else f"<p>{_joined(self.finding)}</p>",
            "Evidence": f"<p>{links}</p>",
            "Caveat": (f"<p>{_joined(self.caveat)}</p>" if self.caveat else "") + size,
        }
        rows = "\n".join(
            f'<dt>{term}</dt>\n<dd class="{term.lower()}">{content}</dd>' for term, content in parts.items()
        )
        return f'<dl class="page-head">\n{rows}\n</dl>'

    def __str__(self) -> str:
        return "\n".join(
            [
                f"Question: {self.question}",
                *(f"Finding: {one}" for one in self.finding),
                f"Evidence: {', '.join(self.evidence.values())}",
                *(f"Caveat: {one}" for one in (*self.caveat, *self.size)),
            ]
        )

    __repr__ = __str__

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self._repr_html_()}


def _joined(sentences: Iterable[str]) -> str:
    return " ".join(map(_shown_text, sentences))


def _shown_text(text: str) -> str:
    """Escaped, with a number kept on the line of its unit and its spread."""
    space = "\N{NO-BREAK SPACE}"
    return html.escape(text).replace(" %", f"{space}%").replace(" ± ", f"{space}±{space}")


def _anchor(name: str) -> str:
    """The identifier that the book gives to a figure or a section of this name."""
    return html.escape(name.lower().replace("_", "-"))


def head(
    question: str,
    finding: Iterable[str],
    *,
    evidence: Mapping[str, str],
    runs: pd.DataFrame | Sequence[pd.DataFrame] = (),
    caveat: str = "",
    parameters: Iterable[int | None] | None = None,
    size: Sequence[str] = (),
    left_out: Sequence[str] = (),
) -> PageHead:
    """The head of a page, with the data and the size of training of the runs that it shows.

    Parameters
    ----------
    question, finding, evidence
        as of `PageHead`
    runs
        rows of ``results.runs``, or several such tables; none where the page shows no trainings
    caveat
        what else is to be known
    parameters
        trainable numbers of the networks, where they are known; None: counted from the stored configurations
    size
        sentences on the size of training where there are no such rows
    left_out
        what the page's data do not allow (`ufama.pages.page.Page.left_out`)
    """
    parts = [runs] if isinstance(runs, pd.DataFrame) else list(runs)
    about_data, about_size = [], list(size)
    if parts:
        every = pd.concat(parts, ignore_index=True).drop_duplicates("digest")
        about_data, about_size = data_sentences(every), size_sentences(every, parameters)
    sentences = (*about_data, *([caveat] if caveat else []), *left_out)
    return PageHead(question, tuple(finding), dict(evidence), sentences, tuple(about_size))


def data_sentences(runs: pd.DataFrame) -> list[str]:
    """Whose recordings the runs are of, simulated or real, and how many people and folds."""
    sentences = []
    for (title, simulated), own in runs.groupby(["data_title", "simulated"], sort=False):
        origin = capitalised(recordings_of(title, simulated=simulated))
        people = own["subject"].nunique()
        counts = [f"{people} {'person' if people == 1 else 'people'}"] if people else []
        for protocol, group in own.groupby("protocol", sort=False):
            folds = group["fold"].nunique()
            counts.append(f"{folds} fold{'' if folds == 1 else 's'} {PROTOCOL_TITLES.get(protocol, protocol)}")
        sentences.append(f"{origin}: {', '.join(counts)}.")
    return sentences


# --- the numbers of a finding ----------------------------------------------------------------------------------------


def shown(table: Table, column: str, **row: object) -> str:
    """One cell as the table shows it: "82.0", "51.1 [48.5, 53.6]".

    Parameters
    ----------
    table
        of the page
    column
        its name
    row
        values of the table's other columns that single out one row, as the table shows them

    Raises
    ------
    ValueError
        where the table does not show the column, or not one row has these values
    """
    return table.column_cells(column)[_place(table, row)]


def value(table: Table, column: str, **row: object) -> float:
    """The number behind `shown`, not rounded; NaN where the cell is empty."""
    return float(table.frame[column].iloc[_place(table, row)])


def is_there(table: Table, column: str, **row: object) -> bool:
    """Whether the table has one such row, and a value in it."""
    if column not in table.frame:
        return False
    chosen = _chosen(table, row)
    return bool(chosen.sum() == 1 and table.frame.loc[chosen, column].notna().all())


def _chosen(table: Table, row: Mapping[str, object]) -> pd.Series:
    chosen = pd.Series(True, index=table.frame.index)
    for name, wanted in row.items():
        chosen &= table.frame[name].eq(wanted)
    return chosen


def _place(table: Table, row: Mapping[str, object]) -> int:
    chosen = _chosen(table, row)
    if chosen.sum() != 1:
        raise ValueError(f"{table.name}: {chosen.sum()} rows have {row}; one was expected.")
    return int(chosen.to_numpy().argmax())


def counted(count: int, of: int, what: str) -> str:
    """'none of nine models', 'three of thirty-two methods': how many of how many."""
    return f"{number_word(count, none=True)} of {number_word(of)} {what}"


_WORDS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def number_word(count: int, *, none: bool = False) -> str:
    """A number below one hundred as a word: the digits of a finding are those of tables. "none" for 0 if ``none``."""
    if count == 0 and none:
        return "none"
    if count < len(_WORDS):
        return _WORDS[count]
    tens, ones = divmod(count, 10)
    return str(count) if tens > 9 else _TENS[tens - 2] + (f"-{_WORDS[ones]}" if ones else "")


def capitalised(text: str) -> str:
    """With a capital at the beginning; the others stay."""
    return f"{text[0].upper()}{text[1:]}"


def signed_points(row: pd.Series, prefix: str) -> str:
    """'+1.2 [+0.3, +2.1]' from {prefix}_points, .._low_points, .._high_points; '+1.2' where there is no interval."""
    mean, low, high = (row[f"{prefix}{end}_points"] for end in ("", "_low", "_high"))
    return f"{mean:+.1f}" if pd.isna(low) else f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"


def of_interval(low: float, high: float) -> str:
    """What a 95 % interval of a difference says: above, below, or not apart from zero."""
    if pd.isna(low) or pd.isna(high):
        return "without an interval"
    if low > 0:
        return "the interval lies above zero"
    return "the interval lies below zero" if high < 0 else "the interval includes zero"
