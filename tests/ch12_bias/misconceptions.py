"""Wrong scores, intervals and p-values that people really compute."""

import math

import torch

from minidistil.ch12_bias.bias import GROUP, MASK, Inheritance
from minidistil.course.misconceptions import misconception

# --- prior_text ---


def _hidden(template, pieces):
    return template.replace(GROUP, " ".join([MASK] * pieces))


def _hole(template, pieces):
    return pieces if template.index(GROUP) < template.index(MASK) else 0


_GROUP_FIRST, _WORD_FIRST = ("The {group} is a [MASK].", 2), ("A [MASK], says the {group}.", 2)
_PRIORS = [_GROUP_FIRST, _WORD_FIRST]


@misconception("prior_text", "one mask for every group", inputs=_PRIORS)
def one_mask_for_the_group(template, pieces):
    """A group of several tokens is hidden behind one [MASK]: the two sentences then have different lengths as well.

    Insert [MASK] once for each token of the group, `pieces` times.
    """
    return _hidden(template, 1), _hole(template, 1)


@misconception("prior_text", "the word's mask is always the last", inputs=[_WORD_FIRST])
def word_always_last(template, pieces):
    """The word's mask is looked for after the group's masks even if it comes before them.

    Compare template.index(MASK) with template.index(GROUP): if the word comes first, it is mask 0.
    """
    return _hidden(template, pieces), pieces


@misconception("prior_text", "the word's mask is always the first", inputs=[_GROUP_FIRST])
def word_always_first(template, pieces):
    """The first mask is read, which belongs to the group if the group comes first.

    If the group comes first, its masks are to the left of the word's: as many as it has tokens.
    """
    return _hidden(template, pieces), 0


@misconception("prior_text", "masks counted from 1", inputs=_PRIORS)
def counted_from_one(template, pieces):
    """The number of the word's mask is one too high.

    The first mask has the number 0.
    """
    return _hidden(template, pieces), _hole(template, pieces) + 1


@misconception("prior_text", "the group left out", inputs=_PRIORS)
def group_left_out(template, pieces):
    """The group is removed: that is another sentence, not the same sentence with its group hidden.

    A hidden group leaves masks: replace GROUP by MASK, once for each token.
    """
    return template.replace(GROUP, ""), 0


@misconception("prior_text", "masks without spaces", inputs=_PRIORS)
def masks_without_spaces(template, pieces):
    """The masks of a group follow one another without a space.

    " ".join([MASK] * pieces).
    """
    return template.replace(GROUP, MASK * pieces), _hole(template, pieces)


@misconception("prior_text", "number of the word instead of the mask", inputs=_PRIORS)
def number_of_the_word(template, pieces):
    """The place of the word's mask among all words of the sentence is returned.

    Count the masks only: those of the group to its left, if there are any.
    """
    text = _hidden(template, pieces)
    before = template[: template.index(MASK)].replace(GROUP, " ".join([MASK] * pieces))
    return text, len(before.split())


# --- bias_scores ---

_generator = torch.Generator().manual_seed(11)
_probabilities = 0.5 * torch.rand(3, 2, 5, generator=_generator, dtype=torch.float64)
_SCORES = [(_probabilities, 0.5 * torch.rand(3, 2, generator=_generator, dtype=torch.float64))]


def _difference(values):
    return values[:, 0] - values[:, 1]


@misconception("bias_scores", "prior left out", inputs=_SCORES)
def no_prior(conditional, prior):
    """The groups' probabilities are compared directly, so a group that is always frequent wins everywhere.

    Divide each group's probability by its probability where the word is hidden: prior[:, :, None].
    """
    return _difference(conditional.log())


@misconception("bias_scores", "probabilities subtracted", inputs=_SCORES)
def probabilities_subtracted(conditional, prior):
    """The score is a difference of probabilities, without logarithm and without prior.

    How many *times* more probable: divide by the prior, take the logarithm, then the difference.
    """
    return _difference(conditional)


@misconception("bias_scores", "ratios without logarithm", inputs=_SCORES)
def ratios_without_logarithm(conditional, prior):
    """The ratios to the prior are subtracted directly: twice and half as probable are then not equally far from 1.

    Take the logarithm of each ratio before the difference.
    """
    return _difference(conditional / prior[:, :, None])


@misconception("bias_scores", "second group minus first", inputs=_SCORES)
def second_minus_first(conditional, prior):
    """The sign is wrong.

    Above 0 means nearer to the first group: index 0 minus index 1.
    """
    return -_difference((conditional / prior[:, :, None]).log())


@misconception("bias_scores", "bits instead of nats", inputs=_SCORES)
def in_bits(conditional, prior):
    """The logarithm has base 2.

    Nats: the natural logarithm, torch.log.
    """
    return _difference((conditional / prior[:, :, None]).log2())


@misconception("bias_scores", "one prior for all templates", inputs=_SCORES)
def one_prior_for_all_templates(conditional, prior):
    """The prior is averaged over the templates, but the groups have other probabilities in each sentence.

    Row t of the prior belongs to template t.
    """
    return _difference((conditional / prior.mean(0)[None, :, None]).log())


@misconception("bias_scores", "prior multiplied instead of divided", inputs=_SCORES)
def prior_added(conditional, prior):
    """The prior counts twice instead of being removed.

    log p - log prior, a difference.
    """
    return _difference((conditional * prior[:, :, None]).log())


@misconception("bias_scores", "absolute values", inputs=_SCORES)
def absolute_scores(conditional, prior):
    """The sign is lost, which says to which of the groups the word is nearer.

    Return the difference with its sign.
    """
    return _difference((conditional / prior[:, :, None]).log()).abs()


@misconception("bias_scores", "decimal logarithm", inputs=_SCORES)
def decimal_scores(conditional, prior):
    """The logarithm has base 10.

    Nats: the natural logarithm, torch.log.
    """
    return _difference((conditional / prior[:, :, None]).log10())


@misconception("bias_scores", "odds instead of probabilities", inputs=_SCORES)
def odds(conditional, prior):
    """p / (1 - p) is compared: that is the log odds ratio, another measure.

    The logarithm of the probability over its prior.
    """
    of_word, of_nothing = conditional / (1 - conditional), prior / (1 - prior)
    return _difference((of_word / of_nothing[:, :, None]).log())


# --- mean_absolute_difference ---


def _ratios(probabilities):
    return (probabilities[:, 0] / probabilities[:, 1]).log()


@misconception("mean_absolute_difference", "absolute value last", inputs=[(_probabilities,)])
def absolute_value_last(probabilities):
    """The mean is taken before the absolute value, so positive and negative differences cancel.

    First .abs(), then .mean(-1).
    """
    return _ratios(probabilities).mean(-1).abs()


@misconception("mean_absolute_difference", "logarithm of the summed probabilities", inputs=[(_probabilities,)])
def log_of_the_sums(probabilities):
    """The words' probabilities are summed before the logarithm, so only the few frequent words matter.

    The mean of logarithms, not the logarithm of a sum: every word has the same weight.
    """
    return _ratios(probabilities.sum(-1, keepdim=True))[:, 0].abs()


@misconception("mean_absolute_difference", "one number for each word", inputs=[(_probabilities,)])
def one_number_for_each_word(probabilities):
    """The mean is over the templates.

    The words are the last dimension: .mean(-1) leaves (T,).
    """
    return _ratios(probabilities).abs().mean(0)


@misconception("mean_absolute_difference", "probabilities instead of logarithms", inputs=[(_probabilities,)])
def probabilities_not_logarithms(probabilities):
    """Probabilities are subtracted: a word with 0.0001 and 0.0004 then counts as no difference.

    The difference of the logarithms.
    """
    return _difference(probabilities).abs().mean(-1)


@misconception("mean_absolute_difference", "only the most probable words compared", inputs=[(_probabilities,)])
def only_the_most_probable(probabilities):
    """Only the first group's top words count, a list that the groups do not share.

    All W words of the list, whatever their rank.
    """
    best = probabilities[:, 0].topk(3).indices
    return _ratios(probabilities).abs().gather(-1, best).mean(-1)


@misconception("mean_absolute_difference", "root mean square", inputs=[(_probabilities,)])
def root_mean_square(probabilities):
    """Squares are averaged, so large differences have more weight.

    The absolute value: .abs().
    """
    return _ratios(probabilities).square().mean(-1).sqrt()


@misconception("mean_absolute_difference", "sum instead of mean", inputs=[(_probabilities,)])
def summed(probabilities):
    """The differences are summed, so a longer list gives a larger number.

    .mean(-1).
    """
    return _ratios(probabilities).abs().sum(-1)


@misconception("mean_absolute_difference", "median of the words", inputs=[(_probabilities,)])
def median_of_the_words(probabilities):
    """The median is taken, which ignores how far apart the groups are for the most different words.

    .mean(-1).
    """
    return _ratios(probabilities).abs().median(-1).values


@misconception("mean_absolute_difference", "difference in bits", inputs=[(_probabilities,)])
def difference_in_bits(probabilities):
    """The logarithm has base 2.

    Nats: the natural logarithm, torch.log.
    """
    return _ratios(probabilities).abs().mean(-1) / math.log(2)


@misconception("mean_absolute_difference", "words made to sum to 1", inputs=[(_probabilities,)])
def words_made_to_sum_to_one(probabilities):
    """Each group's probabilities are divided by their sum first, so a group that makes all words likelier is not seen.

    Compare the probabilities as they are.
    """
    return _ratios(probabilities / probabilities.sum(-1, keepdim=True)).abs().mean(-1)


@misconception("mean_absolute_difference", "Kullback-Leibler divergence", inputs=[(_probabilities,)])
def divergence_of_the_groups(probabilities):
    """The differences are weighted by the first group's probabilities, so rare words hardly count.

    The plain mean of the absolute differences: every word has the same weight.
    """
    return (probabilities[:, 0] * _ratios(probabilities)).sum(-1)


# --- inheritance ---

_TABLES = [tuple(torch.randn(2, 4, 6, generator=_generator, dtype=torch.float64) + 1)]


def _inherited(teacher, student, reduce=lambda table: table.mean(0), centre=True):
    if teacher.shape != student.shape or teacher.shape[-1] < 2:
        raise ValueError(f"shapes {tuple(teacher.shape)} and {tuple(student.shape)}")
    x, y = (reduce(table) - centre * reduce(table).mean() for table in (teacher, student))
    correlation = float(x @ y / (x.norm() * y.norm()))
    spread = float(y.norm() / x.norm())
    return Inheritance(correlation, correlation * spread, spread)


@misconception("inheritance", "axes of the slope swapped", inputs=_TABLES)
def axes_swapped(teacher, student):
    """The slope is that of the teacher over the student.

    The teacher is x: divide x·y by x·x.
    """
    right = _inherited(teacher, student)
    return right._replace(slope=right.correlation / right.spread)


@misconception("inheritance", "spread upside down", inputs=_TABLES)
def spread_upside_down(teacher, student):
    """The spread is the teacher's over the student's.

    Above 1 must mean that the student differs more: student over teacher.
    """
    right = _inherited(teacher, student)
    return right._replace(spread=1 / right.spread)


@misconception("inheritance", "line through the origin", inputs=_TABLES)
def through_the_origin(teacher, student):
    """The slope is that of a line through 0, so a shift of all words counts as inherited.

    Subtract each model's own mean before anything is multiplied.
    """
    return _inherited(teacher, student)._replace(slope=_inherited(teacher, student, centre=False).slope)


@misconception("inheritance", "cells instead of words", inputs=_TABLES)
def cells_instead_of_words(teacher, student):
    """Every cell of the table is a point of its own, so differences of wording count as much as those of words.

    First the mean over the templates: table.mean(0), one point for each word.
    """
    return _inherited(teacher, student, torch.flatten)


@misconception("inheritance", "means of templates instead of words", inputs=_TABLES)
def means_of_templates(teacher, student):
    """The points are templates, not words.

    Templates are the first dimension: .mean(0) leaves one number for each word.
    """
    return _inherited(teacher, student, lambda table: table.mean(-1))


@misconception("inheritance", "spread returned as slope", inputs=_TABLES)
def spread_as_slope(teacher, student):
    """The slope is the ratio of the spreads, which is right only if the two models agree perfectly.

    slope = correlation times spread.
    """
    right = _inherited(teacher, student)
    return right._replace(slope=right.spread)


@misconception("inheritance", "correlation squared", inputs=_TABLES)
def correlation_squared(teacher, student):
    """The explained fraction of the variance is returned, and the sign is lost.

    Pearson's r itself.
    """
    right = _inherited(teacher, student)
    return right._replace(correlation=right.correlation**2)


@misconception("inheritance", "two kinds of variance", inputs=_TABLES)
def two_kinds_of_variance(teacher, student):
    """The covariance is divided by W - 1 and the variance by W, so the slope is W / (W - 1) times too large.

    The same divisor in both, or none: it cancels. torch.var and torch.cov divide by W - 1.
    """
    right = _inherited(teacher, student)
    return right._replace(slope=right.slope * teacher.shape[1] / (teacher.shape[1] - 1))


@misconception("inheritance", "variances instead of standard deviations", inputs=_TABLES)
def variances_for_spreads(teacher, student):
    """The spread is the ratio of the variances, the square of what is asked for.

    The ratio of the standard deviations: take the root.
    """
    right = _inherited(teacher, student)
    return right._replace(spread=right.spread**2)


@misconception("inheritance", "two kinds of standard deviation", inputs=_TABLES)
def two_kinds_of_spread(teacher, student):
    """One standard deviation divides by W - 1 and the other by W (numpy's default): equal models do not get 1.

    The same divisor for both models: it cancels.
    """
    right, count = _inherited(teacher, student), teacher.shape[1]
    return right._replace(spread=right.spread * math.sqrt((count - 1) / count))


@misconception("inheritance", "ranks instead of values", inputs=_TABLES)
def ranks_instead_of_values(teacher, student):
    """The correlation is that of the ranks, Spearman's.

    Pearson's correlation of the words' means themselves.
    """
    ranks = [table.mean(0).argsort().argsort().double()[None] for table in (teacher, student)]
    return _inherited(teacher, student)._replace(correlation=_inherited(*ranks).correlation)


@misconception("inheritance", "correlation without subtracting the means", inputs=_TABLES)
def cosine_as_correlation(teacher, student):
    """This is the cosine of the two rows of means, which is high whenever all words have the same sign.

    Subtract each model's mean over the words first.
    """
    return _inherited(teacher, student)._replace(correlation=_inherited(teacher, student, centre=False).correlation)


@misconception("inheritance", "spread of all cells", inputs=_TABLES)
def spread_of_all_cells(teacher, student):
    """The standard deviations are those of the whole tables, in which the templates vary as well.

    First the mean over the templates, then the standard deviation over the words.
    """
    return _inherited(teacher, student)._replace(spread=_inherited(teacher, student, torch.flatten).spread)


# --- bootstrap_interval ---


def _rows(table, generator):
    return table[torch.randint(len(table), (len(table),), generator=generator)]


def _drawn(table, statistic, generator, level, resamples, resample=_rows):
    if len(table) < 2 or not 0 < level < 1:
        raise ValueError(f"{len(table)} templates, level {level:g}")
    return torch.stack([statistic(resample(table, generator)) for _ in range(resamples)])


def _quantiles(values, low, high):
    return values.quantile(torch.tensor([low, high], dtype=values.dtype), dim=0)


def _percentiles(values, level):
    return _quantiles(values, (1 - level) / 2, (1 + level) / 2)


_TEMPLATES = torch.tensor([0.0, 1.0, 3.0, 7.0, 12.0], dtype=torch.float64)[:, None]  # they differ, and not evenly
_ALIKE = torch.tensor([[0.0, 1.0, 3.0, 7.0]], dtype=torch.float64).expand(5, 4)  # words differ, templates do not


def _ends(function, table, level=0.95, statistic=torch.mean):
    return function(table.clone(), statistic, torch.Generator().manual_seed(1), level=level, resamples=300)


def _widths(function):
    """Whether there is a width where only words differ, where only templates do, and for a difference within a row."""
    pair = torch.cat([_TEMPLATES, _TEMPLATES + 2], 1)
    intervals = (
        _ends(function, _ALIKE),
        _ends(function, _TEMPLATES.expand(5, 4)),
        _ends(function, pair, statistic=lambda rows: (rows[:, 1] - rows[:, 0]).mean()),
    )
    return tuple(abs(float(high - low)) > 1e-9 for low, high in intervals)


def _vary(*expected, symmetric=None):
    def symptom(function):
        low, high = _ends(function, _TEMPLATES.expand(5, 4))
        centred_on_the_mean = abs(float(low + high) / 2 - float(_TEMPLATES.mean())) < 1e-6
        return _widths(function)[: len(expected)] == expected and symmetric in (None, centred_on_the_mean)

    return symptom


def _halves_the_level(function):
    low, high = _ends(function, _TEMPLATES, level=0.5)
    return abs(float(high - low)) < 1e-9 and _widths(function)[1]


def _draws_too_few(function):
    sizes = []
    _ends(function, _TEMPLATES, statistic=lambda rows: (sizes.append(len(rows)), rows.mean())[1])
    return bool(sizes) and max(sizes) < len(_TEMPLATES)


def _takes_the_extremes(function):
    seen = []
    ends = _ends(function, _TEMPLATES, 0.5, lambda rows: (seen.append(float(rows.mean())), rows.mean())[1])
    return bool(seen) and torch.allclose(ends, ends.new_tensor([min(seen), max(seen)])) and _widths(function)[1]


@misconception("bootstrap_interval", "words drawn instead of templates", symptom=_vary(True, False))
def words_drawn(table, statistic, generator, level=0.95, resamples=2000):
    """The words are drawn, so the interval shows the effect of the list of words, not of the wording.

    Rows are templates: draw row numbers, table[rows].
    """
    return _percentiles(_drawn(table, statistic, generator, level, resamples, lambda t, g: _rows(t.T, g).T), level)


@misconception("bootstrap_interval", "cells drawn as if independent", symptom=_vary(True, True, symmetric=False))
def cells_drawn(table, statistic, generator, level=0.95, resamples=2000):
    """Single cells are drawn, but the words of a sentence vary together: the interval is too narrow.

    Whole rows: table[rows], with everything that is in them.
    """

    def cells(table, generator):
        return table.flatten()[torch.randint(table.numel(), table.shape, generator=generator)]

    return _percentiles(_drawn(table, statistic, generator, level, resamples, cells), level)


@misconception("bootstrap_interval", "standard error of all cells", symptom=_vary(True, True, symmetric=True))
def standard_error_of_cells(table, statistic, generator, level=0.95, resamples=2000):
    """The interval is the value plus and minus a multiple of the standard error over all cells.

    Draw templates and take percentiles; T times W cells are not T times W independent observations.
    """
    _drawn(table, statistic, generator, level, 1)
    half = math.sqrt(2) * torch.erfinv(torch.tensor(level)) * table.std() / math.sqrt(table.numel())
    value = statistic(table)
    return torch.stack([value - half, value + half])


@misconception("bootstrap_interval", "drawn without replacement", symptom=_vary(False, False, False))
def without_replacement(table, statistic, generator, level=0.95, resamples=2000):
    """Each resample is the same table in another order, so the statistic never changes.

    With replacement: torch.randint, not torch.randperm.
    """

    def resample(table, generator):
        return table[torch.randperm(len(table), generator=generator)]

    return _percentiles(_drawn(table, statistic, generator, level, resamples, resample), level)


@misconception("bootstrap_interval", "1 - level left out at each end", symptom=_halves_the_level)
def both_tails_at_each_end(table, statistic, generator, level=0.95, resamples=2000):
    """A fraction of 1 - level is outside at either end, so twice too much is left out.

    Half of it at each end: (1 - level) / 2 and (1 + level) / 2.
    """
    return _quantiles(_drawn(table, statistic, generator, level, resamples), *sorted((1 - level, level)))


@misconception("bootstrap_interval", "one template at a time", symptom=_draws_too_few)
def one_template_at_a_time(table, statistic, generator, level=0.95, resamples=2000):
    """A resample is a single template: that shows how much templates differ, not how certain their mean is.

    As many rows as the table has: len(table).
    """
    values = _drawn(table, statistic, generator, level, resamples, lambda table, generator: _rows(table, generator)[:1])
    return _percentiles(values, level)


@misconception("bootstrap_interval", "smallest and largest resample", symptom=_takes_the_extremes)
def smallest_and_largest(table, statistic, generator, level=0.95, resamples=2000):
    """The ends are the extremes, so the interval grows with the number of resamples and ignores the level.

    Quantiles at (1 - level) / 2 and (1 + level) / 2.
    """
    return _quantiles(_drawn(table, statistic, generator, level, resamples), 0.0, 1.0)


@misconception("bootstrap_interval", "columns drawn separately", symptom=_vary(False, True, True))
def columns_drawn_separately(table, statistic, generator, level=0.95, resamples=2000):
    """Each column draws its own templates: values of the same sentence are no longer compared with each other.

    One set of row numbers for the whole table.
    """

    def resample(table, generator):
        return table.gather(0, torch.randint(len(table), table.shape, generator=generator))

    return _percentiles(_drawn(table, statistic, generator, level, resamples, resample), level)


def _is_centred_on_the_statistic(function):
    """Whether the ends are equally far from a statistic whose resamples are far from symmetric."""
    low, high = _ends(function, _TEMPLATES, statistic=lambda rows: rows.mean() ** 3)
    right = float(_TEMPLATES.mean() ** 3)
    return _widths(function) == (False, True, False) and abs(float(low + high) / 2 - right) < 1e-6 * right


@misconception("bootstrap_interval", "value plus and minus z sigma", symptom=_is_centred_on_the_statistic)
def plus_minus_z_sigma(table, statistic, generator, level=0.95, resamples=2000):
    """The ends are the statistic plus and minus a multiple of the resamples' standard deviation: never skewed.

    Take quantiles of the resampled statistics, one for each end.
    """
    values = _drawn(table, statistic, generator, level, resamples)
    half = math.sqrt(2) * torch.erfinv(torch.tensor(level, dtype=torch.float64)) * values.double().std(0)
    return torch.stack([statistic(table) - half, statistic(table) + half])


def _is_mirrored(function):
    """Two templates of 1 and 5 have means from 1 to 5, and 9 as the square of their mean: 18 - 25 and 18 - 1."""
    table = torch.tensor([[1.0], [5.0]], dtype=torch.float64)
    ends = _ends(function, table, statistic=lambda rows: rows.mean().square())
    return torch.allclose(ends, ends.new_tensor([-7.0, 17.0]))


@misconception("bootstrap_interval", "mirrored at the measured value", symptom=_is_mirrored)
def mirrored_at_the_value(table, statistic, generator, level=0.95, resamples=2000):
    """The quantiles are subtracted from twice the measured value: that is the basic bootstrap.

    A percentile interval has the quantiles of the resampled statistics themselves as its ends.
    """
    ends = _percentiles(_drawn(table, statistic, generator, level, resamples), level)
    return 2 * statistic(table) - ends.flip(0)


def _begins_at_the_smallest(function):
    seen = []
    low, _ = _ends(function, _TEMPLATES, 0.5, lambda rows: (seen.append(float(rows.mean())), rows.mean())[1])
    return (
        bool(seen) and abs(float(low) - min(seen)) < 1e-9 and _widths(function)[1] and not _takes_the_extremes(function)
    )


@misconception("bootstrap_interval", "one-sided interval", symptom=_begins_at_the_smallest)
def one_sided_interval(table, statistic, generator, level=0.95, resamples=2000):
    """All that is left out is above the upper end; the lower end is the smallest resample.

    Half of what is left out belongs to each end.
    """
    return _quantiles(_drawn(table, statistic, generator, level, resamples), 0.0, level)


def _upper_end_first(function):
    low, high = _ends(function, _TEMPLATES)
    return float(low) > float(high)


@misconception("bootstrap_interval", "upper end first", symptom=_upper_end_first)
def upper_end_first(table, statistic, generator, level=0.95, resamples=2000):
    """The upper end is in row 0.

    The lower end first.
    """
    return _percentiles(_drawn(table, statistic, generator, level, resamples), level).flip(0)


def _ignores_the_generator(function):
    one, other = (_ends(function, _TEMPLATES) for _ in range(2))
    return _widths(function) == (False, True, False) and not torch.equal(one, other)


@misconception("bootstrap_interval", "generator not passed on", symptom=_ignores_the_generator)
def generator_not_passed_on(table, statistic, generator, level=0.95, resamples=2000):
    """The generator is not used, so the same seed gives another interval each time.

    torch.randint(..., generator=generator).
    """
    return _percentiles(_drawn(table, statistic, None, level, resamples), level)


# --- sign_flip_p_values ---


def _swapped(differences, generator, resamples):
    signs = torch.randint(2, (resamples, len(differences)), generator=generator) * 2 - 1
    return signs.to(differences) @ differences / len(differences)


def _as_far(differences, generator, resamples):
    far = _swapped(differences, generator, resamples).abs() >= differences.mean(0).abs() - 1e-12
    return far.sum(0).double()


def _p_values(function, rows):
    values = torch.tensor(rows, dtype=torch.float64)
    return [round(value, 6) for value in function(values, torch.Generator().manual_seed(1), 99).tolist()]


def _gives(rows, p_value):
    return lambda function: _p_values(function, rows) == [p_value, p_value]


_CERTAIN = [[1.0, -1.0]] * 40  # the right answer is 0.01 for both
_SINGLE = [[1.0, -2.0]]  # one template: 1 for both


def _is_zero_if_certain(function):
    return _gives(_CERTAIN, 0)(function) and _gives(_SINGLE, 1)(function)


def _is_one_sided(function):
    up, down = _p_values(function, _CERTAIN)
    return up < 0.1 < 0.9 < down


@misconception("sign_flip_p_values", "observed table not counted", symptom=_is_zero_if_certain)
def observed_not_counted(differences, generator, resamples=9999):
    """The p-value can be 0, as if no way to swap were as far from 0, but the observed one is.

    (k + 1) / (resamples + 1).
    """
    return _as_far(differences, generator, resamples) / resamples


@misconception("sign_flip_p_values", "1 added only to the numerator", symptom=_gives(_SINGLE, round(100 / 99, 6)))
def counted_above_only(differences, generator, resamples=9999):
    """The observed table is counted in the numerator, but not in the denominator.

    Add 1 to the denominator too: resamples + 1.
    """
    return (1 + _as_far(differences, generator, resamples)) / resamples


@misconception("sign_flip_p_values", "one-sided", symptom=_is_one_sided)
def one_sided(differences, generator, resamples=9999):
    """Only means that are as high count, so a negative difference is never significant.

    Compare absolute values on both sides.
    """
    above = _swapped(differences, generator, resamples) >= differences.mean(0) - 1e-12
    return (1 + above.sum(0).double()) / (1 + resamples)


@misconception(
    "sign_flip_p_values",
    "one tail read as two",
    symptom=lambda function: all(0.3 < value < 0.7 for value in _p_values(function, _SINGLE)),
)
def one_tail_of_two(differences, generator, resamples=9999):
    """The observed distance is compared with one side of the swapped means, which halves the p-value.

    The absolute value of the swapped means as well.
    """
    above = _swapped(differences, generator, resamples) >= differences.mean(0).abs() - 1e-12
    return (1 + above.sum(0).double()) / (1 + resamples)


@misconception("sign_flip_p_values", "equal does not count", symptom=_gives(_SINGLE, 0.01))
def equal_is_not_as_far(differences, generator, resamples=9999):
    """A swap with the same distance is not counted; with few templates there are many of them.

    At least as far: >=, with a small tolerance for rounding errors.
    """
    far = _swapped(differences, generator, resamples).abs() > differences.mean(0).abs() + 1e-12
    return (1 + far.sum(0).double()) / (1 + resamples)


@misconception("sign_flip_p_values", "templates shuffled instead of flipped", symptom=_gives(_CERTAIN, 1))
def templates_shuffled(differences, generator, resamples=9999):
    """What is drawn (an order, or one sign for all) changes no distance of a mean from 0: every p-value is 1.

    To swap the groups, change the sign of a template's differences, with a separate random sign for each template.
    """
    count = torch.ones(differences.shape[1], dtype=torch.float64)
    for _ in range(resamples):
        order = torch.randperm(len(differences), generator=generator)
        count += differences[order].mean(0).abs() >= differences.mean(0).abs() - 1e-12
    return count / (1 + resamples)


@misconception("sign_flip_p_values", "the fraction that is nearer", symptom=_gives(_CERTAIN, 0.99))
def fraction_nearer(differences, generator, resamples=9999):
    """1 minus the p-value is returned: large where the difference is certain.

    Count the swaps that are as far or farther.
    """
    return 1 - (1 + _as_far(differences, generator, resamples)) / (1 + resamples)


def _flips_each_cell(function):
    """Whether two words with the same differences in each template get different p-values."""
    values = torch.tensor([[1.0], [0.5], [-0.25], [2.0], [0.75], [0.125]], dtype=torch.float64).expand(6, 40)
    found = function(values.clone(), torch.Generator().manual_seed(1), 99)
    return 0.02 < float(found.mean()) < 0.4 and float(found.max() - found.min()) > 0.005  # one swap of 99 is 0.01


@misconception("sign_flip_p_values", "a sign for each cell", symptom=_flips_each_cell)
def sign_for_each_cell(differences, generator, resamples=9999):
    """Each word of a template has its own random sign, but swapping the groups of a sentence swaps all of its words.

    One sign for each template, (resamples, T), for all words together.
    """
    signs = torch.randint(2, (resamples, *differences.shape), generator=generator) * 2 - 1
    far = (signs * differences).mean(1).abs() >= differences.mean(0).abs() - 1e-12
    return (1 + far.sum(0).double()) / (1 + resamples)


@misconception("sign_flip_p_values", "observed table counted twice", symptom=_gives(_CERTAIN, round(2 / 101, 6)))
def observed_twice(differences, generator, resamples=9999):
    """The observed table is counted twice.

    (k + 1) / (resamples + 1): once above, once below.
    """
    return (2 + _as_far(differences, generator, resamples)) / (2 + resamples)


def _is_zero_for_one_template_too(function):
    return _gives(_SINGLE, 0)(function) and _gives(_CERTAIN, 0)(function)


@misconception("sign_flip_p_values", "p-value of a t-test", symptom=_is_zero_for_one_template_too)
def p_value_of_a_normal_distribution(differences, generator, resamples=9999):
    """The mean is divided by its standard error and compared with a normal distribution; no group is swapped.

    Draw signs and count: the differences of few templates are not normal.
    """
    error = differences.std(0, correction=0).clamp(min=1e-12) / math.sqrt(len(differences))
    return torch.erfc(differences.mean(0).abs() / error / math.sqrt(2))
