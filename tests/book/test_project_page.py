"""The commands of the README and of the page on running exist, and the tools are the versions that the book needs."""

import re
import shlex
import subprocess
import sys

import pytest
import yaml
from click.testing import CliRunner as ClickRunner
from typer.testing import CliRunner

from ufama.cli.main import app


def shell_commands(text: str) -> list[list[str]]:
    """Every command of the shell blocks, in words; `a && b` counts as two."""
    blocks = re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)
    lines = [part for block in blocks for line in block.splitlines() for part in line.split("&&")]
    return [shlex.split(line) for line in lines if line.strip()]


@pytest.fixture(scope="module")
def readme(root) -> list[list[str]]:
    return shell_commands((root / "README.md").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def commands(root, readme) -> list[list[str]]:
    return readme + shell_commands((root / "book" / "run_it.md").read_text(encoding="utf-8"))


def run(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)


def papermill_parameters(options: list[str]) -> list[str]:
    """The parameters that a papermill command sets: `-p name value` and `-y "name: value"`."""
    names, words = [], iter(options)
    for flag in words:
        assert flag in ("-p", "-y"), f"papermill: unexpected {flag}"
        names.append(next(words).partition(":")[0])
        if flag == "-p":
            next(words)
    return names


def test_the_readme_has_the_two_commands(readme):
    assert ["pip", "install", "-r", "requirements.txt"] in readme
    assert ["ufama", "reproduce"] in readme
    assert ["pytest", "--nbval"] in readme


def test_files_that_are_named_exist(root, commands):
    for command in commands:
        for word in command:
            if word.endswith(("requirements.txt", ".ipynb")) and word != "out.ipynb":
                assert (root / word).is_file(), f"{' '.join(command)}: there is no {word}"


def test_files_that_the_readme_links_to_exist(root):
    links = re.findall(r"\]\(([^):#]+)\)", (root / "README.md").read_text(encoding="utf-8"))
    assert links
    for link in links:
        assert (root / link).is_file(), f"README.md links to {link}, which does not exist"


def test_ufama_commands_and_their_options_are_known(commands):
    named = [command[1:] for command in commands if command[0] == "ufama"]
    assert named
    for words in named:
        answer = CliRunner().invoke(app, [*words, "--help"])
        assert answer.exit_code == 0, answer.output


def test_papermill_commands_name_an_output_and_known_parameters(root, commands):
    papermill = pytest.importorskip("papermill.cli").papermill
    named = [command for command in commands if command[0] == "papermill"]
    assert named
    for _, notebook, output, *options in named:
        assert output.endswith(".ipynb"), "papermill without an output path fails in a terminal"
        answer = ClickRunner().invoke(papermill, ["--help-notebook", str(root / notebook)])
        for parameter in papermill_parameters(options):
            assert f"  {parameter}:" in answer.output, f"{notebook} has no parameter {parameter}: {answer.output}"


def test_jupyter_book_is_version_1():
    version = run("-c", "from jupyter_book.cli.main import main; main()", "--version").stdout.splitlines()[0]
    assert re.search(r"\bv?1\.\d", version)


def test_the_citation_file_agrees_with_the_package(root):
    import ufama

    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == ufama.__version__
    assert f"## {ufama.__version__}" in (root / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_published_method_that_is_listed_has_a_bibliography_entry(root):
    entries = set(re.findall(r"@\w+\{([^,]+),", (root / "book" / "references.bib").read_text(encoding="utf-8")))
    published = root / "ufama" / "analysis" / "published"
    keys = {
        line.split(",")[2]
        for name in ("table3_seed_methods.csv", "table6_seed_iv_methods.csv")
        for line in (published / name).read_text(encoding="utf-8").splitlines()[1:]
    } - {""}
    assert keys <= entries
