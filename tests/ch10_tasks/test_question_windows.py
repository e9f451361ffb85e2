"""Windows against those of the `tokenizers` library; positions of answers, by hand and on the real file."""

from pathlib import Path
from types import ModuleType

import pytest
from tokenizers import Tokenizer

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch10_tasks.question_answers import exact_match
from minidistil.ch10_tasks.question_windows import Answer, Question, Window, token_span, window_starts, windows
from minidistil.ch10_tasks.squad import read_squad

OFFSETS = [(0, 3), (3, 5), (5, 6), (6, 7), (8, 11), (11, 12), (13, 17), (18, 25), (25, 26)]
# of "Rollo's men, from Denmark,", which begins with the pieces Rol ##lo


def ask(context: str, text: str, question: str = "who?") -> Question:
    return Question("1", "title", question, context, (Answer(text, context.index(text)),))


def marked_text(window: Window, context: str) -> str:
    """The text between a window's first and last token of the answer."""
    assert isinstance(window.label, list)
    first, last = (position - window.context_start for position in window.label)
    return context[window.offsets[first][0] : window.offsets[last][1]]


# The exercises


@pytest.mark.parametrize(
    ("start", "end", "expected", "why"),
    [
        (18, 25, (7, 7), "one token is both the first and the last"),
        (0, 5, (0, 1), "Rollo has two pieces"),
        (13, 26, (6, 8), "from Denmark,"),
        (0, 3, (0, 0), "the answer's end does not belong to it"),
        (3, 5, (1, 1), "a token's end does not belong to it"),
        (1, 2, (0, 0), "a token with a part of the answer is taken as a whole"),
        (15, 20, (6, 7), "the answer begins and ends inside a token"),
        (14, 15, (6, 6), "the answer lies inside one token"),
        (12, 18, (6, 6), "spaces around the answer belong to no token"),
        (17, 26, (7, 8), "a space before the answer belongs to no token"),
        (7, 8, None, "there is no token between two tokens"),
        (30, 40, None, "there is no token after the last one"),
    ],
)
def test_tokens_of_an_answer(impl: ModuleType, start: int, end: int, expected: object, why: str) -> None:
    assert impl.token_span(OFFSETS, start, end) == expected, why


def test_a_text_without_tokens_has_no_span(impl: ModuleType) -> None:
    assert impl.token_span([], 0, 5) is None


@pytest.mark.parametrize(
    ("span", "begin", "end", "expected"),
    [
        ((4, 6), 0, 20, (9, 11)),  # the first window: after [CLS], three tokens and [SEP]
        ((14, 16), 10, 30, (9, 11)),  # a later one
        ((10, 12), 10, 30, (5, 7)),  # at its very beginning
        ((29, 29), 10, 30, (24, 24)),  # at its very end
        ((3, 4), 0, 5, (8, 9)),
    ],
)
def test_positions_are_counted_from_cls(
    span: tuple[int, int], begin: int, end: int, expected: tuple[int, int], impl: ModuleType
) -> None:
    assert tuple(impl.answer_positions(span, begin, end, 5)) == expected


@pytest.mark.parametrize("span", [(3, 8), (29, 31), (30, 30), (8, 9), (40, 44), (5, 50), None])
def test_a_window_without_the_whole_answer_points_at_cls(span: tuple[int, int] | None, impl: ModuleType) -> None:
    assert tuple(impl.answer_positions(span, 10, 30, 5)) == (0, 0)


# Windows


@pytest.mark.parametrize(
    ("length", "room", "stride", "expected"),
    [(0, 10, 5, [0]), (10, 10, 5, [0]), (11, 10, 5, [0, 5]), (15, 10, 5, [0, 5]), (16, 10, 5, [0, 5, 10])],
)
def test_the_last_window_is_the_first_to_reach_the_end(
    length: int, room: int, stride: int, expected: list[int]
) -> None:
    assert window_starts(length, room, stride) == expected


@pytest.mark.parametrize("stride", [0, -3, 11])
def test_a_stride_that_goes_nowhere_or_leaves_gaps_is_refused(stride: int) -> None:
    with pytest.raises(ValueError, match=rf"stride must be from 1 to 10, .* got {stride}"):
        window_starts(100, 10, stride)


@pytest.mark.parametrize(("max_length", "stride"), [(64, 20), (48, 15), (384, 128), (40, 9)])
def test_windows_equal_those_of_tokenizers(
    max_length: int, stride: int, tokenizer: WordPiece, official_tokenizer: Tokenizer
) -> None:
    """Its stride is the overlap of two windows, so it depends on the question's length."""
    question = "Who wrote the text of the café's menu, and when?"
    context = " ".join(f"Sentence {number} is about naïve résumés, and unremarkable." for number in range(40))
    found = windows([ask(context, "Sentence 7", question)], tokenizer, max_length, stride)
    room = max_length - len(tokenizer.ids(question)) - 3
    official = Tokenizer.from_str(official_tokenizer.to_str())
    official.enable_truncation(max_length, stride=room - stride, strategy="only_second")
    first = official.encode(question, context)
    assert len(found) == 1 + len(first.overflowing) > 1
    for window, expected in zip(found, [first, *first.overflowing], strict=True):
        assert window.input_ids == expected.ids
        assert window.token_type_ids == expected.type_ids
        assert window.offsets == expected.offsets[window.context_start : window.context_end]
        assert {*expected.sequence_ids[window.context_start : window.context_end]} == {1}


def test_the_answer_is_where_tokenizers_finds_it(tokenizer: WordPiece, official_tokenizer: Tokenizer) -> None:
    context, answer = "The Épée was lost in Châlons-sur-Marne (France), they say.", "Châlons-sur-Marne"
    (window,) = windows([ask(context, answer, "Where was it lost?")], tokenizer)
    official = official_tokenizer.encode("Where was it lost?", context)
    start = context.index(answer)
    assert window.label == [official.char_to_token(place, 1) for place in (start, start + len(answer) - 1)]
    assert marked_text(window, context) == answer


def test_every_token_of_a_long_text_is_in_a_window_and_so_is_the_answer(tokenizer: WordPiece) -> None:
    context = " ".join(f"word{number}" for number in range(300)) + " treasure " + "and so on " * 100
    found = windows([ask(context, "treasure")], tokenizer, 100, 30)
    assert {offset for window in found for offset in window.offsets} == set(tokenizer.encode(context).offsets[1:-1])
    with_answer = [window for window in found if window.label != [0, 0]]
    assert with_answer
    assert all(marked_text(window, context) == "treasure" for window in with_answer)
    without = [window for window in found if window.label == [0, 0]]
    assert len(without) > 3
    assert not any(context.index("treasure") == start for window in without for start, _ in window.offsets)


def test_a_question_that_is_too_long_loses_its_end_and_is_counted(tokenizer: WordPiece) -> None:
    long = ask("A short text. " * 60, "short", "why " * 70 + "not")
    found = windows([ask("It is short.", "short"), long], tokenizer, 128, 32)
    assert [window.cut for window in found] == [0, 7, *[0] * (len(found) - 2)]  # 71 tokens, 64 of them kept
    assert [window.example for window in found] == [0, *[1] * (len(found) - 1)]
    assert all(window.context_start == 66 for window in found[1:])
    assert all(len(window.input_ids) <= 128 for window in found)


def test_neighbours_have_half_in_common_if_there_is_little_room(tokenizer: WordPiece) -> None:
    found = windows([ask("so it goes " * 60, "goes")], tokenizer, 45, 128)
    room = 45 - found[0].context_start - 1
    assert found[0].offsets[room // 2 :] == found[1].offsets[: room - room // 2]


def test_a_text_without_a_token_has_one_window_without_an_answer(tokenizer: WordPiece) -> None:
    (window,) = windows([Question("1", "t", "who?", "\x00 \x01", (Answer("\x01", 2),))], tokenizer)
    assert (window.label, window.offsets) == ([0, 0], [])
    (without_answers,) = windows([Question("1", "t", "who?", "Nobody was asked.", ())], tokenizer)
    assert without_answers.label == [0, 0]


def test_no_room_beside_the_question_is_an_error(tokenizer: WordPiece) -> None:
    with pytest.raises(ValueError, match=r"max_length=6 leaves room for 1 tokens .* 'who\?': expected 7 or more"):
        windows([ask("A text.", "text")], tokenizer, 6)
    assert windows([ask("A text.", "text")], tokenizer, 7)


def test_every_answer_of_the_real_file_comes_back(tokenizer: WordPiece, outside_data: Path) -> None:
    """The text of the answer's tokens is the answer, unless people marked half a word."""
    questions = read_squad(next((outside_data / "squad").glob("*.json")))
    known: dict[str, list[tuple[int, int]]] = {}
    right, total = 0, 0
    for question in questions:
        if question.context not in known:
            known[question.context] = tokenizer.encode(question.context).offsets[1:-1]
        offsets = known[question.context]
        for text, start in question.answers:
            span = token_span(offsets, start, start + len(text))
            assert span is not None
            found = question.context[offsets[span[0]][0] : offsets[span[1]][1]]
            assert text in found
            right, total = right + exact_match(found, text), total + 1
    assert total > 2000
    assert right / total > 0.995
