"""Chapter 10: wrong metrics, batches, second distillations, answers and names that people really write."""

import re
import string
from collections import Counter

import torch

from minidistil.ch05_weights.classifiers import SequenceClassifier, TokenClassifier
from minidistil.ch05_weights.question_answering import QuestionAnswering
from minidistil.ch06_losses.losses import soft_target_loss
from minidistil.ch10_tasks.conll import Entity
from minidistil.ch10_tasks.question_answers import Span
from minidistil.ch10_tasks.tasks import Feature, TaskBatch
from minidistil.course.misconceptions import Misconception

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


# Metrics

_RIGHT, _GUESSED = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 1, 0, 0, 0, 0, 0]
CLASSES = [(_RIGHT, _GUESSED), ([1, 1, 0, 0, 0, 0, 0], [1, 0, 1, 1, 0, 0, 0])]
ONE_ANSWER = [([1, 1, 0], [1, 1, 1]), ([0, 1, 0], [0, 0, 0])]
TIED = [([1.0, 2.0, 2.0, 5.0, 3.0], [0.1, 0.3, 0.2, 0.4, 0.2]), ([0.0, 0.0, 1.0, 4.0], [2.0, 1.0, 1.0, 9.0])]


def _counts(right, guessed, positive=1):
    pairs = Counter((a == positive, b == positive) for a, b in zip(right, guessed))
    return pairs[True, True], pairs[False, True], pairs[True, False], pairs[False, False]


def plain_mean(right, guessed, positive=1):
    h, f, m, _ = _counts(right, guessed, positive)
    return (h / (h + f) + h / (h + m)) / 2 if h else 0.0


def accuracy_instead(right, guessed, positive=1):
    h, f, m, r = _counts(right, guessed, positive)
    return (h + r) / (h + f + m + r)


def precision_alone(right, guessed, positive=1):
    h, f, _, _ = _counts(right, guessed, positive)
    return h / (h + f) if h else 0.0


def recall_alone(right, guessed, positive=1):
    h, _, m, _ = _counts(right, guessed, positive)
    return h / (h + m) if h else 0.0


def positive_ignored(right, guessed, positive=1):
    h, f, m, _ = _counts(right, guessed)
    return 2 * h / (2 * h + f + m) if h else 0.0


def mean_over_both_classes(right, guessed, positive=1):
    def one(which):
        h, f, m, _ = _counts(right, guessed, which)
        return 2 * h / (2 * h + f + m) if h else 0.0

    return (one(0) + one(1)) / 2


def no_find_divides_by_zero(right, guessed, positive=1):
    h, f, m, _ = _counts(right, guessed, positive)
    precision, recall = h / (h + f), h / (h + m)
    return 2 * precision * recall / (precision + recall)


def _matthews(h, f, m, r, root=True, minus=True):
    below = (h + f) * (h + m) * (r + f) * (r + m)
    above = h * r - f * m if minus else h * r + f * m
    return (above / (below**0.5 if root else below)) if below else 0.0


def root_forgotten(right, guessed):
    return _matthews(*_counts(right, guessed), root=False)


def plus_instead_of_minus(right, guessed):
    return _matthews(*_counts(right, guessed), minus=False)


def one_answer_divides_by_zero(right, guessed):
    h, f, m, r = _counts(right, guessed)
    return (h * r - f * m) / ((h + f) * (h + m) * (r + f) * (r + m)) ** 0.5


def twice_accuracy_minus_one(right, guessed):
    h, f, m, r = _counts(right, guessed)
    return 2 * (h + r) / (h + f + m + r) - 1


def _pearson(a, b):
    a, b = torch.tensor([a, b], dtype=torch.float64)
    a, b = a - a.mean(), b - b.mean()
    below = (a.square().sum() * b.square().sum()).sqrt()
    return (a @ b / below).item() if below else 0.0


def _middle_ranks(values):
    return [sum(v < x for v in values) + (1 + sum(v == x for v in values)) / 2 for x in values]


def pearson_of_the_values(right, guessed):
    return _pearson(list(right), list(guessed))


def ties_take_the_first_place(right, guessed):
    return _pearson(*([1.0 + sorted(each).index(x) for x in each] for each in (right, guessed)))


def ties_in_order_of_appearance(right, guessed):
    def places(values):
        result = [0.0] * len(values)
        for place, index in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
            result[index] = float(place)
        return result

    return _pearson(places(right), places(guessed))


def ties_share_a_dense_rank(right, guessed):
    return _pearson(*([float(sorted(set(each)).index(x)) for x in each] for each in (right, guessed)))


def six_d_squared(right, guessed):
    a, b = _middle_ranks(right), _middle_ranks(guessed)
    return 1 - 6 * sum((x - y) ** 2 for x, y in zip(a, b)) / (len(a) * (len(a) ** 2 - 1))


def order_taken_for_ranks(right, guessed):
    return _pearson(*([float(i) for i in sorted(range(len(each)), key=lambda i: each[i])] for each in (right, guessed)))


# Batches


def _collated(features, pad_token_id, model_class):
    def padded(rows, fill):
        longest = max(map(len, rows))
        return torch.tensor([[*row, *[fill] * (longest - len(row))] for row in rows])

    ids, labels = [feature.input_ids for feature in features], [feature.label for feature in features]
    return TaskBatch(
        padded(ids, pad_token_id),
        padded([[1] * len(row) for row in ids], 0),
        padded(labels, -100) if model_class is TokenClassifier else torch.tensor(labels),
        padded([feature.token_type_ids for feature in features], 0),
    )


def _batch(features, pad_token_id, model_class, length=None, label=-100, types=0):
    batch = _collated(features, pad_token_id, model_class)
    gap = 0 if length is None else max(0, length - batch.input_ids.shape[1])
    if gap:
        batch = TaskBatch(
            torch.nn.functional.pad(batch.input_ids, (0, gap), value=pad_token_id),
            torch.nn.functional.pad(batch.attention_mask, (0, gap)),
            torch.nn.functional.pad(batch.labels, (0, gap), value=-100)
            if model_class is TokenClassifier
            else batch.labels,
            torch.nn.functional.pad(batch.token_type_ids, (0, gap)),
        )
    padding = batch.attention_mask == 0
    labels = batch.labels.masked_fill(padding, label) if model_class is TokenClassifier else batch.labels
    return TaskBatch(batch.input_ids, batch.attention_mask, labels, batch.token_type_ids.masked_fill(padding, types))


def padded_to_a_fixed_length(features, pad_token_id, model_class):
    return _batch(features, pad_token_id, model_class, length=128)


def labels_padded_with_zero(features, pad_token_id, model_class):
    return _batch(features, pad_token_id, model_class, label=0)


def labels_padded_with_the_pad_token(features, pad_token_id, model_class):
    return _batch(features, pad_token_id, model_class, label=pad_token_id)


def mask_from_the_ids(features, pad_token_id, model_class):
    batch = _collated(features, pad_token_id, model_class)
    return TaskBatch(batch.input_ids, (batch.input_ids != pad_token_id).long(), batch.labels, batch.token_type_ids)


def padded_with_zero_always(features, pad_token_id, model_class):
    return _collated(features, 0, model_class)


def mask_of_ones(features, pad_token_id, model_class):
    batch = _collated(features, pad_token_id, model_class)
    return TaskBatch(batch.input_ids, torch.ones_like(batch.input_ids), batch.labels, batch.token_type_ids)


def padded_on_the_left(features, pad_token_id, model_class):
    batch = _collated(features, pad_token_id, model_class)
    width = batch.input_ids.shape[1]
    shifts = [width - len(feature.input_ids) for feature in features]

    def moved(rows):
        return torch.stack([row.roll(shift) for row, shift in zip(rows, shifts)])

    labels = moved(batch.labels) if model_class is TokenClassifier else batch.labels
    return TaskBatch(moved(batch.input_ids), moved(batch.attention_mask), labels, moved(batch.token_type_ids))


def labels_as_floats(features, pad_token_id, model_class):
    batch = _collated(features, pad_token_id, model_class)
    return TaskBatch(batch.input_ids, batch.attention_mask, batch.labels.float(), batch.token_type_ids)


def cut_to_the_shortest(features, pad_token_id, model_class):
    batch = _collated(features, pad_token_id, model_class)
    width = min(len(feature.input_ids) for feature in features)
    labels = batch.labels[:, :width] if model_class is TokenClassifier else batch.labels
    return TaskBatch(
        batch.input_ids[:, :width], batch.attention_mask[:, :width], labels, batch.token_type_ids[:, :width]
    )


_TEXTS = [Feature([4, 9, 7, 5], [0, 0, 1, 1], 1, 0), Feature([4, 5], [0, 1], 0, 1)]
_TAGGED = [
    Feature([4, 8, 5], [0, 0, 0], [-100, 2, -100], 0),
    Feature([4, 8, 8, 8, 5], [0] * 5, [-100, 1, 3, 0, -100], 1),
]
BATCHES = [(_TEXTS, 9, SequenceClassifier), (_TAGGED, 6, TokenClassifier), (_TAGGED, 0, TokenClassifier)]


def _same_batches(function, other):
    """Whether two functions make the same batches, to the type of each number."""
    for case in BATCHES:
        ours, theirs = vars(function(*case)), vars(other(*case))
        for name, tensor in theirs.items():
            if ours[name].dtype != tensor.dtype or not torch.equal(ours[name], tensor):
                return False
    return True


def _batches_like(wrong):
    return lambda function: _same_batches(function, wrong)


# The second distillation

_GENERATOR = torch.Generator().manual_seed(10)
_ANSWERS = _collated(
    [Feature([4, 8, 7, 5], [0] * 4, [0, 1], 0), Feature([4, 5], [0] * 2, [1, 1], 1)], 0, QuestionAnswering
)
_NUMBERS = _collated([Feature([4, 5], [0] * 2, 2.5, 0), Feature([4, 5], [0] * 2, 1.0, 1)], 0, SequenceClassifier)
_TAGS = _collated(_TAGGED, 0, TokenClassifier)
_SORTED = _collated(_TEXTS, 0, SequenceClassifier)


def _said(*shape):
    return torch.randn(2, *shape, generator=_GENERATOR).mul(2).unbind(0)


ANSWERS = [(QuestionAnswering, *_said(2, 4, 2), _ANSWERS, 2.0), (QuestionAnswering, *_said(2, 4, 2), _ANSWERS, 1.0)]
TAGS = [(TokenClassifier, *_said(2, 5, 4), _TAGS, 2.0)]
TEXTS = [(SequenceClassifier, *_said(2, 3), _SORTED, 2.0)]
NUMBERS = [(SequenceClassifier, *_said(2, 1), _NUMBERS, 2.0)]


def _places(each, batch, fill=-1e4):
    return each.mT.masked_fill(batch.attention_mask[:, None] == 0, fill)


def _imitate(model_class, student, teacher, batch, temperature):
    if model_class is QuestionAnswering:
        student, teacher = _places(student, batch), _places(teacher, batch)
    elif model_class is TokenClassifier:
        student, teacher = student[batch.labels != -100], teacher[batch.labels != -100]
    elif student.shape[-1] == 1:
        return (student - teacher.detach()).square().mean()
    return soft_target_loss(student, teacher, temperature)


def softmax_over_start_and_end(model_class, student, teacher, batch, temperature):
    if model_class is QuestionAnswering:
        return soft_target_loss(student[batch.attention_mask == 1], teacher[batch.attention_mask == 1], temperature)
    return _imitate(model_class, student, teacher, batch, temperature)


def padding_is_a_place(model_class, student, teacher, batch, temperature):
    if model_class is QuestionAnswering:
        return soft_target_loss(student.mT, teacher.mT, temperature)
    return _imitate(model_class, student, teacher, batch, temperature)


def padding_scored_zero(model_class, student, teacher, batch, temperature):
    if model_class is QuestionAnswering:
        return soft_target_loss(_places(student, batch, 0.0), _places(teacher, batch, 0.0), temperature)
    return _imitate(model_class, student, teacher, batch, temperature)


def padding_at_minus_infinity(model_class, student, teacher, batch, temperature):
    if model_class is QuestionAnswering:
        return soft_target_loss(_places(student, batch, -torch.inf), _places(teacher, batch, -torch.inf), temperature)
    return _imitate(model_class, student, teacher, batch, temperature)


def only_the_start(model_class, student, teacher, batch, temperature):
    if model_class is QuestionAnswering:
        return soft_target_loss(_places(student, batch)[:, 0], _places(teacher, batch)[:, 0], temperature)
    return _imitate(model_class, student, teacher, batch, temperature)


def both_ends_added(model_class, student, teacher, batch, temperature):
    loss = _imitate(model_class, student, teacher, batch, temperature)
    return 2 * loss if model_class is QuestionAnswering else loss


def every_token_counts(model_class, student, teacher, batch, temperature):
    if model_class is TokenClassifier:
        return soft_target_loss(student, teacher, temperature)
    return _imitate(model_class, student, teacher, batch, temperature)


def real_tokens_without_a_label_count(model_class, student, teacher, batch, temperature):
    if model_class is TokenClassifier:
        return soft_target_loss(student[batch.attention_mask == 1], teacher[batch.attention_mask == 1], temperature)
    return _imitate(model_class, student, teacher, batch, temperature)


def one_number_softened(model_class, student, teacher, batch, temperature):
    if model_class is SequenceClassifier:
        return soft_target_loss(student, teacher, temperature)
    return _imitate(model_class, student, teacher, batch, temperature)


def temperature_left_out(model_class, student, teacher, batch, temperature):
    return _imitate(model_class, student, teacher, batch, 1.0)


def student_and_teacher_swapped(model_class, student, teacher, batch, temperature):
    return _imitate(model_class, teacher, student, batch, temperature)


def _learning(function):
    """Whether a teacher's number gets a gradient as well as the student's."""
    student, teacher = torch.ones(2, 1, requires_grad=True), torch.zeros(2, 1, requires_grad=True)
    loss = function(SequenceClassifier, student, teacher, _NUMBERS, 2.0)
    gradients = torch.autograd.grad(loss, (student, teacher), allow_unused=True)
    return all(gradient is not None for gradient in gradients)


def number_of_a_learning_teacher(model_class, student, teacher, batch, temperature):
    if model_class is SequenceClassifier and student.shape[-1] == 1:
        return torch.nn.functional.mse_loss(student, teacher)
    return _imitate(model_class, student, teacher, batch, temperature)


def _known(wrong, exercise, name, what, look, inputs=(), symptom=None):
    return Misconception(
        name=name, exercise=exercise, what=what, look=look, wrong=wrong, inputs=inputs, symptom=symptom
    )


_COUNT = "2 found / (2 found + missed + false alarms)."
GLUE = [
    _known(
        plain_mean,
        "f1",
        "plain mean",
        "Precision and recall are averaged.",
        f"The harmonic mean: {_COUNT}",
        CLASSES[1:],
    ),
    _known(
        accuracy_instead,
        "f1",
        "accuracy instead of F1",
        "Rightly left ones are counted as successes.",
        f"They do not enter: {_COUNT}",
        CLASSES,
    ),
    _known(
        precision_alone,
        "f1",
        "precision alone",
        "What was missed costs nothing.",
        f"Recall belongs to it: {_COUNT}",
        CLASSES[:1],
    ),
    _known(
        recall_alone,
        "f1",
        "recall alone",
        "False alarms cost nothing.",
        f"Precision belongs to it: {_COUNT}",
        CLASSES[:1],
    ),
    _known(
        positive_ignored,
        "f1",
        "positive ignored",
        "Class 1 is looked for, whatever `positive` says.",
        "Compare with positive, not with 1.",
        [(*CLASSES[0], 0), (*CLASSES[1], 0)],
    ),
    _known(
        mean_over_both_classes,
        "f1",
        "mean over both classes",
        "This is macro F1, the mean over the classes 0 and 1.",
        "F1 here is of the class `positive` alone.",
        CLASSES,
    ),
    _known(
        no_find_divides_by_zero,
        "f1",
        "no find, no result",
        "Where nothing was found it divides by zero.",
        "Return 0.0 if found is 0.",
        [([1, 0], [0, 0])],
    ),
    _known(
        root_forgotten,
        "matthews",
        "root forgotten",
        "The product of the four sums is not under a root.",
        "Divide by its square root.",
        CLASSES,
    ),
    _known(
        plus_instead_of_minus,
        "matthews",
        "plus instead of minus",
        "Mistakes raise the correlation.",
        "Above stands h r minus f m.",
        CLASSES,
    ),
    _known(
        one_answer_divides_by_zero,
        "matthews",
        "one answer, no result",
        "Where one column is all the same it divides by zero.",
        "Return 0 if a factor under the root is 0.",
        ONE_ANSWER,
    ),
    _known(
        twice_accuracy_minus_one,
        "matthews",
        "accuracy stretched",
        "It is accuracy, stretched to -1 to 1, and as blind to rare classes.",
        "Correlate the two columns.",
        [*CLASSES, *ONE_ANSWER],
    ),
    _known(
        pearson_of_the_values,
        "spearman",
        "no ranks",
        "The values are correlated, not their ranks.",
        "Turn both columns into ranks first.",
        TIED,
    ),
    _known(
        ties_take_the_first_place,
        "spearman",
        "ties take the first place",
        "Equal values all get the first of their places.",
        "They share the mean of their places.",
        TIED,
    ),
    _known(
        ties_in_order_of_appearance,
        "spearman",
        "ties in order of appearance",
        "Of equal values the one that comes first gets the lower rank.",
        "They share the mean of their places.",
        TIED,
    ),
    _known(
        ties_share_a_dense_rank,
        "spearman",
        "dense ranks",
        "Equal values share a rank, and the next one follows without a gap.",
        "Two values share 2.5 and the next is 4, not 3.",
        TIED,
    ),
    _known(
        six_d_squared,
        "spearman",
        "the formula without ties",
        "1 - 6 d² / (n (n² - 1)) holds only if no two values are equal.",
        "Take Pearson's correlation of the ranks.",
        TIED,
    ),
    _known(
        order_taken_for_ranks,
        "spearman",
        "order taken for ranks",
        "argsort says which value comes at each place, not which place each value has.",
        "Sort the order once more, or count the smaller values.",
        TIED,
    ),
    *(
        _known(wrong, "collate", name, what, look, symptom=_batches_like(wrong))
        for wrong, name, what, look in (
            (
                padded_to_a_fixed_length,
                "fixed length",
                "Every batch is as long as 128 tokens.",
                "As long as its longest feature, no longer.",
            ),
            (
                labels_padded_with_zero,
                "padding has a class",
                "The labels of tokens are padded with 0, which is a class.",
                "Pad them with -100: nothing is asked.",
            ),
            (
                labels_padded_with_the_pad_token,
                "labels padded like ids",
                "The labels of tokens are padded with pad_token_id, which may be a class.",
                "Pad them with -100.",
            ),
            (
                mask_from_the_ids,
                "mask from the ids",
                "A real token that has the number of padding is hidden.",
                "Make the mask from the lengths.",
            ),
            (
                padded_with_zero_always,
                "pad token ignored",
                "The ids are padded with 0, whatever pad_token_id says.",
                "Pad them with pad_token_id.",
            ),
            (mask_of_ones, "padding is seen", "attention_mask is 1 at padding.", "1 at real tokens, 0 at padding."),
            (
                padded_on_the_left,
                "padded on the left",
                "Padding comes first, so [CLS] is not at place 0.",
                "Pad on the right.",
            ),
            (
                labels_as_floats,
                "classes as floats",
                "The numbers of classes are floating point.",
                "torch.tensor of whole numbers is int64: leave it so.",
            ),
            (
                cut_to_the_shortest,
                "cut to the shortest",
                "Tokens beyond the shortest feature are cut off.",
                "Pad to the longest.",
            ),
        )
    ),
    _known(
        softmax_over_start_and_end,
        "imitation_loss",
        "start against end",
        "The softmax goes over the two scores of a token, not over the places.",
        "Turn (B, L, 2) into (B, 2, L) first.",
        ANSWERS,
    ),
    _known(
        padding_is_a_place,
        "imitation_loss",
        "padding is a place",
        "Padding gets a share of the probability.",
        "Set the scores of padding to -1e4 in both.",
        ANSWERS,
    ),
    _known(
        padding_scored_zero,
        "imitation_loss",
        "padding scored zero",
        "Padding has score 0, which is no small probability: exp(0) is 1.",
        "Set the scores of padding to -1e4.",
        ANSWERS,
    ),
    _known(
        padding_at_minus_infinity,
        "imitation_loss",
        "minus infinity",
        "At padding minus infinity is taken from minus infinity, and the loss is NaN.",
        "Use a large finite number such as -1e4.",
        ANSWERS,
    ),
    _known(
        only_the_start,
        "imitation_loss",
        "only the start",
        "The end of the answer is not imitated.",
        "The mean over starts and ends.",
        ANSWERS,
    ),
    _known(
        both_ends_added,
        "imitation_loss",
        "both ends added",
        "Start and end are added, so the loss is twice as large.",
        "The mean of all 2 B.",
        ANSWERS,
    ),
    _known(
        every_token_counts,
        "imitation_loss",
        "padding imitated",
        "Tokens count that have no label, padding among them.",
        "Choose batch.labels != -100.",
        TAGS,
    ),
    _known(
        real_tokens_without_a_label_count,
        "imitation_loss",
        "tokens without a label",
        "Real tokens without a label count.",
        "Choose by batch.labels, not by the mask.",
        TAGS,
    ),
    _known(
        one_number_softened,
        "imitation_loss",
        "one number softened",
        "The softmax of a single number is 1, whatever it is, and the loss 0.",
        "With C = 1 take the mean squared difference.",
        NUMBERS,
    ),
    _known(
        temperature_left_out,
        "imitation_loss",
        "temperature left out",
        "The temperature is not handed on.",
        "soft_target_loss(…, temperature).",
        [*TEXTS, *TAGS, *ANSWERS[:1]],
    ),
    _known(
        student_and_teacher_swapped,
        "imitation_loss",
        "student and teacher swapped",
        "The student's distribution is the target.",
        "First the student, then the teacher.",
        [*TEXTS, *TAGS, *ANSWERS],
    ),
    _known(
        number_of_a_learning_teacher,
        "imitation_loss",
        "a learning teacher",
        "Where a number is predicted, a gradient flows to the teacher.",
        "teacher.detach().",
        symptom=_learning,
    ),
]

MISCONCEPTIONS = [*GLUE, *QUESTIONS]
