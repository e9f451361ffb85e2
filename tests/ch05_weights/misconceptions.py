"""Wrong heads, losses, names and fill-masks that people really write, each by its name.

Functions of tensors are recognised by what they return. A head is recognised by doing, with the
same weights and input, what the wrong one does.
"""

import re

import torch
from torch import nn
from torch.nn import functional as F

from minidistil.ch04_encoder.encoder import EncoderConfig, initialize
from minidistil.ch05_weights.classifiers import ClassifierConfig
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.course.misconceptions import Misconception

# Masked-LM head


class RightHead(nn.Module):
    def __init__(self, config, word):
        super().__init__()
        self.transform = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.transform.apply(lambda module: initialize(module, config.initializer_range))
        self.word = word

    def forward(self, hidden_states):
        return self.norm(F.gelu(self.transform(hidden_states))) @ self.word.weight.T + self.bias


class NotTied(RightHead):
    def __init__(self, config, word):
        super().__init__(config, word)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, hidden_states):
        return self.decoder(self.norm(F.gelu(self.transform(hidden_states)))) + self.bias


class TiedByACopy(RightHead):
    def forward(self, hidden_states):
        table = self.word.weight.detach()
        return self.norm(F.gelu(self.transform(hidden_states))) @ table.T + self.bias


class WordBiasForgotten(RightHead):
    def forward(self, hidden_states):
        return self.norm(F.gelu(self.transform(hidden_states))) @ self.word.weight.T


class NormBeforeGelu(RightHead):
    def forward(self, hidden_states):
        return F.gelu(self.norm(self.transform(hidden_states))) @ self.word.weight.T + self.bias


class GeluForgotten(RightHead):
    def forward(self, hidden_states):
        return self.norm(self.transform(hidden_states)) @ self.word.weight.T + self.bias


class NormForgotten(RightHead):
    def forward(self, hidden_states):
        return F.gelu(self.transform(hidden_states)) @ self.word.weight.T + self.bias


class TransformForgotten(RightHead):
    def forward(self, hidden_states):
        return hidden_states @ self.word.weight.T + self.bias


class SoftmaxInTheHead(RightHead):
    def forward(self, hidden_states):
        return super().forward(hidden_states).softmax(-1)


# Classifier of texts


class RightClassifier(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.is_bert = config.type_vocab_size > 0
        default = config.dropout if self.is_bert else 0.2
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout = nn.Dropout(default if config.classifier_dropout is None else config.classifier_dropout)
        self.classifier = nn.Linear(config.hidden_size, len(config.id2label))
        self.apply(lambda module: initialize(module, config.initializer_range))

    def text(self, hidden_states):
        return hidden_states[:, 0]

    def bend(self, dense):
        return dense.tanh() if self.is_bert else dense.relu()

    def forward(self, hidden_states):
        return self.classifier(self.dropout(self.bend(self.dense(self.text(hidden_states)))))


class TanhForBoth(RightClassifier):
    def bend(self, dense):
        return dense.tanh()


class ReluForBoth(RightClassifier):
    def bend(self, dense):
        return dense.relu()


class BendsExchanged(RightClassifier):
    def bend(self, dense):
        return dense.relu() if self.is_bert else dense.tanh()


class GeluInTheClassifier(RightClassifier):
    def bend(self, dense):
        return F.gelu(dense)


class BendForgotten(RightClassifier):
    def bend(self, dense):
        return dense


class MeanOfTheTokens(RightClassifier):
    def text(self, hidden_states):
        return hidden_states.mean(1)


class LastTokenRead(RightClassifier):
    def text(self, hidden_states):
        return hidden_states[:, -1]


class FirstSequenceRead(RightClassifier):
    def text(self, hidden_states):
        return hidden_states[0]


class DenseForgotten(RightClassifier):
    def forward(self, hidden_states):
        return self.classifier(self.dropout(self.text(hidden_states)))


class DropoutBeforeDense(RightClassifier):
    def forward(self, hidden_states):
        return self.classifier(self.bend(self.dense(self.dropout(self.text(hidden_states)))))


# Losses


def sequence_loss_with(one=None, several=None, several_at_once=None):
    def loss(logits, labels):
        if logits.shape[-1] == 1:
            return (one or (lambda x, y: F.mse_loss(x[:, 0], y.to(x.dtype))))(logits, labels)
        if labels.is_floating_point():
            return (several_at_once or F.binary_cross_entropy_with_logits)(logits, labels)
        return (several or F.cross_entropy)(logits, labels)

    return loss


def softmax_before_the_loss(logits, labels):
    return sequence_loss_with(several=lambda x, y: F.cross_entropy(x.softmax(-1), y))(logits, labels)


def summed_over_the_batch(logits, labels):
    return sequence_loss_with(several=lambda x, y: F.cross_entropy(x, y, reduction="sum"))(logits, labels)


def cross_entropy_of_one_class(logits, labels):
    return sequence_loss_with(one=lambda x, y: F.cross_entropy(x, torch.zeros_like(y, dtype=torch.long)))(
        logits, labels
    )


def every_number_with_every_other(logits, labels):
    return sequence_loss_with(one=lambda x, y: (x - y.to(x.dtype)).square().mean())(logits, labels)


def absolute_errors(logits, labels):
    return sequence_loss_with(one=lambda x, y: F.l1_loss(x[:, 0], y.to(x.dtype)))(logits, labels)


def classes_exclude_one_another(logits, labels):
    return sequence_loss_with(several_at_once=F.cross_entropy)(logits, labels)


def squares_of_many_classes(logits, labels):
    return sequence_loss_with(several_at_once=F.mse_loss)(logits, labels)


def answer_loss_with(
    start, end, first, last, clamp=lambda x, length: x.clamp(max=length), total=lambda a, b: (a + b) / 2
):
    length = start.shape[1]
    halves = [
        F.cross_entropy(logits, clamp(positions, length), ignore_index=length)
        for logits, positions in ((start, first), (end, last))
    ]
    return total(*halves)


def ends_added(start_logits, end_logits, start_positions, end_positions):
    return answer_loss_with(start_logits, end_logits, start_positions, end_positions, total=lambda a, b: a + b)


def only_the_start(start_logits, end_logits, start_positions, end_positions):
    return answer_loss_with(start_logits, end_logits, start_positions, end_positions, total=lambda a, b: a)


def ends_exchanged(start_logits, end_logits, start_positions, end_positions):
    return answer_loss_with(start_logits, end_logits, end_positions, start_positions)


def pulled_onto_the_last_token(start_logits, end_logits, start_positions, end_positions):
    return answer_loss_with(
        start_logits, end_logits, start_positions, end_positions, clamp=lambda x, length: x.clamp(max=length - 1)
    )


def last_token_never_asked(start_logits, end_logits, start_positions, end_positions):
    return answer_loss_with(
        start_logits,
        end_logits,
        start_positions,
        end_positions,
        clamp=lambda x, length: torch.where(x >= length - 1, length, x),
    )


def cut_off_answers_count_as_zero(start_logits, end_logits, start_positions, end_positions):
    length = start_logits.shape[1]
    halves = [
        F.cross_entropy(logits, positions.clamp(max=length), ignore_index=length, reduction="sum") / len(logits)
        for logits, positions in ((start_logits, start_positions), (end_logits, end_positions))
    ]
    return (halves[0] + halves[1]) / 2


# Mean pooling


def padding_counted(hidden_states, attention_mask=None):
    return hidden_states.mean(1)


def divided_by_the_whole_length(hidden_states, attention_mask=None):
    if attention_mask is None:
        return hidden_states.mean(1)
    return (hidden_states * attention_mask[:, :, None]).mean(1)


def summed_not_averaged(hidden_states, attention_mask=None):
    if attention_mask is None:
        return hidden_states.sum(1)
    return (hidden_states * attention_mask[:, :, None]).sum(1)


def cls_instead_of_the_mean(hidden_states, attention_mask=None):
    return hidden_states[:, 0]


def maximum_instead_of_the_mean(hidden_states, attention_mask=None):
    if attention_mask is None:
        return hidden_states.amax(1)
    return hidden_states.masked_fill(attention_mask[:, :, None] == 0, -torch.inf).amax(1)


def one_count_for_the_batch(hidden_states, attention_mask=None):
    if attention_mask is None:
        return hidden_states.mean(1)
    return (hidden_states * attention_mask[:, :, None]).sum(1) / attention_mask.sum()


def one_vector_for_the_batch(hidden_states, attention_mask=None):
    if attention_mask is None:
        return hidden_states.mean((0, 1))
    return hidden_states[attention_mask.bool()].mean(0)


def normalised_at_once(hidden_states, attention_mask=None):
    real = torch.ones(hidden_states.shape[:2]) if attention_mask is None else attention_mask
    mean = (hidden_states * real[:, :, None]).sum(1) / real.sum(1, keepdim=True)
    return F.normalize(mean, dim=-1)


# Names

NAMES = {
    "embeddings.word": ("embeddings.word_embeddings", "embeddings.word_embeddings"),
    "embeddings.position": ("embeddings.position_embeddings", "embeddings.position_embeddings"),
    "embeddings.token_type": ("embeddings.token_type_embeddings", ""),
    "embeddings.norm": ("embeddings.LayerNorm", "embeddings.LayerNorm"),
    "attention.query": ("attention.self.query", "attention.q_lin"),
    "attention.key": ("attention.self.key", "attention.k_lin"),
    "attention.value": ("attention.self.value", "attention.v_lin"),
    "attention.output": ("attention.output.dense", "attention.out_lin"),
    "attention_norm": ("attention.output.LayerNorm", "sa_layer_norm"),
    "expand": ("intermediate.dense", "ffn.lin1"),
    "contract": ("output.dense", "ffn.lin2"),
    "output_norm": ("output.LayerNorm", "output_layer_norm"),
    "head.transform": ("cls.predictions.transform.dense", "vocab_transform"),
    "head.norm": ("cls.predictions.transform.LayerNorm", "vocab_layer_norm"),
    "head": ("cls.predictions", "vocab_projector"),
    "head.dense": ("pooler.dense", "pre_classifier"),
    "head.classifier": ("classifier", "classifier"),
    "classifier": ("classifier", "classifier"),
    "qa_outputs": ("qa_outputs", "qa_outputs"),
}


def name_with(
    ours, model_type, prefix, table=NAMES, stacks=("encoder.layer", "transformer.layer"), shift=0, wants=None
):
    column = ("bert", "distilbert").index(model_type)
    encoder, block, number, path, kind = re.match(r"(encoder\.)?(layers\.(\d+)\.)?(.*)\.(\w+)$", ours).groups()
    name = f"{stacks[column]}.{int(number) + shift}." if block else ""
    name += f"{table[path][column]}.{kind}"
    inside = encoder or name.startswith("pooler.")
    return f"{model_type}.{name}" if prefix and (wants or bool)(inside) else name


def prefix_forgotten(ours, model_type, prefix=True):
    return name_with(ours, model_type, False)


def prefix_on_everything(ours, model_type, prefix=True):
    return name_with(ours, model_type, prefix, wants=lambda inside: True)


def pooler_without_prefix(ours, model_type, prefix=True):
    return name_with(ours, model_type, prefix and ours.startswith("encoder."))


def prefix_against_the_wish(ours, model_type, prefix=True):
    return name_with(ours, model_type, True)


def norms_exchanged(ours, model_type, prefix=True):
    other = NAMES | {"attention_norm": NAMES["output_norm"], "output_norm": NAMES["attention_norm"]}
    return name_with(ours, model_type, prefix, other)


def feed_forward_exchanged(ours, model_type, prefix=True):
    other = NAMES | {"expand": NAMES["contract"], "contract": NAMES["expand"]}
    return name_with(ours, model_type, prefix, other)


def berts_blocks_for_both(ours, model_type, prefix=True):
    return name_with(ours, model_type, prefix, stacks=("encoder.layer", "encoder.layer"))


def berts_names_for_both(ours, model_type, prefix=True):
    name = name_with(ours, "bert", prefix)
    return name.replace("bert.", f"{model_type}.", 1) if name.startswith("bert.") else name


def blocks_from_one(ours, model_type, prefix=True):
    return name_with(ours, model_type, prefix, shift=1)


def one_digit_blocks(ours, model_type, prefix=True):
    match = re.match(r"(encoder\.)?layers\.(\d)\d\.", ours)
    if match is None:
        return name_with(ours, model_type, prefix)
    return name_with(re.sub(r"layers\.\d+", f"layers.{match[2]}", ours), model_type, prefix)


# Fill-mask


def padding_seen(model, input_ids, attention_mask, mask_token_id):
    hidden = model.encoder(input_ids).last_hidden_state
    return model.head(hidden[input_ids == mask_token_id]).softmax(-1)


def everything_projected(model, input_ids, attention_mask, mask_token_id):
    hidden = model.encoder(input_ids, attention_mask).last_hidden_state
    return model.head(hidden)[input_ids == mask_token_id].softmax(-1)


def scores_not_probabilities(model, input_ids, attention_mask, mask_token_id):
    hidden = model.encoder(input_ids, attention_mask).last_hidden_state
    return model.head(hidden[input_ids == mask_token_id])


def softmax_over_the_masks(model, input_ids, attention_mask, mask_token_id):
    hidden = model.encoder(input_ids, attention_mask).last_hidden_state
    return model.head(hidden[input_ids == mask_token_id]).softmax(0)


def first_mask_of_each_text(model, input_ids, attention_mask, mask_token_id):
    hidden = model.encoder(input_ids, attention_mask).last_hidden_state
    first = (input_ids == mask_token_id).int().argmax(1)
    return model.head(hidden[torch.arange(len(first)), first]).softmax(-1)


def only_the_masks_encoded(model, input_ids, attention_mask, mask_token_id):
    alone = input_ids[input_ids == mask_token_id][:, None]
    return model.head(model.encoder(alone).last_hidden_state[:, 0]).softmax(-1)


# How they are recognised

SIZES = {"vocab_size": 9, "hidden_size": 4, "num_attention_heads": 1, "num_hidden_layers": 1, "intermediate_size": 8}
CONFIGS = [
    ClassifierConfig(**SIZES, type_vocab_size=types, id2label=("a", "b", "c"), classifier_dropout=0.5)
    for types in (2, 0)
]
HIDDEN = torch.sin(torch.arange(24.0)).reshape(2, 3, 4) * 2


def _filled(module, scale=1.0):
    """The same weights by name for whoever has them, large enough that differences show."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _, tensor in sorted(module.state_dict().items()):
            tensor.copy_(scale * torch.randn(tensor.shape, generator=generator))
    return module.eval()


def _score(kind):
    """Scores, and the gradient of the word table where one arrives."""
    head = _filled(kind(EncoderConfig(**SIZES), nn.Embedding(9, 4)))
    scores = head(HIDDEN)
    (gradient,) = torch.autograd.grad(scores.sum(), head.word.weight, allow_unused=True)
    return [scores] if gradient is None else [scores, gradient]


def _classify(kind):
    heads = [_filled(kind(config)) for config in CONFIGS]
    torch.manual_seed(0)
    return [head(HIDDEN) for head in heads] + [head.train()(HIDDEN) for head in heads]


def _fill(function):
    model = _filled(MaskedLM(EncoderConfig(**SIZES)), 0.5)
    ids = torch.tensor([[1, 3, 5, 3, 6], [3, 2, 7, 0, 0]])
    with torch.no_grad():
        return [function(model, ids, (ids > 0).long(), 3), function(model, ids, None, 3)]


def _does_as(wrong, run):
    """A symptom: with the same weights and input, the same results as the wrong one."""

    def shows(implementation):
        mine, others = run(implementation), run(wrong)
        return len(mine) == len(others) and all(
            one.shape == other.shape and torch.allclose(one, other, atol=1e-5) for one, other in zip(mine, others)
        )

    return shows


def _projects_everything(function):
    model, seen = _filled(MaskedLM(EncoderConfig(**SIZES)), 0.5), []
    model.head.register_forward_hook(lambda module, inputs, output: seen.append(output[..., 0].numel()))
    function(model, torch.tensor([[1, 3, 5, 3, 6], [3, 2, 7, 0, 0]]), None, 3)
    return sum(seen) == 10


def _forgets_the_pooler(function):
    return (function("head.dense.weight", "bert"), function("encoder.layers.0.expand.bias", "bert")) == (
        "pooler.dense.weight", "bert.encoder.layer.0.intermediate.dense.bias",
    )  # fmt: skip


SCORES = torch.tensor([[0.3, -1.0, 2.0], [1.5, 0.2, -0.4]])
CLASSES = [(SCORES, torch.tensor([2, 1])), (SCORES, torch.tensor([0, 0]))]
AT_ONCE = [(SCORES, torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]))]
NUMBERS = [(SCORES[:, :1], torch.tensor([1.0, -2.0])), (SCORES[:, 1:2], torch.tensor([4, 2]))]
STARTS, ENDS = torch.sin(torch.arange(12.0)).reshape(3, 4), torch.cos(torch.arange(12.0)).reshape(3, 4)
WHOLE = [(STARTS, ENDS, torch.tensor([0, 1, 2]), torch.tensor([2, 2, 2]))]
CUT = [(STARTS, ENDS, torch.tensor([0, 4, 9]), torch.tensor([2, 4, 9]))]
LAST = [(STARTS, ENDS, torch.tensor([0, 3, 2]), torch.tensor([3, 3, 2]))]
POOLED = [(HIDDEN, torch.tensor([[1, 1, 0], [1, 1, 1]])), (HIDDEN, torch.tensor([[1, 0, 0], [1, 1, 0]]))]
UNMASKED = [(HIDDEN,)]
IN_ENCODER = [("encoder.embeddings.word.weight", kind) for kind in ("bert", "distilbert")]
IN_HEAD = [("head.transform.bias", "bert"), ("head.transform.bias", "distilbert")]
SHORT = [(*IN_ENCODER[0], False), (*IN_ENCODER[1], False)]


def _names(path):
    return [(f"encoder.layers.{number}.{path}.bias", kind) for kind in ("bert", "distilbert") for number in (2, 11)]


def _of(exercise):
    def make(wrong, name, what, look, inputs=(), symptom=None):
        return Misconception(name, exercise, what, look, wrong, inputs, symptom)

    return make


def _head(wrong, name, what, look):
    return Misconception(name, "MaskedLMHead", what, look, wrong, symptom=_does_as(wrong, _score))


def _classifier(wrong, name, what, look):
    return Misconception(name, "SequenceClassifierHead", what, look, wrong, symptom=_does_as(wrong, _classify))


def _filler(wrong, name, what, look, symptom=None):
    return Misconception(name, "mask_probabilities", what, look, wrong, symptom=symptom or _does_as(wrong, _fill))


_sequence, _answer, _pool, _name = map(_of, ("sequence_loss", "answer_loss", "mean_pooling", "their_name"))

MISCONCEPTIONS = [
    _head(
        NotTied,
        "decoder not tied",
        "The decoder has a matrix of its own, 23 million parameters more in BERT, and no file holds it.",
        "Multiply with self.word.weight, transposed; make no new nn.Linear.",
    ),
    _head(
        TiedByACopy,
        "word table detached",
        "The scores are right, but their gradient never reaches the word table, which has two jobs to learn.",
        "Use self.word.weight itself: no detach, no clone, no .data.",
    ),
    _head(
        WordBiasForgotten,
        "bias of the words forgotten",
        "The scores lack the bias of each word, with which a head knows how frequent a word is.",
        "Add self.bias at the end: it has one number a word.",
    ),
    _head(
        NormBeforeGelu,
        "norm before the GELU",
        "The layer norm comes before the bend; BERT bends first.",
        "self.norm(gelu(self.transform(hidden_states))).",
    ),
    _head(
        GeluForgotten,
        "GELU of the head forgotten",
        "There is no bend between the transform and the decoder.",
        "self.norm(gelu(self.transform(hidden_states))).",
    ),
    _head(
        NormForgotten,
        "norm of the head forgotten",
        "What meets the word table is not normed, so its size and not only its direction counts.",
        "self.norm(...) around the bent features.",
    ),
    _head(
        TransformForgotten,
        "hidden states straight onto the words",
        "The hidden state is compared with the words as it is; the head first transforms, bends and norms it.",
        "Three steps come before the product: transform, GELU, norm.",
    ),
    _head(
        SoftmaxInTheHead,
        "probabilities instead of scores",
        "The head ends with a softmax; the loss takes its own, and a softmax of a softmax is nearly flat.",
        "Return the scores: fill_mask and cross_entropy do the rest.",
    ),
    _classifier(
        TanhForBoth,
        "BERT's bend for DistilBERT too",
        "DistilBERT's classifier is bent with tanh; it was trained with ReLU.",
        "self.is_bert decides: tanh if so, else relu.",
    ),
    _classifier(
        ReluForBoth,
        "DistilBERT's bend for BERT too",
        "BERT's pooler is bent with ReLU, which makes half of its features 0; it was trained with tanh.",
        "self.is_bert decides: tanh if so, else relu.",
    ),
    _classifier(
        BendsExchanged,
        "bends exchanged",
        "BERT gets ReLU and DistilBERT tanh: it is the other way round.",
        "torch.tanh for BERT, torch.relu for DistilBERT.",
    ),
    _classifier(
        GeluInTheClassifier,
        "GELU in the classifier",
        "GELU is the bend of the blocks and of the masked-LM head; the classifier has tanh or ReLU.",
        "torch.tanh for BERT, torch.relu for DistilBERT.",
    ),
    _classifier(
        BendForgotten,
        "bend forgotten",
        "Dense layer and classifier follow each other without a bend, so together they are one linear layer.",
        "torch.tanh for BERT, torch.relu for DistilBERT, right after self.dense.",
    ),
    _classifier(
        MeanOfTheTokens,
        "mean of all tokens",
        "The classifier reads the mean of the tokens, padding among them; BERT's reads [CLS] alone.",
        "hidden_states[:, 0].",
    ),
    _classifier(
        LastTokenRead,
        "last token read",
        "The last position is [SEP] or padding. Models that read from left to right end there; BERT begins with [CLS].",
        "hidden_states[:, 0].",
    ),
    _classifier(
        FirstSequenceRead,
        "first text instead of first token",
        "hidden_states[0] is the first text of the batch with all its tokens.",
        "Dimension 0 is the batch, dimension 1 the tokens: hidden_states[:, 0].",
    ),
    _classifier(
        DenseForgotten,
        "dense layer forgotten",
        "[CLS] goes straight into the classifier; dense layer and bend stand between.",
        "self.classifier(self.dropout(bend(self.dense(hidden_states[:, 0])))).",
    ),
    _classifier(
        DropoutBeforeDense,
        "dropout before the dense layer",
        "Features of [CLS] are dropped; official code drops what the bend gives.",
        "The dropout comes after the bend, right before the classifier.",
    ),
    _sequence(
        softmax_before_the_loss,
        "softmax before the loss",
        "cross_entropy takes a softmax itself; of probabilities it makes a loss that can never come near 0.",
        "Hand the logits over as they are.",
        CLASSES,
    ),
    _sequence(
        summed_over_the_batch,
        "summed over the batch",
        "The losses are added up, so a larger batch has a larger loss and larger gradients.",
        "Take the mean, which is what the functions do unless told otherwise.",
        CLASSES,
    ),
    _sequence(
        cross_entropy_of_one_class,
        "cross-entropy of a single class",
        "A softmax over one class is always 1 and its loss always 0: nothing is learned.",
        "With one class, labels are numbers: mean squared error.",
        NUMBERS,
    ),
    _sequence(
        every_number_with_every_other,
        "every prediction compared with every label",
        "(B, 1) minus (B,) is (B, B): each prediction is compared with all labels, and no error is raised.",
        "Take the last dimension off first: logits[:, 0], or logits.squeeze(-1).",
        NUMBERS,
    ),
    _sequence(
        absolute_errors,
        "absolute instead of squared errors",
        "The mean of the distances is returned; the official loss is the mean of their squares.",
        "nn.functional.mse_loss.",
        NUMBERS,
    ),
    _sequence(
        classes_exclude_one_another,
        "classes that exclude one another",
        "With labels (B, C) several classes may apply at once; a softmax lets them compete.",
        "binary_cross_entropy_with_logits decides about each class by itself.",
        AT_ONCE,
    ),
    _sequence(
        squares_of_many_classes,
        "squared errors for many classes",
        "Labels of 0 and 1 are taken for numbers to hit; they say whether a class applies.",
        "Squares are for a single class. Here: binary_cross_entropy_with_logits.",
        AT_ONCE,
    ),
    _answer(
        ends_added,
        "ends added",
        "The two losses are added up; official code takes their mean.",
        "Divide by 2.",
        WHOLE,
    ),
    _answer(
        only_the_start,
        "only the start",
        "Where the answer ends is never asked.",
        "The same loss once more, with end_logits and end_positions.",
        WHOLE,
    ),
    _answer(
        ends_exchanged,
        "start and end exchanged",
        "The start's scores are compared with the end's positions and the other way round.",
        "start_logits belong to start_positions.",
        WHOLE,
    ),
    _answer(
        pulled_onto_the_last_token,
        "cut-off answers pulled onto the last token",
        "A position beyond the text becomes the last one, so the model learns that answers end at [SEP].",
        "Clamp to L, which is no position, and tell cross_entropy to ignore L.",
        CUT,
    ),
    _answer(
        last_token_never_asked,
        "last position ignored",
        "Position L - 1 is ignored too; it is a token of the text like any other.",
        "Positions 0 to L - 1 are real: ignore from L on.",
        LAST,
    ),
    _answer(
        cut_off_answers_count_as_zero,
        "cut-off answers count as 0",
        "The mean goes over all texts, so each answer that was cut off makes the loss smaller.",
        "Divide by the number of answers that are there, as cross_entropy does with ignore_index.",
        CUT,
    ),
    _pool(
        padding_counted,
        "padding counted in the mean",
        "The mean goes over all positions, so a text's vector depends on how long its neighbours are.",
        "Multiply by the mask before the sum, and divide by the mask's sum.",
        POOLED,
    ),
    _pool(
        divided_by_the_whole_length,
        "divided by the whole length",
        "Padding is left out of the sum but not of the count, so short texts get short vectors.",
        "Divide by attention_mask.sum(1, keepdim=True), not by L.",
        POOLED,
    ),
    _pool(
        summed_not_averaged,
        "sum instead of mean",
        "The vectors are added up, so long texts get long vectors.",
        "Divide by the number of real tokens.",
        POOLED,
    ),
    _pool(
        cls_instead_of_the_mean,
        "[CLS] instead of the mean",
        "Only the first token is returned. MiniLM was trained with the mean of all of them.",
        "Sum over dimension 1, all real tokens, and divide.",
        POOLED,
    ),
    _pool(
        maximum_instead_of_the_mean,
        "maximum instead of the mean",
        "Each feature is the largest of all tokens: that is another pooling, for other models.",
        "Sum over the real tokens and divide by their number.",
        POOLED,
    ),
    _pool(
        one_count_for_the_batch,
        "one count for the whole batch",
        "Every sum is divided by the number of real tokens of all texts together.",
        "Each text has its own count: sum the mask over dimension 1 only.",
        POOLED,
    ),
    _pool(
        one_vector_for_the_batch,
        "one vector for the whole batch",
        "The mean goes over the texts as well.",
        "Sum over dimension 1 only; the result is (B, D).",
        POOLED,
    ),
    _pool(
        normalised_at_once,
        "normalised at once",
        "The mean is scaled to length 1 here; SentenceEncoder does that afterwards.",
        "Return the mean as it is.",
        POOLED,
    ),
    _name(
        prefix_forgotten,
        "prefix forgotten",
        'In a model with a head, the encoder\'s tensors begin with "bert." or "distilbert.".',
        'If prefix, and the name had "encoder." in front, put f"{model_type}." there.',
        IN_ENCODER,
    ),
    _name(
        prefix_on_everything,
        "prefix on the head",
        "The head stands beside the encoder, not in it, so its names have no prefix.",
        'Only what had "encoder." in front gets one (and BERT\'s pooler).',
        IN_HEAD,
    ),
    _name(
        pooler_without_prefix,
        "pooler without prefix",
        "BERT counts the pooler as part of its encoder: bert.pooler.dense.weight.",
        'The one exception: a result that begins with "pooler." gets the prefix too.',
        symptom=_forgets_the_pooler,
    ),
    _name(
        prefix_against_the_wish,
        "prefix against the wish",
        "With prefix=False no name has a prefix: files of a bare encoder have none.",
        "Ask for the argument before you put it in front.",
        SHORT,
    ),
    _name(
        norms_exchanged,
        "norms of the block exchanged",
        "The two norms have the same shape, so exchanged they load without any error and give wrong numbers.",
        "attention_norm is attention.output.LayerNorm and sa_layer_norm; output_norm the other one.",
        _names("attention_norm") + _names("output_norm"),
    ),
    _name(
        feed_forward_exchanged,
        "expand and contract exchanged",
        "expand goes from D to I features and contract back; the names are exchanged.",
        "expand is intermediate.dense and ffn.lin1, contract output.dense and ffn.lin2.",
        _names("expand") + _names("contract"),
    ),
    _name(
        berts_blocks_for_both,
        "BERT's stack for DistilBERT too",
        "DistilBERT's blocks lie in transformer.layer, not in encoder.layer.",
        "Look the stack up by model_type.",
        _names("expand")[2:],
    ),
    _name(
        berts_names_for_both,
        "BERT's names for DistilBERT too",
        "DistilBERT has names of its own: q_lin, sa_layer_norm, ffn.lin1, vocab_transform …",
        "A table with two columns, and model_type chooses the column.",
        [*_names("attention.query")[2:], *_names("expand")[2:], IN_HEAD[1]],
    ),
    _name(
        blocks_from_one,
        "blocks counted from 1",
        "All three count their blocks from 0.",
        "Keep the number as it is.",
        _names("expand"),
    ),
    _name(
        one_digit_blocks,
        "only one digit read",
        "Of block 11 only a 1 is read, so it gets the name of block 1.",
        r"A block's number may have two digits: (\d+) in the regular expression.",
        [pair for pair in _names("expand") if "11" in pair[0]],
    ),
    _filler(
        padding_seen,
        "attention mask not handed on",
        "The encoder sees padding as words, so a guess depends on the other texts of the batch.",
        "model.encoder(input_ids, attention_mask).",
    ),
    _filler(
        everything_projected,
        "every position projected",
        "All L positions are multiplied with 30,522 words, and all but the masks' results are thrown away.",
        "Choose first, project afterwards: model.head(hidden[chosen]), not model.head(hidden)[chosen].",
        _projects_everything,
    ),
    _filler(
        scores_not_probabilities,
        "scores instead of probabilities",
        "The head's scores are returned as they are; they can be negative and do not sum to 1.",
        "softmax over the words, the last dimension.",
    ),
    _filler(
        softmax_over_the_masks,
        "softmax over the masks",
        "The masks compete for each word; the words are to compete for each mask.",
        "softmax(-1): the words are the last dimension.",
    ),
    _filler(
        first_mask_of_each_text,
        "only the first mask of each text",
        "argmax finds one mask a text; a text may have several.",
        "Index with the whole comparison: hidden[input_ids == mask_token_id].",
    ),
    _filler(
        only_the_masks_encoded,
        "masks encoded without their text",
        "Only the masks go through the encoder, so every hole gets the same guess whatever stands around it.",
        "Encode the whole batch, then choose the masks' hidden states.",
    ),
]
