"""Chapter 3: wrong implementations that people really write, each with inputs on which it shows."""

import math

import torch
from torch import nn

from minidistil.course.misconceptions import Misconception


def _weights(query, key, visible=None, scale=None, dim=-1, hidden=-torch.inf):
    scores = query @ key.transpose(-2, -1) / (math.sqrt(query.shape[-1]) if scale is None else scale)
    if visible is not None:
        scores = scores.masked_fill(~visible, hidden)
    return scores.softmax(dim=dim)


def root_forgotten(query, key, visible=None):
    return _weights(query, key, visible, scale=1)


def width_without_its_root(query, key, visible=None):
    return _weights(query, key, visible, scale=query.shape[-1])


def root_of_the_length(query, key, visible=None):
    return _weights(query, key, visible, scale=math.sqrt(key.shape[-2]))


def multiplied_by_the_root(query, key, visible=None):
    return _weights(query, key, visible, scale=1 / math.sqrt(query.shape[-1]))


def softmax_over_queries(query, key, visible=None):
    return _weights(query, key, visible, dim=-2)


def softmax_over_dimension_one(query, key, visible=None):
    return _weights(query, key, visible, dim=1)


def query_and_key_swapped(query, key, visible=None):
    return _weights(key, query, visible)


def mask_after_softmax(query, key, visible=None):
    weights = _weights(query, key)
    return weights if visible is None else weights.masked_fill(~visible, 0.0)


def mask_added_as_it_is(query, key, visible=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    return (scores if visible is None else scores + visible.float()).softmax(dim=-1)


def hidden_scores_zero(query, key, visible=None):
    return _weights(query, key, visible, hidden=0.0)


def mask_inverted(query, key, visible=None):
    return _weights(query, key, None if visible is None else ~visible)


def mask_unused(query, key, visible=None):
    return _weights(query, key)


def softmax_forgotten(query, key, visible=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    return scores if visible is None else scores.masked_fill(~visible, 0.0)


def mean_of_keys(query, key, value, visible=None):
    weights = _weights(query, key, visible)
    return weights @ key, weights


def mask_not_passed_on(query, key, value, visible=None):
    weights = _weights(query, key)
    return weights @ value, weights


def weights_turned(query, key, value, visible=None):
    weights = _weights(query, key, visible)
    return weights.transpose(-2, -1) @ value, weights


def reshape_without_transpose(states, num_attention_heads):
    batch, length, width = states.shape
    return states.reshape(batch, num_attention_heads, length, width // num_attention_heads)


def every_hth_feature(states, num_attention_heads):
    return states.unflatten(-1, (-1, num_attention_heads)).permute(0, 3, 1, 2)


def heads_left_behind_the_tokens(states, num_attention_heads):
    return states.unflatten(-1, (num_attention_heads, -1))


def joined_without_transpose(heads):
    batch, number, length, width = heads.shape
    return heads.reshape(batch, length, number * width)


def features_taken_in_turns(heads):
    return heads.permute(0, 2, 3, 1).flatten(2)


def heads_added_up(heads):
    return heads.sum(1)


def padding_seen(attention_mask):
    return (attention_mask == 0)[:, None, None, :]


def padding_asks_instead(attention_mask):
    return attention_mask[:, None, :, None].bool()


def numbers_to_add(attention_mask):
    return (1.0 - attention_mask[:, None, None, :].float()) * torch.finfo(torch.float32).min


def no_dimension_for_heads(attention_mask):
    return attention_mask[:, None, :].bool()


class _Attention(nn.Module):
    """Right, as long as no part is replaced."""

    def __init__(self, hidden_size, num_attention_heads, dropout):
        super().__init__()
        self.heads, self.share = num_attention_heads, dropout
        self.query = nn.Linear(hidden_size, hidden_size)
        self.key = nn.Linear(hidden_size, hidden_size)
        self.value = nn.Linear(hidden_size, hidden_size)
        self.output = nn.Linear(hidden_size, hidden_size)

    def split(self, states):
        return states.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def project(self, states):
        return self.query(states), self.key(states), self.value(states)

    def root(self, query):
        return math.sqrt(query.shape[-1])

    def drop(self, weights):
        return nn.functional.dropout(weights, self.share, self.training)

    def mix(self, context):
        return self.output(context)

    def forward(self, hidden_states, visible=None, output_attentions=False):
        query, key, value = map(self.split, self.project(hidden_states))
        weights = _weights(query, key, visible, scale=self.root(query))
        context = (self.drop(weights) @ value).transpose(1, 2).flatten(2)
        return self.mix(context), weights if output_attentions else None


class RootOfTheWholeWidth(_Attention):
    def root(self, query):
        return math.sqrt(self.heads * query.shape[-1])


class ValueUnprojected(_Attention):
    def project(self, states):
        return self.query(states), self.key(states), states


class OneProjectionForAll(_Attention):
    def project(self, states):
        return self.query(states), self.query(states), self.query(states)


class OutputUnprojected(_Attention):
    def mix(self, context):
        return context


class DropoutAlways(_Attention):
    def drop(self, weights):
        return nn.functional.dropout(weights, self.share)


class DropoutNever(_Attention):
    def drop(self, weights):
        return weights


class PaddingSeen(_Attention):
    def forward(self, hidden_states, visible=None, output_attentions=False):
        return super().forward(hidden_states, None, output_attentions)


class OneHead(_Attention):
    def split(self, states):
        return states[:, None]


class WeightsAlwaysReturned(_Attention):
    def forward(self, hidden_states, visible=None, output_attentions=False):
        return super().forward(hidden_states, visible, True)


def _made(implementation, dropout=0.0):
    """A module of this kind with fixed weights."""
    module, generator = implementation(6, 2, dropout), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _, parameter in sorted(module.named_parameters()):
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return module


HIDDEN = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(1))
REAL = torch.tensor([[True, True, True, True], [True, True, False, False]])[:, None, None, :]


def _gives_what(wrong):
    """Whether an implementation gives the output of this wrong one, with the same weights."""

    def symptom(implementation):
        ours, theirs = (_made(each).eval()(HIDDEN, REAL)[0] for each in (implementation, wrong))
        return torch.allclose(ours, theirs, atol=1e-5)

    return symptom


def _draws_in_evaluation(implementation):
    module = _made(implementation, dropout=0.5).eval()
    return not torch.equal(module(HIDDEN)[0], module(HIDDEN)[0])


def _never_draws(implementation):
    module = _made(implementation, dropout=0.5).train()
    return torch.equal(module(HIDDEN)[0], module(HIDDEN)[0])


def _returns_weights_unasked(implementation):
    return _made(implementation)(HIDDEN)[1] is not None


def _draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


QUERY, KEY, VALUE = _draw(2, 3, 5, 4), _draw(2, 3, 5, 4, seed=1), _draw(2, 3, 5, 4, seed=2)
SEEN = torch.tensor([[True] * 5, [True, True, True, False, False]])[:, None, None, :]
OPEN = [(QUERY, KEY), (_draw(3, 6), _draw(3, 6, seed=1))]
MASKED = [(QUERY, KEY, SEEN), (_draw(3, 6), _draw(3, 6, seed=1), torch.tensor([True, False, True]))]
STATES = [(torch.arange(24).reshape(1, 4, 6), 2), (torch.arange(36).reshape(2, 3, 6), 3)]
HEADS = [(torch.arange(24).reshape(1, 2, 4, 3),), (torch.arange(36).reshape(2, 3, 3, 2),)]
LENGTHS = [(torch.tensor([[1, 1, 0], [1, 0, 0]]),), (torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]]),)]

MISCONCEPTIONS = [
    Misconception(
        name="no division by the root",
        exercise="attention_weights",
        what="The scores are bare dot products: the wider the vectors, the closer the softmax is to all or nothing.",
        look="Divide the scores by math.sqrt(query.shape[-1]) before the softmax.",
        wrong=root_forgotten,
        inputs=OPEN,
    ),
    Misconception(
        name="division by the width, not by its root",
        exercise="attention_weights",
        what="The variance of a dot product grows with the width, its size only with the root: now the weights are "
        "nearly equal.",
        look="It is math.sqrt(query.shape[-1]) that the scores are divided by.",
        wrong=width_without_its_root,
        inputs=OPEN,
    ),
    Misconception(
        name="root of the length",
        exercise="attention_weights",
        what="The scores are divided by the root of the number of keys, so the same two tokens match less in a "
        "longer text.",
        look="The width is the last dimension, shape[-1]; shape[-2] counts the tokens.",
        wrong=root_of_the_length,
        inputs=OPEN,
    ),
    Misconception(
        name="multiplied by the root",
        exercise="attention_weights",
        what="The scores become larger by the root where they should become smaller.",
        look="Divide by math.sqrt(K), or multiply by K ** -0.5, not by K ** 0.5.",
        wrong=multiplied_by_the_root,
        inputs=OPEN,
    ),
    Misconception(
        name="softmax over the queries",
        exercise="attention_weights",
        what="The columns sum to 1 instead of the rows: the queries compete for a key, not the keys for a query.",
        look="The keys are the last dimension of the scores: softmax(dim=-1).",
        wrong=softmax_over_queries,
        inputs=OPEN,
    ),
    Misconception(
        name="softmax over dimension 1",
        exercise="attention_weights",
        what="With heads in front, dimension 1 is the heads: they share out 1 among them.",
        look="Count from the end: softmax(dim=-1) is right whatever stands in front.",
        wrong=softmax_over_dimension_one,
        inputs=OPEN[:1],
    ),
    Misconception(
        name="queries and keys swapped",
        exercise="attention_weights",
        what="The scores are those of K Q^T: row i says how much key i is asked for, not what query i asks.",
        look="Queries to the left, one row each: query @ key.transpose(-2, -1).",
        wrong=query_and_key_swapped,
        inputs=OPEN,
    ),
    Misconception(
        name="mask after the softmax",
        exercise="attention_weights",
        what="Hidden keys are set to 0 when they have had their share already, so the rows no longer sum to 1.",
        look="Mask the scores, with -inf, and let the softmax share out among the rest.",
        wrong=mask_after_softmax,
        inputs=MASKED,
    ),
    Misconception(
        name="the mask added as 0 and 1",
        exercise="attention_weights",
        what="Adding 1 to a score favours the visible keys a little; it hides nobody.",
        look="A mask that is added must be 0 and -inf; with a bool mask use masked_fill(~visible, -torch.inf).",
        wrong=mask_added_as_it_is,
        inputs=MASKED,
    ),
    Misconception(
        name="hidden scores set to 0",
        exercise="attention_weights",
        what="A score of 0 is an ordinary score, exp(0) = 1: the hidden keys still get their share.",
        look="Fill with -torch.inf, whose exponential is 0.",
        wrong=hidden_scores_zero,
        inputs=MASKED,
    ),
    Misconception(
        name="mask inverted",
        exercise="attention_weights",
        what="The real tokens are hidden and the padding is seen.",
        look="visible is True where a key may be seen; masked_fill fills where its mask is True: ~visible.",
        wrong=mask_inverted,
        inputs=[MASKED[1]],
    ),
    Misconception(
        name="mask unused",
        exercise="attention_weights",
        what="Without padding all is right, but visible is never looked at.",
        look="If visible is given, fill the scores with -torch.inf where it is False.",
        wrong=mask_unused,
        inputs=MASKED,
    ),
    Misconception(
        name="softmax forgotten",
        exercise="attention_weights",
        what="These are scores: they may be negative, and their rows sum to anything.",
        look="The weights are scores.softmax(dim=-1).",
        wrong=softmax_forgotten,
        inputs=OPEN,
    ),
    Misconception(
        name="a mean of the keys",
        exercise="scaled_dot_product_attention",
        what="The output mixes the keys, and the values are never used.",
        look="Keys are for being found, values for being read: weights @ value.",
        wrong=mean_of_keys,
        inputs=[(QUERY, KEY, VALUE), (QUERY, KEY, VALUE, SEEN)],
    ),
    Misconception(
        name="mask not passed on",
        exercise="scaled_dot_product_attention",
        what="visible arrives, but the weights are computed without it.",
        look="attention_weights(query, key, visible), with its third argument.",
        wrong=mask_not_passed_on,
        inputs=[(QUERY, KEY, VALUE, SEEN)],
    ),
    Misconception(
        name="weights turned round",
        exercise="scaled_dot_product_attention",
        what="Each output sums over the queries that asked, instead of over the keys that answer.",
        look="weights @ value, without a transpose: row i of the weights makes row i of the output.",
        wrong=weights_turned,
        inputs=[(QUERY, KEY, VALUE), (QUERY, KEY, VALUE, SEEN)],
    ),
    Misconception(
        name="reshaped without a transpose",
        exercise="split_heads",
        what="The shape is right, but a head holds all features of a few tokens instead of a few features of all.",
        look="Split the last dimension into (H, K) first, then exchange dimensions 1 and 2.",
        wrong=reshape_without_transpose,
        inputs=STATES,
    ),
    Misconception(
        name="every H-th feature",
        exercise="split_heads",
        what="The features are dealt out in turns. Official weights expect a head's features side by side.",
        look="Split D into (H, K), heads first: unflatten(-1, (num_attention_heads, -1)).",
        wrong=every_hth_feature,
        inputs=STATES,
    ),
    Misconception(
        name="heads left behind the tokens",
        exercise="split_heads",
        what="The result is (B, L, H, K): attention would run over the heads of one token.",
        look="transpose(1, 2) brings the heads in front of the tokens.",
        wrong=heads_left_behind_the_tokens,
        inputs=STATES,
    ),
    Misconception(
        name="joined without transposing back",
        exercise="join_heads",
        what="The shape is right, but a token gets one head's features of several tokens.",
        look="First transpose(1, 2), so that a token's heads lie side by side, then flatten(2).",
        wrong=joined_without_transpose,
        inputs=HEADS,
    ),
    Misconception(
        name="features taken in turns",
        exercise="join_heads",
        what="The heads' features are shuffled into each other: first of head 0, first of head 1 and so on.",
        look="(B, L, H, K) is the order to flatten, K last.",
        wrong=features_taken_in_turns,
        inputs=HEADS,
    ),
    Misconception(
        name="heads added up",
        exercise="join_heads",
        what="A sum over the heads forgets which head said what, and is K wide instead of D.",
        look="The heads stand side by side: their features are concatenated.",
        wrong=heads_added_up,
        inputs=HEADS,
    ),
    Misconception(
        name="padding mask inverted",
        exercise="padding_mask",
        what="True stands at the padding, so that the text is hidden.",
        look="1 in the attention mask means a real token, and True means visible: no turning round.",
        wrong=padding_seen,
        inputs=LENGTHS,
    ),
    Misconception(
        name="padding cannot ask instead of not being asked",
        exercise="padding_mask",
        what="L stands at the place of the queries: padding queries see nothing, and every query sees the padding.",
        look="The keys are the last dimension of the scores: [:, None, None, :].",
        wrong=padding_asks_instead,
        inputs=LENGTHS,
    ),
    Misconception(
        name="numbers to add to the scores",
        exercise="padding_mask",
        what="These are 0 and a huge negative number, as BERT's first code had it; here a bool mask is expected.",
        look="attention_mask[:, None, None, :].bool()",
        wrong=numbers_to_add,
        inputs=LENGTHS,
    ),
    Misconception(
        name="no dimension for the heads",
        exercise="padding_mask",
        what="(B, 1, L) lines up with the last three of (B, H, L, L), so B meets the heads.",
        look="Two dimensions are inserted, one for the heads and one for the queries.",
        wrong=no_dimension_for_heads,
        inputs=LENGTHS,
    ),
    Misconception(
        name="root of the whole width",
        exercise="MultiHeadAttention",
        what="The scores of a head are divided by sqrt(D), but a head's vectors are K = D / H wide.",
        look="Take the root from the shape of the split query, or let attention_weights do it.",
        wrong=RootOfTheWholeWidth,
        symptom=_gives_what(RootOfTheWholeWidth),
    ),
    Misconception(
        name="value used unprojected",
        exercise="MultiHeadAttention",
        what="The hidden states themselves are averaged, and the layer `value` does nothing.",
        look="Values are self.value(hidden_states), split into heads as the queries and keys are.",
        wrong=ValueUnprojected,
        symptom=_gives_what(ValueUnprojected),
    ),
    Misconception(
        name="one projection for all",
        exercise="MultiHeadAttention",
        what="Queries, keys and values come from the same layer, so a token mostly finds itself.",
        look="Three layers, each used once: self.query, self.key, self.value.",
        wrong=OneProjectionForAll,
        symptom=_gives_what(OneProjectionForAll),
    ),
    Misconception(
        name="output not projected",
        exercise="MultiHeadAttention",
        what="The heads are joined but never mixed: `output` is not applied.",
        look="The last step is self.output(joined heads).",
        wrong=OutputUnprojected,
        symptom=_gives_what(OutputUnprojected),
    ),
    Misconception(
        name="dropout in evaluation",
        exercise="MultiHeadAttention",
        what="The same input gives another output each time, even after eval().",
        look="nn.functional.dropout needs to be told: pass self.training as its third argument.",
        wrong=DropoutAlways,
        symptom=_draws_in_evaluation,
    ),
    Misconception(
        name="no dropout in training",
        exercise="MultiHeadAttention",
        what="dropout is stored and never used.",
        look="In training it falls on the weights, after the softmax and before the values.",
        wrong=DropoutNever,
        symptom=_never_draws,
    ),
    Misconception(
        name="the module ignores its mask",
        exercise="MultiHeadAttention",
        what="visible does not reach the attention, so padding is read like text.",
        look="Pass visible on to attention_weights or scaled_dot_product_attention.",
        wrong=PaddingSeen,
        symptom=_gives_what(PaddingSeen),
    ),
    Misconception(
        name="a single head",
        exercise="MultiHeadAttention",
        what="All D features attend as one; the number of heads changes nothing.",
        look="Split queries, keys and values into heads before they attend.",
        wrong=OneHead,
        symptom=_gives_what(OneHead),
    ),
    Misconception(
        name="weights returned unasked",
        exercise="MultiHeadAttention",
        what="The weights come back even where output_attentions is False, and are kept in memory.",
        look="Return None in their place unless output_attentions is set.",
        wrong=WeightsAlwaysReturned,
        symptom=_returns_weights_unasked,
    ),
]
