"""Questions and names: to append to tests/misconceptions/ch10.py; QUESTIONS joins MISCONCEPTIONS there."""

import re
import string
from collections import Counter

import torch

from minidistil.answers import Span
from minidistil.check import Misconception
from minidistil.conll import Entity

_OFFSETS = [(0, 3), (3, 5), (6, 8), (8, 12), (13, 14)]
SPANS = [(_OFFSETS, 0, 5), (_OFFSETS, 6, 8), (_OFFSETS, 6, 12), (_OFFSETS, 1, 2), (_OFFSETS, 3, 13), (_OFFSETS, 5, 6)]


def _overlapping(offsets, start, end):
    inside = [i for i, (first, stop) in enumerate(offsets) if first < end and stop > start]
    return (inside[0], inside[-1]) if inside else None


def end_as_a_character_of_the_answer(offsets, start, end):
    inside = [i for i, (first, stop) in enumerate(offsets) if first <= end and stop > start]
    return (inside[0], inside[-1]) if inside else None


def only_whole_tokens(offsets, start, end):
    inside = [i for i, (first, stop) in enumerate(offsets) if first >= start and stop <= end]
    return (inside[0], inside[-1]) if inside else None


def one_token_too_far(offsets, start, end):
    found = _overlapping(offsets, start, end)
    return found and (found[0], found[1] + 1)


def token_ends_count_as_its_own(offsets, start, end):
    inside = [i for i, (first, stop) in enumerate(offsets) if first < end and stop >= start]
    return (inside[0], inside[-1]) if inside else None


PLACES = [
    ((14, 16), 10, 30, 5),
    ((29, 30), 10, 30, 5),
    ((8, 12), 10, 30, 5),
    ((3, 4), 10, 30, 5),
    (None, 10, 30, 5),
    ((28, 29), 10, 30, 5),
]


def half_an_answer_is_clamped(span, begin, end, context_start):
    if span is None or span[1] < begin or span[0] >= end:
        return 0, 0
    first, last = max(span[0], begin), min(span[1], end - 1)
    return first - begin + context_start, last - begin + context_start


def question_not_counted(span, begin, end, context_start):
    if span is None or span[0] < begin or span[1] >= end:
        return 0, 0
    return span[0] - begin, span[1] - begin


def begin_not_subtracted(span, begin, end, context_start):
    if span is None or span[0] < begin or span[1] >= end:
        return 0, 0
    return span[0] + context_start, span[1] + context_start


def context_start_instead_of_cls(span, begin, end, context_start):
    if span is None or span[0] < begin or span[1] >= end:
        return context_start, context_start
    return span[0] - begin + context_start, span[1] - begin + context_start


def last_token_of_the_window_excluded(span, begin, end, context_start):
    if span is None or span[0] < begin or span[1] >= end - 1:
        return 0, 0
    return span[0] - begin + context_start, span[1] - begin + context_start


_ONE = torch.tensor([[8.0, 1, 0.5, 3, 0, 2, 7], [7.5, 2, 4, 0.25, 3, 1, 9]])
_TWO = torch.tensor([[0.0, 2, 5, 1, 6, 0, 0], [0.0, 6, 1, 2, 0, 3, 0]])
SCORES = [(*_ONE, (1, 6), 3, 4), (*_TWO, (1, 6), 2, 3), (*_TWO, (2, 5), 30, 20), (*_ONE, (1, 6), 1, 20)]


def _spans(starts, ends, context, longest, n_best, allowed=lambda i, j, longest: i <= j < i + longest):
    begin, stop = context
    spans = [
        Span(i, j, starts[i].item() + ends[j].item())
        for i in range(begin, stop)
        for j in range(begin, stop)
        if allowed(i, j, longest)
    ]
    return sorted(spans, key=lambda span: -span.score)[:n_best]


def end_before_start(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    return _spans(start_logits, end_logits, context, max_answer_length, n_best, lambda i, j, n: j < i + n)


def each_end_for_itself(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    begin, stop = context
    i = begin + start_logits[begin:stop].argmax().item()
    j = begin + end_logits[begin:stop].argmax().item()
    return [Span(i, j, start_logits[i].item() + end_logits[j].item())]


def answer_in_the_question(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    return _spans(start_logits, end_logits, (0, len(start_logits)), max_answer_length, n_best)


def counted_from_the_context(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    begin, _ = context
    found = _spans(start_logits, end_logits, context, max_answer_length, n_best)
    return [Span(span.first - begin, span.last - begin, span.score) for span in found]


def no_longest_answer(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    return _spans(start_logits, end_logits, context, 10**6, n_best)


def one_token_longer(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    return _spans(start_logits, end_logits, context, max_answer_length + 1, n_best)


def one_token_shorter(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    return _spans(start_logits, end_logits, context, max_answer_length, n_best, lambda i, j, n: i <= j < i + n - 1)


def single_tokens_left_out(start_logits, end_logits, context, max_answer_length=30, n_best=20):
    return _spans(start_logits, end_logits, context, max_answer_length, n_best, lambda i, j, n: i < j < i + n)


TEXTS = [
    ("The Duke",),
    ("theatre of a banana",),
    ("well-known",),
    ("(The) end.",),
    ("A.",),
    ("one  two",),
    ("I, an heir",),
]


def _without_punctuation(text):
    return "".join(char for char in text if char not in string.punctuation)


def _without_articles(text):
    return re.sub(r"\b(a|an|the)\b", " ", text)


def articles_inside_of_words(text):
    return " ".join(re.sub(r"a|an|the", " ", _without_punctuation(text.lower())).split())


def a_space_for_punctuation(text):
    spaced = "".join(" " if char in string.punctuation else char for char in text.lower())
    return " ".join(_without_articles(spaced).split())


def capitals_kept(text):
    return " ".join(_without_articles(_without_punctuation(text)).split())


def small_letters_last(text):
    return " ".join(_without_articles(_without_punctuation(text)).lower().split())


PAIRS = [
    ("in the 10th century", "10th century"),
    ("no no no", "no"),
    ("Rollo", "rollo!"),
    ("a b c d", "b c"),
    ("Denmark", "Norway"),
    ("no no", "no no no no"),
    ("The duke", "the duke"),
]


def _words(text):
    return " ".join(_without_articles(_without_punctuation(text.lower())).split()).split()


def _f1(one, other, common):
    return 2 * common / (len(one) + len(other)) if common else 0.0


def sets_of_words(prediction, answer):
    one, other = set(_words(prediction)), set(_words(answer))
    return _f1(one, other, len(one & other))


def repeated_words_all_counted(prediction, answer):
    one, other = _words(prediction), _words(answer)
    return _f1(one, other, sum(word in other for word in one))


def not_normalised(prediction, answer):
    one, other = prediction.split(), answer.split()
    return _f1(one, other, sum((Counter(one) & Counter(other)).values()))


def only_the_answer_normalised(prediction, answer):
    one, other = prediction.split(), _words(answer)
    return _f1(one, other, sum((Counter(one) & Counter(other)).values()))


def precision_only(prediction, answer):
    one, other = _words(prediction), _words(answer)
    return sum((Counter(one) & Counter(other)).values()) / len(one) if one else 0.0


def recall_only(prediction, answer):
    one, other = _words(prediction), _words(answer)
    return sum((Counter(one) & Counter(other)).values()) / len(other) if other else 0.0


def arithmetic_mean(prediction, answer):
    return (precision_only(prediction, answer) + recall_only(prediction, answer)) / 2


class _Pieces:
    """Stands for a tokenizer: a piece for each two letters, numbered by its length and place; digits vanish."""

    unk_token_id = 1

    def ids(self, text):
        letters = [char for char in text if not char.isdigit()]
        return [10 + place + len(letters) for place in range(0, len(letters), 2)]


LABELLED = [
    (["abcde", "ab"], [3, 4], _Pieces()),
    (["ab", "7", "abc"], [1, 2, 0], _Pieces()),
    (["abcd"], [2], _Pieces()),
]


def _labelled(words, labels, tokenizer, of_word):
    ids, result = [], []
    for word, label in zip(words, labels):
        pieces = tokenizer.ids(word) or [tokenizer.unk_token_id]
        ids += pieces
        result += of_word(label, len(pieces))
    return ids, result


def labels_on_every_piece(words, labels, tokenizer):
    return _labelled(words, labels, tokenizer, lambda label, n: [label] * n)


def label_on_the_last_piece(words, labels, tokenizer):
    return _labelled(words, labels, tokenizer, lambda label, n: [-100] * (n - 1) + [label])


def outside_instead_of_nothing(words, labels, tokenizer):
    return _labelled(words, labels, tokenizer, lambda label, n: [label] + [0] * (n - 1))


def vanished_words_lose_their_label(words, labels, tokenizer):
    ids, result = [], []
    for word, label in zip(words, labels):
        pieces = tokenizer.ids(word)
        ids += pieces
        result += [label, *[-100] * (len(pieces) - 1)] if pieces else []
    return ids, result


TAGGED = [
    (["O", "B-PER", "I-PER", "O"],),
    (["B-PER", "B-PER"],),
    (["B-PER", "I-LOC"],),
    (["O", "I-LOC", "I-LOC"],),
    (["O", "B-ORG", "I-ORG"],),
    (["I-PER", "O", "I-PER"],),
]


def _names(tags, goes_on, begins):
    found, before = [], "O"
    for place, tag in enumerate(tags):
        if found and goes_on(tag, before):
            found[-1] = found[-1]._replace(last=place)
        elif begins(tag):
            found.append(Entity(tag[2:], place, place))
        before = tag
    return found


def _same(tag, before):
    return tag[:2] == "I-" and before[2:] == tag[2:]


def a_lone_i_is_dropped(tags):
    return _names(tags, lambda tag, before: _same(tag, before), lambda tag: tag[:2] == "B-")


def kinds_not_compared(tags):
    return _names(tags, lambda tag, before: tag[:2] == "I-" and before != "O", lambda tag: tag != "O")


def b_goes_on(tags):
    return _names(tags, lambda tag, before: tag != "O" and before[2:] == tag[2:], lambda tag: tag != "O")


def names_that_end_a_sentence_are_lost(tags):
    return [name for name in _names(tags, _same, lambda tag: tag != "O") if name.last < len(tags) - 1]


def last_word_excluded(tags):
    return [name._replace(last=name.last + 1) for name in _names(tags, _same, lambda tag: tag != "O")]


def o_does_not_end_a_name(tags):
    found = []
    for place, tag in enumerate(tags):
        if tag[:2] == "I-" and found and found[-1].kind == tag[2:]:
            found[-1] = found[-1]._replace(last=place)
        elif tag != "O":
            found.append(Entity(tag[2:], place, place))
    return found


QUESTIONS = [
    Misconception(
        name="the answer's end counted as its own",
        exercise="token_span",
        what="`end` is the character after the answer, but a token that begins there is taken.",
        look="A token is in if it begins before `end`: first < end, not <=.",
        wrong=end_as_a_character_of_the_answer,
        inputs=[SPANS[i] for i in (1, 4, 5)],
    ),
    Misconception(
        name="only whole tokens taken",
        exercise="token_span",
        what="A token that the answer begins or ends inside of is left out.",
        look="Two stretches overlap if each begins before the other ends; the token need not lie within the answer.",
        wrong=only_whole_tokens,
        inputs=[SPANS[i] for i in (3,)],
    ),
    Misconception(
        name="one token too far",
        exercise="token_span",
        what="The second number is the token after the answer; here it is the last one of it.",
        look="Characters are counted as [start, end), tokens with the last one included.",
        wrong=one_token_too_far,
        inputs=[SPANS[i] for i in (0, 1, 2, 3, 4)],
    ),
    Misconception(
        name="a token's end counted as its own",
        exercise="token_span",
        what="A token that ends where the answer begins is taken.",
        look="The second number of an offset is the character after the token: stop > start, not >=.",
        wrong=token_ends_count_as_its_own,
        inputs=[SPANS[i] for i in (4, 5)],
    ),
    Misconception(
        name="half an answer is marked",
        exercise="answer_positions",
        what="Where the window cuts the answer, its rest is marked instead of [CLS].",
        look="Only a window with the first and the last token of the answer has it.",
        wrong=half_an_answer_is_clamped,
        inputs=[PLACES[i] for i in (1, 2)],
    ),
    Misconception(
        name="the question is not counted",
        exercise="answer_positions",
        what="The places are counted from the context's first token, not from [CLS].",
        look="Add context_start: [CLS], the question and [SEP] stand before.",
        wrong=question_not_counted,
        inputs=[PLACES[i] for i in (0, 5)],
    ),
    Misconception(
        name="the window's beginning is not subtracted",
        exercise="answer_positions",
        what="The places are counted in the whole text, though the window begins later.",
        look="The text's token `begin` stands at context_start.",
        wrong=begin_not_subtracted,
        inputs=[PLACES[i] for i in (0, 5)],
    ),
    Misconception(
        name="the first word instead of [CLS]",
        exercise="answer_positions",
        what="A window without the answer points at the first token of the context.",
        look="That token may be an answer; [CLS], at place 0, never is.",
        wrong=context_start_instead_of_cls,
        inputs=[PLACES[i] for i in (1, 2, 3, 4)],
    ),
    Misconception(
        name="the window's last token excluded",
        exercise="answer_positions",
        what="An answer whose last token is the window's last one is given up.",
        look="`end` is the token after the window's last: span[1] < end is enough.",
        wrong=last_token_of_the_window_excluded,
        inputs=[PLACES[i] for i in (5,)],
    ),
    Misconception(
        name="the end before the start",
        exercise="best_spans",
        what="Pairs whose end stands before their start are counted as spans.",
        look="For a start i the ends begin with i.",
        wrong=end_before_start,
        inputs=[SCORES[i] for i in (0, 1, 2, 3)],
    ),
    Misconception(
        name="each end for itself",
        exercise="best_spans",
        what="The likeliest start and the likeliest end are taken, whatever lies between.",
        look="What is wanted is the pair with the highest sum among all allowed pairs.",
        wrong=each_end_for_itself,
        inputs=[SCORES[i] for i in (0, 1, 2, 3)],
    ),
    Misconception(
        name="an answer in the question",
        exercise="best_spans",
        what="All tokens of the window are looked at, the question and the frame among them.",
        look="Both loops run over the context only, from context[0] to before context[1].",
        wrong=answer_in_the_question,
        inputs=[SCORES[i] for i in (0, 2, 3)],
    ),
    Misconception(
        name="counted from the context",
        exercise="best_spans",
        what="The tokens are counted from the context's first one instead of the window's.",
        look="If you cut the logits, add context[0] to what you found.",
        wrong=counted_from_the_context,
        inputs=[SCORES[i] for i in (0, 1, 2, 3)],
    ),
    Misconception(
        name="no longest answer",
        exercise="best_spans",
        what="max_answer_length is not looked at.",
        look="The ends for a start i stop before i + max_answer_length.",
        wrong=no_longest_answer,
        inputs=[SCORES[i] for i in (0, 1, 3)],
    ),
    Misconception(
        name="one token too long",
        exercise="best_spans",
        what="Answers of max_answer_length + 1 tokens are allowed.",
        look="From i to j are j - i + 1 tokens.",
        wrong=one_token_longer,
        inputs=[SCORES[i] for i in (0, 3)],
    ),
    Misconception(
        name="one token too short",
        exercise="best_spans",
        what="Answers of max_answer_length tokens are not allowed.",
        look="From i to j are j - i + 1 tokens.",
        wrong=one_token_shorter,
        inputs=[SCORES[i] for i in (0, 1, 3)],
    ),
    Misconception(
        name="answers of one token left out",
        exercise="best_spans",
        what="A span has to end after its start here, but most answers are short.",
        look="First and last token may be the same.",
        wrong=single_tokens_left_out,
        inputs=[SCORES[i] for i in (0, 1, 2, 3)],
    ),
    Misconception(
        name="articles inside of words",
        exercise="normalize_answer",
        what="The letters a, an and the are taken out of words, too.",
        look="An article is a whole word: \\b on both sides.",
        wrong=articles_inside_of_words,
        inputs=[TEXTS[i] for i in (1, 6)],
    ),
    Misconception(
        name="a space for punctuation",
        exercise="normalize_answer",
        what="Punctuation is replaced by a space; well-known becomes two words.",
        look="The official rule takes it out and leaves nothing.",
        wrong=a_space_for_punctuation,
        inputs=[TEXTS[i] for i in (2,)],
    ),
    Misconception(
        name="capitals kept",
        exercise="normalize_answer",
        what="Capital letters stay, so that The is no article and Rollo is not rollo.",
        look="Make the letters small first.",
        wrong=capitals_kept,
        inputs=[TEXTS[i] for i in (0, 3, 4, 6)],
    ),
    Misconception(
        name="small letters last",
        exercise="normalize_answer",
        what="The articles are looked for before the letters are small, so The stays.",
        look="Make the letters small first.",
        wrong=small_letters_last,
        inputs=[TEXTS[i] for i in (0, 3, 4)],
    ),
    Misconception(
        name="sets of words",
        exercise="token_f1",
        what="Repeated words count once.",
        look="A word counts as often as both have it: Counter(one) & Counter(other).",
        wrong=sets_of_words,
        inputs=[PAIRS[i] for i in (1, 5)],
    ),
    Misconception(
        name="repeated words all counted",
        exercise="token_f1",
        what="Every word of the prediction that is in the answer counts, however often the answer has it.",
        look="A word counts as often as both have it: Counter(one) & Counter(other).",
        wrong=repeated_words_all_counted,
        inputs=[PAIRS[i] for i in (1,)],
    ),
    Misconception(
        name="not normalised",
        exercise="token_f1",
        what="The texts are compared as they are.",
        look="Normalise both before splitting.",
        wrong=not_normalised,
        inputs=[PAIRS[i] for i in (0, 2, 3, 6)],
    ),
    Misconception(
        name="only the answer normalised",
        exercise="token_f1",
        what="The prediction is compared as it is.",
        look="Normalise both before splitting.",
        wrong=only_the_answer_normalised,
        inputs=[PAIRS[i] for i in (0, 2, 3, 6)],
    ),
    Misconception(
        name="precision alone",
        exercise="token_f1",
        what="Words of the answer that are missing in the prediction cost nothing.",
        look="F1 is the harmonic mean of precision and recall.",
        wrong=precision_only,
        inputs=[PAIRS[i] for i in (0, 1, 3, 5)],
    ),
    Misconception(
        name="the arithmetic mean",
        exercise="token_f1",
        what="Precision and recall are added and halved.",
        look="The harmonic mean: 2 p r / (p + r).",
        wrong=arithmetic_mean,
        inputs=[PAIRS[i] for i in (0, 1, 3, 5)],
    ),
    Misconception(
        name="labels on every piece",
        exercise="label_pieces",
        what="All pieces of a word have its label, so long words count more.",
        look="Pieces after the first have -100.",
        wrong=labels_on_every_piece,
        inputs=[LABELLED[i] for i in (0, 1, 2)],
    ),
    Misconception(
        name="the label on the last piece",
        exercise="label_pieces",
        what="The last piece speaks for its word.",
        look="The convention is the first piece.",
        wrong=label_on_the_last_piece,
        inputs=[LABELLED[i] for i in (0, 1, 2)],
    ),
    Misconception(
        name="outside instead of nothing",
        exercise="label_pieces",
        what="Pieces after the first are labelled 0, which is a class (O).",
        look="-100 asks nothing; 0 teaches the model that half of each name is none.",
        wrong=outside_instead_of_nothing,
        inputs=[LABELLED[i] for i in (0, 1, 2)],
    ),
    Misconception(
        name="vanished words lose their label",
        exercise="label_pieces",
        what="A word without pieces has no label, so that all later words move up.",
        look="tokenizer.ids(word) or [tokenizer.unk_token_id].",
        wrong=vanished_words_lose_their_label,
        inputs=[LABELLED[i] for i in (1,)],
    ),
    Misconception(
        name="a lone I- is dropped",
        exercise="entities",
        what="Only B- begins a name here.",
        look="An I- without the same kind before it begins one, too.",
        wrong=a_lone_i_is_dropped,
        inputs=[TAGGED[i] for i in (2, 3, 5)],
    ),
    Misconception(
        name="kinds are not compared",
        exercise="entities",
        what="An I- of another kind goes on with the name before.",
        look="Compare tag[2:] with that of the tag before.",
        wrong=kinds_not_compared,
        inputs=[TAGGED[i] for i in (2,)],
    ),
    Misconception(
        name="B- goes on",
        exercise="entities",
        what="Two names of one kind side by side become one.",
        look="B- always begins a new name.",
        wrong=b_goes_on,
        inputs=[TAGGED[i] for i in (1,)],
    ),
    Misconception(
        name="names at the end of a sentence are lost",
        exercise="entities",
        what="A name that ends with the sentence is not in the list.",
        look="If you add a name when it ends, add one more after the loop.",
        wrong=names_that_end_a_sentence_are_lost,
        inputs=[TAGGED[i] for i in (1, 2, 3, 4, 5)],
    ),
    Misconception(
        name="the last word excluded",
        exercise="entities",
        what="The second number is the word after the name; here it is the last one of it.",
        look="A name of one word has the same first and last.",
        wrong=last_word_excluded,
        inputs=[TAGGED[i] for i in (0, 1, 2, 3, 4, 5)],
    ),
    Misconception(
        name="O does not end a name",
        exercise="entities",
        what="An I- goes on with a name although an O stands between them.",
        look="Compare with the tag right before, not with the last name.",
        wrong=o_does_not_end_a_name,
        inputs=[TAGGED[i] for i in (5,)],
    ),
]

MISCONCEPTIONS = QUESTIONS
