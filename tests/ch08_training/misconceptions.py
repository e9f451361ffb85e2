"""Wrong pieces of a training loop that people really write."""

import contextlib
import math
from dataclasses import astuple

import torch
import torch._dynamo  # the first optimizer imports it, which takes seconds that should not count as the learner's
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.testing._internal.distributed.fake_pg import FakeStore

from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch08_training.checkpoints import MOMENTS
from minidistil.ch08_training.feed import Batch, mix
from minidistil.ch08_training.parallel import without_averaging
from minidistil.ch08_training.settings import TrainingConfig
from minidistil.course.misconceptions import misconception


def _raises(*errors):
    """A symptom from a check that raises such an error for functions that have it."""

    def symptom(check):
        def shows(function):
            try:
                check(function)
            except errors:
                return True
            return False

        return shows

    return symptom


# ---- schedule ----


def _lines(step, steps, warmup, first=1, end=0):
    """Up over the warm-up, then down to 0; `first` and `end` move the two ends."""
    if step < warmup:
        return (step + first) / warmup
    return (steps - end - step) / max(1, steps - end - warmup)


def _same_factors_as(wrong):
    """Whether all factors are the wrong one's, in a run with a warm-up of 2.1 steps."""

    def shows(function):
        steps = range(30)
        return all(math.isclose(function(step, 30, 0.07), wrong(step, 30, 0.07), abs_tol=1e-6) for step in steps)

    return shows


@misconception("schedule", "a first step that does nothing", symptom_of=_same_factors_as)
def dead_first_step(step, steps, warmup_share):
    """The first step has learning rate 0, so it changes nothing.

    Steps count from 0: the factor is (step + 1) / warmup.
    """
    return _lines(step, steps, math.ceil(warmup_share * steps), first=0)


@misconception("schedule", "zero one step early", symptom_of=_same_factors_as)
def zero_one_step_early(step, steps, warmup_share):
    """The last step has learning rate 0, so its work is lost.

    The factor is 0 at `steps`, one after the last step: (steps - step) / (steps - warmup).
    """
    return _lines(step, steps, math.ceil(warmup_share * steps), end=1)


@misconception("schedule", "a jump after the warm-up", symptom_of=_same_factors_as)
def slope_of_all_steps(step, steps, warmup_share):
    """The way down is measured from step 0, so the rate drops suddenly when the warm-up ends.

    The way down begins with 1 at the end of the warm-up: divide by steps - warmup.
    """
    warmup = math.ceil(warmup_share * steps)
    return (step + 1) / warmup if step < warmup else (steps - step) / steps


@misconception("schedule", "never down to zero", symptom_of=_same_factors_as)
def never_zero(step, steps, warmup_share):
    """The slope of the way down is too small: the run ends while the rate is still above 0.

    The way down takes steps - warmup steps, not steps.
    """
    warmup = math.ceil(warmup_share * steps)
    return (step + 1) / warmup if step < warmup else 1 - (step - warmup) / steps


@misconception("schedule", "warm-up rounded down", symptom_of=_same_factors_as)
def warm_up_rounded_down(step, steps, warmup_share):
    """int() or round() makes the warm-up too short; a short run has none at all.

    Use math.ceil(warmup_share * steps).
    """
    return _lines(step, steps, int(warmup_share * steps))


@misconception("schedule", "no warm-up", symptom_of=_same_factors_as)
def warm_up_forgotten(step, steps, warmup_share):
    """The rate is largest at the start, when AdamW's moments are computed from a single gradient.

    Go up first, while step < warmup.
    """
    return (steps - step) / steps


@misconception("schedule", "a cosine on the way down", symptom_of=_same_factors_as)
def cosine_on_the_way_down(step, steps, warmup_share):
    """The way down is half a cosine, as in many recipes for language models; here it is a straight line.

    (steps - step) / (steps - warmup).
    """
    warmup = math.ceil(warmup_share * steps)
    factor = _lines(step, steps, warmup)
    return factor if step < warmup else (1 - math.cos(math.pi * factor)) / 2


@misconception("schedule", "constant after the warm-up", symptom_of=_same_factors_as)
def constant_after_the_warm_up(step, steps, warmup_share):
    """After the warm-up the rate stays at its highest value until the end.

    Let it go down linearly: (steps - step) / max(1, steps - warmup).
    """
    warmup = math.ceil(warmup_share * steps)
    return _lines(step, steps, warmup) if step < warmup else 1.0


@misconception("schedule", "warm-up that ends below 1", symptom_of=_same_factors_as)
def warm_up_ends_below_one(step, steps, warmup_share):
    """The steps of the warm-up are divided by warmup + 1, so its last step has a factor below 1.

    The last step of the warm-up has factor 1: (step + 1) / warmup.
    """
    warmup = math.ceil(warmup_share * steps)
    return (step + 1) / (warmup + 1) if step < warmup else _lines(step, steps, warmup)


@_raises(ZeroDivisionError)
def _divides_by_zero(function):
    function(4, 4, 1.0)


@misconception("schedule", "no steps after the warm-up", symptom=_divides_by_zero)
def nothing_after_the_warm_up(step, steps, warmup_share):
    """If all steps are warm-up, steps - warmup is 0, and the way down divides by it.

    Divide by max(1, steps - warmup).
    """
    warmup = math.ceil(warmup_share * steps)
    return (step + 1) / warmup if step < warmup else (steps - step) / (steps - warmup)


# ---- numbers_of_step ----


def _same_numbers_as(wrong):
    """Whether two processes get the numbers that the wrong one gives them."""
    places = [(step, 3, rank, 2) for step in (0, 1) for rank in (0, 1)]
    return lambda function: all(list(function(*each)) == list(wrong(*each)) for each in places)


@misconception("numbers_of_step", "all processes read the same", symptom_of=_same_numbers_as)
def everybody_reads_the_same(step, accumulate, rank, world_size):
    """The rank is ignored, so several processes do the work of one.

    Process `rank` starts `rank` micro-batches later, and each goes on in steps of world_size.
    """
    return range(step * accumulate, (step + 1) * accumulate)


@misconception("numbers_of_step", "steps overlap", symptom_of=_same_numbers_as)
def accumulation_forgotten(step, accumulate, rank, world_size):
    """The next step starts world_size later, but a step reads accumulate * world_size, so text is read twice.

    Step number `step` begins at step * accumulate * world_size.
    """
    start = step * world_size
    return range(start + rank, start + accumulate * world_size, world_size)


@misconception("numbers_of_step", "processes overlap", symptom_of=_same_numbers_as)
def shares_overlap(step, accumulate, rank, world_size):
    """Each process reads consecutive numbers, some of which other processes read as well.

    Use the third argument of range: go on in steps of world_size.
    """
    start = step * accumulate * world_size + rank
    return range(start, start + accumulate)


@misconception("numbers_of_step", "end of the step left out", symptom_of=_same_numbers_as)
def tail_lost(step, accumulate, rank, world_size):
    """The range ends too early, so micro-batches at the end of each step are never read.

    It ends below (step + 1) * accumulate * world_size.
    """
    start = step * accumulate * world_size
    return range(start + rank, start + accumulate, world_size)


@misconception("numbers_of_step", "blocks instead of turns", symptom_of=_same_numbers_as)
def blocks_instead_of_turns(step, accumulate, rank, world_size):
    """Nothing is lost or read twice, but each process reads a block of its own instead of every world_size-th.

    The processes take turns: process 0 reads the first, process 1 the second, and so on, then process 0 again.
    """
    start = (step * world_size + rank) * accumulate
    return range(start, start + accumulate)


@misconception("numbers_of_step", "counted from 1", symptom_of=_same_numbers_as)
def numbers_from_one(step, accumulate, rank, world_size):
    """The first micro-batch is never read: in the first step process 0 begins with number 1.

    Steps, ranks and micro-batches are all counted from 0.
    """
    start = step * accumulate * world_size + 1
    return range(start + rank, start + accumulate * world_size, world_size)


@misconception("numbers_of_step", "accumulate as the stride", symptom_of=_same_numbers_as)
def accumulate_as_the_stride(step, accumulate, rank, world_size):
    """The numbers of a process are `accumulate` apart; two processes then read some of them twice and others never.

    The processes take turns, so the stride is world_size, and each reads `accumulate` numbers.
    """
    start = step * accumulate * world_size + rank
    return range(start, start + accumulate * accumulate, accumulate)


# ---- make_optimizer ----


def _small():
    config = EncoderConfig(
        vocab_size=11, hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=6,
        max_position_embeddings=8,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MaskedLM(config)


def _optimizer(model, config, decays=lambda name, each: each.dim() > 1, kind=torch.optim.AdamW, frozen=False, **more):
    named = [(name, each) for name, each in model.named_parameters() if frozen or each.requires_grad]
    groups = [
        {"params": [each for name, each in named if decays(name, each)], "weight_decay": config.weight_decay},
        {"params": [each for name, each in named if not decays(name, each)], "weight_decay": 0.0},
    ]
    settings = {"lr": config.learning_rate, "betas": config.betas, "eps": config.eps} | more
    return kind([group for group in groups if group["params"]], **settings)


def _everything(name, parameter):
    return True


def _all_but_biases(name, parameter):
    return not name.endswith("bias")


def _decays(expected):
    """Whether exactly these parameters are decayed, whatever else is right."""

    def shows(function):
        model = _small()
        groups = function(model, TrainingConfig(weight_decay=0.5)).param_groups
        decayed = {id(each) for group in groups if group["weight_decay"] for each in group["params"]}
        return decayed == {id(each) for name, each in model.named_parameters() if expected(name, each)}

    return shows


def _holds_frozen_ones(function):
    model = _small()
    model.head.bias.requires_grad_(False)
    groups = function(model, TrainingConfig()).param_groups
    return any(model.head.bias is each for group in groups for each in group["params"])


def _is_not_adamw(function):
    optimizer = function(_small(), TrainingConfig(weight_decay=0.5))
    decoupled = optimizer.param_groups[0].get("decoupled_weight_decay", isinstance(optimizer, torch.optim.AdamW))
    return isinstance(optimizer, torch.optim.Adam) and not decoupled


def _has_default_betas(function):
    return all(group["betas"] == (0.9, 0.999) for group in function(_small(), TrainingConfig()).param_groups)


@misconception("make_optimizer", "decay on everything", symptom=_decays(_everything))
def decay_on_everything(model, config):
    """Biases and layer norms are decayed towards 0 too; a layer norm with weight 0 would have no output.

    Put parameters with one dimension into a group of their own with weight_decay 0.0.
    """
    return _optimizer(model, config, decays=_everything)


@misconception("make_optimizer", "decay on layer norms", symptom=_decays(_all_but_biases))
def decay_on_norms(model, config):
    """Only biases are not decayed, but the weight of a layer norm is a vector of factors around 1, not a matrix.

    Decide by parameter.dim() instead of the name.
    """
    return _optimizer(model, config, decays=_all_but_biases)


@misconception("make_optimizer", "decay as part of the gradient", symptom=_is_not_adamw)
def decay_as_a_gradient(model, config):
    """Adam adds the decay to the gradient and then divides both by the gradient's size.

    Use torch.optim.AdamW, which subtracts the decay from the weight itself.
    """
    return _optimizer(model, config, kind=torch.optim.Adam)


@misconception("make_optimizer", "frozen parameters included", symptom=_holds_frozen_ones)
def frozen_ones_included(model, config):
    """The optimizer holds frozen parameters, which would change as soon as they got a gradient.

    Take only parameters with requires_grad.
    """
    return _optimizer(model, config, frozen=True)


@misconception("make_optimizer", "default betas", symptom=_has_default_betas)
def betas_by_default(model, config):
    """PyTorch's default for the second beta is 0.999, but the config has another value.

    Pass betas=config.betas, and lr and eps in the same way.
    """
    return _optimizer(model, config, betas=(0.9, 0.999))


def _all_but_embeddings(name, parameter):
    return parameter.dim() > 1 and "embeddings" not in name


def _only_vectors(name, parameter):
    return parameter.dim() < 2


def _nothing(name, parameter):
    return False


def _setting(name, wrong):
    """Whether the groups have this value of a setting, although the config has another."""
    config = TrainingConfig(learning_rate=0.25, betas=(0.7, 0.9), eps=0.125)
    return lambda function: all(group[name] == wrong for group in function(_small(), config).param_groups)


@misconception("make_optimizer", "no decay on the embeddings", symptom=_decays(_all_but_embeddings))
def no_decay_on_embeddings(model, config):
    """Word and position embeddings are left out, as in GPT recipes; here every matrix is decayed.

    Decide by parameter.dim() > 1 alone.
    """
    return _optimizer(model, config, decays=_all_but_embeddings)


@misconception("make_optimizer", "groups exchanged", symptom=_decays(_only_vectors))
def groups_exchanged(model, config):
    """Biases and layer norms are decayed, and the matrices are not: the condition is the wrong way round.

    weight_decay is for parameters with dim() > 1, and 0.0 for the others.
    """
    return _optimizer(model, config, decays=_only_vectors)


@misconception("make_optimizer", "no decay at all", symptom=_decays(_nothing))
def no_decay(model, config):
    """No parameter is decayed: config.weight_decay is not used.

    The group of the matrices has weight_decay=config.weight_decay.
    """
    return _optimizer(model, config, decays=_nothing)


@misconception("make_optimizer", "betas exchanged", symptom=_setting("betas", (0.9, 0.7)))
def betas_exchanged(model, config):
    """The two betas are in the wrong order: the first is of the mean, the second of the mean of the squares.

    betas=config.betas, as they are.
    """
    return _optimizer(model, config, betas=config.betas[::-1])


@misconception("make_optimizer", "default eps", symptom=_setting("eps", 1e-8))
def eps_by_default(model, config):
    """PyTorch's eps of 1e-8 is used, but the config has another value.

    Pass eps=config.eps.
    """
    return _optimizer(model, config, eps=1e-8)


@misconception("make_optimizer", "default learning rate", symptom=_setting("lr", 1e-3))
def rate_by_default(model, config):
    """PyTorch's learning rate of 0.001 is used, but the config has another value.

    Pass lr=config.learning_rate.
    """
    return _optimizer(model, config, lr=1e-3)


# ---- clip_gradients ----


def _gradients(parameters):
    return [each.grad for each in parameters if each.grad is not None]


def _norm(parameters):
    return math.sqrt(sum(float(each.square().sum()) for each in _gradients(parameters)))


def _shrink(parameters, norm, max_norm):
    if norm > max_norm:
        for gradient in _gradients(parameters):
            gradient.mul_(max_norm / norm)


def _clips_like(wrong):
    """Whether gradients and returned norm are the wrong one's, for long and for short gradients."""

    def outcome_of(function, gradients):
        parameters = [nn.Parameter(torch.ones(len(each))) for each in gradients]
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = torch.tensor(gradient)
        norm = function(parameters, 2.0)
        return torch.cat([torch.tensor([float(norm)]), *(each.grad for each in parameters), *parameters])

    def shows(function):
        cases = ([[3.0, 1.0], [0.5], [2.0, 4.0]], [[0.3], [0.0, 0.4]])
        return all(torch.allclose(outcome_of(function, each), outcome_of(wrong, each)) for each in cases)

    return shows


@_raises(AttributeError, TypeError)
def _needs_every_gradient(function):
    parameters = [nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))]
    parameters[1].grad = torch.tensor([9.0])
    function(parameters, 2.0)


@misconception("clip_gradients", "each tensor by itself", symptom_of=_clips_like)
def each_tensor_by_itself(parameters, max_norm):
    """Every tensor is clipped to max_norm separately, which changes the direction of the whole gradient.

    Compute one norm over all tensors, and multiply all of them by one factor.
    """
    norm = _norm(parameters)
    for parameter in parameters:
        _shrink([parameter], _norm([parameter]), max_norm)
    return norm


@misconception("clip_gradients", "clipped by value", symptom_of=_clips_like)
def by_value(parameters, max_norm):
    """Every entry is clamped to the limit, so large entries lose more than small ones and the direction changes.

    Multiply by max_norm / norm instead of clamping.
    """
    norm = _norm(parameters)
    for gradient in _gradients(parameters):
        gradient.clamp_(-max_norm, max_norm)
    return norm


@misconception("clip_gradients", "sum of the norms", symptom_of=_clips_like)
def sum_of_the_lengths(parameters, max_norm):
    """The tensors' norms are added up, but it is their squares that have to be added.

    Take the root of the sum of all squares: of 3 and 4 it is 5.
    """
    norm = sum(_norm([each]) for each in parameters)
    _shrink(parameters, norm, max_norm)
    return norm


@misconception("clip_gradients", "short gradients stretched", symptom_of=_clips_like)
def short_ones_stretched(parameters, max_norm):
    """Every gradient is scaled to the norm max_norm, even one that was shorter.

    Scale only if norm > max_norm.
    """
    norm = _norm(parameters)
    for gradient in _gradients(parameters):
        gradient.mul_(max_norm / norm)
    return norm


@misconception("clip_gradients", "norm after clipping returned", symptom_of=_clips_like)
def length_of_afterwards(parameters, max_norm):
    """The returned norm is that of the clipped gradient, so the log cannot show that the gradient was too large.

    Return the norm from before clipping.
    """
    _shrink(parameters, _norm(parameters), max_norm)
    return _norm(parameters)


@misconception("clip_gradients", "copies clipped", symptom_of=_clips_like)
def copies_clipped(parameters, max_norm):
    """The product is a new tensor that is not stored anywhere; the parameters still have the old gradients.

    Work in place: gradient.mul_(factor).
    """
    norm = _norm(parameters)
    for gradient in _gradients(parameters):
        if norm > max_norm:
            gradient = gradient * (max_norm / norm)
    return norm


def _replaces_gradients(function):
    parameter = nn.Parameter(torch.zeros(2))
    parameter.grad = before = torch.tensor([3.0, 4.0])
    function([parameter], 1.0)
    return parameter.grad is not before and torch.allclose(parameter.grad, torch.tensor([0.6, 0.8]))


@misconception("clip_gradients", "new tensors in place of the gradients", symptom=_replaces_gradients)
def gradients_replaced(parameters, max_norm):
    """The products are right, but they are new tensors: whoever holds the old ones, as DDP does, sees no change.

    Change the tensors that are there: parameter.grad.mul_(factor), or parameter.grad *= factor.
    """
    norm = _norm(parameters)
    for parameter in parameters:
        if parameter.grad is not None and norm > max_norm:
            parameter.grad = parameter.grad * (max_norm / norm)
    return norm


@misconception("clip_gradients", "gradient None not handled", symptom=_needs_every_gradient)
def gradients_taken_for_granted(parameters, max_norm):
    """The gradient of a parameter that no loss depends on is None.

    Skip those: if parameter.grad is not None.
    """
    norm = math.sqrt(sum(float(each.grad.square().sum()) for each in parameters))
    _shrink(parameters, norm, max_norm)
    return norm


@misconception("clip_gradients", "square of the norm", symptom_of=_clips_like)
def root_left_out(parameters, max_norm):
    """The sum of the squares is compared and returned; a norm is its square root.

    math.sqrt of the sum.
    """
    square = _norm(parameters) ** 2
    _shrink(parameters, square, max_norm)
    return square


@misconception("clip_gradients", "largest entry as the norm", symptom_of=_clips_like)
def largest_entry(parameters, max_norm):
    """This is the maximum norm: the largest magnitude among all entries.

    Take the root of the sum of all squares.
    """
    largest = max(float(each.abs().max()) for each in _gradients(parameters))
    _shrink(parameters, largest, max_norm)
    return largest


@misconception("clip_gradients", "largest norm of a tensor", symptom_of=_clips_like)
def largest_norm(parameters, max_norm):
    """Only the tensor with the longest gradient counts.

    The norm is that of one vector with all entries of all tensors.
    """
    norm = max(_norm([each]) for each in parameters)
    _shrink(parameters, norm, max_norm)
    return norm


# ---- accumulate_gradients ----


def _accumulate(
    module, batches, seed, empty=True, empty_each=False, factor=None, draw=mix, alone=lambda last: not last,
    keep=lambda value: value.detach().float(),
):  # fmt: skip
    if empty:
        module.zero_grad()
    rows = []
    for place, (number, batch) in enumerate(batches, start=1):
        if empty_each:
            module.zero_grad()
        if draw is not None:
            torch.manual_seed(draw(seed, number))
        with without_averaging(module) if alone(place == len(batches)) else contextlib.nullcontext():
            losses = module(*astuple(batch))
            (losses["loss"] * (factor or 1 / len(batches))).backward()
        rows.append({name: keep(value) for name, value in losses.items()})
    return rows


class _Toy(nn.Module):
    def __init__(self, dropout=0.0, dtype=torch.float32):
        super().__init__()
        self.weight, self.dropout = nn.Parameter(torch.linspace(-1, 1, 8, dtype=dtype)), dropout

    def forward(self, input_ids, attention_mask, labels):
        kept = nn.functional.dropout(self.weight, self.dropout)
        return {"loss": (kept[input_ids] - labels).square().mean()}


def _toy_batch(number):
    ids = torch.arange(6).reshape(2, 3) + number % 3
    return number, Batch(ids, torch.ones_like(ids), ids % 2)


def _same_gradients_as(wrong):
    """Whether two calls in a row leave the gradients that the wrong one leaves."""

    def left_by(function):
        toy = _Toy()
        for numbers in ((0, 1, 2), (1, 2)):
            function(toy, [_toy_batch(number) for number in numbers], 56)
        return toy.weight.grad

    return lambda function: torch.allclose(left_by(function), left_by(wrong))


def _same_dropout(function, numbers):
    """Whether dropout draws the same for micro-batches of all these numbers."""
    gradients = []
    with torch.random.fork_rng(devices=[]):
        for number in numbers:
            toy = _Toy(dropout=0.5)
            function(toy, [(number, _toy_batch(0)[1])], 56)
            gradients.append(toy.weight.grad)
    return all(torch.equal(gradients[0], each) for each in gradients)


def _seeds_seen(function, numbers=(7, 8, 9)):
    """The seed of PyTorch's generator at each forward pass."""
    seen = []

    class Asked(_Toy):
        def forward(self, *inputs):
            seen.append(torch.initial_seed())
            return super().forward(*inputs)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        function(Asked(), [(number, _toy_batch(0)[1]) for number in numbers], 56)
    return seen


def _has_one_seed(function):
    return _same_dropout(function, range(8)) and len(set(_seeds_seen(function))) == 1


def _averages(count):
    """Whether the gradients of three micro-batches are averaged over the processes so many times."""

    def shows(function):
        calls = []

        def average(state, bucket):
            calls.append(None)
            future = torch.futures.Future()
            future.set_result(bucket.buffer())
            return future

        # Not a real group: that one has threads, and a module freed after the group's end can wait for them for ever.
        distributed.init_process_group("fake", rank=0, world_size=1, store=FakeStore())
        try:
            module = DistributedDataParallel(_Toy())
            module.register_comm_hook(None, average)
            function(module, [_toy_batch(number) for number in range(3)], 56)
        finally:
            distributed.destroy_process_group()
        return len(calls) == count

    return shows


def _keeps_graphs(function):
    return any(row["loss"].requires_grad for row in function(_Toy(), [_toy_batch(0)], 56))


def _keeps_bf16(function):
    (row,) = function(_Toy(dtype=torch.bfloat16), [_toy_batch(0)], 56)
    return row["loss"].dtype == torch.bfloat16 and not row["loss"].requires_grad


@misconception("accumulate_gradients", "gradients zeroed within the loop", symptom_of=_same_gradients_as)
def emptied_within_the_loop(module, batches, seed):
    """Gradients are set to zero before each micro-batch, so only the last one counts.

    Call zero_grad once, before the loop.
    """
    return _accumulate(module, batches, seed, empty_each=True)


@misconception("accumulate_gradients", "gradients never zeroed", symptom_of=_same_gradients_as)
def never_emptied(module, batches, seed):
    """backward() adds to the gradients that are there, so those of all earlier steps are included.

    Call module.zero_grad() before the first micro-batch.
    """
    return _accumulate(module, batches, seed, empty=False)


@misconception("accumulate_gradients", "sum instead of mean", symptom_of=_same_gradients_as)
def sum_instead_of_mean(module, batches, seed):
    """Without the division the gradient grows with the number of micro-batches.

    Divide each loss by len(batches) before backward().
    """
    return _accumulate(module, batches, seed, factor=1.0)


@misconception(
    "accumulate_gradients", "dropout not seeded", symptom=lambda function: not _same_dropout(function, (0, 0))
)
def no_seed(module, batches, seed):
    """The generator is not seeded, so dropout draws something else after the run is resumed.

    Call torch.manual_seed(mix(seed, number)) before each micro-batch.
    """
    return _accumulate(module, batches, seed, draw=None)


@misconception("accumulate_gradients", "same dropout for every micro-batch", symptom=_has_one_seed)
def one_seed_for_all(module, batches, seed):
    """The generator is seeded with the seed alone, so dropout leaves out the same places each time.

    Use the number of the micro-batch too: mix(seed, number).
    """
    return _accumulate(module, batches, seed, draw=lambda seed, number: seed)


@misconception("accumulate_gradients", "averaged after each micro-batch", symptom=_averages(3))
def averaged_after_each(module, batches, seed):
    """All processes wait for each other after every micro-batch, although only the sum is needed.

    Use without_averaging(module) for all but the last.
    """
    return _accumulate(module, batches, seed, alone=lambda last: False)


@misconception("accumulate_gradients", "never averaged", symptom=_averages(0))
def never_averaged(module, batches, seed):
    """The gradients are never averaged over the processes, so the copies of the model become different.

    Call backward() of the last micro-batch outside of without_averaging.
    """
    return _accumulate(module, batches, seed, alone=lambda last: True)


@misconception("accumulate_gradients", "graphs kept", symptom=_keeps_graphs)
def graphs_kept(module, batches, seed):
    """The returned terms keep their graphs in memory, and with them all activations.

    Call detach() on each term.
    """
    return _accumulate(module, batches, seed, keep=lambda value: value.float())


@misconception("accumulate_gradients", "terms left in bf16", symptom=_keeps_bf16)
def terms_in_bf16(module, batches, seed):
    """A mean of bf16 numbers is rounded to 8 bits, so losses in the log change in steps of 0.01 or more.

    Call float() on each term.
    """
    return _accumulate(module, batches, seed, keep=lambda value: value.detach())


def _seeds_with(draw):
    """Whether the generator is seeded for numbers 7, 8 and 9 with what `draw` gives."""
    return lambda function: _seeds_seen(function) == [draw(56, number) for number in (7, 8, 9)]


@misconception("accumulate_gradients", "seeded once a step", symptom=_seeds_with(lambda seed, number: mix(seed, 7)))
def seeded_once_a_step(module, batches, seed):
    """The generator is seeded before the loop only; what the second micro-batch draws depends on the first.

    Call torch.manual_seed(mix(seed, number)) within the loop, before each forward pass.
    """
    first = batches[0][0]
    return _accumulate(module, batches, seed, draw=lambda seed, number: mix(seed, first))


@misconception("accumulate_gradients", "seed and number added", symptom=_seeds_with(lambda seed, number: seed + number))
def seed_plus_number(module, batches, seed):
    """With seed + number, a run with the next seed has the same draws, one micro-batch later.

    mix(seed, number) makes seeds that have nothing in common.
    """
    return _accumulate(module, batches, seed, draw=lambda seed, number: seed + number)


@misconception(
    "accumulate_gradients", "seed and number exchanged", symptom=_seeds_with(lambda seed, number: mix(number, seed))
)
def seed_and_number_exchanged(module, batches, seed):
    """mix is called with the number first: another seed than the one of a resumed run or of another process.

    mix(seed, number).
    """
    return _accumulate(module, batches, seed, draw=lambda seed, number: mix(number, seed))


@misconception(
    "accumulate_gradients",
    "place in the step instead of the number",
    symptom=_seeds_with(lambda seed, number: mix(seed, number - 7)),
)
def place_instead_of_number(module, batches, seed):
    """The seed depends on the place within the step, so every step has the same dropout.

    The pairs hold the number of each micro-batch in the whole run: use that.
    """
    first = batches[0][0]
    return _accumulate(module, batches, seed, draw=lambda seed, number: mix(seed, number - first))


def _returns_shares(function):
    """Whether the returned loss is the micro-batch's divided by the number of micro-batches."""
    pairs = [_toy_batch(number) for number in range(3)]
    expected = [_Toy()(*astuple(batch))["loss"].item() / 3 for _, batch in pairs]
    found = [float(row["loss"].detach()) for row in function(_Toy(), pairs, 56)]
    return all(math.isclose(one, other, rel_tol=1e-4) for one, other in zip(found, expected))


@misconception("accumulate_gradients", "divided terms returned", symptom=_returns_shares)
def divided_terms_returned(module, batches, seed):
    """The returned loss is divided by the number of micro-batches, so the log depends on the accumulation.

    Divide only what backward() is called on, and return each micro-batch's own loss.
    """
    return _accumulate(module, batches, seed, keep=lambda value: value.detach().float() / len(batches))


# ---- training_state ----


def _pair(frozen=False, steps=2):
    model = _small()
    model.head.bias.requires_grad_(not frozen)
    optimizer = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad])
    for _ in range(steps):
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, 0.5) if parameter.requires_grad else None
        optimizer.step()
    return model, optimizer


def _state(model, optimizer, keys=MOMENTS, frozen=True, every=False):
    tensors = {}
    for name, parameter in model.named_parameters():
        if frozen or parameter.requires_grad:
            tensors[f"model.{name}"] = parameter.detach()
        if every or parameter in optimizer.state:
            tensors |= {f"{key}.{name}": optimizer.state[parameter][key] for key in keys}
    return tensors


def _same_names_as(wrong):
    return lambda function: function(*_pair(frozen=True)).keys() == wrong(*_pair(frozen=True)).keys()


@_raises(KeyError)
def _fails_when_frozen(function):
    function(*_pair(frozen=True))


@misconception("training_state", "weights only", symptom_of=_same_names_as)
def weights_only(model, optimizer):
    """Without the optimizer's moments the resumed run takes different steps.

    Add both MOMENTS from optimizer.state[parameter].
    """
    return _state(model, optimizer, keys=())


@misconception("training_state", "first moment only", symptom_of=_same_names_as)
def first_moment_only(model, optimizer):
    """The mean of the squares, by whose root AdamW divides, is missing.

    Add both MOMENTS: exp_avg and exp_avg_sq.
    """
    return _state(model, optimizer, keys=MOMENTS[:1])


@misconception("training_state", "frozen weights left out", symptom_of=_same_names_as)
def frozen_weights_left_out(model, optimizer):
    """A checkpoint without the frozen weights is not a whole model.

    Store every parameter, even where requires_grad is False.
    """
    return _state(model, optimizer, frozen=False)


@misconception("training_state", "a state for every parameter", symptom=_fails_when_frozen)
def a_state_for_every_parameter(model, optimizer):
    """A frozen parameter has no state, and before the first step no parameter has one: this raises a KeyError.

    Check first: if parameter in optimizer.state.
    """
    return _state(model, optimizer, every=True)


def _moments_are_swapped(function):
    model, optimizer = _pair()
    state, tensors = optimizer.state[model.head.bias], function(model, optimizer)
    return all(
        torch.equal(tensors[f"{name}.head.bias"], state[other]) for name, other in zip(MOMENTS, reversed(MOMENTS))
    )


@misconception("training_state", "moments exchanged", symptom=_moments_are_swapped)
def moments_exchanged(model, optimizer):
    """exp_avg has the mean of the squares, and exp_avg_sq the mean of the gradients.

    f"{key}.{name}" is optimizer.state[parameter][key], with the same key.
    """
    found, other = _state(model, optimizer), dict(zip(MOMENTS, reversed(MOMENTS)))
    return {
        name if name.startswith("model.") else other[name.partition(".")[0]] + "." + name.partition(".")[2]: tensor
        for name, tensor in found.items()
    }


@misconception("training_state", "tied weights twice", symptom_of=_same_names_as)
def tied_weights_twice(model, optimizer):
    """state_dict() lists a tied weight under each of its names; the word embeddings are then stored twice.

    Go through model.named_parameters(), which has each parameter once.
    """
    return {f"model.{name}": each for name, each in model.state_dict().items()} | _state(model, optimizer)


def _needs_gradients(function):
    return any(tensor.requires_grad for tensor in function(*_pair()).values())


@misconception("training_state", "parameters themselves returned", symptom=_needs_gradients)
def parameters_returned(model, optimizer):
    """The parameters themselves are in the dictionary, and they require gradients.

    parameter.detach().
    """
    return _state(model, optimizer) | {f"model.{name}": each for name, each in model.named_parameters()}


# ---- restore_state ----


def _restore(tensors, model, optimizer, step, weights=True, moments=True, every=False):
    for name, parameter in model.named_parameters():
        if weights:
            parameter.data.copy_(tensors[f"model.{name}"])
        if moments and (every or f"exp_avg.{name}" in tensors):
            state = {key: tensors[f"{key}.{name}"] for key in MOMENTS}
            optimizer.state[parameter] = {"step": torch.tensor(float(step)), **state}


def _restored(function, frozen=False):
    tensors = {name: each.clone() for name, each in _state(*_pair(frozen)).items()}
    model, optimizer = _pair(frozen, steps=0)
    before = list(model.parameters())
    function(tensors, model, optimizer, 2)
    replaced = any(one is not other for one, other in zip(before, model.parameters()))
    return model, optimizer, replaced


def _same_state_as(wrong):
    """Whether model and optimizer are what the wrong one makes of them; an unknown state counts as none."""

    def made_by(function):
        model, optimizer, replaced = _restored(function)
        if replaced:
            return []
        states = [optimizer.state.get(each, {}) for each in model.parameters()]
        return [each.detach() for each in model.parameters()] + [
            torch.as_tensor(state.get(key, -1.0)) for state in states for key in ("step", *MOMENTS)
        ]

    def shows(function):
        mine, others = made_by(function), made_by(wrong)
        return len(mine) == len(others) and all(
            one.shape == other.shape and torch.equal(one, other) for one, other in zip(mine, others)
        )

    return shows


@_raises(KeyError)
def _wants_moments_of_frozen_ones(function):
    _restored(function, frozen=True)


@misconception("restore_state", "moments not restored", symptom_of=_same_state_as)
def moments_not_restored(tensors, model, optimizer, step):
    """The optimizer starts again without moments, and takes steps as large as the first ones of a run.

    optimizer.state[parameter] needs step, exp_avg and exp_avg_sq.
    """
    _restore(tensors, model, optimizer, step, moments=False)


@misconception("restore_state", "weights not restored", symptom_of=_same_state_as)
def weights_not_restored(tensors, model, optimizer, step):
    """The optimizer goes on from the weights that the model happens to have.

    Call parameter.copy_(tensors[f"model.{name}"]) under torch.no_grad().
    """
    _restore(tensors, model, optimizer, step, weights=False)


@misconception("restore_state", "step number not restored", symptom_of=_same_state_as)
def steps_counted_anew(tensors, model, optimizer, step):
    """With step 0 AdamW takes the moments for new ones and divides them by numbers that are much too small.

    Set "step": torch.tensor(float(step)).
    """
    _restore(tensors, model, optimizer, 0)


@misconception("restore_state", "moments for every parameter", symptom=_wants_moments_of_frozen_ones)
def moments_for_every_parameter(tensors, model, optimizer, step):
    """A frozen parameter has no moments in the checkpoint: this raises a KeyError.

    Check first: if f"exp_avg.{name}" in tensors.
    """
    _restore(tensors, model, optimizer, step, every=True)


@misconception("restore_state", "parameters replaced", symptom=lambda function: _restored(function)[2])
def parameters_replaced(tensors, model, optimizer, step):
    """The model has new parameters, but the optimizer still holds the old ones and will update those.

    Copy numbers into the existing parameters.
    """
    _restore(tensors, model, optimizer, step)
    for name, parameter in list(model.named_parameters()):
        owner, _, last = name.rpartition(".")
        new = nn.Parameter(tensors[f"model.{name}"].clone(), parameter.requires_grad)
        setattr(model.get_submodule(owner), last, new)


@misconception("restore_state", "moments exchanged on the way back", symptom_of=_same_state_as)
def moments_restored_exchanged(tensors, model, optimizer, step):
    """exp_avg gets the mean of the squares, and exp_avg_sq the mean of the gradients.

    state[key] is tensors[f"{key}.{name}"], with the same key.
    """
    first, second = MOMENTS
    swapped = {name.replace(f"{first}.", "_.", 1): each for name, each in tensors.items()}
    swapped = {name.replace(f"{second}.", f"{first}.", 1): each for name, each in swapped.items()}
    _restore({name.replace("_.", f"{second}.", 1): each for name, each in swapped.items()}, model, optimizer, step)


@misconception("restore_state", "one step too many", symptom_of=_same_state_as)
def one_step_too_many(tensors, model, optimizer, step):
    """The optimizer believes that it has taken one step more than it has.

    `step` steps have been taken: "step": torch.tensor(float(step)).
    """
    _restore(tensors, model, optimizer, step + 1)


def _counts_together(function):
    _, optimizer, _ = _restored(function)
    steps = [state["step"] for state in optimizer.state.values() if "step" in state]
    return len(steps) > 1 and all(step is steps[0] for step in steps) and isinstance(steps[0], torch.Tensor)


def _counts_in_a_number(function):
    _, optimizer, _ = _restored(function)
    return any(not isinstance(state["step"], torch.Tensor) for state in optimizer.state.values() if "step" in state)


@misconception("restore_state", "the step as a plain number", symptom=_counts_in_a_number)
def step_as_a_number(tensors, model, optimizer, step):
    """state["step"] is a number of Python. AdamW counts in a tensor, in place: a number stays as it is, or is refused.

    Make a torch.tensor(float(step)) for each parameter.
    """
    _restore(tensors, model, optimizer, step)
    for state in optimizer.state.values():
        state["step"] = step


@misconception("restore_state", "one step tensor for all", symptom=_counts_together)
def one_step_tensor_for_all(tensors, model, optimizer, step):
    """All parameters share one tensor "step", and each of them adds 1 to it in the next step.

    Make a new torch.tensor(float(step)) for each parameter, within the loop.
    """
    _restore(tensors, model, optimizer, step)
    shared = torch.tensor(float(step))
    for state in optimizer.state.values():
        state["step"] = shared


def _shares_the_weights(function):
    tensors = {name: each.clone() for name, each in _state(*_pair()).items()}
    model, optimizer = _pair(steps=0)
    function(tensors, model, optimizer, 2)
    return model.head.bias.data_ptr() == tensors["model.head.bias"].data_ptr()


@misconception("restore_state", "weights shared with the checkpoint", symptom=_shares_the_weights)
def weights_shared(tensors, model, optimizer, step):
    """parameter.data becomes the tensor itself, whatever its shape: a wrong one is accepted, and training changes it.

    Copy the numbers: parameter.copy_(tensor) under torch.no_grad().
    """
    _restore(tensors, model, optimizer, step)
    for name, parameter in model.named_parameters():
        parameter.data = tensors[f"model.{name}"]
