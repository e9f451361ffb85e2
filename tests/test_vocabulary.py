"""Chapter 1, a vocabulary from scratch: against recounting by hand and the trainer of `tokenizers`."""

from types import ModuleType

import pytest


def test_pairs_count_as_often_as_their_words(impl: ModuleType) -> None:
    words = [(["h", "##u", "##g"], 10), (["p", "##u", "##g"], 5), (["h", "##u", "##g", "##s"], 5), (["a"], 7)]
    expected = {("h", "##u"): 15, ("##u", "##g"): 20, ("p", "##u"): 5, ("##g", "##s"): 5}
    assert dict(impl.count_pairs(words)) == expected


def test_a_pair_may_occur_twice_in_a_word(impl: ModuleType) -> None:
    assert dict(impl.count_pairs([(["a", "##n", "##a", "##n", "##a"], 3)])) == {
        ("a", "##n"): 3,
        ("##n", "##a"): 6,
        ("##a", "##n"): 3,
    }


@pytest.mark.parametrize(
    ("pieces", "pair", "expected"),
    [
        (["h", "##u", "##g", "##s"], ("##u", "##g"), ["h", "##ug", "##s"]),
        (["h", "##u", "##g"], ("h", "##u"), ["hu", "##g"]),
        (["b", "##a", "##n", "##a", "##n", "##a"], ("##a", "##n"), ["b", "##an", "##an", "##a"]),
        (["h", "##m", "##m", "##m", "##m", "##m"], ("##m", "##m"), ["h", "##mm", "##mm", "##m"]),
        (["h", "##u", "##g"], ("##g", "##u"), ["h", "##u", "##g"]),
        (["a"], ("a", "##a"), ["a"]),
        (["a", "##a", "##a"], ("##a", "##a"), ["a", "##aa"]),
    ],
)
def test_merging_makes_each_occurrence_one_piece(
    impl: ModuleType, pieces: list[str], pair: tuple[str, str], expected: list[str]
) -> None:
    given = list(pieces)
    assert list(impl.merge_pair(given, pair)) == expected
    assert given == pieces, "the list that was given must stay as it is"
