"""Wrong evaluations that people really write, each with inputs or a symptom that shows it."""

import math
from itertools import pairwise

import torch
from torch.nn import functional

from minidistil.course.misconceptions import Misconception

# ---- perplexity ----


def _some(losses):
    if not sum(batch.numel() for batch in losses):
        raise ValueError("There are no losses.")
    return torch.cat([batch.double().flatten() for batch in losses])


def mean_of_batch_perplexities(losses):
    _some(losses)
    return sum(math.exp(float(batch.double().mean())) for batch in losses) / len(losses)


def mean_of_batch_means(losses):
    _some(losses)
    return math.exp(sum(float(batch.double().mean()) for batch in losses) / len(losses))


def mean_of_token_perplexities(losses):
    return float(_some(losses).exp().mean())


def exponential_forgotten(losses):
    return float(_some(losses).mean())


def two_to_the_nats(losses):
    return 2 ** float(_some(losses).mean())


def sum_instead_of_mean(losses):
    return math.exp(min(700.0, float(_some(losses).sum())))


LOSSES = ([torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.5])],)

# ---- token_cosines ----


def _real(student_states, teacher_states, attention_mask):
    if student_states.shape != teacher_states.shape:
        raise ValueError(f"{tuple(student_states.shape)} and {tuple(teacher_states.shape)} differ.")
    real = attention_mask.bool()
    return student_states[real].float(), teacher_states[real].float()


def padding_counted(student_states, teacher_states, attention_mask):
    _real(student_states, teacher_states, attention_mask)
    return functional.cosine_similarity(student_states.float(), teacher_states.float(), dim=-1).flatten()


def lengths_left_in(student_states, teacher_states, attention_mask):
    ours, theirs = _real(student_states, teacher_states, attention_mask)
    return (ours * theirs).sum(-1)


def distance_returned(student_states, teacher_states, attention_mask):
    ours, theirs = _real(student_states, teacher_states, attention_mask)
    return 1 - functional.cosine_similarity(ours, theirs, dim=-1)


def across_the_tokens(student_states, teacher_states, attention_mask):
    ours, theirs = _real(student_states, teacher_states, attention_mask)
    return functional.cosine_similarity(ours, theirs, dim=0)


def averaged_already(student_states, teacher_states, attention_mask):
    ours, theirs = _real(student_states, teacher_states, attention_mask)
    return functional.cosine_similarity(ours, theirs, dim=-1).mean()


def padding_multiplied_by_zero(student_states, teacher_states, attention_mask):
    _real(student_states, teacher_states, attention_mask)
    alike = functional.cosine_similarity(student_states.float(), teacher_states.float(), dim=-1)
    return (alike * attention_mask).flatten()


def _states(seed):
    return torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(seed))


STATES = (_states(1), _states(2), torch.tensor([[1, 1, 1], [1, 0, 0]]))

# ---- document_totals ----


def means_instead_of_sums(values, documents):
    rows = [values[documents == number].double().mean(0) for number in documents.unique()]
    return torch.stack(rows)


def runs_instead_of_documents(values, documents):
    starts = [0, *(place for place, (a, b) in enumerate(pairwise(documents.tolist()), 1) if a != b), len(documents)]
    return torch.stack([values[start:end].double().sum(0) for start, end in pairwise(starts)])


def rows_for_gaps(values, documents):
    totals = torch.zeros(int(documents.max()) + 1, values.shape[1], dtype=torch.float64)
    return totals.index_add_(0, documents, values.double())


def order_of_appearance(values, documents):
    rows = [values[documents == number].double().sum(0) for number in dict.fromkeys(documents.tolist())]
    return torch.stack(rows)


def last_token_wins(values, documents):
    numbers, places = documents.unique(return_inverse=True)
    totals = torch.zeros(len(numbers), values.shape[1], dtype=torch.float64)
    for place, row in zip(places.tolist(), values.double(), strict=True):
        totals[place] = row
    return totals


TOKENS = (torch.tensor([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0], [8.0, 80.0]]), torch.tensor([7, 3, 7, 5]))

# ---- resampled_sums ----


def without_replacement(totals, draws=1000, generator=None):
    orders = [torch.randperm(len(totals), generator=generator) for _ in range(draws)]
    return torch.stack([totals.double()[order].sum(0) for order in orders])


def each_column_drawn_alone(totals, draws=1000, generator=None):
    columns = []
    for column in totals.double().unbind(1):
        chosen = torch.randint(len(totals), (draws, len(totals)), generator=generator)
        columns.append(column[chosen].sum(1))
    return torch.stack(columns, 1)


def means_of_draws(totals, draws=1000, generator=None):
    chosen = torch.randint(len(totals), (draws, len(totals)), generator=generator)
    return totals.double()[chosen].mean(1)


def as_many_as_draws(totals, draws=1000, generator=None):
    chosen = torch.randint(len(totals), (draws, draws), generator=generator)
    often = torch.zeros(draws, len(totals)).scatter_add_(1, chosen, torch.ones(draws, draws))
    return often.double() @ totals.double()


def one_document_left_out(totals, draws=1000, generator=None):
    left_out = torch.randint(len(totals), (draws,), generator=generator)
    return totals.double().sum(0) - totals.double()[left_out]


def generator_ignored(totals, draws=1000, generator=None):
    chosen = torch.randint(len(totals), (draws, len(totals)))
    return totals.double()[chosen].sum(1)


def _draws(function, draws=40, seed=0):
    """What it makes of eleven documents: columns of ones, of a length, and of that length again."""
    lengths = torch.tensor([1.0, 2, 4, 8, 16, 32, 64, 128, 3, 5, 7])
    totals = torch.stack([torch.ones(11), lengths, lengths], 1).double()
    return function(totals, draws, torch.Generator().manual_seed(seed))


def _never_varies(function):
    sums = _draws(function)
    return bool(sums.std(0).max() < 1e-9) and bool((sums[:, 1] - 270).abs().max() < 1e-9)


def _columns_part(function):
    sums = _draws(function)
    return bool((sums[:, 0] == 11).all()) and not torch.allclose(sums[:, 1], sums[:, 2])


def _are_means(function):
    sums = _draws(function)
    return bool(((sums[:, 0] - 1).abs() < 1e-9).all()) and bool(sums[:, 1].std() > 0)


def _takes_as_many_as_draws(function):
    return bool((_draws(function)[:, 0] == 40).all()) and bool((_draws(function, 30)[:, 0] == 30).all())


def _takes_one_fewer(function):
    return bool((_draws(function)[:, 0] == 10).all())


def _ignores_the_generator(function):
    one, other = _draws(function), _draws(function)
    return bool((one[:, 0] == 11).all()) and torch.equal(one[:, 1], one[:, 2]) and not torch.equal(one, other)


# ---- interval ----


def _level(level):
    if not 0 < level < 1:
        raise ValueError(f"level is {level}.")


def all_cut_off_at_each_end(samples, level=0.95):
    _level(level)
    return tuple(samples.double().quantile(torch.tensor([1 - level, level], dtype=torch.float64)).tolist())


def one_sided(samples, level=0.95):
    _level(level)
    return tuple(samples.double().quantile(torch.tensor([0.0, level], dtype=torch.float64)).tolist())


def standard_error_of_the_draws(samples, level=0.95):
    _level(level)
    z = torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor((1 + level) / 2)).item()
    mean, error = samples.double().mean().item(), samples.double().std().item() / math.sqrt(len(samples))
    return mean - z * error, mean + z * error


def bell_curve_assumed(samples, level=0.95):
    _level(level)
    z = torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor((1 + level) / 2)).item()
    mean, spread = samples.double().mean().item(), samples.double().std().item()
    return mean - z * spread, mean + z * spread


def ends_swapped(samples, level=0.95):
    _level(level)
    places = torch.tensor([(1 + level) / 2, (1 - level) / 2], dtype=torch.float64)
    return tuple(samples.double().quantile(places).tolist())


SKEWED = (torch.arange(60.0).square() / 100, 0.8)

# ---- reliability ----


def _binned(confidence, right, places, bins):
    counts = torch.bincount(places, minlength=bins)
    sums = [torch.bincount(places, weights=each.double(), minlength=bins) / counts for each in (confidence, right)]
    return counts, *sums


def _places(confidence, bins):
    return torch.bucketize(confidence.double(), torch.linspace(0, 1, bins + 1, dtype=torch.float64)[1:-1])


def lower_edge_counted_in(confidence, right, bins=10):
    return _binned(confidence, right, (confidence.double() * bins).long().clamp(max=bins - 1), bins)


def middles_of_the_bins(confidence, right, bins=10):
    counts, _, share = _binned(confidence, right, _places(confidence, bins), bins)
    return counts, (torch.arange(bins, dtype=torch.float64) + 0.5) / bins, share


def zeros_in_empty_bins(confidence, right, bins=10):
    return tuple(each.nan_to_num(0) for each in _binned(confidence, right, _places(confidence, bins), bins))


def equal_crowds(confidence, right, bins=10):
    places = torch.empty(len(confidence), dtype=torch.int64)
    places[confidence.argsort(stable=True)] = torch.arange(len(confidence)) * bins // len(confidence)
    return _binned(confidence, right, places, bins)


def empty_bins_left_out(confidence, right, bins=10):
    parts = _binned(confidence, right, _places(confidence, bins), bins)
    return tuple(each[parts[0] > 0] for each in parts)


def sums_not_divided(confidence, right, bins=10):
    counts, mean, share = _binned(confidence, right, _places(confidence, bins), bins)
    return counts, mean * counts, share * counts


GUESSES = (
    torch.tensor([0.125, 0.25, 0.375, 0.875, 0.9375]),
    torch.tensor([False, True, True, True, False]),
    4,
)

# ---- expected_calibration_error ----


def _gaps(confidence, right, bins):
    counts, mean, share = _binned(confidence, right, _places(confidence, bins), bins)
    used = counts > 0
    return counts[used].double() / counts.sum(), (share - mean)[used]


def bins_weigh_alike(confidence, right, bins=10):
    return float(_gaps(confidence, right, bins)[1].abs().mean())


def empty_bins_counted(confidence, right, bins=10):
    return float(_gaps(confidence, right, bins)[1].abs().sum()) / bins


def signs_cancel(confidence, right, bins=10):
    weights, gaps = _gaps(confidence, right, bins)
    return abs(float((weights * gaps).sum()))


def guess_by_guess(confidence, right, bins=10):
    return float((right.double() - confidence.double()).abs().mean())


def brier_score(confidence, right, bins=10):
    return float((right.double() - confidence.double()).square().mean())


def largest_gap(confidence, right, bins=10):
    return float(_gaps(confidence, right, bins)[1].abs().max())


def squared_gaps(confidence, right, bins=10):
    weights, gaps = _gaps(confidence, right, bins)
    return float((weights * gaps.square()).sum())


def empty_bin_makes_nan(confidence, right, bins=10):
    counts, mean, share = _binned(confidence, right, _places(confidence, bins), bins)
    return float((counts / counts.sum() * (share - mean).abs()).sum())


MISCALIBRATED = (
    torch.tensor([0.125, 0.25, 0.375, 0.875, 0.9375, 0.96875]),
    torch.tensor([True, True, True, True, False, False]),
    4,
)

MISCONCEPTIONS = [
    Misconception(
        name="mean of the batches' perplexities",
        exercise="perplexity",
        what="Each batch gets a perplexity of its own, and these are averaged.",
        look="Take the exponential once, of the mean over all tokens: exp bends, so a mean of exps is larger.",
        wrong=mean_of_batch_perplexities,
        inputs=[LOSSES],
    ),
    Misconception(
        name="batches of different size weigh the same",
        exercise="perplexity",
        what="The mean is taken over the batches' means, so a token in a small batch counts more.",
        look="Add up the losses of all batches and divide by the number of all tokens.",
        wrong=mean_of_batch_means,
        inputs=[LOSSES],
    ),
    Misconception(
        name="mean of the tokens' perplexities",
        exercise="perplexity",
        what="The exponential is taken of every token's loss, and then the mean.",
        look="First the mean of the losses, then the exponential.",
        wrong=mean_of_token_perplexities,
        inputs=[LOSSES],
    ),
    Misconception(
        name="the loss is returned",
        exercise="perplexity",
        what="What comes out is the mean loss in nats.",
        look="Perplexity is its exponential: among how many tokens, equally likely, the model hesitates.",
        wrong=exponential_forgotten,
        inputs=[LOSSES],
    ),
    Misconception(
        name="2 to the power of nats",
        exercise="perplexity",
        what="The losses are natural logarithms, but the power is taken of 2.",
        look="Undo a logarithm by its own base: math.exp.",
        wrong=two_to_the_nats,
        inputs=[LOSSES],
    ),
    Misconception(
        name="perplexity of the whole text",
        exercise="perplexity",
        what="The exponential is taken of the sum of the losses.",
        look="Divide by the number of tokens first.",
        wrong=sum_instead_of_mean,
        inputs=[LOSSES],
    ),
    Misconception(
        name="padding counted in the cosine",
        exercise="token_cosines",
        what="There is a cosine for every position, padding included.",
        look="Pick the real tokens by attention_mask.bool() first.",
        wrong=padding_counted,
        inputs=[STATES],
    ),
    Misconception(
        name="a product without the lengths",
        exercise="token_cosines",
        what="The vectors are multiplied, but not divided by their lengths.",
        look="A cosine is the product of two vectors of length 1.",
        wrong=lengths_left_in,
        inputs=[STATES],
    ),
    Misconception(
        name="cosine distance",
        exercise="token_cosines",
        what="1 minus the cosine is returned, which is a distance: 0 for equal directions.",
        look="Return the cosine itself: 1 for equal directions.",
        wrong=distance_returned,
        inputs=[STATES],
    ),
    Misconception(
        name="the cosine runs over the tokens",
        exercise="token_cosines",
        what="The sum runs over dimension 0, so there is a cosine for each feature.",
        look="A token's vector lies along the last dimension: dim=-1.",
        wrong=across_the_tokens,
        inputs=[STATES],
    ),
    Misconception(
        name="averaged too early",
        exercise="token_cosines",
        what="The mean over the tokens is returned.",
        look="Return one cosine a token, (M,): batches of different size can then be joined without weighing wrong.",
        wrong=averaged_already,
        inputs=[STATES],
    ),
    Misconception(
        name="padding as zeros",
        exercise="token_cosines",
        what="Cosines at padding are set to 0 instead of left out; in a mean they would count as unlike.",
        look="Pick the real tokens: the result has M entries, not B x L.",
        wrong=padding_multiplied_by_zero,
        inputs=[STATES],
    ),
    Misconception(
        name="documents weigh alike",
        exercise="document_totals",
        what="The rows are means over each document, so that its length is lost.",
        look="Return sums: right guesses and hidden tokens, to be divided after all documents are added up.",
        wrong=means_instead_of_sums,
        inputs=[TOKENS],
    ),
    Misconception(
        name="runs taken for documents",
        exercise="document_totals",
        what="A new row begins wherever the number changes, so a document that comes back is counted as another one.",
        look="The sequences were sorted by length: a document's tokens are not neighbours. Group by number.",
        wrong=runs_instead_of_documents,
        inputs=[TOKENS],
    ),
    Misconception(
        name="rows for documents that are not there",
        exercise="document_totals",
        what="Every number up to the highest gets a row, of zeros where there is no such document.",
        look="Number the documents that occur anew: unique(return_inverse=True).",
        wrong=rows_for_gaps,
        inputs=[TOKENS],
    ),
    Misconception(
        name="order of appearance",
        exercise="document_totals",
        what="The rows come in the order in which the documents first appear.",
        look="From the lowest number on.",
        wrong=order_of_appearance,
        inputs=[TOKENS],
    ),
    Misconception(
        name="the last token overwrites the others",
        exercise="document_totals",
        what="Each row is assigned instead of added, so only a document's last token is left.",
        look="index_add_ adds up where an index occurs several times; totals[places] += values does not.",
        wrong=last_token_wins,
        inputs=[TOKENS],
    ),
    Misconception(
        name="drawn without replacement",
        exercise="resampled_sums",
        what="Each draw holds every document once, in another order, so all sums are the same.",
        look="Draw with replacement: torch.randint, not torch.randperm.",
        wrong=without_replacement,
        symptom=_never_varies,
    ),
    Misconception(
        name="each column draws its own documents",
        exercise="resampled_sums",
        what="Teacher's and student's columns are added up over different documents, so their ratio is too uncertain.",
        look="Draw the documents once, and take whole rows.",
        wrong=each_column_drawn_alone,
        symptom=_columns_part,
    ),
    Misconception(
        name="means of the drawn rows",
        exercise="resampled_sums",
        what="The rows of a draw are averaged.",
        look="Add them up: .sum(1) over the documents.",
        wrong=means_of_draws,
        symptom=_are_means,
    ),
    Misconception(
        name="as many documents as draws",
        exercise="resampled_sums",
        what="A draw holds `draws` documents, so the interval shrinks the more draws are made.",
        look="Each draw holds as many documents as there are: (draws, len(totals)) numbers below len(totals).",
        wrong=as_many_as_draws,
        symptom=_takes_as_many_as_draws,
    ),
    Misconception(
        name="one document left out",
        exercise="resampled_sums",
        what="Each draw leaves out a single document, which is the jackknife; its sums hardly vary.",
        look="Draw as many documents as there are, with replacement.",
        wrong=one_document_left_out,
        symptom=_takes_one_fewer,
    ),
    Misconception(
        name="the generator is not passed on",
        exercise="resampled_sums",
        what="The draws ignore the generator, so the same seed gives another interval.",
        look="torch.randint(..., generator=generator).",
        wrong=generator_ignored,
        symptom=_ignores_the_generator,
    ),
    Misconception(
        name="cut off twice as much",
        exercise="interval",
        what="All that is outside of the level is cut off at each end: 95 % becomes 90 %.",
        look="Half of it at each end: (1 - level) / 2.",
        wrong=all_cut_off_at_each_end,
        inputs=[SKEWED],
    ),
    Misconception(
        name="cut off at one end only",
        exercise="interval",
        what="The interval begins at the smallest sample.",
        look="As many samples lie below it as above.",
        wrong=one_sided,
        inputs=[SKEWED],
    ),
    Misconception(
        name="the standard error of the draws' mean",
        exercise="interval",
        what="The spread is divided by the root of the number of draws: more draws, and the interval goes to 0.",
        look="The draws themselves show how the figure spreads; take their quantiles.",
        wrong=standard_error_of_the_draws,
        inputs=[SKEWED],
    ),
    Misconception(
        name="a bell curve assumed",
        exercise="interval",
        what="The ends are the mean plus and minus so many standard deviations, as if the draws were normal.",
        look="Ratios and exponentials are skewed: take quantiles.",
        wrong=bell_curve_assumed,
        inputs=[SKEWED],
    ),
    Misconception(
        name="high before low",
        exercise="interval",
        what="The upper end comes first.",
        look="Return (low, high).",
        wrong=ends_swapped,
        inputs=[SKEWED],
    ),
    Misconception(
        name="an edge counted into the bin above",
        exercise="reliability",
        what="A confidence that equals an edge goes into the bin above it.",
        look="The bins are (low, high]: the upper edge belongs to the bin.",
        wrong=lower_edge_counted_in,
        inputs=[GUESSES],
    ),
    Misconception(
        name="the middle of the bin for the mean confidence",
        exercise="reliability",
        what="A bin's confidence is taken from its edges, not from the guesses in it.",
        look="Average the confidences of the guesses in each bin; they crowd at one end of it.",
        wrong=middles_of_the_bins,
        inputs=[GUESSES],
    ),
    Misconception(
        name="0 in empty bins",
        exercise="reliability",
        what="A bin without guesses has confidence 0 and share 0, which looks like a result.",
        look="There is no mean of nothing: NaN.",
        wrong=zeros_in_empty_bins,
        inputs=[GUESSES],
    ),
    Misconception(
        name="bins of equal size",
        exercise="reliability",
        what="Each bin holds as many guesses as the next; the edges move with the data.",
        look="Here the bins are equally wide.",
        wrong=equal_crowds,
        inputs=[GUESSES],
    ),
    Misconception(
        name="empty bins left out",
        exercise="reliability",
        what="Bins without guesses are missing, so the others no longer stand at their places.",
        look="Three tensors with `bins` entries each.",
        wrong=empty_bins_left_out,
        inputs=[GUESSES],
    ),
    Misconception(
        name="sums for means",
        exercise="reliability",
        what="Confidences and right guesses are added up in each bin, but not divided by their number.",
        look="Divide both sums by the bin's count.",
        wrong=sums_not_divided,
        inputs=[GUESSES],
    ),
    Misconception(
        name="all bins weigh the same",
        exercise="expected_calibration_error",
        what="The gaps are averaged over the bins in use, so a guess alone in a bin weighs like a thousand in another.",
        look="Weigh each gap by the bin's share of all guesses.",
        wrong=bins_weigh_alike,
        inputs=[MISCALIBRATED],
    ),
    Misconception(
        name="divided by the number of bins",
        exercise="expected_calibration_error",
        what="The gaps are added up and divided by the number of bins, empty ones included.",
        look="Weigh each gap by the bin's share of all guesses.",
        wrong=empty_bins_counted,
        inputs=[MISCALIBRATED],
    ),
    Misconception(
        name="too bold and too timid cancel",
        exercise="expected_calibration_error",
        what="The gaps keep their signs while they are added up.",
        look="Take the absolute value in each bin, before the sum.",
        wrong=signs_cancel,
        inputs=[MISCALIBRATED],
    ),
    Misconception(
        name="no bins at all",
        exercise="expected_calibration_error",
        what="Each guess's confidence is compared with its own 0 or 1; even a perfect forecaster has an error then.",
        look="Compare means: of confidence and of right guesses, within each bin.",
        wrong=guess_by_guess,
        inputs=[MISCALIBRATED],
    ),
    Misconception(
        name="the Brier score",
        exercise="expected_calibration_error",
        what="The mean squared difference of confidence and outcome is another measure, of sharpness as well.",
        look="Compare means within each bin, and take the absolute value, not the square.",
        wrong=brier_score,
        inputs=[MISCALIBRATED],
    ),
    Misconception(
        name="the largest gap",
        exercise="expected_calibration_error",
        what="Only the worst bin counts: that is the maximum calibration error.",
        look="Add up the gaps of all bins, each by its share of the guesses.",
        wrong=largest_gap,
        inputs=[MISCALIBRATED],
    ),
    Misconception(
        name="gaps squared",
        exercise="expected_calibration_error",
        what="The gaps are squared.",
        look="Take their absolute values.",
        wrong=squared_gaps,
        inputs=[MISCALIBRATED],
    ),
    Misconception(
        name="an empty bin spoils the sum",
        exercise="expected_calibration_error",
        what="A bin without guesses has no mean, and NaN times 0 is NaN.",
        look="Leave such bins out: nansum, or select counts > 0.",
        wrong=empty_bin_makes_nan,
        inputs=[MISCALIBRATED],
    ),
]
