"""Randomised: a valid release with one damage is read as before, or refused, or its card says what is odd. Never is
another subject's or trial's data read under this name without a word."""

import json
import os
import pickle
import shutil
from collections import Counter

import numpy as np
import pytest

from tests.data.damages import (
    MAT,
    SEED_EEG,
    SEED_EYE,
    SUBJECTS,
    change_mat,
    change_npz,
    change_pickle,
    computed,
    cut_short,
    exchange,
    on,
    one_of,
    replace_file,
)
from ufama.data.layout import BANDS, DataError, layout
from ufama.data.releases.description import PROVENANCE
from ufama.data.releases.recordings import MARKER, read_recordings

ARRAYS = ("eeg", "eye", "label", "subject", "session", "trial", "clip", "window")


class Folder:
    """A copy of a release to be damaged, with what a draw chooses in it."""

    def __init__(self, root, name, draw):
        self.root, self.name, self.draw = root, name, draw
        self.facts = layout("seed_iv" if name == "seed_iv" else "seed")
        self.modality = self.one_of(("eeg", "eye"))
        self.subject, self.session = self.one_of(SUBJECTS[name]), int(draw.integers(1, 4))
        self.dated = name == "seed_iv" or (name == "seed_mat" and self.modality == "eeg")
        self.path = self.file(self.subject, self.session)

    def one_of(self, choices):
        return one_of(choices, self.draw)

    def file(self, subject, session, modality=None):
        modality = modality or self.modality
        if self.name == "seed_iv":
            return self.root / f"{modality}_feature_smooth/{session}/{self.facts.dated_stem(subject, session)}.mat"
        if modality == "eye":
            return self.root / SEED_EYE / f"{subject}_{session}"
        if self.name == "seed_mat":
            return self.root / MAT / f"{self.facts.dated_stem(subject, session)}.mat"
        return self.root / SEED_EEG / f"{subject}_{session}.npz"

    @property
    def another(self):
        """Another subject's file of the session where there is one, else another session's."""
        others = [subject for subject in SUBJECTS[self.name] if subject != self.subject]
        return self.file(others[0], self.session) if others else self.other_session

    @property
    def other_session(self):
        return self.file(self.subject, self.session % 3 + 1)

    @property
    def released(self):
        """The folder of the release that the file lies in."""
        return self.path.parent.parent if self.name == "seed_iv" else self.path.parent

    def renamed(self, name):
        self.path.rename(self.path.with_name(name))

    # trials ------------------------------------------------------------------------------------------

    def change_trials(self, change):
        """Put change(trials) in the place of the file's trials: a dictionary of arrays, windows first."""
        counts = self.facts.window_counts[self.session - 1]
        if self.path.suffix == ".mat":
            prefix = "de_LDS" if self.modality == "eeg" else "eye_"

            def changed(content):
                trials = {trial: np.moveaxis(content.pop(f"{prefix}{trial}"), 1, 0) for trial in self.facts.trials}
                content |= {f"{prefix}{n}": np.moveaxis(values, 0, 1) for n, values in change(trials).items()}

            return change_mat(self.path, changed)
        values = self._groups()
        trials = dict(zip(self.facts.trials, np.split(values, np.cumsum(counts)[:-1]), strict=True))
        trials = change(trials)
        train = np.concatenate([trials[n] for n in sorted(trials) if n <= 9])
        test = np.concatenate([trials[n] for n in sorted(trials) if n > 9])
        self._store_groups(train, test)

    def _groups(self):
        if self.modality == "eye":
            content = pickle.loads(self.path.read_bytes())
            return np.concatenate([content["train_data_eye"], content["test_data_eye"]])
        with np.load(self.path) as archive:
            bands = [pickle.loads(archive[f"{group}_data"].item()) for group in ("train", "test")]
        return np.concatenate([np.stack(list(one.values()), -1) for one in bands])

    def _store_groups(self, train, test):
        if self.modality == "eye":
            return replace_file(self.path, pickle.dumps({"train_data_eye": train, "test_data_eye": test}))
        bands = [pickle.dumps(dict(zip(BANDS, np.moveaxis(values, -1, 0), strict=True))) for values in (train, test)]
        change_npz(self.path, lambda members: members.update(train_data=bands[0], test_data=bands[1]))


# damages ---------------------------------------------------------------------------------------------


def in_trials(change):
    return lambda folder: folder.change_trials(lambda trials: change(folder, trials))


def in_one_trial(change):
    def changed(folder, trials):
        trial = folder.one_of(trials)
        return trials | {trial: change(np.array(trials[trial], float))}

    return in_trials(changed)


def trials_exchanged(folder, trials):
    """Of unequal length: those of equal length cannot be told apart, see `UNSEEN`."""
    pairs = [(a, b) for a in trials for b in trials if a < b and len(trials[a]) != len(trials[b])]
    first, second = folder.one_of([(a, b) for a, b in pairs if (a <= 9) == (b <= 9) or folder.path.suffix == ".mat"])
    if folder.path.suffix == "" or folder.path.suffix == ".mat":
        return trials | {first: trials[second], second: trials[first]}
    return trials | {first: trials[second]}  # a group of .npz has no ends of trials


def trials_reordered(folder, trials):
    order = folder.draw.permutation(list(trials)) if folder.path.suffix == ".mat" else np.roll(list(trials), 1)
    return dict(zip(trials, [trials[int(n)] for n in order], strict=True))


def two_of_equal_length(folder, trials):
    return folder.one_of((a, b) for a in trials for b in trials if a != b and len(trials[a]) == len(trials[b]))


def trial_copied(folder, trials):
    first, second = two_of_equal_length(folder, trials)
    return trials | {first: trials[second]}


def missing_trial(folder, trials):
    trial = folder.one_of(trials)
    return {n: values for n, values in trials.items() if n != trial}


def relabelled(folder, trials):
    """The first trial is missing and the others are counted from 1."""
    left = list(trials.values())[1:]
    return dict(enumerate(left, start=1))


def put_somewhere(value):
    def change(folder, trials):
        trial = folder.one_of(trials)
        values = np.array(trials[trial], float)
        values.ravel()[folder.draw.integers(values.size)] = value
        return trials | {trial: values}

    return in_trials(change)


def renumbered(folder):
    """As after a listing sorted as text: a subject's files get another's number, dates kept."""
    other = next(number for number in folder.facts.subjects if number not in SUBJECTS[folder.name])
    for session in (1, 2, 3):
        path = folder.file(folder.subject, session)
        shutil.copy(path, path.with_name(path.name.replace(f"{folder.subject}_", f"{other}_", 1)))
    moved = [number for number in SUBJECTS[folder.name] if number != folder.subject]
    for session in (1, 2, 3):
        path = folder.file(folder.subject, session)
        path.unlink()
        for number in moved[:1]:
            source = folder.file(number, session)
            source.rename(path.with_name(f"{folder.subject}_{source.name.split('_', 1)[1]}"))


def date(new):
    def change(folder):
        stamp = new(folder)
        folder.renamed(f"{folder.subject}_{stamp}{folder.path.suffix}" if folder.dated else f"{folder.subject}_{stamp}")

    return change


def owners_date(folder):
    other = folder.one_of([number for number in folder.facts.subjects if number != folder.subject])
    return folder.facts.dates[other][folder.session - 1]


def nested(folder):
    inner = folder.released / folder.released.name
    aside = folder.root / "aside"
    folder.released.rename(aside)
    inner.parent.mkdir()
    aside.rename(inner)


def link(folder):
    target = folder.another
    folder.path.unlink()
    (folder.path.symlink_to if folder.draw.integers(2) else folder.path.hardlink_to)(target)


def other_values(root):
    for path in root.rglob("*.mat"):
        change_mat(path, lambda content: content.update({n: v + 1 for n, v in content.items() if n != "label"}))


def computed_beside(folder):
    if folder.name == "seed":
        return None
    source = folder.file(folder.subject, 1, "eeg").parent
    source = source.parent if folder.name == "seed_iv" else source
    target = folder.root / "mine" / ("" if folder.name == "seed_iv" else "SEED_EEG") / source.name
    shutil.copytree(source, target)
    other_values(target)
    (folder.root / "mine" / PROVENANCE).write_text(json.dumps({"what": "computed"}))


def copy_below(folder):
    shutil.copytree(folder.released, folder.root / "old" / folder.released.name)


def labels(change):
    def damage(folder):
        path = folder.root / MAT / "label.mat"
        if folder.name == "seed_mat":
            return change_mat(path, on("label", change))
        if folder.name == "seed":
            change_npz(folder.file(folder.subject, folder.session, "eeg"), on("train_label", change))

    return damage


def directory(folder):
    content = folder.path.read_bytes()
    folder.path.unlink()
    folder.path.mkdir()
    (folder.path / folder.path.name).write_bytes(content)


def folders_exchanged(folder):
    for old, new in (("1", "aside"), ("2", "1"), ("aside", "2")):
        (folder.released / old).rename(folder.released / new)


def modalities_exchanged(folder):
    exchange(*(folder.file(folder.subject, folder.session, modality) for modality in ("eeg", "eye")))


def written_by_another_program(change):
    """A .mat whose arrays are of another shape or type."""

    def damage(folder):
        if folder.path.suffix == ".mat":
            prefix = "de_LDS" if folder.modality == "eeg" else "eye_"
            name = f"{prefix}{folder.one_of(folder.facts.trials)}"
            return change_mat(folder.path, on(name, change))
        if folder.modality == "eye":
            change_pickle(folder.path, on("train_data_eye", change))

    return damage


DAMAGES = {
    # files
    "exchanged between sessions": lambda folder: folder.name == "seed_iv"
    and exchange(folder.path, folder.other_session),
    "exchanged between modalities": modalities_exchanged,
    "renumbered as text": lambda folder: folder.dated and renumbered(folder),
    "another subject's date": lambda folder: folder.dated and date(owners_date)(folder),
    "another session's date": lambda folder: folder.dated
    and date(lambda f: f.facts.dates[f.subject][f.session % 3])(folder),
    "no date": lambda folder: folder.dated and date(lambda f: f.one_of(("20131399", "0", "4", "123456789")))(folder),
    "unknown date": lambda folder: folder.dated and date(lambda f: "20170101")(folder),
    "number of another session": date(lambda folder: folder.session % 3 + 1),
    "two dates": lambda folder: folder.dated
    and shutil.copy(folder.path, folder.path.with_name(f"{folder.subject}_20170101.mat")),
    "copied over another": lambda folder: replace_file(folder.path, folder.another.read_bytes()),
    "link to another": link,
    "cut": lambda folder: cut_short(folder.path),
    "empty": lambda folder: replace_file(folder.path, b""),
    "zeros": lambda folder: replace_file(folder.path, bytes(5000)),
    "missing": lambda folder: folder.path.unlink(),
    "a folder in its place": directory,
    "second download": lambda folder: shutil.copy(folder.another, f"{folder.path} (1){folder.path.suffix}"),
    "second download alone": lambda folder: folder.renamed(f"{folder.path.stem} (1){folder.path.suffix}"),
    "upper case": lambda folder: folder.renamed(f"{folder.path.name.upper()}.MAT"),
    "digits of another script": lambda folder: folder.renamed(folder.path.name.replace("_", "_\uff11")),
    "zero before the number": lambda folder: folder.renamed(f"0{folder.path.name}"),
    "hidden copy": lambda folder: shutil.copy(folder.another, folder.path.with_name(f".{folder.path.name}")),
    "copy of a file manager": lambda folder: folder.path.with_name(f"._{folder.path.name}").write_bytes(b"x"),
    # folders
    "nested in its own name": nested,
    "older copy below": copy_below,
    "empty folder of the name above": lambda folder: folder.released.parent == folder.root
    or (folder.root / folder.released.name).mkdir(),
    "own features beside": computed_beside,
    "own features among the release's": lambda folder: folder.path.suffix == ".mat"
    and folder.modality == "eeg"
    and computed(folder.path),
    "archive beside": lambda folder: shutil.make_archive(str(folder.root / "all"), "zip", folder.path.parent),
    "session folders renamed": lambda folder: folder.name == "seed_iv"
    and (folder.released / "2").rename(folder.released / "session2"),
    "session folders exchanged": lambda folder: folder.name == "seed_iv" and folders_exchanged(folder),
    # labels
    "labels permuted": labels(lambda values: np.roll(values, 5, -1)),
    "labels negated": labels(lambda values: -values),
    "labels from 1": labels(lambda values: values + 1),
    # trials
    "trials exchanged": in_trials(trials_exchanged),
    "trials reordered": lambda folder: (folder.modality == "eye" or folder.path.suffix == ".mat")
    and in_trials(trials_reordered)(folder),
    "trial missing": in_trials(missing_trial),
    "trials relabelled": in_trials(relabelled),
    "trial copied over another": in_trials(trial_copied),
    # windows
    "windows cut": in_one_trial(lambda values: values[:-2]),
    "windows doubled": in_one_trial(lambda values: np.repeat(values, 2, 0)),
    "half of the windows": in_one_trial(lambda values: values[::2]),
    "half of the windows, doubled": in_one_trial(lambda values: np.repeat(values[::2], 2, 0)[: len(values)]),
    "windows shifted": lambda folder: folder.modality == "eye" and folder.name != "seed_iv" and _shift(folder),
    # values
    "a million times": in_trials(lambda folder, trials: {n: 1e6 * values for n, values in trials.items()}),
    "a millionth": in_trials(lambda folder, trials: {n: 1e-6 * values for n, values in trials.items()}),
    "a million times in one trial": in_one_trial(lambda values: 1e6 * values),
    "zeros in one trial": in_one_trial(lambda values: 0 * values),
    "standardised": in_trials(
        lambda folder, trials: {n: (x - x.mean(0)) / (x.std(0) + 1e-9) for n, x in trials.items()}
    ),
    "another mark for missing values": lambda folder: folder.modality == "eye" and put_somewhere(-999.0)(folder),
    "NaN": put_somewhere(np.nan),
    "infinite": put_somewhere(np.inf),
    "a mark for missing values": put_somewhere(-9999.0),
    "transposed": written_by_another_program(np.transpose),
    "a row too few": written_by_another_program(lambda values: values[:, 1:] if values.ndim == 2 else values[1:]),
    "complex": written_by_another_program(lambda values: values + 1j),
    "masked": written_by_another_program(lambda values: np.ma.masked_less(values, values.mean())),
}  # fmt: skip


def _shift(folder):
    folder.change_trials(
        lambda trials: dict(
            zip(
                trials,
                np.split(np.roll(np.concatenate(list(trials.values())), 5, 0),
                         np.cumsum([len(values) for values in trials.values()])[:-1]),
                strict=True,
            )
        )
    )  # fmt: skip


def equal_trials_exchanged(folder, trials):
    first, second = two_of_equal_length(folder, trials)
    return trials | {first: trials[second], second: trials[first]}


UNSEEN = {
    "contents of two subjects' files exchanged": lambda folder: exchange(
        folder.path, folder.file(SUBJECTS[folder.name][0], folder.session)
    ),
    "contents of two sessions' files exchanged, same clips": lambda folder: (
        folder.name != "seed_iv" and exchange(folder.path, folder.other_session)
    ),
    "trials of equal length exchanged": in_trials(equal_trials_exchanged),
    "windows rolled within a trial": in_one_trial(lambda values: np.roll(values, 3, 0)),
    "values a little larger": in_one_trial(lambda values: values + 0.5),
}
"""What no name, date, length or value of a release without checksums can show, once a file is exchanged whole."""


# the draws -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def before(request):
    """The undamaged folders, without the marker that would show any change, and what is read of them."""
    folders = {"seed": "seed_folder", "seed_iv": "seed_iv_folder", "seed_mat": "seed_layouts_folder"}
    place = request.getfixturevalue("tmp_path_factory").mktemp("undamaged")
    found = {}
    for name, fixture in folders.items():
        root = place / name
        shutil.copytree(request.getfixturevalue(fixture), root, copy_function=os.link)
        (root / MARKER).unlink()
        if name == "seed_mat":
            for other in ("eeg_used_4s", "eeg_used_1s"):
                shutil.rmtree(next(root.rglob(other)))
        found[name] = (root, read(name, root))
    return found


def read(name, root):
    return read_recordings("seed_iv" if name == "seed_iv" else "seed", root, subjects=SUBJECTS[name])


def outcome(name, damage, number, before, place):
    undamaged, windows = before[name]
    root = place / str(number)
    shutil.copytree(undamaged, root, copy_function=os.link)
    damage(Folder(root, name, np.random.default_rng(number)))
    try:
        after = read(name, root)
    except DataError as error:
        assert str(error).startswith(str(root)) and len(str(error)) < 2000, error
        return "refused"
    finally:
        shutil.rmtree(root)
    if all(np.array_equal(getattr(after, array), getattr(windows, array)) for array in ARRAYS):
        return "as before"
    return "noted" if set(after.card.notes) - set(windows.card.notes) else "silent"


def results(draws, before, place, first=0):
    kinds = list(DAMAGES)
    found = {}
    for number in range(first, first + draws):
        kind, name = kinds[number % len(kinds)], list(SUBJECTS)[number // len(kinds) % len(SUBJECTS)]
        found[kind, name, number] = outcome(name, DAMAGES[kind], number, before, place)
    return found


def test_one_draw_of_each_damage_is_never_silent(before, tmp_path):
    found = results(len(DAMAGES), before, tmp_path, first=len(DAMAGES))
    assert [draw for draw, result in found.items() if result == "silent"] == []
    assert len(DAMAGES) >= 50
    assert set(found.values()) == {"refused", "noted", "as before"}


@pytest.mark.slow
def test_800_draws_are_never_silent(before, tmp_path):
    found = results(800, before, tmp_path)
    assert [draw for draw, result in found.items() if result == "silent"] == []
    assert Counter(found.values())["refused"] > 400


@pytest.mark.parametrize("kind", UNSEEN)
def test_what_cannot_be_seen_is_named_here(kind, before, tmp_path):
    """If one of these is seen one day, it belongs above."""
    name = "seed_iv" if "clips" not in kind else "seed"
    numbers = range(1, 20)
    chosen = next(n for n in numbers if Folder(tmp_path, name, np.random.default_rng(n)).subject == SUBJECTS[name][1])
    assert outcome(name, UNSEEN[kind], chosen, before, tmp_path) == "silent"
