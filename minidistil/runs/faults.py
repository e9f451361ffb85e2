"""Twenty things that go wrong in a distillation, each planted by replacing one piece of the training code.

A fault is a function of the piece that it replaces: it gets the right one and returns the wrong one. `Fault.planted`
puts that in its place for a while, so that the loop, the losses and the feed around it are the package's own.

Letters in shapes: B sequences, L tokens, D width, V vocabulary.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

import torch
from torch import nn

from minidistil.ch02_masking.masking import IGNORE
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch08_training import objectives
from minidistil.ch08_training.feed import MaskedBatch

CHAPTERS = "minidistil.ch"
FEED, LOSSES, TRAINING = (CHAPTERS + name for name in ("08_training.feed", "06_losses.losses", "08_training.training"))
SETUP = "minidistil.runs.patients"  # where a run is put together


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong."""

    key: str
    says: str  # for a list to choose from
    why: str  # what it does, told when it was found
    mark: str  # the figure of a test that shows it
    piece: str  # what is replaced, by its full name
    wrong: Callable[[Any], Any]  # the piece -> what is put in its place

    @contextlib.contextmanager
    def planted(self) -> Iterator[None]:
        """The fault is in the training code, within the context."""
        module, _, name = self.piece.rpartition(".")
        if module.rpartition(".")[2][:1].isupper():  # a method of a class
            module, _, kind = module.rpartition(".")
            owner = getattr(__import__(module, fromlist=[kind]), kind)
        else:
            owner = __import__(module, fromlist=[name])
        with patch.object(owner, name, self.wrong(getattr(owner, name))):
            yield


FAULTS: dict[str, Fault] = {}


def _fault(key: str, says: str, piece: str, mark: str) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Enter the decorated function, whose docstring says what the fault does, into FAULTS."""

    def enter(wrong: Callable[[Any], Any]) -> Callable[[Any], Any]:
        FAULTS[key] = Fault(key, says, " ".join((wrong.__doc__ or "").split()), mark, piece, wrong)
        return wrong

    return enter


# --- Text and masks ---


@_fault("labels", "each label is the token after the hidden one", f"{FEED}.mask_tokens", "label_is_original")
def _labels(own: Any) -> Any:
    """The student is taught to say the next token at each hole; L_ce, which has no labels, pulls the other way."""

    def mask_tokens(input_ids: Any, chosen: Any, *rest: Any) -> Any:
        return own(input_ids, chosen, *rest)[0], torch.where(chosen, input_ids.roll(-1, 1), IGNORE)

    return mask_tokens


@_fault("visible", "the tokens to guess are not hidden", f"{FEED}.mask_tokens", "shown_as_mask")
def _visible(own: Any) -> Any:
    """The answer stands in the input: copying it is enough, and nothing is learnt about holes."""
    return lambda input_ids, *rest: (input_ids, own(input_ids, *rest)[1])


@_fault("special", "[CLS] and [SEP] are masked too", f"{FEED}.choose_positions", "special_hidden")
def _special(own: Any) -> Any:
    """A part of each batch's guesses goes to tokens whose place is always the same."""
    return lambda input_ids, special_ids, *rest: own(input_ids, {0}, *rest)


@_fault("order", "the sequences are not shuffled", f"{FEED}.epoch_batches", "length_trend")
def _order(own: Any) -> Any:
    """Batches come by length, the shortest first: the last steps see nothing but long texts."""
    return lambda lengths, *rest: sorted(own(lengths, *rest), key=lambda batch: lengths[batch[0]])


@_fault("repeated", "the same few batches again and again", f"{FEED}.epoch_batches", "new_sequences")
def _repeated(own: Any) -> Any:
    """Ten batches stand for the whole text: the loss falls, and held-out text gains less."""
    return lambda *arguments: (batches := own(*arguments))[:10] * (len(batches) // 10 + 1)


@_fault("padding_counted", "padding counts as a token", f"{FEED}.MaskedBatch.__post_init__", "counted")
def _padding_counted(own: Any) -> Any:
    """Attention reads it, L_cos compares the two models where there is no text, and real tokens weigh less."""

    def post_init(self: Any) -> None:
        object.__setattr__(self, "masked", (guessed := self.labels.flatten() != IGNORE).nonzero().flatten())
        object.__setattr__(self, "unmasked", (~guessed).nonzero().flatten())

    return post_init


@_fault("padding_read", "attention reads padding", f"{FEED}.MaskedBatch.padding", "padding_leak")
def _padding_read(own: Any) -> Any:
    """What a token means depends on how long the others in its batch are."""
    return property(lambda self: None)


# --- Losses ---


@_fault("t_squared", "the factor T squared is missing in L_ce", f"{LOSSES}.soft_target_loss", "ce_ratio")
def _t_squared(own: Any) -> Any:
    """L_ce and its gradient are a quarter of what they should be at T = 2: the other losses lead."""
    return lambda student, teacher, temperature: own(student, teacher, temperature) / temperature**2


@_fault("one_temperature", "only the teacher is divided by T", f"{LOSSES}.soft_target_loss", "entropy_ratio")
def _one_temperature(own: Any) -> Any:
    """The student is to say at T = 1 what its teacher says at T = 2: it learns to be less sure than its teacher."""
    return lambda student, teacher, temperature: own(student * temperature, teacher, temperature)


@_fault("swapped", "teacher and student change places in L_ce", f"{LOSSES}.soft_target_loss", "ce_ratio")
def _swapped(own: Any) -> Any:
    """KL(student || teacher): the student is not asked to cover all that its teacher holds possible."""

    def soft_target_loss(student: Any, teacher: Any, temperature: float) -> Any:
        log_q, log_p = ((logits / temperature).log_softmax(-1) for logits in (student, teacher.detach()))  # (N, V)
        return (log_q.exp() * (log_q - log_p)).sum(-1).mean() * temperature**2

    return soft_target_loss


@_fault("cosine_sign", "L_cos has the wrong target, -1", f"{LOSSES}.cosine_loss", "cos_ratio")
def _cosine_sign(own: Any) -> Any:
    """The student's states are driven away from its teacher's, against what L_ce asks for."""
    return lambda student, teacher: 2 - own(student, teacher)


@_fault("wrong_layer", "L_cos compares with the teacher's second layer", f"{SETUP}.distillation_losses", "cos_ratio")
def _wrong_layer(own: Any) -> Any:
    """The student's last states are pulled to states that its head cannot use."""

    def distillation_losses(teacher: MaskedLM, config: Any) -> Any:
        states: list[Any] = []
        teacher.encoder.layers[1].register_forward_hook(lambda module, given, result: states.append(result[0]))
        inner, compare = own(teacher, config), objectives.distillation_loss

        def losses(student: MaskedLM, batch: MaskedBatch) -> Any:
            real = torch.cat([batch.masked, batch.unmasked])

            def on_lower(logits: Any, soft: Any, labels: Any, hidden: Any, last: Any, *rest: Any) -> Any:
                return compare(logits, soft, labels, hidden, states.pop().flatten(0, 1)[real], *rest)

            with patch.object(objectives, "distillation_loss", on_lower):
                return inner(student, batch)

        return losses

    return distillation_losses


@_fault("alphas", "the weights of the losses are mixed up", f"{SETUP}.DistilConfig", "total_ratio")
def _alphas(own: Any) -> Any:
    """1 L_ce + 2 L_mlm + 5 L_cos: what should lead is hardly heard."""
    return partial(own, alpha_ce=1.0, alpha_cos=5.0)


# --- Models ---


@_fault("teacher_drops", "the teacher is in training mode", f"{SETUP}.evaluating", "teacher_twice")
def _teacher_drops(own: Any) -> Any:
    """Dropout makes the teacher say something else each time that it is asked."""

    def evaluating(teacher: MaskedLM) -> Any:
        teacher.train()
        return contextlib.nullcontext()

    return evaluating


@_fault("untied", "the student's head has word embeddings of its own", f"{SETUP}.student_of", "untied")
def _untied(own: Any) -> Any:
    """The head and the embeddings learn apart, with more parameters; a saved model ties them again and is another."""

    def student_of(teacher: MaskedLM) -> MaskedLM:
        student = own(teacher)
        word = student.encoder.embeddings.word
        student.head.word = nn.Embedding(*word.weight.shape)
        student.head.word.load_state_dict(word.state_dict())
        return student

    return student_of


@_fault("frozen", "the student's layers are frozen", f"{SETUP}.student_of", "layers_moved")
def _frozen(own: Any) -> Any:
    """Only embeddings and head learn: someone set requires_grad to False and forgot it."""

    def student_of(teacher: MaskedLM) -> MaskedLM:
        (student := own(teacher)).encoder.layers.requires_grad_(False)
        return student

    return student_of


@_fault("random_start", "the student starts from random weights", f"{SETUP}.student_of", "start_cosine")
def _random_start(own: Any) -> Any:
    """Nothing of the teacher is copied: the first steps learn what the copy would have had."""
    return lambda teacher: MaskedLM(own(teacher).config)


@_fault(
    "shared_memory",
    "teacher and student share tensors",
    f"{CHAPTERS}07_student.student.student_tensors",
    "teacher_moved",
)
def _shared_memory(own: Any) -> Any:
    """The copies are no copies: each step of the student changes its teacher as well, who is no fixed target."""

    def student_tensors(tensors: Any, layers: Any) -> Any:
        return {name: tensors.get(name, new) if name in SHARED else new for name, new in own(tensors, layers).items()}

    return student_tensors


SHARED = ("encoder.embeddings.word.weight", "head.word.weight", "head.transform.weight")


# --- Steps and numbers ---


@_fault("rate", "the learning rate is far too high", f"{SETUP}.DistilConfig", "moved")
def _rate(own: Any) -> Any:
    """Steps so long that what the copied weights knew is lost, and not found again."""
    return lambda **settings: own(**settings | {"learning_rate": 30 * settings["learning_rate"]})


@_fault("piled_up", "gradients are not set to zero", f"{TRAINING}.Step.zero_grad", "second_gradient")
def _piled_up(own: Any) -> Any:
    """Each step follows the sum of all gradients so far, most of them of weights that are gone."""
    return lambda self: None


@_fault("no_schedule", "the learning rate has no warm-up and no decay", f"{TRAINING}.schedule", "last_rate")
def _no_schedule(own: Any) -> Any:
    """The first steps are too long for Adam's first guesses of a gradient's size, and the last ones never settle."""
    return lambda step, steps, share: 1.0


@_fault("dropout", "half of the student's features are dropped", f"{SETUP}.DistilConfig", "student_twice")
def _dropout(own: Any) -> Any:
    """A student that starts from good weights and has few steps loses more by dropout than it can gain."""
    return partial(own, dropout=0.5)


@_fault("bf16_norm", "layer norm computes in bf16", "torch.nn.LayerNorm.forward", "coarse")
def _bf16_norm(own: Any) -> Any:
    """Every hidden state is rounded to eight bits, in both models, and the differences of close words are lost."""
    return lambda self, hidden_states: own(self, hidden_states).bfloat16().float()
