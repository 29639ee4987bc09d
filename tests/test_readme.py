"""The README's lines of Python run from end to end."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


@pytest.mark.slow
def test_the_ten_lines_run(whole_seed_folder, tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len([line for line in code.splitlines() if line]) <= 12
    environment = os.environ | {"UFAMA_SEED": str(whole_seed_folder), "UFAMA_WORKSPACE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"simulated SEED +cross_subject +dann +paper .*36\b", done.stdout)
    assert re.search(r"842 +3 +3\b", done.stdout)
