"""Where things lie, and how they are written: whole or not at all, and never over what is a user's.

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
- What is written lies under a hidden name until it is whole. A failure leaves nothing, and is a `PathError`.

Files that the program keeps for itself in its workspace (records, checkpoints, parsed windows) are named by digests and
written by `write_atomically`. Every path that a user names passes `expanded`.
"""

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import stat
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from ufama.errors import UserError

_UNFINISHED = ".ufama-unfinished-"
_SECONDS_KEPT = 24 * 3600.0  # what is unfinished and older was left by a process that was killed
_OCCUPIED = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


class PathError(UserError, OSError):
    """A path that cannot be used, or must not be written; the message says why and what to do. Nothing has changed."""


# where things lie -------------------------------------------------------------------------------------


def project_root() -> Path | None:
    """The checkout this package is imported from (it holds ``_config.yml``), or None for an installed copy."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "_config.yml").is_file() else None


def workspace() -> Path:
    """The folder for simulated recordings, run records and tables.

    ``UFAMA_WORKSPACE`` if set, else ``workspace/`` in the project's root, else ``workspace/`` where the command runs.
    """
    named = environment_path("UFAMA_WORKSPACE")
    return expanded(named) if named else (project_root() or Path.cwd()) / "workspace"


def environment_path(name: str) -> str | None:
    """The path in an environment variable; None where it is not set. Raises PathError where it is set to nothing."""
    named = os.environ.get(name)
    if named is not None and not named.strip():
        raise PathError(f"the environment variable {name} is set to an empty text: name a folder in it, or unset it.")
    return named


def expanded(path: str | Path) -> Path:
    """A path that a user named, with ``~`` or ``~name`` at its start replaced by that home folder.

    Raises PathError where there is no such home, and for a variable such as ``$HOME`` that no shell has replaced.
    """
    path = Path(path)
    if path.parts and re.match(r"\$\w|\$\{|%\w+%", path.parts[0]) and not path.exists():
        raise PathError(f"{path} begins with a variable that was not replaced: write the folder's full name instead.")
    try:
        return path.expanduser()
    except RuntimeError:
        raise PathError(f"{path}: there is no home folder {path.parts[0]}. Write its full name instead.") from None


# whole or not at all ----------------------------------------------------------------------------------


@contextmanager
def reported(path: Path) -> Iterator[None]:
    """Turn an OSError (disk full, read-only, a file where a folder is expected ...) into a PathError about ``path``."""
    try:
        yield
    except PathError:
        raise
    except (OSError, shutil.Error) as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise PathError(f"{path} cannot be written: {reason}. Free some space, or {_elsewhere(path)}.") from error


def _elsewhere(path: Path) -> str:
    place = "point UFAMA_WORKSPACE at" if path.is_relative_to(workspace()) else "name"
    return f"{place} a place that can be written"


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """A hidden path in the same folder, for what will be renamed to ``path``; a file or folder left there is removed.

    It keeps the suffix of ``path``, since some writers choose their format by it. The folder of ``path`` is made, and
    removed again if nothing comes to lie in it. Raises PathError where writing fails.
    """
    made = [folder for folder in path.parents if not folder.exists()]
    temporary = path.with_name(f"{_UNFINISHED}{uuid.uuid4().hex[:12]}{path.suffix}")
    try:
        with reported(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(path.parent)
            yield temporary
    finally:
        _remove(temporary)
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _remove_abandoned(folder: Path) -> None:
    for path in folder.glob(f"{_UNFINISHED}*"):
        with contextlib.suppress(OSError):
            if time.time() - path.lstat().st_mtime > _SECONDS_KEPT:
                _remove(path)


def write_atomically(path: Path, content: str | bytes | Callable[[Path], Any]) -> Path:
    """Write a file of the program's own so that a reader sees the old file or all of the new one.

    Parameters
    ----------
    path
        of the file; its folder is made
    content
        text (UTF-8), bytes, or a function that writes the file to the path it is given

    Returns
    -------
    Path
        ``path``

    Raises
    ------
    PathError
        when the folder cannot be written; then nothing has changed
    """
    path = Path(path)
    with temporary_beside(path) as temporary:
        _write(temporary, content)
        os.replace(temporary, path)
    return path


def _write(path: Path, content: str | bytes | Callable[[Path], Any]) -> None:
    if callable(content):
        content(path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_bytes(content.encode("utf-8", "backslashreplace"))  # of file names that are no Unicode


def check_writable(folder: Path) -> None:
    """Raise PathError where no file can be written in ``folder``, or in the nearest folder above it that exists."""
    with reported(folder):
        nearest = next(place for place in (folder, *folder.parents) if place.exists())
        if not nearest.is_dir():
            raise PathError(f"{folder} cannot be made, because {nearest} is a file: {_elsewhere(folder)}.")
        attempt = nearest / f"{_UNFINISHED}{uuid.uuid4().hex[:12]}"
        try:
            attempt.write_bytes(bytes(4096))
        finally:
            attempt.unlink(missing_ok=True)


# whose a file is --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FileOutput:
    """A file that a user names: how a command checks the place, and writes it so as to know it again.

    Parameters
    ----------
    written_by
        the command; only its own files are overwritten
    earlier
        keys that a note of this kind had when it did not name its files yet
    is_note
        the file is JSON and its own note; else the note is the .json of the same name
    """

    written_by: str
    earlier: frozenset[str] = frozenset()
    is_note: bool = False

    def check(self, path: str | Path, *, inputs: Collection[str | Path] = ()) -> Path:
        """The file's own place, links followed. Raises PathError where it, or its note, may not or cannot be written.

        ``inputs`` are what the command reads, or writes besides.
        """
        path = _resolved(path)
        with reported(path):
            _refuse_other_than_file(path)
            note = self._note_of(path)
            for file in {path: None, note: None}:
                for source in inputs:
                    _refuse_same(file, expanded(source))
                _refuse_other_than_file(file)
            content = _read_note(note, self.written_by, self.earlier)
            files = None if content is None else _files(content, (path.name,))
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
                _write(temporary, content)
                earlier = _read_note(note, self.written_by, self.earlier)
                files = {} if earlier is None else _files(earlier, ())
                files = {name: digest for name, digest in files.items() if _is_as_listed(path.with_name(name), digest)}
                files[path.name] = _sha256(temporary)
            _write(temporary_note, _note_text(description, self.written_by, files))
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
class FolderOutput:
    """A folder that a user names: how a command checks the place, and writes it so as to know it again.

    Parameters
    ----------
    written_by
        the command; only its own files are overwritten
    note
        the name of the note at the folder's top
    earlier
        keys that a note of this kind had when it did not name its files yet
    earlier_files
        patterns of the files that came with such a note
    """

    written_by: str
    note: str
    earlier: frozenset[str] = frozenset()
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
            _write(building / self.note, _note_text(description, self.written_by, files))
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
            write_atomically(folder / self.note, _note_text(description, self.written_by, files))
            for name, path in added.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, folder / name)
        return [folder / name for name in added]

    def _own(self, folder: Path) -> dict[str, str] | None:
        """What the command wrote in the folder: each file with its SHA-256, or "*"; None without a note of its own."""
        content = _read_note(folder / self.note, self.written_by, self.earlier)
        if content is None:
            return None
        there = () if "files" in content else (name for name, _ in _every_file(folder))
        return _files(content, [name for name in there if any(fnmatch(name, some) for some in self.earlier_files)])

    def _refuse_inputs(self, folder: Path, inputs: Collection[str | Path]) -> None:
        for given in inputs:
            _refuse_same(folder, expanded(given))
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


def _refuse_same(path: Path, source: Path) -> None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if path == _resolved(source) or os.path.samefile(path, source):
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
        folders[:] = sorted(name for name in folders if not name.startswith(_UNFINISHED))
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        for name in sorted([*names, *links]):
            if not name.startswith(_UNFINISHED):
                path = Path(place) / name
                yield path.relative_to(folder).as_posix(), path
        if not folders and not names and Path(place) != folder:
            yield Path(place).relative_to(folder).as_posix(), Path(place)


def _note_text(description: Mapping[str, Any], written_by: str, files: Mapping[str, str]) -> str:
    named = {"files": dict(files)} if files else {}
    content = json.loads(json.dumps({**description, "written_by": written_by, **named}, default=list))
    return json.dumps(content | {"digest": digest_of(content)}, indent=1, ensure_ascii=False) + "\n"


def _read_note(path: Path, written_by: str, earlier: frozenset[str]) -> dict[str, Any] | None:
    """The content of a note that ``written_by`` wrote and nobody has changed; None for anything else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    if "written_by" not in content:
        return content if earlier and earlier <= content.keys() else None
    digest = content.pop("digest", None)
    return content if content["written_by"] == written_by and digest == digest_of(content) else None


def _files(content: Mapping[str, Any], names: Collection[str]) -> dict[str, str]:
    """The files that a note lists, each with its SHA-256; "*" for ``names``, where it does not list any yet."""
    files = content.get("files", {} if "written_by" in content else dict.fromkeys(names, "*"))
    return files if isinstance(files, dict) else {}


def _is_as_listed(path: Path, digest: str) -> bool:
    return path.is_file() and not path.is_symlink() and (digest == "*" or digest == _sha256(path))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(content: Any, length: int = 16) -> str:
    """The first ``length`` hexadecimal digits of the SHA-256 of ``content`` as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:length]
