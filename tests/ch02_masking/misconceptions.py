"""Chapter 2: wrong implementations that people really write, each with inputs or a symptom that shows it."""

import math
import random

import torch

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.course.misconceptions import misconception

# ---- chunks ----

_TOKENIZER = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"])
_LONG, _LONGER, _SHORT = "a b c d e f g h " * 5, "a b c d e f g h " * 9, "a b c"
_X = "x y z x y z x y z x y z"  # unknown words
_CUT_TWICE = [(_LONG, _TOKENIZER, 16), (_LONGER, _TOKENIZER, 16)]


def _chunks(
    document, tokenizer, max_length, room_for=2, step=None, first_only=False, shortest=12, most_unknown=0.5, keep=None
):
    if max_length < 3:
        raise ValueError(f"max_length={max_length}: [CLS], one token and [SEP] need 3.")
    ids = tokenizer.ids(document)
    room = max_length - room_for
    for start in range(0, room if first_only else len(ids), step or room):
        chunk = [tokenizer.cls_token_id, *ids[start : start + room], tokenizer.sep_token_id]
        unknown = chunk.count(tokenizer.unk_token_id)
        kept = len(chunk) >= min(shortest, max_length) and unknown < most_unknown * len(chunk)
        if keep(len(chunk), unknown) if keep else kept:
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


@misconception("chunks", "tokens lost between chunks", inputs=_CUT_TWICE)
def tokens_lost_between_chunks(document, tokenizer, max_length):
    """The loop moves on by max_length but a chunk takes two tokens less, so two are lost after every chunk.

    Move on by what a chunk takes: range(0, len(ids), max_length - 2).
    """
    return _chunks(document, tokenizer, max_length, step=max_length)


@misconception(
    "chunks", "chunks overlap", symptom=lambda f: sum(len(each) - 2 for each in f(_LONG, _TOKENIZER, 16)) > 40
)
def chunks_overlap(document, tokenizer, max_length):
    """The loop moves on by less than a chunk takes, so many tokens are in two chunks.

    Move on by what a chunk takes: range(0, len(ids), max_length - 2).
    """
    return _chunks(document, tokenizer, max_length, step=max(1, (max_length - 2) // 2))


@misconception("chunks", "the rest dropped", inputs=[("a " * 27, _TOKENIZER, 16), ("a " * 20, _TOKENIZER, 128)])
def rest_dropped(document, tokenizer, max_length):
    """Only full chunks are kept, as when a model without padding is trained. A short text then gives nothing.

    Keep every chunk of at least MIN_TOKENS tokens, also the last one.
    """
    return _chunks(document, tokenizer, max_length, keep=lambda length, unknown: length == max_length)


def _lengths(function, *texts, max_length=128):
    return [[len(each) for each in function(text, _TOKENIZER, max_length)] for text in texts]


_WITH_12_TO_14 = ("a " * 10, "a " * 11, "a " * 12)  # tokens, with [CLS] and [SEP]


@misconception(
    "chunks", "length without [CLS] and [SEP]", symptom=lambda f: _lengths(f, *_WITH_12_TO_14) == [[], [], [14]]
)
def length_of_the_bare_text(document, tokenizer, max_length):
    """The tokens of the text are compared with MIN_TOKENS before [CLS] and [SEP] are added, so too many are dropped.

    [CLS] and [SEP] count: compare the length of the whole chunk.
    """
    return _chunks(
        document,
        tokenizer,
        max_length,
        keep=lambda length, n: n < 0.5 * length and length - 2 >= min(12, max_length - 2),
    )


@misconception("chunks", "> instead of >=", symptom=lambda f: _lengths(f, *_WITH_12_TO_14) == [[], [13], [14]])
def exactly_the_shortest_dropped(document, tokenizer, max_length):
    """A sequence of exactly MIN_TOKENS tokens is dropped; only shorter ones are.

    Keep it if len(chunk) >= min(MIN_TOKENS, max_length).
    """
    return _chunks(document, tokenizer, max_length, shortest=13)


def _nothing_below_12(function):
    return _lengths(function, "a b c d", max_length=4) == [[]] and _lengths(function, "a " * 10) == [[12]]


@misconception("chunks", "a small max_length forgotten", symptom=_nothing_below_12)
def small_max_length_forgotten(document, tokenizer, max_length):
    """With a max_length below MIN_TOKENS every sequence is dropped, since none can be long enough.

    Compare with min(MIN_TOKENS, max_length).
    """
    return _chunks(
        document, tokenizer, max_length, keep=lambda length, unknown: length >= 12 and unknown < 0.5 * length
    )


_HALF, _NEARLY_HALF = "a " * 10 + "x " * 12, "a " * 11 + "x " * 12  # 12 unknown of 24, of 25


def _kept_unknown(*expected):
    return lambda function: _lengths(function, _X, _HALF, _NEARLY_HALF, "a " * 20) == [*expected, [22]]


@misconception("chunks", "exactly half [UNK] kept", symptom=_kept_unknown([], [24], [25]))
def exactly_half_unknown_kept(document, tokenizer, max_length):
    """A sequence of which exactly MAX_UNKNOWN is [UNK] is kept.

    Drop it at that fraction already: keep it if unknown < MAX_UNKNOWN * len(chunk), not <=.
    """
    return _chunks(document, tokenizer, max_length, most_unknown=0.5 + 1e-9)


@misconception("chunks", "[UNK] as a fraction of the bare text", symptom=_kept_unknown([], [], []))
def unknown_fraction_of_the_bare_text(document, tokenizer, max_length):
    """The unknown tokens are divided by the length without [CLS] and [SEP], so the fraction is too large.

    [CLS] and [SEP] count: divide by the length of the whole chunk.
    """
    shortest = min(12, max_length)
    return _chunks(
        document, tokenizer, max_length, keep=lambda length, n: length >= shortest and n < 0.5 * (length - 2)
    )


def _all_or_nothing(function):
    return _lengths(function, "x " * 20 + "a " * 14, "a " * 14 + "x " * 20, max_length=16) == [[], []]


@misconception("chunks", "[UNK] counted in the whole document", symptom=_all_or_nothing)
def unknown_counted_in_the_document(document, tokenizer, max_length):
    """The unknown tokens of the whole document decide, so good chunks are dropped together with bad ones, or kept.

    Count the unknown tokens of each chunk.
    """
    ids = tokenizer.ids(document)
    if max_length >= 3 and ids.count(tokenizer.unk_token_id) >= 0.5 * (len(ids) + 2):
        return iter(())
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


@misconception("pad", "ids above 0 taken for the text", inputs=[(_THREE, 9), ([torch.tensor([3, 0, 2]), _THREE[1]], 9)])
def mask_from_ids_above_0(batch, pad_token_id):
    """The mask is 1 where the id is above 0: padding with another id counts as text, and a token with id 0 does not.

    The mask comes from the lengths, not from the ids.
    """
    input_ids, _ = _pad(batch, pad_token_id)
    return input_ids, (input_ids > 0).long()


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


@misconception("pad", "1 everywhere in the mask", inputs=[(_THREE, 0), (_WITH_9, 7)])
def ones_everywhere(batch, pad_token_id):
    """The mask is 1 at the padding too, so attention reads it as if it were text.

    The mask is 1 up to the length of each sequence and 0 after it.
    """
    input_ids, mask = _pad(batch, pad_token_id)
    return input_ids, torch.ones_like(mask)


@misconception("pad", "cut to the shortest", inputs=[(_THREE, 0), (_WITH_9, 7)])
def cut_to_the_shortest(batch, pad_token_id):
    """All sequences are cut to the length of the shortest one, and the rest of the text is lost.

    Make all as long as the longest one, with padding at the end.
    """
    shortest = min(len(sequence) for sequence in batch)
    return _pad([sequence[:shortest] for sequence in batch], pad_token_id)


@misconception("pad", "the mask padded with pad_token_id", inputs=[(_THREE, 9), (_WITH_9, 7)])
def mask_padded_with_the_id(batch, pad_token_id):
    """The mask holds pad_token_id at the padding; that is right only where [PAD] happens to have the id 0.

    Only the ids are padded with pad_token_id. The mask is padded with 0.
    """
    input_ids, mask = _pad(batch, pad_token_id)
    return input_ids, torch.where(mask == 1, 1, pad_token_id)


@misconception("pad", "batch and length swapped", inputs=[(_THREE, 0), (_THREE, 9)])
def batch_and_length_swapped(batch, pad_token_id):
    """The result is (L, B), which is what pad_sequence does by default.

    Pass batch_first=True.
    """
    input_ids, mask = _pad(batch, pad_token_id)
    return input_ids.T, mask.T


# ---- epoch_batches ----

_LENGTHS = [12 + 37 * index % 113 for index in range(400)]


def _batches(lengths, batch_size, seed, shuffle=True, group=True, mix=True, whole_only=False, width=4, generator=None):
    generator = torch.Generator().manual_seed(seed) if generator is None else generator
    order = torch.randperm(len(lengths), generator=generator).tolist() if shuffle else list(range(len(lengths)))
    if group:
        order.sort(key=lambda index: lengths[index] // width)
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


def _sorted_inside_a_bin(function):
    batches = function([12, 13, 14, 15] * 20, 5, 1)
    return max(map(len, batches)) > 1 and all(len({index % 4 for index in batch}) == 1 for batch in batches)


@misconception("epoch_batches", "sorted by the length itself", symptom=_sorted_inside_a_bin)
def sorted_by_the_length(lengths, batch_size, seed):
    """The sequences are sorted by their exact length, so only those of the same length change places between epochs.

    Sort by the bin, lengths[index] // LENGTH_BIN: within a bin the shuffle decides.
    """
    return _batches(lengths, batch_size, seed, width=1)


def _global_states(function):
    torch.rand(1), random.random()  # away from the state that an earlier call may have left
    before = torch.get_rng_state(), random.getstate()
    _epoch(function)
    return not torch.equal(torch.get_rng_state(), before[0]) or random.getstate() != before[1]


def _seeds_the_global_generator(function):
    return _global_states(function) and _epoch(function, 1) == _epoch(function, 1) != _epoch(function, 2)


@misconception("epoch_batches", "the global generator seeded", symptom=_seeds_the_global_generator)
def global_generator_seeded(lengths, batch_size, seed):
    """A seed for all starts every other random number of the program anew, too: dropout, masking, …

    Make a generator of your own, torch.Generator().manual_seed(seed) or random.Random(seed), and draw from it.
    """
    return _batches(lengths, batch_size, seed, generator=torch.manual_seed(seed))


@misconception(
    "epoch_batches", "drawn with replacement", symptom=lambda f: len({i for b in _epoch(f) for i in b}) < 300
)
def indices_with_replacement(lengths, batch_size, seed):
    """Indices are drawn one by one, so in each epoch some sequences come twice and a third of them never.

    Shuffle the indices: torch.randperm, not torch.randint.
    """
    drawn = torch.randint(len(lengths), (len(lengths),), generator=torch.Generator().manual_seed(seed)).tolist()
    return [[drawn[index] for index in batch] for batch in _batches([lengths[i] for i in drawn], batch_size, seed)]


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


_TWO = [torch.tensor([5, 5, 5, 6]), torch.tensor([5, 7, 7])]
_TWICE = [(_TWO, 8), (_TWO, 9, 0.5)]


@misconception("token_weights", "once for each sequence", inputs=_TWICE)
def once_for_each_sequence(sequences, vocab_size, smoothing=0.7):
    """A token that occurs several times in a sequence is counted once, as happens with counts[sequence] += 1.

    Count every occurrence: torch.bincount(sequence, minlength=vocab_size).
    """
    return _counts([sequence.unique() for sequence in sequences], vocab_size).clamp(min=1) ** -smoothing


@misconception("token_weights", "only the last sequence counted", inputs=_TWICE)
def only_the_last_counted(sequences, vocab_size, smoothing=0.7):
    """The counts of each sequence take the place of those before.

    Add them: counts += torch.bincount(…).
    """
    return _counts(list(sequences)[-1:], vocab_size).clamp(min=1) ** -smoothing


@misconception("token_weights", "made to sum to 1", inputs=_TWICE)
def made_to_sum_to_one(sequences, vocab_size, smoothing=0.7):
    """The weights are divided by their sum; here they are relative, and the weight of a token seen once is 1.

    Return max(count, 1) ** -smoothing as it is.
    """
    weights = _counts(sequences, vocab_size).clamp(min=1) ** -smoothing
    return weights / weights.sum()


@misconception("token_weights", "one added to every count", inputs=_TWICE)
def one_added_to_every_count(sequences, vocab_size, smoothing=0.7):
    """1 is added to all counts so that none is 0; but then a token seen once has another weight than an unseen one.

    Only a count of 0 changes: max(count, 1).
    """
    return (_counts(sequences, vocab_size) + 1) ** -smoothing


# ---- choose_positions ----

_SPECIAL = frozenset({0, 1, 2, 3, 4})
_IDS = torch.zeros(4, 30, dtype=torch.int64)  # [CLS], 10 ordinary tokens, [SEP], the rest is padding
_IDS[:, 0], _IDS[:, 1:11], _IDS[:, 11] = 2, torch.arange(10, 50).view(4, 10), 3
_FRAME, _PADDING = (_IDS == 2) | (_IDS == 3), _IDS == 0
_FIRST_8 = (_IDS > 4) & ((_IDS > 4).flatten().cumsum(0).view(4, 30) <= 8)
_RISING = torch.arange(50, dtype=torch.double) + 100
_EVEN_ONES = torch.tensor([1.0] * 10 + [1000.0, 1.0] * 20).double()  # even ids weigh a thousand times as much


def _choose(
    ids, special, share, weights, generator, count=math.ceil, again=False, everywhere=False, independent=False,
    special_weigh=False,
):  # fmt: skip
    if not 0 <= share <= 1:
        raise ValueError(f"The share is {share}: expected a number from 0 to 1.")
    ordinary = ~torch.isin(ids, torch.tensor(sorted(special)))
    weight = ordinary.double() if weights is None else weights[ids] * (special_weigh | ordinary)
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
    unweighted = 0.2 < float((masked % 2 == 0).double().mean()) < 0.8
    return len(_numbers(function, 0.5)) == 1 and unweighted and not _static(function)


@misconception("choose_positions", "weights ignored", symptom=_no_weights)
def weights_ignored(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """All tokens are drawn with the same probability, whatever their weights.

    A position's weight is weights[its token]: index the vector with input_ids.
    """
    return _choose(input_ids, special_ids, share, None, generator)


def _random_once(function):
    return _static(function) and not torch.equal(_often(function, 0.2)[0], _FIRST_8)


@misconception("choose_positions", "static masking", symptom=_random_once)
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


def _rows(function, share):
    """The numbers that each sequence gets in 20 draws; nothing if special tokens are chosen."""
    chosen = _often(function, share)
    return set() if any(each[_IDS < 5].any() for each in chosen) else {tuple(each.sum(1).tolist()) for each in chosen}


@misconception(
    "choose_positions", "each sequence by itself", symptom=lambda f: _rows(f, 0.26) in ({(3,) * 4}, {(2,) * 4})
)
def each_sequence_by_itself(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """The number is worked out and rounded for each sequence, so all get the same one, and the sum is not the fraction.

    Work out one number for the whole batch, and draw from all its ordinary positions together.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"The share is {share}: expected a number from 0 to 1.")
    return torch.cat([_choose(row[None], special_ids, share, weights, generator) for row in input_ids])


def _totals(*expected):
    """The symptom: so many positions of 40 are chosen with these shares; rightly 0, 7, 8 and 20."""
    return lambda function: [_numbers(function, share) for share in (0.0, 0.16, 0.19, 0.5)] == [{n} for n in expected]


@misconception("choose_positions", "rounded to the nearest number", symptom=_totals(0, 6, 8, 20))
def rounded_to_the_nearest(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """The number is rounded to the nearest one; in a batch of a few tokens none would be masked.

    Round up: math.ceil.
    """
    return _choose(input_ids, special_ids, share, weights, generator, count=round)


@misconception("choose_positions", "always at least one", symptom=_totals(1, 7, 8, 20))
def always_at_least_one(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """One position is chosen even if the share is 0.

    Rounding up is enough: math.ceil of any number above 0 is at least 1.
    """
    return _choose(input_ids, special_ids, share, weights, generator, count=lambda number: max(1, math.ceil(number)))


@misconception("choose_positions", "rounded down, then one more", symptom=_totals(1, 7, 8, 21))
def rounded_down_and_one_more(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """int(number) + 1 is one too many where the number is whole already.

    Use math.ceil.
    """
    return _choose(input_ids, special_ids, share, weights, generator, count=lambda number: int(number) + 1)


def _prefers_small_weights(function):
    masked = torch.cat([_IDS[each] for each in _often(function, 0.2, _EVEN_ONES)])
    return float((masked % 2 == 0).double().mean()) < 0.1


@misconception("choose_positions", "weights inverted", symptom=_prefers_small_weights)
def weights_inverted(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """Tokens with small weights are drawn often; the weights are taken for counts.

    token_weights has done the division already: draw in proportion to weights[input_ids].
    """
    return _choose(input_ids, special_ids, share, None if weights is None else 1 / weights, generator)


def _special_if_weighted(function):
    weighted = _often(function, 0.5, torch.ones(50).double())
    return any(each[_IDS < 5].any() for each in weighted) and _numbers(function, 0.5) == {20}


@misconception("choose_positions", "special tokens drawn by their weights", symptom=_special_if_weighted)
def special_drawn_by_weight(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """Special tokens are left out without weights only; with weights, theirs is not set to 0.

    Multiply the weights by the mask of the ordinary positions in both cases.
    """
    return _choose(input_ids, special_ids, share, weights, generator, special_weigh=weights is not None)


def _two_of_one_seed(draw):
    first, second = (draw(torch.Generator().manual_seed(1)) for _ in range(2))
    return not torch.equal(first, second)


def _other_generator(function):
    return len(_numbers(function, 0.5)) == 1 and _two_of_one_seed(lambda g: function(_IDS, _SPECIAL, 0.5, None, g))


@misconception("choose_positions", "the generator not passed on", symptom=_other_generator)
def generator_not_passed_on(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """The positions are drawn from PyTorch's own generator, so a run cannot be repeated.

    Pass it on: torch.multinomial(…, generator=generator).
    """
    return _choose(input_ids, special_ids, share, weights, None)


# ---- mask_tokens ----

_MASK, _V = 4, 50
_TEXT = torch.arange(10_000).view(100, 100) % 40 + 7
_CHOSEN = torch.arange(10_000).view(100, 100) % 2 == 0


def _mask(ids, chosen, mask_id, vocab_size, generator, mask=0.8, keep=None, same=False, one=False, shift=None):
    if not 0 <= mask_id < vocab_size:
        raise ValueError(f"[MASK] has id {mask_id}: expected one in the vocabulary of {vocab_size} tokens.")
    draw = torch.rand((1, 1) if one else ids.shape, generator=generator)
    if shift is None:
        shift = torch.randint(0 if same else 1, vocab_size, ids.shape, generator=generator)
    keep = (1 - mask) / 2 if keep is None else keep
    masked = torch.where(chosen & (draw < mask), mask_id, ids)
    return torch.where(chosen & (draw >= mask + keep), (ids + shift) % vocab_size, masked)


def _masked_text(function):
    return function(_TEXT.clone(), _CHOSEN.clone(), _MASK, _V)


def _fractions(function):
    """Of the chosen tokens: [MASK], kept and random."""
    masked, _ = _masked_text(function)
    as_mask = float((masked == _MASK)[_CHOSEN].double().mean())
    kept = float((masked == _TEXT)[_CHOSEN].double().mean())
    return as_mask, kept, 1 - as_mask - kept


def _all_changed(function):
    changed = (_masked_text(function)[0])[~_CHOSEN]
    return (changed != _TEXT[~_CHOSEN]).double().mean() > 0.5 and (changed != -100).any()


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
    if not torch.equal(masked[~_CHOSEN], _TEXT[~_CHOSEN]):
        return False
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
    return not torch.equal(given, _TEXT) and torch.equal(given, masked) and (given != -100).all()


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


def _shares(as_mask, kept, random):
    """The symptom: of the chosen tokens about this fraction is [MASK], kept and random."""

    def symptom(function):
        masked, labels = _masked_text(function)
        as_usual = torch.equal(masked[~_CHOSEN], _TEXT[~_CHOSEN]) and (labels[~_CHOSEN] == -100).all()
        return as_usual and all(
            abs(a - b) < (0.025 if b else 0.005) for a, b in zip(_fractions(function), (as_mask, kept, random))
        )

    return symptom


@misconception("mask_tokens", "random tokens in place of [MASK]", symptom=_shares(0.72, 0.18, 0.1))
def random_in_place_of_mask(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """The random tokens are drawn by themselves and written over some of the [MASK]s: 72 % are left.

    Draw one number for each position: what becomes [MASK] is no candidate for a random token.
    """
    masked = _mask(input_ids, chosen, mask_token_id, vocab_size, generator, keep=1)
    again = chosen & (torch.rand(input_ids.shape, generator=generator) < 0.1)
    return _mask(masked, again, mask_token_id, vocab_size, generator, mask=0, keep=0), torch.where(
        chosen, input_ids, -100
    )


@misconception("mask_tokens", "half of all chosen tokens random", symptom=_shares(0.4, 0.1, 0.5))
def half_of_all_random(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """The second draw, 50 %, is for those that did not become [MASK]; here it also replaces half of the [MASK]s.

    Combine it with the first draw: & ~masked.
    """
    masked = _mask(input_ids, chosen, mask_token_id, vocab_size, generator, keep=1)
    again = chosen & (torch.rand(input_ids.shape, generator=generator) < 0.5)
    return _mask(masked, again, mask_token_id, vocab_size, generator, mask=0, keep=0), torch.where(
        chosen, input_ids, -100
    )


@misconception("mask_tokens", "no token kept", symptom=_shares(0.8, 0.0, 0.2))
def no_token_kept(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """What does not become [MASK] becomes a random token; none of the chosen tokens stays.

    One half of the other 20 % becomes random, the other half stays.
    """
    masked = _mask(input_ids, chosen, mask_token_id, vocab_size, generator, keep=0)
    return masked, torch.where(chosen, input_ids, -100)


@misconception("mask_tokens", "no random tokens", symptom=_shares(0.8, 0.2, 0.0))
def no_random_tokens(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """What does not become [MASK] stays; no token becomes a random one.

    One half of the other 20 % becomes random, the other half stays.
    """
    masked = _mask(input_ids, chosen, mask_token_id, vocab_size, generator, keep=1)
    return masked, torch.where(chosen, input_ids, -100)


@misconception("mask_tokens", "10 % [MASK], 80 % kept", symptom=_shares(0.1, 0.8, 0.1))
def mask_and_kept_swapped(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """Most of the chosen tokens stay as they are: the fractions of [MASK] and of kept tokens are swapped.

    Of the chosen tokens 80 % become [MASK], 10 % a random token, and 10 % stay.
    """
    masked = _mask(input_ids, chosen, mask_token_id, vocab_size, generator, mask=0.1, keep=0.8)
    return masked, torch.where(chosen, input_ids, -100)


def _always_as_many(function):
    kept = {_fractions(function)[1] for _ in range(9)}
    return len(kept) == 1 and 0.05 < max(kept) < 0.15


@misconception("mask_tokens", "the same number every time", symptom=_always_as_many)
def same_number_every_time(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """Exactly 80 % become [MASK] in every batch. Here each token has a draw of its own, so the number varies.

    Draw a number for each position: torch.rand(input_ids.shape, generator=generator).
    """
    ranks = torch.rand(input_ids.shape, generator=generator).masked_fill(~chosen, 2).flatten().argsort().argsort()
    draw = ranks.view(input_ids.shape) / chosen.sum()
    random_tokens = _mask(input_ids, chosen, mask_token_id, vocab_size, generator, mask=0, keep=0)
    masked = torch.where(chosen & (draw < 0.8), mask_token_id, input_ids)
    return torch.where(chosen & (draw >= 0.9), random_tokens, masked), torch.where(chosen, input_ids, -100)


def _replaced(function):
    """The replacements that are neither [MASK] nor the original, as ids and as distances from the original."""
    masked, _ = _masked_text(function)
    new = _CHOSEN & (masked != _MASK) & (masked != _TEXT)
    return set(masked[new].tolist()), set(((masked - _TEXT) % _V)[new].tolist())


def _without_the_last(function):
    ids, shifts = _replaced(function)
    return len(ids) > 40 and (_V - 1 not in ids or _V - 1 not in shifts) and len(ids) >= _V - 2


@misconception("mask_tokens", "the last token never drawn", symptom=_without_the_last)
def last_token_never_drawn(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """The end of torch.randint is left out already; with vocab_size - 1 as the end one more token is never drawn.

    torch.randint(1, vocab_size, …) gives all shifts from 1 to vocab_size - 1.
    """
    shift = torch.randint(1, max(2, vocab_size - 1), input_ids.shape, generator=generator)
    masked = _mask(input_ids, chosen, mask_token_id, vocab_size, generator, shift=shift)
    return masked, torch.where(chosen, input_ids, -100)


@misconception("mask_tokens", "one random token for all", symptom=lambda f: 1 in map(len, _replaced(f)))
def one_random_token_for_all(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """One random number is drawn, and every replaced token gets it.

    Draw as many as there are positions: the shape of torch.randint is input_ids.shape.
    """
    shift = torch.randint(1, vocab_size, (1, 1), generator=generator)
    masked = _mask(input_ids, chosen, mask_token_id, vocab_size, generator, shift=shift)
    return masked, torch.where(chosen, input_ids, -100)


def _only_above_mask(function):
    ids, _ = _replaced(function)
    return len(ids) > 40 and min(ids) == _MASK + 1 and max(ids) == _V - 1


@misconception("mask_tokens", "special tokens never drawn", symptom=_only_above_mask)
def special_tokens_never_drawn(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """The random tokens come from the ordinary words only; BERT draws from the whole vocabulary.

    Any token but the one that is replaced may come, special ones included.
    """
    words = torch.randint(min(mask_token_id + 1, vocab_size - 1), vocab_size, input_ids.shape, generator=generator)
    words = torch.where(words == input_ids, vocab_size - 1, words)
    masked = _mask(input_ids, chosen, mask_token_id, vocab_size, generator, shift=words - input_ids)
    return masked, torch.where(chosen, input_ids, -100)


def _labels_in_the_input(function):
    given = _TEXT.clone()
    function(given, _CHOSEN.clone(), _MASK, _V)
    return (given[~_CHOSEN] == -100).all()


@misconception("mask_tokens", "labels that are the input itself", symptom=_labels_in_the_input)
def labels_are_the_input(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """labels = input_ids gives the tensor a second name: writing -100 into the labels writes it into the input, too.

    Begin with input_ids.clone(), or use torch.where, which makes a new tensor.
    """
    masked = _mask(input_ids, chosen, mask_token_id, vocab_size, generator)
    labels = input_ids
    labels[~chosen] = -100
    return masked, labels


def _other_masking(function):
    return _two_of_one_seed(lambda generator: function(_TEXT.clone(), _CHOSEN, _MASK, _V, generator)[0])


@misconception("mask_tokens", "the generator not passed on", symptom=_other_masking)
def generator_not_used(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """Some of the numbers are drawn from PyTorch's own generator, so a run cannot be repeated.

    Pass generator=generator to every torch.rand and torch.randint.
    """
    return _mask(input_ids, chosen, mask_token_id, vocab_size, None), torch.where(chosen, input_ids, -100)
