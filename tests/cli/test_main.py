"""The command: quick to answer, and an error that a user can mend ends it with one message."""

import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import ufama
from ufama.campaigns.checkpoints import StoppedError
from ufama.cli import main
from ufama.data.layout import DataError
from ufama.errors import UserError


def answer(*words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "ufama", *words]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


def test_the_command_is_loaded_without_what_it_may_never_need():
    script = (
        "import sys, ufama.cli.main; print(*{'torch', 'numpy', 'pandas', 'scipy', 'matplotlib'} & sys.modules.keys())"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


@pytest.mark.parametrize("words", [(), ("methods",), ("audit",), ("campaign", "paper"), ("data", "doctor")])
def test_help_is_answered_without_loading_torch(words):
    script = (
        "import sys\nfrom ufama.cli.main import main\n"
        f"sys.argv = ['ufama', *{words!r}, '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "assert not {'torch', 'pandas'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_version():
    done = answer("--version")
    assert (done.returncode, done.stdout) == (0, f"ufama {ufama.__version__}\n")


@pytest.mark.parametrize("command", ["methods", "audit"])
def test_lists_and_arithmetic_need_no_torch(command, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("method,accuracy\nA,90.14\nA,81.47\n")
    words = {"methods": ["methods"], "audit": ["audit", str(table), "--windows", "842"]}[command]
    script = (
        f"import sys\nfrom ufama.cli.main import main\nsys.argv = ['ufama', *{words!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "assert not {'torch', 'scipy', 'sklearn', 'matplotlib'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert ("hadua" if command == "methods" else "Findings") in done.stdout


def test_every_error_of_the_package_that_a_user_can_mend_is_one_kind():
    rooms = [module.name for module in pkgutil.walk_packages(ufama.__path__, "ufama.") if "__main__" not in module.name]
    for room in rooms:
        for name, kind in vars(importlib.import_module(room)).items():
            ours = isinstance(kind, type) and issubclass(kind, Exception) and kind.__module__.startswith("ufama.")
            assert not ours or name.startswith("_") or issubclass(kind, UserError), name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("audt",), "Did you mean 'audit'"),
        (("audit", "no.csv"), "no.csv cannot be read: No such file or directory"),
        (("evaluate", "no.npz", "--workers", "0"), "--workers"),
        (("evaluate", "no.npz", "--workers", "abc"), "--workers"),
        (("evaluate", "no.npz", "--scale", "huge"), "choose one of smoke, quick, tenth, paper"),
        (("evaluate", "no.npz", "--protocol", "x"), "choose one of cross_subject, cross_subject_pooled"),
        (("campaign", "--preset", "relased"), "preset 'relased' is not known; choose one of paper, released"),
        (("campaign", "--grid", "nosuch", "--dry-run"), "grid 'nosuch' is not known"),
        (("campaign", "--seeds", "0,0", "--dry-run"), "give whole numbers from 0, each once"),
        (("campaign", "--seeds", "9223372036854775808", "--dry-run"), "is not a list of seeds"),
        (("campaign", "--datasets", ",", "--dry-run"), "names separated by commas, each once"),
        (("campaign", "--time-limit", "9 parsecs"), "--time-limit '9 parsecs': expected a duration such as 9m, 90s"),
        (("tune", "--methods", "dann, dann"), "names separated by commas, each once"),
        (("notebooks", "nosuch"), "there is no notebook 'nosuch'"),
        (("evaluate", "table.npz", "--publish", ""), "--publish is given an empty text"),
        (("svm", ""), "an argument is given an empty text"),
        (("audit", "t.csv", "--printed="), "--printed is given an empty text"),
        (("data", "simulate", "out", "--subjects", "one"), "expected whole numbers separated by commas"),
        (("data", "simulate", "out", "--seconds", "3"), "belong to --raw"),
        (("data", "simulate", "out", "--raw", "--seconds", "nan"), "seconds = nan"),
        (("data", "simulate", "out", "--raw", "--seconds", "inf"), "seconds = inf"),
        (("data", "simulate", "out", "--subjects", "²"), "expected whole numbers"),
    ],
)
def test_errors_are_one_line_on_standard_error(words, message):
    done = answer(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ufama: ") and message in done.stderr and done.stderr.count("\n") == 1


@pytest.fixture
def ending(monkeypatch, capsys):
    """How the command ends, and what it prints on standard error, when a command of it raises an error."""

    def end(error):
        def fail(**_):
            raise error

        monkeypatch.setattr(main, "app", fail)
        monkeypatch.setattr("sys.argv", ["ufama"])
        with pytest.raises(SystemExit) as ended:
            main.main()
        return ended.value.code, capsys.readouterr().err

    return end


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (DataError("this [red]is[/red] [Errno 2] said as it is."), 2, "this [red]is[/red] [Errno 2] said as it is."),
        (
            PermissionError(13, "Permission denied", "/data/t.npz"),
            2,
            "/data/t.npz cannot be read or written: Permission",
        ),
        (OSError(28, "No space left on device"), 2, "the output cannot be written: No space left on device."),
        (MemoryError("Unable to allocate 2 TiB"), 2, "there is not enough memory: Unable to allocate 2 TiB"),
        (ModuleNotFoundError("No module", name="jupytext"), 2, "the package jupytext is not installed"),
        (
            StoppedError("2 runs stopped at epoch 3"),
            130,
            "stopped: 2 runs stopped at epoch 3. The same command goes on",
        ),
        (KeyboardInterrupt(), 130, "stopped by Ctrl-C."),
        (BrokenPipeError(32, "Broken pipe"), 1, ""),
    ],
)
def test_how_errors_end_the_command(ending, error, code, message):
    found, printed = ending(error)
    assert found == code and message in printed
    assert printed.startswith("ufama: ") if message else not printed


def test_an_import_that_ctrl_c_broke_is_an_interruption(ending):
    error = ImportError("a module is half imported")
    error.__context__ = KeyboardInterrupt()
    assert ending(error) == (130, "ufama: stopped by Ctrl-C.\n")


@pytest.mark.parametrize(
    "error", [KeyError("a fault"), AttributeError("of ours"), ModuleNotFoundError("x", name="ufama.x")]
)
def test_a_fault_of_the_package_shows_where_it_is(monkeypatch, error):
    monkeypatch.setattr(main, "app", lambda **_: (_ for _ in ()).throw(error))
    monkeypatch.setattr("sys.argv", ["ufama"])
    with pytest.raises(type(error)):
        main.main()


def test_ctrl_c_while_the_command_is_imported(tmp_path):
    """The module that `main` imports first is replaced by one that is interrupted."""
    script = (
        "import sys\nfrom ufama.__main__ import main\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'ufama.cli':\n            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "ufama: stopped by Ctrl-C.\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
@pytest.mark.parametrize("words", [("--version",), ("methods",)])
def test_a_full_disk_under_the_output_is_one_message(words):
    command = [sys.executable, "-m", "ufama", *words]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "ufama: the output cannot be written: No space left on device.\n")


@pytest.mark.parametrize("encoding", ["cp1252", "gbk", "latin-1", "ascii"])
def test_a_table_and_its_csv_are_written_in_any_encoding(encoding, small_table, tmp_path):
    command = [sys.executable, "-m", "ufama", "svm", str(small_table), "--out", str(tmp_path / "t.csv")]
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert "n-1" in done.stdout.decode(encoding) or "n−1" in done.stdout.decode(encoding)
    assert (tmp_path / "t.csv").exists()
