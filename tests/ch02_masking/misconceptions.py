"""Chapter 2: wrong implementations that people really write, each with inputs or a symptom that shows it."""

import math

import torch

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.course.misconceptions import misconception

# ---- chunks ----

_TOKENIZER = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"])
_LONG, _LONGER, _SHORT = "a b c d e f g h " * 5, "a b c d e f g h " * 9, "a b c"
_X = "x y z x y z x y z x y z"  # unknown words
_CUT_TWICE = [(_LONG, _TOKENIZER, 16), (_LONGER, _TOKENIZER, 16)]


def _chunks(document, tokenizer, max_length, room_for=2, first_only=False, shortest=12, most_unknown=0.5):
    if max_length < 3:
        raise ValueError(f"max_length={max_length}: [CLS], one token and [SEP] need 3.")
    ids = tokenizer.ids(document)
    room = max_length - room_for
    for start in range(0, room if first_only else len(ids), room):
        chunk = [tokenizer.cls_token_id, *ids[start : start + room], tokenizer.sep_token_id]
        unknown = chunk.count(tokenizer.unk_token_id)
        if len(chunk) >= min(shortest, max_length) and unknown < most_unknown * len(chunk):
            yield torch.tensor(chunk)


@misconception("chunks", "one [CLS] and [SEP] for the whole document", inputs=_CUT_TWICE)
def one_frame_for_all(document, tokenizer, max_length):
    """[CLS] and [SEP] are added to the document before it is cut, so most chunks lack one of them or both.

    Cut the ids of the bare text, then put [CLS] and [SEP] around every piece.
    """
    if max_length < 3:
        raise ValueError(f"max_length={max_length}: [CLS], one token and [SEP] need 3.")
    framed = [tokenizer.cls_token_id, *tokenizer.ids(document), tokenizer.sep_token_id]
    for start in range(0, len(framed), max_length):
        chunk = framed[start : start + max_length]
        if len(chunk) >= min(12, max_length) and chunk.count(tokenizer.unk_token_id) < 0.5 * len(chunk):
            yield torch.tensor(chunk)


@misconception("chunks", "no room for [CLS] and [SEP]", inputs=_CUT_TWICE)
def no_room_for_the_frame(document, tokenizer, max_length):
    """A chunk holds max_length tokens of text, and becomes two tokens longer with [CLS] and [SEP].

    [CLS] and [SEP] count: a chunk has room for max_length - 2 tokens of text.
    """
    return _chunks(document, tokenizer, max_length, room_for=0)


@misconception("chunks", "everything after the limit lost", inputs=_CUT_TWICE)
def everything_after_the_limit_lost(document, tokenizer, max_length):
    """Only the first chunk of a long document is kept; the rest is thrown away.

    Continue with the text where the chunk ended: range(0, len(ids), room).
    """
    return _chunks(document, tokenizer, max_length, first_only=True)


@misconception("chunks", "short chunks kept", inputs=[(_SHORT, _TOKENIZER, 128), (_LONG + _SHORT, _TOKENIZER, 20)])
def short_chunks_kept(document, tokenizer, max_length):
    """Sequences of fewer than MIN_TOKENS tokens are kept.

    Drop what is shorter than min(MIN_TOKENS, max_length), [CLS] and [SEP] included.
    """
    return _chunks(document, tokenizer, max_length, shortest=3)


@misconception("chunks", "chunks full of [UNK] kept", inputs=[(_X, _TOKENIZER, 128), (_X + " a b c", _TOKENIZER, 128)])
def unknown_chunks_kept(document, tokenizer, max_length):
    """A sequence is kept even if half of its tokens or more are unknown.

    Count unk_token_id in the chunk: it must be less than MAX_UNKNOWN of its length, [CLS] and [SEP] included.
    """
    return _chunks(document, tokenizer, max_length, most_unknown=2)


# ---- pad ----

_THREE = [torch.tensor([5, 6, 7]), torch.tensor([8]), torch.tensor([9, 1])]
_WITH_9 = [torch.tensor([9, 5, 9]), torch.tensor([1])]


def _pad(batch, pad_token_id):
    input_ids = torch.nn.utils.rnn.pad_sequence(list(batch), batch_first=True, padding_value=pad_token_id)
    lengths = torch.tensor([len(sequence) for sequence in batch])
    return input_ids, (torch.arange(input_ids.shape[1]) < lengths[:, None]).long()


@misconception("pad", "padding on the left", inputs=[(_THREE, 0), (_THREE, 9)])
def padded_on_the_left(batch, pad_token_id):
    """The padding comes before the text, so that [CLS] is no longer at the first position.

    BERT's positions count from the left: the text comes first, the padding after it.
    """
    input_ids, mask = _pad([sequence.flip(0) for sequence in batch], pad_token_id)
    return input_ids.flip(1), mask.flip(1)


@misconception("pad", "the mask guessed from the ids", inputs=[(_WITH_9, 9), (_THREE, 5)])
def mask_from_the_ids(batch, pad_token_id):
    """Every id equal to that of padding counts as padding, even inside a text.

    The mask comes from the lengths, not from the ids.
    """
    input_ids, _ = _pad(batch, pad_token_id)
    return input_ids, (input_ids != pad_token_id).long()


@misconception("pad", "the mask inverted", inputs=[(_THREE, 0), (_THREE, 9)])
def mask_inverted(batch, pad_token_id):
    """The mask is 1 at the padding and 0 at the text.

    An attention mask says what may be attended to: 1 for a real token.
    """
    input_ids, mask = _pad(batch, pad_token_id)
    return input_ids, 1 - mask


@misconception("pad", "always padded with 0", inputs=[(_THREE, 9), (_WITH_9, 7)])
def always_padded_with_0(batch, pad_token_id):
    """The padding is 0 whatever pad_token_id is; that is right only where [PAD] happens to have the id 0.

    Pass pad_token_id on to whatever fills the tensor.
    """
    return _pad(batch, 0)


# ---- epoch_batches ----

_LENGTHS = [12 + 37 * index % 113 for index in range(400)]


def _batches(lengths, batch_size, seed, shuffle=True, group=True, mix=True, whole_only=False):
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(lengths), generator=generator).tolist() if shuffle else list(range(len(lengths)))
    if group:
        order.sort(key=lambda index: lengths[index] // 4)
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    if whole_only:
        batches = [batch for batch in batches if len(batch) == batch_size]
    places = torch.randperm(len(batches), generator=generator).tolist() if mix else range(len(batches))
    return [batches[place] for place in places]


def _epoch(function, seed=1):
    return function(_LENGTHS, 7, seed)


def _mixed_lengths(function):
    lengths = [[_LENGTHS[index] for index in batch] for batch in _epoch(function)]
    return sum(max(each) - min(each) for each in lengths) / len(lengths) > 40


@misconception("epoch_batches", "lengths not grouped", symptom=_mixed_lengths)
def not_grouped(lengths, batch_size, seed):
    """Short and long sequences are in one batch, so a third of its positions is padding.

    Sort the shuffled indices by the bin of their length before cutting.
    """
    return _batches(lengths, batch_size, seed, group=False)


def _sorted_batches(function):
    longest = [max(_LENGTHS[index] for index in batch) // 4 for batch in _epoch(function)]
    return longest in (sorted(longest), sorted(longest, reverse=True))


@misconception("epoch_batches", "short batches first", symptom=_sorted_batches)
def short_batches_first(lengths, batch_size, seed):
    """The batches come in the order of their lengths, so an epoch begins with all the short sequences.

    Shuffle once more after cutting: the batches.
    """
    return _batches(lengths, batch_size, seed, mix=False)


def _same_batches(function):
    first, second = _epoch(function, 1), _epoch(function, 2)
    return set(map(frozenset, first)) == set(map(frozenset, second)) and first != second


@misconception("epoch_batches", "the same batches in every epoch", symptom=_same_batches)
def the_same_batches_in_every_epoch(lengths, batch_size, seed):
    """The batches are shuffled but not the sequences: in every epoch the same ones are together.

    Shuffle the indices before sorting, and sort by the bin with a sort that keeps the order within it.
    """
    return _batches(lengths, batch_size, seed, shuffle=False)


@misconception("epoch_batches", "last batch dropped", symptom=lambda f: sum(map(len, _epoch(f))) == 400 // 7 * 7)
def last_batch_dropped(lengths, batch_size, seed):
    """A last batch that is not full is left out, so some sequences are never read.

    Keep the shorter slice at the end: every index comes once.
    """
    return _batches(lengths, batch_size, seed, whole_only=True)


@misconception("epoch_batches", "seed ignored", symptom=lambda f: _epoch(f, 1) == _epoch(f, 2))
def seed_ignored(lengths, batch_size, seed):
    """Every seed gives the same epoch.

    Both shuffles draw from torch.Generator().manual_seed(seed).
    """
    return _batches(lengths, batch_size, 0)


# ---- token_weights ----

_COUNTED = [([torch.tensor([5, 5, 5, 6])], 8), ([torch.tensor([1, 1]), torch.tensor([1, 2])], 4, 0.5)]


def _counts(sequences, vocab_size):
    return torch.bincount(torch.cat(list(sequences)), minlength=vocab_size).double()


@misconception("token_weights", "smoothing with the wrong sign", inputs=_COUNTED)
def smoothing_with_the_wrong_sign(sequences, vocab_size, smoothing=0.7):
    """Frequent tokens get the large weights, rare ones the small.

    The power is minus smoothing.
    """
    return _counts(sequences, vocab_size).clamp(min=1) ** smoothing


@misconception("token_weights", "unseen tokens of infinite weight", inputs=_COUNTED)
def unseen_tokens_of_infinite_weight(sequences, vocab_size, smoothing=0.7):
    """A token that never occurs has count 0, and 0 to a negative power is infinite.

    Take its count as 1: max(count, 1).
    """
    return _counts(sequences, vocab_size) ** -smoothing


@misconception("token_weights", "unseen tokens of weight 0", inputs=_COUNTED)
def unseen_tokens_never(sequences, vocab_size, smoothing=0.7):
    """A token that does not occur here could never be masked in another text.

    Take its count as 1: max(count, 1), which makes its weight 1.
    """
    counts = _counts(sequences, vocab_size)
    return torch.where(counts > 0, counts.clamp(min=1) ** -smoothing, 0.0)


@misconception("token_weights", "smoothing added to the count", inputs=_COUNTED)
def smoothing_added_to_the_count(sequences, vocab_size, smoothing=0.7):
    """The smoothing is added to the count, as in add-one smoothing of probabilities.

    Here smoothing is an exponent: max(count, 1) ** -smoothing.
    """
    return 1 / (_counts(sequences, vocab_size) + smoothing)


@misconception("token_weights", "smoothing as a factor", inputs=_COUNTED)
def smoothing_times_the_count(sequences, vocab_size, smoothing=0.7):
    """The count is multiplied by the smoothing instead of raised to a power.

    Here smoothing is an exponent: max(count, 1) ** -smoothing.
    """
    return 1 / (smoothing * _counts(sequences, vocab_size).clamp(min=1))


# ---- choose_positions ----

_SPECIAL = frozenset({0, 1, 2, 3, 4})
_IDS = torch.zeros(4, 30, dtype=torch.int64)  # [CLS], 10 ordinary tokens, [SEP], the rest is padding
_IDS[:, 0], _IDS[:, 1:11], _IDS[:, 11] = 2, torch.arange(10, 50).view(4, 10), 3
_FRAME, _PADDING = (_IDS == 2) | (_IDS == 3), _IDS == 0
_RISING = torch.arange(50, dtype=torch.double) + 100
_EVEN_ONES = torch.tensor([1.0] * 10 + [1000.0, 1.0] * 20).double()  # even ids weigh a thousand times as much


def _choose(ids, special, share, weights, generator, count=math.ceil, again=False, everywhere=False, independent=False):
    if not 0 <= share <= 1:
        raise ValueError(f"The share is {share}: expected a number from 0 to 1.")
    ordinary = ~torch.isin(ids, torch.tensor(sorted(special)))
    weight = ordinary.double() if weights is None else weights[ids] * ordinary
    if independent:
        probability = weight / weight.max() if weights is not None and weight.max() > 0 else weight
        return torch.rand(ids.shape, generator=generator) < share * probability
    number = min(count(share * (ids.numel() if everywhere else int(ordinary.sum()))), int(ordinary.sum()))
    chosen = torch.zeros_like(ordinary)
    if number:
        chosen.view(-1)[torch.multinomial(weight.flatten(), number, again, generator=generator)] = True
    return chosen


def _often(function, share, weights=None):
    return [function(_IDS.clone(), _SPECIAL, share, weights) for _ in range(20)]


def _numbers(function, share):
    """How many positions are chosen in 20 draws; nothing if there is another mistake: special tokens are chosen."""
    chosen = _often(function, share)
    return set() if any(each[_IDS < 5].any() for each in chosen) else {int(each.sum()) for each in chosen}


def _static(function, weights=None):
    chosen = _often(function, 0.2, weights)
    return all(torch.equal(each, chosen[0]) for each in chosen)


def _masks(function, these, not_those):
    return all(each[these].any() and not each[not_those].any() for each in _often(function, 1.0))


@misconception("choose_positions", "[CLS] and [SEP] masked", symptom=lambda f: _masks(f, _FRAME, _PADDING))
def frame_masked(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """Padding is left out, but [CLS] and [SEP] are masked like any word.

    Leave out every token in special_ids, not the padding alone.
    """
    return _choose(input_ids, {0}, share, weights, generator)


@misconception("choose_positions", "padding masked", symptom=lambda f: _masks(f, _PADDING, _FRAME))
def padding_masked(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """Positions after the end of a text are masked; there is nothing to guess.

    Padding is in special_ids too: its positions get no weight.
    """
    return _choose(input_ids, set(special_ids) - {0}, share, weights, generator)


@misconception("choose_positions", "fraction of all positions", symptom=lambda f: _numbers(f, 0.15) == {18})  # of 120
def fraction_of_all_positions(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """The fraction is taken of all positions, padding, [CLS] and [SEP] included, so too many words are masked.

    Count the ordinary tokens, not input_ids.numel().
    """
    return _choose(input_ids, special_ids, share, weights, generator, everywhere=True)


def _varies(function):
    return len(_numbers(function, 0.5)) > 3 and _numbers(function, 1.0) == {40}


@misconception("choose_positions", "each token drawn by itself", symptom=_varies)
def each_token_drawn_by_itself(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """Each token is drawn independently of the others, so the number of masked ones varies from batch to batch.

    Work out the number first, then draw that many positions without replacement.
    """
    return _choose(input_ids, special_ids, share, weights, generator, independent=True)


@misconception("choose_positions", "rounded down", symptom=lambda f: [_numbers(f, 0.19), _numbers(f, 1)] == [{7}, {40}])
def rounded_down(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """The number is rounded down; in a batch of a few tokens none would be masked.

    Use math.ceil.
    """
    return _choose(input_ids, special_ids, share, weights, generator, count=math.floor)


@misconception("choose_positions", "drawn with replacement", symptom=lambda f: max(_numbers(f, 1.0)) < 40)
def drawn_with_replacement(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """A position may be drawn twice, and then fewer are masked than there should be.

    torch.multinomial draws without replacement by default; torch.randint does not.
    """
    return _choose(input_ids, special_ids, share, weights, generator, again=True)


def _no_weights(function):
    masked = torch.cat([_IDS[each] for each in _often(function, 0.2, _EVEN_ONES)])
    unweighted = float((masked % 2 == 0).double().mean()) < 0.8
    return len(_numbers(function, 0.5)) == 1 and unweighted and not _static(function)


@misconception("choose_positions", "weights ignored", symptom=_no_weights)
def weights_ignored(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """All tokens are drawn with the same probability, whatever their weights.

    A position's weight is weights[its token]: index the vector with input_ids.
    """
    return _choose(input_ids, special_ids, share, None, generator)


@misconception("choose_positions", "static masking", symptom=_static)
def static_masking(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """The same positions are drawn every time, so the model has the same ones to guess in every epoch.

    Do not make or seed a generator inside: pass on the one that was given.
    """
    return _choose(input_ids, special_ids, share, weights, torch.Generator().manual_seed(0))


@misconception("choose_positions", "largest weights always", symptom=lambda f: _static(f, _RISING) and not _static(f))
def the_largest_always(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """The positions with the largest weights are taken; nothing is random.

    The weights are relative probabilities of a draw, not a ranking.
    """
    if weights is None:
        return _choose(input_ids, special_ids, share, weights, generator)
    ordinary = ~torch.isin(input_ids, torch.tensor(sorted(special_ids)))
    number = math.ceil(share * int(ordinary.sum()))
    chosen = torch.zeros_like(ordinary)
    chosen.view(-1)[(weights[input_ids] * ordinary).flatten().topk(number).indices] = True
    return chosen


# ---- mask_tokens ----

_MASK, _V = 4, 50
_TEXT = torch.arange(10_000).view(100, 100) % 40 + 7
_CHOSEN = torch.arange(10_000).view(100, 100) % 2 == 0


def _mask(ids, chosen, mask_id, vocab_size, generator, mask=0.8, same=False, one=False):
    if not 0 <= mask_id < vocab_size:
        raise ValueError(f"[MASK] has id {mask_id}: expected one in the vocabulary of {vocab_size} tokens.")
    draw = torch.rand((1, 1) if one else ids.shape, generator=generator)
    shift = torch.randint(0 if same else 1, vocab_size, ids.shape, generator=generator)
    masked = torch.where(chosen & (draw < mask), mask_id, ids)
    return torch.where(chosen & (draw >= mask + (1 - mask) / 2), (ids + shift) % vocab_size, masked)


def _masked_text(function):
    return function(_TEXT.clone(), _CHOSEN.clone(), _MASK, _V)


def _fractions(function):
    """Of the chosen tokens: [MASK], kept and random."""
    masked, _ = _masked_text(function)
    as_mask = float((masked == _MASK)[_CHOSEN].double().mean())
    kept = float((masked == _TEXT)[_CHOSEN].double().mean())
    return as_mask, kept, 1 - as_mask - kept


def _all_changed(function):
    return (_masked_text(function)[0] != _TEXT)[~_CHOSEN].double().mean() > 0.5


@misconception("mask_tokens", "80/10/10 applied to all tokens", symptom=_all_changed)
def rule_on_all_tokens(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """The rule replaces tokens that were not chosen: the model sees hardly any text.

    Each replacement happens only where `chosen` is True and the draw says so.
    """
    masked = _mask(input_ids, torch.ones_like(chosen), mask_token_id, vocab_size, generator)
    return masked, torch.where(chosen, input_ids, -100)


def _other_labels(function, expected):
    return (_masked_text(function)[1] == expected)[~_CHOSEN].all()


@misconception("mask_tokens", "labels not set to -100", symptom=lambda f: _other_labels(f, _TEXT))
def labels_without_minus_100(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """Every position has its token as label, so the loss counts what can be copied from the input.

    Where `chosen` is False the label is IGNORE, -100.
    """
    return _mask(input_ids, chosen, mask_token_id, vocab_size, generator), input_ids.clone()


@misconception("mask_tokens", "labels 0 instead of -100", symptom=lambda f: _other_labels(f, 0))
def labels_0_elsewhere(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """Positions that do not count have the label 0, which is [PAD], to the loss a token like any other.

    Where `chosen` is False the label is IGNORE, -100.
    """
    return _mask(input_ids, chosen, mask_token_id, vocab_size, generator), torch.where(chosen, input_ids, 0)


def _masked_labels(function):
    masked, labels = _masked_text(function)
    return torch.equal(labels[_CHOSEN], masked[_CHOSEN]) and not torch.equal(masked[_CHOSEN], _TEXT[_CHOSEN])


@misconception("mask_tokens", "labels of the masked text", symptom=_masked_labels)
def labels_of_the_masked_text(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """The labels are taken after the tokens were replaced: the label of a [MASK] is [MASK].

    Take the labels from the original input_ids.
    """
    masked = _mask(input_ids, chosen, mask_token_id, vocab_size, generator)
    return masked, torch.where(chosen, masked, -100)


def _kept_without_label(function):
    masked, labels = _masked_text(function)
    kept = _CHOSEN & (masked == _TEXT)
    return kept.any() and (labels[kept] == -100).all()


@misconception("mask_tokens", "no label for kept tokens", symptom=_kept_without_label)
def no_label_for_kept_tokens(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """A chosen token that stays has no label, so the model never has to guess a token that it sees.

    The labels depend on `chosen` alone, not on whether the token changed.
    """
    masked = _mask(input_ids, chosen, mask_token_id, vocab_size, generator)
    return masked, torch.where(masked != input_ids, input_ids, -100)


def _originals_drawn(function):
    # With two tokens in the vocabulary, 0 and [MASK], the random one must be [MASK]: 10 % stay, not 15 %.
    masked, _ = function(torch.zeros_like(_TEXT), _CHOSEN.clone(), 1, 2)
    return 0.13 < (masked == 0)[_CHOSEN].double().mean() < 0.17 and abs(_fractions(function)[0] - 0.8) < 0.03


@misconception("mask_tokens", "the random token may be the original", symptom=_originals_drawn)
def random_may_be_the_original(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """The random token is drawn from all tokens, the one that it replaces included.

    Draw a shift from 1 to vocab_size - 1 and add it modulo vocab_size.
    """
    masked = _mask(input_ids, chosen, mask_token_id, vocab_size, generator, same=True)
    return masked, torch.where(chosen, input_ids, -100)


@misconception("mask_tokens", "always [MASK]", symptom=lambda f: all(_fractions(f)[0] == 1 for _ in range(20)))
def always_mask(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """Every chosen token becomes [MASK]; none is random and none stays.

    Draw a number for each position: below 0.8 [MASK], from 0.9 on a random token, between them the token stays.
    """
    masked = _mask(input_ids, chosen, mask_token_id, vocab_size, generator, mask=1.0)
    return masked, torch.where(chosen, input_ids, -100)


def _one_kind(function):
    kinds = [_fractions(function) for _ in range(20)]
    return all(max(kind) > 0.9 for kind in kinds) and len(set(kinds)) > 1


@misconception("mask_tokens", "one draw for the whole batch", symptom=_one_kind)
def one_draw_for_the_batch(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """One number is drawn for all positions: in one batch all become [MASK], in another none does.

    Draw a number for each position: torch.rand(input_ids.shape, generator=generator).
    """
    masked = _mask(input_ids, chosen, mask_token_id, vocab_size, generator, one=True)
    return masked, torch.where(chosen, input_ids, -100)


def _input_changed(function):
    given = _TEXT.clone()
    masked, _ = function(given, _CHOSEN.clone(), _MASK, _V)
    return not torch.equal(given, _TEXT) and torch.equal(given, masked)


@misconception("mask_tokens", "the input overwritten", symptom=_input_changed)
def input_overwritten(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """The tokens are replaced in the tensor that was given, so the text is already masked in the next epoch.

    Work on input_ids.clone(), or use torch.where, which makes a new tensor.
    """
    labels = torch.where(chosen, input_ids, -100)
    input_ids.copy_(_mask(input_ids, chosen, mask_token_id, vocab_size, generator))
    return input_ids, labels


def _two_percent_random(function):
    as_mask, _, random = _fractions(function)
    return abs(as_mask - 0.8) < 0.03 and abs(random - 0.02) < 0.01


@misconception("mask_tokens", "10 % of the rest", symptom=_two_percent_random)
def ten_percent_of_the_rest(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """Random tokens are 10 % of those that did not become [MASK], so 2 % of all.

    All three fractions are of the chosen tokens: half of what does not become [MASK] is random.
    """
    draws = [torch.rand(input_ids.shape, generator=generator) for _ in range(2)]
    random_tokens = _mask(input_ids, chosen, mask_token_id, vocab_size, generator, mask=0.0)
    random_tokens = torch.where(random_tokens == input_ids, (input_ids + 1) % vocab_size, random_tokens)
    masked = torch.where(chosen & (draws[0] >= 0.8) & (draws[1] < 0.1), random_tokens, input_ids)
    return torch.where(chosen & (draws[0] < 0.8), mask_token_id, masked), torch.where(chosen, input_ids, -100)
