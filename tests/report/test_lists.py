from ufama.report.lists import cards, listed


def test_facts_stand_line_by_line_without_pythons_signs():
    facts = {"files": ["a", "b"], "whole": True, "bad": None, "n": 3}
    assert listed(facts) == "- files: a, b\n- whole: yes\n- bad: none\n- n: 3"
    assert listed(["one", "two"]) == "- one\n- two"


def test_each_data_set_is_named_once_with_its_licence_and_notes():
    card = {"name": "EEGMAT", "licence": "ODC-By", "notes": ["windows of 4 s"], "fingerprint": "f00d"}
    assert cards([card, dict(card)]) == "- **EEGMAT**, ODC-By\n  - windows of 4 s"
