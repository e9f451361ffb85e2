"""Wrong evaluations that people really write."""

import math
from itertools import pairwise

import torch
from torch.nn.functional import cosine_similarity

from minidistil.course.misconceptions import misconception

# ---- perplexity ----

LOSSES = [([torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.5])],)]


def _tokens(losses):
    if not sum(batch.numel() for batch in losses):
        raise ValueError("There are no losses.")
    return torch.cat([batch.double().flatten() for batch in losses])


def _means(losses):
    _tokens(losses)
    return torch.stack([batch.double().mean() for batch in losses])


@misconception("perplexity", "mean of the batches' perplexities", inputs=LOSSES)
def mean_of_batch_perplexities(losses):
    """The perplexity of each batch is computed, and then the mean of these.

    Take exp once, of the mean over all tokens: the mean of several exps is larger.
    """
    return float(_means(losses).exp().mean())


@misconception("perplexity", "small batches weigh as much as large ones", inputs=LOSSES)
def mean_of_batch_means(losses):
    """The mean is taken over the batches' means, so a token in a small batch counts more.

    Add up the losses of all batches and divide by the number of all tokens.
    """
    return float(_means(losses).mean().exp())


@misconception("perplexity", "mean of the tokens' perplexities", inputs=LOSSES)
def mean_of_token_perplexities(losses):
    """exp is taken of every token's loss, and then the mean.

    First the mean of the losses, then exp.
    """
    return float(_tokens(losses).exp().mean())


@misconception("perplexity", "the loss is returned", inputs=LOSSES)
def exponential_forgotten(losses):
    """The result is the mean loss in nats.

    Perplexity is exp of it: between how many tokens of equal probability the model hesitates.
    """
    return float(_tokens(losses).mean())


@misconception("perplexity", "2 to the power of nats", inputs=LOSSES)
def two_to_the_nats(losses):
    """The losses are natural logarithms, but the base of the power is 2.

    Use the base of the logarithm: math.exp.
    """
    return 2 ** float(_tokens(losses).mean())


@misconception("perplexity", "sum instead of mean", inputs=LOSSES)
def sum_instead_of_mean(losses):
    """exp is taken of the sum of the losses.

    Divide by the number of tokens first.
    """
    return math.exp(min(700.0, float(_tokens(losses).sum())))


@misconception("perplexity", "reciprocal", inputs=LOSSES)
def probability_instead_of_perplexity(losses):
    """exp of minus the mean is the typical probability of the right token, and good models have a high one.

    The losses are negative logarithms already: exp of their mean, without a minus.
    """
    return math.exp(-float(_tokens(losses).mean()))


@misconception("perplexity", "only the last batch", inputs=LOSSES)
def only_the_last_batch(losses):
    """The sum is set anew in each batch, so all batches but the last one are lost.

    Collect sum and number over all batches, and divide after the loop.
    """
    _tokens(losses)
    return math.exp(float(losses[-1].double().mean()))


# ---- token_cosines ----

STATES = [
    (
        *(torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)),
        torch.tensor([[1, 1, 1], [1, 0, 0]]),
    )
]


def _require_one_shape(student_states, teacher_states):
    if student_states.shape != teacher_states.shape:
        raise ValueError(f"{tuple(student_states.shape)} and {tuple(teacher_states.shape)} differ.")


def _real(student_states, teacher_states, attention_mask):
    _require_one_shape(student_states, teacher_states)
    real = attention_mask.bool()
    return student_states[real].float(), teacher_states[real].float()


@misconception("token_cosines", "padding counted in the cosine", inputs=STATES)
def padding_counted(student_states, teacher_states, attention_mask):
    """There is a cosine for every position, even for padding.

    Select the real tokens by attention_mask.bool() first.
    """
    _require_one_shape(student_states, teacher_states)
    return cosine_similarity(student_states.float(), teacher_states.float(), dim=-1).flatten()


@misconception("token_cosines", "dot product not normalized", inputs=STATES)
def lengths_left_in(student_states, teacher_states, attention_mask):
    """The vectors are multiplied, but not divided by their lengths.

    A cosine is the dot product of two vectors of length 1.
    """
    student, teacher = _real(student_states, teacher_states, attention_mask)
    return (student * teacher).sum(-1)


@misconception("token_cosines", "cosine distance", inputs=STATES)
def distance_returned(student_states, teacher_states, attention_mask):
    """1 minus the cosine is returned, which is a distance: 0 for equal directions.

    Return the cosine itself: 1 for equal directions.
    """
    return 1 - cosine_similarity(*_real(student_states, teacher_states, attention_mask), dim=-1)


@misconception("token_cosines", "cosine over the tokens", inputs=STATES)
def across_the_tokens(student_states, teacher_states, attention_mask):
    """The sum is over dimension 0, so there is a cosine for each feature.

    A token's vector is along the last dimension: dim=-1.
    """
    return cosine_similarity(*_real(student_states, teacher_states, attention_mask), dim=0)


@misconception("token_cosines", "averaged too early", inputs=STATES)
def averaged_already(student_states, teacher_states, attention_mask):
    """The mean over the tokens is returned.

    Return one cosine for each token, (M,), so that batches of different size can be joined with the right weights.
    """
    return cosine_similarity(*_real(student_states, teacher_states, attention_mask), dim=-1).mean()


@misconception("token_cosines", "padding as zeros", inputs=STATES)
def padding_multiplied_by_zero(student_states, teacher_states, attention_mask):
    """Cosines at padding are set to 0 instead of left out, so they would lower a mean.

    Select the real tokens: the result has M entries, not B x L.
    """
    return padding_counted(student_states, teacher_states, attention_mask) * attention_mask.flatten()


@misconception("token_cosines", "mask used as an index", inputs=STATES)
def mask_used_as_an_index(student_states, teacher_states, attention_mask):
    """A mask of integers selects the sequences number 1 and 0 again and again; only a mask of bools selects tokens.

    student_states[attention_mask.bool()].
    """
    _require_one_shape(student_states, teacher_states)
    chosen = attention_mask.long()
    return cosine_similarity(student_states[chosen].float(), teacher_states[chosen].float(), dim=-1).flatten()


@misconception("token_cosines", "absolute value of the cosine", inputs=STATES)
def absolute_values(student_states, teacher_states, attention_mask):
    """The sign is lost, so opposite directions look alike.

    Return the cosines as they are, from -1 to 1.
    """
    return cosine_similarity(*_real(student_states, teacher_states, attention_mask), dim=-1).abs()


# ---- document_totals ----

TOKENS = [(torch.tensor([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0], [8.0, 80.0]]), torch.tensor([7, 3, 7, 5]))]


@misconception("document_totals", "means instead of sums", inputs=TOKENS)
def means_instead_of_sums(values, documents):
    """The rows are means over each document, so all documents have the same weight, long or short.

    Return sums. Right guesses are divided by hidden tokens only after the documents have been added up.
    """
    return torch.stack([values[documents == number].double().mean(0) for number in documents.unique()])


@misconception("document_totals", "runs of equal numbers taken for documents", inputs=TOKENS)
def runs_instead_of_documents(values, documents):
    """A new row begins wherever the number changes, so a document whose number comes again gets a second row.

    Sequences are sorted by length, so a document's tokens are not next to each other: group them by number.
    """
    starts = [0, *(place for place, (a, b) in enumerate(pairwise(documents.tolist()), 1) if a != b), len(documents)]
    return torch.stack([values[start:end].double().sum(0) for start, end in pairwise(starts)])


@misconception("document_totals", "rows for missing documents", inputs=TOKENS)
def rows_for_gaps(values, documents):
    """Every number up to the highest gets a row, with zeros where there is no such document.

    Renumber the documents that occur: unique(return_inverse=True).
    """
    totals = torch.zeros(int(documents.max()) + 1, values.shape[1], dtype=torch.float64)
    return totals.index_add_(0, documents, values.double())


@misconception("document_totals", "order of appearance", inputs=TOKENS)
def order_of_appearance(values, documents):
    """The rows are in the order in which the documents first appear.

    Sort them by number, the lowest first.
    """
    rows = [values[documents == number].double().sum(0) for number in dict.fromkeys(documents.tolist())]
    return torch.stack(rows)


@misconception("document_totals", "the last token overwrites the others", inputs=TOKENS)
def last_token_wins(values, documents):
    """Rows are assigned instead of added, so only the last token of each document is left.

    index_add_ adds up where an index occurs several times; totals[places] += values does not.
    """
    numbers, places = documents.unique(return_inverse=True)
    totals = torch.zeros(len(numbers), values.shape[1], dtype=torch.float64)
    for place, row in zip(places.tolist(), values.double(), strict=True):
        totals[place] = row
    return totals


@misconception("document_totals", "numbers of documents returned as well", inputs=TOKENS)
def numbers_in_the_first_column(values, documents):
    """Each row begins with the number of its document.

    Only the sums: as many columns as there are values, in the order of the numbers.
    """
    numbers = documents.unique()
    sums = torch.stack([values[documents == number].double().sum(0) for number in numbers])
    return torch.cat([numbers[:, None].double(), sums], 1)


@misconception("document_totals", "all values added up", inputs=TOKENS)
def columns_added_up(values, documents):
    """The columns are added up with the tokens, so what was counted and what was right can no longer be told apart.

    Sum over the tokens of a document only, the first dimension: a row of C numbers for each document.
    """
    return torch.stack([values[documents == number].double().sum()[None] for number in documents.unique()])


# ---- resampled_sums ----


def _draws(function, draws=40):
    """What it makes of eleven documents: columns of ones, of a length, and of that length again."""
    lengths = torch.tensor([1.0, 2, 4, 8, 16, 32, 64, 128, 3, 5, 7])
    totals = torch.stack([torch.ones(11), lengths, lengths], 1).double()
    return function(totals, draws, torch.Generator().manual_seed(0))


def _draw_documents(function, *counts):
    """Whether each draw holds counts[0] documents if there are 40 draws, and counts[1] if there are 30."""
    return all(bool((_draws(function, draws)[:, 0] == count).all()) for draws, count in zip((40, 30), counts))


def _never_varies(function):
    sums = _draws(function)
    return bool(sums.std(0).max() < 1e-9) and bool((sums[:, 1] - 270).abs().max() < 1e-9)


def _columns_differ(function):
    sums = _draws(function)
    return _draw_documents(function, 11) and not torch.allclose(sums[:, 1], sums[:, 2])


def _are_means(function):
    sums = _draws(function)
    return bool(((sums[:, 0] - 1).abs() < 1e-9).all()) and bool(sums[:, 1].std() > 0)


def _ignores_the_generator(function):
    one, other = _draws(function), _draws(function)
    return _draw_documents(function, 11) and torch.equal(one[:, 1], one[:, 2]) and not torch.equal(one, other)


@misconception("resampled_sums", "drawn without replacement", symptom=_never_varies)
def without_replacement(totals, draws=1000, generator=None):
    """Each draw holds every document once, in another order, so all sums are the same.

    Draw with replacement: torch.randint, not torch.randperm.
    """
    orders = [torch.randperm(len(totals), generator=generator) for _ in range(draws)]
    return torch.stack([totals.double()[order].sum(0) for order in orders])


@misconception("resampled_sums", "each column draws its own documents", symptom=_columns_differ)
def each_column_drawn_alone(totals, draws=1000, generator=None):
    """The columns of teacher and student are sums over different documents, so their ratio varies too much.

    Draw the documents once, and take whole rows.
    """
    columns = []
    for column in totals.double().unbind(1):
        chosen = torch.randint(len(totals), (draws, len(totals)), generator=generator)
        columns.append(column[chosen].sum(1))
    return torch.stack(columns, 1)


@misconception("resampled_sums", "means of the drawn rows", symptom=_are_means)
def means_of_draws(totals, draws=1000, generator=None):
    """The rows of a draw are averaged.

    Add them up: .sum(1) over the documents.
    """
    chosen = torch.randint(len(totals), (draws, len(totals)), generator=generator)
    return totals.double()[chosen].mean(1)


@misconception("resampled_sums", "as many documents as draws", symptom=lambda each: _draw_documents(each, 40, 30))
def as_many_as_draws(totals, draws=1000, generator=None):
    """Each draw holds `draws` documents, so the interval becomes narrower with more draws.

    Each draw holds as many documents as there are: (draws, len(totals)) numbers below len(totals).
    """
    chosen = torch.randint(len(totals), (draws, draws), generator=generator)
    often = torch.zeros(draws, len(totals)).scatter_add_(1, chosen, torch.ones(draws, draws))
    return often.double() @ totals.double()


@misconception("resampled_sums", "one document left out", symptom=lambda each: _draw_documents(each, 10))
def one_document_left_out(totals, draws=1000, generator=None):
    """Each draw leaves out a single document, which is the jackknife; its sums hardly vary.

    Draw as many documents as there are, with replacement.
    """
    left_out = torch.randint(len(totals), (draws,), generator=generator)
    return totals.double().sum(0) - totals.double()[left_out]


@misconception("resampled_sums", "generator not passed on", symptom=_ignores_the_generator)
def generator_ignored(totals, draws=1000, generator=None):
    """The generator is ignored, so the same seed gives another interval each time.

    Pass it on: torch.randint(..., generator=generator).
    """
    chosen = torch.randint(len(totals), (draws, len(totals)))
    return totals.double()[chosen].sum(1)


def _misses_the_last(function):
    """Whether no draw ever holds the last of three documents."""
    totals = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    sums = function(totals, 60, torch.Generator().manual_seed(0))
    return bool((sums[:, 0] == 3).all()) and bool((sums[:, 1] == 0).all())


def _repeats_one_draw(function):
    sums = _draws(function)
    return bool((sums[:, 0] == 11).all()) and bool((sums == sums[:1]).all()) and float(sums[0, 1]) != 270


def _weights_are_no_counts(function):
    sums = _draws(function)
    return bool((sums[:, 0] != sums[:, 0].round()).any()) and torch.allclose(sums[:, 1], sums[:, 2])


def _number_varies(function):
    sums = _draws(function)
    return bool((sums[:, 0] == sums[:, 0].round()).all()) and float(sums[:, 0].std()) > 0


@misconception("resampled_sums", "last document never drawn", symptom=_misses_the_last)
def last_document_never_drawn(totals, draws=1000, generator=None):
    """The end of torch.randint does not belong to the range, so len(totals) - 1 leaves out the last document.

    torch.randint(len(totals), ...) draws from 0 to len(totals) - 1.
    """
    chosen = torch.randint(len(totals) - 1, (draws, len(totals)), generator=generator)
    return totals.double()[chosen].sum(1)


@misconception("resampled_sums", "one draw repeated", symptom=_repeats_one_draw)
def one_draw_repeated(totals, draws=1000, generator=None):
    """The documents are drawn once, before the loop, so all rows are the same.

    Draw anew for each row: (draws, len(totals)) numbers.
    """
    chosen = torch.randint(len(totals), (len(totals),), generator=generator)
    return totals.double()[chosen].sum(0).expand(draws, -1)


@misconception("resampled_sums", "random weights instead of documents", symptom=_weights_are_no_counts)
def random_weights(totals, draws=1000, generator=None):
    """Each document is multiplied by a random number: another method, the Bayesian bootstrap or plain noise.

    Draw numbers of documents; each counts as often as it was drawn.
    """
    weights = -torch.rand(draws, len(totals), generator=generator).double().clamp(min=1e-9).log()
    return weights / weights.sum(1, keepdim=True) * len(totals) @ totals.double()


@misconception("resampled_sums", "each document kept or not", symptom=_number_varies)
def each_document_kept_or_not(totals, draws=1000, generator=None):
    """Each document is kept or left out at random, so the number of documents differs from draw to draw.

    Draw len(totals) numbers with replacement: some documents come twice, and others not at all.
    """
    return (torch.rand(draws, len(totals), generator=generator) < 0.5).double() @ totals.double()


# ---- interval ----

SKEWED = [(torch.arange(60.0).square() / 100, 0.8)]


def _quantiles(samples, level, low, high):
    if not 0 < level < 1:
        raise ValueError(f"level is {level}.")
    return tuple(samples.double().quantile(torch.tensor([low, high], dtype=torch.float64)).tolist())


def _normal(samples, level, spread):
    _quantiles(samples, level, 0, 1)
    z = torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor((1 + level) / 2)).item()
    mean = samples.double().mean().item()
    return mean - z * spread, mean + z * spread


@misconception("interval", "cut off twice as much", inputs=SKEWED)
def all_cut_off_at_each_end(samples, level=0.95):
    """All that is outside the level is cut off at each end: 95 % becomes 90 %.

    Cut off half of it at each end: (1 - level) / 2.
    """
    return _quantiles(samples, level, 1 - level, level)


@misconception("interval", "cut off at one end only", inputs=SKEWED)
def one_sided(samples, level=0.95):
    """The interval begins at the smallest sample.

    As many samples must lie below it as above it.
    """
    return _quantiles(samples, level, 0, level)


@misconception("interval", "standard error of the draws' mean", inputs=SKEWED)
def standard_error_of_the_draws(samples, level=0.95):
    """The standard deviation is divided by the root of the number of draws, so with more draws the width goes to 0.

    The draws themselves show how much the figure varies: take their quantiles.
    """
    return _normal(samples, level, samples.double().std().item() / math.sqrt(len(samples)))


@misconception("interval", "normal distribution assumed", inputs=SKEWED)
def bell_curve_assumed(samples, level=0.95):
    """The ends are the mean plus and minus a number of standard deviations, as if the draws were normal.

    Ratios and exponentials have skewed distributions: take quantiles.
    """
    return _normal(samples, level, samples.double().std().item())


@misconception("interval", "high before low", inputs=SKEWED)
def ends_swapped(samples, level=0.95):
    """The upper end comes first.

    Return (low, high).
    """
    return _quantiles(samples, level, (1 + level) / 2, (1 - level) / 2)


@misconception("interval", "smallest and largest sample", inputs=SKEWED)
def smallest_and_largest(samples, level=0.95):
    """The ends are the extremes, so the interval grows with the number of draws and does not depend on the level.

    Quantiles at (1 - level) / 2 and (1 + level) / 2.
    """
    return _quantiles(samples, level, 0, 1)


@misconception("interval", "same distance from the median to both sides", inputs=SKEWED)
def same_distance_to_both_sides(samples, level=0.95):
    """The interval is symmetric about the median, although the samples need not be.

    Take a quantile for each end.
    """
    _quantiles(samples, level, 0, 1)
    middle = samples.double().quantile(0.5)
    half = (samples.double() - middle).abs().quantile(level)
    return float(middle - half), float(middle + half)


@misconception("interval", "level left out at the middle", inputs=SKEWED)
def ends_from_half_the_level(samples, level=0.95):
    """The quantiles are level / 2 and 1 - level / 2, so with 95 % only the middle 5 % are held.

    (1 - level) / 2 below and above.
    """
    return _quantiles(samples, level, level / 2, 1 - level / 2)


# ---- reliability ----

GUESSES = [(torch.tensor([0.125, 0.25, 0.375, 0.875, 0.9375]), torch.tensor([False, True, True, True, False]), 4)]


def _binned(confidence, right, bins, places=None):
    if places is None:
        places = torch.bucketize(confidence.double(), torch.linspace(0, 1, bins + 1, dtype=torch.float64)[1:-1])
    counts = torch.bincount(places, minlength=bins)
    sums = [torch.bincount(places, weights=each.double(), minlength=bins) / counts for each in (confidence, right)]
    return counts, *sums


@misconception("reliability", "an edge counted in the bin above", inputs=GUESSES)
def lower_edge_counted_in(confidence, right, bins=10):
    """A confidence that equals an edge is counted in the bin above it.

    The bins are (low, high]: the upper edge belongs to the bin.
    """
    return _binned(confidence, right, bins, (confidence.double() * bins).long().clamp(max=bins - 1))


@misconception("reliability", "the middle of the bin as mean confidence", inputs=GUESSES)
def middles_of_the_bins(confidence, right, bins=10):
    """A bin's confidence is computed from its edges, not from the guesses in it.

    Average the confidences of the guesses in each bin; often most of them are near one end.
    """
    counts, _, accuracy = _binned(confidence, right, bins)
    return counts, (torch.arange(bins, dtype=torch.float64) + 0.5) / bins, accuracy


@misconception("reliability", "0 in empty bins", inputs=GUESSES)
def zeros_in_empty_bins(confidence, right, bins=10):
    """A bin without guesses has confidence 0 and accuracy 0, which looks like a result.

    An empty bin has no mean: return NaN.
    """
    return tuple(each.nan_to_num(0) for each in _binned(confidence, right, bins))


@misconception("reliability", "bins with equal numbers of guesses", inputs=GUESSES)
def equal_crowds(confidence, right, bins=10):
    """Each bin holds the same number of guesses, so the edges depend on the data.

    Here all bins have the same width.
    """
    places = torch.empty(len(confidence), dtype=torch.int64)
    places[confidence.argsort(stable=True)] = torch.arange(len(confidence)) * bins // len(confidence)
    return _binned(confidence, right, bins, places)


@misconception("reliability", "empty bins left out", inputs=GUESSES)
def empty_bins_left_out(confidence, right, bins=10):
    """Bins without guesses are missing, so the bins after them are in the wrong places.

    Return three tensors with `bins` entries each.
    """
    parts = _binned(confidence, right, bins)
    return tuple(each[parts[0] > 0] for each in parts)


@misconception("reliability", "sums instead of means", inputs=GUESSES)
def sums_not_divided(confidence, right, bins=10):
    """Confidences and right guesses are added up in each bin, but not divided by the number of guesses.

    Divide both sums by the bin's count.
    """
    counts, mean, accuracy = _binned(confidence, right, bins)
    return counts, mean * counts, accuracy * counts


@misconception("reliability", "fractions of all guesses", inputs=GUESSES)
def fractions_of_all_guesses(confidence, right, bins=10):
    """Both means are divided by the number of all guesses instead of the number in the bin.

    Divide the sums of each bin by its own count.
    """
    counts, mean, accuracy = _binned(confidence, right, bins)
    share = counts / len(confidence)
    return counts, mean * share, accuracy * share


@misconception("reliability", "confidence and accuracy exchanged", inputs=GUESSES)
def columns_exchanged(confidence, right, bins=10):
    """The second tensor is the fraction of right guesses, the third the mean confidence.

    First the number, then the mean confidence, then the fraction of right guesses.
    """
    counts, mean, accuracy = _binned(confidence, right, bins)
    return counts, accuracy, mean


@misconception("reliability", "fraction of wrong guesses", inputs=GUESSES)
def wrong_guesses_counted(confidence, right, bins=10):
    """The third tensor says how often guesses are wrong.

    The mean of `right`, not of its opposite.
    """
    counts, mean, accuracy = _binned(confidence, right, bins)
    return counts, mean, 1 - accuracy


# ---- expected_calibration_error ----

MISCALIBRATED = [
    (
        torch.tensor([0.125, 0.25, 0.375, 0.875, 0.9375, 0.96875]),
        torch.tensor([True, True, True, True, True, False]),
        4,
    )
]


def _gaps(confidence, right, bins):
    counts, mean, accuracy = _binned(confidence, right, bins)
    used = counts > 0
    return counts[used].double() / counts.sum(), (accuracy - mean)[used]


@misconception("expected_calibration_error", "all bins weigh the same", inputs=MISCALIBRATED)
def bins_weigh_alike(confidence, right, bins=10):
    """The gaps are averaged over the bins in use, so a bin with one guess counts as much as one with a thousand.

    Weight each gap by the bin's fraction of all guesses.
    """
    return float(_gaps(confidence, right, bins)[1].abs().mean())


@misconception("expected_calibration_error", "divided by the number of bins", inputs=MISCALIBRATED)
def empty_bins_counted(confidence, right, bins=10):
    """The gaps are added up and divided by the number of all bins, even empty ones.

    Weight each gap by the bin's fraction of all guesses.
    """
    return float(_gaps(confidence, right, bins)[1].abs().sum()) / bins


@misconception("expected_calibration_error", "positive and negative gaps cancel", inputs=MISCALIBRATED)
def signs_cancel(confidence, right, bins=10):
    """The gaps keep their signs while they are added up.

    Take the absolute value in each bin, before the sum.
    """
    weights, gaps = _gaps(confidence, right, bins)
    return abs(float((weights * gaps).sum()))


@misconception("expected_calibration_error", "no bins at all", inputs=MISCALIBRATED)
def guess_by_guess(confidence, right, bins=10):
    """Each guess's confidence is compared with its own 0 or 1, so even a perfectly calibrated model has an error.

    Compare means within each bin: of confidence and of right guesses.
    """
    return float((right.double() - confidence.double()).abs().mean())


@misconception("expected_calibration_error", "the Brier score", inputs=MISCALIBRATED)
def brier_score(confidence, right, bins=10):
    """The mean squared difference of confidence and outcome is another measure, not of calibration alone.

    Compare means within each bin, and take the absolute value, not the square.
    """
    return float((right.double() - confidence.double()).square().mean())


@misconception("expected_calibration_error", "the largest gap", inputs=MISCALIBRATED)
def largest_gap(confidence, right, bins=10):
    """Only the worst bin counts: that is the maximum calibration error.

    Add up the gaps of all bins, each weighted by its fraction of the guesses.
    """
    return float(_gaps(confidence, right, bins)[1].abs().max())


@misconception("expected_calibration_error", "gaps squared", inputs=MISCALIBRATED)
def squared_gaps(confidence, right, bins=10):
    """The gaps are squared.

    Take their absolute values.
    """
    weights, gaps = _gaps(confidence, right, bins)
    return float((weights * gaps.square()).sum())


@misconception("expected_calibration_error", "NaN from an empty bin", inputs=MISCALIBRATED)
def empty_bin_makes_nan(confidence, right, bins=10):
    """A bin without guesses has no mean, and NaN times 0 is NaN.

    Leave such bins out: use nansum, or select counts > 0.
    """
    counts, mean, accuracy = _binned(confidence, right, bins)
    return float((counts / counts.sum() * (accuracy - mean).abs()).sum())


@misconception("expected_calibration_error", "root of the mean square", inputs=MISCALIBRATED)
def root_mean_square_gap(confidence, right, bins=10):
    """The gaps are squared, averaged and the root taken: another measure, in which large gaps weigh more.

    The weighted mean of the absolute gaps.
    """
    weights, gaps = _gaps(confidence, right, bins)
    return float((weights * gaps.square()).sum().sqrt())


@misconception("expected_calibration_error", "gaps not weighted", inputs=MISCALIBRATED)
def gaps_added_up(confidence, right, bins=10):
    """The gaps are added up without weights, so more bins give a larger error.

    Multiply each gap by the bin's fraction of all guesses.
    """
    return float(_gaps(confidence, right, bins)[1].abs().sum())


@misconception("expected_calibration_error", "per cent", inputs=MISCALIBRATED)
def error_in_per_cent(confidence, right, bins=10):
    """The error is multiplied by 100.

    A number from 0 to 1.
    """
    weights, gaps = _gaps(confidence, right, bins)
    return 100 * float((weights * gaps.abs()).sum())
