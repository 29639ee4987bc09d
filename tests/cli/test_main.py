"""The command: quick to answer, and an error that a user can mend ends it with one message."""

import subprocess
import sys

import pytest

import ufama


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


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("campaign", "--grid", "nosuch", "--dry-run"), "grid 'nosuch' is not known"),
        (("notebooks", "nosuch"), "there is no notebook 'nosuch'"),
        (("campaign", "--seeds", "0,0", "--dry-run"), "give whole numbers from 0, each once"),
        (("data", "simulate", "out", "--subjects", "one"), "expected whole numbers separated by commas"),
        (("data", "simulate", "out", "--seconds", "3"), "belong to --raw"),
    ],
)
def test_an_error_that_can_be_mended_ends_with_its_message(words, message):
    done = answer(*words)
    assert done.returncode == 2
    assert message in " ".join((done.stdout + done.stderr).replace("│", " ").split())
    assert "Traceback" not in done.stderr
