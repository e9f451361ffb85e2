"""Chapter 4: wrong implementations that people really write.

A function is recognised by what it returns; a module by its output, with the same weights and input as the wrong one.
"""

import math
from dataclasses import asdict, replace

import torch
from torch import nn

from minidistil.ch03_attention.attention import MultiHeadAttention
from minidistil.ch04_encoder.encoder import EncoderConfig, ModelOutput, check_input, initialize
from minidistil.course.misconceptions import misconception

CONFIG = EncoderConfig(
    vocab_size=11, hidden_size=6, num_hidden_layers=2, num_attention_heads=2, intermediate_size=10,
    max_position_embeddings=8, dropout=0.0, attention_dropout=0.0,
)  # fmt: skip
ROWS = torch.tensor([[[1.0, 2.0, 4.0, 9.0], [0.0, -3.0, 3.0, 1.0]], [[5.0, 5.5, 4.0, 7.0], [2.0, 2.0, 2.0, 6.0]]])
WEIGHT, BIAS = torch.tensor([1.0, 0.5, 2.0, -1.0]), torch.tensor([0.0, 1.0, -1.0, 0.5])
NORMED = [(ROWS, WEIGHT, BIAS, 0.25), (ROWS[0], WEIGHT, BIAS, 0.25)]
XS = [(torch.tensor([-2.0, -1.0, 0.3, 2.0]),), (torch.tensor([[1.5]]),)]
SIZES = [(CONFIG,), (EncoderConfig(num_hidden_layers=6, type_vocab_size=0),)]


@misconception("layer_norm", "unbiased variance", inputs=NORMED)
def unbiased_variance(hidden_states, weight, bias, eps):
    """The variance is divided by D - 1, the default of `var`; layer norm divides by D.

    Take the mean of the squares, or pass `correction=0` to `var`.
    """
    mean, variance = hidden_states.mean(-1, keepdim=True), hidden_states.var(-1, keepdim=True)
    return weight * (hidden_states - mean) / torch.sqrt(variance + eps) + bias


@misconception("layer_norm", "normalized over the tokens", inputs=NORMED)
def over_the_tokens(hidden_states, weight, bias, eps):
    """Each feature is normalized over the tokens of a sequence, so a token depends on its neighbours.

    Take mean and variance over the last dimension: dim=-1, with keepdim=True.
    """
    centred = hidden_states - hidden_states.mean(-2, keepdim=True)
    return weight * centred / torch.sqrt(centred.pow(2).mean(-2, keepdim=True) + eps) + bias


@misconception("layer_norm", "one mean for the whole batch", inputs=NORMED)
def over_everything(hidden_states, weight, bias, eps):
    """Mean and variance are taken over all numbers of the batch; each token needs its own.

    Give the dimension: mean(-1, keepdim=True).
    """
    centred = hidden_states - hidden_states.mean()
    return weight * centred / torch.sqrt(centred.pow(2).mean() + eps) + bias


@misconception("layer_norm", "eps outside the root", inputs=NORMED)
def eps_outside_the_root(hidden_states, weight, bias, eps):
    """eps is added to the standard deviation; it must be added to the variance, under the root.

    Write (variance + eps).sqrt(), not variance.sqrt() + eps.
    """
    centred = hidden_states - hidden_states.mean(-1, keepdim=True)
    return weight * centred / (torch.sqrt(centred.pow(2).mean(-1, keepdim=True)) + eps) + bias


@misconception("layer_norm", "root forgotten", inputs=NORMED)
def root_forgotten(hidden_states, weight, bias, eps):
    """The features are divided by the variance instead of its root, so the result does not have variance 1.

    Divide by (variance + eps).sqrt().
    """
    centred = hidden_states - hidden_states.mean(-1, keepdim=True)
    return weight * centred / (centred.pow(2).mean(-1, keepdim=True) + eps) + bias


@misconception("layer_norm", "mean not subtracted", inputs=NORMED)
def mean_not_subtracted(hidden_states, weight, bias, eps):
    """The features are scaled but not centred: that is RMS norm, which BERT does not use.

    Subtract the mean first; the variance is the mean of the squares of what remains.
    """
    return weight * hidden_states / torch.sqrt(hidden_states.pow(2).mean(-1, keepdim=True) + eps) + bias


@misconception("layer_norm", "weight and bias forgotten", inputs=NORMED)
def weight_and_bias_forgotten(hidden_states, weight, bias, eps):
    """The normalized features are returned without the learned weight and bias.

    Multiply by weight, then add bias: each has one number for each feature.
    """
    centred = hidden_states - hidden_states.mean(-1, keepdim=True)
    return centred / torch.sqrt(centred.pow(2).mean(-1, keepdim=True) + eps)


@misconception("layer_norm", "std() + eps", inputs=NORMED)
def std_plus_eps(hidden_states, weight, bias, eps):
    """std() divides by D - 1, and eps is added outside the root: two differences from BERT's layer norm.

    Take the mean of the squares, add eps, then the root: (variance + eps).sqrt().
    """
    mean, std = hidden_states.mean(-1, keepdim=True), hidden_states.std(-1, keepdim=True)
    return weight * (hidden_states - mean) / (std + eps) + bias


def _normed(hidden_states, weight, bias, eps, squared=None):
    centred = hidden_states - hidden_states.mean(-1, keepdim=True)
    squares = centred if squared is None else squared
    return weight * centred / torch.sqrt(squares.pow(2).mean(-1, keepdim=True) + eps) + bias


@misconception("layer_norm", "bias before the weight", inputs=NORMED)
def bias_before_the_weight(hidden_states, weight, bias, eps):
    """The bias is added first and then multiplied by the weight, too.

    Multiply by weight, then add bias.
    """
    return weight * _normed(hidden_states, 1, bias, eps)


@misconception("layer_norm", "eps unused", inputs=NORMED)
def eps_unused(hidden_states, weight, bias, eps):
    """The argument eps is not used, or another number in its place; official models differ in it.

    Add the eps that is given to the variance, under the root.
    """
    return _normed(hidden_states, weight, bias, 1e-12)


@misconception("layer_norm", "squares of the features as they are", inputs=NORMED)
def squares_not_centred(hidden_states, weight, bias, eps):
    """The mean is subtracted from the features, but the variance is the mean of the squares from before that.

    The variance is the mean of the squares of what remains after the mean is subtracted.
    """
    return _normed(hidden_states, weight, bias, eps, squared=hidden_states)


@misconception("layer_norm", "the norm instead of the standard deviation", inputs=NORMED)
def divided_by_the_norm(hidden_states, weight, bias, eps):
    """The features are divided by their length as a vector, the root of the sum of squares: sqrt(D) times too much.

    Take the mean of the squares, not their sum.
    """
    centred = hidden_states - hidden_states.mean(-1, keepdim=True)
    return weight * centred / (centred.norm(dim=-1, keepdim=True) + eps) + bias


@misconception("gelu", "ReLU instead of GELU", inputs=XS)
def relu(x):
    """Negative numbers become exactly 0; GELU is smooth and gives small negative numbers.

    Multiply x by the probability (1 + erf(x / sqrt(2))) / 2.
    """
    return x.clamp(min=0)


@misconception("gelu", "GELU approximated with tanh", inputs=XS)
def tanh_approximation(x):
    """This is GPT-2's approximation; it differs by up to 0.0005, too much to match official hidden states.

    Use torch.erf: BERT's and DistilBERT's GELU is the exact one.
    """
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


@misconception("gelu", "GELU approximated with a sigmoid", inputs=XS)
def sigmoid_approximation(x):
    """x sigmoid(1.702 x) is a rough approximation; it differs by up to 0.02.

    Use torch.erf: BERT's and DistilBERT's GELU is the exact one.
    """
    return x * torch.sigmoid(1.702 * x)


@misconception("gelu", "root of 2 forgotten", inputs=XS)
def root_of_two_forgotten(x):
    """erf(x) belongs to a normal distribution with variance 1/2 instead of 1, so the curve is too steep at 0.

    Divide x by math.sqrt(2) inside erf.
    """
    return 0.5 * x * (1 + torch.erf(x))


@misconception("gelu", "only the probability", inputs=XS)
def factor_x_forgotten(x):
    """Only the probability is returned, a number from 0 to 1, instead of x times the probability.

    Multiply by x.
    """
    return 0.5 * (1 + torch.erf(x / math.sqrt(2)))


@misconception("gelu", "1/2 forgotten", inputs=XS)
def half_forgotten(x):
    """1 + erf goes from 0 to 2: the result is twice as large as it should be.

    The probability is half of that: (1 + erf(x / sqrt(2))) / 2.
    """
    return x * (1 + torch.erf(x / math.sqrt(2)))


@misconception("gelu", "1 forgotten", inputs=XS)
def one_forgotten(x):
    """erf goes from -1 to 1, so without the 1 negative numbers come out positive.

    The probability is (1 + erf(x / sqrt(2))) / 2.
    """
    return 0.5 * x * torch.erf(x / math.sqrt(2))


@misconception("gelu", "multiplied by the root of 2", inputs=XS)
def multiplied_by_root_two(x):
    """x is multiplied by sqrt(2) inside erf instead of divided by it, so the curve is twice as steep at 0.

    Divide: erf(x / math.sqrt(2)).
    """
    return 0.5 * x * (1 + torch.erf(x * math.sqrt(2)))


@misconception("gelu", "SiLU instead of GELU", inputs=XS)
def silu(x):
    """x sigmoid(x) is SiLU, or Swish, the activation function of later models.

    Use the normal distribution: x (1 + erf(x / sqrt(2))) / 2.
    """
    return x * torch.sigmoid(x)


@misconception("gelu", "the density instead of the probability", inputs=XS)
def density(x):
    """x is multiplied by the density of the normal distribution, which goes back to 0 for large x.

    The probability to be below x grows to 1: (1 + erf(x / sqrt(2))) / 2.
    """
    return x * torch.exp(-x.square() / 2) / math.sqrt(2 * math.pi)


IDS = torch.tensor([[3, 5, 2, 9, 1], [4, 4, 7, 8, 6]])
PADDED = torch.tensor([[3, 5, 0, 0], [4, 0, 6, 7]])
TYPES = torch.tensor([[0, 0, 1, 1, 1], [1, 0, 0, 0, 1]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


def _made(implementation, **changes):
    """A module of this class, in evaluation; weights of the same name are equal, and large enough to show mistakes."""
    module, generator = implementation(EncoderConfig(**(asdict(CONFIG) | changes))), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _, tensor in sorted(module.state_dict().items()):
            tensor.copy_(torch.randn(tensor.shape, generator=generator))
    return module.eval()


def _same_outputs(run):
    """For symptom_of: with the same weights and input, `run` gives the same tensors as for the wrong implementation."""
    return lambda wrong: lambda implementation: _close(run(implementation), run(wrong))


def _close(mine, others):
    return len(mine) == len(others) and all(torch.allclose(one, other, atol=1e-5) for one, other in zip(mine, others))


class _Embeddings(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.word = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.position = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type = nn.Embedding(config.type_vocab_size, config.hidden_size) if config.type_vocab_size else None
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def words(self, input_ids):
        return self.word(input_ids)

    def positions(self, input_ids):
        return self.position(torch.arange(input_ids.shape[1]))

    def types(self, input_ids, token_type_ids):
        if self.token_type is None:
            return 0
        return self.token_type(torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids)

    def finish(self, summed):
        return self.dropout(self.norm(summed))

    def forward(self, input_ids, token_type_ids=None):
        summed = self.words(input_ids) + self.positions(input_ids) + self.types(input_ids, token_type_ids)
        return self.finish(summed)


def _embed(implementation):
    module = _made(implementation)
    return [module(IDS, TYPES), module(IDS), module(PADDED)]


def _embed_in_training(implementation):
    module = _made(implementation, dropout=0.5).train()
    torch.manual_seed(0)
    return [module(IDS, TYPES)]


@misconception("Embeddings", "positions begin at 1", symptom_of=_same_outputs(_embed))
class PositionsBeginAtOne(_Embeddings):
    """The first token gets the second row of the position table, and the longest input needs a row that is not there.

    [CLS] is at position 0: take the rows 0 to L - 1.
    """

    def positions(self, input_ids):
        return self.position(torch.arange(1, input_ids.shape[1] + 1))


@misconception("Embeddings", "positions forgotten", symptom_of=_same_outputs(_embed))
class PositionsForgotten(_Embeddings):
    """No positions are added, so the order of the words makes no difference.

    Add self.position.weight[:L] to the word embeddings of every sequence.
    """

    def positions(self, input_ids):
        return 0


@misconception("Embeddings", "token type not added", symptom_of=_same_outputs(_embed))
class TokenTypeNotAdded(_Embeddings):
    """The token types are not added, so BERT cannot tell the two texts of a pair apart.

    If self.token_type is not None, add self.token_type(token_type_ids) before the norm.
    """

    def types(self, input_ids, token_type_ids):
        return 0


@misconception("Embeddings", "token type added only if given", symptom_of=_same_outputs(_embed))
class TokenTypeOnlyIfGiven(_Embeddings):
    """Without token_type_ids nothing is added; BERT then adds row 0 of the table, which is not zero.

    None means type 0 everywhere: torch.zeros_like(input_ids).
    """

    def types(self, input_ids, token_type_ids):
        return 0 if token_type_ids is None or self.token_type is None else self.token_type(token_type_ids)


@misconception("Embeddings", "no layer norm", symptom_of=_same_outputs(_embed))
class EmbeddingsNotNormalized(_Embeddings):
    """The sum goes into the first block as it is; BERT applies layer norm first.

    Return self.dropout(self.norm(summed)).
    """

    def finish(self, summed):
        return self.dropout(summed)


@misconception("Embeddings", "word embeddings scaled by the root of the width", symptom_of=_same_outputs(_embed))
class WordsScaled(_Embeddings):
    """The Transformer of 2017 multiplies word embeddings by sqrt(D) before it adds positions; BERT does not.

    Add the three rows without a factor.
    """

    def words(self, input_ids):
        return self.word(input_ids) * math.sqrt(self.word.embedding_dim)


@misconception("Embeddings", "dropout before the norm", symptom_of=_same_outputs(_embed_in_training))
class DropoutBeforeTheNorm(_Embeddings):
    """Dropout comes before the layer norm, so no feature of the result is ever 0.

    Apply the norm first, dropout last.
    """

    def finish(self, summed):
        return self.norm(self.dropout(summed))


@misconception("Embeddings", "dropout missing", symptom_of=_same_outputs(_embed_in_training))
class EmbeddingsWithoutDropout(_Embeddings):
    """No dropout is applied in training.

    The last step is self.dropout.
    """

    def finish(self, summed):
        return self.norm(summed)


@misconception("Embeddings", "only the word embeddings normalized", symptom_of=_same_outputs(_embed))
class OnlyWordsNormalized(_Embeddings):
    """Layer norm is applied to the word embeddings, and positions and token types are added after it.

    Add all three first, then apply the norm to their sum.
    """

    def words(self, input_ids):
        return self.norm(self.word(input_ids))

    def finish(self, summed):
        return self.dropout(summed)


@misconception("Embeddings", "token types added after the norm", symptom_of=_same_outputs(_embed))
class TypesAfterTheNorm(_Embeddings):
    """Layer norm is applied before the token types are added.

    Add all three first, then apply the norm to their sum.
    """

    def forward(self, input_ids, token_type_ids=None):
        normed = self.norm(self.words(input_ids) + self.positions(input_ids))
        return self.dropout(normed + self.types(input_ids, token_type_ids))


@misconception("Embeddings", "positions from the end of the table", symptom_of=_same_outputs(_embed))
class PositionsFromTheEnd(_Embeddings):
    """The last rows of the position table are used; [CLS] is at position 0, the first row.

    self.position.weight[:length], not [-length:].
    """

    def positions(self, input_ids):
        return self.position.weight[-input_ids.shape[1] :]


@misconception("Embeddings", "padding set to 0", symptom_of=_same_outputs(_embed))
class PaddingSetToZero(_Embeddings):
    """The vectors of the padding are set to 0. In BERT padding has a vector like any token; only attention skips it.

    Return self.dropout(self.norm(summed)) as it is.
    """

    def finish(self, summed):
        return self.dropout(self.norm(summed)) * self.real[..., None]

    def words(self, input_ids):
        self.real = input_ids != 0
        return self.word(input_ids)


@misconception("Embeddings", "positions count real tokens only", symptom_of=_same_outputs(_embed))
class PositionsOfRealTokens(_Embeddings):
    """This is RoBERTa's rule: positions begin after that of the padding, and padding does not count.

    In BERT a token's position is its place in the row, from 0 on, padding or not.
    """

    def positions(self, input_ids):
        real = (input_ids != 0).long()
        return self.position(real.cumsum(1) * real)


class _Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.attention = MultiHeadAttention(config.hidden_size, config.num_attention_heads, config.attention_dropout)
        self.attention_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.expand = nn.Linear(config.hidden_size, config.intermediate_size)
        self.contract = nn.Linear(config.intermediate_size, config.hidden_size)
        self.output_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attended_dropout = nn.Dropout(config.dropout) if config.type_vocab_size else nn.Identity()
        self.fed_dropout = nn.Dropout(config.dropout)

    activation = staticmethod(nn.functional.gelu)

    def feed_forward(self, x):
        return self.contract(self.activation(self.expand(x)))

    def first(self, hidden_states, attended):
        return self.attention_norm(hidden_states + self.attended_dropout(attended))

    def second(self, hidden_states, x):
        return self.output_norm(x + self.fed_dropout(self.feed_forward(x)))

    def forward(self, hidden_states, visible=None, output_attentions=False):
        attended, weights = self.attention(hidden_states, visible, output_attentions)
        return self.second(hidden_states, self.first(hidden_states, attended)), weights


HIDDEN = torch.sin(torch.arange(60.0)).reshape(2, 5, 6)


def _run_block(implementation):
    return [_made(implementation)(HIDDEN, MASK[:, None, None, :].bool())[0]]


def _drop_all(implementation, types=2):
    """In evaluation, and in training with a dropout that sets everything to 0."""
    module = _made(implementation, dropout=1 - 1e-7, type_vocab_size=types).train()
    return [*_run_block(implementation), module(HIDDEN)[0]]


def _drop_all_in_distilbert(implementation):
    return _drop_all(implementation, types=0)


@misconception("Block", "norm before the branch", symptom_of=_same_outputs(_run_block))
class NormBeforeTheBranch(_Block):
    """This is the pre-norm block of GPT-2 and later models; BERT applies layer norm after the sum.

    Write norm(x + branch(x)), not x + branch(norm(x)).
    """

    def forward(self, hidden_states, visible=None, output_attentions=False):
        attended, weights = self.attention(self.attention_norm(hidden_states), visible, output_attentions)
        x = hidden_states + self.attended_dropout(attended)
        return x + self.fed_dropout(self.feed_forward(self.output_norm(x))), weights


@misconception("Block", "norm before the sum", symptom_of=_same_outputs(_run_block))
class NormBeforeTheSum(_Block):
    """Layer norm is applied to the branch before it is added; BERT applies it to the sum.

    Write norm(x + branch(x)), not x + norm(branch(x)).
    """

    def forward(self, hidden_states, visible=None, output_attentions=False):
        attended, weights = self.attention(hidden_states, visible, output_attentions)
        x = hidden_states + self.attention_norm(self.attended_dropout(attended))
        return x + self.output_norm(self.fed_dropout(self.feed_forward(x))), weights


@misconception("Block", "residuals forgotten", symptom_of=_same_outputs(_run_block))
class ResidualsForgotten(_Block):
    """The branches replace their input instead of being added to it.

    Normalize hidden_states + attended, and then its sum with the feed-forward branch.
    """

    def forward(self, hidden_states, visible=None, output_attentions=False):
        attended, weights = self.attention(hidden_states, visible, output_attentions)
        x = self.attention_norm(self.attended_dropout(attended))
        return self.output_norm(self.fed_dropout(self.feed_forward(x))), weights


@misconception("Block", "second residual forgotten", symptom_of=_same_outputs(_run_block))
class SecondResidualForgotten(_Block):
    """The attention is added to its input, but the feed-forward branch replaces its input.

    Both halves of the block have the same pattern: norm(x + branch(x)).
    """

    def second(self, hidden_states, x):
        return self.output_norm(self.fed_dropout(self.feed_forward(x)))


@misconception("Block", "second residual from the start of the block", symptom_of=_same_outputs(_run_block))
class SecondResidualFromTheStart(_Block):
    """The feed-forward branch is added to the input of the block, so the result of the attention is lost.

    Add it to its own input, which is the result of the first norm.
    """

    def second(self, hidden_states, x):
        return self.output_norm(hidden_states + self.fed_dropout(self.feed_forward(x)))


@misconception("Block", "activation forgotten", symptom_of=_same_outputs(_run_block))
class ActivationForgotten(_Block):
    """Two linear layers without an activation function between them are one linear layer.

    Write contract(gelu(expand(x))).
    """

    activation = staticmethod(lambda x: x)


@misconception("Block", "ReLU in the feed-forward layer", symptom_of=_same_outputs(_run_block))
class ReluInTheBlock(_Block):
    """The Transformer of 2017 uses ReLU; BERT and DistilBERT use GELU.

    Apply GELU between expand and contract.
    """

    activation = staticmethod(relu)


@misconception("Block", "activation after both layers", symptom_of=_same_outputs(_run_block))
class ActivationAfterBothLayers(_Block):
    """GELU is applied to the result of the branch; it belongs between its two layers.

    Write contract(gelu(expand(x))), not gelu(contract(expand(x))).
    """

    def feed_forward(self, x):
        return self.activation(self.contract(self.expand(x)))


@misconception("Block", "one norm for both halves", symptom_of=_same_outputs(_run_block))
class OneNormForBoth(_Block):
    """attention_norm is used twice; each half has its own norm, with its own weights.

    The second half ends with self.output_norm.
    """

    def second(self, hidden_states, x):
        return self.attention_norm(x + self.fed_dropout(self.feed_forward(x)))


@misconception("Block", "mask not passed to the attention", symptom_of=_same_outputs(_run_block))
class MaskStopsAtTheBlock(_Block):
    """The block does not pass the mask to its attention, so padding is treated like text.

    Call self.attention(hidden_states, visible, output_attentions).
    """

    def forward(self, hidden_states, visible=None, output_attentions=False):
        return super().forward(hidden_states, None, output_attentions)


@misconception("Block", "dropout on the sum", symptom_of=_same_outputs(_drop_all))
class DropoutOnTheSum(_Block):
    """Dropout is applied to the sum and so to the residual connection, which must pass the input unchanged.

    Write x + dropout(branch), not dropout(x + branch).
    """

    def forward(self, hidden_states, visible=None, output_attentions=False):
        attended, weights = self.attention(hidden_states, visible, output_attentions)
        x = self.attention_norm(self.attended_dropout(hidden_states + attended))
        return self.output_norm(self.fed_dropout(x + self.feed_forward(x))), weights


@misconception("Block", "no dropout on the attention's output", symptom_of=_same_outputs(_drop_all))
class NoDropoutOnTheAttention(_Block):
    """Dropout is applied to the feed-forward branch only; BERT applies it to the attention's output, too.

    Write hidden_states + self.attended_dropout(attended).
    """

    def first(self, hidden_states, attended):
        return self.attention_norm(hidden_states + attended)


@misconception("Block", "one dropout for both branches", symptom_of=_same_outputs(_drop_all_in_distilbert))
class OneDropoutForBoth(_Block):
    """Dropout is applied to the attention's output in DistilBERT as well; its official code has none there.

    Use self.attended_dropout for the first branch: it does nothing in a DistilBERT.
    """

    def first(self, hidden_states, attended):
        return self.attention_norm(hidden_states + self.fed_dropout(attended))


@misconception("Block", "first residual forgotten", symptom_of=_same_outputs(_run_block))
class FirstResidualForgotten(_Block):
    """The attention replaces its input, but the feed-forward branch is added to its input.

    Both halves of the block have the same pattern: norm(x + branch(x)).
    """

    def first(self, hidden_states, attended):
        return self.attention_norm(self.attended_dropout(attended))


@misconception("Block", "the two norms swapped", symptom_of=_same_outputs(_run_block))
class NormsSwapped(_Block):
    """output_norm ends the first half and attention_norm the second; with official weights that is another model.

    The first half ends with self.attention_norm, the second with self.output_norm.
    """

    def first(self, hidden_states, attended):
        return self.output_norm(hidden_states + self.attended_dropout(attended))

    def second(self, hidden_states, x):
        return self.attention_norm(x + self.fed_dropout(self.feed_forward(x)))


@misconception("Block", "first norm forgotten", symptom_of=_same_outputs(_run_block))
class FirstNormForgotten(_Block):
    """The sum of the first half goes into the feed-forward branch without layer norm.

    Both halves of the block have the same pattern: norm(x + branch(x)).
    """

    def first(self, hidden_states, attended):
        return hidden_states + self.attended_dropout(attended)


@misconception("Block", "second norm forgotten", symptom_of=_same_outputs(_run_block))
class SecondNormForgotten(_Block):
    """The sum of the second half is returned without layer norm.

    Both halves of the block have the same pattern: norm(x + branch(x)).
    """

    def second(self, hidden_states, x):
        return x + self.fed_dropout(self.feed_forward(x))


@misconception("Block", "feed-forward branch of the block's input", symptom_of=_same_outputs(_run_block))
class FeedForwardOfTheInput(_Block):
    """The feed-forward network reads the input of the block, so it knows nothing of the attention.

    Its input is the result of the first norm, to which its output is added.
    """

    def second(self, hidden_states, x):
        return self.output_norm(x + self.fed_dropout(self.feed_forward(hidden_states)))


@misconception("Block", "both branches side by side", symptom_of=_same_outputs(_run_block))
class BranchesSideBySide(_Block):
    """Both branches read the input of the block, and one sum and norm follow, as in GPT-J.

    In BERT they follow each other, each with a sum and a norm of its own.
    """

    def first(self, hidden_states, attended):
        return hidden_states + self.attended_dropout(attended)

    def second(self, hidden_states, x):
        return self.output_norm(x + self.fed_dropout(self.feed_forward(hidden_states)))


@misconception("Block", "GELU approximated with tanh in the block", symptom_of=_same_outputs(_run_block))
class TanhInTheBlock(_Block):
    """approximate="tanh" is GPT-2's GELU; hidden states then differ from the official ones.

    nn.functional.gelu(x), without approximate, is the exact one.
    """

    activation = staticmethod(tanh_approximation)


@misconception("Block", "no dropout on the feed-forward branch", symptom_of=_same_outputs(_drop_all))
class NoDropoutOnTheFeedForward(_Block):
    """Dropout is applied to the attention's output only; the feed-forward branch has one, too.

    Write x + self.fed_dropout(…).
    """

    def second(self, hidden_states, x):
        return self.output_norm(x + self.feed_forward(x))


@misconception("Block", "no dropout at all", symptom_of=_same_outputs(_drop_all))
class NoDropoutAtAll(_Block):
    """Neither branch has dropout in training.

    Write x + self.attended_dropout(…) in the first half, and x + self.fed_dropout(…) in the second.
    """

    def first(self, hidden_states, attended):
        return self.attention_norm(hidden_states + attended)

    def second(self, hidden_states, x):
        return self.output_norm(x + self.feed_forward(x))


@misconception("Block", "dropout inside the feed-forward branch", symptom_of=_same_outputs(_drop_all))
class DropoutInsideTheBranch(_Block):
    """Dropout is applied between expand and contract; BERT applies it to the output of contract.

    Write x + self.fed_dropout(contract(gelu(expand(x)))).
    """

    def second(self, hidden_states, x):
        return self.output_norm(x + self.contract(self.fed_dropout(self.activation(self.expand(x)))))


@misconception("Block", "weights lost", symptom=lambda f: _made(f)(HIDDEN, None, True)[1] is None)
class WeightsLost(_Block):
    """The attention weights are not asked for, or not returned, even if output_attentions is True.

    Pass output_attentions on to the attention, and return its second result.
    """

    def forward(self, hidden_states, visible=None, output_attentions=False):
        return super().forward(hidden_states, visible, False)


class _Encoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embeddings = _Embeddings(config)
        self.layers = self.make_list(self.make_layers(config))
        self.start()

    make_list = nn.ModuleList

    def make_layers(self, config):
        return [_Block(config) for _ in range(config.num_hidden_layers)]

    def start(self):
        self.apply(lambda module: initialize(module, self.config.initializer_range))

    def check(self, *inputs):
        check_input(self.config, *inputs)

    def embed(self, input_ids, token_type_ids):
        return self.embeddings(input_ids, token_type_ids)

    def visible(self, attention_mask):
        return None if attention_mask is None else attention_mask[:, None, None, :].bool()

    def run(self, embedded, visible, output_attentions):
        states, attentions, hidden = [embedded], [], embedded
        for layer in self.layers:
            hidden, weights = layer(hidden, visible, output_attentions)
            states.append(hidden)
            attentions.append(weights)
        return states, attentions

    def forward(
        self, input_ids, attention_mask=None, token_type_ids=None, output_hidden_states=False, output_attentions=False
    ):
        self.check(input_ids, attention_mask, token_type_ids)
        embedded = self.embed(input_ids, token_type_ids)
        states, attentions = self.run(embedded, self.visible(attention_mask), output_attentions)
        return ModelOutput(
            states[-1],
            tuple(states) if output_hidden_states else None,
            tuple(attentions) if output_attentions else None,
        )


def _encode(implementation):
    output = _made(implementation)(IDS, MASK, TYPES, output_hidden_states=True)
    return [output.last_hidden_state, *output.hidden_states]


@misconception("Encoder", "mask inverted", symptom_of=_same_outputs(_encode))
class MaskInverted(_Encoder):
    """The real tokens are hidden and the padding is seen: True means visible.

    1 means a real token, so attention_mask.bool() is True where a token is visible: do not invert it.
    """

    def visible(self, attention_mask):
        return None if attention_mask is None else attention_mask[:, None, None, :] == 0


@misconception("Encoder", "mask not passed on", symptom_of=_same_outputs(_encode))
class MaskNotPassedOn(_Encoder):
    """The blocks are called without the mask, so the vectors of a text depend on its padding.

    Call layer(hidden, visible, output_attentions), with visible of shape (B, 1, 1, L).
    """

    def visible(self, attention_mask):
        return None


@misconception("Encoder", "token types not passed on", symptom_of=_same_outputs(_encode))
class TokenTypesNotPassedOn(_Encoder):
    """The embeddings are called without the token types, which are then 0 everywhere.

    Call self.embeddings(input_ids, token_type_ids).
    """

    def embed(self, input_ids, token_type_ids):
        return self.embeddings(input_ids)


@misconception("Encoder", "hidden states lack the embeddings", symptom_of=_same_outputs(_encode))
class EmbeddingsMissing(_Encoder):
    """There is one hidden state for each block; the first of the tuple must be the embeddings.

    Begin the list with the output of the embeddings: N blocks make N + 1 hidden states.
    """

    def run(self, embedded, visible, output_attentions):
        states, attentions = super().run(embedded, visible, output_attentions)
        return states[1:] or states, attentions


@misconception("Encoder", "hidden states lack the last one", symptom_of=_same_outputs(_encode))
class LastStateMissing(_Encoder):
    """The input of each block is kept, but not the output of the last block.

    Append the output of each block, and begin the list with the embeddings.
    """

    def forward(self, *inputs, **named):
        output = super().forward(*inputs, **named)
        output.hidden_states = output.hidden_states and output.hidden_states[:-1]
        return output


@misconception("Encoder", "the same block for all layers", symptom_of=_same_outputs(_encode))
class OneBlockForAll(_Encoder):
    """The list holds the same block several times, so all layers have the same weights.

    Make a new one each time: Block(config) for _ in range(n), not [Block(config)] * n.
    """

    def make_layers(self, config):
        return [_Block(config)] * config.num_hidden_layers


@misconception("Encoder", "every block reads the embeddings", symptom_of=_same_outputs(_encode))
class EveryBlockReadsTheEmbeddings(_Encoder):
    """Each block gets the embeddings instead of the output of the block before it.

    Use one variable: hidden, weights = layer(hidden, …).
    """

    def run(self, embedded, visible, output_attentions):
        outputs = [layer(embedded, visible, output_attentions) for layer in self.layers]
        return [embedded, *[state for state, _ in outputs]], [weights for _, weights in outputs]


def _stds(implementation):
    """The standard deviation of each bias and of each matrix in the blocks of a new encoder; rightly 0 and 0.3."""
    torch.manual_seed(0)
    module = implementation(replace(CONFIG, initializer_range=0.3, hidden_size=32, intermediate_size=64))
    named = [(name, each) for name, each in module.named_parameters() if "layers." in name and "norm" not in name]
    return tuple([float(each.detach().std()) for name, each in named if kind in name] for kind in ("bias", "weight"))


@misconception("Encoder", "initial weights not set", symptom=lambda f: any(std > 0 for std in _stds(f)[0]))
class InitialWeightsNotSet(_Encoder):
    """The blocks keep PyTorch's initial weights: `initialize` is never called for their layers.

    Last line of __init__: self.apply(lambda module: initialize(module, config.initializer_range)).
    """

    def start(self):
        pass


@misconception(
    "Encoder", "a fixed standard deviation", symptom=lambda f: all(0 < std < 0.03 for std in (_stds(f)[1] or [0]))
)
class FixedStandardDeviation(_Encoder):
    """The initial weights have the standard deviation 0.02 whatever config.initializer_range is.

    Call initialize(module, config.initializer_range).
    """

    def start(self):
        self.apply(lambda module: initialize(module, 0.02))


def _takes_wrong_shapes(implementation):
    """Whether no ValueError stops a mask that would broadcast, or token types of the wrong shape."""
    module, refused = _made(implementation), 0
    for mask, types in ((MASK[:, :1], None), (None, TYPES[:1])):
        try:
            module(IDS, mask, types)
        except ValueError:
            refused += 1
    return refused < 2


@misconception("Encoder", "the input not checked", symptom=_takes_wrong_shapes)
class InputNotChecked(_Encoder):
    """A mask of the wrong shape is broadcast without a word, and a text that is too long ends in an IndexError.

    First line of forward: check_input(self.config, input_ids, attention_mask, token_type_ids).
    """

    def check(self, *inputs):
        pass


@misconception("Encoder", "the mask on the queries", symptom_of=_same_outputs(_encode))
class MaskOnTheQueries(_Encoder):
    """L is at the place of the queries: padding attends to nothing, and all other tokens attend to the padding.

    The keys are the last dimension: attention_mask[:, None, None, :].bool().
    """

    def visible(self, attention_mask):
        return None if attention_mask is None else attention_mask[:, None, :, None].bool()


@misconception("Encoder", "a causal mask", symptom_of=_same_outputs(_encode))
class CausalMask(_Encoder):
    """A token sees only those before it, as in GPT; in BERT every token sees the whole text.

    Only padding is hidden: attention_mask[:, None, None, :].bool().
    """

    def visible(self, attention_mask):
        length = attention_mask.shape[1]
        return super().visible(attention_mask) & torch.ones(length, length, dtype=torch.bool).tril()


@misconception(
    "Encoder",
    "the blocks in a plain list",
    symptom=lambda f: not any("layers" in name for name, _ in f(CONFIG).named_parameters()),
)
class BlocksInAPlainList(_Encoder):
    """PyTorch does not see modules in a Python list: their weights are neither trained, saved nor moved to a GPU.

    self.layers = nn.ModuleList(…).
    """

    make_list = list


@misconception(
    "Encoder", "states returned without being asked for", symptom=lambda f: _made(f)(IDS).hidden_states is not None
)
class StatesNotAskedFor(_Encoder):
    """The hidden states are returned although output_hidden_states is False, so they stay in memory.

    Return None for what was not asked for.
    """

    def forward(self, input_ids, attention_mask=None, token_type_ids=None, output_hidden_states=False, *asked, **named):
        return super().forward(input_ids, attention_mask, token_type_ids, True, *asked, **named)


@misconception(
    "Encoder", "only the first token returned", symptom=lambda f: _made(f)(IDS).last_hidden_state.shape == (2, 6)
)
class OnlyTheFirstToken(_Encoder):
    """last_hidden_state is the vector of [CLS] only; it is the vectors of all tokens, (B, L, D).

    Return the output of the last block as it is; a classifier takes [CLS] from it (chapter 5).
    """

    def forward(self, *inputs, **named):
        output = super().forward(*inputs, **named)
        output.last_hidden_state = output.last_hidden_state[:, 0]
        return output


@misconception("Encoder", "the last state twice", symptom_of=_same_outputs(_encode))
class LastStateTwice(_Encoder):
    """The output of the last block is appended once more after the loop.

    N blocks make N + 1 hidden states: the embeddings, and the output of each block.
    """

    def forward(self, *inputs, **named):
        output = super().forward(*inputs, **named)
        output.hidden_states = output.hidden_states and (*output.hidden_states, output.last_hidden_state)
        return output


def _count(config, biases=1, projections=4, heads=1, norms=2, other_norms=1, **others):
    d, i, n = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    return {
        "word embeddings": config.vocab_size * d,
        "position embeddings": config.max_position_embeddings * d,
        "token-type embeddings": config.type_vocab_size * d,
        "attention": n * projections * heads * (d * d + biases * d),
        "feed-forward": n * (2 * d * i + biases * (i + d)),
        "layer norms": (other_norms + norms * n) * 2 * d,
    } | others


@misconception("count_parameters", "biases forgotten", inputs=SIZES)
def biases_forgotten(config):
    """Only the matrices are counted; each linear layer also has a bias.

    A linear layer from a to b features has a b + b parameters.
    """
    return _count(config, biases=0)


@misconception("count_parameters", "only query, key and value", inputs=SIZES)
def three_projections(config):
    """Three linear layers are counted; the fourth mixes the heads at the end.

    Attention has four linear layers from D to D.
    """
    return _count(config, projections=3)


@misconception("count_parameters", "projections counted for each head", inputs=SIZES)
def once_for_each_head(config):
    """The attention is multiplied by the number of heads, but the D by D matrices are split between the heads.

    The number of heads is not part of the formula.
    """
    return _count(config, heads=config.num_attention_heads)


@misconception("count_parameters", "one layer norm for each block", inputs=SIZES)
def one_norm_a_block(config):
    """Each block has two layer norms, one after each half.

    The norm of the embeddings has 2 D parameters, the two of each block have 4 D.
    """
    return _count(config, norms=1)


@misconception("count_parameters", "norm of the embeddings forgotten", inputs=SIZES)
def norm_of_the_embeddings_forgotten(config):
    """The norms of the blocks are counted, but not the norm of the embeddings.

    The norm of the embeddings has 2 D parameters, the two of each block have 4 D.
    """
    return _count(config, other_norms=0)


@misconception("count_parameters", "one layer only", inputs=SIZES)
def one_layer_only(config):
    """Attention, feed-forward and layer norms are counted for one block only.

    Multiply the parameters of a block by config.num_hidden_layers.
    """
    return _count(replace(config, num_hidden_layers=1))


@misconception("count_parameters", "norms without their biases", inputs=SIZES)
def norms_without_biases(config):
    """A layer norm is counted with D parameters; it has a weight and a bias, D numbers each.

    Each layer norm has 2 D parameters.
    """
    return _count(config, **{"layer norms": (1 + 2 * config.num_hidden_layers) * config.hidden_size})


@misconception("count_parameters", "half of the feed-forward network", inputs=SIZES)
def half_of_the_feed_forward(config):
    """Only the layer that expands is counted; the one that contracts follows.

    The feed-forward network has a layer from D to I and one from I to D, each with a bias.
    """
    d, i = config.hidden_size, config.intermediate_size
    return _count(config, **{"feed-forward": config.num_hidden_layers * (d * i + i)})


@misconception("count_parameters", "two biases of width I", inputs=SIZES)
def two_biases_of_width_i(config):
    """Both biases of the feed-forward network are counted with I numbers; that of the second layer has D.

    A layer from a to b features has a bias of b.
    """
    d, i = config.hidden_size, config.intermediate_size
    return _count(config, **{"feed-forward": config.num_hidden_layers * (2 * d * i + 2 * i)})


@misconception("count_parameters", "always two token types", inputs=SIZES[1:])
def always_two_token_types(config):
    """Two rows of token types are counted whatever the configuration says; a DistilBERT has none.

    The table has config.type_vocab_size rows.
    """
    return _count(config, **{"token-type embeddings": 2 * config.hidden_size})


@misconception("count_parameters", "norms of the blocks forgotten", inputs=SIZES)
def norms_of_the_blocks_forgotten(config):
    """Only the norm of the embeddings is counted.

    The norm of the embeddings has 2 D parameters, the two of each block have 4 D.
    """
    return _count(config, norms=0)
