"""The glossary: its links lead to sections that exist and in which the term occurs."""

import re
from urllib.parse import unquote

import pytest

from tests.glossary import ENTRY, GLOSSARY, place, plain, sections, with_links

LINES = [line for line in GLOSSARY.read_text(encoding="utf-8").splitlines() if line.startswith("*")]
ENTRIES = [match for line in LINES if (match := ENTRY.match(line))]


def test_each_line_is_an_entry_and_no_term_comes_twice() -> None:
    assert [line for line in LINES if not ENTRY.match(line)] == []
    terms = [entry["term"].lower() for entry in ENTRIES]
    assert terms == sorted(set(terms))
    assert len(terms) > 100


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["term"])
def test_the_section_of_a_link_exists_and_has_the_term(entry: re.Match[str]) -> None:
    found = {plain(heading): heading + body for heading, body in sections(entry["notebook"]).items()}
    anchor = unquote(entry["anchor"])
    again = "after a change of sections run: python -m tests.glossary"
    assert anchor in found, again
    assert anchor.startswith(entry["number"])
    assert entry["term"].lower() in found[anchor].lower(), again


def test_the_links_can_be_made_again() -> None:
    text = GLOSSARY.read_text(encoding="utf-8")
    spoiled = re.sub(r"#\S+\)$", "#1.1-Elsewhere)", text, flags=re.M)
    assert spoiled != text
    assert with_links(spoiled) == with_links(text)
    with pytest.raises(ValueError, match=r"'flux capacitor' does not occur in a section of 03_attention\.ipynb"):
        place("flux capacitor", "03_attention.ipynb")
