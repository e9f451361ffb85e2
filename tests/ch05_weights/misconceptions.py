"""Chapter 5: wrong heads, losses, names and fill-masks that people really write.

Functions of tensors are recognised by what they return. A head is recognised if it gives the same results as the
wrong one, with the same weights and input.
"""

import re

import torch
from torch import nn
from torch.nn import functional as F

from minidistil.ch04_encoder.encoder import EncoderConfig, initialize
from minidistil.ch05_weights.classifiers import ClassifierConfig
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch05_weights.tensor_names import _STACK, _THEIRS
from minidistil.course.misconceptions import misconception

_SIZES = {"vocab_size": 9, "hidden_size": 4, "num_attention_heads": 1, "num_hidden_layers": 1, "intermediate_size": 8}
_HIDDEN = torch.sin(torch.arange(24.0)).reshape(2, 3, 4) * 2


def _filled(module, scale=1.0):
    """The same weights by name for every module, large enough that differences show."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _, tensor in sorted(module.state_dict().items()):
            tensor.copy_(scale * torch.randn(tensor.shape, generator=generator))
    return module.eval()


def _same_results(run):
    """A factory of symptoms: `run` gives the same tensors for an implementation as for the wrong one."""

    def symptom_of(wrong):
        def shows(implementation):
            mine, others = run(implementation), run(wrong)
            return len(mine) == len(others) and all(
                one.shape == other.shape and torch.allclose(one, other, atol=1e-5) for one, other in zip(mine, others)
            )

        return shows

    return symptom_of


# MaskedLMHead


@_same_results
def _same_scores(kind):
    """Scores, and the gradient of the word embeddings if they get one."""
    head = _filled(kind(EncoderConfig(**_SIZES), nn.Embedding(9, 4)))
    scores = head(_HIDDEN.clone())
    (gradient,) = torch.autograd.grad(scores.sum(), head.word.weight, allow_unused=True)
    return [scores] if gradient is None else [scores, gradient]


class _RightHead(nn.Module):
    def __init__(self, config, word):
        super().__init__()
        self.transform = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.transform.apply(lambda module: initialize(module, config.initializer_range))
        self.word = word

    def features(self, hidden_states):
        return self.norm(F.gelu(self.transform(hidden_states)))

    def forward(self, hidden_states):
        return self.features(hidden_states) @ self.word.weight.T + self.bias


@misconception("MaskedLMHead", "decoder not tied", symptom_of=_same_scores)
class NotTied(_RightHead):
    """The decoder has a matrix of its own: 23 million parameters more in BERT, and no file contains it.

    Multiply by self.word.weight, transposed; create no new nn.Linear.
    """

    def __init__(self, config, word):
        super().__init__(config, word)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, hidden_states):
        return self.decoder(self.features(hidden_states)) + self.bias


@misconception("MaskedLMHead", "word embeddings detached", symptom_of=_same_scores)
class TiedByACopy(_RightHead):
    """The scores are right, but their gradient never reaches the word embeddings.

    Use self.word.weight itself: no detach, no clone, no .data.
    """

    def forward(self, hidden_states):
        return self.features(hidden_states) @ self.word.weight.detach().T + self.bias


@misconception("MaskedLMHead", "bias of the words forgotten", symptom_of=_same_scores)
class WordBiasForgotten(_RightHead):
    """The scores lack the bias of each word, by which a head knows how frequent a word is.

    Add self.bias at the end: it has one number for each word.
    """

    def forward(self, hidden_states):
        return self.features(hidden_states) @ self.word.weight.T


@misconception("MaskedLMHead", "norm before the GELU", symptom_of=_same_scores)
class NormBeforeGelu(_RightHead):
    """The layer norm comes before the activation function; in BERT it comes after it.

    self.norm(gelu(self.transform(hidden_states))).
    """

    def features(self, hidden_states):
        return F.gelu(self.norm(self.transform(hidden_states)))


@misconception("MaskedLMHead", "GELU of the head forgotten", symptom_of=_same_scores)
class GeluForgotten(_RightHead):
    """There is no activation function between the transform and the decoder.

    self.norm(gelu(self.transform(hidden_states))).
    """

    def features(self, hidden_states):
        return self.norm(self.transform(hidden_states))


@misconception("MaskedLMHead", "norm of the head forgotten", symptom_of=_same_scores)
class NormForgotten(_RightHead):
    """The features are not normalised, so the scores depend on their size and not only on their direction.

    self.norm(...) around the output of GELU.
    """

    def features(self, hidden_states):
        return F.gelu(self.transform(hidden_states))


@misconception("MaskedLMHead", "transform of the head forgotten", symptom_of=_same_scores)
class TransformForgotten(_RightHead):
    """The hidden states are multiplied by the word embeddings directly, without transform, GELU and norm.

    Three steps come before the product: transform, GELU, norm.
    """

    def features(self, hidden_states):
        return hidden_states


@misconception("MaskedLMHead", "probabilities instead of scores", symptom_of=_same_scores)
class SoftmaxInTheHead(_RightHead):
    """The head ends with a softmax. The loss applies its own, and the softmax of a softmax is nearly uniform.

    Return the scores: fill_mask and cross_entropy do the rest.
    """

    def forward(self, hidden_states):
        return super().forward(hidden_states).softmax(-1)


@misconception("MaskedLMHead", "ReLU in the head", symptom_of=_same_scores)
class ReluInTheHead(_RightHead):
    """The activation function is ReLU; BERT's head was trained with GELU, as its blocks were.

    Use gelu(self.transform(hidden_states)).
    """

    def features(self, hidden_states):
        return self.norm(F.relu(self.transform(hidden_states)))


@misconception("MaskedLMHead", "GELU approximated by tanh", symptom_of=_same_scores)
class GeluByTanh(_RightHead):
    """This is the approximation of GELU that GPT-2 uses. BERT has the exact one, with erf, and the scores differ.

    Use nn.functional.gelu without approximate="tanh", or gelu of chapter 4.
    """

    def features(self, hidden_states):
        return self.norm(F.gelu(self.transform(hidden_states), approximate="tanh"))


@misconception("MaskedLMHead", "weight and bias of the norm exchanged", symptom_of=_same_scores)
class GammaForBeta(_RightHead):
    """The norm multiplies by its bias and adds its weight. Both have shape (D,), so nothing warns you.

    Call self.norm, or pass first self.norm.weight (gamma), then self.norm.bias (beta).
    """

    def features(self, hidden_states):
        activated = F.gelu(self.transform(hidden_states))
        return F.layer_norm(activated, activated.shape[-1:], self.norm.bias, self.norm.weight, self.norm.eps)


@misconception("MaskedLMHead", "weight of the transform not transposed", symptom_of=_same_scores)
class TransformNotTransposed(_RightHead):
    """nn.Linear stores (out, in). The transform is square, so a product without the transpose fits and is wrong.

    Call self.transform(hidden_states), or multiply by self.transform.weight.T.
    """

    def features(self, hidden_states):
        return self.norm(F.gelu(hidden_states @ self.transform.weight + self.transform.bias))


@misconception("MaskedLMHead", "bias of the transform forgotten", symptom_of=_same_scores)
class TransformBiasForgotten(_RightHead):
    """The transform's weight is used without its bias.

    Call self.transform(hidden_states), which adds it, instead of multiplying by the weight.
    """

    def features(self, hidden_states):
        return self.norm(F.gelu(hidden_states @ self.transform.weight.T))


@misconception("MaskedLMHead", "residual connection in the head", symptom_of=_same_scores)
class ResidualInTheHead(_RightHead):
    """The hidden states are added before the norm, as in a block; the head has no residual connection.

    Only the transformed and activated features go into self.norm.
    """

    def features(self, hidden_states):
        return self.norm(hidden_states + F.gelu(self.transform(hidden_states)))


# SequenceClassifierHead


@_same_results
def _same_classes(kind):
    """The scores in BERT and DistilBERT, in evaluation and with dropout."""
    sizes = _SIZES | {"id2label": ("a", "b", "c"), "classifier_dropout": 0.5}
    heads = [_filled(kind(ClassifierConfig(**sizes, type_vocab_size=types))) for types in (2, 0)]
    torch.manual_seed(0)
    return [head(_HIDDEN.clone()) for head in heads] + [head.train()(_HIDDEN.clone()) for head in heads]


class _RightClassifier(nn.Module):
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

    def activation(self, dense):
        return dense.tanh() if self.is_bert else dense.relu()

    def forward(self, hidden_states):
        return self.classifier(self.dropout(self.activation(self.dense(self.text(hidden_states)))))


@misconception("SequenceClassifierHead", "BERT's activation function for DistilBERT", symptom_of=_same_classes)
class TanhForBoth(_RightClassifier):
    """The activation function of DistilBERT's classifier is tanh here; DistilBERT was trained with ReLU.

    self.is_bert decides: tanh if true, else relu.
    """

    def activation(self, dense):
        return dense.tanh()


@misconception("SequenceClassifierHead", "DistilBERT's activation function for BERT", symptom_of=_same_classes)
class ReluForBoth(_RightClassifier):
    """The activation function of BERT's pooler is ReLU here, which makes half of its features 0; BERT uses tanh.

    self.is_bert decides: tanh if true, else relu.
    """

    def activation(self, dense):
        return dense.relu()


@misconception("SequenceClassifierHead", "activation functions exchanged", symptom_of=_same_classes)
class ActivationsExchanged(_RightClassifier):
    """BERT gets ReLU and DistilBERT tanh: it is the other way round.

    torch.tanh for BERT, torch.relu for DistilBERT.
    """

    def activation(self, dense):
        return dense.relu() if self.is_bert else dense.tanh()


@misconception("SequenceClassifierHead", "GELU in the classifier", symptom_of=_same_classes)
class GeluInTheClassifier(_RightClassifier):
    """GELU is the activation function of the blocks and of the masked-LM head; the classifier has tanh or ReLU.

    torch.tanh for BERT, torch.relu for DistilBERT.
    """

    def activation(self, dense):
        return F.gelu(dense)


@misconception("SequenceClassifierHead", "activation function forgotten", symptom_of=_same_classes)
class ActivationForgotten(_RightClassifier):
    """Without an activation function between them, dense layer and classifier are together one linear layer.

    torch.tanh for BERT, torch.relu for DistilBERT, right after self.dense.
    """

    def activation(self, dense):
        return dense


@misconception("SequenceClassifierHead", "mean of all tokens", symptom_of=_same_classes)
class MeanOfTheTokens(_RightClassifier):
    """The classifier gets the mean of the tokens, padding included; BERT's classifier gets [CLS] alone.

    hidden_states[:, 0].
    """

    def text(self, hidden_states):
        return hidden_states.mean(1)


@misconception("SequenceClassifierHead", "last token used", symptom_of=_same_classes)
class LastTokenUsed(_RightClassifier):
    """The last position is [SEP] or padding. Decoders classify by the last token; BERT does by [CLS], the first.

    hidden_states[:, 0].
    """

    def text(self, hidden_states):
        return hidden_states[:, -1]


@misconception("SequenceClassifierHead", "first text instead of first token", symptom_of=_same_classes)
class FirstSequenceUsed(_RightClassifier):
    """hidden_states[0] is the first text of the batch with all its tokens.

    Dimension 0 is the batch, dimension 1 the tokens: hidden_states[:, 0].
    """

    def text(self, hidden_states):
        return hidden_states[0]


@misconception("SequenceClassifierHead", "dense layer forgotten", symptom_of=_same_classes)
class DenseForgotten(_RightClassifier):
    """[CLS] goes straight into the classifier; dense layer and activation function come before it.

    self.classifier(self.dropout(activation(self.dense(hidden_states[:, 0])))).
    """

    def forward(self, hidden_states):
        return self.classifier(self.dropout(self.text(hidden_states)))


@misconception("SequenceClassifierHead", "dropout before the dense layer", symptom_of=_same_classes)
class DropoutBeforeDense(_RightClassifier):
    """Dropout is applied to [CLS]; the official code applies it to the output of the activation function.

    The dropout comes right before the classifier.
    """

    def forward(self, hidden_states):
        return self.classifier(self.activation(self.dense(self.dropout(self.text(hidden_states)))))


@misconception("SequenceClassifierHead", "no dropout in the head", symptom_of=_same_classes)
class DropoutForgotten(_RightClassifier):
    """In evaluation everything is right, but in training no feature is dropped.

    Call self.dropout(...) between the activation function and the classifier.
    """

    def forward(self, hidden_states):
        return self.classifier(self.activation(self.dense(self.text(hidden_states))))


@misconception("SequenceClassifierHead", "dropout in evaluation too", symptom_of=_same_classes)
class DropoutAlways(_RightClassifier):
    """Features are dropped even in evaluation, so the same text gets other scores each time.

    Call the module self.dropout, or pass training=self.training to nn.functional.dropout.
    """

    def forward(self, hidden_states):
        features = self.activation(self.dense(self.text(hidden_states)))
        return self.classifier(F.dropout(features, self.dropout.p))


@misconception("SequenceClassifierHead", "dropout twice", symptom_of=_same_classes)
class DropoutTwice(_RightClassifier):
    """Dropout is applied to [CLS] and once more before the classifier; the official classifier has it once.

    Only before the classifier: the encoder's own output has passed through dropout already.
    """

    def forward(self, hidden_states):
        return super().forward(self.dropout(hidden_states[:, :1]))


@misconception("SequenceClassifierHead", "probabilities instead of class scores", symptom_of=_same_classes)
class SoftmaxOfTheClasses(_RightClassifier):
    """The head ends with a softmax; sequence_loss applies its own, and the loss can then not come near 0.

    Return the scores of self.classifier as they are.
    """

    def forward(self, hidden_states):
        return super().forward(hidden_states).softmax(-1)


# sequence_loss

_SCORES = torch.tensor([[0.3, -1.0, 2.0], [1.5, 0.2, -0.4]])
_CLASSES = [(_SCORES, torch.tensor([2, 1])), (_SCORES, torch.tensor([0, 0]))]
_MULTI_LABEL = [(_SCORES, torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]))]
_NUMBERS = [(_SCORES[:, :1], torch.tensor([1.0, -2.0])), (_SCORES[:, 1:2], torch.tensor([4, 2]))]


def _sequence_loss(logits, labels, one=None, several=F.cross_entropy, multi=F.binary_cross_entropy_with_logits):
    if logits.shape[-1] == 1:
        return one(logits, labels) if one else F.mse_loss(logits[:, 0], labels.to(logits.dtype))
    return multi(logits, labels) if labels.is_floating_point() else several(logits, labels)


@misconception("sequence_loss", "softmax before the loss", inputs=_CLASSES)
def softmax_before_the_loss(logits, labels):
    """cross_entropy applies a softmax itself; with probabilities as its input the loss cannot come near 0.

    Pass the logits as they are.
    """
    return _sequence_loss(logits, labels, several=lambda x, y: F.cross_entropy(x.softmax(-1), y))


@misconception("sequence_loss", "summed over the batch", inputs=_CLASSES)
def summed_over_the_batch(logits, labels):
    """The losses are added up, so a larger batch has a larger loss and larger gradients.

    Take the mean, which is the default of PyTorch's functions.
    """
    return _sequence_loss(logits, labels, several=lambda x, y: F.cross_entropy(x, y, reduction="sum"))


@misconception("sequence_loss", "cross-entropy of a single class", inputs=_NUMBERS)
def cross_entropy_of_one_class(logits, labels):
    """A softmax over one class is always 1 and its loss always 0: nothing is learned.

    With one class, labels are numbers: mean squared error.
    """
    return _sequence_loss(logits, labels, one=lambda x, y: F.cross_entropy(x, torch.zeros_like(y, dtype=torch.long)))


@misconception("sequence_loss", "every prediction compared with every label", inputs=_NUMBERS)
def every_number_with_every_other(logits, labels):
    """(B, 1) minus (B,) is (B, B): each prediction is compared with all labels, and no error is raised.

    Remove the last dimension first: logits[:, 0], or logits.squeeze(-1).
    """
    return _sequence_loss(logits, labels, one=lambda x, y: (x - y.to(x.dtype)).square().mean())


@misconception("sequence_loss", "absolute instead of squared errors", inputs=_NUMBERS)
def absolute_errors(logits, labels):
    """This is the mean absolute error; the official loss is the mean squared error.

    nn.functional.mse_loss.
    """
    return _sequence_loss(logits, labels, one=lambda x, y: F.l1_loss(x[:, 0], y.to(x.dtype)))


@misconception("sequence_loss", "classes that exclude one another", inputs=_MULTI_LABEL)
def classes_exclude_one_another(logits, labels):
    """With labels (B, C) several classes may apply at once; a softmax makes them compete.

    binary_cross_entropy_with_logits decides about each class independently.
    """
    return _sequence_loss(logits, labels, multi=F.cross_entropy)


@misconception("sequence_loss", "squared errors for many classes", inputs=_MULTI_LABEL)
def squares_of_many_classes(logits, labels):
    """Labels of 0 and 1 are treated as numbers to predict; they say whether a class applies.

    Squared errors are for a single class. Here: binary_cross_entropy_with_logits.
    """
    return _sequence_loss(logits, labels, multi=F.mse_loss)


@misconception("sequence_loss", "binary losses summed over the classes", inputs=_MULTI_LABEL)
def binary_losses_summed(logits, labels):
    """The binary cross-entropies of a text are added up, so the loss grows with the number of classes.

    Take the mean over texts and classes, which is the default of binary_cross_entropy_with_logits.
    """

    def summed(logits, labels):
        return F.binary_cross_entropy_with_logits(logits, labels, reduction="none").sum(-1).mean()

    return _sequence_loss(logits, labels, multi=summed)


@misconception("sequence_loss", "yes or no for each of the exclusive classes", inputs=_CLASSES)
def binary_losses_of_exclusive_classes(logits, labels):
    """Integer labels say that one class is right, but each class is judged by itself, by a sigmoid.

    cross_entropy, whose softmax makes the classes compete, for integer labels.
    """

    def each_class(logits, labels):
        return F.binary_cross_entropy_with_logits(logits, F.one_hot(labels, logits.shape[-1]).to(logits.dtype))

    return _sequence_loss(logits, labels, several=each_class)


@misconception("sequence_loss", "root of the mean squared error", inputs=_NUMBERS)
def root_of_the_squares(logits, labels):
    """The square root is taken; its gradient does not become small near the right answer.

    Return the mean of the squares itself.
    """
    return _sequence_loss(logits, labels, one=lambda x, y: F.mse_loss(x[:, 0], y.to(x.dtype)).sqrt())


# answer_loss

_STARTS, _ENDS = torch.sin(torch.arange(12.0)).reshape(3, 4), torch.cos(torch.arange(12.0)).reshape(3, 4)
_WHOLE = [(_STARTS, _ENDS, torch.tensor([0, 1, 2]), torch.tensor([2, 2, 2]))]
_CUT = [(_STARTS, _ENDS, torch.tensor([0, 4, 9]), torch.tensor([2, 4, 9]))]
_LAST = [(_STARTS, _ENDS, torch.tensor([0, 3, 2]), torch.tensor([3, 3, 2]))]


def _answer_loss(start, end, first, last, change=lambda x, length: x, total=lambda a, b: (a + b) / 2, **reduction):
    length = start.shape[1]
    return total(
        *(
            F.cross_entropy(logits, change(positions, length).clamp(max=length), ignore_index=length, **reduction)
            for logits, positions in ((start, first), (end, last))
        )
    )


@misconception("answer_loss", "start and end added up", inputs=_WHOLE)
def ends_added(start_logits, end_logits, start_positions, end_positions):
    """The two losses are added up; the official code takes their mean.

    Divide by 2.
    """
    return _answer_loss(start_logits, end_logits, start_positions, end_positions, total=lambda a, b: a + b)


@misconception("answer_loss", "only the start", inputs=_WHOLE)
def only_the_start(start_logits, end_logits, start_positions, end_positions):
    """The loss does not contain the end of the answer.

    Compute the same loss again with end_logits and end_positions.
    """
    return _answer_loss(start_logits, end_logits, start_positions, end_positions, total=lambda a, b: a)


@misconception("answer_loss", "start and end exchanged", inputs=_WHOLE)
def ends_exchanged(start_logits, end_logits, start_positions, end_positions):
    """The start's scores are compared with the end's positions and the other way round.

    start_logits belong to start_positions.
    """
    return _answer_loss(start_logits, end_logits, end_positions, start_positions)


@misconception("answer_loss", "cut-off answers moved to the last token", inputs=_CUT)
def moved_to_the_last_token(start_logits, end_logits, start_positions, end_positions):
    """A position beyond the text becomes the last one, so the model learns that answers end at [SEP].

    Clamp to L, which is no position, and pass ignore_index=L to cross_entropy.
    """
    change = lambda x, length: x.clamp(max=length - 1)  # noqa: E731
    return _answer_loss(start_logits, end_logits, start_positions, end_positions, change)


@misconception("answer_loss", "last position ignored", inputs=_LAST)
def last_position_ignored(start_logits, end_logits, start_positions, end_positions):
    """Position L - 1 is ignored too; it is a token of the text like any other.

    Positions 0 to L - 1 are real: ignore from L on.
    """
    change = lambda x, length: torch.where(x >= length - 1, length, x)  # noqa: E731
    return _answer_loss(start_logits, end_logits, start_positions, end_positions, change)


@misconception("answer_loss", "cut-off answers count as 0", inputs=_CUT)
def cut_off_answers_count_as_zero(start_logits, end_logits, start_positions, end_positions):
    """The mean goes over all texts, so each answer that was cut off makes the loss smaller.

    Divide by the number of answers that are there, as cross_entropy does with ignore_index.
    """
    inputs = (start_logits, end_logits, start_positions, end_positions)
    return _answer_loss(*inputs, reduction="sum") / len(start_logits)


_UNEVEN = [(_STARTS, _ENDS, torch.tensor([0, 1, 0]), torch.tensor([2, 4, 9]))]  # 3 starts, 1 end


@misconception("answer_loss", "one mean over both ends", inputs=_UNEVEN)
def one_mean_over_both_ends(start_logits, end_logits, start_positions, end_positions):
    """Starts and ends are averaged together. Where more ends than starts were cut off, the starts then weigh more.

    Compute a mean for the starts and a mean for the ends, and then the mean of these two.
    """
    logits, positions = torch.cat([start_logits, end_logits]), torch.cat([start_positions, end_positions])
    length = logits.shape[1]
    return F.cross_entropy(logits, positions.clamp(max=length), ignore_index=length)


@misconception("answer_loss", "a text left out if one end is cut off", inputs=_UNEVEN)
def both_ends_or_none(start_logits, end_logits, start_positions, end_positions):
    """If only the end was cut off, the start is ignored with it, although it is in the text.

    Decide for starts and ends separately.
    """
    length = start_logits.shape[1]
    whole = (start_positions < length) & (end_positions < length)
    return _answer_loss(start_logits[whole], end_logits[whole], start_positions[whole], end_positions[whole])


@misconception("answer_loss", "softmax over the texts", inputs=_WHOLE)
def softmax_over_the_texts(start_logits, end_logits, start_positions, end_positions):
    """The probabilities of a position sum to 1 over the batch, so a text's loss depends on the other texts.

    The positions are the last dimension: log_softmax(-1).
    """
    rows = torch.arange(len(start_logits))
    right = [
        logits.log_softmax(0)[rows, positions]
        for logits, positions in ((start_logits, start_positions), (end_logits, end_positions))
    ]
    return -torch.stack(right).mean()


# mean_pooling

_POOLED = [(_HIDDEN, torch.tensor([[1, 1, 0], [1, 1, 1]])), (_HIDDEN, torch.tensor([[1, 0, 0], [1, 1, 0]]))]


@misconception("mean_pooling", "padding counted in the mean", inputs=_POOLED)
def padding_counted(hidden_states, attention_mask=None):
    """The mean goes over all positions, so a text's vector depends on how long the other texts of the batch are.

    Multiply by the mask before the sum, and divide by the mask's sum.
    """
    return hidden_states.mean(1)


@misconception("mean_pooling", "divided by the whole length", inputs=_POOLED)
def divided_by_the_whole_length(hidden_states, attention_mask=None):
    """Padding is left out of the sum but not of the count, so short texts get short vectors.

    Divide by attention_mask.sum(1, keepdim=True), not by L.
    """
    return (hidden_states * (1 if attention_mask is None else attention_mask[:, :, None])).mean(1)


@misconception("mean_pooling", "sum instead of mean", inputs=_POOLED)
def summed_not_averaged(hidden_states, attention_mask=None):
    """The vectors are added up, so long texts get long vectors.

    Divide by the number of real tokens.
    """
    return (hidden_states * (1 if attention_mask is None else attention_mask[:, :, None])).sum(1)


@misconception("mean_pooling", "[CLS] instead of the mean", inputs=_POOLED)
def cls_instead_of_the_mean(hidden_states, attention_mask=None):
    """Only the first token is returned. MiniLM was trained with the mean of all tokens.

    Sum over dimension 1, all real tokens, and divide.
    """
    return hidden_states[:, 0]


@misconception("mean_pooling", "maximum instead of the mean", inputs=_POOLED)
def maximum_instead_of_the_mean(hidden_states, attention_mask=None):
    """Each feature is the largest of all tokens: this is max pooling, which other models use.

    Sum over the real tokens and divide by their number.
    """
    if attention_mask is None:
        return hidden_states.amax(1)
    return hidden_states.masked_fill(attention_mask[:, :, None] == 0, -torch.inf).amax(1)


@misconception("mean_pooling", "one count for the whole batch", inputs=_POOLED)
def one_count_for_the_batch(hidden_states, attention_mask=None):
    """Every sum is divided by the number of real tokens of all texts together.

    Each text has its own count: sum the mask over dimension 1 only.
    """
    if attention_mask is None:
        return hidden_states.mean(1)
    return (hidden_states * attention_mask[:, :, None]).sum(1) / attention_mask.sum()


@misconception("mean_pooling", "one vector for the whole batch", inputs=_POOLED)
def one_vector_for_the_batch(hidden_states, attention_mask=None):
    """The mean goes over the texts as well.

    Sum over dimension 1 only; the result is (B, D).
    """
    if attention_mask is None:
        return hidden_states.mean((0, 1))
    return hidden_states[attention_mask.bool()].mean(0)


@misconception("mean_pooling", "normalised too early", inputs=_POOLED)
def normalised_too_early(hidden_states, attention_mask=None):
    """The mean is scaled to length 1 here; SentenceEncoder does that afterwards.

    Return the mean as it is.
    """
    real = torch.ones(hidden_states.shape[:2]) if attention_mask is None else attention_mask
    mean = (hidden_states * real[:, :, None]).sum(1) / real.sum(1, keepdim=True)
    return F.normalize(mean, dim=-1)


@misconception("mean_pooling", "mask upside down", inputs=_POOLED[1:])
def mask_upside_down(hidden_states, attention_mask=None):
    """The vectors of the padding are averaged, and the real tokens are left out.

    The mask is 1 at real tokens: multiply by the mask itself, not by 1 minus the mask.
    """
    padding = torch.zeros(hidden_states.shape[:2]) if attention_mask is None else 1 - attention_mask
    return (hidden_states * padding[:, :, None]).sum(1) / padding.sum(1, keepdim=True)


@misconception("mean_pooling", "[CLS] and [SEP] left out", inputs=_POOLED[:1])
def special_tokens_left_out(hidden_states, attention_mask=None):
    """The first and the last real token are left out. MiniLM was trained with the mean of all of them.

    Every position whose mask is 1 counts, the special tokens too.
    """
    real = torch.ones(hidden_states.shape[:2]) if attention_mask is None else attention_mask.clone()
    last = real.sum(1).long() - 1
    real[:, 0] = 0
    real[torch.arange(len(real)), last] = 0
    return (hidden_states * real[:, :, None]).sum(1) / real.sum(1, keepdim=True)


# their_name

_IN_ENCODER = [("encoder.embeddings.word.weight", kind) for kind in ("bert", "distilbert")]
_IN_HEAD = [("head.transform.bias", kind) for kind in ("bert", "distilbert")]


def _name(ours, model_type, prefix, swap=(), stacks=_STACK, shift=0, prefixed=bool):
    encoder, block, number, path, kind = re.match(r"(encoder\.)?(layers\.(\d+)\.)?(.*)\.(\w+)$", ours).groups()
    name = f"{stacks[model_type]}.{int(number) + shift}." if block else ""
    if path in swap:
        path = swap[1 - swap.index(path)]
    name += f"{_THEIRS[model_type][path]}.{kind}"
    inside = encoder or name.startswith("pooler.")
    return f"{model_type}.{name}" if prefix and prefixed(inside) else name


def _in_blocks(path, kinds=("bert", "distilbert"), numbers=(2, 11)):
    return [(f"encoder.layers.{number}.{path}.bias", kind) for kind in kinds for number in numbers]


def _forgets_the_pooler(function):
    names = (function("head.dense.weight", "bert"), function("encoder.layers.0.expand.bias", "bert"))
    return names == ("pooler.dense.weight", "bert.encoder.layer.0.intermediate.dense.bias")


@misconception("their_name", "prefix forgotten", inputs=_IN_ENCODER)
def prefix_forgotten(ours, model_type, prefix=True):
    """In a model with a head, the names of the encoder's tensors begin with "bert." or "distilbert.".

    If prefix is True and the name had "encoder." in front, put f"{model_type}." there.
    """
    return _name(ours, model_type, False)


@misconception("their_name", "prefix on the head", inputs=_IN_HEAD)
def prefix_on_everything(ours, model_type, prefix=True):
    """The head is outside the encoder, so its names have no prefix.

    Only names that had "encoder." in front get one (and BERT's pooler).
    """
    return _name(ours, model_type, prefix, prefixed=lambda inside: True)


@misconception("their_name", "pooler without prefix", symptom=_forgets_the_pooler)
def pooler_without_prefix(ours, model_type, prefix=True):
    """BERT counts the pooler as part of its encoder: bert.pooler.dense.weight.

    The one exception: a result that begins with "pooler." gets the prefix too.
    """
    return _name(ours, model_type, prefix and ours.startswith("encoder."))


@misconception("their_name", "prefix in spite of prefix=False", inputs=[(*each, False) for each in _IN_ENCODER])
def prefix_always(ours, model_type, prefix=True):
    """With prefix=False no name has a prefix: files of an encoder without a head have none.

    Test the argument before you add the prefix.
    """
    return _name(ours, model_type, True)


@misconception(
    "their_name", "norms of the block exchanged", inputs=_in_blocks("attention_norm") + _in_blocks("output_norm")
)
def norms_exchanged(ours, model_type, prefix=True):
    """The two norms have the same shape, so if exchanged they load without any error and give wrong numbers.

    attention_norm is attention.output.LayerNorm and sa_layer_norm; output_norm is the other one.
    """
    return _name(ours, model_type, prefix, swap=("attention_norm", "output_norm"))


@misconception("their_name", "expand and contract exchanged", inputs=_in_blocks("expand") + _in_blocks("contract"))
def feed_forward_exchanged(ours, model_type, prefix=True):
    """expand goes from D to I features and contract back; the names are exchanged.

    expand is intermediate.dense and ffn.lin1, contract is output.dense and ffn.lin2.
    """
    return _name(ours, model_type, prefix, swap=("expand", "contract"))


@misconception("their_name", "BERT's stack for DistilBERT too", inputs=_in_blocks("expand", ["distilbert"]))
def berts_blocks_for_both(ours, model_type, prefix=True):
    """DistilBERT's blocks are in transformer.layer, not in encoder.layer.

    Choose the stack by model_type.
    """
    return _name(ours, model_type, prefix, stacks=dict.fromkeys(_STACK, _STACK["bert"]))


@misconception(
    "their_name",
    "BERT's names for DistilBERT too",
    inputs=[*_in_blocks("attention.query", ["distilbert"]), *_in_blocks("expand", ["distilbert"]), _IN_HEAD[1]],
)
def berts_names_for_both(ours, model_type, prefix=True):
    """DistilBERT has its own names: q_lin, sa_layer_norm, ffn.lin1, vocab_transform …

    Use a table with two columns, and choose the column by model_type.
    """
    name = _name(ours, "bert", prefix)
    return name.replace("bert.", f"{model_type}.", 1) if name.startswith("bert.") else name


@misconception("their_name", "blocks counted from 1", inputs=_in_blocks("expand"))
def blocks_from_one(ours, model_type, prefix=True):
    """minidistil, BERT and DistilBERT all count their blocks from 0.

    Keep the number as it is.
    """
    return _name(ours, model_type, prefix, shift=1)


@misconception("their_name", "only one digit read", inputs=_in_blocks("expand", numbers=[11]))
def one_digit_blocks(ours, model_type, prefix=True):
    r"""Only the first digit of the number is read, so block 11 gets the name of block 1.

    A block's number may have two digits: (\d+) in the regular expression.
    """
    return _name(re.sub(r"layers\.(\d)\d\.", r"layers.\1.", ours), model_type, prefix)


@misconception(
    "their_name",
    "query and key exchanged",
    inputs=_in_blocks("attention.query", ["bert"]) + _in_blocks("attention.key", ["distilbert"]),
)
def query_and_key_exchanged(ours, model_type, prefix=True):
    """Query and key have the same shape, so if exchanged they load without any error and give wrong numbers.

    Query is attention.self.query and q_lin; key is attention.self.key and k_lin.
    """
    return _name(ours, model_type, prefix, swap=("attention.query", "attention.key"))


@misconception(
    "their_name",
    "gamma and beta",
    inputs=[("encoder.embeddings.norm.weight", "bert"), ("encoder.embeddings.norm.bias", "distilbert")],
)
def gamma_and_beta(ours, model_type, prefix=True):
    """The layer norms get "gamma" and "beta", as in the oldest files; transformers writes "weight" and "bias".

    Keep the last part of the name as it is.
    """
    name, old = _name(ours, model_type, prefix), {"weight": "gamma", "bias": "beta"}
    path, _, kind = name.rpartition(".")
    return f"{path}.{old[kind]}" if path.lower().endswith("norm") else name


def _prefixes_the_pre_classifier(function):
    names = (function("head.dense.weight", "distilbert"), function(*_IN_HEAD[1]))
    return names == ("distilbert.pre_classifier.weight", "vocab_transform.bias")


@misconception("their_name", "prefix on DistilBERT's pre_classifier", symptom=_prefixes_the_pre_classifier)
def prefix_on_the_pre_classifier(ours, model_type, prefix=True):
    """BERT's pooler belongs to the encoder, but DistilBERT's pre_classifier belongs to the head: no prefix.

    Only a result that begins with "pooler." gets the prefix.
    """
    return _name(ours, model_type, prefix, prefixed=lambda inside: inside or ours.startswith("head.dense"))


# mask_probabilities

_IDS = torch.tensor([[1, 3, 5, 3, 6], [3, 2, 7, 0, 0]])


@_same_results
def _same_guesses(function):
    model = _filled(MaskedLM(EncoderConfig(**_SIZES)), 0.5)
    with torch.no_grad():
        return [function(model, _IDS.clone(), (_IDS > 0).long(), 3), function(model, _IDS.clone(), None, 3)]


def _projects_everything(function):
    model, projected = _filled(MaskedLM(EncoderConfig(**_SIZES)), 0.5), []
    model.head.register_forward_hook(lambda module, inputs, output: projected.append(output[..., 0].numel()))
    function(model, _IDS.clone(), None, 3)
    return sum(projected) == 10


@misconception("mask_probabilities", "attention mask not passed on", symptom_of=_same_guesses)
def padding_seen(model, input_ids, attention_mask, mask_token_id):
    """The encoder treats padding as words, so a guess depends on the other texts of the batch.

    model.encoder(input_ids, attention_mask).
    """
    hidden = model.encoder(input_ids).last_hidden_state
    return model.head(hidden[input_ids == mask_token_id]).softmax(-1)


@misconception("mask_probabilities", "every position projected", symptom=_projects_everything)
def everything_projected(model, input_ids, attention_mask, mask_token_id):
    """All L positions are projected onto 30,522 words, and all results but those at the masks are thrown away.

    Select first, project afterwards: model.head(hidden[chosen]), not model.head(hidden)[chosen].
    """
    hidden = model.encoder(input_ids, attention_mask).last_hidden_state
    return model.head(hidden)[input_ids == mask_token_id].softmax(-1)


@misconception("mask_probabilities", "scores instead of probabilities", symptom_of=_same_guesses)
def scores_not_probabilities(model, input_ids, attention_mask, mask_token_id):
    """The head's scores are returned as they are; they can be negative and do not sum to 1.

    softmax over the words, the last dimension.
    """
    hidden = model.encoder(input_ids, attention_mask).last_hidden_state
    return model.head(hidden[input_ids == mask_token_id])


@misconception("mask_probabilities", "softmax over the masks", symptom_of=_same_guesses)
def softmax_over_the_masks(model, input_ids, attention_mask, mask_token_id):
    """The probabilities of a word at all masks sum to 1, instead of those of all words at a mask.

    softmax(-1): the words are the last dimension.
    """
    hidden = model.encoder(input_ids, attention_mask).last_hidden_state
    return model.head(hidden[input_ids == mask_token_id]).softmax(0)


@misconception("mask_probabilities", "only the first mask of each text", symptom_of=_same_guesses)
def first_mask_of_each_text(model, input_ids, attention_mask, mask_token_id):
    """argmax finds one mask in each text; a text may have several.

    Index with the whole comparison: hidden[input_ids == mask_token_id].
    """
    hidden = model.encoder(input_ids, attention_mask).last_hidden_state
    first = (input_ids == mask_token_id).int().argmax(1)
    return model.head(hidden[torch.arange(len(first)), first]).softmax(-1)


@misconception("mask_probabilities", "masks encoded without their text", symptom_of=_same_guesses)
def only_the_masks_encoded(model, input_ids, attention_mask, mask_token_id):
    """Only the masks go through the encoder, so every mask gets the same guess in every context.

    Encode the whole batch, then select the hidden states at the masks.
    """
    alone = input_ids[input_ids == mask_token_id][:, None]
    return model.head(model.encoder(alone).last_hidden_state[:, 0]).softmax(-1)


@misconception("mask_probabilities", "attention mask upside down", symptom_of=_same_guesses)
def real_tokens_hidden(model, input_ids, attention_mask, mask_token_id):
    """1 - attention_mask goes to the encoder, so it reads the padding and not the text.

    Pass attention_mask as it is: 1 at real tokens.
    """
    seen = None if attention_mask is None else 1 - attention_mask
    hidden = model.encoder(input_ids, seen).last_hidden_state
    return model.head(hidden[input_ids == mask_token_id]).softmax(-1)


@misconception("mask_probabilities", "sigmoid instead of softmax", symptom_of=_same_guesses)
def each_word_by_itself(model, input_ids, attention_mask, mask_token_id):
    """Each word has a probability of its own, independent of the others, and a row does not sum to 1.

    The words of the vocabulary exclude one another: softmax(-1).
    """
    hidden = model.encoder(input_ids, attention_mask).last_hidden_state
    return model.head(hidden[input_ids == mask_token_id]).sigmoid()


@misconception("mask_probabilities", "logarithms of the probabilities", symptom_of=_same_guesses)
def logarithms_of_probabilities(model, input_ids, attention_mask, mask_token_id):
    """These are log-probabilities, all at most 0.

    softmax, not log_softmax; or take exp() at the end.
    """
    hidden = model.encoder(input_ids, attention_mask).last_hidden_state
    return model.head(hidden[input_ids == mask_token_id]).log_softmax(-1)
