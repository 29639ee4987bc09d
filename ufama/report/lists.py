"""Results that are no table, as a list in Markdown."""

from collections.abc import Iterable, Mapping

from ufama.data.windows import DataCard


def listed(items: Mapping[str, object] | Iterable[str]) -> str:
    """A line for each item; a mapping's values stand behind their names. ``Markdown(listed(...))`` shows it."""
    lines = [f"{name}: {_text(value)}" for name, value in items.items()] if isinstance(items, Mapping) else items
    return "\n".join(f"- {line}" for line in lines)


def _text(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value))
    return {True: "yes", False: "no", None: "none"}[value] if value is None or isinstance(value, bool) else str(value)


def cards(described: Iterable[DataCard | Mapping]) -> str:
    """Each data set once, with its licence and notes."""
    facts = {
        card["fingerprint"]: card for card in (one if isinstance(one, Mapping) else vars(one) for one in described)
    }
    lines = []
    for card in facts.values():
        lines += [f"- **{card['name']}**, {card['licence']}", *(f"  - {note}" for note in card["notes"])]
    return "\n".join(lines)
