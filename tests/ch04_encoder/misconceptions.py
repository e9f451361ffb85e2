"""Chapter 4: wrong implementations that people really write.

A function is recognised by what it returns; a module by its output, with the same weights and input as the wrong one.
"""

import math
from dataclasses import asdict, replace

import torch
from torch import nn

from minidistil.ch03_attention.attention import MultiHeadAttention
from minidistil.ch04_encoder.encoder import EncoderConfig, ModelOutput
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


IDS = torch.tensor([[3, 5, 2, 9, 1], [4, 4, 7, 8, 6]])
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
    return [module(IDS, TYPES), module(IDS)]


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

    def forward(self, hidden_states, visible=None, output_attentions=False):
        attended, weights = self.attention(hidden_states, visible, output_attentions)
        x = self.attention_norm(hidden_states + self.attended_dropout(attended))
        return self.output_norm(x + self.fed_dropout(self.feed_forward(x))), weights


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

    def forward(self, hidden_states, visible=None, output_attentions=False):
        attended, weights = self.attention(hidden_states, visible, output_attentions)
        x = self.attention_norm(hidden_states + self.attended_dropout(attended))
        return self.output_norm(self.fed_dropout(self.feed_forward(x))), weights


@misconception("Block", "second residual from the start of the block", symptom_of=_same_outputs(_run_block))
class SecondResidualFromTheStart(_Block):
    """The feed-forward branch is added to the input of the block, so the result of the attention is lost.

    Add it to its own input, which is the result of the first norm.
    """

    def forward(self, hidden_states, visible=None, output_attentions=False):
        attended, weights = self.attention(hidden_states, visible, output_attentions)
        x = self.attention_norm(hidden_states + self.attended_dropout(attended))
        return self.output_norm(hidden_states + self.fed_dropout(self.feed_forward(x))), weights


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

    def forward(self, hidden_states, visible=None, output_attentions=False):
        attended, weights = self.attention(hidden_states, visible, output_attentions)
        x = self.attention_norm(hidden_states + self.attended_dropout(attended))
        return self.attention_norm(x + self.fed_dropout(self.feed_forward(x))), weights


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

    def forward(self, hidden_states, visible=None, output_attentions=False):
        attended, weights = self.attention(hidden_states, visible, output_attentions)
        x = self.attention_norm(hidden_states + attended)
        return self.output_norm(x + self.fed_dropout(self.feed_forward(x))), weights


@misconception("Block", "one dropout for both branches", symptom_of=_same_outputs(_drop_all_in_distilbert))
class OneDropoutForBoth(_Block):
    """Dropout is applied to the attention's output in DistilBERT as well; its official code has none there.

    Use self.attended_dropout for the first branch: it does nothing in a DistilBERT.
    """

    def forward(self, hidden_states, visible=None, output_attentions=False):
        attended, weights = self.attention(hidden_states, visible, output_attentions)
        x = self.attention_norm(hidden_states + self.fed_dropout(attended))
        return self.output_norm(x + self.fed_dropout(self.feed_forward(x))), weights


class _Encoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embeddings = _Embeddings(config)
        self.layers = nn.ModuleList(self.make_layers(config))

    def make_layers(self, config):
        return [_Block(config) for _ in range(config.num_hidden_layers)]

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
        embedded = self.embeddings(input_ids, token_type_ids)
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

    def forward(self, input_ids, attention_mask=None, token_type_ids=None, *asked, **named):
        return super().forward(input_ids, attention_mask, None, *asked, **named)


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


def _count(config, biases=1, projections=4, heads=1, norms=2, other_norms=1):
    d, i, n = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    return {
        "word embeddings": config.vocab_size * d,
        "position embeddings": config.max_position_embeddings * d,
        "token-type embeddings": config.type_vocab_size * d,
        "attention": n * projections * heads * (d * d + biases * d),
        "feed-forward": n * (2 * d * i + biases * (i + d)),
        "layer norms": (other_norms + norms * n) * 2 * d,
    }


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
