"""What the project has stored of trainings is of one commit, whole, and small."""

import json

from ufama.campaigns.results import published_folder, read_published

FOLDER = published_folder()
RUNS = sorted(note.parent for note in FOLDER.glob("*/provenance.json") if (note.parent / "runs.parquet").is_file())
STUDIES = [*FOLDER.glob("trust/*/provenance.json"), *FOLDER.glob("real_same_film/*.json")]


def test_every_stored_training_is_of_one_commit():
    commits = {commit for folder in RUNS for commit in json.loads((folder / "provenance.json").read_text())["commit"]}
    commits |= {json.loads(note.read_text())["commit"] for note in STUDIES}
    assert len(commits) == 1 and not commits.pop().endswith("+")


def test_every_run_has_its_records_and_says_the_same_commit():
    for folder in RUNS:
        stored, provenance = read_published(folder), json.loads((folder / "provenance.json").read_text())
        digests = set(stored.runs.digest)
        assert len(digests) == len(stored.runs) == provenance["runs"], folder.name
        assert set(stored.runs.commit) == set(provenance["commit"]), folder.name
        for table in (stored.history, stored.predictions):
            assert set(table.digest) == digests, folder.name
        assert set(stored.embeddings.digest) <= digests, folder.name


def test_stored_results_stay_small():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 60e6
