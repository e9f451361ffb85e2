"""Chapter 6: wrong losses that people really write, each with inputs on which it shows."""

import torch
from torch import nn
from torch.nn import functional as F

from minidistil.ch06_losses.losses import DistillationLoss
from minidistil.ch06_losses.toy_language import Language
from minidistil.course.misconceptions import Misconception


def _rows(logits):
    return logits.reshape(-1, logits.shape[-1])


def _kl(student_logits, teacher_logits, student_t, teacher_t=None):
    log_q = F.log_softmax(student_logits / student_t, dim=-1)
    log_p = F.log_softmax(teacher_logits.detach() / (student_t if teacher_t is None else teacher_t), dim=-1)
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def _ce(student_logits, teacher_logits, temperature=2.0):
    return _kl(student_logits, teacher_logits, temperature).mean() * temperature**2


def arguments_swapped(student_logits, teacher_logits, temperature=2.0):
    log_q = F.log_softmax(student_logits / temperature, dim=-1)
    log_p = F.log_softmax(teacher_logits.detach() / temperature, dim=-1)
    return (log_q.exp() * (log_q - log_p)).sum(-1).mean() * temperature**2


def square_forgotten(student_logits, teacher_logits, temperature=2.0):
    return _kl(student_logits, teacher_logits, temperature).mean()


def once_instead_of_squared(student_logits, teacher_logits, temperature=2.0):
    return _kl(student_logits, teacher_logits, temperature).mean() * temperature


def divided_by_the_square(student_logits, teacher_logits, temperature=2.0):
    return _kl(student_logits, teacher_logits, temperature).mean() / temperature**2


def only_the_teacher_softened(student_logits, teacher_logits, temperature=2.0):
    return _kl(student_logits, teacher_logits, 1.0, temperature).mean() * temperature**2


def only_the_student_softened(student_logits, teacher_logits, temperature=2.0):
    return _kl(student_logits, teacher_logits, temperature, 1.0).mean() * temperature**2


def multiplied_by_temperature(student_logits, teacher_logits, temperature=2.0):
    return _kl(student_logits, teacher_logits, 1 / temperature).mean() * temperature**2


def mean_over_the_vocabulary(student_logits, teacher_logits, temperature=2.0):
    log_q = F.log_softmax(student_logits / temperature, dim=-1)
    p = F.softmax(teacher_logits.detach() / temperature, dim=-1)
    return (p * (p.log() - log_q)).mean() * temperature**2


def summed_over_positions(student_logits, teacher_logits, temperature=2.0):
    return _kl(student_logits, teacher_logits, temperature).sum() * temperature**2


def batchmean_of_sequences(student_logits, teacher_logits, temperature=2.0):
    log_q = F.log_softmax(student_logits / temperature, dim=-1)
    p = F.softmax(teacher_logits.detach() / temperature, dim=-1)
    return F.kl_div(log_q, p, reduction="batchmean") * temperature**2


def entropy_left_in(student_logits, teacher_logits, temperature=2.0):
    log_q = F.log_softmax(student_logits / temperature, dim=-1)
    p = F.softmax(teacher_logits.detach() / temperature, dim=-1)
    return -(p * log_q).sum(-1).mean() * temperature**2


def probabilities_instead_of_logarithms(student_logits, teacher_logits, temperature=2.0):
    q = F.softmax(_rows(student_logits) / temperature, dim=-1)
    p = F.softmax(_rows(teacher_logits.detach()) / temperature, dim=-1)
    return F.kl_div(q, p, reduction="batchmean") * temperature**2


def target_in_logarithms(student_logits, teacher_logits, temperature=2.0):
    log_q = F.log_softmax(_rows(student_logits) / temperature, dim=-1)
    log_p = F.log_softmax(_rows(teacher_logits.detach()) / temperature, dim=-1)
    return F.kl_div(log_q, log_p, reduction="batchmean") * temperature**2


def log_target_of_probabilities(student_logits, teacher_logits, temperature=2.0):
    log_q = F.log_softmax(_rows(student_logits) / temperature, dim=-1)
    p = F.softmax(_rows(teacher_logits.detach()) / temperature, dim=-1)
    return F.kl_div(log_q, p, reduction="batchmean", log_target=True) * temperature**2


def softmax_twice(student_logits, teacher_logits, temperature=2.0):
    q = F.softmax(student_logits / temperature, dim=-1)
    p = F.softmax(teacher_logits.detach() / temperature, dim=-1)
    log_q, log_p = F.log_softmax(q, dim=-1), F.log_softmax(p, dim=-1)
    return (log_p.exp() * (log_p - log_q)).sum(-1).mean() * temperature**2


def softmax_over_the_positions(student_logits, teacher_logits, temperature=2.0):
    log_q = F.log_softmax(student_logits / temperature, dim=0)
    log_p = F.log_softmax(teacher_logits.detach() / temperature, dim=0)
    return (log_p.exp() * (log_p - log_q)).sum(-1).mean() * temperature**2


def soft_targets_with_a_learning_teacher(student_logits, teacher_logits, temperature=2.0):
    log_q = F.log_softmax(student_logits / temperature, dim=-1)
    log_p = F.log_softmax(teacher_logits / temperature, dim=-1)
    return (log_p.exp() * (log_p - log_q)).sum(-1).mean() * temperature**2


def _mlm(logits, labels):
    return F.cross_entropy(_rows(logits), labels.reshape(-1), ignore_index=-100)


def mean_over_all_positions(logits, labels):
    losses = F.cross_entropy(_rows(logits), labels.reshape(-1), ignore_index=-100, reduction="none")
    return losses.mean()


def padding_ignored_instead(logits, labels):
    return F.cross_entropy(_rows(logits), labels.reshape(-1), ignore_index=0)


def no_label_read_as_word_zero(logits, labels):
    return F.cross_entropy(_rows(logits), labels.reshape(-1).clamp(min=0))


def softmax_before_cross_entropy(logits, labels):
    return F.cross_entropy(_rows(logits).softmax(-1), labels.reshape(-1), ignore_index=-100)


def summed_over_labels(logits, labels):
    return F.cross_entropy(_rows(logits), labels.reshape(-1), ignore_index=-100, reduction="sum")


def logit_without_softmax(logits, labels):
    rows, wanted = _rows(logits), labels.reshape(-1)
    return -rows[wanted != -100].gather(1, wanted[wanted != -100, None]).mean()


def probability_without_logarithm(logits, labels):
    rows, wanted = _rows(logits).softmax(-1), labels.reshape(-1)
    return 1 - rows[wanted != -100].gather(1, wanted[wanted != -100, None]).mean()


def _cos(student_hidden, teacher_hidden):
    return (1 - F.cosine_similarity(student_hidden, teacher_hidden.detach(), dim=-1)).mean()


def likeness_minimised(student_hidden, teacher_hidden):
    return F.cosine_similarity(student_hidden, teacher_hidden.detach(), dim=-1).mean()


def sign_only(student_hidden, teacher_hidden):
    return -F.cosine_similarity(student_hidden, teacher_hidden.detach(), dim=-1).mean()


def target_minus_one(student_hidden, teacher_hidden):
    s, t = _rows(student_hidden), _rows(teacher_hidden.detach())
    return nn.CosineEmbeddingLoss()(s, t, -torch.ones(len(s)))


def target_zero(student_hidden, teacher_hidden):
    s, t = _rows(student_hidden), _rows(teacher_hidden.detach())
    return nn.CosineEmbeddingLoss()(s, t, torch.zeros(len(s)))


def lengths_left_in(student_hidden, teacher_hidden):
    return (1 - (student_hidden * teacher_hidden.detach()).sum(-1)).mean()


def default_dimension(student_hidden, teacher_hidden):
    return (1 - F.cosine_similarity(student_hidden, teacher_hidden.detach())).mean()


def one_cosine_for_the_batch(student_hidden, teacher_hidden):
    return 1 - F.cosine_similarity(student_hidden.flatten(), teacher_hidden.detach().flatten(), dim=0)


def cosines_summed(student_hidden, teacher_hidden):
    return (1 - F.cosine_similarity(student_hidden, teacher_hidden.detach(), dim=-1)).sum()


def cosine_with_a_learning_teacher(student_hidden, teacher_hidden):
    return (1 - F.cosine_similarity(student_hidden, teacher_hidden, dim=-1)).mean()


def _mse(student_logits, teacher_logits):
    return (student_logits - teacher_logits.detach()).square().sum(-1).mean()


def squares_averaged_over_words(student_logits, teacher_logits):
    return F.mse_loss(student_logits, teacher_logits.detach())


def squares_summed_over_everything(student_logits, teacher_logits):
    return F.mse_loss(student_logits, teacher_logits.detach(), reduction="sum")


def squares_divided_by_sequences(student_logits, teacher_logits):
    return F.mse_loss(student_logits, teacher_logits.detach(), reduction="sum") / len(student_logits)


def squares_of_probabilities(student_logits, teacher_logits):
    return (student_logits.softmax(-1) - teacher_logits.detach().softmax(-1)).square().sum(-1).mean()


def root_of_the_squares(student_logits, teacher_logits):
    return (student_logits - teacher_logits.detach()).norm(dim=-1).mean()


def _distil(
    student_logits,
    teacher_logits,
    labels,
    student_hidden,
    teacher_hidden,
    temperature=2.0,
    alpha_ce=5.0,
    alpha_mlm=2.0,
    alpha_cos=1.0,
    alpha_mse=0.0,
    ce=_ce,
    combine=lambda alphas, terms: sum(alpha * term for alpha, term in zip(alphas, terms)),
    always_cos=False,
):
    terms = [
        ce(student_logits, teacher_logits, temperature),
        _mlm(student_logits, labels),
        _cos(student_hidden, teacher_hidden) if alpha_cos or always_cos else None,
        _mse(student_logits, teacher_logits) if alpha_mse else None,
    ]
    alphas = [alpha_ce, alpha_mlm, alpha_cos, alpha_mse]
    there = [index for index in range(4) if terms[index] is not None]
    total = combine([alphas[index] for index in there], [terms[index] for index in there])
    return DistillationLoss(total, *terms)


def weights_forgotten(*args, **named):
    return _distil(*args, **named, combine=lambda alphas, terms: sum(terms))


def weights_made_to_sum_to_one(*args, **named):
    def mean(alphas, terms):
        return sum(alpha * term for alpha, term in zip(alphas, terms)) / sum(alphas)

    return _distil(*args, **named, combine=mean)


def temperature_not_handed_on(*args, **named):
    return _distil(*args, **named, ce=lambda student, teacher, temperature: _ce(student, teacher))


def student_and_teacher_swapped(*args, **named):
    return _distil(*args, **named, ce=lambda student, teacher, temperature: _ce(teacher, student, temperature))


def squares_left_out(*args, **named):
    return _distil(
        *args, **named, combine=lambda alphas, terms: sum(a * term for a, term in zip(alphas[:3], terms[:3]))
    )


def terms_returned_weighted(
    student_logits,
    teacher_logits,
    labels,
    student_hidden,
    teacher_hidden,
    temperature=2.0,
    alpha_ce=5.0,
    alpha_mlm=2.0,
    alpha_cos=1.0,
    alpha_mse=0.0,
):
    inputs = (student_logits, teacher_logits, labels, student_hidden, teacher_hidden, temperature)
    alphas = (alpha_ce, alpha_mlm, alpha_cos, alpha_mse)
    loss = _distil(*inputs, *alphas)
    terms = (loss.ce, loss.mlm, loss.cos, loss.mse)
    weighted = [None if term is None else alpha * term for alpha, term in zip(alphas, terms)]
    return DistillationLoss(loss.total, *weighted)


def cosine_computed_anyway(*args, **named):
    return _distil(*args, **named, always_cos=True)


def _truth(language, word_ids, known, own_word=False, look_back=True, look_ahead=True, back=None, normed=True):
    evidence = torch.where(known[..., None], language.emission.T[word_ids], 1.0)
    back = language.transition.T if back is None else back
    length = word_ids.shape[1]
    before, after = [language.start.expand(len(word_ids), -1)], [torch.ones(len(word_ids), len(language.start))]
    after[0] = after[0].double()
    for place in range(length - 1):
        step = before[-1] * evidence[:, place] if look_back else before[-1]
        before.append(step @ language.transition / step.sum(-1, keepdim=True))
    for place in range(length - 1, 0, -1):
        step = after[-1] * evidence[:, place] if look_ahead else after[-1]
        after.append(step @ back / step.sum(-1, keepdim=True))
    states = torch.stack(before, 1) * torch.stack(after[::-1], 1) * (evidence if own_word else 1)
    return (states / states.sum(-1, keepdim=True) if normed else states) @ language.emission


def words_before_only(language, word_ids, known):
    return _truth(language, word_ids, known, look_ahead=False)


def words_after_only(language, word_ids, known):
    return _truth(language, word_ids, known, look_back=False)


def own_word_counted(language, word_ids, known):
    return _truth(language, word_ids, known, own_word=True)


def holes_taken_for_words(language, word_ids, known):
    return _truth(language, word_ids, torch.ones_like(known))


def transition_not_turned_round(language, word_ids, known):
    return _truth(language, word_ids, known, back=language.transition)


def states_not_normed(language, word_ids, known):
    return _truth(language, word_ids, known, normed=False)


def _draw(seed, *shapes):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, generator=generator) * 2 for shape in shapes]


PLAIN = [(*_draw(0, (5, 7), (5, 7)), 3.0), (*_draw(1, (4, 3), (4, 3)), 1.5)]
DEEP = [(*_draw(2, (2, 3, 7), (2, 3, 7)), 3.0), (*_draw(3, (3, 2, 5), (3, 2, 5)), 1.5)]
LOGITS = [PLAIN[0], DEEP[0]]
LABELLED = [
    (_draw(4, (4, 5))[0], torch.tensor([3, -100, 1, -100])),
    (_draw(5, (2, 3, 6))[0], torch.tensor([[-100, 2, -100], [5, -100, 4]])),
]
ZEROS = [(_draw(6, (4, 5))[0], torch.tensor([3, 0, 1, 0]))]
HIDDEN = [tuple(_draw(7, (2, 3, 6), (2, 3, 6))), tuple(_draw(8, (3, 4, 5), (3, 4, 5)))]
SQUARES = [each[:2] for each in DEEP]


def _gradient_reaches_the_teacher(function):
    student, teacher = (each.requires_grad_() for each in _draw(9, (3, 4), (3, 4)))
    loss = function(student, teacher)
    return torch.autograd.grad(loss, teacher, allow_unused=True)[0] is not None


_student, _teacher, _hidden, _aim = _draw(10, (4, 6), (4, 6), (5, 3), (5, 3))
BATCH = (_student, _teacher, torch.tensor([2, -100, 5, -100]), _hidden, _aim)
SETTINGS = [(3.0, 5.0, 2.0, 1.0, 0.0), (1.5, 0.5, 0.25, 2.0, 0.1)]


def _numbers(loss):
    values = (loss.total, loss.ce, loss.mlm, loss.cos, loss.mse)
    return [torch.nan if value is None else float(value) for value in values]


def _does_as(wrong):
    def shows(function):
        return all(
            torch.allclose(
                torch.tensor(_numbers(function(*BATCH, *settings))),
                torch.tensor(_numbers(wrong(*BATCH, *settings))),
                atol=1e-4,
                equal_nan=True,
            )
            for settings in SETTINGS
        )

    return shows


def _stumbles_over_widths(function):
    function(*BATCH)  # it does work where the widths agree
    try:
        function(*BATCH[:4], torch.ones(5, 8), alpha_cos=0.0)
    except (RuntimeError, ValueError):
        return True
    return False


def _language():
    generator = torch.Generator().manual_seed(11)
    start, transition, words = (torch.rand(size, generator=generator).double() for size in ((2,), (2, 2), (2, 3)))
    emission = torch.cat([torch.zeros(2, 2).double(), words / words.sum(-1, keepdim=True)], 1)
    names = ("[PAD]", "[MASK]", "a", "b", "c")
    return Language(names, start / start.sum(), transition / transition.sum(-1, keepdim=True), emission)


TEXTS = [(_language(), torch.tensor([[2, 4, 3, 2], [3, 3, 4, 2]]), torch.tensor([[1, 0, 1, 1], [1, 1, 0, 1]]).bool())]

MISCONCEPTIONS = [
    Misconception(
        name="KL arguments swapped",
        exercise="soft_target_loss",
        what="This is KL(student || teacher): it lets the student ignore words that the teacher thinks possible.",
        look="The teacher's probabilities are the weights: p (log p - log q), with p the teacher.",
        wrong=arguments_swapped,
        inputs=LOGITS,
    ),
    Misconception(
        name="T squared forgotten",
        exercise="soft_target_loss",
        what="Without T^2 the gradient shrinks as the temperature rises, and L_ce fades beside the other losses.",
        look="Multiply the divergence by temperature**2.",
        wrong=square_forgotten,
        inputs=LOGITS,
    ),
    Misconception(
        name="T instead of T squared",
        exercise="soft_target_loss",
        what="The divergence is multiplied by T once; the softening costs the gradient two factors of T.",
        look="temperature**2.",
        wrong=once_instead_of_squared,
        inputs=LOGITS,
    ),
    Misconception(
        name="divided by T squared",
        exercise="soft_target_loss",
        what="T^2 is in the denominator, so the gradient shrinks with the fourth power of T.",
        look="Multiply: the factor is to make up for what the softening took.",
        wrong=divided_by_the_square,
        inputs=LOGITS,
    ),
    Misconception(
        name="temperature on the teacher only",
        exercise="soft_target_loss",
        what="The student is asked to be soft at T = 1, so its own logits would have to become T times too small.",
        look="Divide both logits by the temperature.",
        wrong=only_the_teacher_softened,
        inputs=LOGITS,
    ),
    Misconception(
        name="temperature on the student only",
        exercise="soft_target_loss",
        what="The student is softened, its teacher is not: the student's logits would have to be T times too large.",
        look="Divide both logits by the temperature.",
        wrong=only_the_student_softened,
        inputs=LOGITS,
    ),
    Misconception(
        name="multiplied by the temperature",
        exercise="soft_target_loss",
        what="The logits are multiplied by T: that sharpens both distributions instead of softening them.",
        look="Divide: logits / temperature.",
        wrong=multiplied_by_temperature,
        inputs=LOGITS,
    ),
    Misconception(
        name="mean over the vocabulary",
        exercise="soft_target_loss",
        what="The terms are averaged over words as well, so the loss is V times too small: 30,522 times for BERT.",
        look='Sum over the last dimension, mean over positions; in kl_div that is reduction="batchmean", not "mean".',
        wrong=mean_over_the_vocabulary,
        inputs=LOGITS,
    ),
    Misconception(
        name="sum over the positions",
        exercise="soft_target_loss",
        what="The divergences are added up, so the loss grows with the length of the batch.",
        look="Sum over words, mean over positions.",
        wrong=summed_over_positions,
        inputs=LOGITS,
    ),
    Misconception(
        name="batchmean over sequences",
        exercise="soft_target_loss",
        what='"batchmean" divides by the first dimension only: of (B, L, V) logits by B, which is L times too much.',
        look="Melt the positions into one dimension first: logits.flatten(0, -2).",
        wrong=batchmean_of_sequences,
        inputs=DEEP,
    ),
    Misconception(
        name="the teacher's entropy left in",
        exercise="soft_target_loss",
        what="This is the cross-entropy: its gradient is right, but it is not 0 even for a perfect student.",
        look="Subtract the teacher's own part: p (log p - log q), not -p log q.",
        wrong=entropy_left_in,
        inputs=LOGITS,
    ),
    Misconception(
        name="probabilities given to kl_div",
        exercise="soft_target_loss",
        what="kl_div wants the student's logarithms of probabilities, and got probabilities; nothing complains.",
        look="log_softmax for its first argument.",
        wrong=probabilities_instead_of_logarithms,
        inputs=LOGITS,
    ),
    Misconception(
        name="log target without log_target",
        exercise="soft_target_loss",
        what="kl_div took the teacher's logarithms for probabilities: the logarithm of a negative number is NaN.",
        look="Either softmax for the target, or log_target=True.",
        wrong=target_in_logarithms,
        inputs=[*LOGITS, (PLAIN[0][0].abs() + 1, PLAIN[0][1].abs() + 1, 3.0)],  # raw logits above 0 would give a number
    ),
    Misconception(
        name="log_target with probabilities",
        exercise="soft_target_loss",
        what="With log_target=True kl_div takes the target for logarithms, and got probabilities.",
        look="Either log_softmax for the target, or no log_target.",
        wrong=log_target_of_probabilities,
        inputs=LOGITS,
    ),
    Misconception(
        name="softmax twice",
        exercise="soft_target_loss",
        what="A softmax of a softmax: numbers between 0 and 1 are taken for logits, and all becomes nearly uniform.",
        look="log_softmax of the logits / temperature, and nothing before it.",
        wrong=softmax_twice,
        inputs=LOGITS,
    ),
    Misconception(
        name="softmax over the positions",
        exercise="soft_target_loss",
        what="The probabilities of one word at all positions sum to 1, instead of those of all words at one position.",
        look="dim=-1: the vocabulary is the last dimension.",
        wrong=softmax_over_the_positions,
        inputs=LOGITS,
    ),
    Misconception(
        name="teacher not detached in L_ce",
        exercise="soft_target_loss",
        what="A gradient flows to the teacher, which would learn to be like its student.",
        look="teacher_logits.detach().",
        wrong=soft_targets_with_a_learning_teacher,
        symptom=_gradient_reaches_the_teacher,
    ),
    Misconception(
        name="mean over all positions",
        exercise="masked_lm_loss",
        what="Positions without a label are counted with loss 0: with 15 % masked the loss is 7 times too small.",
        look="Divide by the number of labels that are not -100.",
        wrong=mean_over_all_positions,
        inputs=LABELLED,
    ),
    Misconception(
        name="label 0 ignored",
        exercise="masked_lm_loss",
        what="Word 0 is taken for no label, as with ignore_index=0, the padding's id: real labels of 0 are dropped.",
        look="ignore_index=-100: that is how a position without a label is marked.",
        wrong=padding_ignored_instead,
        inputs=ZEROS,
    ),
    Misconception(
        name="-100 read as a word",
        exercise="masked_lm_loss",
        what="Positions without a label are asked for word 0.",
        look="Leave them out: labels != -100.",
        wrong=no_label_read_as_word_zero,
        inputs=LABELLED,
    ),
    Misconception(
        name="softmax before cross_entropy",
        exercise="masked_lm_loss",
        what="cross_entropy has the softmax inside; it got probabilities and softened them once more.",
        look="Hand it the logits as they are.",
        wrong=softmax_before_cross_entropy,
        inputs=LABELLED,
    ),
    Misconception(
        name="sum over the labels",
        exercise="masked_lm_loss",
        what="The losses are added up, so twice the batch is twice the loss.",
        look="Take the mean over the positions with a label.",
        wrong=summed_over_labels,
        inputs=LABELLED,
    ),
    Misconception(
        name="no softmax",
        exercise="masked_lm_loss",
        what="The right word's logit is taken for its log-probability: the loss can fall for ever.",
        look="log_softmax(-1) first.",
        wrong=logit_without_softmax,
        inputs=LABELLED,
    ),
    Misconception(
        name="no logarithm",
        exercise="masked_lm_loss",
        what="1 - P instead of -log P: where the model is quite wrong there is hardly a gradient.",
        look="Take the logarithm of the probability.",
        wrong=probability_without_logarithm,
        inputs=LABELLED,
    ),
    Misconception(
        name="cosine minimised",
        exercise="cosine_loss",
        what="The loss is the cosine itself: it is smallest when the student points the other way.",
        look="1 - cosine.",
        wrong=likeness_minimised,
        inputs=HIDDEN,
    ),
    Misconception(
        name="minus cosine without the 1",
        exercise="cosine_loss",
        what="The gradient is right, but the loss runs from -1 to 1 and is not 0 at its best.",
        look="1 - cosine.",
        wrong=sign_only,
        inputs=HIDDEN,
    ),
    Misconception(
        name="cosine target -1",
        exercise="cosine_loss",
        what="With target -1 CosineEmbeddingLoss drives the two apart, and is 0 once their cosine is negative.",
        look="Target 1 for pairs that are to be alike.",
        wrong=target_minus_one,
        inputs=HIDDEN,
    ),
    Misconception(
        name="cosine target 0",
        exercise="cosine_loss",
        what="CosineEmbeddingLoss knows the targets 1 and -1; with 0 its loss is 0 whatever the vectors.",
        look="Target 1 for pairs that are to be alike.",
        wrong=target_zero,
        inputs=HIDDEN,
    ),
    Misconception(
        name="lengths left in the cosine",
        exercise="cosine_loss",
        what="A dot product is not a cosine: the student can shrink its loss without limit by growing longer.",
        look="Divide by both lengths, or use cosine_similarity.",
        wrong=lengths_left_in,
        inputs=HIDDEN,
    ),
    Misconception(
        name="cosine over the tokens",
        exercise="cosine_loss",
        what="cosine_similarity works on dimension 1 unless told otherwise: of (B, L, D) states that is the tokens.",
        look="dim=-1.",
        wrong=default_dimension,
        inputs=HIDDEN,
    ),
    Misconception(
        name="one cosine for the whole batch",
        exercise="cosine_loss",
        what="All hidden states are strung together into one vector, in which long states count more than short ones.",
        look="One cosine a position, then the mean.",
        wrong=one_cosine_for_the_batch,
        inputs=HIDDEN,
    ),
    Misconception(
        name="cosines summed",
        exercise="cosine_loss",
        what="The losses of the positions are added up, so the loss grows with the batch.",
        look="mean(), not sum().",
        wrong=cosines_summed,
        inputs=HIDDEN,
    ),
    Misconception(
        name="teacher not detached in L_cos",
        exercise="cosine_loss",
        what="A gradient flows to the teacher, which would learn to be like its student.",
        look="teacher_hidden.detach().",
        wrong=cosine_with_a_learning_teacher,
        symptom=_gradient_reaches_the_teacher,
    ),
    Misconception(
        name="squares averaged over the words",
        exercise="logits_mse_loss",
        what="The mean goes over words as well as positions: V times less than the official script's loss.",
        look="sum(-1) over the vocabulary, then mean over the positions.",
        wrong=squares_averaged_over_words,
        inputs=SQUARES,
    ),
    Misconception(
        name="squares summed over everything",
        exercise="logits_mse_loss",
        what="The sum goes over the positions too, so the loss grows with the batch.",
        look="Divide by the number of positions.",
        wrong=squares_summed_over_everything,
        inputs=SQUARES,
    ),
    Misconception(
        name="squares divided by the sequences",
        exercise="logits_mse_loss",
        what="Of (B, L, V) logits the sum is divided by B; there are B L positions.",
        look="sum(-1).mean(): the mean then goes over all positions.",
        wrong=squares_divided_by_sequences,
        inputs=SQUARES,
    ),
    Misconception(
        name="squares of probabilities",
        exercise="logits_mse_loss",
        what="Probabilities are compared; this loss compares the logits themselves.",
        look="No softmax.",
        wrong=squares_of_probabilities,
        inputs=SQUARES,
    ),
    Misconception(
        name="root of the squares",
        exercise="logits_mse_loss",
        what="This is the distance of the logits, not its square.",
        look="square().sum(-1), without a root.",
        wrong=root_of_the_squares,
        inputs=SQUARES,
    ),
    Misconception(
        name="weights forgotten",
        exercise="distillation_loss",
        what="The terms are added up as they are.",
        look="Each term times its alpha.",
        wrong=weights_forgotten,
        symptom=_does_as(weights_forgotten),
    ),
    Misconception(
        name="weights made to sum to 1",
        exercise="distillation_loss",
        what="The total is divided by the sum of the alphas; the official one is not.",
        look="A plain weighted sum.",
        wrong=weights_made_to_sum_to_one,
        symptom=_does_as(weights_made_to_sum_to_one),
    ),
    Misconception(
        name="temperature not handed on",
        exercise="distillation_loss",
        what="L_ce always has temperature 2, whatever is asked for.",
        look="soft_target_loss(student_logits, teacher_logits, temperature).",
        wrong=temperature_not_handed_on,
        symptom=_does_as(temperature_not_handed_on),
    ),
    Misconception(
        name="student and teacher swapped",
        exercise="distillation_loss",
        what="L_ce gets the teacher's logits as the student's: the wrong direction, and no gradient for the student.",
        look="The student comes first in every loss.",
        wrong=student_and_teacher_swapped,
        symptom=_does_as(student_and_teacher_swapped),
    ),
    Misconception(
        name="L_mse left out of the sum",
        exercise="distillation_loss",
        what="L_mse is computed, and alpha_mse does nothing.",
        look="total + alpha_mse * mse, if alpha_mse is above 0.",
        wrong=squares_left_out,
        symptom=_does_as(squares_left_out),
    ),
    Misconception(
        name="terms returned weighted",
        exercise="distillation_loss",
        what="The terms come back multiplied by their alphas, so runs with different alphas cannot be compared.",
        look="Weights enter the total only.",
        wrong=terms_returned_weighted,
        symptom=_does_as(terms_returned_weighted),
    ),
    Misconception(
        name="L_cos computed at weight 0",
        exercise="distillation_loss",
        what="L_cos is computed although its weight is 0, and fails where student and teacher differ in width.",
        look="cos = cosine_loss(…) if alpha_cos else None.",
        wrong=cosine_computed_anyway,
        symptom=_stumbles_over_widths,
    ),
    Misconception(
        name="words before only",
        exercise="true_distribution",
        what="Only the words to the left are used, as in a model that reads from left to right.",
        look="A second walk from the end: after = (after * evidence) @ transition.T.",
        wrong=words_before_only,
        inputs=TEXTS,
    ),
    Misconception(
        name="words after only",
        exercise="true_distribution",
        what="The words to the left leave no trace: the states are passed on without their evidence.",
        look="before = (before * evidence) @ transition.",
        wrong=words_after_only,
        inputs=TEXTS,
    ),
    Misconception(
        name="own word counted",
        exercise="true_distribution",
        what="What stands at a place is used to guess that very place.",
        look="Multiply before and after, and leave the place's own evidence out.",
        wrong=own_word_counted,
        inputs=TEXTS,
    ),
    Misconception(
        name="holes taken for words",
        exercise="true_distribution",
        what="The words behind the holes are used for the other places, although they are not known.",
        look="Where known is False, the evidence is 1 for every state.",
        wrong=holes_taken_for_words,
        inputs=TEXTS,
    ),
    Misconception(
        name="transition not turned round",
        exercise="true_distribution",
        what="The walk from the end uses the transitions forwards.",
        look="Backwards a state collects from the states that follow it: @ transition.T.",
        wrong=transition_not_turned_round,
        inputs=TEXTS,
    ),
    Misconception(
        name="states not normed",
        exercise="true_distribution",
        what="before times after is no distribution over the states yet, so the words' probabilities do not sum to 1.",
        look="Divide by the sum over the states.",
        wrong=states_not_normed,
        inputs=TEXTS,
    ),
]
