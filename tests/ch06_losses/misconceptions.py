"""Chapter 6: wrong losses and true distributions that people really write."""

import copy
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional as F

from minidistil.ch06_losses.losses import DistillationLoss
from minidistil.ch06_losses.toy_language import Language
from minidistil.course.misconceptions import misconception


def _draw(seed, *shapes):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, generator=generator) * 2 for shape in shapes]


def _rows(logits):
    return logits.reshape(-1, logits.shape[-1])


def _gradient_reaches_the_teacher(function):
    student, teacher = (each.requires_grad_() for each in _draw(9, (3, 4), (3, 4)))
    loss = function(student, teacher)
    return torch.autograd.grad(loss, teacher, allow_unused=True)[0] is not None


# soft_target_loss

_DEEP = [(*_draw(2, (2, 3, 7), (2, 3, 7)), 3.0), (*_draw(3, (3, 2, 5), (3, 2, 5)), 1.5)]
_LOGITS = [(*_draw(0, (5, 7), (5, 7)), 3.0), _DEEP[0]]
_POSITIVE = (_LOGITS[0][0].abs() + 1, _LOGITS[0][1].abs() + 1, 3.0)


def _softened(student_logits, teacher_logits, temperature, dim=-1):
    return F.log_softmax(student_logits / temperature, dim), F.log_softmax(teacher_logits.detach() / temperature, dim)


def _kl(log_q, log_p):
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def _ce(student_logits, teacher_logits, temperature=2.0):
    return _kl(*_softened(student_logits, teacher_logits, temperature)).mean() * temperature**2


@misconception("soft_target_loss", "KL arguments swapped", inputs=_LOGITS)
def arguments_swapped(student_logits, teacher_logits, temperature=2.0):
    """This is KL(student || teacher): it allows the student to ignore words that the teacher thinks possible.

    The teacher's probabilities are the weights: p (log p - log q), with p the teacher.
    """
    log_q, log_p = _softened(student_logits, teacher_logits, temperature)
    return _kl(log_p, log_q).mean() * temperature**2


@misconception("soft_target_loss", "T squared forgotten", inputs=_LOGITS)
def square_forgotten(student_logits, teacher_logits, temperature=2.0):
    """Without T^2 the gradient shrinks as the temperature rises, and the other losses outweigh L_ce.

    Multiply the divergence by temperature**2.
    """
    return _ce(student_logits, teacher_logits, temperature) / temperature**2


@misconception("soft_target_loss", "T instead of T squared", inputs=_LOGITS)
def once_instead_of_squared(student_logits, teacher_logits, temperature=2.0):
    """The divergence is multiplied by T once; softening divides the gradient by T twice.

    temperature**2.
    """
    return _ce(student_logits, teacher_logits, temperature) / temperature


@misconception("soft_target_loss", "divided by T squared", inputs=_LOGITS)
def divided_by_the_square(student_logits, teacher_logits, temperature=2.0):
    """T^2 is in the denominator, so the gradient shrinks with the fourth power of T.

    Multiply: the factor makes up for what softening takes from the gradient.
    """
    return _ce(student_logits, teacher_logits, temperature) / temperature**4


@misconception("soft_target_loss", "temperature on the teacher only", inputs=_LOGITS)
def only_the_teacher_softened(student_logits, teacher_logits, temperature=2.0):
    """The student has to match soft targets at T = 1, so its own logits would have to become T times too small.

    Divide both logits by the temperature.
    """
    return _ce(student_logits * temperature, teacher_logits, temperature)


@misconception("soft_target_loss", "temperature on the student only", inputs=_LOGITS)
def only_the_student_softened(student_logits, teacher_logits, temperature=2.0):
    """The student is softened, its teacher is not: the student's logits would have to be T times too large.

    Divide both logits by the temperature.
    """
    return _ce(student_logits, teacher_logits * temperature, temperature)


@misconception("soft_target_loss", "multiplied by the temperature", inputs=_LOGITS)
def multiplied_by_temperature(student_logits, teacher_logits, temperature=2.0):
    """The logits are multiplied by T: that sharpens both distributions instead of softening them.

    Divide: logits / temperature.
    """
    return _kl(*_softened(student_logits, teacher_logits, 1 / temperature)).mean() * temperature**2


@misconception("soft_target_loss", "mean over the vocabulary", inputs=_LOGITS)
def mean_over_the_vocabulary(student_logits, teacher_logits, temperature=2.0):
    """The terms are averaged over words as well, so the loss is V times too small: 30,522 times for BERT.

    Sum over the last dimension, mean over positions; in kl_div that is reduction="batchmean", not "mean".
    """
    return _ce(student_logits, teacher_logits, temperature) / student_logits.shape[-1]


@misconception("soft_target_loss", "sum over the positions", inputs=_LOGITS)
def summed_over_positions(student_logits, teacher_logits, temperature=2.0):
    """The divergences are added up, so the loss grows with the number of positions in the batch.

    Sum over words, mean over positions.
    """
    return _kl(*_softened(student_logits, teacher_logits, temperature)).sum() * temperature**2


@misconception("soft_target_loss", "batchmean over sequences", inputs=_DEEP)
def batchmean_of_sequences(student_logits, teacher_logits, temperature=2.0):
    """The reduction "batchmean" divides by the size of the first dimension only: B instead of B L for (B, L, V).

    Flatten the positions into one dimension first: logits.flatten(0, -2).
    """
    log_q, log_p = _softened(student_logits, teacher_logits, temperature)
    return F.kl_div(log_q, log_p.exp(), reduction="batchmean") * temperature**2


@misconception("soft_target_loss", "the teacher's entropy left in", inputs=_LOGITS)
def entropy_left_in(student_logits, teacher_logits, temperature=2.0):
    """This is the cross-entropy: its gradient is right, but it is not 0 even for a perfect student.

    Subtract the teacher's entropy: p (log p - log q), not -p log q.
    """
    log_q, log_p = _softened(student_logits, teacher_logits, temperature)
    return -(log_p.exp() * log_q).sum(-1).mean() * temperature**2


@misconception("soft_target_loss", "probabilities given to kl_div", inputs=_LOGITS)
def probabilities_instead_of_logarithms(student_logits, teacher_logits, temperature=2.0):
    """kl_div expects log-probabilities of the student and got probabilities; it raises no error.

    log_softmax for its first argument.
    """
    log_q, log_p = _softened(_rows(student_logits), _rows(teacher_logits), temperature)
    return F.kl_div(log_q.exp(), log_p.exp(), reduction="batchmean") * temperature**2


# With positive logits too: there kl_div of raw logits would give a number, but this mistake still gives NaN.
@misconception("soft_target_loss", "log target without log_target", inputs=[*_LOGITS, _POSITIVE])
def target_in_logarithms(student_logits, teacher_logits, temperature=2.0):
    """kl_div took the teacher's log-probabilities for probabilities: the logarithm of a negative number is NaN.

    Either softmax for the target, or log_target=True.
    """
    log_q, log_p = _softened(_rows(student_logits), _rows(teacher_logits), temperature)
    return F.kl_div(log_q, log_p, reduction="batchmean") * temperature**2


@misconception("soft_target_loss", "log_target with probabilities", inputs=_LOGITS)
def log_target_of_probabilities(student_logits, teacher_logits, temperature=2.0):
    """With log_target=True kl_div expects log-probabilities as the target, and got probabilities.

    Either log_softmax for the target, or no log_target.
    """
    log_q, log_p = _softened(_rows(student_logits), _rows(teacher_logits), temperature)
    return F.kl_div(log_q, log_p.exp(), reduction="batchmean", log_target=True) * temperature**2


@misconception("soft_target_loss", "softmax twice", inputs=_LOGITS)
def softmax_twice(student_logits, teacher_logits, temperature=2.0):
    """This is the softmax of a softmax: numbers between 0 and 1 are used as logits, and all is nearly uniform.

    log_softmax of the logits / temperature, and nothing before it.
    """
    log_q, log_p = _softened(student_logits, teacher_logits, temperature)
    return _ce(log_q.exp(), log_p.exp(), 1.0) * temperature**2


@misconception("soft_target_loss", "softmax over the positions", inputs=_LOGITS)
def softmax_over_the_positions(student_logits, teacher_logits, temperature=2.0):
    """The probabilities of one word at all positions sum to 1, instead of those of all words at one position.

    dim=-1: the vocabulary is the last dimension.
    """
    return _kl(*_softened(student_logits, teacher_logits, temperature, dim=0)).mean() * temperature**2


@misconception("soft_target_loss", "teacher not detached in L_ce", symptom=_gradient_reaches_the_teacher)
def soft_targets_with_a_learning_teacher(student_logits, teacher_logits, temperature=2.0):
    """A gradient flows to the teacher, which would learn to be like its student.

    teacher_logits.detach().
    """
    log_q, log_p = F.log_softmax(student_logits / temperature, -1), F.log_softmax(teacher_logits / temperature, -1)
    return _kl(log_q, log_p).mean() * temperature**2


_SURE = [(torch.tensor([[0.0, 300.0, 20.0]]), torch.tensor([[2.0, 0.0, 1.0]]), 1.0)]


@misconception("soft_target_loss", "logarithm of a softmax that underflows", inputs=_SURE)
def log_of_an_underflowing_softmax(student_logits, teacher_logits, temperature=2.0):
    """A probability below 1e-45 becomes 0 in fp32, and the logarithm of 0 is minus infinity.

    Use log_softmax(-1) instead of softmax(-1).log(): it subtracts the logarithms before anything can underflow.
    """
    q, p = ((each / temperature).softmax(-1) for each in (student_logits, teacher_logits.detach()))
    return (p * (p.log() - q.log())).sum(-1).mean() * temperature**2


@misconception("soft_target_loss", "a small number added before the logarithm", inputs=_SURE)
def small_number_added(student_logits, teacher_logits, temperature=2.0):
    """With an epsilon in the logarithm a student that is quite wrong has a bounded loss and hardly any gradient.

    log_softmax(-1) needs no epsilon.
    """
    q, p = ((each / temperature).softmax(-1) for each in (student_logits, teacher_logits.detach()))
    return (p * ((p + 1e-8).log() - (q + 1e-8).log())).sum(-1).mean() * temperature**2


@misconception("soft_target_loss", "T squared inside the softmax", inputs=_LOGITS)
def t_squared_inside(student_logits, teacher_logits, temperature=2.0):
    """The logits are divided by T squared, so the targets are much flatter than T makes them.

    Divide the logits by T; T squared only multiplies the loss.
    """
    return _ce(student_logits, teacher_logits, temperature**2) / temperature**2


@misconception("soft_target_loss", "temperature always 2", inputs=_LOGITS)
def temperature_always_two(student_logits, teacher_logits, temperature=2.0):
    """The argument is ignored, and the default is used whatever is passed.

    Use `temperature` in both softmaxes and in the factor.
    """
    return _ce(student_logits, teacher_logits)


@misconception("soft_target_loss", "only the teacher's best word", inputs=_LOGITS)
def only_the_best_word(student_logits, teacher_logits, temperature=2.0):
    """The target is the teacher's most probable word: all that the other probabilities could teach is lost.

    The target is the teacher's whole softened distribution.
    """
    best = _rows(teacher_logits).argmax(-1)
    return F.cross_entropy(_rows(student_logits) / temperature, best) * temperature**2


@misconception("soft_target_loss", "both directions of KL", inputs=_LOGITS)
def both_directions(student_logits, teacher_logits, temperature=2.0):
    """This is the mean of KL(teacher || student) and KL(student || teacher), which is symmetric.

    KL(teacher || student) alone: each difference of logarithms is weighted by the teacher's probability.
    """
    log_q, log_p = _softened(student_logits, teacher_logits, temperature)
    return (_kl(log_q, log_p) + _kl(log_p, log_q)).mean() * temperature**2 / 2


# masked_lm_loss

_LABELLED = [
    (_draw(4, (4, 5))[0], torch.tensor([3, -100, 1, -100])),
    (_draw(5, (2, 3, 6))[0], torch.tensor([[-100, 2, -100], [5, -100, 4]])),
]
_WORD_ZERO = [(_draw(6, (4, 5))[0], torch.tensor([3, 0, 1, 0]))]


def _mlm(logits, labels, **options):
    return F.cross_entropy(_rows(logits), labels.reshape(-1), **options)


@misconception("masked_lm_loss", "mean over all positions", inputs=_LABELLED)
def mean_over_all_positions(logits, labels):
    """Positions without a label are counted with loss 0: with 15 % masked the loss is 7 times too small.

    Divide by the number of labels that are not -100.
    """
    return _mlm(logits, labels, reduction="none").mean()


@misconception("masked_lm_loss", "label 0 ignored", inputs=_WORD_ZERO)
def padding_ignored_instead(logits, labels):
    """Label 0 is ignored, as with ignore_index=0, the id of padding; but 0 can be a real label.

    ignore_index=-100: -100 marks a position without a label.
    """
    return _mlm(logits, labels, ignore_index=0)


@misconception("masked_lm_loss", "-100 read as a word", inputs=_LABELLED)
def no_label_read_as_word_zero(logits, labels):
    """At positions without a label the model has to predict word 0.

    Leave them out: labels != -100.
    """
    return _mlm(logits, labels.clamp(min=0))


@misconception("masked_lm_loss", "softmax before cross_entropy", inputs=_LABELLED)
def softmax_before_cross_entropy(logits, labels):
    """cross_entropy applies the softmax itself; it got probabilities and flattened them once more.

    Pass the logits as they are.
    """
    return _mlm(logits.softmax(-1), labels)


@misconception("masked_lm_loss", "sum over the labels", inputs=_LABELLED)
def summed_over_labels(logits, labels):
    """The losses are added up, so twice the batch is twice the loss.

    Take the mean over the positions with a label.
    """
    return _mlm(logits, labels, reduction="sum")


@misconception("masked_lm_loss", "no softmax", inputs=_LABELLED)
def logit_without_softmax(logits, labels):
    """The right word's logit is used as its log-probability: the loss has no lower limit.

    log_softmax(-1) first.
    """
    rows, wanted = _rows(logits), labels.reshape(-1)
    return -rows[wanted != -100].gather(1, wanted[wanted != -100, None]).mean()


@misconception("masked_lm_loss", "no logarithm", inputs=_LABELLED)
def probability_without_logarithm(logits, labels):
    """This is 1 - P instead of -log P: if the model is very wrong, there is hardly a gradient.

    Take the logarithm of the probability.
    """
    return 1 + logit_without_softmax(logits.softmax(-1), labels)


@misconception("masked_lm_loss", "labels shifted as in GPT", inputs=_LABELLED)
def labels_shifted(logits, labels):
    """Each position is asked for the word after it. A masked LM is asked for the word at the position itself.

    No shift: the label at position i belongs to the logits at position i.
    """
    if labels.dim() == 1:
        return _mlm(logits[:-1], labels[1:])
    return _mlm(logits[:, :-1], labels[:, 1:])


_UNLIKELY = [(torch.tensor([[0.0, 300.0, 20.0]]), torch.tensor([0]))]


@misconception("masked_lm_loss", "logarithm of an underflowing probability", inputs=_UNLIKELY)
def log_of_an_underflowing_probability(logits, labels):
    """The right word's probability becomes 0 in fp32, and its logarithm minus infinity.

    Use cross_entropy or log_softmax on the logits, not softmax(-1).log().
    """
    return F.nll_loss(_rows(logits).softmax(-1).log(), labels.reshape(-1), ignore_index=-100)


@misconception("masked_lm_loss", "mean of the sequences' means", inputs=_LABELLED[1:])
def mean_of_the_sequences_means(logits, labels):
    """Each sequence weighs the same, so a label in a sequence with few labels counts more than others.

    One mean over all labels of the batch.
    """
    rows = zip(logits.reshape(-1, *logits.shape[-2:]), labels.reshape(-1, labels.shape[-1]))
    return torch.stack([_mlm(*row) for row in rows]).mean()


# cosine_loss

_HIDDEN = [tuple(_draw(7, (2, 3, 6), (2, 3, 6))), tuple(_draw(8, (3, 4, 5), (3, 4, 5)))]


def _cosines(student_hidden, teacher_hidden):
    return F.cosine_similarity(student_hidden, teacher_hidden.detach(), dim=-1)


def _with_target(student_hidden, teacher_hidden, target):
    student, teacher = _rows(student_hidden), _rows(teacher_hidden.detach())
    return nn.CosineEmbeddingLoss()(student, teacher, torch.full((len(student),), target))


@misconception("cosine_loss", "cosine minimised", inputs=_HIDDEN)
def likeness_minimised(student_hidden, teacher_hidden):
    """The loss is the cosine itself: it is smallest when the student points in the opposite direction.

    1 - cosine.
    """
    return _cosines(student_hidden, teacher_hidden).mean()


@misconception("cosine_loss", "minus cosine without the 1", inputs=_HIDDEN)
def sign_only(student_hidden, teacher_hidden):
    """The gradient is right, but the loss is between -1 and 1, and not 0 for equal directions.

    1 - cosine.
    """
    return -_cosines(student_hidden, teacher_hidden).mean()


@misconception("cosine_loss", "cosine target -1", inputs=_HIDDEN)
def target_minus_one(student_hidden, teacher_hidden):
    """With target -1 CosineEmbeddingLoss pushes the two apart, and is 0 once their cosine is negative.

    Target 1 for pairs that should be similar.
    """
    return _with_target(student_hidden, teacher_hidden, -1.0)


@misconception("cosine_loss", "cosine target 0", inputs=_HIDDEN)
def target_zero(student_hidden, teacher_hidden):
    """CosineEmbeddingLoss knows the targets 1 and -1; with 0 its loss is 0 for all vectors.

    Target 1 for pairs that should be similar.
    """
    return _with_target(student_hidden, teacher_hidden, 0.0)


@misconception("cosine_loss", "lengths left in the cosine", inputs=_HIDDEN)
def lengths_left_in(student_hidden, teacher_hidden):
    """A dot product is not a cosine: with longer vectors the student can reduce its loss without limit.

    Divide by both lengths, or use cosine_similarity.
    """
    return (1 - (student_hidden * teacher_hidden.detach()).sum(-1)).mean()


@misconception("cosine_loss", "cosine over the tokens", inputs=_HIDDEN)
def default_dimension(student_hidden, teacher_hidden):
    """The default dimension of cosine_similarity is 1: in (B, L, D) states those are the tokens.

    dim=-1.
    """
    return (1 - F.cosine_similarity(student_hidden, teacher_hidden.detach())).mean()


@misconception("cosine_loss", "one cosine for the whole batch", inputs=_HIDDEN)
def one_cosine_for_the_batch(student_hidden, teacher_hidden):
    """All hidden states are joined into one vector, in which long states count more than short ones.

    One cosine for each position, then the mean.
    """
    return 1 - _cosines(student_hidden.flatten(), teacher_hidden.flatten())


@misconception("cosine_loss", "cosines summed", inputs=_HIDDEN)
def cosines_summed(student_hidden, teacher_hidden):
    """The losses of the positions are added up, so the loss grows with the batch.

    mean(), not sum().
    """
    return (1 - _cosines(student_hidden, teacher_hidden)).sum()


@misconception("cosine_loss", "teacher not detached in L_cos", symptom=_gradient_reaches_the_teacher)
def cosine_with_a_learning_teacher(student_hidden, teacher_hidden):
    """A gradient flows to the teacher, which would learn to be like its student.

    teacher_hidden.detach().
    """
    return (1 - F.cosine_similarity(student_hidden, teacher_hidden, dim=-1)).mean()


@misconception("cosine_loss", "squared distance of the unit vectors", inputs=_HIDDEN)
def distance_of_unit_vectors(student_hidden, teacher_hidden):
    """The squared distance of two vectors of length 1 is 2 - 2 cos, twice the loss.

    1 minus the cosine similarity.
    """
    unit = [F.normalize(each, dim=-1) for each in (student_hidden, teacher_hidden.detach())]
    return (unit[0] - unit[1]).square().sum(-1).mean()


@misconception("cosine_loss", "absolute value of the cosine", inputs=_HIDDEN)
def absolute_cosine(student_hidden, teacher_hidden):
    """Vectors in opposite directions have loss 0, although nothing could be farther apart.

    Use the cosine with its sign.
    """
    return (1 - _cosines(student_hidden, teacher_hidden).abs()).mean()


# logits_mse_loss

_SQUARES = [each[:2] for each in _DEEP]


def _mse(student_logits, teacher_logits):
    return (student_logits - teacher_logits.detach()).square().sum(-1).mean()


@misconception("logits_mse_loss", "squares averaged over the words", inputs=_SQUARES)
def squares_averaged_over_words(student_logits, teacher_logits):
    """The mean goes over words as well as positions: the result is V times smaller than in the official script.

    sum(-1) over the vocabulary, then mean over the positions.
    """
    return F.mse_loss(student_logits, teacher_logits.detach())


@misconception("logits_mse_loss", "squares summed over everything", inputs=_SQUARES)
def squares_summed_over_everything(student_logits, teacher_logits):
    """The sum goes over the positions too, so the loss grows with the batch.

    Divide by the number of positions.
    """
    return F.mse_loss(student_logits, teacher_logits.detach(), reduction="sum")


@misconception("logits_mse_loss", "squares divided by the sequences", inputs=_SQUARES)
def squares_divided_by_sequences(student_logits, teacher_logits):
    """With (B, L, V) logits the sum is divided by B; there are B L positions.

    sum(-1).mean(): the mean then goes over all positions.
    """
    return squares_summed_over_everything(student_logits, teacher_logits) / len(student_logits)


@misconception("logits_mse_loss", "squares of probabilities", inputs=_SQUARES)
def squares_of_probabilities(student_logits, teacher_logits):
    """Probabilities are compared; this loss compares the logits themselves.

    No softmax.
    """
    return _mse(student_logits.softmax(-1), teacher_logits.softmax(-1))


@misconception("logits_mse_loss", "root of the squares", inputs=_SQUARES)
def root_of_the_squares(student_logits, teacher_logits):
    """This is the distance of the logits, not its square.

    square().sum(-1), without a root.
    """
    return (student_logits - teacher_logits.detach()).norm(dim=-1).mean()


@misconception("logits_mse_loss", "half the squares", inputs=_SQUARES)
def half_the_squares(student_logits, teacher_logits):
    """The sum is multiplied by one half, as in textbooks where the derivative should be simple.

    The official loss is the plain sum of squares.
    """
    return _mse(student_logits, teacher_logits) / 2


@misconception("logits_mse_loss", "absolute differences", inputs=_SQUARES)
def absolute_differences(student_logits, teacher_logits):
    """The absolute differences are added up, not their squares.

    .square() before the sum.
    """
    return (student_logits - teacher_logits.detach()).abs().sum(-1).mean()


@misconception("logits_mse_loss", "teacher not detached in L_mse", symptom=_gradient_reaches_the_teacher)
def squares_with_a_learning_teacher(student_logits, teacher_logits):
    """A gradient flows to the teacher, which would learn to be like its student.

    teacher_logits.detach().
    """
    return (student_logits - teacher_logits).square().sum(-1).mean()


# distillation_loss

_student, _teacher, _states, _target_states = _draw(10, (4, 6), (4, 6), (5, 3), (5, 3))
_BATCH = (_student, _teacher, torch.tensor([2, -100, 5, -100]), _states, _target_states)
_SETTINGS = [(3.0, 5.0, 2.0, 1.0, 0.0), (1.5, 0.5, 0.25, 2.0, 0.1)]


def _distil(
    student_logits, teacher_logits, labels, student_hidden, teacher_hidden,
    temperature=2.0, alpha_ce=5.0, alpha_mlm=2.0, alpha_cos=1.0, alpha_mse=0.0,
    ce=_ce, combine=lambda alphas, terms: sum(alpha * term for alpha, term in zip(alphas, terms)), always_cos=False,
):  # fmt: skip
    terms = [
        ce(student_logits, teacher_logits, temperature),
        _mlm(student_logits, labels),
        (1 - _cosines(student_hidden, teacher_hidden)).mean() if alpha_cos or always_cos else None,
        _mse(student_logits, teacher_logits) if alpha_mse else None,
    ]
    alphas = [alpha_ce, alpha_mlm, alpha_cos, alpha_mse]
    there = [index for index in range(4) if terms[index] is not None]
    total = combine([alphas[index] for index in there], [terms[index] for index in there])
    return DistillationLoss(total, *terms)


def _same_terms(wrong):
    """A symptom: total and terms are those of the wrong implementation."""

    def numbers(function, settings):
        loss = function(*copy.deepcopy(_BATCH), *settings)
        values = (loss.total, loss.ce, loss.mlm, loss.cos, loss.mse)
        return torch.tensor([torch.nan if value is None else float(value) for value in values])

    def shows(function):
        pairs = [(numbers(function, settings), numbers(wrong, settings)) for settings in _SETTINGS]
        return all(torch.allclose(one, other, atol=1e-4, equal_nan=True) for one, other in pairs)

    return shows


def _fails_with_other_widths(function):
    function(*copy.deepcopy(_BATCH))  # it works with the same width
    try:
        function(*copy.deepcopy(_BATCH[:4]), torch.ones(5, 8), alpha_cos=0.0)
    except (RuntimeError, ValueError):
        return True
    return False


@misconception("distillation_loss", "weights forgotten", symptom_of=_same_terms)
def weights_forgotten(*args, **named):
    """The terms are added up as they are.

    Each term times its alpha.
    """
    return _distil(*args, **named, combine=lambda alphas, terms: sum(terms))


@misconception("distillation_loss", "weights made to sum to 1", symptom_of=_same_terms)
def weights_made_to_sum_to_one(*args, **named):
    """The total is divided by the sum of the alphas; the official one is not.

    A plain weighted sum.
    """

    def mean(alphas, terms):
        return sum(alpha * term for alpha, term in zip(alphas, terms)) / sum(alphas)

    return _distil(*args, **named, combine=mean)


@misconception("distillation_loss", "temperature not passed on", symptom_of=_same_terms)
def temperature_not_passed_on(*args, **named):
    """L_ce always has temperature 2; the argument is ignored.

    soft_target_loss(student_logits, teacher_logits, temperature).
    """
    return _distil(*args, **named, ce=lambda student, teacher, temperature: _ce(student, teacher))


@misconception("distillation_loss", "student and teacher swapped", symptom_of=_same_terms)
def student_and_teacher_swapped(*args, **named):
    """L_ce gets the teacher's logits as the student's: the wrong direction, and no gradient for the student.

    The student comes first in every loss.
    """
    return _distil(*args, **named, ce=lambda student, teacher, temperature: _ce(teacher, student, temperature))


@misconception("distillation_loss", "L_mse left out of the sum", symptom_of=_same_terms)
def squares_left_out(*args, **named):
    """L_mse is computed, but alpha_mse has no effect on the total.

    total + alpha_mse * mse, if alpha_mse is above 0.
    """

    def first_three(alphas, terms):
        return sum(alpha * term for alpha, term in zip(alphas[:3], terms[:3]))

    return _distil(*args, **named, combine=first_three)


@misconception("distillation_loss", "terms returned weighted", symptom_of=_same_terms)
def terms_returned_weighted(
    student_logits, teacher_logits, labels, student_hidden, teacher_hidden,
    temperature=2.0, alpha_ce=5.0, alpha_mlm=2.0, alpha_cos=1.0, alpha_mse=0.0,
):  # fmt: skip
    """The terms are returned multiplied by their alphas, so runs with different alphas cannot be compared.

    Only the total is weighted.
    """
    inputs = (student_logits, teacher_logits, labels, student_hidden, teacher_hidden, temperature)
    alphas = (alpha_ce, alpha_mlm, alpha_cos, alpha_mse)
    loss = _distil(*inputs, *alphas)
    terms = (loss.ce, loss.mlm, loss.cos, loss.mse)
    weighted = [None if term is None else alpha * term for alpha, term in zip(alphas, terms)]
    return DistillationLoss(loss.total, *weighted)


@misconception("distillation_loss", "L_cos computed at weight 0", symptom=_fails_with_other_widths)
def cosine_computed_anyway(*args, **named):
    """L_cos is computed although its weight is 0, and fails if student and teacher differ in width.

    cos = cosine_loss(…) if alpha_cos else None.
    """
    return _distil(*args, **named, always_cos=True)


@misconception("distillation_loss", "weights of L_mlm and L_cos exchanged", symptom_of=_same_terms)
def weights_exchanged(
    student_logits, teacher_logits, labels, student_hidden, teacher_hidden,
    temperature=2.0, alpha_ce=5.0, alpha_mlm=2.0, alpha_cos=1.0, alpha_mse=0.0,
):  # fmt: skip
    """L_mlm is multiplied by alpha_cos, and L_cos by alpha_mlm.

    Each alpha has the name of its loss.
    """
    inputs = (student_logits, teacher_logits, labels, student_hidden, teacher_hidden, temperature)
    loss = _distil(*inputs, alpha_ce, alpha_mlm, alpha_cos, alpha_mse)
    difference = loss.mlm - (0 if loss.cos is None else loss.cos)
    return replace(loss, total=loss.total + (alpha_cos - alpha_mlm) * difference)


@misconception("distillation_loss", "T squared once more", symptom_of=_same_terms)
def t_squared_once_more(*args, **named):
    """L_ce is multiplied by T squared again, although soft_target_loss has that factor already.

    Only alpha_ce multiplies it here.
    """
    return _distil(*args, **named, ce=lambda student, teacher, t: t**2 * _ce(student, teacher, t))


def _student_learns_nothing_from_cos(function):
    """Whether L_cos sends its gradient to the teacher's hidden states, and the student gets none."""
    student, teacher = (each.clone().requires_grad_() for each in _BATCH[3:])
    loss = function(*copy.deepcopy(_BATCH[:3]), student, teacher)
    to_student, to_teacher = torch.autograd.grad(loss.total, (student, teacher), allow_unused=True)
    return to_student is None and to_teacher is not None


@misconception("distillation_loss", "hidden states exchanged in L_cos", symptom=_student_learns_nothing_from_cos)
def hidden_states_exchanged(*args, **named):
    """The value of L_cos is right, but the student's states are the ones that get no gradient.

    cosine_loss(student_hidden, teacher_hidden): the student comes first in every loss.
    """
    *logits, student_hidden, teacher_hidden = args[:5]
    return _distil(*logits, teacher_hidden, student_hidden, *args[5:], **named)


# true_distribution


def _language():
    generator = torch.Generator().manual_seed(11)
    start, transition, words = (torch.rand(size, generator=generator).double() for size in ((2,), (2, 2), (2, 3)))
    emission = torch.cat([torch.zeros(2, 2).double(), words / words.sum(-1, keepdim=True)], 1)
    names = ("[PAD]", "[MASK]", "a", "b", "c")
    return Language(names, start / start.sum(), transition / transition.sum(-1, keepdim=True), emission)


_TEXTS = [(_language(), torch.tensor([[2, 4, 3, 2], [3, 3, 4, 2]]), torch.tensor([[1, 0, 1, 1], [1, 1, 0, 1]]).bool())]


def _truth(
    language, word_ids, known, own_word=False, look_back=True, look_ahead=True, back=None, normalise=True, unknown=1.0
):
    evidence = torch.where(known[..., None], language.emission.T[word_ids], unknown)
    back = language.transition.T if back is None else back
    length = word_ids.shape[1]
    before = [language.start.expand(len(word_ids), -1)]
    after = [torch.ones_like(before[0])]
    for place in range(length - 1):
        step = before[-1] * evidence[:, place] if look_back else before[-1]
        before.append(step @ language.transition / step.sum(-1, keepdim=True))
    for place in range(length - 1, 0, -1):
        step = after[-1] * evidence[:, place] if look_ahead else after[-1]
        after.append(step @ back / step.sum(-1, keepdim=True))
    states = torch.stack(before, 1) * torch.stack(after[::-1], 1) * (evidence if own_word else 1)
    return (states / states.sum(-1, keepdim=True) if normalise else states) @ language.emission


@misconception("true_distribution", "words before only", inputs=_TEXTS)
def words_before_only(language, word_ids, known):
    """Only the words to the left are used, as in a model that reads from left to right.

    Do a second pass from the end: after = (after * evidence) @ transition.T.
    """
    return _truth(language, word_ids, known, look_ahead=False)


@misconception("true_distribution", "words after only", inputs=_TEXTS)
def words_after_only(language, word_ids, known):
    """The words to the left have no effect: the states are passed on without their evidence.

    before = (before * evidence) @ transition.
    """
    return _truth(language, word_ids, known, look_back=False)


@misconception("true_distribution", "own word counted", inputs=_TEXTS)
def own_word_counted(language, word_ids, known):
    """The word at a place is used to predict that very place.

    Multiply before and after, without the place's own evidence.
    """
    return _truth(language, word_ids, known, own_word=True)


@misconception("true_distribution", "masked words used", inputs=_TEXTS)
def masked_words_used(language, word_ids, known):
    """The words behind the masks are used for the other places, although they are not known.

    Where known is False, the evidence is 1 for every state.
    """
    return _truth(language, word_ids, torch.ones_like(known))


@misconception("true_distribution", "transition not transposed", inputs=_TEXTS)
def transition_not_transposed(language, word_ids, known):
    """The pass from the end uses the transitions in the forward direction.

    Going back, a state sums over the states that may follow it: @ transition.T.
    """
    return _truth(language, word_ids, known, back=language.transition)


@misconception("true_distribution", "states not normalised", inputs=_TEXTS)
def states_not_normalised(language, word_ids, known):
    """before times after is no distribution over the states yet, so the words' probabilities do not sum to 1.

    Divide by the sum over the states.
    """
    return _truth(language, word_ids, known, normalise=False)


@misconception("true_distribution", "masked words impossible", inputs=_TEXTS)
def masked_words_impossible(language, word_ids, known):
    """At a masked word every state gets the evidence 0, so that nothing is possible, and 0 / 0 is NaN.

    Where a word is not known, the evidence is 1 for every state: it excludes none.
    """
    return _truth(language, word_ids, known, unknown=0.0)


@misconception("true_distribution", "every state equally likely at the start", inputs=_TEXTS)
def start_forgotten(language, word_ids, known):
    """The first word's states all have the same probability; the language says which ones a text begins with.

    Begin the pass with language.start.
    """
    even = torch.full_like(language.start, 1 / len(language.start))
    return _truth(Language(language.words, even, language.transition, language.emission), word_ids, known)


@misconception("true_distribution", "transposed on the way forward", inputs=_TEXTS)
def transposed_on_the_way_forward(language, word_ids, known):
    """The pass from the start uses the transitions backwards.

    Going forward, @ transition: its rows are the states before, its columns the states after.
    """
    back = language.transition.T
    turned = Language(language.words, language.start, back, language.emission)
    return _truth(turned, word_ids, known, back=back)
