"""Chapter 2: wrong implementations that people really write, each with inputs or a symptom that shows it."""

import math

import torch

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.course.misconceptions import misconception

# ---- chunks ----

TOKENIZER = WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"])


def _chunks(document, tokenizer, max_length, frame=2, first_only=False, shortest=12, most_unknown=0.5):
    if max_length < 3:
        raise ValueError(f"max_length={max_length}: [CLS], one token and [SEP] need 3.")
    ids = tokenizer.ids(document)
    room = max_length - frame
    for start in range(0, room if first_only else len(ids), room):
        chunk = [tokenizer.cls_token_id, *ids[start : start + room], tokenizer.sep_token_id]
        unknown = chunk.count(tokenizer.unk_token_id)
        if len(chunk) >= min(shortest, max_length) and unknown < most_unknown * len(chunk):
            yield torch.tensor(chunk)


@misconception("chunks", "chunks without their own frame", inputs=[(LONG, TOKENIZER, 16), (LONGER, TOKENIZER, 16)])
def chunks_without_their_own_frame(document, tokenizer, max_length):
    """The document is framed once and then cut, so most chunks lack [CLS], [SEP] or both.

    Cut the ids of the bare text, then put [CLS] and [SEP] around every piece.
    """
    if max_length < 3:
        raise ValueError(f"max_length={max_length}: [CLS], one token and [SEP] need 3.")
    framed = [tokenizer.cls_token_id, *tokenizer.ids(document), tokenizer.sep_token_id]
    for start in range(0, len(framed), max_length):
        chunk = framed[start : start + max_length]
        if len(chunk) >= min(12, max_length) and chunk.count(tokenizer.unk_token_id) < 0.5 * len(chunk):
            yield torch.tensor(chunk)


@misconception("chunks", "no room for the frame", inputs=[(LONG, TOKENIZER, 16), (LONGER, TOKENIZER, 16)])
def no_room_for_the_frame(document, tokenizer, max_length):
    """A chunk holds max_length tokens of text and becomes two longer with its frame.

    The frame counts: a chunk has room for max_length - 2 tokens of text.
    """
    return _chunks(document, tokenizer, max_length, frame=0)


@misconception("chunks", "everything behind the limit lost", inputs=[(LONG, TOKENIZER, 16), (LONGER, TOKENIZER, 16)])
def everything_behind_the_limit_lost(document, tokenizer, max_length):
    """Only the first chunk of a long document is kept; the rest is thrown away.

    Go on with the text where the chunk ended: range(0, len(ids), room).
    """
    return _chunks(document, tokenizer, max_length, first_only=True)


@misconception("chunks", "short chunks kept", inputs=[(SHORT, TOKENIZER, 128), (LONG + SHORT, TOKENIZER, 20)])
def short_chunks_kept(document, tokenizer, max_length):
    """Sequences of fewer than MIN_TOKENS tokens are kept.

    After framing, drop what is shorter than min(MIN_TOKENS, max_length).
    """
    return _chunks(document, tokenizer, max_length, shortest=3)


@misconception(
    "chunks", "chunks full of [UNK] kept", inputs=[(UNKNOWN, TOKENIZER, 128), (UNKNOWN + " a b c", TOKENIZER, 128)]
)
def unknown_chunks_kept(document, tokenizer, max_length):
    """A sequence is kept even if half of its tokens or more are unknown.

    Count unk_token_id in the framed chunk: it must be fewer than MAX_UNKNOWN of its length.
    """
    return _chunks(document, tokenizer, max_length, most_unknown=2)


LONG, LONGER, SHORT = "a b c d e f g h " * 5, "a b c d e f g h " * 9, "a b c"
UNKNOWN = "x y z x y z x y z x y z"

# ---- pad ----


@misconception("pad", "padding on the left", inputs=[(THREE, 0), (THREE, 9)])
def padded_on_the_left(batch, pad_token_id):
    """The filling stands before the text, so positions no longer begin at [CLS].

    BERT's positions count from the left: the text comes first, the filling after it.
    """
    width = max(map(len, batch))
    ids = [[pad_token_id] * (width - len(sequence)) + sequence.tolist() for sequence in batch]
    mask = [[0] * (width - len(sequence)) + [1] * len(sequence) for sequence in batch]
    return torch.tensor(ids), torch.tensor(mask)


def _pad(batch, pad_token_id):
    return torch.nn.utils.rnn.pad_sequence(list(batch), batch_first=True, padding_value=pad_token_id)


@misconception("pad", "the mask guessed from the ids", inputs=[(HOLDS_ITS_PADDING, 9), (THREE, 5)])
def mask_from_the_ids(batch, pad_token_id):
    """Every id equal to that of padding counts as filling, even inside a text.

    The mask comes from the lengths, not from the ids.
    """
    input_ids = _pad(batch, pad_token_id)
    return input_ids, (input_ids != pad_token_id).long()


@misconception("pad", "the mask upside down", inputs=[(THREE, 0), (THREE, 9)])
def mask_upside_down(batch, pad_token_id):
    """The mask is 1 at the filling and 0 at the text.

    An attention mask says where to look: 1 for a real token.
    """
    input_ids = _pad(batch, pad_token_id)
    lengths = torch.tensor([len(sequence) for sequence in batch])
    return input_ids, (torch.arange(input_ids.shape[1]) >= lengths[:, None]).long()


@misconception("pad", "always filled with 0", inputs=[(THREE, 9), (HOLDS_ITS_PADDING, 7)])
def always_filled_with_0(batch, pad_token_id):
    """The filling is 0 whatever pad_token_id says; that works only where [PAD] happens to be 0.

    Pass pad_token_id on to whatever fills the rectangle.
    """
    lengths = torch.tensor([len(sequence) for sequence in batch])
    input_ids = _pad(batch, 0)
    return input_ids, (torch.arange(input_ids.shape[1]) < lengths[:, None]).long()


THREE = [torch.tensor([5, 6, 7]), torch.tensor([8]), torch.tensor([9, 1])]
HOLDS_ITS_PADDING = [torch.tensor([9, 5, 9]), torch.tensor([1])]

# ---- epoch_batches ----


def _batches(lengths, batch_size, seed, shuffle=True, group=True, mix=True, whole_only=False, seeded=True):
    generator = torch.Generator().manual_seed(seed if seeded else 0)
    order = torch.randperm(len(lengths), generator=generator).tolist() if shuffle else list(range(len(lengths)))
    if group:
        order.sort(key=lambda index: lengths[index] // 4)
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    if whole_only:
        batches = [batch for batch in batches if len(batch) == batch_size]
    places = torch.randperm(len(batches), generator=generator).tolist() if mix else range(len(batches))
    return [batches[place] for place in places]


@misconception("epoch_batches", "lengths not grouped", symptom=shows_random_company)
def not_grouped(lengths, batch_size, seed):
    """Short and long sequences share a batch, so a third of its positions is padding.

    Sort the shuffled indices by the bin of their length before cutting.
    """
    return _batches(lengths, batch_size, seed, group=False)


@misconception("epoch_batches", "short ones first", symptom=shows_sorted_batches)
def short_ones_first(lengths, batch_size, seed):
    """The batches come in the order of their lengths, so an epoch begins with all the one-liners.

    Shuffle once more, after cutting: this time the batches.
    """
    return _batches(lengths, batch_size, seed, mix=False)


@misconception("epoch_batches", "the same company in every epoch", symptom=shows_the_same_company)
def the_same_company_in_every_epoch(lengths, batch_size, seed):
    """The batches are shuffled but not the sequences: the same ones meet in every epoch.

    Shuffle the indices before sorting, and sort by the bin with a sort that keeps the order within it.
    """
    return _batches(lengths, batch_size, seed, shuffle=False)


@misconception("epoch_batches", "last batch dropped", symptom=shows_lost_sequences)
def last_batch_dropped(lengths, batch_size, seed):
    """A last batch that is not full is left out, so some sequences are never read.

    Keep the shorter slice at the end: every index comes once.
    """
    return _batches(lengths, batch_size, seed, whole_only=True)


@misconception("epoch_batches", "seed ignored", symptom=shows_the_same_epoch)
def seed_ignored(lengths, batch_size, seed):
    """Every seed gives the same epoch.

    Both shuffles draw from torch.Generator().manual_seed(seed).
    """
    return _batches(lengths, batch_size, seed, seeded=False)


def epoch(function, seed=1, size=7):
    """Lengths of 400 sequences and a batching of them."""
    lengths = [12 + 37 * index % 113 for index in range(400)]
    return lengths, function(lengths, size, seed)


def shows_random_company(function):
    lengths, batches = epoch(function)
    ranges = [max(lengths[i] for i in batch) - min(lengths[i] for i in batch) for batch in batches]
    return sum(ranges) / len(ranges) > 40


def shows_sorted_batches(function):
    lengths, batches = epoch(function)
    longest = [max(lengths[i] for i in batch) // 4 for batch in batches]
    return longest in (sorted(longest), sorted(longest, reverse=True))


def shows_lost_sequences(function):
    _, batches = epoch(function)
    return sum(map(len, batches)) == 400 // 7 * 7


def _company(function, seed):
    return {frozenset(batch) for batch in epoch(function, seed)[1]}


def shows_the_same_company(function):
    return _company(function, 1) == _company(function, 2) and epoch(function, 1) != epoch(function, 2)


def shows_the_same_epoch(function):
    return epoch(function, 1) == epoch(function, 2)


# ---- token_weights ----


def _counts(sequences, vocab_size):
    return torch.bincount(torch.cat(list(sequences)), minlength=vocab_size).double()


@misconception("token_weights", "smoothing with the wrong sign", inputs=COUNTED)
def smoothing_with_the_wrong_sign(sequences, vocab_size, smoothing=0.7):
    """Frequent tokens get the large weights, rare ones the small.

    The power is minus smoothing.
    """
    return _counts(sequences, vocab_size).clamp(min=1) ** smoothing


@misconception("token_weights", "unseen tokens of infinite weight", inputs=COUNTED)
def unseen_tokens_of_infinite_weight(sequences, vocab_size, smoothing=0.7):
    """A token that never occurs has count 0, and 0 to a negative power is infinite.

    Count it as once: max(count, 1).
    """
    return _counts(sequences, vocab_size) ** -smoothing


@misconception("token_weights", "unseen tokens of weight 0", inputs=COUNTED)
def unseen_tokens_never(sequences, vocab_size, smoothing=0.7):
    """A token that does not occur here could never be hidden in another text.

    Count it as once: max(count, 1), which makes its weight 1.
    """
    counts = _counts(sequences, vocab_size)
    return torch.where(counts > 0, counts.clamp(min=1) ** -smoothing, 0.0)


@misconception("token_weights", "smoothing added to the count", inputs=COUNTED)
def smoothing_added_to_the_count(sequences, vocab_size, smoothing=0.7):
    """The smoothing is added to the count, as in add-one smoothing of probabilities.

    Here smoothing is an exponent: max(count, 1) ** -smoothing.
    """
    return 1 / (_counts(sequences, vocab_size) + smoothing)


@misconception("token_weights", "smoothing as a factor", inputs=COUNTED)
def smoothing_times_the_count(sequences, vocab_size, smoothing=0.7):
    """The count is multiplied by the smoothing instead of raised to a power.

    Here smoothing is an exponent: max(count, 1) ** -smoothing.
    """
    return 1 / (smoothing * _counts(sequences, vocab_size).clamp(min=1))


COUNTED = [([torch.tensor([5, 5, 5, 6])], 8), ([torch.tensor([1, 1]), torch.tensor([1, 2])], 4, 0.5)]

# ---- choose_positions ----


def _choose(ids, special, share, weights, generator, count=math.ceil, again=False, everywhere=False, independent=False):
    if not 0 <= share <= 1:
        raise ValueError(f"The share is {share}: expected a number from 0 to 1.")
    ordinary = ~torch.isin(ids, torch.tensor(sorted(special)))
    weight = ordinary.double() if weights is None else weights[ids] * ordinary
    if independent:
        chance = weight / weight.max() if weights is not None and weight.max() > 0 else weight
        return torch.rand(ids.shape, generator=generator) < share * chance
    number = count(share * (ids.numel() if everywhere else int(ordinary.sum())))
    number = min(number, int(ordinary.sum()))
    chosen = torch.zeros_like(ordinary)
    if number:
        chosen.view(-1)[torch.multinomial(weight.flatten(), number, again, generator=generator)] = True
    return chosen


@misconception("choose_positions", "[CLS] and [SEP] masked", symptom=shows_frames)
def frame_masked(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """Padding is left out, but the frame is hidden like any word.

    Leave out every token in special_ids, not the padding alone.
    """
    return _choose(input_ids, {0}, share, weights, generator)


@misconception("choose_positions", "padding masked", symptom=shows_padding)
def padding_masked(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """Positions behind the end of a text are hidden; there is nothing to guess.

    Padding is in special_ids too: its positions get no weight.
    """
    return _choose(input_ids, set(special_ids) - {0}, share, weights, generator)


@misconception("choose_positions", "share of the whole rectangle", symptom=shows_the_rectangle)
def share_of_the_rectangle(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """The share is taken of all positions, padding and frame included, so too many words are hidden.

    Count the ordinary tokens, not input_ids.numel().
    """
    return _choose(input_ids, special_ids, share, weights, generator, everywhere=True)


@misconception("choose_positions", "a coin for each token", symptom=shows_coins)
def a_coin_for_each_token(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """Each token is drawn by itself, so the number hidden varies from batch to batch.

    Work out the number first, then draw that many positions without repetition.
    """
    return _choose(input_ids, special_ids, share, weights, generator, independent=True)


@misconception("choose_positions", "rounded down", symptom=shows_the_floor)
def rounded_down(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """The number is rounded down; a batch of a few tokens would hide none.

    Use math.ceil.
    """
    return _choose(input_ids, special_ids, share, weights, generator, count=math.floor)


@misconception("choose_positions", "drawn with repetition", symptom=shows_repetition)
def drawn_with_repetition(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """A position may be drawn twice, and then fewer are hidden than were asked for.

    torch.multinomial draws without repetition unless told otherwise; torch.randint does not.
    """
    return _choose(input_ids, special_ids, share, weights, generator, again=True)


@misconception("choose_positions", "weights ignored", symptom=shows_no_weights)
def weights_ignored(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """All tokens are drawn alike, whatever their weights.

    A position's weight is weights[its token]: index the vector with input_ids.
    """
    return _choose(input_ids, special_ids, share, None, generator)


@misconception("choose_positions", "masking static", symptom=shows_static)
def static_masks(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """The same positions are drawn every time, so the model meets the same riddle in every epoch.

    Do not make or seed a generator inside: pass on the one that was given.
    """
    return _choose(input_ids, special_ids, share, weights, torch.Generator().manual_seed(0))


@misconception("choose_positions", "the heaviest always", symptom=shows_the_heaviest)
def the_heaviest_always(input_ids, special_ids, share=0.15, weights=None, generator=None):
    """The positions with the largest weights are taken, without any chance.

    The weights are odds of a draw, not a ranking.
    """
    if weights is None:
        return _choose(input_ids, special_ids, share, weights, generator)
    ordinary = ~torch.isin(input_ids, torch.tensor(sorted(special_ids)))
    number = math.ceil(share * int(ordinary.sum()))
    chosen = torch.zeros_like(ordinary)
    chosen.view(-1)[(weights[input_ids] * ordinary).flatten().topk(number).indices] = True
    return chosen


def riddle():
    """4 sequences of 30 places: 10 ordinary tokens in a frame, the rest is padding (0)."""
    ids = torch.zeros(4, 30, dtype=torch.int64)
    ids[:, 1:11] = torch.arange(10, 50).view(4, 10)
    ids[:, 0], ids[:, 11] = 2, 3
    return ids


SPECIAL = frozenset({0, 1, 2, 3, 4})


def _often(function, share, times=20, **more):
    ids = riddle()
    return ids, [function(ids, SPECIAL, share, **more) for _ in range(times)]


def shows_frames(function):
    ids, chosen = _often(function, 1.0)
    return all(each[(ids == 2) | (ids == 3)].all() and not each[ids == 0].any() for each in chosen)


def shows_padding(function):
    ids, chosen = _often(function, 0.5)
    return all(each[ids == 0].any() and not each[(ids == 2) | (ids == 3)].any() for each in chosen)


def _numbers(function, share):
    ids, chosen = _often(function, share)
    if any(each[ids < 5].any() for each in chosen):
        return set()  # something else is wrong
    return {int(each.sum()) for each in chosen}


def shows_the_rectangle(function):
    return _numbers(function, 0.15) == {math.ceil(0.15 * 4 * 30)}


def shows_coins(function):
    return len(_numbers(function, 0.5)) > 3 and _numbers(function, 1.0) == {40}


def shows_the_floor(function):
    return _numbers(function, 0.19) == {7} and _numbers(function, 1.0) == {40}


def shows_repetition(function):
    return max(_numbers(function, 1.0)) < 40


WEIGHTS = torch.tensor([1.0] * 10 + [1000.0, 1.0] * 20).double()  # ids 10, 12, 14 … weigh a thousand times as much


def _heavy_share(function):
    ids, chosen = _often(function, 0.2, weights=WEIGHTS)
    hidden = torch.cat([ids[each] for each in chosen])
    return float((hidden % 2 == 0).double().mean())


def shows_no_weights(function):
    return len(_numbers(function, 0.5)) == 1 and _heavy_share(function) < 0.8 and not shows_static(function)


def shows_static(function):
    _, chosen = _often(function, 0.2)
    return all(torch.equal(each, chosen[0]) for each in chosen)


def shows_the_heaviest(function):
    ids = riddle()
    weights = torch.arange(50, dtype=torch.double) + 100
    chosen = [function(ids, SPECIAL, 0.2, weights) for _ in range(20)]
    return not shows_static(function) and all(torch.equal(each, chosen[0]) for each in chosen)


# ---- mask_tokens ----


def _mask(ids, chosen, mask_id, vocab_size, generator, everywhere=False, mask=0.8, same=False, spread=None, one=False):
    if not 0 <= mask_id < vocab_size:
        raise ValueError(f"[MASK] has id {mask_id}: expected one in the vocabulary of {vocab_size} tokens.")
    at = torch.ones_like(chosen) if everywhere else chosen
    draw = torch.rand((1, 1) if one else ids.shape, generator=generator)
    shift = torch.randint(0 if same else 1, vocab_size, ids.shape, generator=generator)
    masked = torch.where(at & (draw < mask), mask_id, ids)
    return torch.where(at & (draw >= mask + (1 - mask) / 2), (ids + shift) % vocab_size, masked)


@misconception("mask_tokens", "80/10/10 applied to all tokens", symptom=shows_the_rule_everywhere)
def rule_on_all_tokens(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """The rule replaces tokens that were not chosen: the model sees hardly any text.

    Each replacement happens only where `chosen` is True and the draw says so.
    """
    masked = _mask(input_ids, chosen, mask_token_id, vocab_size, generator, everywhere=True)
    return masked, torch.where(chosen, input_ids, -100)


@misconception("mask_tokens", "labels not set to -100", symptom=shows_labels_everywhere)
def labels_without_minus_100(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """Every position has its token as label, so the loss counts what can be copied from the input.

    Where `chosen` is False the label is IGNORE, -100.
    """
    return _mask(input_ids, chosen, mask_token_id, vocab_size, generator), input_ids.clone()


@misconception("mask_tokens", "labels 0 instead of -100", symptom=shows_0_in_labels)
def labels_0_elsewhere(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """Positions that do not count have the label 0, which is [PAD], a token like any other to the loss.

    Where `chosen` is False the label is IGNORE, -100.
    """
    return _mask(input_ids, chosen, mask_token_id, vocab_size, generator), torch.where(chosen, input_ids, 0)


@misconception("mask_tokens", "labels of the masked text", symptom=shows_labels_of_the_masked)
def labels_of_the_masked_text(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """The labels are taken after the tokens were replaced: the answer to [MASK] is [MASK].

    Take the labels from the original input_ids.
    """
    masked = _mask(input_ids, chosen, mask_token_id, vocab_size, generator)
    return masked, torch.where(chosen, masked, -100)


@misconception("mask_tokens", "kept tokens not asked for", symptom=shows_kept_without_label)
def kept_tokens_not_asked(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """A chosen token that stays has no label, so the model is never asked about a token that it sees.

    The labels depend on `chosen` alone, not on whether the token changed.
    """
    masked = _mask(input_ids, chosen, mask_token_id, vocab_size, generator)
    return masked, torch.where(masked != input_ids, input_ids, -100)


@misconception("mask_tokens", "the random token may be the original", symptom=shows_originals_drawn)
def random_may_be_the_original(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """The random token is drawn from all tokens, the one that it replaces included.

    Draw a shift from 1 to vocab_size - 1 and add it modulo vocab_size.
    """
    masked = _mask(input_ids, chosen, mask_token_id, vocab_size, generator, same=True)
    return masked, torch.where(chosen, input_ids, -100)


@misconception("mask_tokens", "always [MASK]", symptom=shows_always_mask)
def always_mask(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """Every chosen token becomes [MASK]; none is random and none stays.

    A draw for each position: below 0.8 [MASK], from 0.9 on random, between them the token stays.
    """
    masked = _mask(input_ids, chosen, mask_token_id, vocab_size, generator, mask=1.0)
    return masked, torch.where(chosen, input_ids, -100)


@misconception("mask_tokens", "one fate for the whole batch", symptom=shows_one_fate)
def one_fate_for_the_batch(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """One number is drawn for all: in one batch all become [MASK], in another none does.

    Draw a number for each position: torch.rand(input_ids.shape, generator=generator).
    """
    masked = _mask(input_ids, chosen, mask_token_id, vocab_size, generator, one=True)
    return masked, torch.where(chosen, input_ids, -100)


@misconception("mask_tokens", "the input overwritten", symptom=shows_a_changed_input)
def input_overwritten(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """The tokens are replaced in the tensor that was given, so the text is spoilt for the next epoch.

    Work on input_ids.clone(), or use torch.where, which makes a new tensor.
    """
    labels = torch.where(chosen, input_ids, -100)
    input_ids.copy_(_mask(input_ids, chosen, mask_token_id, vocab_size, generator))
    return input_ids, labels


@misconception("mask_tokens", "10 % of the rest", symptom=shows_two_percent_random)
def twice_ten_of_the_rest(input_ids, chosen, mask_token_id, vocab_size, generator=None):
    """Random tokens are 10 % of those that did not become [MASK], so 2 % of all.

    All three shares are of the chosen tokens: half of what does not become [MASK] is random.
    """
    draws = [torch.rand(input_ids.shape, generator=generator) for _ in range(2)]
    random_tokens = _mask(input_ids, chosen, mask_token_id, vocab_size, generator, mask=0.0)
    random_tokens = torch.where(random_tokens == input_ids, (input_ids + 1) % vocab_size, random_tokens)
    masked = torch.where(chosen & (draws[0] >= 0.8) & (draws[1] < 0.1), random_tokens, input_ids)
    return torch.where(chosen & (draws[0] < 0.8), mask_token_id, masked), torch.where(chosen, input_ids, -100)


MASK, V = 4, 50


def masked_batch(function, vocab_size=V, mask_token_id=MASK, token=None):
    """(original, chosen, masked, labels) of 100 x 100 tokens, every second one chosen."""
    ids = torch.arange(10_000).view(100, 100) % 40 + 7 if token is None else torch.full((100, 100), token)
    given, chosen = ids.clone(), torch.arange(10_000).view(100, 100) % 2 == 0
    masked, labels = function(given, chosen, mask_token_id, vocab_size)
    return ids, given, chosen, masked, labels


def shows_the_rule_everywhere(function):
    ids, _, chosen, masked, _ = masked_batch(function)
    return bool((masked[~chosen] != ids[~chosen]).double().mean() > 0.5)


def shows_labels_everywhere(function):
    ids, _, chosen, _, labels = masked_batch(function)
    return torch.equal(labels[~chosen], ids[~chosen])


def shows_0_in_labels(function):
    _, _, chosen, _, labels = masked_batch(function)
    return bool((labels[~chosen] == 0).all())


def shows_labels_of_the_masked(function):
    ids, _, chosen, masked, labels = masked_batch(function)
    return torch.equal(labels[chosen], masked[chosen]) and not torch.equal(masked[chosen], ids[chosen])


def shows_kept_without_label(function):
    ids, _, chosen, masked, labels = masked_batch(function)
    kept = chosen & (masked == ids)
    return bool(kept.any()) and bool((labels[kept] == -100).all())


def _shares(function):
    """[MASK], kept and random among the chosen ones."""
    ids, _, chosen, masked, _ = masked_batch(function)
    as_mask, kept = (masked == MASK)[chosen].double().mean(), (masked == ids)[chosen].double().mean()
    return float(as_mask), float(kept), float(1 - as_mask - kept)


def shows_originals_drawn(function):
    # With two tokens in the vocabulary, 0 and [MASK], the random one must be [MASK]: 10 % stay, not 15 %.
    ids, _, chosen, masked, _ = masked_batch(function, vocab_size=2, mask_token_id=1, token=0)
    kept = float((masked == ids)[chosen].double().mean())
    return 0.13 < kept < 0.17 and abs(_shares(function)[0] - 0.8) < 0.03


def shows_always_mask(function):
    return all(_shares(function)[0] == 1.0 for _ in range(20))


def shows_one_fate(function):
    kinds = [_shares(function) for _ in range(20)]
    return all(max(kind) > 0.9 for kind in kinds) and len(set(kinds)) > 1


def shows_a_changed_input(function):
    ids, given, _, masked, _ = masked_batch(function)
    return not torch.equal(given, ids) and torch.equal(given, masked)


def shows_two_percent_random(function):
    as_mask, _, other = _shares(function)
    return abs(as_mask - 0.8) < 0.03 and abs(other - 0.02) < 0.01
