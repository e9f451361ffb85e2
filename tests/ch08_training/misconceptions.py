"""Wrong pieces of a training loop that people really write, each with inputs or a symptom that shows it."""

import contextlib
import math
from dataclasses import astuple

import torch
import torch._dynamo  # the first optimiser brings it along, which takes seconds: not of a learner's time
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.testing._internal.distributed.fake_pg import FakeStore

from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch08_training.checkpoints import MOMENTS
from minidistil.ch08_training.feed import Batch, mix
from minidistil.ch08_training.parallel import without_averaging
from minidistil.ch08_training.settings import TrainingConfig
from minidistil.course.misconceptions import Misconception

# ---- schedule ----


def _lines(step, steps, warmup, first=1, end=0):
    """Up over the warm-up, then down to 0; `first` and `end` move the two ends."""
    if step < warmup:
        return (step + first) / warmup
    return (steps - end - step) / max(1, steps - end - warmup)


def dead_first_step(step, steps, warmup_share):
    return _lines(step, steps, math.ceil(warmup_share * steps), first=0)


def zero_one_step_early(step, steps, warmup_share):
    return _lines(step, steps, math.ceil(warmup_share * steps), end=1)


def slope_of_all_steps(step, steps, warmup_share):
    warmup = math.ceil(warmup_share * steps)
    return (step + 1) / warmup if step < warmup else (steps - step) / steps


def never_zero(step, steps, warmup_share):
    warmup = math.ceil(warmup_share * steps)
    return (step + 1) / warmup if step < warmup else 1 - (step - warmup) / steps


def warm_up_rounded_down(step, steps, warmup_share):
    return _lines(step, steps, int(warmup_share * steps))


def warm_up_forgotten(step, steps, warmup_share):
    return (steps - step) / steps


def _line_of(wrong):
    """Whether all factors are the wrong one's, in a run with a warm-up of 2.1 steps."""

    def shows(function):
        steps = range(30)
        return all(math.isclose(function(step, 30, 0.07), wrong(step, 30, 0.07), abs_tol=1e-6) for step in steps)

    return shows


# ---- numbers_of_step ----


def everybody_reads_the_same(step, accumulate, rank, world_size):
    return range(step * accumulate, (step + 1) * accumulate)


def accumulation_forgotten(step, accumulate, rank, world_size):
    start = step * world_size
    return range(start + rank, start + accumulate * world_size, world_size)


def shares_overlap(step, accumulate, rank, world_size):
    start = step * accumulate * world_size + rank
    return range(start, start + accumulate)


def tail_lost(step, accumulate, rank, world_size):
    start = step * accumulate * world_size
    return range(start + rank, start + accumulate, world_size)


def blocks_instead_of_turns(step, accumulate, rank, world_size):
    start = (step * world_size + rank) * accumulate
    return range(start, start + accumulate)


def _shares_of(wrong):
    """Whether two processes get the numbers that the wrong one gives them."""
    places = [(step, 3, rank, 2) for step in (0, 1) for rank in (0, 1)]
    return lambda function: all(list(function(*each)) == list(wrong(*each)) for each in places)


# ---- make_optimizer ----


def _optimizer(model, config, decays=lambda name, each: each.dim() > 1, kind=torch.optim.AdamW, frozen=False, **more):
    named = [(name, each) for name, each in model.named_parameters() if frozen or each.requires_grad]
    groups = [
        {"params": [each for name, each in named if decays(name, each)], "weight_decay": config.weight_decay},
        {"params": [each for name, each in named if not decays(name, each)], "weight_decay": 0.0},
    ]
    settings = {"lr": config.learning_rate, "betas": config.betas, "eps": config.eps} | more
    return kind([group for group in groups if group["params"]], **settings)


def decay_on_everything(model, config):
    return _optimizer(model, config, decays=lambda name, each: True)


def decay_on_norms(model, config):
    return _optimizer(model, config, decays=lambda name, each: not name.endswith("bias"))


def decay_as_a_gradient(model, config):
    return _optimizer(model, config, kind=torch.optim.Adam)


def frozen_ones_included(model, config):
    return _optimizer(model, config, frozen=True)


def betas_by_default(model, config):
    return _optimizer(model, config, betas=(0.9, 0.999))


def _small():
    config = EncoderConfig(
        vocab_size=11, hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=6,
        max_position_embeddings=8,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MaskedLM(config)


def _decayed(expected):
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
    return any(
        model.head.bias is each for group in function(model, TrainingConfig()).param_groups for each in group["params"]
    )


def _setting(name, value):
    def shows(function):
        groups = function(_small(), TrainingConfig()).param_groups
        return all(group[name] == value for group in groups)

    return shows


def _is_no_adamw(function):
    optimizer = function(_small(), TrainingConfig(weight_decay=0.5))
    return not optimizer.param_groups[0].get("decoupled_weight_decay", isinstance(optimizer, torch.optim.AdamW))


# ---- clip_gradients ----


def _gradients(parameters):
    return [each.grad for each in parameters if each.grad is not None]


def _norm(parameters):
    return math.sqrt(sum(float(each.square().sum()) for each in _gradients(parameters)))


def _shrink(parameters, norm, max_norm):
    if norm > max_norm:
        for gradient in _gradients(parameters):
            gradient.mul_(max_norm / norm)


def each_tensor_by_itself(parameters, max_norm):
    norm = _norm(parameters)
    for parameter in parameters:
        _shrink([parameter], _norm([parameter]), max_norm)
    return norm


def by_value(parameters, max_norm):
    norm = _norm(parameters)
    for gradient in _gradients(parameters):
        gradient.clamp_(-max_norm, max_norm)
    return norm


def sum_of_the_lengths(parameters, max_norm):
    norm = sum(_norm([each]) for each in parameters)
    _shrink(parameters, norm, max_norm)
    return norm


def short_ones_stretched(parameters, max_norm):
    norm = _norm(parameters)
    for gradient in _gradients(parameters):
        gradient.mul_(max_norm / norm)
    return norm


def length_of_afterwards(parameters, max_norm):
    _shrink(parameters, _norm(parameters), max_norm)
    return _norm(parameters)


def copies_clipped(parameters, max_norm):
    norm = _norm(parameters)
    for gradient in _gradients(parameters):
        if norm > max_norm:
            gradient = gradient * (max_norm / norm)
    return norm


def gradients_taken_for_granted(parameters, max_norm):
    norm = math.sqrt(sum(float(each.grad.square().sum()) for each in parameters))
    _shrink(parameters, norm, max_norm)
    return norm


def _clips_like(wrong):
    """Whether gradients and returned length come out as the wrong one's, on long and on short ones."""

    def outcome_of(function, gradients):
        parameters = [nn.Parameter(torch.zeros(len(each))) for each in gradients]
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = torch.tensor(gradient)
        norm = function(parameters, 2.0)
        return torch.cat([torch.tensor([float(norm)]), *(each.grad for each in parameters)])

    def shows(function):
        cases = ([[3.0, 1.0], [0.5], [0.0, 4.0]], [[0.3], [0.0, 0.4]])
        return all(torch.allclose(outcome_of(function, each), outcome_of(wrong, each)) for each in cases)

    return shows


def _needs_every_gradient(function):
    parameters = [nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))]
    parameters[1].grad = torch.tensor([9.0])
    try:
        function(parameters, 2.0)
    except (AttributeError, TypeError):
        return True
    return False


# ---- accumulate_gradients ----


def _accumulate(
    module, batches, seed, empty=True, empty_each=False, share=None, draw=mix, alone=lambda last: not last, keep=None
):
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
            (losses["loss"] * (1 / len(batches) if share is None else share)).backward()
        rows.append({name: (keep or (lambda value: value.detach().float()))(value) for name, value in losses.items()})
    return rows


def emptied_within_the_loop(module, batches, seed):
    return _accumulate(module, batches, seed, empty_each=True)


def never_emptied(module, batches, seed):
    return _accumulate(module, batches, seed, empty=False)


def sum_instead_of_mean(module, batches, seed):
    return _accumulate(module, batches, seed, share=1.0)


def no_seed(module, batches, seed):
    return _accumulate(module, batches, seed, draw=None)


def one_seed_for_all(module, batches, seed):
    return _accumulate(module, batches, seed, draw=lambda seed, number: seed)


def averaged_after_each(module, batches, seed):
    return _accumulate(module, batches, seed, alone=lambda last: False)


def never_averaged(module, batches, seed):
    return _accumulate(module, batches, seed, alone=lambda last: True)


def graphs_kept(module, batches, seed):
    return _accumulate(module, batches, seed, keep=lambda value: value.float())


def terms_in_bf16(module, batches, seed):
    return _accumulate(module, batches, seed, keep=lambda value: value.detach())


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


def _adds_up_like(wrong):
    """Whether two calls in a row leave the gradients that the wrong one leaves."""

    def left_by(function):
        toy = _Toy()
        for numbers in ((0, 1, 2), (1, 2)):
            function(toy, [_toy_batch(number) for number in numbers], 56)
        return toy.weight.grad

    return lambda function: torch.allclose(left_by(function), left_by(wrong))


def _draws(function, number):
    toy = _Toy(dropout=0.5)
    function(toy, [(number, _toy_batch(0)[1])], 56)
    return toy.weight.grad


def _goes_on_drawing(function):
    with torch.random.fork_rng(devices=[]):
        return not torch.equal(_draws(function, 0), _draws(function, 0))


def _draws_the_same_for_all(function):
    with torch.random.fork_rng(devices=[]):
        first = _draws(function, 0)
        return all(torch.equal(first, _draws(function, number)) for number in range(1, 8))


def _talks(count):
    """Whether three micro-batches make so many talks between processes."""

    def shows(function):
        talks = []

        def talk(state, bucket):
            talks.append(None)
            future = torch.futures.Future()
            future.set_result(bucket.buffer())
            return future

        # A real group has threads: freed after the group's end, as here, the module can wait for them for ever.
        distributed.init_process_group("fake", rank=0, world_size=1, store=FakeStore())
        try:
            module = DistributedDataParallel(_Toy())
            module.register_comm_hook(None, talk)
            function(module, [_toy_batch(number) for number in range(3)], 56)
        finally:
            distributed.destroy_process_group()
        return len(talks) == count

    return shows


def _keeps_graphs(function):
    return any(row["loss"].requires_grad for row in function(_Toy(), [_toy_batch(0)], 56))


def _keeps_bf16(function):
    (row,) = function(_Toy(dtype=torch.bfloat16), [_toy_batch(0)], 56)
    return row["loss"].dtype == torch.bfloat16 and not row["loss"].requires_grad


# ---- training_state and restore_state ----


def _state(model, optimizer, keys=MOMENTS, frozen=True):
    tensors = {}
    for name, parameter in model.named_parameters():
        if frozen or parameter.requires_grad:
            tensors[f"model.{name}"] = parameter.detach()
        if parameter in optimizer.state:
            tensors |= {f"{key}.{name}": optimizer.state[parameter][key] for key in keys}
    return tensors


def weights_only(model, optimizer):
    return _state(model, optimizer, keys=())


def first_moment_only(model, optimizer):
    return _state(model, optimizer, keys=MOMENTS[:1])


def frozen_weights_left_out(model, optimizer):
    return _state(model, optimizer, frozen=False)


def a_state_for_every_parameter(model, optimizer):
    tensors = {}
    for name, parameter in model.named_parameters():
        tensors[f"model.{name}"] = parameter.detach()
        tensors |= {f"{key}.{name}": optimizer.state[parameter][key] for key in MOMENTS}
    return tensors


def _restore(tensors, model, optimizer, step, weights=True, moments=MOMENTS, granted=False):
    for name, parameter in model.named_parameters():
        if weights:
            parameter.data.copy_(tensors[f"model.{name}"])
        if moments and (granted or f"exp_avg.{name}" in tensors):
            first, second = (tensors[f"{key}.{name}"] for key in moments)
            state = {"step": torch.tensor(float(step)), "exp_avg": first, "exp_avg_sq": second}
            optimizer.state[parameter] = state


def moments_not_restored(tensors, model, optimizer, step):
    _restore(tensors, model, optimizer, step, moments=())


def weights_not_restored(tensors, model, optimizer, step):
    _restore(tensors, model, optimizer, step, weights=False)


def steps_counted_anew(tensors, model, optimizer, step):
    _restore(tensors, model, optimizer, 0)


def moments_for_every_parameter(tensors, model, optimizer, step):
    _restore(tensors, model, optimizer, step, granted=True)


def parameters_replaced(tensors, model, optimizer, step):
    _restore(tensors, model, optimizer, step)
    for name, parameter in list(model.named_parameters()):
        owner, _, last = name.rpartition(".")
        setattr(
            model.get_submodule(owner), last, nn.Parameter(tensors[f"model.{name}"].clone(), parameter.requires_grad)
        )


def _pair(frozen=False, steps=2):
    model = _small()
    model.head.bias.requires_grad_(not frozen)
    optimizer = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad])
    for _ in range(steps):
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, 0.5) if parameter.requires_grad else None
        optimizer.step()
    return model, optimizer


def _keeps(wrong):
    """Whether the names of what is kept are the wrong one's."""
    return lambda function: function(*_pair(frozen=True)).keys() == wrong(*_pair(frozen=True)).keys()


def _fails_when_frozen(function):
    try:
        function(*_pair(frozen=True))
    except KeyError:
        return True
    return False


def _restored(function, frozen=False):
    tensors = {name: each.clone() for name, each in _state(*_pair(frozen)).items()}
    model, optimizer = _pair(frozen, steps=0)
    before = list(model.parameters())
    function(tensors, model, optimizer, 2)
    return model, optimizer, before


def _is_left_like(wrong):
    """Whether model and optimiser are what the wrong one makes of them; an unknown state counts as none."""

    def made_by(function):
        model, optimizer, before = _restored(function)
        if any(one is not other for one, other in zip(before, model.parameters())):
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


def _replaces_parameters(function):
    model, _, before = _restored(function)
    return any(one is not other for one, other in zip(before, model.parameters()))


def _wants_moments_of_frozen_ones(function):
    try:
        _restored(function, frozen=True)
    except KeyError:
        return True
    return False


MISCONCEPTIONS = [
    Misconception(
        name="a first step that does nothing",
        exercise="schedule",
        what="The first step has learning rate 0: it is computed, and nothing is learned from it.",
        look="Steps count from 0: the factor is (step + 1) / warmup.",
        wrong=dead_first_step,
        symptom=_line_of(dead_first_step),
    ),
    Misconception(
        name="zero one step early",
        exercise="schedule",
        what="The last step has learning rate 0, so its work is thrown away.",
        look="0 belongs to `steps`, one behind the last step: (steps - step) / (steps - warmup).",
        wrong=zero_one_step_early,
        symptom=_line_of(zero_one_step_early),
    ),
    Misconception(
        name="a jump after the warm-up",
        exercise="schedule",
        what="The way down is measured from step 0, so the rate drops at once when the warm-up ends.",
        look="The way down begins with 1 at the end of the warm-up: divide by steps - warmup.",
        wrong=slope_of_all_steps,
        symptom=_line_of(slope_of_all_steps),
    ),
    Misconception(
        name="never down at zero",
        exercise="schedule",
        what="The line down is too flat: the run ends while the rate is still above 0.",
        look="It has steps - warmup steps to go down in, not steps.",
        wrong=never_zero,
        symptom=_line_of(never_zero),
    ),
    Misconception(
        name="warm-up rounded down",
        exercise="schedule",
        what="int() or round() cuts the warm-up short; of few steps there is none at all.",
        look="math.ceil(warmup_share * steps).",
        wrong=warm_up_rounded_down,
        symptom=_line_of(warm_up_rounded_down),
    ),
    Misconception(
        name="no warm-up",
        exercise="schedule",
        what="The rate starts at its largest, when AdamW's moments rest on a single gradient.",
        look="Go up first, while step < warmup.",
        wrong=warm_up_forgotten,
        symptom=_line_of(warm_up_forgotten),
    ),
    Misconception(
        name="all processes read the same",
        exercise="numbers_of_step",
        what="The rank has no effect, so several processes do the work of one.",
        look="Process `rank` starts `rank` micro-batches later, and all go on by world_size.",
        wrong=everybody_reads_the_same,
        symptom=_shares_of(everybody_reads_the_same),
    ),
    Misconception(
        name="steps overlap",
        exercise="numbers_of_step",
        what="The next step starts world_size later, though a step reads accumulate * world_size: text is read again.",
        look="Step number `step` begins at step * accumulate * world_size.",
        wrong=accumulation_forgotten,
        symptom=_shares_of(accumulation_forgotten),
    ),
    Misconception(
        name="shares overlap",
        exercise="numbers_of_step",
        what="Each process reads neighbours from its rank on, which other processes read as well.",
        look="The third argument of range: go on by world_size.",
        wrong=shares_overlap,
        symptom=_shares_of(shares_overlap),
    ),
    Misconception(
        name="tail lost",
        exercise="numbers_of_step",
        what="The share ends too early, so micro-batches at the end of each step are never read.",
        look="It ends below (step + 1) * accumulate * world_size.",
        wrong=tail_lost,
        symptom=_shares_of(tail_lost),
    ),
    Misconception(
        name="blocks instead of turns",
        exercise="numbers_of_step",
        what="Nothing is lost or read twice, but each process has a block of its own where all are to take turns.",
        look="Process 0 reads the first, process 1 the second, and round again.",
        wrong=blocks_instead_of_turns,
        symptom=_shares_of(blocks_instead_of_turns),
    ),
    Misconception(
        name="decay on everything",
        exercise="make_optimizer",
        what="Biases and layer norms are pulled towards 0 too; a norm of 0 would switch its layer off.",
        look="A group of their own with weight_decay 0.0 for parameters with one dimension.",
        wrong=decay_on_everything,
        symptom=_decayed(lambda name, each: True),
    ),
    Misconception(
        name="decay on layer norms",
        exercise="make_optimizer",
        what="Only biases are spared; the weight of a layer norm is a vector of factors around 1, not a matrix.",
        look="Ask parameter.dim() instead of the name.",
        wrong=decay_on_norms,
        symptom=_decayed(lambda name, each: not name.endswith("bias")),
    ),
    Misconception(
        name="decay as a part of the gradient",
        exercise="make_optimizer",
        what="Adam adds the decay to the gradient and divides it by the gradient's size with it.",
        look="torch.optim.AdamW, which takes the decay off the weight itself.",
        wrong=decay_as_a_gradient,
        symptom=_is_no_adamw,
    ),
    Misconception(
        name="frozen parameters included",
        exercise="make_optimizer",
        what="A frozen parameter in the optimiser costs nothing until it gets a gradient; then it moves.",
        look="Take parameters with requires_grad only.",
        wrong=frozen_ones_included,
        symptom=_holds_frozen_ones,
    ),
    Misconception(
        name="betas by default",
        exercise="make_optimizer",
        what="Torch's second beta is 0.999; the run's settings say otherwise.",
        look="betas=config.betas, and likewise lr and eps.",
        wrong=betas_by_default,
        symptom=_setting("betas", (0.9, 0.999)),
    ),
    Misconception(
        name="each tensor by itself",
        exercise="clip_gradients",
        what="Every tensor gets a length limit of its own, which turns the gradient as a whole into another direction.",
        look="One length over all tensors, one factor for all.",
        wrong=each_tensor_by_itself,
        symptom=_clips_like(each_tensor_by_itself),
    ),
    Misconception(
        name="clipped by value",
        exercise="clip_gradients",
        what="Every entry is cut off at the limit: large entries lose more than small ones, and the direction changes.",
        look="Multiply by max_norm / norm; clamp nothing.",
        wrong=by_value,
        symptom=_clips_like(by_value),
    ),
    Misconception(
        name="sum of the lengths",
        exercise="clip_gradients",
        what="The tensors' lengths are added; lengths of parts add up in squares.",
        look="The root of the sum of all squares: of 3 and 4 it is 5.",
        wrong=sum_of_the_lengths,
        symptom=_clips_like(sum_of_the_lengths),
    ),
    Misconception(
        name="short gradients stretched",
        exercise="clip_gradients",
        what="Every gradient gets the length max_norm, also one that was shorter.",
        look="Only if norm > max_norm.",
        wrong=short_ones_stretched,
        symptom=_clips_like(short_ones_stretched),
    ),
    Misconception(
        name="length of afterwards",
        exercise="clip_gradients",
        what="The returned length is that of the clipped gradient: no log of it can show that something went wild.",
        look="Return the norm from before.",
        wrong=length_of_afterwards,
        symptom=_clips_like(length_of_afterwards),
    ),
    Misconception(
        name="copies clipped",
        exercise="clip_gradients",
        what="The product is a new tensor that nobody keeps; the parameters still have the old gradients.",
        look="In place: gradient.mul_(factor), or assign to parameter.grad.",
        wrong=copies_clipped,
        symptom=_clips_like(copies_clipped),
    ),
    Misconception(
        name="gradients taken for granted",
        exercise="clip_gradients",
        what="A parameter that no loss has touched has the gradient None.",
        look="Leave those out: if parameter.grad is not None.",
        wrong=gradients_taken_for_granted,
        symptom=_needs_every_gradient,
    ),
    Misconception(
        name="emptied within the loop",
        exercise="accumulate_gradients",
        what="Gradients are set to zero before each micro-batch, so only the last one counts.",
        look="Empty them once, before the loop.",
        wrong=emptied_within_the_loop,
        symptom=_adds_up_like(emptied_within_the_loop),
    ),
    Misconception(
        name="never emptied",
        exercise="accumulate_gradients",
        what="backward() adds to what is there: the gradients of all earlier steps are in it.",
        look="module.zero_grad() before the first micro-batch.",
        wrong=never_emptied,
        symptom=_adds_up_like(never_emptied),
    ),
    Misconception(
        name="sum instead of mean",
        exercise="accumulate_gradients",
        what="Without the division the gradient grows with the number of micro-batches.",
        look="Divide each loss by len(batches) before backward().",
        wrong=sum_instead_of_mean,
        symptom=_adds_up_like(sum_instead_of_mean),
    ),
    Misconception(
        name="draws that nobody can repeat",
        exercise="accumulate_gradients",
        what="Dropout draws from wherever the generator is, so a resumed run draws something else.",
        look="torch.manual_seed(mix(seed, number)) before each micro-batch.",
        wrong=no_seed,
        symptom=_goes_on_drawing,
    ),
    Misconception(
        name="the same draws for every micro-batch",
        exercise="accumulate_gradients",
        what="The seed alone starts the generator, so dropout leaves out the same places each time.",
        look="The number belongs to it: mix(seed, number).",
        wrong=one_seed_for_all,
        symptom=_draws_the_same_for_all,
    ),
    Misconception(
        name="averaged after each micro-batch",
        exercise="accumulate_gradients",
        what="All processes wait for one another after every micro-batch, though only the sum matters.",
        look="Work within without_averaging(module) for all but the last.",
        wrong=averaged_after_each,
        symptom=_talks(3),
    ),
    Misconception(
        name="never averaged",
        exercise="accumulate_gradients",
        what="The gradients never leave the process: the copies of the model drift apart.",
        look="The last micro-batch's backward() stands outside of without_averaging.",
        wrong=never_averaged,
        symptom=_talks(0),
    ),
    Misconception(
        name="graphs kept",
        exercise="accumulate_gradients",
        what="The kept terms hold on to their graphs, and with them to all activations.",
        look="detach() before keeping.",
        wrong=graphs_kept,
        symptom=_keeps_graphs,
    ),
    Misconception(
        name="terms left in bf16",
        exercise="accumulate_gradients",
        what="A mean of bf16 numbers is rounded to 8 bits: losses in the log move in steps of a hundredth or more.",
        look="float() each term before it is kept.",
        wrong=terms_in_bf16,
        symptom=_keeps_bf16,
    ),
    Misconception(
        name="weights only",
        exercise="training_state",
        what="Without the optimiser's moments the resumed run takes other steps.",
        look="Both MOMENTS from optimizer.state[parameter].",
        wrong=weights_only,
        symptom=_keeps(weights_only),
    ),
    Misconception(
        name="first moment only",
        exercise="training_state",
        what="The mean of the squares, by which AdamW divides, is missing.",
        look="Both MOMENTS: exp_avg and exp_avg_sq.",
        wrong=first_moment_only,
        symptom=_keeps(first_moment_only),
    ),
    Misconception(
        name="frozen weights left out",
        exercise="training_state",
        what="A checkpoint without them is no whole model.",
        look="Every parameter's weights, also where requires_grad is False.",
        wrong=frozen_weights_left_out,
        symptom=_keeps(frozen_weights_left_out),
    ),
    Misconception(
        name="a state for every parameter",
        exercise="training_state",
        what="A frozen parameter has none, nor has any before the first step: a KeyError.",
        look="if parameter in optimizer.state.",
        wrong=a_state_for_every_parameter,
        symptom=_fails_when_frozen,
    ),
    Misconception(
        name="moments not restored",
        exercise="restore_state",
        what="The optimiser begins anew, with steps as large as those of a run's first.",
        look="optimizer.state[parameter] needs step, exp_avg and exp_avg_sq.",
        wrong=moments_not_restored,
        symptom=_is_left_like(moments_not_restored),
    ),
    Misconception(
        name="weights not restored",
        exercise="restore_state",
        what="The optimiser goes on, on the weights that the model happens to have.",
        look='parameter.copy_(tensors[f"model.{name}"]) under torch.no_grad().',
        wrong=weights_not_restored,
        symptom=_is_left_like(weights_not_restored),
    ),
    Misconception(
        name="steps counted anew",
        exercise="restore_state",
        what="With step 0 AdamW takes the moments for fresh ones and divides them by numbers that are far too small.",
        look='"step": torch.tensor(float(step)).',
        wrong=steps_counted_anew,
        symptom=_is_left_like(steps_counted_anew),
    ),
    Misconception(
        name="moments for every parameter",
        exercise="restore_state",
        what="A frozen parameter has no moments in the checkpoint: a KeyError.",
        look='Ask first: if f"exp_avg.{name}" in tensors.',
        wrong=moments_for_every_parameter,
        symptom=_wants_moments_of_frozen_ones,
    ),
    Misconception(
        name="parameters replaced",
        exercise="restore_state",
        what="The model has new parameters; the optimiser holds the old ones and will move those.",
        look="Copy numbers into the parameters that are there.",
        wrong=parameters_replaced,
        symptom=_replaces_parameters,
    ),
]
