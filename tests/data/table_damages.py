"""Two-modality tables, damaged in every way that a table of one's own is, and what reading them comes to."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from tests.builders import made_windows
from ufama.data.layout import DataError
from ufama.data.two_modality import read_two_modality, two_modality_windows
from ufama.data.windows import Windows

PLACES = ("subject", "session", "trial", "window")
COLUMNS = ("label", *PLACES, "clip")


@dataclass
class Table:
    """A table to be written and read: its members, then changes of its frame or of its file's bytes."""

    members: dict
    form: str  # "npz", "parquet" or "arrays"
    of_frame: list[Callable[[pd.DataFrame], pd.DataFrame]] = field(default_factory=list)
    of_bytes: Callable[[bytes], bytes] | None = None
    save: Callable = np.savez
    harmless: bool = False  # must be read
    expected: dict = field(default_factory=dict)  # members in which the right reading differs from the undamaged one

    def read(self, folder: Path) -> Windows:
        if self.form == "arrays":
            return two_modality_windows(**self.members, where="arrays")
        path = folder / f"table.{self.form}"
        path.write_bytes(self._content())
        try:
            return read_two_modality(path)
        finally:
            path.unlink()

    def _content(self) -> bytes:
        file = io.BytesIO()
        if self.form == "npz":
            self.save(file, **self.members)
        else:
            self._frame().to_parquet(file)
        content = file.getvalue()
        return self.of_bytes(content) if self.of_bytes else content

    def _frame(self) -> pd.DataFrame:
        members = self.members
        columns = {name: members[name] for name in COLUMNS if name in members}
        for i, token in enumerate(members["a_tokens"]):
            for j, feature in enumerate(members["a_names"]):
                columns[f"a/{token}/{feature}"] = members["modality_a"][:, i, j]
        for j, name in enumerate(members["b_names"]):
            columns[f"b/{name}"] = members["modality_b"][:, j]
        frame = pd.DataFrame(columns)
        facts = ("class_names", "name", "window_seconds", "simulated")
        frame.attrs = {name: members[name] for name in facts if name in members}
        for change in self.of_frame:
            frame = change(frame)
        return frame


def healthy(seed: int, form: str, *, named: bool) -> Table:
    """The members of a valid table of double precision; ``named`` with names of classes."""
    windows = made_windows(seed=seed)
    card = windows.card
    members = {
        "modality_a": windows.eeg.astype(np.float64),
        "modality_b": windows.eye.astype(np.float64),
        **{name: getattr(windows, name) for name in COLUMNS},
        "a_tokens": list(card.eeg_tokens),
        "a_names": list(card.eeg_features),
        "b_names": list(card.eye_features),
        "name": "made",
        "window_seconds": 4.0,
        "simulated": True,
    }
    if named:
        members["class_names"] = list(card.class_names)
    return Table(members, form)


Damage = Callable[[Table, np.random.Generator], None]
DAMAGES: dict[str, tuple[Damage, tuple[str, ...]]] = {}
"""Each with the forms of a table that it can happen to."""

FORMS = ("npz", "parquet", "arrays")

NOTES: dict[str, str] = {}
"""What the note says of a damage where the table is read."""


def damage(*forms: str, note: str = ""):
    def register(function: Damage) -> Damage:
        DAMAGES[function.__name__], NOTES[function.__name__] = (function, forms or FORMS), note
        return function

    return register


def some_rows(draw, count: int, least: int = 1) -> np.ndarray:
    return draw.choice(count, draw.integers(least, max(least + 1, count // 4)), replace=False)


def column(table: Table, draw) -> str:
    return str(draw.choice([name for name in COLUMNS if name in table.members]))


def modality(draw) -> str:
    return str(draw.choice(["modality_a", "modality_b"]))


def rows_of(table: Table, **place: int) -> np.ndarray:
    return np.all([table.members[name] == value for name, value in place.items()], axis=0)


def at_rows(table: Table, rows) -> None:
    for name in ("modality_a", "modality_b", *COLUMNS):
        if name in table.members:
            table.members[name] = np.asarray(table.members[name])[rows]


def with_rows(table: Table, rows, **changes) -> None:
    """Rows once more, with other coordinates."""
    for name in ("modality_a", "modality_b", *COLUMNS):
        if name in table.members:
            more = changes.get(name, table.members[name][rows])
            table.members[name] = np.concatenate(
                [table.members[name], np.broadcast_to(more, np.shape(table.members[name][rows]))]
            )


# labels ------------------------------------------------------------------------------------------------


@damage(note="Labels do not run from 0")
def labels_from_another_number(table, draw):
    table.members["label"] = table.members["label"] + draw.integers(1, 300)


@damage(note="Labels do not run from 0")
def labels_with_gaps(table, draw):
    table.members["label"] = table.members["label"] * draw.integers(2, 9)


@damage()
def negative_labels(table, draw):
    table.members["label"] = table.members["label"] - 1


@damage()
def labels_as_text(table, draw):
    table.members["label"] = np.array(["rest", "easy", "hard"])[table.members["label"]]


@damage()
def labels_with_fractions(table, draw):
    label = table.members["label"].astype(float)
    label[some_rows(draw, len(label))] += 0.5
    table.members["label"] = label


@damage()
def labels_moved_by_rows(table, draw):
    table.members["label"] = np.roll(table.members["label"], draw.integers(1, 5))


@damage(note="No window has the class")
def labels_of_one_class(table, draw):
    table.members["label"] = np.full_like(table.members["label"], draw.integers(0, 3))


@damage(note="Not every class occurs")
def labels_by_subject(table, draw):
    table.members["label"] = table.members["subject"] % 2


@damage()
def labels_one_hot(table, draw):
    table.members["label"] = np.eye(3)[table.members["label"]]
    table.of_frame.clear()
    table.form = "npz" if table.form == "parquet" else table.form


@damage(note="No window has the class never")
def a_class_name_too_many(table, draw):
    table.members["class_names"] = ["rest", "easy", "hard", "never"]


@damage()
def a_class_name_too_few(table, draw):
    table.members["class_names"] = ["rest", "easy"]


@damage(note="Not every class occurs")
def a_class_lacks_in_a_recording(table, draw):
    lacking = rows_of(table, subject=draw.integers(1, 5), session=draw.integers(1, 3)) & rows_of(
        table, label=draw.integers(0, 3)
    )
    at_rows(table, ~lacking)


# coordinates -------------------------------------------------------------------------------------------


@damage()
def a_missing_number(table, draw):
    name = column(table, draw)
    values = table.members[name].astype(float)
    values[some_rows(draw, len(values))] = np.nan
    table.members[name] = values


@damage()
def a_negative_number(table, draw):
    values = table.members[column(table, draw)]
    values[some_rows(draw, len(values))] = -1


@damage()
def numbers_as_text(table, draw):
    name = column(table, draw)
    table.members[name] = table.members[name].astype("U8")


@damage()
def numbers_beyond_53_bits(table, draw):
    name = str(draw.choice(["subject", "session", "trial", "clip"]))
    table.members[name] = table.members[name] + 2**53


@damage()
def numbers_beyond_32_bits(table, draw):
    name = str(draw.choice(["subject", "session", "trial", "clip"]))
    table.members[name] = table.members[name] + draw.integers(2**31, 2**52)
    table.harmless, table.expected = True, {name: table.members[name]}


@damage()
def numbers_rounded_to_single_precision(table, draw):
    name = str(draw.choice(["subject", "session", "trial"]))
    table.members[name] = (table.members[name] + draw.integers(2**25, 2**40)).astype(np.float32)


@damage()
def numbers_as_floats(table, draw):
    name = column(table, draw)
    table.members[name] = table.members[name].astype(draw.choice(["f8", "f4", ">f8", "u2", "i1"]))
    table.harmless = True


@damage()
def a_trial_number_for_every_class(table, draw):
    table.members["trial"] = np.ones_like(table.members["trial"])
    if draw.random() < 0.5:
        del table.members["window"]


@damage()
def places_that_occur_twice(table, draw):
    with_rows(table, some_rows(draw, len(table.members["label"])))


@damage(note="repeat another in every feature")
def rows_that_occur_twice(table, draw):
    del table.members["window"]
    with_rows(table, some_rows(draw, len(table.members["label"])))


@damage(note="Window numbers start at")
def windows_numbered_by_hand(table, draw):
    table.members["window"] = table.members["window"] + draw.integers(1, 4)


@damage(note="repeat another in every feature")
def a_trial_under_two_numbers(table, draw):
    rows = rows_of(table, subject=draw.integers(1, 5), session=1, trial=draw.integers(1, 6))
    with_rows(table, rows, trial=99)


@damage()
def a_subject_under_two_numbers(table, draw):
    with_rows(table, rows_of(table, subject=draw.integers(1, 5)), subject=77)


@damage()
def a_session_under_two_numbers(table, draw):
    with_rows(table, rows_of(table, subject=draw.integers(1, 5), session=1), session=5)


@damage(note="may be a copy of the other")
def one_modality_of_another_subject(table, draw):
    one, other = rows_of(table, subject=1, session=1), rows_of(table, subject=3, session=1)
    values = table.members[modality(draw)]
    values[one] = values[other]


@damage()
def rows_in_another_order(table, draw):
    count = len(table.members["label"])
    at_rows(table, draw.permutation(count) if draw.random() < 0.5 else np.arange(count)[::-1])
    table.harmless = True


@damage(note="There is one subject")
def one_subject(table, draw):
    at_rows(table, rows_of(table, subject=draw.integers(1, 5)))


@damage(note="Two subjects do not suffice")
def two_subjects(table, draw):
    at_rows(table, table.members["subject"] < 3)


@damage(note="session2-subject2 of protocol cross_subject has no source")
def a_session_of_one_subject(table, draw):
    at_rows(table, (table.members["session"] == 1) | (table.members["subject"] == 2))


@damage(note="Too few windows: subject")
def a_subject_of_few_windows(table, draw):
    few = rows_of(table, subject=draw.integers(1, 5))
    few[np.flatnonzero(few)[: draw.integers(1, 7)]] = False
    at_rows(table, ~few)


@damage(note="There is one subject in one session")
def one_row(table, draw):
    at_rows(table, [draw.integers(0, 400)])


@damage()
def no_rows(table, draw):
    at_rows(table, [])


# features ----------------------------------------------------------------------------------------------


@damage()
def a_value_that_is_not_finite(table, draw):
    values = table.members[modality(draw)]
    values[some_rows(draw, len(values)), ..., draw.integers(0, values.shape[-1])] = draw.choice(
        [np.nan, np.inf, -np.inf, 1e300]
    )


@damage(note="single precision")
def a_large_offset(table, draw):
    name = modality(draw)
    table.members[name] = table.members[name] * 1e-3 + draw.choice([1e6, -1e9])


@damage(note="single precision")
def values_below_single_precision(table, draw):
    name = modality(draw)
    table.members[name] = table.members[name] * 1e-60


@damage(note="may be in another unit")
def a_subject_in_another_unit(table, draw):
    values = table.members[modality(draw)]
    values[rows_of(table, subject=draw.integers(1, 5))] *= draw.choice([1e3, 1e6, 1e-3, 1e-6])


@damage(note="Features that have one value in each class")
def a_feature_made_from_the_label(table, draw):
    table.members["modality_b"][:, 0] = 3.5 - 2 * table.members["label"]


@damage(note="Features that are the number of the ")
def a_number_among_the_features(table, draw):
    numbers = [name for name in ("subject", "trial") if len(np.unique(table.members[name])) > 1]
    table.members["modality_b"][:, 0] = table.members[str(draw.choice(numbers))]


@damage(note="Features that are equal in every window")
def a_feature_that_is_there_twice(table, draw):
    table.members["modality_b"][:, 0] = table.members["modality_b"][:, 1]


@damage(note="Window numbers advance by 4")
def windows_numbered_by_their_seconds(table, draw):
    table.members["window"] = 4 * table.members["window"]


@damage(note="Features that never change: ")
def a_feature_that_never_changes(table, draw):
    values = table.members[modality(draw)]
    values[..., draw.integers(0, values.shape[-1])] = draw.normal()


@damage(note="Features that never change in subject")
def a_feature_that_died(table, draw):
    values = table.members[modality(draw)]
    values[rows_of(table, subject=draw.integers(1, 5), session=2), ..., draw.integers(0, values.shape[-1])] = 0


@damage("npz", "arrays")
def complex_values(table, draw):
    name = modality(draw)
    table.members[name] = table.members[name] + 0j


@damage("npz", "arrays")
def values_as_text(table, draw):
    name = modality(draw)
    table.members[name] = table.members[name].astype("U6")


@damage("npz", "arrays")
def objects(table, draw):
    name = str(draw.choice([column(table, draw), modality(draw)]))
    values = table.members[name].astype(object)
    values[0] = None
    table.members[name] = values


@damage("npz", "arrays")
def another_memory(table, draw):
    for name in ("modality_a", "modality_b"):
        table.members[name] = np.asfortranarray(table.members[name]).astype(draw.choice([">f8", "f8", "<f8"]))
    table.harmless = True


# arrays ------------------------------------------------------------------------------------------------


@damage("npz", "arrays")
def axes_exchanged(table, draw):
    name = modality(draw)
    axes = draw.choice([0, 1, 2], 2, replace=False) if name == "modality_a" else (0, 1)
    table.members[name] = np.swapaxes(table.members[name], *axes)


@damage("npz", "arrays")
def an_axis_too_many(table, draw):
    name = str(draw.choice([column(table, draw), modality(draw)]))
    table.members[name] = table.members[name][..., None, None]


@damage("npz", "arrays")
def an_array_that_is_cut(table, draw):
    name = str(draw.choice([column(table, draw), modality(draw)]))
    table.members[name] = table.members[name][: -draw.integers(1, 100)]


@damage("npz", "arrays")
def names_too_few(table, draw):
    name = str(draw.choice(["a_tokens", "a_names", "b_names"]))
    table.members[name] = table.members[name][:-1]


@damage("npz", "arrays")
def a_name_twice(table, draw):
    name = str(draw.choice(["a_tokens", "a_names", "b_names"]))
    table.members[name] = [*table.members[name][:-1], table.members[name][0]]


@damage()
def a_length_that_is_none(table, draw):
    table.members["window_seconds"] = [-1.0, "long", float("nan")][draw.integers(0, 3)]


@damage("npz", "arrays")
def a_member_missing(table, draw):
    del table.members[str(draw.choice(["modality_a", "modality_b", "label", "subject", "session", "trial"]))]


@damage("npz", "arrays", note="no part of a table: lable")
def a_member_too_many(table, draw):
    table.members["lable"] = table.members["label"]


@damage("arrays")
def masked_values(table, draw):
    name = str(draw.choice([column(table, draw), modality(draw)]))
    values = np.ma.array(table.members[name], mask=False, copy=True)
    values.data[0] = -9999
    values[0] = np.ma.masked
    table.members[name] = values if draw.random() < 0.5 else list(values) if values.ndim > 1 else values


@damage("arrays")
def ragged_lists(table, draw):
    name = str(draw.choice([column(table, draw), modality(draw)]))
    values = table.members[name].tolist()
    values[3] = [values[3], values[3]]
    table.members[name] = values


@damage("arrays")
def tensors_with_gradients(table, draw):
    name = modality(draw)
    table.members[name] = torch.tensor(table.members[name], requires_grad=True)


@damage("arrays")
def tensors(table, draw):
    for name in (modality(draw), column(table, draw)):
        table.members[name] = torch.as_tensor(table.members[name])
    table.harmless = True


@damage("arrays")
def pandas_with_missing_values(table, draw):
    name = column(table, draw)
    values = pd.array(table.members[name], dtype="Int64")
    values[some_rows(draw, len(values))] = pd.NA
    table.members[name] = values if draw.random() < 0.5 else pd.Series(values)


# files -------------------------------------------------------------------------------------------------


@damage("npz", "parquet")
def a_file_that_is_cut(table, draw):
    share = draw.random()
    table.of_bytes = lambda content: content[: int(share * len(content))]


@damage("npz", "parquet")
def a_file_of_another_ending(table, draw):
    other = healthy(0, "parquet" if table.form == "npz" else "npz", named=True)._content()
    table.of_bytes = lambda content: other


@damage("npz")
def compressed(table, draw):
    table.save, table.harmless = np.savez_compressed, True


@damage("parquet")
def columns_in_another_order(table, draw):
    table.of_frame.append(lambda frame: frame[draw.permutation(frame.columns)])
    table.harmless = True


@damage("parquet")
def places_as_the_index(table, draw):
    table.harmless = True
    names = ["subject", "session", "trial"]
    table.of_frame.append(lambda frame: frame.set_index(names[: int(draw.integers(1, 4))]))


@damage("npz", "arrays")
def names_as_objects(table, draw):
    table.harmless = table.form == "arrays"
    table.members["a_tokens"] = np.array(table.members["a_tokens"], object)


@damage("parquet")
def types_that_may_be_missing(table, draw):
    table.of_frame.append(lambda frame: frame.convert_dtypes())
    table.harmless = True


@damage("parquet")
def missing_values(table, draw):
    name = str(draw.choice(["label", "subject", "trial", "a/E0/low", "b/eye_1"]))

    def hide(frame):
        frame = frame.convert_dtypes()
        frame.loc[frame.index[some_rows(draw, len(frame))], name] = pd.NA
        return frame

    table.of_frame.append(hide)


@damage("parquet")
def a_column_missing(table, draw):
    name = str(draw.choice(["label", "subject", "session", "trial", "a/E3/middle"]))
    table.of_frame.append(lambda frame: frame.drop(columns=name))


@damage("parquet")
def a_column_too_many(table, draw):
    name = str(draw.choice(["heart", "a/E0/low/left", "c/rate", "Label", "b"]))
    table.of_frame.append(lambda frame: frame.assign(**{name: 1.0}))


@damage("parquet")
def a_column_of_texts(table, draw):
    name = str(draw.choice(["b/eye_0", "a/E0/low", "session"]))
    table.of_frame.append(lambda frame: frame.assign(**{name: "1.5"}))


@damage("parquet")
def a_column_of_dates(table, draw):
    table.of_frame.append(lambda frame: frame.assign(session=pd.Timestamp("2024-11-28")))


@damage("parquet", note="no part of a table: ")
def attributes_that_mean_nothing(table, draw):
    def attributed(frame):
        frame.attrs["a_tokens" if draw.random() < 0.5 else "clas_names"] = ["x", "y"]
        return frame

    table.of_frame.append(attributed)


@damage("parquet")
def categories(table, draw):
    table.of_frame.append(lambda frame: frame.astype({"subject": "category", "label": "category"}))
    table.harmless = True


# what reading comes to ---------------------------------------------------------------------------------


def same(read: Windows, right: Windows) -> bool:
    """Whether every window is there under its subject, session, trial and place, with its label and named features."""
    if len(read) != len(right) or set(read.card.eye_features) != set(right.card.eye_features):
        return False
    order, expected = (np.lexsort([getattr(table, name) for name in PLACES]) for table in (read, right))
    token, feature, eye = (
        [getattr(read.card, kind).index(name) for name in getattr(right.card, kind)]
        for kind in ("eeg_tokens", "eeg_features", "eye_features")
    )
    return (
        all(np.array_equal(getattr(read, name)[order], getattr(right, name)[expected]) for name in COLUMNS)
        and read.card.class_names == right.card.class_names
        and np.array_equal(read.eeg[:, token][:, :, feature][order], right.eeg[expected])
        and np.array_equal(read.eye[:, eye][order], right.eye[expected])
    )


def outcome(name: str, number: int, folder: Path) -> str:
    """ "error", "equal", "noted", or what is wrong."""
    function, forms = DAMAGES[name]
    draw = np.random.default_rng([number, *name.encode()])
    form, named = str(draw.choice(forms)), bool(draw.random() < 0.5)
    table = healthy(number % 5, form, named=named)
    undamaged = two_modality_windows(**table.members)
    function(table, draw)
    right = two_modality_windows(**healthy(number % 5, form, named=named).members | table.expected)
    try:
        read = table.read(folder)
    except DataError as error:
        text = str(error)
        clear = not table.harmless and ("table." in text or text.startswith("arrays")) and "{:" not in text
        return "error" if clear else f"unclear or unnecessary: {text}"
    new = " ".join(set(read.card.notes) - set(undamaged.card.notes))
    if NOTES[name] and NOTES[name] in new:
        return "noted"
    if same(read, right):
        return "silent" if NOTES[name] else "equal"
    return f"not named: {new}" if new else "silent"
