"""Chapter 3: wrong implementations that people really write, each with inputs on which it shows."""

import math

import torch
from torch import nn

from minidistil.course.misconceptions import misconception


def _weights(query, key, visible=None, scale=None, dim=-1, hidden=-torch.inf):
    scores = query @ key.transpose(-2, -1) / (math.sqrt(query.shape[-1]) if scale is None else scale)
    if visible is not None:
        scores = scores.masked_fill(~visible, hidden)
    return scores.softmax(dim=dim)


def _draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


QUERY, KEY, VALUE = _draw(2, 3, 5, 4), _draw(2, 3, 5, 4, seed=1), _draw(2, 3, 5, 4, seed=2)
SEEN = torch.tensor([[True] * 5, [True, True, True, False, False]])[:, None, None, :]
OPEN = [(QUERY, KEY), (_draw(3, 6), _draw(3, 6, seed=1))]
MASKED = [(QUERY, KEY, SEEN), (_draw(3, 6), _draw(3, 6, seed=1), torch.tensor([True, False, True]))]
ONE = torch.tensor([[2.0, 0.0, 0.0, 0.0]])  # a query: the score of a key (s, 0, 0, 0) is s
LOW = [(ONE, torch.tensor([[0.0, 0, 0, 0], [-10001.0, 0, 0, 0]]), torch.tensor([False, True]))]
CUBES = [(_draw(4, 4, 4), _draw(4, 4, 4, seed=1)), (QUERY, KEY)]  # what exchanges all dimensions fits the first alone
HIGH = [(ONE, torch.tensor([[100.0, 0, 0, 0], [0.0, 0, 0, 0]]))]
WITH_VALUES = [(QUERY, KEY, VALUE), (QUERY, KEY, VALUE, SEEN)]
STATES = [(torch.arange(24).reshape(1, 4, 6), 2), (torch.arange(36).reshape(2, 3, 6), 3)]
HEADS = [(torch.arange(24).reshape(1, 2, 4, 3),), (torch.arange(36).reshape(2, 3, 3, 2),)]
LENGTHS = [(torch.tensor([[1, 1, 0], [1, 0, 0]]),), (torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]]),)]


@misconception("attention_weights", "no division by the root", inputs=OPEN)
def root_forgotten(query, key, visible=None):
    """The scores are plain dot products: the wider the vectors, the closer the largest weight is to 1.

    Divide the scores by math.sqrt(query.shape[-1]) before the softmax.
    """
    return _weights(query, key, visible, scale=1)


@misconception("attention_weights", "division by the width, not by its root", inputs=OPEN)
def width_without_its_root(query, key, visible=None):
    """The variance of a dot product grows with the width, its standard deviation only with the root of the width.

    Divide by math.sqrt(query.shape[-1]); dividing by the width makes the weights nearly equal.
    """
    return _weights(query, key, visible, scale=query.shape[-1])


@misconception("attention_weights", "root of the length", inputs=OPEN)
def root_of_the_length(query, key, visible=None):
    """The scores are divided by the root of the number of keys, so the same two tokens fit less in a longer text.

    The width is the last dimension, shape[-1]; shape[-2] counts the tokens.
    """
    return _weights(query, key, visible, scale=math.sqrt(key.shape[-2]))


@misconception("attention_weights", "multiplied by the root", inputs=OPEN)
def multiplied_by_the_root(query, key, visible=None):
    """The scores are multiplied by the root of the width instead of divided by it.

    Divide by math.sqrt(K), or multiply by K ** -0.5, not by K ** 0.5.
    """
    return _weights(query, key, visible, scale=1 / math.sqrt(query.shape[-1]))


@misconception("attention_weights", "softmax over the queries", inputs=OPEN)
def softmax_over_queries(query, key, visible=None):
    """The columns sum to 1 instead of the rows: the softmax goes over the queries, not over the keys.

    The keys are the last dimension of the scores: softmax(dim=-1).
    """
    return _weights(query, key, visible, dim=-2)


@misconception("attention_weights", "softmax over dimension 1", inputs=OPEN[:1])
def softmax_over_dimension_one(query, key, visible=None):
    """Dimension 1 is the heads if the input has heads: the weights sum to 1 over the heads.

    Count from the end: softmax(dim=-1) is right for any number of dimensions.
    """
    return _weights(query, key, visible, dim=1)


@misconception("attention_weights", "all dimensions exchanged", inputs=CUBES)
def all_dimensions_exchanged(query, key, visible=None):
    """key.T turns round the order of all dimensions, also of those in front: right for a matrix, not for a batch.

    Exchange the last two dimensions only: key.transpose(-2, -1).
    """
    return _weights(query, key.permute(*reversed(range(key.ndim))).transpose(-2, -1), visible)


@misconception("attention_weights", "queries and keys swapped", inputs=OPEN)
def query_and_key_swapped(query, key, visible=None):
    """The scores are K Q^T instead of Q K^T: there is a row for each key instead of for each query.

    The queries stand on the left: query @ key.transpose(-2, -1).
    """
    return _weights(key, query, visible)


@misconception("attention_weights", "mask after the softmax", inputs=MASKED)
def mask_after_softmax(query, key, visible=None):
    """The hidden keys are set to 0 after the softmax, so the rows no longer sum to 1.

    Mask the scores with -inf, before the softmax, which then distributes 1 over the visible keys.
    """
    weights = _weights(query, key)
    return weights if visible is None else weights.masked_fill(~visible, 0.0)


@misconception("attention_weights", "the mask added as 0 and 1", inputs=MASKED)
def mask_added_as_it_is(query, key, visible=None):
    """Adding 1 to the scores of the visible keys raises their weights a little; it hides no key.

    A mask that is added must be 0 and -inf; with a bool mask use masked_fill(~visible, -torch.inf).
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    return (scores if visible is None else scores + visible.float()).softmax(dim=-1)


@misconception("attention_weights", "hidden scores set to 0", inputs=MASKED)
def hidden_scores_zero(query, key, visible=None):
    """A score of 0 is an ordinary score, exp(0) = 1: the hidden keys still get some weight.

    Fill with -torch.inf, whose exponential is 0.
    """
    return _weights(query, key, visible, hidden=0.0)


@misconception("attention_weights", "mask inverted", inputs=[MASKED[1]])
def mask_inverted(query, key, visible=None):
    """The real tokens are hidden and the padding is seen.

    visible is True where a key is visible, and masked_fill fills where its mask is True: ~visible.
    """
    return _weights(query, key, None if visible is None else ~visible)


@misconception("attention_weights", "mask unused", inputs=MASKED)
def mask_unused(query, key, visible=None):
    """The result is right without padding, but visible is never used.

    If visible is given, fill the scores with -torch.inf where it is False.
    """
    return _weights(query, key)


@misconception("attention_weights", "softmax forgotten", inputs=OPEN)
def softmax_forgotten(query, key, visible=None):
    """The scores are returned: they may be negative, and their rows do not sum to 1.

    The weights are scores.softmax(dim=-1).
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    return scores if visible is None else scores.masked_fill(~visible, 0.0)


@misconception("attention_weights", "a mask of -10000", inputs=LOW)
def mask_of_minus_10000(query, key, visible=None):
    """-10000 is a large number, as in BERT's first code, but no infinity: a hidden key wins if the others score less.

    Fill with -torch.inf, or with torch.finfo(scores.dtype).min.
    """
    return _weights(query, key, visible, hidden=-10000.0)


@misconception("attention_weights", "0 times infinity", inputs=MASKED)
def zero_times_infinity(query, key, visible=None):
    """(1 - mask) * -inf is NaN where the mask is 1, because 0 times infinity is not a number.

    Do not multiply: masked_fill(~visible, -torch.inf), or torch.where.
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    return (scores if visible is None else scores + (1 - visible.float()) * -torch.inf).softmax(dim=-1)


@misconception("attention_weights", "the mask on the queries", inputs=MASKED[:1])
def mask_on_the_queries(query, key, visible=None):
    """The mask is transposed: it hides everything from some queries, which become NaN, and nothing from the others.

    The last dimension of the mask is the keys, as in the scores: use it as it is given.
    """
    return _weights(query, key, None if visible is None else visible.transpose(-2, -1))


@misconception("attention_weights", "division after the softmax", inputs=OPEN)
def division_after_the_softmax(query, key, visible=None):
    """The weights are divided instead of the scores, so they sum to less than 1.

    Divide by the root before the softmax.
    """
    return _weights(query, key, visible, scale=1) / math.sqrt(query.shape[-1])


@misconception("attention_weights", "softmax without subtracting the maximum", inputs=HIGH)
def maximum_not_subtracted(query, key, visible=None):
    """exp(x) is infinite in fp32 for x above 88, and infinity by infinity is NaN.

    Subtract the largest score of each row before exp, or use softmax(dim=-1), which does.
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    powers = (scores if visible is None else scores.masked_fill(~visible, -torch.inf)).exp()
    return powers / powers.sum(-1, keepdim=True)


@misconception("attention_weights", "logarithms of the weights", inputs=OPEN)
def logarithms_of_the_weights(query, key, visible=None):
    """log_softmax gives logarithms, which are negative; a weighted mean needs the weights themselves.

    Use softmax(dim=-1).
    """
    return _weights(query, key, visible).log()


@misconception("scaled_dot_product_attention", "a mean of the keys", inputs=WITH_VALUES)
def mean_of_keys(query, key, value, visible=None):
    """The output is a weighted mean of the keys, and the values are never used.

    The keys only decide on the weights; the output is weights @ value.
    """
    weights = _weights(query, key, visible)
    return weights @ key, weights


@misconception("scaled_dot_product_attention", "mask not passed on", inputs=WITH_VALUES[1:])
def mask_not_passed_on(query, key, value, visible=None):
    """visible is an argument, but the weights are computed without it.

    Call attention_weights(query, key, visible), with its third argument.
    """
    weights = _weights(query, key)
    return weights @ value, weights


@misconception("scaled_dot_product_attention", "weights transposed", inputs=WITH_VALUES)
def weights_turned(query, key, value, visible=None):
    """The weights are transposed, so each output is a sum over the queries instead of over the keys.

    Compute weights @ value, without a transpose: row i of the weights makes row i of the output.
    """
    weights = _weights(query, key, visible)
    return weights.transpose(-2, -1) @ value, weights


@misconception("scaled_dot_product_attention", "softmax twice", inputs=WITH_VALUES)
def softmax_twice(query, key, value, visible=None):
    """The weights go through a second softmax, which makes them nearly equal and gives hidden keys some weight again.

    attention_weights has applied the softmax already.
    """
    weights = _weights(query, key, visible).softmax(dim=-1)
    return weights @ value, weights


@misconception("scaled_dot_product_attention", "divided by the root twice", inputs=WITH_VALUES)
def root_twice(query, key, value, visible=None):
    """The queries are divided by the root of their width here, and the scores once more in attention_weights.

    Pass query and key on as they are.
    """
    weights = _weights(query, key, visible, scale=query.shape[-1])
    return weights @ value, weights


@misconception("scaled_dot_product_attention", "the results swapped", inputs=WITH_VALUES)
def results_swapped(query, key, value, visible=None):
    """The weights are returned first and the output second.

    Return (weights @ value, weights).
    """
    weights = _weights(query, key, visible)
    return weights, weights @ value


@misconception("scaled_dot_product_attention", "a mean of the queries", inputs=WITH_VALUES)
def mean_of_queries(query, key, value, visible=None):
    """The output is a weighted mean of the queries, and the values are never used.

    The queries only decide on the weights; the output is weights @ value.
    """
    weights = _weights(query, key, visible)
    return weights @ query, weights


@misconception("split_heads", "reshaped without a transpose", inputs=STATES)
def reshape_without_transpose(states, num_attention_heads):
    """The shape is right, but a head holds all features of a few tokens instead of a few features of all.

    Split the last dimension into (H, K) first, then swap dimensions 1 and 2.
    """
    batch, length, width = states.shape
    return states.reshape(batch, num_attention_heads, length, width // num_attention_heads)


@misconception("split_heads", "every H-th feature", inputs=STATES)
def every_hth_feature(states, num_attention_heads):
    """Each head gets every H-th feature. Official weights expect the features of a head side by side.

    Split D into (H, K), with H first: unflatten(-1, (num_attention_heads, -1)).
    """
    return states.unflatten(-1, (-1, num_attention_heads)).permute(0, 3, 1, 2)


@misconception("split_heads", "heads after the tokens", inputs=STATES)
def heads_left_behind_the_tokens(states, num_attention_heads):
    """The result is (B, L, H, K): attention would go over the heads of one token instead of over the tokens.

    transpose(1, 2) moves the heads in front of the tokens.
    """
    return states.unflatten(-1, (num_attention_heads, -1))


@misconception("split_heads", "features before the tokens", inputs=STATES)
def features_before_the_tokens(states, num_attention_heads):
    """The result is (B, H, K, L), as the transposed keys are; queries, keys and values all need (B, H, L, K).

    Swap dimensions 1 and 2 only; attention_weights transposes the keys.
    """
    return states.unflatten(-1, (num_attention_heads, -1)).permute(0, 2, 3, 1)


@misconception("split_heads", "heads before the sequences", inputs=STATES)
def heads_before_the_sequences(states, num_attention_heads):
    """The result is (H, B, L, K); the sequences must stay the first dimension.

    After the split into (B, L, H, K), swap dimensions 1 and 2: transpose(1, 2).
    """
    return states.unflatten(-1, (num_attention_heads, -1)).permute(2, 0, 1, 3)


@misconception("split_heads", "number and width of the heads swapped", inputs=STATES)
def number_and_width_swapped(states, num_attention_heads):
    """The features are split into groups of H instead of into H groups, so there are K heads of width H.

    H comes first: unflatten(-1, (num_attention_heads, -1)).
    """
    return states.unflatten(-1, (-1, num_attention_heads)).transpose(1, 2)


@misconception("join_heads", "joined without transposing back", inputs=HEADS)
def joined_without_transpose(heads):
    """The shape is right, but a token gets the features of one head from several tokens.

    First transpose(1, 2), so that the heads of a token lie side by side, then flatten(2).
    """
    batch, number, length, width = heads.shape
    return heads.reshape(batch, length, number * width)


@misconception("join_heads", "features interleaved", inputs=HEADS)
def features_taken_in_turns(heads):
    """The features of the heads are interleaved: the first of head 0, the first of head 1 and so on.

    The order to flatten is (B, L, H, K), with K last.
    """
    return heads.permute(0, 2, 3, 1).flatten(2)


@misconception("join_heads", "heads added up", inputs=HEADS)
def heads_added_up(heads):
    """The heads are summed, so the result is K wide instead of D.

    The features of the heads are concatenated, not added.
    """
    return heads.sum(1)


def _view_fails(function):
    try:
        function(HEADS[0][0])
    except RuntimeError as error:
        return "view size is not compatible" in str(error)
    return False


@misconception("join_heads", "view after a transpose", symptom=_view_fails)
def view_after_a_transpose(heads):
    """After transpose the features of a token are no longer adjacent in memory, and view cannot merge them.

    Use flatten(2) or reshape, which copy if they must, or call contiguous() before view.
    """
    batch, number, length, width = heads.shape
    return heads.transpose(1, 2).view(batch, length, number * width)


@misconception("join_heads", "heads one after the other", inputs=HEADS)
def heads_one_after_the_other(heads):
    """The heads are concatenated along the tokens: the result is H times as long and K wide.

    Concatenate along the features, the last dimension.
    """
    return torch.cat(list(heads.unbind(1)), dim=1)


@misconception("join_heads", "heads averaged", inputs=[(each.float(),) for (each,) in HEADS])
def heads_averaged(heads):
    """The heads are averaged, so the result is K wide instead of D.

    The features of the heads are concatenated; the layer `output` mixes them.
    """
    return heads.mean(1)


@misconception("padding_mask", "padding mask inverted", inputs=LENGTHS)
def padding_seen(attention_mask):
    """The mask is True at the padding, so the text is hidden.

    1 in the attention mask means a real token, and True means visible: do not invert it.
    """
    return (attention_mask == 0)[:, None, None, :]


@misconception("padding_mask", "queries masked instead of keys", inputs=LENGTHS)
def padding_asks_instead(attention_mask):
    """L is at the place of the queries: queries at padding see nothing, and all other queries see the padding.

    The keys are the last dimension of the scores: attention_mask[:, None, None, :].
    """
    return attention_mask[:, None, :, None].bool()


@misconception("padding_mask", "numbers to add to the scores", inputs=LENGTHS)
def numbers_to_add(attention_mask):
    """The mask is made of 0 and a huge negative number, as in BERT's first code; here it is bool.

    Return attention_mask[:, None, None, :].bool().
    """
    return (1.0 - attention_mask[:, None, None, :].float()) * torch.finfo(torch.float32).min


@misconception("padding_mask", "no dimension for the heads", inputs=LENGTHS)
def no_dimension_for_heads(attention_mask):
    """(B, 1, L) broadcasts with the last three dimensions of (B, H, L, L), so B stands at the place of the heads.

    Insert two dimensions, one for the heads and one for the queries.
    """
    return attention_mask[:, None, :].bool()


@misconception("padding_mask", "padding that sees nothing", inputs=LENGTHS)
def padding_that_sees_nothing(attention_mask):
    """The rows of the padding are hidden as well: a softmax over nothing is NaN, and the shape is (B, 1, L, L).

    Hide the keys only. What is computed for queries at padding is never used.
    """
    visible = attention_mask.bool()
    return visible[:, None, :, None] & visible[:, None, None, :]


@misconception("padding_mask", "a causal mask", inputs=LENGTHS)
def causal_mask(attention_mask):
    """Later tokens are hidden, as in GPT; in BERT every token sees the whole text.

    Only padding is hidden: attention_mask[:, None, None, :].bool().
    """
    length = attention_mask.shape[1]
    return attention_mask[:, None, None, :].bool() & torch.ones(length, length, dtype=torch.bool).tril()


@misconception("padding_mask", "no dimensions inserted", inputs=LENGTHS)
def no_dimensions_inserted(attention_mask):
    """(B, L) broadcasts with the last two dimensions of (B, H, L, L), so B stands at the place of the queries.

    Insert two dimensions, one for the heads and one for the queries.
    """
    return attention_mask.bool()


class _Attention(nn.Module):
    """Right, as long as no part is replaced."""

    def __init__(self, hidden_size, num_attention_heads, dropout):
        super().__init__()
        self.heads, self.dropout = num_attention_heads, dropout
        self.query, self.key, self.value, self.output = (nn.Linear(hidden_size, hidden_size) for _ in range(4))

    def split(self, states):
        return states.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def project(self, states):
        return self.query(states), self.key(states), self.value(states)

    def root(self, query):
        return math.sqrt(query.shape[-1])

    def weigh(self, query, key, visible):
        return _weights(query, key, visible, scale=self.root(query))

    def drop(self, tensor):
        return nn.functional.dropout(tensor, self.dropout, self.training)

    def attend(self, weights, value):
        return self.drop(weights) @ value

    def join(self, heads):
        return heads.transpose(1, 2).flatten(2)

    def mix(self, context):
        return self.output(context)

    def forward(self, hidden_states, visible=None, output_attentions=False):
        query, key, value = map(self.split, self.project(hidden_states))
        weights = self.weigh(query, key, visible)
        context = self.join(self.attend(weights, value))
        return self.mix(context), weights if output_attentions else None


def _made(implementation, dropout=0.0):
    """A module of this class with fixed weights."""
    module, generator = implementation(6, 2, dropout), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _, parameter in sorted(module.named_parameters()):
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return module


HIDDEN = _draw(2, 4, 6, seed=1)
REAL = torch.tensor([[True, True, True, True], [True, True, False, False]])[:, None, None, :]


def _same_output(wrong):
    """The symptom: with the same weights, an implementation gives the output of the wrong one."""

    def symptom(implementation):
        outputs = [_made(each).eval()(HIDDEN, REAL)[0] for each in (implementation, wrong)]
        return torch.allclose(*outputs, atol=1e-5)

    return symptom


def _twice_the_same(module):
    return torch.equal(module(HIDDEN)[0], module(HIDDEN)[0])


def _random_in_evaluation(implementation):
    return not _twice_the_same(_made(implementation, dropout=0.5).eval())


def _not_random_in_training(implementation):
    return _twice_the_same(_made(implementation, dropout=0.5).train())


def _always_returns_weights(implementation):
    return _made(implementation)(HIDDEN)[1] is not None


@misconception("MultiHeadAttention", "root of the whole width", symptom_of=_same_output)
class RootOfTheWholeWidth(_Attention):
    """The scores of a head are divided by sqrt(D), but the vectors of a head are K = D / H wide.

    Use the last dimension of the query after the split, or let attention_weights do it.
    """

    def root(self, query):
        return math.sqrt(self.heads * query.shape[-1])


@misconception("MultiHeadAttention", "values not projected", symptom_of=_same_output)
class ValueUnprojected(_Attention):
    """The hidden states themselves are averaged, and the layer `value` is not used.

    Values are self.value(hidden_states), split into heads as the queries and keys are.
    """

    def project(self, states):
        return self.query(states), self.key(states), states


@misconception("MultiHeadAttention", "one projection for all", symptom_of=_same_output)
class OneProjectionForAll(_Attention):
    """Queries, keys and values come from the same layer, so a token mostly attends to itself.

    Three layers, each used once: self.query, self.key, self.value.
    """

    def project(self, states):
        return self.query(states), self.query(states), self.query(states)


@misconception("MultiHeadAttention", "output not projected", symptom_of=_same_output)
class OutputUnprojected(_Attention):
    """The heads are joined but never mixed: `output` is not applied.

    The last step is to apply self.output to the joined heads.
    """

    def mix(self, context):
        return context


@misconception("MultiHeadAttention", "dropout in evaluation", symptom=_random_in_evaluation)
class DropoutAlways(_Attention):
    """The same input gives a different output each time, even after eval().

    Pass self.training to nn.functional.dropout as its third argument.
    """

    def drop(self, tensor):
        return nn.functional.dropout(tensor, self.dropout)


@misconception("MultiHeadAttention", "no dropout in training", symptom=_not_random_in_training)
class DropoutNever(_Attention):
    """dropout is stored, but never used.

    In training it is applied to the weights, after the softmax and before the product with the values.
    """

    def drop(self, tensor):
        return tensor


@misconception("MultiHeadAttention", "the module ignores its mask", symptom_of=_same_output)
class PaddingSeen(_Attention):
    """visible is not passed to the attention, so padding is treated like text.

    Pass visible on to attention_weights or scaled_dot_product_attention.
    """

    def forward(self, hidden_states, visible=None, output_attentions=False):
        return super().forward(hidden_states, None, output_attentions)


@misconception("MultiHeadAttention", "a single head", symptom_of=_same_output)
class OneHead(_Attention):
    """There is one attention over all D features; the number of heads changes nothing.

    Split queries, keys and values into heads before they attend.
    """

    def split(self, states):
        return states[:, None]


@misconception("MultiHeadAttention", "weights always returned", symptom=_always_returns_weights)
class WeightsAlwaysReturned(_Attention):
    """The weights are returned even if output_attentions is False, and are kept in memory.

    Return None instead unless output_attentions is True.
    """

    def forward(self, hidden_states, visible=None, output_attentions=False):
        return super().forward(hidden_states, visible, True)


class _UndroppedWeights(_Attention):
    def attend(self, weights, value):
        return weights @ value


def _output_dropped(implementation):
    """Whether a dropout of nearly 1 sets the output to 0; rightly it leaves the bias of the last layer, here 1."""
    module = _made(implementation, dropout=1 - 1e-7)
    with torch.no_grad():
        module.output.weight.zero_()
        module.output.bias.fill_(1)
    return bool((module.eval()(HIDDEN)[0] == 1).all()) and not module.train()(HIDDEN)[0].any()


@misconception("MultiHeadAttention", "dropout on the output", symptom=_output_dropped)
class DropoutOnTheOutput(_UndroppedWeights):
    """Dropout is applied after the last layer; that is the block's task (chapter 4).

    Apply it to the weights, after the softmax and before the product with the values.
    """

    def mix(self, context):
        return self.drop(self.output(context))


def _weights_drawn(implementation):
    """The returned weight of one key of two, over 300 draws of dropout 0.5, and whether the two always sum to 1.

    Rightly it is always the same.
    """
    module = _made(implementation, dropout=0.5).train()
    weights = module(0.1 * HIDDEN[:1, :2].expand(300, -1, -1), None, True)[1][:, 0, 0]
    return len(set(weights[:, 0].mul(1e5).round().tolist())), torch.allclose(weights.sum(-1), torch.ones(300))


@misconception(
    "MultiHeadAttention", "dropout before the softmax", symptom=lambda f: _weights_drawn(f) in ((3, True), (4, True))
)
class DropoutBeforeTheSoftmax(_UndroppedWeights):
    """A dropped score of 0 is an ordinary score: the key keeps some weight, and the other weights grow or shrink.

    Apply dropout to the weights, after the softmax.
    """

    def weigh(self, query, key, visible):
        scores = self.drop(query @ key.transpose(-2, -1) / self.root(query))
        return (scores if visible is None else scores.masked_fill(~visible, -torch.inf)).softmax(dim=-1)


@misconception(
    "MultiHeadAttention", "dropout on the query", symptom=lambda f: _weights_drawn(f) in ((n, True) for n in (6, 7, 8))
)
class DropoutOnTheQuery(_UndroppedWeights):
    """Dropout is applied to the queries, so the softmax sees other scores; no key is dropped.

    Apply dropout to the weights, after the softmax.
    """

    def weigh(self, query, key, visible):
        return super().weigh(self.drop(query), key, visible)


@misconception(
    "MultiHeadAttention", "weights returned after dropout", symptom=lambda f: _weights_drawn(f) == (2, False)
)
class WeightsAfterDropout(_UndroppedWeights):
    """The weights that are returned are those after dropout: many are 0, and their rows do not sum to 1.

    Keep the weights of the softmax, and give those after dropout another name.
    """

    def weigh(self, query, key, visible):
        return self.drop(super().weigh(query, key, visible))


def _features_dropped(implementation):
    """Whether dropout sets single features of a head to 0 where there is one token, whose weight is 1.

    Rightly it drops the head as a whole.
    """
    module = _made(implementation, dropout=0.5).train()
    with torch.no_grad():
        module.output.weight.copy_(torch.eye(6))
        module.output.bias.zero_()
    zeros = (module(HIDDEN[:1, :1].expand(100, -1, -1))[0] == 0).unflatten(-1, (2, 3))
    return bool((zeros.any(-1) != zeros.all(-1)).any()) and not _output_dropped(implementation)


@misconception("MultiHeadAttention", "dropout on the values", symptom=_features_dropped)
class DropoutOnTheValues(_UndroppedWeights):
    """Dropout sets single features of the values, or of the joined heads, to 0.

    Apply it to the weights, after the softmax: then a query misses whole tokens.
    """

    def attend(self, weights, value):
        return weights @ self.drop(value)


@misconception("MultiHeadAttention", "values from the key layer", symptom_of=_same_output)
class ValuesFromTheKeyLayer(_Attention):
    """The values come from self.key, and self.value is not used.

    Three layers, each used once: self.query, self.key, self.value.
    """

    def project(self, states):
        return self.query(states), self.key(states), self.key(states)


@misconception("MultiHeadAttention", "query and key layers swapped", symptom_of=_same_output)
class LayersSwapped(_Attention):
    """The queries come from self.key and the keys from self.query; with official weights that is another model.

    Take each from the layer of its name.
    """

    def project(self, states):
        return self.key(states), self.query(states), self.value(states)


@misconception("MultiHeadAttention", "heads joined without transposing back", symptom_of=_same_output)
class JoinedWithoutTranspose(_Attention):
    """The shape is right, but a token gets the features of one head from several tokens.

    Join the heads with join_heads, which swaps dimensions 1 and 2 before it flattens.
    """

    def join(self, heads):
        return joined_without_transpose(heads)


@misconception("MultiHeadAttention", "heads split without a transpose", symptom_of=_same_output)
class SplitWithoutTranspose(_Attention):
    """The shape is right, but a head holds all features of a few tokens instead of a few features of all.

    Split with split_heads: first the features into (H, K), then dimensions 1 and 2 swapped.
    """

    def split(self, states):
        return reshape_without_transpose(states, self.heads)


@misconception("MultiHeadAttention", "scores divided twice", symptom_of=_same_output)
class DividedTwice(_Attention):
    """The scores are divided by the root of the head's width twice, here and in attention_weights.

    Pass the queries on as they are.
    """

    def root(self, query):
        return query.shape[-1]


@misconception("MultiHeadAttention", "a residual connection inside", symptom_of=_same_output)
class ResidualInside(_Attention):
    """The input is added to the output here; that is the block's task (chapter 4), which would then add it twice.

    The last step is self.output.
    """

    def forward(self, hidden_states, visible=None, output_attentions=False):
        output, weights = super().forward(hidden_states, visible, output_attentions)
        return output + hidden_states, weights


@misconception("MultiHeadAttention", "layers without a bias", symptom=lambda f: _made(f).query.bias is None)
class LayersWithoutBias(_Attention):
    """The layers have no bias, so official weights, which have one, cannot be loaded.

    nn.Linear(hidden_size, hidden_size), with its default bias=True.
    """

    def __init__(self, hidden_size, num_attention_heads, dropout):
        super().__init__(hidden_size, num_attention_heads, dropout)
        self.query, self.key, self.value = (nn.Linear(hidden_size, hidden_size, bias=False) for _ in range(3))


@misconception(
    "MultiHeadAttention",
    "weights averaged over the heads",
    symptom=lambda f: _made(f)(HIDDEN, None, True)[1].dim() == 3,
)
class WeightsAveraged(_Attention):
    """The weights are averaged over the heads, as nn.MultiheadAttention does by default.

    Return the weights of each head: (B, H, L, L).
    """

    def forward(self, hidden_states, visible=None, output_attentions=False):
        output, weights = super().forward(hidden_states, visible, output_attentions)
        return output, weights if weights is None else weights.mean(1)


@misconception(
    "MultiHeadAttention", "weights never returned", symptom=lambda f: _made(f)(HIDDEN, None, True)[1] is None
)
class WeightsNeverReturned(_Attention):
    """None is returned even if output_attentions is True.

    Return the weights if they are asked for, else None.
    """

    def forward(self, hidden_states, visible=None, output_attentions=False):
        return super().forward(hidden_states, visible, False)
