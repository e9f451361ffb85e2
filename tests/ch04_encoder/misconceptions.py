"""Wrong encoders that people really write, each by its name.

Layer norm, GELU and the parameter count are recognised by what they return. A module is
recognised by doing, with the same weights and input, what the wrong one does.
"""

import math
from dataclasses import replace

import torch
from torch import nn

from minidistil.ch03_attention.attention import MultiHeadAttention
from minidistil.ch04_encoder.encoder import EncoderConfig, ModelOutput
from minidistil.course.misconceptions import Misconception

CONFIG = EncoderConfig(
    vocab_size=11, hidden_size=6, num_hidden_layers=2, num_attention_heads=2, intermediate_size=10,
    max_position_embeddings=8, dropout=0.0, attention_dropout=0.0,
)  # fmt: skip


def unbiased_variance(hidden_states, weight, bias, eps):
    mean, variance = hidden_states.mean(-1, keepdim=True), hidden_states.var(-1, keepdim=True)
    return weight * (hidden_states - mean) / torch.sqrt(variance + eps) + bias


def over_the_tokens(hidden_states, weight, bias, eps):
    centred = hidden_states - hidden_states.mean(-2, keepdim=True)
    return weight * centred / torch.sqrt(centred.pow(2).mean(-2, keepdim=True) + eps) + bias


def over_everything(hidden_states, weight, bias, eps):
    centred = hidden_states - hidden_states.mean()
    return weight * centred / torch.sqrt(centred.pow(2).mean() + eps) + bias


def eps_outside_the_root(hidden_states, weight, bias, eps):
    centred = hidden_states - hidden_states.mean(-1, keepdim=True)
    return weight * centred / (torch.sqrt(centred.pow(2).mean(-1, keepdim=True)) + eps) + bias


def root_forgotten(hidden_states, weight, bias, eps):
    centred = hidden_states - hidden_states.mean(-1, keepdim=True)
    return weight * centred / (centred.pow(2).mean(-1, keepdim=True) + eps) + bias


def mean_not_taken_off(hidden_states, weight, bias, eps):
    return weight * hidden_states / torch.sqrt(hidden_states.pow(2).mean(-1, keepdim=True) + eps) + bias


def weight_and_bias_forgotten(hidden_states, weight, bias, eps):
    centred = hidden_states - hidden_states.mean(-1, keepdim=True)
    return centred / torch.sqrt(centred.pow(2).mean(-1, keepdim=True) + eps)


def relu(x):
    return x.clamp(min=0)


def tanh_approximation(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def sigmoid_approximation(x):
    return x * torch.sigmoid(1.702 * x)


def root_of_two_forgotten(x):
    return 0.5 * x * (1 + torch.erf(x))


def factor_x_forgotten(x):
    return 0.5 * (1 + torch.erf(x / math.sqrt(2)))


class RightEmbeddings(nn.Module):
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


class PositionsBeginAtOne(RightEmbeddings):
    def positions(self, input_ids):
        return self.position(torch.arange(1, input_ids.shape[1] + 1))


class PositionsForgotten(RightEmbeddings):
    def positions(self, input_ids):
        return 0


class TokenTypeNotAdded(RightEmbeddings):
    def types(self, input_ids, token_type_ids):
        return 0


class TokenTypeOnlyIfGiven(RightEmbeddings):
    def types(self, input_ids, token_type_ids):
        return 0 if token_type_ids is None or self.token_type is None else self.token_type(token_type_ids)


class EmbeddingsNotNormed(RightEmbeddings):
    def finish(self, summed):
        return self.dropout(summed)


class WordsScaled(RightEmbeddings):
    def words(self, input_ids):
        return self.word(input_ids) * math.sqrt(self.word.embedding_dim)


class DropoutBeforeTheNorm(RightEmbeddings):
    def finish(self, summed):
        return self.norm(self.dropout(summed))


class RightBlock(nn.Module):
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


class NormBeforeTheBranch(RightBlock):
    def forward(self, hidden_states, visible=None, output_attentions=False):
        attended, weights = self.attention(self.attention_norm(hidden_states), visible, output_attentions)
        x = hidden_states + self.attended_dropout(attended)
        return x + self.fed_dropout(self.feed_forward(self.output_norm(x))), weights


class NormBeforeTheSum(RightBlock):
    def forward(self, hidden_states, visible=None, output_attentions=False):
        attended, weights = self.attention(hidden_states, visible, output_attentions)
        x = hidden_states + self.attention_norm(self.attended_dropout(attended))
        return x + self.output_norm(self.fed_dropout(self.feed_forward(x))), weights


class ResidualsForgotten(RightBlock):
    def forward(self, hidden_states, visible=None, output_attentions=False):
        attended, weights = self.attention(hidden_states, visible, output_attentions)
        x = self.attention_norm(self.attended_dropout(attended))
        return self.output_norm(self.fed_dropout(self.feed_forward(x))), weights


class SecondResidualForgotten(RightBlock):
    def forward(self, hidden_states, visible=None, output_attentions=False):
        attended, weights = self.attention(hidden_states, visible, output_attentions)
        x = self.attention_norm(hidden_states + self.attended_dropout(attended))
        return self.output_norm(self.fed_dropout(self.feed_forward(x))), weights


class SecondResidualFromTheStart(RightBlock):
    def forward(self, hidden_states, visible=None, output_attentions=False):
        attended, weights = self.attention(hidden_states, visible, output_attentions)
        x = self.attention_norm(hidden_states + self.attended_dropout(attended))
        return self.output_norm(hidden_states + self.fed_dropout(self.feed_forward(x))), weights


class ActivationForgotten(RightBlock):
    activation = staticmethod(lambda x: x)


class ReluInTheBlock(RightBlock):
    activation = staticmethod(relu)


class ActivationAfterBothLayers(RightBlock):
    def feed_forward(self, x):
        return self.activation(self.contract(self.expand(x)))


class OneNormForBoth(RightBlock):
    def forward(self, hidden_states, visible=None, output_attentions=False):
        attended, weights = self.attention(hidden_states, visible, output_attentions)
        x = self.attention_norm(hidden_states + self.attended_dropout(attended))
        return self.attention_norm(x + self.fed_dropout(self.feed_forward(x))), weights


class MaskStopsAtTheBlock(RightBlock):
    def forward(self, hidden_states, visible=None, output_attentions=False):
        return super().forward(hidden_states, None, output_attentions)


class DropoutOnTheSum(RightBlock):
    def forward(self, hidden_states, visible=None, output_attentions=False):
        attended, weights = self.attention(hidden_states, visible, output_attentions)
        x = self.attention_norm(self.attended_dropout(hidden_states + attended))
        return self.output_norm(self.fed_dropout(x + self.feed_forward(x))), weights


class NoDropoutOnTheAttention(RightBlock):
    def forward(self, hidden_states, visible=None, output_attentions=False):
        attended, weights = self.attention(hidden_states, visible, output_attentions)
        x = self.attention_norm(hidden_states + attended)
        return self.output_norm(x + self.fed_dropout(self.feed_forward(x))), weights


class OneDropoutForBoth(RightBlock):
    def forward(self, hidden_states, visible=None, output_attentions=False):
        attended, weights = self.attention(hidden_states, visible, output_attentions)
        x = self.attention_norm(hidden_states + self.fed_dropout(attended))
        return self.output_norm(x + self.fed_dropout(self.feed_forward(x))), weights


class RightEncoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embeddings = RightEmbeddings(config)
        self.layers = nn.ModuleList(self.make_layers(config))

    def make_layers(self, config):
        return [RightBlock(config) for _ in range(config.num_hidden_layers)]

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


class MaskInverted(RightEncoder):
    def visible(self, attention_mask):
        return None if attention_mask is None else attention_mask[:, None, None, :] == 0


class MaskNotHandedOn(RightEncoder):
    def visible(self, attention_mask):
        return None


class TokenTypesNotHandedOn(RightEncoder):
    def forward(self, input_ids, attention_mask=None, token_type_ids=None, *asked, **named):
        return super().forward(input_ids, attention_mask, None, *asked, **named)


class EmbeddingsMissing(RightEncoder):
    def run(self, embedded, visible, output_attentions):
        states, attentions = super().run(embedded, visible, output_attentions)
        return states[1:] or states, attentions


class LastStateMissing(RightEncoder):
    def forward(self, *inputs, **named):
        output = super().forward(*inputs, **named)
        output.hidden_states = output.hidden_states and output.hidden_states[:-1]
        return output


class OneBlockForAll(RightEncoder):
    def make_layers(self, config):
        return [RightBlock(config)] * config.num_hidden_layers


class EveryBlockReadsTheEmbeddings(RightEncoder):
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


def biases_forgotten(config):
    return _count(config, biases=0)


def three_projections(config):
    return _count(config, projections=3)


def once_for_each_head(config):
    return _count(config, heads=config.num_attention_heads)


def one_norm_a_block(config):
    return _count(config, norms=1)


def norm_of_the_embeddings_forgotten(config):
    return _count(config, other_norms=0)


def one_layer_only(config):
    return _count(replace(config, num_hidden_layers=1))


def _filled(module):
    """The same weights by name for whoever has them, large enough that differences show."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _, tensor in sorted(module.state_dict().items()):
            tensor.copy_(torch.randn(tensor.shape, generator=generator))
    return module.eval()


IDS = torch.tensor([[3, 5, 2, 9, 1], [4, 4, 7, 8, 6]])
TYPES = torch.tensor([[0, 0, 1, 1, 1], [1, 0, 0, 0, 1]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


def _embed(kind):
    module = _filled(kind(CONFIG))
    return [module(IDS, TYPES), module(IDS)]


def _embed_in_training(kind):
    module = _filled(kind(EncoderConfig(**(vars(CONFIG) | {"dropout": 0.5})))).train()
    torch.manual_seed(0)
    return [module(IDS, TYPES)]


def _block(kind):
    module, hidden = _filled(kind(CONFIG)), torch.sin(torch.arange(60.0)).reshape(2, 5, 6)
    return [module(hidden, MASK[:, None, None, :].bool())[0]]


def _block_with_all_dropped(kind, types=2):
    """As it should be in evaluation, and in training with a dropout that drops everything."""
    dropping = vars(CONFIG) | {"dropout": 1 - 1e-7, "type_vocab_size": types}
    module = _filled(kind(EncoderConfig(**dropping))).train()
    return [*_block(kind), module(torch.sin(torch.arange(60.0)).reshape(2, 5, 6))[0]]


def _distilbert_block_with_all_dropped(kind):
    return _block_with_all_dropped(kind, types=0)


def _encode(kind):
    output = _filled(kind(CONFIG))(IDS, MASK, TYPES, output_hidden_states=True)
    return [output.last_hidden_state, *output.hidden_states]


def _does_as(wrong, run):
    """A symptom: with the same weights and input, the same result as the wrong one."""

    def shows(kind):
        mine, others = run(kind), run(wrong)
        return len(mine) == len(others) and all(
            torch.allclose(one, other, atol=1e-5) for one, other in zip(mine, others)
        )

    return shows


ROWS = torch.tensor([[[1.0, 2.0, 4.0, 9.0], [0.0, -3.0, 3.0, 1.0]], [[5.0, 5.5, 4.0, 7.0], [2.0, 2.0, 2.0, 6.0]]])
WEIGHT, BIAS = torch.tensor([1.0, 0.5, 2.0, -1.0]), torch.tensor([0.0, 1.0, -1.0, 0.5])
NORMED = [(ROWS, WEIGHT, BIAS, 0.25), (ROWS[0], WEIGHT, BIAS, 0.25)]
XS = [(torch.tensor([-2.0, -1.0, 0.3, 2.0]),), (torch.tensor([[1.5]]),)]
SIZES = [(CONFIG,), (EncoderConfig(num_hidden_layers=6, type_vocab_size=0),)]

MISCONCEPTIONS = [
    Misconception(
        name="unbiased variance",
        exercise="layer_norm",
        what="The variance is divided by D - 1, as `var` does unless told otherwise; layer norm divides by D.",
        look="Take the mean of the squares, or say `unbiased=False`: these features are all there are.",
        wrong=unbiased_variance,
        inputs=NORMED,
    ),
    Misconception(
        name="normed over the tokens",
        exercise="layer_norm",
        what="Each feature is normed over the tokens of a sequence, so a token's result depends on its neighbours.",
        look="Mean and variance go over the last dimension: dim=-1, with keepdim=True.",
        wrong=over_the_tokens,
        inputs=NORMED,
    ),
    Misconception(
        name="one mean for the whole batch",
        exercise="layer_norm",
        what="Mean and variance are taken over all numbers at once; every token needs its own.",
        look="Give the dimension: mean(-1, keepdim=True).",
        wrong=over_everything,
        inputs=NORMED,
    ),
    Misconception(
        name="eps outside the root",
        exercise="layer_norm",
        what="eps is added to the standard deviation; it belongs to the variance, under the root.",
        look="(variance + eps).sqrt(), not variance.sqrt() + eps.",
        wrong=eps_outside_the_root,
        inputs=NORMED,
    ),
    Misconception(
        name="root forgotten",
        exercise="layer_norm",
        what="The features are divided by the variance instead of its root, so their scale is turned upside down.",
        look="Divide by (variance + eps).sqrt(): what comes out has variance 1.",
        wrong=root_forgotten,
        inputs=NORMED,
    ),
    Misconception(
        name="mean not taken off",
        exercise="layer_norm",
        what="The features are scaled but not centred: that is RMS norm, which BERT does not use.",
        look="Subtract the mean first, and take the squares of what is left.",
        wrong=mean_not_taken_off,
        inputs=NORMED,
    ),
    Misconception(
        name="weight and bias forgotten",
        exercise="layer_norm",
        what="The normed features are returned as they are, without the learned scale and shift.",
        look="Multiply by weight, then add bias: both have one number a feature.",
        wrong=weight_and_bias_forgotten,
        inputs=NORMED,
    ),
    Misconception(
        name="ReLU instead of GELU",
        exercise="gelu",
        what="Negative numbers become exactly 0; GELU lets a little of them through and bends smoothly.",
        look="Multiply x by the normal distribution's probability, (1 + erf(x / sqrt(2))) / 2.",
        wrong=relu,
        inputs=XS,
    ),
    Misconception(
        name="GELU approximated with tanh",
        exercise="gelu",
        what="This is GPT-2's approximation, off by up to 0.0005: too much for official hidden states.",
        look="Use torch.erf: BERT's and DistilBERT's GELU is the exact one.",
        wrong=tanh_approximation,
        inputs=XS,
    ),
    Misconception(
        name="GELU approximated with a sigmoid",
        exercise="gelu",
        what="x sigmoid(1.702 x) is a rough approximation, off by up to 0.02.",
        look="Use torch.erf: BERT's and DistilBERT's GELU is the exact one.",
        wrong=sigmoid_approximation,
        inputs=XS,
    ),
    Misconception(
        name="root of 2 forgotten",
        exercise="gelu",
        what="erf(x) is the distribution of a normal number with variance 1/2, so the bend is too sharp.",
        look="Divide x by math.sqrt(2) inside of erf.",
        wrong=root_of_two_forgotten,
        inputs=XS,
    ),
    Misconception(
        name="only the probability",
        exercise="gelu",
        what="The probability alone is returned: a number from 0 to 1 instead of x times it.",
        look="Multiply by x.",
        wrong=factor_x_forgotten,
        inputs=XS,
    ),
    Misconception(
        name="positions begin at 1",
        exercise="Embeddings",
        what="The first token gets the second row of the position table, and the longest input none at all.",
        look="[CLS] is at position 0: take the rows 0 to L - 1.",
        wrong=PositionsBeginAtOne,
        symptom=_does_as(PositionsBeginAtOne, _embed),
    ),
    Misconception(
        name="positions forgotten",
        exercise="Embeddings",
        what="No positions are added, so the order of the words makes no difference.",
        look="Add self.position.weight[:L] to the word embeddings of every sequence.",
        wrong=PositionsForgotten,
        symptom=_does_as(PositionsForgotten, _embed),
    ),
    Misconception(
        name="token type not added",
        exercise="Embeddings",
        what="The token types are read but not added, so BERT cannot tell the two texts of a pair apart.",
        look="If self.token_type is not None, add self.token_type(token_type_ids) before the norm.",
        wrong=TokenTypeNotAdded,
        symptom=_does_as(TokenTypeNotAdded, _embed),
    ),
    Misconception(
        name="token type added only if given",
        exercise="Embeddings",
        what="Without token_type_ids nothing is added; BERT then adds row 0, which is not 0.",
        look="None means type 0 everywhere: torch.zeros_like(input_ids).",
        wrong=TokenTypeOnlyIfGiven,
        symptom=_does_as(TokenTypeOnlyIfGiven, _embed),
    ),
    Misconception(
        name="embeddings not normed",
        exercise="Embeddings",
        what="The sum goes into the first block as it is; BERT norms it first.",
        look="self.dropout(self.norm(summed)).",
        wrong=EmbeddingsNotNormed,
        symptom=_does_as(EmbeddingsNotNormed, _embed),
    ),
    Misconception(
        name="word embeddings scaled by the root of the width",
        exercise="Embeddings",
        what="The Transformer of 2017 multiplies words by sqrt(D) before it adds positions; BERT does not.",
        look="Add the three rows as they are.",
        wrong=WordsScaled,
        symptom=_does_as(WordsScaled, _embed),
    ),
    Misconception(
        name="dropout before the norm",
        exercise="Embeddings",
        what="Dropout comes before the norm, so no feature that leaves the embeddings is ever 0.",
        look="Norm first, dropout last.",
        wrong=DropoutBeforeTheNorm,
        symptom=_does_as(DropoutBeforeTheNorm, _embed_in_training),
    ),
    Misconception(
        name="norm before the branch",
        exercise="Block",
        what="This is the pre-norm block of GPT-2 and later models; BERT norms after the sum.",
        look="norm(x + branch(x)), not x + branch(norm(x)).",
        wrong=NormBeforeTheBranch,
        symptom=_does_as(NormBeforeTheBranch, _block),
    ),
    Misconception(
        name="norm before the sum",
        exercise="Block",
        what="Only the branch is normed and then added; BERT norms the sum of both.",
        look="norm(x + branch(x)), not x + norm(branch(x)).",
        wrong=NormBeforeTheSum,
        symptom=_does_as(NormBeforeTheSum, _block),
    ),
    Misconception(
        name="residuals forgotten",
        exercise="Block",
        what="The branches replace their input instead of being added to it.",
        look="The norm gets hidden_states + attended, and later the same again with the feed-forward branch.",
        wrong=ResidualsForgotten,
        symptom=_does_as(ResidualsForgotten, _block),
    ),
    Misconception(
        name="second residual forgotten",
        exercise="Block",
        what="The attention is added to its input, but the feed-forward branch replaces its own.",
        look="Both halves of the block have the same pattern: norm(x + branch(x)).",
        wrong=SecondResidualForgotten,
        symptom=_does_as(SecondResidualForgotten, _block),
    ),
    Misconception(
        name="second residual from the start of the block",
        exercise="Block",
        what="The feed-forward branch is added to what came into the block, past the attention.",
        look="Its input is the result of the first norm, and to that it is added.",
        wrong=SecondResidualFromTheStart,
        symptom=_does_as(SecondResidualFromTheStart, _block),
    ),
    Misconception(
        name="activation forgotten",
        exercise="Block",
        what="Two linear layers without anything between them are together one linear layer.",
        look="contract(gelu(expand(x))).",
        wrong=ActivationForgotten,
        symptom=_does_as(ActivationForgotten, _block),
    ),
    Misconception(
        name="ReLU in the feed-forward layer",
        exercise="Block",
        what="The Transformer of 2017 uses ReLU; BERT and DistilBERT use GELU.",
        look="gelu between expand and contract.",
        wrong=ReluInTheBlock,
        symptom=_does_as(ReluInTheBlock, _block),
    ),
    Misconception(
        name="activation after both layers",
        exercise="Block",
        what="GELU is applied to what the branch returns; it belongs between its two layers.",
        look="contract(gelu(expand(x))), not gelu(contract(expand(x))).",
        wrong=ActivationAfterBothLayers,
        symptom=_does_as(ActivationAfterBothLayers, _block),
    ),
    Misconception(
        name="one norm for both halves",
        exercise="Block",
        what="attention_norm is used twice; each half has a norm of its own, with other weights.",
        look="The second half ends in self.output_norm.",
        wrong=OneNormForBoth,
        symptom=_does_as(OneNormForBoth, _block),
    ),
    Misconception(
        name="mask stops at the block",
        exercise="Block",
        what="The block takes the mask but does not give it to its attention, so padding is read as text.",
        look="self.attention(hidden_states, visible, output_attentions).",
        wrong=MaskStopsAtTheBlock,
        symptom=_does_as(MaskStopsAtTheBlock, _block),
    ),
    Misconception(
        name="dropout on the sum",
        exercise="Block",
        what="Dropout hits the sum and with it the residual path, which is to carry the input through whole.",
        look="x + dropout(branch), not dropout(x + branch).",
        wrong=DropoutOnTheSum,
        symptom=_does_as(DropoutOnTheSum, _block_with_all_dropped),
    ),
    Misconception(
        name="no dropout on the attention's output",
        exercise="Block",
        what="Only the feed-forward branch drops out; BERT does so of what the attention gives, too.",
        look="hidden_states + self.attended_dropout(attended).",
        wrong=NoDropoutOnTheAttention,
        symptom=_does_as(NoDropoutOnTheAttention, _block_with_all_dropped),
    ),
    Misconception(
        name="one dropout for both branches",
        exercise="Block",
        what="What the attention gives is dropped in DistilBERT as well, whose official code drops nothing there.",
        look="The first branch goes through self.attended_dropout, which is none in a DistilBERT.",
        wrong=OneDropoutForBoth,
        symptom=_does_as(OneDropoutForBoth, _distilbert_block_with_all_dropped),
    ),
    Misconception(
        name="mask inverted",
        exercise="Encoder",
        what="The real tokens are hidden and the padding is seen: True means visible.",
        look="1 is a real token, so attention_mask.bool() is what is visible already.",
        wrong=MaskInverted,
        symptom=_does_as(MaskInverted, _encode),
    ),
    Misconception(
        name="mask not handed on",
        exercise="Encoder",
        what="The blocks are called without the mask, so a text's vectors depend on the padding beside it.",
        look="layer(hidden, visible, output_attentions), with visible of shape (B, 1, 1, L).",
        wrong=MaskNotHandedOn,
        symptom=_does_as(MaskNotHandedOn, _encode),
    ),
    Misconception(
        name="token types not handed on",
        exercise="Encoder",
        what="The embeddings are called without the token types, which are then 0 everywhere.",
        look="self.embeddings(input_ids, token_type_ids).",
        wrong=TokenTypesNotHandedOn,
        symptom=_does_as(TokenTypesNotHandedOn, _encode),
    ),
    Misconception(
        name="hidden states lack the embeddings",
        exercise="Encoder",
        what="There is one hidden state a block; the first of the tuple should be the embeddings.",
        look="Begin the list with what the embeddings gave: N blocks make N + 1 hidden states.",
        wrong=EmbeddingsMissing,
        symptom=_does_as(EmbeddingsMissing, _encode),
    ),
    Misconception(
        name="hidden states lack the last one",
        exercise="Encoder",
        what="The input of each block is kept, but not the output of the last one.",
        look="Append after the block has run, and begin the list with the embeddings.",
        wrong=LastStateMissing,
        symptom=_does_as(LastStateMissing, _encode),
    ),
    Misconception(
        name="the same block for all layers",
        exercise="Encoder",
        what="One block stands in the list several times, so all layers share their weights.",
        look="Make a new one each time: Block(config) for _ in range(n), not [Block(config)] * n.",
        wrong=OneBlockForAll,
        symptom=_does_as(OneBlockForAll, _encode),
    ),
    Misconception(
        name="every block reads the embeddings",
        exercise="Encoder",
        what="The blocks stand side by side: each gets the embeddings instead of what the block before it gave.",
        look="Use one variable: hidden, weights = layer(hidden, …).",
        wrong=EveryBlockReadsTheEmbeddings,
        symptom=_does_as(EveryBlockReadsTheEmbeddings, _encode),
    ),
    Misconception(
        name="biases forgotten",
        exercise="count_parameters",
        what="Only the matrices are counted; every linear layer has a bias besides.",
        look="From a to b features: a b + b.",
        wrong=biases_forgotten,
        inputs=SIZES,
    ),
    Misconception(
        name="only query, key and value",
        exercise="count_parameters",
        what="Three projections are counted; the fourth mixes the heads' results at the end.",
        look="Attention has four linear layers from D to D.",
        wrong=three_projections,
        inputs=SIZES,
    ),
    Misconception(
        name="projections counted for each head",
        exercise="count_parameters",
        what="The attention is multiplied by the number of heads, but the heads share out one D by D matrix.",
        look="The number of heads does not occur in the formula.",
        wrong=once_for_each_head,
        inputs=SIZES,
    ),
    Misconception(
        name="one layer norm a block",
        exercise="count_parameters",
        what="A block has two norms, one after each half.",
        look="2 D for the embeddings' norm, 4 D for each block.",
        wrong=one_norm_a_block,
        inputs=SIZES,
    ),
    Misconception(
        name="norm of the embeddings forgotten",
        exercise="count_parameters",
        what="The blocks' norms are counted, the one after the embeddings is not.",
        look="2 D for the embeddings' norm, 4 D for each block.",
        wrong=norm_of_the_embeddings_forgotten,
        inputs=SIZES,
    ),
    Misconception(
        name="one layer only",
        exercise="count_parameters",
        what="Attention, feed-forward and norms are counted for a single block.",
        look="Multiply what a block has by config.num_hidden_layers.",
        wrong=one_layer_only,
        inputs=SIZES,
    ),
]
