"""Every advice of the doctor is followed to the letter on the damaged folder, which can then be read as before."""

import io
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import ufama
from tests.data.damages import DAMAGES, IV_EEG, IV_EYE, MAT, SUBJECTS, WARNINGS, change_mat, on, put, replace_file
from ufama.data.layout import DataError, layout
from ufama.data.releases import tree
from ufama.data.releases.doctor import examine
from ufama.data.releases.findings import CODES
from ufama.data.releases.recordings import MARKER, read_recordings
from ufama.simulation.files import write_simulated

DATASET = {"seed": "seed", "seed_iv": "seed_iv", "seed_mat": "seed"}
FOLDERS = {"seed": "seed_folder", "seed_iv": "seed_iv_folder", "seed_mat": "seed_layouts_folder"}


class Followed:
    """A damaged folder, the release that files are copied from, and how the folder is read once the advice is followed.

    There is a method for each action that an advice names.
    """

    def __init__(self, root: Path, release: Path, dataset: str):
        self.root, self.release, self.dataset = root, release, dataset
        self.named, self.choice = root, {}

    def copy_again(self, finding):
        self._copy(finding.where)

    def _copy(self, where):
        source, target = self.release / where, self.root / where
        if not source.exists():  # of a subject who is not here; or left out with subjects=
            return
        self._remove(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)

    def _remove(self, path):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def copy_or_rename(self, finding):
        renaming = re.search(r"rename (\w+)_\* to (\d+)_\*", finding.found)
        if not renaming:
            return self._copy(finding.where)
        for path in list((self.root / finding.where).parent.glob(f"{renaming[1]}_*")):
            path.rename(path.with_name(path.name.replace(renaming[1], renaming[2])))

    def give_the_expected_name(self, finding):
        path = self.root / finding.where
        if not path.exists():
            return
        expected = re.fullmatch(r"(\d/)?\d+_\d{8}\.\w+", finding.expected)
        if path.is_symlink() or not expected or not any(self.release.rglob(Path(finding.expected).name)):
            self._remove(path)
            return self._copy(finding.where)
        session, _, name = finding.expected.rpartition("/")
        folder = path.parent.parent / session if session else path.parent
        path.rename(folder / name)

    def give_both_the_names_of_the_release(self, finding):
        path = self.root / finding.where
        path.rename(path.with_name(f"{layout(self.dataset).dated_stem(finding.subject, finding.session)}.mat"))

    def move_to_the_expected_place(self, finding):
        target = self.root / finding.expected
        target.parent.mkdir(exist_ok=True)
        (self.root / finding.where).rename(target)

    def move_out(self, finding):
        self._remove(self.root / finding.where)

    def move_out_and_copy(self, finding):
        self.move_out(finding)
        self._copy(finding.where)

    def unpack_here(self, finding):
        archive = self.root / finding.where
        shutil.unpack_archive(archive, archive.parent)

    def put_the_folder_beside_the_other(self, finding):
        (source,) = self.release.rglob(finding.expected)
        if not (self.root / finding.expected).exists():  # another advice has done it
            shutil.copytree(source, self.root / finding.expected)

    def point_to_one(self, finding):
        self.named = self.root / re.search(r": ([^,]+),", finding.found)[1]

    def name_the_folders_as_released(self, finding):
        for path in list(self.root.iterdir()):
            path.rename(path.with_name(path.name.removeprefix("my_")))

    def interpolate(self, finding):
        self.choice = {"nan": "interpolate"}


ACTIONS = {
    "missing-file": Followed.copy_or_rename,
    "missing-folder": Followed.put_the_folder_beside_the_other,
    "not-extracted": Followed.unpack_here,
    "several-folders": Followed.point_to_one,
    "nothing-recognised": Followed.name_the_folders_as_released,
    "duplicate-file": Followed.move_out,
    "unexpected-file": Followed.move_out,
    "misplaced-file": Followed.move_to_the_expected_place,
    "wrong-subject": Followed.give_the_expected_name,
    "wrong-session": Followed.give_the_expected_name,
    "unknown-session": Followed.give_the_expected_name,
    "unexpected-date": Followed.give_the_expected_name,
    "different-dates": Followed.give_both_the_names_of_the_release,
    "mixed-features": Followed.move_out_and_copy,
    "not-finite": Followed.interpolate,
}
"""By code; a file of any other is compared with the release's and copied again."""

ELSEWHERE = {
    *("not-a-folder", "unreadable", "unreadable-beside", "large-tree", "missing-person", "partial-layout"),
    *("changed-simulated-file", "damaged-marker", "signal-length", "unusable-table", "table-warning"),
}
"""Codes whose advice other tests follow, or that are about signals and tables."""


@pytest.mark.parametrize("damage", [*DAMAGES, *WARNINGS])
def test_a_folder_is_readable_after_its_advice_was_followed(damage, as_real, request, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    copy, do, codes, *_ = (DAMAGES | WARNINGS)[damage]
    root, dataset = as_real(copy), DATASET[copy]
    release = request.getfixturevalue(FOLDERS[copy])
    choice = {"eeg": "ExtractedFeatures_4s"} if copy == "seed_mat" else {}
    before = read_recordings(dataset, release, subjects=SUBJECTS[copy], **choice)
    do(root)
    followed = Followed(root, release, dataset)
    for _ in range(3):  # an exchanged file can hide that another is missing
        examination = examine(followed.named, dataset)
        named = [finding for finding in examination.findings if finding.code in codes or finding.severity == "error"]
        for finding in named:
            ACTIONS.get(finding.code, Followed.copy_again)(followed, finding)
    after = read_recordings(dataset, followed.named, subjects=SUBJECTS[copy], **choice, **followed.choice)
    assert after.eeg.shape == before.eeg.shape
    if not followed.choice:
        np.testing.assert_array_equal(after.eeg, before.eeg)
        np.testing.assert_array_equal(after.eye, before.eye)
        np.testing.assert_array_equal(after.subject, before.subject)


def test_every_advice_is_followed_somewhere():
    followed = {code for damage in (DAMAGES | WARNINGS).values() for code in damage.codes}
    asking = {code for code, (severity, *_) in CODES.items() if severity != "note"}
    assert asking - followed - ELSEWHERE == set()


@pytest.mark.parametrize("damage", [*DAMAGES, *WARNINGS])
def test_the_line_that_the_doctor_gives_works(damage, as_real, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UFAMA_WORKSPACE", str(tmp_path / "workspace"))
    copy, do, *_ = (DAMAGES | WARNINGS)[damage]
    root = as_real(copy)
    do(root)
    lines = [line for examined in examine(root, DATASET[copy]).sets for line in examined.use]
    for line in lines:
        assert len(eval(line, {"ufama": ufama})) > 0


def test_windows_of_1_s_alone_are_read_by_the_line_that_is_given(seed_layouts_folder, monkeypatch, tmp_path):
    monkeypatch.setenv("UFAMA_WORKSPACE", str(tmp_path / "workspace"))
    root = tmp_path / "set"
    for name in ("eeg_used_1s", "eye_tracking_feature"):
        (source,) = seed_layouts_folder.rglob(name)
        shutil.copytree(source, root / name, copy_function=os.link)
    (finding,) = [finding for finding in examine(root).findings if finding.severity == "error"]
    assert finding.code == "missing-folder" and 'eye="repeated"' in finding.remedy
    (line,) = examine(root).sets[0].use
    assert eval(line, {"ufama": ufama}).card.window_seconds == 1.0
    shutil.rmtree(root / "eye_tracking_feature")
    with pytest.raises(DataError, match="no folder named"):
        read_recordings("seed", root, subjects=[10])
    assert read_recordings("seed", root, subjects=[10], eye="none").card.window_seconds == 1.0


# the folder as a whole ---------------------------------------------------------------------------------


@pytest.fixture
def as_another_account(monkeypatch):
    """The rights of files and folders count, as they do for an account that is not root's."""
    listing, opening = os.scandir, io.open

    def scandir(path="."):
        if not os.stat(path).st_mode & 0o400:
            raise PermissionError(13, "Permission denied", str(path))
        return listing(path)

    def opened(file, *arguments, **more):
        if isinstance(file, (str, Path)) and os.path.exists(file) and not os.stat(file).st_mode & 0o400:
            raise PermissionError(13, "Permission denied", str(file))
        return opening(file, *arguments, **more)

    monkeypatch.setattr("os.scandir", scandir)
    monkeypatch.setattr("pathlib.io.open", opened)


@pytest.mark.parametrize(
    ("copy", "place", "readable"),
    [
        ("seed_iv", ".", False),
        ("seed_iv", "eye_feature_smooth", False),
        ("seed_iv", "eeg_feature_smooth/2", False),
        ("seed_iv", IV_EYE, False),
        ("seed_iv", IV_EEG, False),
        ("seed_mat", f"{MAT}/label.mat", False),
        ("seed", "SEED_Multimodal/Chinese/02-EEG-DE-feature", False),
        ("seed_mat", "SEED_Multimodal/Chinese/02-EEG-DE-feature/eeg_used_1s", True),
    ],
)
def test_what_may_not_be_read_is_unreadable_and_the_advice_opens_it(
    copy, place, readable, as_real, as_another_account, tmp_path
):
    root = as_real(copy)
    if (root / place).is_file():
        replace_file(root / place, (root / place).read_bytes())  # the rights are not those of the link's other end
    os.chmod(root / place, 0)
    examination = examine(root, DATASET[copy])
    errors = {finding.code: finding for finding in examination.findings if finding.severity == "error"}
    assert set(errors) <= {"unreadable", "missing-folder"} and examination.exit_code == 2
    assert errors["unreadable"].where == place
    options = {"subjects": SUBJECTS[copy], "cache": tmp_path / "cache"}
    if readable:
        read_recordings(DATASET[copy], root, **options)
    else:
        with pytest.raises(DataError, match=r"no permission|may not be listed"):
            read_recordings(DATASET[copy], root, **options)
    subprocess.run(["chmod", "-R", "u+rX", root / errors["unreadable"].where], check=True)
    read_recordings(DATASET[copy], root, **options)


def test_a_folder_of_another_name_that_may_not_be_listed_is_a_warning(as_real, as_another_account):
    root = as_real("seed_iv")
    (root / "private").mkdir(mode=0)
    examination = examine(root)
    assert examination.exit_code == 1
    assert "unreadable-beside" in {finding.code for finding in examination.findings}
    assert examination.sets[0].ready_subjects == SUBJECTS["seed_iv"]
    read_recordings("seed_iv", root, subjects=[2])


def test_a_large_tree_is_searched_from_the_release_itself(seed_iv_folder, monkeypatch, tmp_path):
    for number in range(30):
        (tmp_path / "data" / f"{number:02d}").mkdir(parents=True)
    (tmp_path / "data" / "more").mkdir()
    (tmp_path / "data" / "more" / "SEED_IV").symlink_to(seed_iv_folder)
    monkeypatch.setattr(tree, "_MOST_FOLDERS", 20)
    assert "nothing-recognised" in {finding.code for finding in examine(tmp_path / "data").findings}
    assert examine(tmp_path / "data/more/SEED_IV").exit_code == 0


@pytest.mark.parametrize("damage", ["file", "marker"])
def test_a_changed_simulated_set_is_deleted_and_simulated_again(damage, tmp_path):
    root = write_simulated("seed_iv", tmp_path / "set", subjects=[2])
    if damage == "file":
        change_mat(root / IV_EYE, on("eye_1", put((0, 0), 50.0)))
    else:
        replace_file(root / MARKER, b"{")
    with pytest.raises(DataError, match="Delete the folder to have it simulated again"):
        read_recordings("seed_iv", root, subjects=[2])
    shutil.rmtree(root)
    write_simulated("seed_iv", root, subjects=[2])
    read_recordings("seed_iv", root, subjects=[2])


def test_an_archive_beside_a_whole_release_needs_nothing(as_real):
    root = as_real("seed_iv")
    shutil.make_archive(str(root.parent / "SEED-IV"), "zip", root)
    shutil.move(root.parent / "SEED-IV.zip", root)
    examination = examine(root)
    assert "archive-left" in {finding.code for finding in examination.findings}
    assert examination.exit_code == 1  # few subjects


def test_an_archive_without_the_missing_folder_is_not_to_be_unpacked(as_real):
    root = as_real("seed_iv")
    shutil.rmtree(root / "eye_feature_smooth")
    shutil.make_archive(str(root / "readme"), "zip", root, "eeg_feature_smooth/1")
    assert {finding.code for finding in examine(root).findings} >= {"missing-folder", "archive-left"}
    read_recordings("seed_iv", root, subjects=[2], eye="none")
