"""What a user names and a command writes: whole or not at all, and never over what is the user's.

The rule, for every command and function that writes what a user named:

- A file is written where there is none, or over one that the same command wrote and nobody has changed since
  (`FileOutput`). A folder is written where there is none or an empty one, or over one that holds the command's own
  unchanged files and nothing else (`FolderOutput`). Anything else is refused in one sentence.
- A command knows its files by its *note*, a JSON file that names who wrote it (``written_by``), the files with their
  SHA-256 (``files``), and holds a digest of itself (``digest``): the JSON beside a table (``study.json`` for
  ``study.csv``), the one at the top of a folder (``provenance.json``, ``SIMULATED.json``, ``EEG_FEATURES.json``), or
  the written JSON itself. Notes of earlier versions, without these entries, are known by their keys.
- The output is never the input, through links and relative paths neither; an output folder neither holds the input nor
  lies in it.
- Whether all this holds, and whether the place can be written at all, is asked before anything is computed (``check``),
  and once more when it is written.
"""

import contextlib
import errno
import hashlib
import json
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from ufama.storage import (
    UNFINISHED,
    PathError,
    check_writable,
    digest_of,
    expanded,
    reported,
    temporary_beside,
    write_atomically,
    write_content,
)

_OCCUPIED = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


@dataclass(frozen=True)
class Output:
    """How a command knows what it wrote.

    Parameters
    ----------
    written_by
        the command; only its own files are overwritten
    earlier
        keys that a note of this kind had when it did not name its files yet
    former_names
        of the command: its notes may say one of them
    """

    written_by: str
    earlier: frozenset[str] = frozenset()
    former_names: tuple[str, ...] = field(default=(), kw_only=True)

    def _files(self, note: Path, unlisted: Iterable[str] = ()) -> dict[str, str] | None:
        """What the command wrote, by its note: each file with its SHA-256. None where it has no note that is unchanged.

        A note of an earlier version that lists no files is about ``unlisted``, whose content, "*", is not known.
        """
        try:
            content = json.loads(note.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(content, dict):
            return None
        if "written_by" in content:
            digest, unlisted = content.pop("digest", None), ()
            is_own = content["written_by"] in (self.written_by, *self.former_names) and digest == digest_of(content)
        else:
            is_own = bool(self.earlier) and self.earlier <= content.keys()
        if not is_own:
            return None
        files = content["files"] if "files" in content else dict.fromkeys(unlisted, "*")
        return files if isinstance(files, dict) else {}

    def _note_text(self, description: Mapping[str, Any], files: Mapping[str, str]) -> str:
        named = {"files": dict(files)} if files else {}
        content = json.loads(json.dumps({**description, "written_by": self.written_by, **named}, default=list))
        return json.dumps(content | {"digest": digest_of(content)}, indent=1, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class FileOutput(Output):
    """A file that a user names: how a command checks the place, and writes it so as to know it again.

    ``is_note``: the file is JSON and its own note; else the note is the .json of the same name.
    """

    is_note: bool = False

    def check(self, path: str | Path, *, inputs: Collection[str | Path] = ()) -> Path:
        """The file's own place, links followed. Raises PathError where it, or its note, may not or cannot be written.

        ``inputs`` are what the command reads, or writes besides.
        """
        path = _resolved(path)
        with reported(path):
            note = self._note_of(path)
            for file in dict.fromkeys((path, note)):
                _refuse_other_than_file(file)
                for source in inputs:
                    _refuse_same(file, source)
            files = self._files(note, [path.name])
            for file in (path, note):
                its_own = files is not None and (file == note or _is_as_listed(path, files.get(path.name, "")))
                if file.exists() and not its_own:
                    raise PathError(
                        f"{file} is there already and was not written by this command, or has been changed since. "
                        "Nothing was overwritten: name another file, or move this one away."
                    )
        check_writable(path.parent)
        return path

    def write(
        self,
        path: str | Path,
        content: str | bytes | Callable[[Path], Any] | None,
        description: Mapping[str, Any],
        *,
        inputs: Collection[str | Path] = (),
    ) -> Path:
        """Write the file and, with ``description``, its note; both or neither. Returns the file's own place.

        ``content`` is as of `write_atomically`; None for a file that is its own note. Raises PathError as ``check``.
        """
        path = self.check(path, inputs=inputs)
        note = self._note_of(path)
        with temporary_beside(path) as temporary, temporary_beside(note) as temporary_note:
            files = {}
            if content is not None:
                write_content(temporary, content)
                files = self._files(note) or {}
                files = {name: digest for name, digest in files.items() if _is_as_listed(path.with_name(name), digest)}
                files[path.name] = _sha256(temporary)
            write_content(temporary_note, self._note_text(description, files))
            if content is not None:
                os.replace(temporary, path)
            os.replace(temporary_note, note)
        return path

    def _note_of(self, path: Path) -> Path:
        note = path if self.is_note else path.with_suffix(".json")
        if note == path and not self.is_note:
            raise PathError(f"{path}: the .json of this name will describe the table. Give the table another ending.")
        return note


@dataclass(frozen=True)
class FolderOutput(Output):
    """A folder that a user names: how a command checks the place, and writes it so as to know it again.

    Parameters
    ----------
    note
        the name of the note at the folder's top
    earlier_files
        patterns of the files that came with a note of an earlier version
    """

    note: str = field(kw_only=True)
    earlier_files: tuple[str, ...] = ()

    def check(self, folder: str | Path, *, inputs: Collection[str | Path] = ()) -> Path:
        """The folder's own place, links followed. Raises PathError where it may not or cannot be replaced as a whole.

        ``inputs`` are what the command reads, or writes besides.
        """
        folder = _resolved(folder)
        with reported(folder):
            self._refuse_inputs(folder, inputs)
            self._refuse_strangers(folder)
            if folder.exists() and (os.path.ismount(folder) or folder.samefile(os.curdir)):
                raise PathError(f"{folder} is where the command runs, or a whole disk: name a folder in it instead.")
        check_writable(folder.parent)
        check_writable(folder)
        return folder

    def write(
        self,
        folder: str | Path,
        fill: Callable[[Path], Mapping[str, Any]],
        *,
        inputs: Collection[str | Path] = (),
        is_wanted: Callable[[Path], bool] = lambda folder: False,
    ) -> Path:
        """Write the folder as a hidden one beside it, which is renamed when whole; return its own place.

        So it is never half there, also when several processes write it at once.

        Parameters
        ----------
        fill
            writes the files into the folder that it is given, and returns the content of the note
        is_wanted
            whether what lies in the folder is already what is to be written; then it is left as it is

        Raises
        ------
        PathError
            as ``check``
        """
        if is_wanted(_resolved(folder)):
            return _resolved(folder)
        folder = self.check(folder, inputs=inputs)
        with temporary_beside(folder) as building:
            building.mkdir()
            description = fill(building)
            files = {name: _sha256(path) for name, path in _every_file(building)}
            write_content(building / self.note, self._note_text(description, files))
            self._move_into_place(building, folder, is_wanted)
        return folder

    def check_addition(self, folder: str | Path, *, inputs: Collection[str | Path] = ()) -> Path:
        """As ``check``, where files are added to those that the command wrote before; others beside them stay."""
        folder = _resolved(folder)
        with reported(folder):
            self._refuse_inputs(folder, inputs)
            if self._own(folder) is None:
                self._refuse_strangers(folder)
        check_writable(folder)
        return folder

    def add(self, folder: Path, fill: Callable[[Path], Any], description: Mapping[str, Any]) -> list[Path]:
        """Add files to a checked folder, or write them over those of the same name that are the command's own.

        ``fill`` writes them into the folder that it is given. Returns them in alphabetical order.
        """
        with temporary_beside(folder / "files") as building:
            building.mkdir()
            fill(building)
            added = dict(_every_file(building))
            files = self._own(folder) or {}
            for name in added:
                if (folder / name).exists() and not _is_as_listed(folder / name, files.get(name, "")):
                    raise PathError(f"{folder / name} was not written by this command: move it away. It was left.")
            files |= {name: _sha256(path) for name, path in added.items()}
            write_atomically(folder / self.note, self._note_text(description, files))
            for name, path in added.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, folder / name)
        return [folder / name for name in added]

    def _own(self, folder: Path) -> dict[str, str] | None:
        """What the command wrote in the folder, as of `_files`."""
        there = (name for name, _ in _every_file(folder))
        known = (name for name in there if any(fnmatch(name, pattern) for pattern in self.earlier_files))
        return self._files(folder / self.note, known)

    def _refuse_inputs(self, folder: Path, inputs: Collection[str | Path]) -> None:
        for given in inputs:
            _refuse_same(folder, given)
            source = _resolved(given)
            if folder in source.parents or source in folder.parents:
                raise PathError(
                    f"{folder} and {source}, an input or another output of this command, lie in one another: name "
                    "a folder apart from it."
                )

    def _refuse_strangers(self, folder: Path) -> None:
        if not folder.exists():
            return
        if not folder.is_dir():
            raise PathError(f"{folder} is a file: name a folder.")
        own = self._own(folder)
        listed = {} if own is None else own | {self.note: "*"}
        for name, path in _every_file(folder):
            if not _is_as_listed(path, listed.get(name, "")):
                raise PathError(
                    f"{folder} holds {name}, which was not written by this command or has been changed since. "
                    "Nothing was overwritten: expected a new or empty folder, or one that the command wrote."
                )

    def _move_into_place(self, building: Path, folder: Path, is_wanted: Callable[[Path], bool]) -> None:
        """Rename; if another process was faster with the same files, keep them; earlier ones are moved out first."""
        for _ in range(10):
            try:
                return os.rename(building, folder)
            except OSError as error:
                if error.errno not in _OCCUPIED:
                    raise
            if is_wanted(folder):
                return None
            self._refuse_strangers(folder)
            with temporary_beside(folder) as outdated, contextlib.suppress(FileNotFoundError):
                os.rename(folder, outdated)  # unless another process moved it out
                try:
                    return os.rename(building, folder)
                except BaseException as error:
                    with contextlib.suppress(OSError):
                        os.rename(outdated, folder)
                    if not isinstance(error, OSError) or error.errno not in _OCCUPIED:
                        raise
        raise PathError(f"{folder} is written by another process all the time. Stop that one, and try again.")


def _resolved(path: str | Path) -> Path:
    path = expanded(path)
    try:
        return path.resolve()
    except RuntimeError:
        raise PathError(f"{path} is a link that leads to itself: name another path.") from None
    except OSError as error:
        raise PathError(f"{path} cannot be found: {error.strerror}. Name another path.") from None


def _refuse_same(path: Path, given: str | Path) -> None:
    source = _resolved(given)
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if path == source or path.samefile(source):
            raise PathError(f"{path} is also an input, or another output, of this command: name another place.")


def _refuse_other_than_file(path: Path) -> None:
    if path.is_dir():
        raise PathError(f"{path} is a folder: name a file in it.")
    if path.exists() and not path.is_file():
        raise PathError(f"{path} is no ordinary file: name one.")
    if path.exists() and not path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise PathError(f"{path} is write-protected: name another file.")


def _every_file(folder: Path) -> Iterator[tuple[str, Path]]:
    """What lies in a folder and in its folders, by relative name: files, hidden ones too, links and empty folders."""

    def fail(error: OSError) -> None:
        raise error

    for place, folders, names in os.walk(folder, onerror=fail):
        folders[:] = sorted(name for name in folders if not name.startswith(UNFINISHED))
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        for name in sorted([*names, *links]):
            if not name.startswith(UNFINISHED):
                path = Path(place) / name
                yield path.relative_to(folder).as_posix(), path
        if not folders and not names and Path(place) != folder:
            yield Path(place).relative_to(folder).as_posix(), Path(place)


def _is_as_listed(path: Path, digest: str) -> bool:
    return path.is_file() and not path.is_symlink() and (digest == "*" or digest == _sha256(path))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
