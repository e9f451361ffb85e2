"""Wrong scores, intervals and p-values that people really compute, each with inputs or a symptom that shows it."""

import math

import torch

from minidistil.ch12_bias.bias import GROUP, MASK, Inheritance
from minidistil.course.misconceptions import Misconception

# ---- prior_text ----


def _hidden(template, pieces):
    return template.replace(GROUP, " ".join([MASK] * pieces))


def _hole(template, pieces):
    return pieces if template.index(GROUP) < template.index(MASK) else 0


def one_mask_for_the_group(template, pieces):
    return _hidden(template, 1), _hole(template, 1)


def word_taken_for_the_last(template, pieces):
    return _hidden(template, pieces), pieces


def word_taken_for_the_first(template, pieces):
    return _hidden(template, pieces), 0


def counted_from_one(template, pieces):
    return _hidden(template, pieces), _hole(template, pieces) + 1


def group_left_out(template, pieces):
    return template.replace(GROUP, ""), 0


# ---- bias_scores ----


def no_prior(conditional, prior):
    return conditional[:, 0].log() - conditional[:, 1].log()


def probabilities_subtracted(conditional, prior):
    return conditional[:, 0] - conditional[:, 1]


def ratios_without_logarithm(conditional, prior):
    raised = conditional / prior[:, :, None]
    return raised[:, 0] - raised[:, 1]


def second_minus_first(conditional, prior):
    raised = (conditional / prior[:, :, None]).log()
    return raised[:, 1] - raised[:, 0]


def in_bits(conditional, prior):
    raised = (conditional / prior[:, :, None]).log2()
    return raised[:, 0] - raised[:, 1]


def one_prior_for_all_templates(conditional, prior):
    raised = (conditional / prior.mean(0)[None, :, None]).log()
    return raised[:, 0] - raised[:, 1]


def prior_added(conditional, prior):
    raised = (conditional * prior[:, :, None]).log()
    return raised[:, 0] - raised[:, 1]


# ---- mean_absolute_difference ----


def _ratios(probabilities):
    return (probabilities[:, 0] / probabilities[:, 1]).log()


def absolute_value_last(probabilities):
    return _ratios(probabilities).mean(-1).abs()


def log_of_the_sums(probabilities):
    return _ratios(probabilities.sum(-1, keepdim=True))[:, 0].abs()


def one_number_a_word(probabilities):
    return _ratios(probabilities).abs().mean(0)


def probabilities_not_logarithms(probabilities):
    return (probabilities[:, 0] - probabilities[:, 1]).abs().mean(-1)


def only_the_likeliest(probabilities):
    best = probabilities[:, 0].topk(3).indices
    return _ratios(probabilities).abs().gather(-1, best).mean(-1)


def root_mean_square(probabilities):
    return _ratios(probabilities).square().mean(-1).sqrt()


def summed(probabilities):
    return _ratios(probabilities).abs().sum(-1)


# ---- inheritance ----


def _inherited(teacher, student, reduce=lambda table: table.mean(0), centre=True):
    if teacher.shape != student.shape or teacher.shape[-1] < 2:
        raise ValueError(f"shapes {tuple(teacher.shape)} and {tuple(student.shape)}")
    across, up = (
        reduce(table) - (reduce(table).mean() if centre else torch.zeros((), dtype=table.dtype))
        for table in (teacher, student)
    )
    correlation = float(across @ up / (across.norm() * up.norm()))
    spread = float(up.norm() / across.norm())
    return correlation, correlation * spread, spread


def axes_swapped(teacher, student):
    correlation, _, spread = _inherited(teacher, student)
    return Inheritance(correlation, correlation / spread, spread)


def spread_upside_down(teacher, student):
    correlation, slope, spread = _inherited(teacher, student)
    return Inheritance(correlation, slope, 1 / spread)


def through_the_origin(teacher, student):
    correlation, _, spread = _inherited(teacher, student)
    return Inheritance(correlation, _inherited(teacher, student, centre=False)[1], spread)


def cells_instead_of_words(teacher, student):
    return Inheritance(*_inherited(teacher, student, torch.flatten))


def means_of_templates(teacher, student):
    return Inheritance(*_inherited(teacher, student, lambda table: table.mean(-1)))


def slope_taken_for_the_spread(teacher, student):
    correlation, _, spread = _inherited(teacher, student)
    return Inheritance(correlation, spread, spread)


def correlation_squared(teacher, student):
    correlation, slope, spread = _inherited(teacher, student)
    return Inheritance(correlation**2, slope, spread)


def two_kinds_of_variance(teacher, student):
    correlation, slope, spread = _inherited(teacher, student)
    return Inheritance(correlation, slope * teacher.shape[1] / (teacher.shape[1] - 1), spread)


# ---- bootstrap_interval ----


def _checked(table, level):
    if len(table) < 2 or not 0 < level < 1:
        raise ValueError(f"{len(table)} templates, level {level:g}")


def _drawn(table, statistic, generator, resamples, resample):
    values = [statistic(resample(table, generator)) for _ in range(resamples)]
    return torch.stack(values)


def _rows(table, generator, count=None):
    count = len(table) if count is None else count
    return table[torch.randint(len(table), (count,), generator=generator)]


def _quantiles(values, low, high):
    return values.quantile(torch.tensor([low, high], dtype=values.dtype), dim=0)


def _percentiles(values, level):
    return _quantiles(values, (1 - level) / 2, (1 + level) / 2)


def words_drawn(table, statistic, generator, level=0.95, resamples=2000):
    _checked(table, level)

    def resample(table, generator):
        return table[:, torch.randint(table.shape[1], (table.shape[1],), generator=generator)]

    return _percentiles(_drawn(table, statistic, generator, resamples, resample), level)


def cells_drawn(table, statistic, generator, level=0.95, resamples=2000):
    _checked(table, level)

    def resample(table, generator):
        return table.flatten()[torch.randint(table.numel(), table.shape, generator=generator)]

    return _percentiles(_drawn(table, statistic, generator, resamples, resample), level)


def standard_error_of_cells(table, statistic, generator, level=0.95, resamples=2000):
    _checked(table, level)
    half = math.sqrt(2) * torch.erfinv(torch.tensor(level)) * table.std() / math.sqrt(table.numel())
    value = statistic(table)
    return torch.stack([value - half, value + half])


def without_replacement(table, statistic, generator, level=0.95, resamples=2000):
    _checked(table, level)

    def resample(table, generator):
        return table[torch.randperm(len(table), generator=generator)]

    return _percentiles(_drawn(table, statistic, generator, resamples, resample), level)


def both_tails_at_each_end(table, statistic, generator, level=0.95, resamples=2000):
    _checked(table, level)
    low, high = sorted((1 - level, level))
    return _quantiles(_drawn(table, statistic, generator, resamples, _rows), low, high)


def one_template_at_a_time(table, statistic, generator, level=0.95, resamples=2000):
    _checked(table, level)
    values = _drawn(table, statistic, generator, resamples, lambda table, generator: _rows(table, generator, 1))
    return _percentiles(values, level)


def smallest_and_largest(table, statistic, generator, level=0.95, resamples=2000):
    _checked(table, level)
    return _quantiles(_drawn(table, statistic, generator, resamples, _rows), 0.0, 1.0)


def rows_torn_apart(table, statistic, generator, level=0.95, resamples=2000):
    _checked(table, level)

    def resample(table, generator):
        rows = torch.randint(len(table), table.shape, generator=generator)
        return table.gather(0, rows)

    return _percentiles(_drawn(table, statistic, generator, resamples, resample), level)


_TEMPLATES = torch.tensor([0.0, 1.0, 3.0, 7.0, 12.0], dtype=torch.float64)[:, None]  # they differ, and not evenly
_ALIKE = torch.tensor([[0.0, 1.0, 3.0, 7.0]], dtype=torch.float64).expand(5, 4)  # words differ, templates do not


def _ends(function, table, level=0.95, statistic=torch.mean):
    return function(table, statistic, torch.Generator().manual_seed(1), level=level, resamples=300)


def _widths(function):
    """Of the interval where only the words differ, where only the templates do, and of a difference within a row."""
    low, high = _ends(function, _ALIKE)
    among_words = float(high - low)
    low, high = _ends(function, _TEMPLATES.expand(5, 4))
    among_templates = float(high - low)
    pair = torch.cat([_TEMPLATES, _TEMPLATES + 2], 1)
    low, high = _ends(function, pair, statistic=lambda rows: (rows[:, 1] - rows[:, 0]).mean())
    return among_words > 1e-9, among_templates > 1e-9, float(high - low) > 1e-9


def _symmetric(function):
    low, high = _ends(function, _TEMPLATES.expand(5, 4))
    return abs(float(low + high) / 2 - float(_TEMPLATES.mean())) < 1e-6


def _draws_words(function):
    return _widths(function)[:2] == (True, False)


def _draws_cells(function):
    return _widths(function)[:2] == (True, True) and not _symmetric(function)


def _standard_error(function):
    return _widths(function)[:2] == (True, True) and _symmetric(function)


def _draws_nothing(function):
    return _widths(function) == (False, False, False)


def _halves_the_level(function):
    low, high = _ends(function, _TEMPLATES, level=0.5)
    return float(high - low) < 1e-9 and _widths(function)[1]


def _draws_too_few(function):
    sizes = set()

    def statistic(rows):
        sizes.add(len(rows))
        return rows.mean()

    _ends(function, _TEMPLATES, statistic=statistic)
    return bool(sizes) and max(sizes) < len(_TEMPLATES)


def _takes_the_extremes(function):
    seen = []

    def statistic(rows):
        seen.append(float(rows.mean()))
        return rows.mean()

    ends = _ends(function, _TEMPLATES, 0.5, statistic=statistic)
    return bool(seen) and torch.allclose(ends, ends.new_tensor([min(seen), max(seen)])) and _widths(function)[1]


def _tears_rows_apart(function):
    return _widths(function) == (False, True, True)


# ---- sign_flip_p_values ----


def _swapped(differences, generator, resamples):
    signs = torch.randint(2, (resamples, len(differences)), generator=generator) * 2 - 1
    return signs.to(differences) @ differences / len(differences)


def _as_far(differences, generator, resamples):
    far = _swapped(differences, generator, resamples).abs() >= differences.mean(0).abs() - 1e-12
    return far.sum(0).double()


def observed_not_counted(differences, generator, resamples=9999):
    return _as_far(differences, generator, resamples) / resamples


def counted_above_only(differences, generator, resamples=9999):
    return (1 + _as_far(differences, generator, resamples)) / resamples


def one_sided(differences, generator, resamples=9999):
    above = _swapped(differences, generator, resamples) >= differences.mean(0) - 1e-12
    return (1 + above.sum(0).double()) / (1 + resamples)


def one_tail_of_two(differences, generator, resamples=9999):
    above = _swapped(differences, generator, resamples) >= differences.mean(0).abs() - 1e-12
    return (1 + above.sum(0).double()) / (1 + resamples)


def equal_is_not_as_far(differences, generator, resamples=9999):
    far = _swapped(differences, generator, resamples).abs() > differences.mean(0).abs() + 1e-12
    return (1 + far.sum(0).double()) / (1 + resamples)


def templates_shuffled(differences, generator, resamples=9999):
    count = torch.ones(differences.shape[1], dtype=torch.float64)
    for _ in range(resamples):
        order = torch.randperm(len(differences), generator=generator)
        count += differences[order].mean(0).abs() >= differences.mean(0).abs() - 1e-12
    return count / (1 + resamples)


def share_nearer(differences, generator, resamples=9999):
    return 1 - (1 + _as_far(differences, generator, resamples)) / (1 + resamples)


def _p_values(function, rows):
    values = torch.tensor(rows, dtype=torch.float64)
    return [round(value, 6) for value in function(values, torch.Generator().manual_seed(1), 99).tolist()]


_CERTAIN = [[1.0, -1.0]] * 40  # the right answer is 0.01 for both
_SINGLE = [[1.0, -2.0]]  # one template: 1 for both


def _reports_zero(function):
    return _p_values(function, _CERTAIN) == [0, 0]


def _above_one(function):
    return _p_values(function, _SINGLE) == [round(100 / 99, 6)] * 2


def _looks_one_way(function):
    up, down = _p_values(function, _CERTAIN)
    return up < 0.1 < 0.9 < down


def _halves(function):
    values = _p_values(function, _SINGLE)
    return all(0.3 < value < 0.7 for value in values)


def _needs_more_than_equal(function):
    return _p_values(function, _SINGLE) == [0.01, 0.01]


def _changes_nothing(function):
    return _p_values(function, _CERTAIN) == [1, 1]


def _says_the_opposite(function):
    return _p_values(function, _CERTAIN) == [0.99, 0.99]


# ---- inputs ----

_generator = torch.Generator().manual_seed(11)
PRIORS = [("The {group} is a [MASK].", 2), ("A [MASK], says the {group}.", 2)]
_probabilities = 0.5 * torch.rand(3, 2, 5, generator=_generator, dtype=torch.float64)
SCORES = [(_probabilities, 0.5 * torch.rand(3, 2, generator=_generator, dtype=torch.float64))]
TABLES = [tuple(torch.randn(2, 4, 6, generator=_generator, dtype=torch.float64) + 1)]

MISCONCEPTIONS = [
    Misconception(
        name="one mask whatever the group",
        exercise="prior_text",
        what="A group of several tokens is hidden behind one [MASK]: then the two sentences differ in length as well.",
        look="As many [MASK] as the group has tokens, pieces of them.",
        wrong=one_mask_for_the_group,
        inputs=PRIORS,
    ),
    Misconception(
        name="the word's mask taken for the last",
        exercise="prior_text",
        what="The word is looked for behind the group's masks also where it comes before them.",
        look="Compare template.index(MASK) with template.index(GROUP): in the second case it is mask 0.",
        wrong=word_taken_for_the_last,
        inputs=PRIORS[1:],
    ),
    Misconception(
        name="the word's mask taken for the first",
        exercise="prior_text",
        what="The first mask is read, which is the group's where the group comes first.",
        look="As many masks as the group has tokens lie to the left of the word's, if the group comes first.",
        wrong=word_taken_for_the_first,
        inputs=PRIORS[:1],
    ),
    Misconception(
        name="masks counted from 1",
        exercise="prior_text",
        what="The number of the word's mask is one too high.",
        look="The first mask has the number 0.",
        wrong=counted_from_one,
        inputs=PRIORS,
    ),
    Misconception(
        name="the group left out",
        exercise="prior_text",
        what="Nothing stands where the group stood: that is another sentence, not the same one without its group.",
        look="A hidden group leaves masks behind: replace GROUP by MASK, as often as it has tokens.",
        wrong=group_left_out,
        inputs=PRIORS,
    ),
    Misconception(
        name="prior left out",
        exercise="bias_scores",
        what="The groups' probabilities are compared as they are, so a group that is frequent anyway wins everywhere.",
        look="Divide each group's probability by what it has where the word is hidden: prior[:, :, None].",
        wrong=no_prior,
        inputs=SCORES,
    ),
    Misconception(
        name="probabilities subtracted",
        exercise="bias_scores",
        what="The score is a difference of probabilities, without logarithm and without prior.",
        look="How many *times* likelier: a ratio to the prior, then its logarithm, then the difference.",
        wrong=probabilities_subtracted,
        inputs=SCORES,
    ),
    Misconception(
        name="ratios without logarithm",
        exercise="bias_scores",
        what="The ratios to the prior are subtracted themselves: twice and half as likely are then not equally far.",
        look="Take the logarithm of each ratio before the difference.",
        wrong=ratios_without_logarithm,
        inputs=SCORES,
    ),
    Misconception(
        name="second group minus first",
        exercise="bias_scores",
        what="The sign is turned round.",
        look="Above 0 means nearer to the first group: place 0 less place 1.",
        wrong=second_minus_first,
        inputs=SCORES,
    ),
    Misconception(
        name="bits instead of nats",
        exercise="bias_scores",
        what="The logarithm has base 2.",
        look="Nats: the natural logarithm, torch.log.",
        wrong=in_bits,
        inputs=SCORES,
    ),
    Misconception(
        name="one prior for all templates",
        exercise="bias_scores",
        what="The prior is averaged over the templates, but each sentence expects its groups in its own way.",
        look="Row t of the prior belongs to template t.",
        wrong=one_prior_for_all_templates,
        inputs=SCORES,
    ),
    Misconception(
        name="prior multiplied instead of divided",
        exercise="bias_scores",
        what="The prior counts twice instead of being taken out.",
        look="log p - log prior, a difference.",
        wrong=prior_added,
        inputs=SCORES,
    ),
    Misconception(
        name="absolute value last",
        exercise="mean_absolute_difference",
        what="The mean is taken before the absolute value, so words that lean up and words that lean down cancel.",
        look="First .abs(), then .mean(-1).",
        wrong=absolute_value_last,
        inputs=[(_probabilities,)],
    ),
    Misconception(
        name="logarithm of the summed probabilities",
        exercise="mean_absolute_difference",
        what="The words' probabilities are summed before the logarithm, so the few frequent words decide alone.",
        look="The mean of logarithms, not the logarithm of a sum: each word counts alike.",
        wrong=log_of_the_sums,
        inputs=[(_probabilities,)],
    ),
    Misconception(
        name="one number a word",
        exercise="mean_absolute_difference",
        what="The mean is over the templates.",
        look="The words are the last dimension: .mean(-1) leaves (T,).",
        wrong=one_number_a_word,
        inputs=[(_probabilities,)],
    ),
    Misconception(
        name="probabilities instead of logarithms",
        exercise="mean_absolute_difference",
        what="Probabilities are subtracted: a word of 0.0001 against 0.0004 then counts as no difference.",
        look="The difference of the logarithms.",
        wrong=probabilities_not_logarithms,
        inputs=[(_probabilities,)],
    ),
    Misconception(
        name="only the likeliest words compared",
        exercise="mean_absolute_difference",
        what="Only the first group's top words count, a list that the groups do not share.",
        look="All W words of the list, whatever their rank.",
        wrong=only_the_likeliest,
        inputs=[(_probabilities,)],
    ),
    Misconception(
        name="root mean square",
        exercise="mean_absolute_difference",
        what="Squares are averaged, so large differences count for more.",
        look="The absolute value: .abs().",
        wrong=root_mean_square,
        inputs=[(_probabilities,)],
    ),
    Misconception(
        name="sum instead of mean",
        exercise="mean_absolute_difference",
        what="The differences are summed, so a longer list is a larger bias.",
        look=".mean(-1).",
        wrong=summed,
        inputs=[(_probabilities,)],
    ),
    Misconception(
        name="axes of the slope swapped",
        exercise="inheritance",
        what="The slope is that of the teacher over the student.",
        look="The teacher goes across: divide x·y by x·x, the teacher's.",
        wrong=axes_swapped,
        inputs=TABLES,
    ),
    Misconception(
        name="spread upside down",
        exercise="inheritance",
        what="The spread is the teacher's over the student's.",
        look="Above 1 shall mean that the student differs more: student over teacher.",
        wrong=spread_upside_down,
        inputs=TABLES,
    ),
    Misconception(
        name="line through the origin",
        exercise="inheritance",
        what="The slope is that of a line forced through 0, so a shift of all words counts as inherited.",
        look="Take each model's own mean away before anything is multiplied.",
        wrong=through_the_origin,
        inputs=TABLES,
    ),
    Misconception(
        name="cells instead of words",
        exercise="inheritance",
        what="Every template's cell is a point of its own, so the whims of wording count as much as the words.",
        look="First the mean over the templates: table.mean(0), one point a word.",
        wrong=cells_instead_of_words,
        inputs=TABLES,
    ),
    Misconception(
        name="means of templates instead of words",
        exercise="inheritance",
        what="The points are templates, not words.",
        look="Templates are the first dimension: .mean(0) leaves one number a word.",
        wrong=means_of_templates,
        inputs=TABLES,
    ),
    Misconception(
        name="spread given as slope",
        exercise="inheritance",
        what="The slope is the ratio of the spreads, which is right only if the two models agree perfectly.",
        look="slope = correlation times spread.",
        wrong=slope_taken_for_the_spread,
        inputs=TABLES,
    ),
    Misconception(
        name="correlation squared",
        exercise="inheritance",
        what="The explained share of the variance is given, and the sign is lost.",
        look="Pearson's r itself.",
        wrong=correlation_squared,
        inputs=TABLES,
    ),
    Misconception(
        name="two kinds of variance",
        exercise="inheritance",
        what="The covariance is divided by W - 1 and the variance by W, so the slope is W / (W - 1) times too large.",
        look="The same divisor in both, or none: it cancels. torch.var and torch.cov divide by W - 1.",
        wrong=two_kinds_of_variance,
        inputs=TABLES,
    ),
    Misconception(
        name="words drawn instead of templates",
        exercise="bootstrap_interval",
        what="The words are drawn anew, so the interval says how the list of words matters, not the wording.",
        look="Rows are templates: draw row numbers, table[rows].",
        wrong=words_drawn,
        symptom=_draws_words,
    ),
    Misconception(
        name="cells drawn as if they were independent",
        exercise="bootstrap_interval",
        what="Single cells are drawn, but the words of a sentence rise and fall together: the interval is too narrow.",
        look="Whole rows: table[rows], with everything that stands in them.",
        wrong=cells_drawn,
        symptom=_draws_cells,
    ),
    Misconception(
        name="standard error of all cells",
        exercise="bootstrap_interval",
        what="The interval is the value plus and minus a multiple of the standard error over all cells.",
        look="Draw templates anew and take percentiles; T times W cells are not T times W independent observations.",
        wrong=standard_error_of_cells,
        symptom=_standard_error,
    ),
    Misconception(
        name="drawn without replacement",
        exercise="bootstrap_interval",
        what="Each resample is the same table in another order, so nothing ever varies.",
        look="With replacement: torch.randint, not torch.randperm.",
        wrong=without_replacement,
        symptom=_draws_nothing,
    ),
    Misconception(
        name="the whole of what is left out at each end",
        exercise="bootstrap_interval",
        what="1 - level lies outside at either end, so twice too much is left out.",
        look="Half of it at each end: (1 - level) / 2 and (1 + level) / 2.",
        wrong=both_tails_at_each_end,
        symptom=_halves_the_level,
    ),
    Misconception(
        name="one template at a time",
        exercise="bootstrap_interval",
        what="A resample is a single template: that shows how far templates differ, not how sure their mean is.",
        look="As many rows as the table has: len(table) of them.",
        wrong=one_template_at_a_time,
        symptom=_draws_too_few,
    ),
    Misconception(
        name="smallest and largest resample",
        exercise="bootstrap_interval",
        what="The ends are the extremes, so the interval grows with the number of resamples and ignores the level.",
        look="Quantiles at (1 - level) / 2 and (1 + level) / 2.",
        wrong=smallest_and_largest,
        symptom=_takes_the_extremes,
    ),
    Misconception(
        name="rows torn apart",
        exercise="bootstrap_interval",
        what="Each column draws its own templates: what was measured in the same sentence is no longer compared.",
        look="One set of row numbers for the whole table.",
        wrong=rows_torn_apart,
        symptom=_tears_rows_apart,
    ),
    Misconception(
        name="observed table not counted",
        exercise="sign_flip_p_values",
        what="The p-value can be 0, as if no way to swap were as far, but the observed one is.",
        look="(k + 1) / (resamples + 1).",
        wrong=observed_not_counted,
        symptom=_reports_zero,
    ),
    Misconception(
        name="1 added above only",
        exercise="sign_flip_p_values",
        what="The observed table is counted among those as far, but not among all.",
        look="Add 1 below the line too: resamples + 1.",
        wrong=counted_above_only,
        symptom=_above_one,
    ),
    Misconception(
        name="one-sided",
        exercise="sign_flip_p_values",
        what="Only means that are as high count, so a word that leans the other way never looks sure.",
        look="Compare absolute values on both sides.",
        wrong=one_sided,
        symptom=_looks_one_way,
    ),
    Misconception(
        name="one tail read as two",
        exercise="sign_flip_p_values",
        what="The observed distance is compared with one side of the swapped means, which halves the p-value.",
        look="The absolute value of the swapped means as well.",
        wrong=one_tail_of_two,
        symptom=_halves,
    ),
    Misconception(
        name="equal does not count",
        exercise="sign_flip_p_values",
        what="A swap that gives the same distance is not counted; with few templates there are many of those.",
        look="At least as far: >=, with a little room for rounding.",
        wrong=equal_is_not_as_far,
        symptom=_needs_more_than_equal,
    ),
    Misconception(
        name="templates shuffled instead of flipped",
        exercise="sign_flip_p_values",
        what="What is drawn (an order, or one sign for all) changes no distance of a mean from 0: every p-value is 1.",
        look="To swap the groups is to change the sign of a template's differences, by a draw of its own for each.",
        wrong=templates_shuffled,
        symptom=_changes_nothing,
    ),
    Misconception(
        name="the share that is nearer",
        exercise="sign_flip_p_values",
        what="1 minus the p-value is returned: large where the difference is sure.",
        look="Count those that are as far or farther.",
        wrong=share_nearer,
        symptom=_says_the_opposite,
    ),
]
