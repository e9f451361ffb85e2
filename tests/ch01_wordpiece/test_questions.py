"""Numbers and pieces in the answers to chapter 1's questions are what the package finds."""

from collections.abc import Callable

import pytest

from minidistil.ch01_wordpiece import Merger, count_pairs, first_pieces, longest_match, truncate
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.course.questions import read_questions

WORDS = {"play": 6, "player": 3, "playing": 4, "stay": 5, "stayed": 3, "staying": 2}


def pairs_of_s_and_t() -> str:
    return f"{count_pairs((first_pieces(word), count) for word, count in WORDS.items())['s', '##t']} times"


def match() -> str:
    found = longest_match("abc", {"a": 0, "ab": 1, "##bc": 2})
    return "Nothing" if found is None else " ".join(found)


def cut() -> str:
    return " and ".join(str(len(part)) for part in truncate([list(range(10)), list(range(10))], 9))


def length_of_a_pair() -> str:
    tokenizer = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"])
    return str(len(tokenizer.encode("a a a a", "a a a").ids))


def score() -> str:
    return f"{Merger({'ab': 1}, 'likelihood').score(('a', '##b')):g}"


@pytest.mark.parametrize(
    ("asked", "computed"),
    [
        ("the pair `s ##t` occur", pairs_of_s_and_t),
        ("make of the word abc", match),
        ("likelihood score", score),
        ("must fit into 9", cut),
        ("encoded as a pair", length_of_a_pair),
    ],
)
def test_the_marked_answer_is_the_computed_one(asked: str, computed: Callable[[], str]) -> None:
    (question,) = [each for each in read_questions("ch01") if asked in each.question]
    (right,) = [choice.text for choice in question.choices if choice.right]
    assert right.startswith(computed())
