"""Every command that writes what a user named: over its own files alone, whole or not at all, checked first."""

import errno
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pandas as pd
import pytest

from tests.builders import made_windows
from ufama.cli.main import app, main

READ = {
    ("evaluate", "file"), ("audit", "printed"), ("audit", "table"), ("data convert", "source"), ("pdf", "html"),
    ("data doctor", "folder"), ("data features", "folder"), ("svm", "file"), ("export", "model"),
    *((command, what) for command in ("adapt", "predict") for what in ("model", "eye", "events", "trials")),
}  # fmt: skip
"""Paths that commands read, and never write."""


@dataclass(frozen=True)
class Output:
    """How a command is asked to write to ``OUT``, and what it reads."""

    line: str
    is_folder: bool = False
    name: str = "out"  # of what is written
    reads: str = ""
    notes: bool = False  # a .json of the same name is written beside the file
    computes: tuple[str, ...] = ()  # what must not be called before the place is known to be free


TRAINED = ("ufama.cli.campaigns.trained",)
WRITTEN = {
    ("evaluate", "out"): Output(
        "evaluate table.npz --scale smoke --workers 1 --out OUT", name="out.csv", reads="table.npz", notes=True,
        computes=TRAINED,
    ),
    ("evaluate", "publish"): Output(
        "evaluate table.npz --scale smoke --workers 1 --publish OUT", True, reads="table.npz", computes=TRAINED
    ),
    ("fit", "out"): Output(
        "fit table.npz --scale smoke --held-out none --out OUT", True, reads="table.npz",
        computes=("ufama.models.fit_adapt.fit_model",),
    ),
    ("adapt", "out"): Output(
        "adapt model table.npz --subject 1 --out OUT", True, reads="model",
        computes=("ufama.models.fit_adapt.adapt_model",),
    ),
    ("predict", "out"): Output(
        "predict model table.npz --subject 1 --out OUT", True, reads="model",
        computes=("ufama.models.predictions.predict",),
    ),
    ("export", "out"): Output(
        "export model OUT", name="out.onnx", reads="model", notes=True, computes=("ufama.models.export.onnx_bytes",),
    ),
    ("audit", "json"): Output(
        "audit accuracies.csv --windows 842 --json OUT", name="out.json", reads="accuracies.csv",
        computes=("ufama.audit.report.audit_table",),
    ),
    ("campaign", "publish"): Output("campaign --scale smoke --publish OUT", True, computes=TRAINED),
    ("campaign paper", "publish"): Output("campaign paper --device cpu --publish OUT", True, computes=TRAINED),
    ("data convert", "out"): Output(
        "data convert cogwear cogwear.npz OUT", name="out.npz", reads="cogwear.npz", notes=True,
        computes=("ufama.data.signals.open_recordings._members",),
    ),
    ("data doctor", "json_file"): Output(
        "data doctor table.npz --json OUT", name="out.json", reads="table.npz",
        computes=("ufama.data.releases.doctor.examine",),
    ),
    ("data features", "out"): Output(
        "data features raw OUT --dataset seed_iv --subjects 1 --sessions 1", True, reads="raw",
        computes=("ufama.data.signals.eeg_files.recording_entropy",),
    ),
    ("data simulate", "folder"): Output(
        "data simulate OUT --subjects 1", True, computes=("ufama.simulation.files._write_files",)
    ),
    ("data simulate-recording", "folder"): Output(
        "data simulate-recording OUT --seconds 4", True, computes=("ufama.simulation.recording_files.RawWorld",)
    ),
    ("pdf", "out"): Output(
        "pdf html --out OUT", name="out.pdf", reads="html/index.html", notes=True,
        computes=("ufama.pages.pdf.whole_book",),
    ),
    ("svm", "out"): Output(
        "svm table.npz --out OUT", name="out.csv", reads="table.npz", notes=True,
        computes=("ufama.studies.baseline.svm_rows",),
    ),
}  # fmt: skip


def every_path(group=app, name=""):
    """(command, parameter) of every path that a command of the app is given."""
    commands = [*group.registered_commands, *([group.registered_callback] if group.registered_callback else [])]
    for command in commands:
        word = getattr(command, "name", None) or command.callback.__name__
        title = name if command is group.registered_callback else f"{name} {word}".strip()
        for parameter, kind in get_type_hints(command.callback).items():
            if kind is Path or Path in get_args(kind):
                yield title, parameter
    for below in group.registered_groups:
        yield from every_path(below.typer_instance, f"{name} {below.name}".strip())


def test_every_path_of_every_command_is_known_as_read_or_written():
    assert set(every_path()) == READ | set(WRITTEN)


# what is asked for ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """What the commands read: each file or folder by its name, and the records of a training."""
    from ufama.data.two_modality import write_two_modality
    from ufama.models.fit_adapt import fit_model
    from ufama.models.folder import save_model
    from ufama.simulation.raw_files import write_raw_simulated

    home = tmp_path_factory.mktemp("inputs")
    draw = np.random.default_rng(0)
    windows = made_windows(subjects=3, sessions=1, trials=6)
    write_two_modality(home / "table.npz", windows)
    (home / "table.json").unlink()
    pd.DataFrame({"accuracy": [90.5, 91.25]}).to_csv(home / "accuracies.csv", index=False)
    rows = 40
    np.savez(
        home / "cogwear.npz", modality_a=draw.normal(size=(rows, 18)), modality_b=draw.normal(size=(rows, 15)),
        a_names=[f"pulse_{k}" for k in range(18)], b_names=[f"eda_{k}" for k in range(11)] + ["temp"] * 4,
        label=np.arange(rows) // 5 % 2, subject=np.arange(rows) // 10, session_or_trial=np.zeros(rows),
        window_start_s=np.arange(rows) % 5 * 10.0,
    )  # fmt: skip
    (home / "html").mkdir()
    (home / "html" / "index.html").write_text("<html><body><article><h1>A page</h1></article></body></html>")
    write_raw_simulated("seed_iv", home / "raw", subjects=[1], sessions=[1], seconds=4)
    save_model(
        fit_model(windows, scale="smoke", changes={"encoder_blocks": 1}, source_name="table.npz"), home / "model"
    )
    return home


@pytest.fixture
def here(inputs, tmp_path, monkeypatch):
    """The folder where the command runs, with links to the inputs and a workspace beside it."""
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("table.npz", "accuracies.csv", "cogwear.npz"):
        (folder / name).write_bytes((inputs / name).read_bytes())
    for file in (file for name in ("raw", "model", "html") for file in (inputs / name).rglob("*.*")):
        copy = folder / file.relative_to(inputs)
        copy.parent.mkdir(parents=True, exist_ok=True)
        os.link(file, copy)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("UFAMA_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("UFAMA_PUBLISHED", "none")
    monkeypatch.setattr("ufama.campaigns.grids.grid_of", lambda *_, **__: [])
    monkeypatch.setattr("ufama.campaigns.grids.paper_grid", lambda *_, **__: [])
    return folder


def everything(folder: Path) -> dict[str, bytes | str]:
    """Each file with its bytes, each link with where it leads, each folder, below ``folder``."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        found[name] = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else "folder"
    return found


def run(output: Output, place: str, monkeypatch, capsys) -> tuple[int, str, str]:
    """The command as typed: its exit code, and what it prints on standard output and on standard error."""
    words = [place if word == "OUT" else word for word in output.line.split()]
    monkeypatch.setattr("sys.argv", ["ufama", *words])
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code, *capsys.readouterr()


def refused(output: Output, place: str, here: Path, monkeypatch, capsys) -> str:
    """The one message of the command, while every byte stays; nothing of ``output.computes`` is called."""
    before = everything(here.parent)
    with monkeypatch.context() as patched:
        for name in output.computes:
            patched.setattr(name, lambda *_, **__: pytest.fail("computed before the place was looked at"))
        code, printed, message = run(output, place, monkeypatch, capsys)
    assert everything(here.parent) == before
    assert code == 2, message
    assert not (output.computes and printed)  # no bar of what has not begun
    assert "Traceback" not in message and len(message.strip().splitlines()) == 1, message
    assert message.startswith("ufama: ")
    return message


def each_output(is_wanted=lambda output: True):
    wanted = {place: output for place, output in WRITTEN.items() if is_wanted(output)}
    return pytest.mark.parametrize("output", wanted.values(), ids=map(" ".join, wanted))


each = each_output()
each_file = each_output(lambda output: not output.is_folder)
each_folder = each_output(lambda output: output.is_folder)


# what is not written ----------------------------------------------------------------------------------


@each_file
def test_a_file_that_was_not_written_by_the_command_stays(output, here, monkeypatch, capsys):
    (here / output.name).write_bytes(b"\x00 years of work")
    assert "was not written by this command" in refused(output, output.name, here, monkeypatch, capsys)


@pytest.mark.parametrize("content", ['{"participants": "my own metadata"}', "[1]", "no JSON", ""])
@each_output(lambda output: output.notes)
def test_a_json_beside_the_named_file_stays(output, content, here, monkeypatch, capsys):
    (here / "out.json").write_text(content)
    assert "out.json" in refused(output, output.name, here, monkeypatch, capsys)


@each_folder
@pytest.mark.parametrize("name", ["thesis/chapter.txt", ".hidden", "provenance.json", "SIMULATED.json", "runs.parquet"])
def test_a_folder_that_holds_another_file_stays(output, name, here, monkeypatch, capsys):
    path = here / "out" / name
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    assert name in refused(output, "out", here, monkeypatch, capsys)


@each_folder
def test_a_folder_that_holds_an_empty_folder_or_a_link_stays(output, here, monkeypatch, capsys):
    (here / "out" / "empty").mkdir(parents=True)
    assert "holds empty" in refused(output, "out", here, monkeypatch, capsys)
    (here / "out" / "empty").rmdir()
    (here / "out" / "link").symlink_to(here / "nowhere")
    assert "holds link" in refused(output, "out", here, monkeypatch, capsys)


@each
def test_a_file_where_a_folder_is_expected_and_the_reverse(output, here, monkeypatch, capsys):
    (here / "taken").write_text("a file")
    folder = here / f"folder{Path(output.name).suffix}"
    folder.mkdir()
    assert "is a file" in refused(output, f"taken/{output.name}", here, monkeypatch, capsys)
    place, message = ("taken", "is a file") if output.is_folder else (folder.name, "is a folder")
    assert message in refused(output, place, here, monkeypatch, capsys)


@each
@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_a_disk_that_is_full_or_read_only_is_found_first(output, reason, here, monkeypatch, capsys):
    def fail(path, *_, **__):
        raise OSError(reason, os.strerror(reason), str(path))

    monkeypatch.setattr(Path, "write_bytes", fail)
    message = refused(output, f"new/{output.name}", here, monkeypatch, capsys)
    assert os.strerror(reason) in message and "Free some space, or name" in message


@each
def test_a_name_that_no_disk_can_hold(output, here, monkeypatch, capsys):
    assert "too long" in refused(output, "x" * 300 + Path(output.name).suffix, here, monkeypatch, capsys)


@each
def test_a_home_folder_or_variable_that_is_not_there_is_not_made(output, here, monkeypatch, capsys):
    assert "no home folder ~nobody-of-this-name" in refused(
        output, f"~nobody-of-this-name/{output.name}", here, monkeypatch, capsys
    )
    assert "variable" in refused(output, f"$SCRATCH/{output.name}", here, monkeypatch, capsys)


@each_output(lambda output: output.reads)
@pytest.mark.parametrize("way", ["same", "relative", "link", "link to its folder", "hard link"])
def test_the_input_is_never_the_output(output, way, here, monkeypatch, capsys):
    if way == "hard link" and output.reads in ("raw", "model"):
        pytest.skip("folders have no hard links")
    place = here / output.reads
    if way == "relative":
        place = Path("..") / here.name / "." / output.reads
    elif way == "link":
        place = here / f"link{place.suffix}"
        place.symlink_to(here / output.reads)
    elif way == "link to its folder":
        (here.parent / "elsewhere").symlink_to(here)
        place = here.parent / "elsewhere" / output.reads
    elif way == "hard link":
        place = here / f"other{place.suffix}"
        os.link(here / output.reads, place)
    refused(output, str(place), here, monkeypatch, capsys)


def test_an_output_folder_is_apart_from_the_input_and_from_the_other_outputs(here, monkeypatch, capsys):
    for place in ("raw/new", "raw/eeg_raw_data/new", ".."):
        refused(WRITTEN["data features", "out"], place, here, monkeypatch, capsys)
    both = Output("evaluate table.npz --out new/table.csv --publish OUT", True, computes=TRAINED)
    refused(both, "new", here, monkeypatch, capsys)
    for place in ("../workspace", "../workspace/runs", "../workspace/runs/new"):
        refused(WRITTEN["evaluate", "publish"], place, here, monkeypatch, capsys)
    for place in (".", ".."):
        refused(WRITTEN["data simulate", "folder"], place, here, monkeypatch, capsys)


def test_a_table_is_not_named_as_its_own_description(here, monkeypatch, capsys):
    for place in ("evaluate", "svm"):
        assert "another ending" in refused(WRITTEN[place, "out"], "out.json", here, monkeypatch, capsys)


# what is written --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained_once(inputs, tmp_path_factory):
    from ufama.campaigns.adaptation import adaptation
    from ufama.campaigns.results import RunStore
    from ufama.campaigns.run import results

    store = RunStore(tmp_path_factory.mktemp("runs"))
    return results([adaptation(inputs / "table.npz", scale="smoke")], store=store, workers=1)


@pytest.fixture
def quick(trained_once, monkeypatch):
    """Commands whose training is done, and whose browser prints an empty sheet."""
    from pypdf import PdfWriter

    sheet = PdfWriter()
    sheet.add_blank_page(100, 100)
    monkeypatch.setattr("ufama.pages.pdf.check_printing", lambda: "chromium")
    monkeypatch.setattr("ufama.pages.pdf._print", lambda page, printed: sheet.write(printed))
    monkeypatch.setattr("ufama.cli.campaigns.trained", lambda *_, **__: trained_once)


@each
def test_missing_folders_are_made_and_own_files_written_over_until_somebody_changes_them(
    output, here, quick, monkeypatch, capsys
):
    place = here / "new" / "folder" / output.name
    code, _, message = run(output, str(place), monkeypatch, capsys)
    assert code in (0, 1), message
    written = everything(here / "new" / "folder")
    assert written and not any(Path(name).name.startswith(".") for name in written)
    code, _, message = run(output, str(place), monkeypatch, capsys)
    assert code in (0, 1), message
    assert everything(here / "new" / "folder").keys() == written.keys()
    if not output.line.startswith("data simulate"):  # the set that is asked for is there, and left as it is
        late = replace(output, computes=())  # some first find out which files they would write
        files = [path for path in (place, *place.rglob("*")) if path.is_file() and path.suffix != ".json"] or [place]
        for path in files:
            content = path.read_bytes()
            changed = json.dumps(json.loads(content) | {"my": "note"}).encode() if path.suffix == ".json" else b"mine"
            path.unlink()  # the raw inputs are hard links
            path.write_bytes(changed)
            assert "was not written by this command" in refused(late, str(place), here, monkeypatch, capsys)
            path.write_bytes(content)


@each
def test_a_write_that_fails_in_the_end_leaves_what_was_there(output, here, quick, monkeypatch, capsys):
    def full(real):
        def move(source, target):
            if "out" in Path(target).parts or Path(target).stem == "out":
                raise OSError(errno.ENOSPC, "No space left on device")
            real(source, target)

        return move

    monkeypatch.setattr(os, "rename", full(os.rename))
    monkeypatch.setattr(os, "replace", full(os.replace))
    before = everything(here)
    code, _, message = run(output, output.name, monkeypatch, capsys)
    assert code == 2 and "No space left" in message and "Traceback" not in message
    after = everything(here)
    assert after == before or after == before | {"out": "folder"}
