"""Files and folders appear whole or not at all, and only over what their writer wrote itself."""

import errno
import json
import os
import time
from pathlib import Path

import pytest

from ufama import storage
from ufama.errors import UserError
from ufama.outputs import FileOutput, FolderOutput
from ufama.storage import PathError, expanded, workspace, write_atomically

TABLE = FileOutput("ufama table t", earlier=frozenset({"table", "caption"}))
SET = FolderOutput("ufama set", note="SET.json", earlier=frozenset({"made"}), earlier_files=("*.bin",))


def fill(*names):
    def write(folder):
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"content of {name}")
        return {"made": list(names)}

    return write


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


@pytest.mark.parametrize("there", [b"mine", None])
def test_a_write_that_fails_leaves_nothing_new(tmp_path, there):
    path = tmp_path / "new" / "t.bin" if there is None else tmp_path / "t.bin"
    if there:
        path.write_bytes(there)

    def half(temporary):
        temporary.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(PathError, match=r"t\.bin cannot be written: No space left on device"):
        write_atomically(path, half)
    assert names(tmp_path) == (["t.bin"] if there else [])
    assert list(tmp_path.iterdir()) == ([path] if there else [])


def test_the_error_is_one_that_a_user_can_mend_and_an_os_error():
    assert issubclass(PathError, UserError) and issubclass(PathError, OSError)


def test_the_longest_name_that_a_disk_holds_is_written(tmp_path):
    assert write_atomically(tmp_path / ("n" * 251 + ".bin"), b"x").read_bytes() == b"x"


def test_what_a_killed_process_left_goes_after_a_day_and_nothing_else_does(tmp_path):
    old = time.time() - 25 * 3600
    left, recent = (tmp_path / f"{storage.UNFINISHED}{name}" for name in ("0123456789ab", "ba9876543210"))
    neighbours = [tmp_path / ".backup-set", tmp_path / ".0123abcd-set"]
    for folder in (left, recent, *neighbours):
        folder.mkdir()
        (folder / "f").write_text("x")
    for folder in (left, *neighbours):
        os.utime(folder, (old, old))
    SET.write(tmp_path / "set", fill("a.bin"))
    assert not left.exists()
    assert all(folder.exists() for folder in (recent, *neighbours))


def test_a_note_names_its_writer_and_the_files(tmp_path):
    path = TABLE.write(tmp_path / "t.csv", "a\n1\n", {"caption": "Größe"})
    note = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert note["caption"] == "Größe" and note["written_by"] == "ufama table t"
    assert list(note["files"]) == ["t.csv"]
    TABLE.write(path, "a\n2\n", {"caption": "again"})
    assert path.read_text() == "a\n2\n"


def test_files_of_one_name_share_their_note(tmp_path):
    TABLE.write(tmp_path / "t.npz", b"1", {"caption": "c"})
    TABLE.write(tmp_path / "t.parquet", b"2", {"caption": "c"})
    TABLE.write(tmp_path / "t.npz", b"3", {"caption": "c"})
    TABLE.write(tmp_path / "t.parquet", b"4", {"caption": "c"})
    assert names(tmp_path) == ["t.json", "t.npz", "t.parquet"]


def test_another_command_s_file_is_not_written_over(tmp_path):
    TABLE.write(tmp_path / "t.csv", "a\n", {"caption": "c"})
    for other, path in ((FileOutput("ufama table u"), "t.csv"), (FileOutput("ufama audit", is_note=True), "t.json")):
        with pytest.raises(PathError, match="was not written by this command"):
            other.check(tmp_path / path)


def test_a_write_protected_file_stays_also_for_root(tmp_path):
    path = TABLE.write(tmp_path / "t.csv", "a\n", {"caption": "c"})
    path.chmod(0o444)
    with pytest.raises(PathError, match="write-protected"):
        TABLE.write(path, "b\n", {"caption": "c"})


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="no devices here")
def test_a_device_is_no_file():
    with pytest.raises(PathError, match="no ordinary file"):
        FileOutput("x", is_note=True).check("/dev/null")


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "t.csv").symlink_to(tmp_path / "far" / "u.csv")
    for content in ("a\n", "b\n"):
        TABLE.write(tmp_path / "t.csv", content, {"caption": "c"})
    assert (tmp_path / "t.csv").is_symlink()
    assert names(tmp_path / "far") == ["u.csv", "u.json"]
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(PathError, match="leads to itself"):
        TABLE.check(tmp_path / "loop")


def test_files_of_earlier_versions_are_known_by_the_keys_of_their_note(tmp_path):
    (tmp_path / "t.csv").write_text("old")
    (tmp_path / "t.json").write_text('{"table": "t", "caption": "c"}')
    TABLE.write(tmp_path / "t.csv", "new", {"caption": "c"})
    SET.write(tmp_path / "set", fill("a.bin", "sub/b.bin"))
    (tmp_path / "set" / "SET.json").write_text('{"made": []}')
    SET.write(tmp_path / "set", fill("c.bin"))
    assert names(tmp_path / "set") == ["SET.json", "c.bin"]
    (tmp_path / "set" / "SET.json").write_text('{"made": []}')
    (tmp_path / "set" / "mine.txt").write_text("x")
    with pytest.raises(PathError, match=r"holds mine\.txt"):
        SET.check(tmp_path / "set")


@pytest.mark.parametrize("change", ["a file more", "a file changed", "a link for a file", "the note changed"])
def test_a_folder_that_somebody_changed_stays(tmp_path, change):
    folder = SET.write(tmp_path / "set", fill("a.bin", "sub/b.bin"))
    if change == "a file more":
        (folder / "sub" / "c.bin").write_text("mine")
    elif change == "a file changed":
        (folder / "a.bin").write_text("mine")
    elif change == "a link for a file":
        (folder / "a.bin").rename(tmp_path / "a.bin")
        (folder / "a.bin").symlink_to(tmp_path / "a.bin")
    else:
        note = json.loads((folder / "SET.json").read_text())
        (folder / "SET.json").write_text(json.dumps(note | {"my": "note"}))
    before = {name: (folder / name).read_bytes() for name in names(folder)}
    with pytest.raises(PathError, match="was not written by this command or has been changed since"):
        SET.write(folder, fill("a.bin"))
    assert {name: (folder / name).read_bytes() for name in names(folder)} == before


@pytest.mark.parametrize("stops", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
def test_the_earlier_folder_comes_back_where_the_new_one_cannot_be_moved(tmp_path, monkeypatch, stops):
    folder = SET.write(tmp_path / "set", fill("a.bin"))
    real, moves = os.rename, []

    def rename(source, target):
        moves.append(target)
        if len(moves) == 3:  # refused by the old folder, the old folder out, the new one in
            raise stops
        real(source, target)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises((PathError, KeyboardInterrupt)):
        SET.write(folder, fill("new.bin"))
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    assert names(folder) == ["SET.json", "a.bin"]


def test_files_are_added_beside_others_and_over_own_ones_alone(tmp_path):
    folder = SET.check_addition(tmp_path / "set")
    SET.add(folder, fill("a.bin"), {"made": []})
    (folder / "mine.txt").write_text("mine")
    assert SET.add(SET.check_addition(folder), fill("a.bin", "b.bin"), {"made": []}) == [
        folder / "a.bin",
        folder / "b.bin",
    ]
    assert names(folder) == ["SET.json", "a.bin", "b.bin", "mine.txt"]
    with pytest.raises(PathError, match=r"mine\.txt was not written"):
        SET.add(folder, fill("mine.txt"), {"made": []})
    assert (folder / "mine.txt").read_text() == "mine"


def test_the_home_folder_s_sign_is_replaced_wherever_a_path_comes_in(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("UFAMA_WORKSPACE", "~/ws")
    assert workspace() == tmp_path / "ws"
    assert expanded("~/x") == tmp_path / "x"
    assert expanded("x~/~y") == Path("x~/~y")
    assert TABLE.write("~/t.csv", "a", {"caption": "c"}) == tmp_path / "t.csv"
    for path in ("$HOME/ws", "${HOME}/ws", "%USERPROFILE%/ws", "~nobody-of-this-name/ws"):
        with pytest.raises(PathError, match=r"was not replaced|no home folder"):
            expanded(path)


def test_the_recordings_and_the_environment_may_be_named_by_it(seed_folder, tmp_path, monkeypatch):
    from ufama.data.releases.doctor import examine
    from ufama.datasets import open_dataset

    monkeypatch.setenv("HOME", str(seed_folder.parent))
    named = f"~/{seed_folder.name}"
    monkeypatch.setenv("UFAMA_SEED", named)
    read = open_dataset("seed", subjects=[1], workspace=tmp_path)
    assert read.card == open_dataset("seed", data_root=named, subjects=[1], workspace=tmp_path).card
    assert examine(named).sets


def test_recordings_are_read_where_they_cannot_be_kept(seed_folder, tmp_path, monkeypatch):
    import numpy as np

    from ufama.datasets import open_dataset

    def full(path, **arrays):
        path.write_bytes(b"part of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    kept = open_dataset("seed", data_root=seed_folder, subjects=[1], workspace=tmp_path / "kept")
    monkeypatch.setattr(np, "savez", full)
    with pytest.warns(UserWarning, match=r"will be read again next time.*No space left"):
        read = open_dataset("seed", data_root=seed_folder, subjects=[1], workspace=tmp_path / "full")
    assert read.card == kept.card and (read.eeg == kept.eeg).all()
    assert names(tmp_path / "full") == []
