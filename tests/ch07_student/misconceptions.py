"""Wrong ways to make a student that people really write."""

import copy
from dataclasses import replace

import torch
from torch import nn
from torch.nn.functional import cosine_similarity

from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import PAPER_LAYERS, POSITION, TOKEN_TYPE, check_layers
from minidistil.course.misconceptions import misconception

# ---- default_layers ----

COUNTS = [(6,), (5,), (3,)]


def _every_other(count, start=0, stop=None, twelve=PAPER_LAYERS):
    if count < 1:
        raise ValueError(f"num_hidden_layers is {count}: expected 1 or more.")
    return twelve if count == 12 else tuple(range(start, count if stop is None else stop, 2))


@misconception("default_layers", "the paper's layers forgotten", inputs=[(12,)])
def paper_forgotten(num_hidden_layers):
    """A step of 2 gives 0, 2, 4, 6, 8, 10 for twelve layers, but the paper took 0, 2, 4, 7, 9, 11.

    Twelve is the only exception: return PAPER_LAYERS for it.
    """
    return _every_other(num_hidden_layers, twelve=tuple(range(0, 12, 2)))


@misconception("default_layers", "layers counted from one", inputs=COUNTS)
def counted_from_one(num_hidden_layers):
    """The first chosen layer is number 1, which is the second layer.

    Layers are numbered from 0, as everything in Python: 0, 2, 4 of six.
    """
    return _every_other(num_hidden_layers, start=1)


@misconception("default_layers", "first half instead of every other", inputs=COUNTS)
def first_half(num_hidden_layers):
    """The student gets the lower half of its teacher's layers, all that follow one another.

    Take every other layer: range with a step of 2, up to the number of layers.
    """
    every_other = _every_other(num_hidden_layers)
    return every_other if num_hidden_layers == 12 else tuple(range(num_hidden_layers // 2))


@misconception("default_layers", "last layer of an odd number lost", inputs=[(5,), (3,), (1,)])
def odd_layer_lost(num_hidden_layers):
    """Of five layers only 0 and 2 are taken, and 4 is missing.

    range(0, 5, 2) is 0, 2, 4. Do not halve the number first, which rounds it down.
    """
    return _every_other(num_hidden_layers, stop=num_hidden_layers // 2 * 2)


@misconception("default_layers", "last layers instead of every other", inputs=COUNTS)
def last_layers(num_hidden_layers):
    """The student gets the upper half of its teacher's layers, all that follow one another.

    Take every other layer from 0 on: range with a step of 2.
    """
    every_other = _every_other(num_hidden_layers)
    return every_other if num_hidden_layers == 12 else tuple(range(num_hidden_layers))[-len(every_other) :]


@misconception("default_layers", "the paper's layers for every teacher", inputs=COUNTS)
def paper_for_all(num_hidden_layers):
    """PAPER_LAYERS is returned for every number of layers, but only a teacher of twelve has these.

    Return them for twelve; for all others every other layer.
    """
    return _every_other(num_hidden_layers) and PAPER_LAYERS


@misconception("default_layers", "spread from the first layer to the last", inputs=[(6,), (8,), (4,)])
def spread_over_all(num_hidden_layers):
    """The layers are spread evenly between the first and the last; here every other one is asked for, from 0 on.

    range(0, num_hidden_layers, 2) does not reach the last of six layers.
    """
    count = len(_every_other(num_hidden_layers))
    even = tuple(round(place * (num_hidden_layers - 1) / max(1, count - 1)) for place in range(count))
    return PAPER_LAYERS if num_hidden_layers == 12 else even


# ---- student_config ----

CHOICES = [(EncoderConfig(), (0, 5, 11)), (EncoderConfig(num_hidden_layers=6), (1, 4))]


@misconception("student_config", "token types kept", inputs=CHOICES)
def token_types_kept(config, layers):
    """The student keeps its teacher's token types, so it is a small BERT and not a DistilBERT.

    Set type_vocab_size=0.
    """
    return replace(config, num_hidden_layers=len(layers))


@misconception("student_config", "as deep as its teacher", inputs=CHOICES)
def depth_kept(config, layers):
    """The student has as many layers as its teacher.

    Set num_hidden_layers=len(layers).
    """
    return replace(config, type_vocab_size=0)


@misconception("student_config", "always half as deep", inputs=CHOICES)
def always_half(config, layers):
    """The student has half as many layers as its teacher, however many were chosen.

    Count the layers that were chosen: len(layers).
    """
    return replace(config, num_hidden_layers=config.num_hidden_layers // 2, type_vocab_size=0)


@misconception("student_config", "highest layer number taken as the count", inputs=CHOICES)
def highest_number(config, layers):
    """The number of layers is computed from the highest chosen number, not from how many were chosen.

    It is len(layers), not max(layers) + 1.
    """
    return replace(config, num_hidden_layers=max(layers) + 1, type_vocab_size=0)


@misconception("student_config", "width halved as well", inputs=CHOICES)
def width_halved(config, layers):
    """A student of half the width cannot copy its teacher's weights: no matrix would have the right shape.

    DistilBERT has fewer layers and the same width: do not change hidden_size.
    """
    return replace(config, num_hidden_layers=len(layers), type_vocab_size=0, hidden_size=config.hidden_size // 2)


@misconception("student_config", "one token type left", inputs=CHOICES)
def one_type_left(config, layers):
    """type_vocab_size is 1, so the student still has a table of token types, with one row.

    DistilBERT has none: type_vocab_size=0.
    """
    return replace(config, num_hidden_layers=len(layers), type_vocab_size=1)


# ---- copied_names ----

_LAYERS = [f"encoder.layers.{number}.norm.bias" for number in (0, 1, 2, 10, 11)]
NAMES = [([POSITION, TOKEN_TYPE, *_LAYERS, "head.norm.bias"], (1, 11))]


def _names(names, layers, types=False, head=True, renumber=True):
    sources = {}
    for name in names:
        parts = name.split(".")
        if parts[1] == "layers":
            if int(parts[2]) not in layers:
                continue
            if renumber:
                parts[2] = str(list(layers).index(int(parts[2])))
        if (types or name != TOKEN_TYPE) and (head or parts[0] == "encoder"):
            sources[".".join(parts)] = name
    return sources


@misconception("copied_names", "layers not renumbered", inputs=NAMES)
def numbers_kept(names, layers):
    """The student's layers keep their teacher's numbers, but they must be numbered from 0 without gaps.

    The new number is the place of the old one among the chosen: layers.index(old).
    """
    return _names(names, layers, renumber=False)


@misconception("copied_names", "keys and values swapped", inputs=NAMES)
def turned_round(names, layers):
    """The dictionary maps the teacher's names to the student's.

    The student's name is the key and the teacher's the value: sources[new] = old.
    """
    return {old: new for new, old in _names(names, layers).items()}


@misconception("copied_names", "token types copied", inputs=NAMES)
def types_copied(names, layers):
    """The token types are copied, but the student has no parameter for them.

    Leave out the name that equals TOKEN_TYPE.
    """
    return _names(names, layers, types=True)


@misconception("copied_names", "head forgotten", inputs=NAMES)
def head_forgotten(names, layers):
    """Only the encoder is copied, but the head is a trained part of the teacher too.

    Names that begin with "head." are copied as they are.
    """
    return _names(names, layers, head=False)


@misconception("copied_names", "layer 1 mixed up with 10 and 11", inputs=NAMES)
def prefix_without_a_dot(names, layers):
    """The names of layers 10 and 11 begin with "encoder.layers.1" as well.

    Compare the whole number, or end the prefix with a dot.
    """
    sources = {name: name for name in names if not name.startswith("encoder.layers.") and name != TOKEN_TYPE}
    for new, old in enumerate(layers):
        for name in names:
            if name.startswith(f"encoder.layers.{old}"):
                sources[name.replace(f"encoder.layers.{old}", f"encoder.layers.{new}", 1)] = name
    return sources


@misconception("copied_names", "first layers, whatever was chosen", inputs=NAMES)
def first_layers_whatever_was_chosen(names, layers):
    """As many layers as were chosen are copied, but always the lowest ones.

    Check for each layer whether its number is among the chosen.
    """
    return _names(names, range(len(layers)))


@misconception("copied_names", "renumbered from 1", inputs=NAMES)
def renumbered_from_one(names, layers):
    """The student's first layer gets number 1, and its layer 0 gets nothing.

    Layers are numbered from 0 in the student as well: layers.index(number).
    """
    sources = _names(names, [-1, *layers])
    return {new: old for new, old in sources.items() if new.split(".")[2] != "-1"}


@misconception("copied_names", "the other layers", inputs=NAMES)
def the_other_layers(names, layers):
    """The layers that were not chosen are copied, and the chosen ones are left out.

    `layers` says which ones are kept: leave out a layer if its number is not in it.
    """
    numbers = {int(name.split(".")[2]) for name in names if name.split(".")[1] == "layers"}
    return _names(names, sorted(numbers - set(layers)))


@misconception("copied_names", "number replaced everywhere in the name", inputs=NAMES)
def number_replaced_everywhere(names, layers):
    """The old number is looked for in the whole name, so that "layers.11" may become "layers.00".

    Split the name at the dots, and replace the one part that is the number.
    """
    sources = {name: name for name in names if not name.startswith("encoder.layers.") and name != TOKEN_TYPE}
    for new, old in enumerate(layers):
        for name in names:
            if name.startswith("encoder.layers.") and str(old) in name:
                sources[name.replace(str(old), str(new))] = name
    return sources


# ---- student_tensors ----

_WORD = "encoder.embeddings.word.weight"


def _tensors(types=2):
    tensors = {
        _WORD: torch.tensor([[1.0, 2.0], [3.0, 5.0]]),
        POSITION: torch.tensor([[10.0, 20.0], [30.0, 45.0]]),
        TOKEN_TYPE: torch.tensor([[0.25, -0.5], [7.0, 9.0]]),
        "encoder.layers.0.expand.bias": torch.tensor([4.0]),
        "encoder.layers.1.expand.bias": torch.tensor([6.0]),
        "head.bias": torch.tensor([8.0]),
    }
    if not types:
        del tensors[TOKEN_TYPE]
    return tensors


def _changes_the_teacher(function, then=lambda tensor: None):
    """Whether the tensors that the function was given are changed by the call, or by what is done to its result."""
    tensors = _tensors()
    for tensor in function(tensors, (1,)).values():
        then(tensor)
    return any(not torch.equal(tensor, tensors[name]) for name, tensor in _tensors().items())


def _shares_with_the_teacher(function):
    return not _changes_the_teacher(function) and _changes_the_teacher(function, lambda tensor: tensor.fill_(-1.0))


def _same_result_as(wrong):
    def shows(function):
        if _changes_the_teacher(function):
            return False
        mine, others = function(_tensors(), (1,)), wrong(_tensors(), (1,))
        return mine.keys() == others.keys() and all(torch.equal(mine[name], others[name]) for name in mine)

    return shows


def _needs_token_types(function):
    try:
        function(_tensors(types=0), (1,))
    except KeyError:
        return True
    return False


def _copies(tensors, layers, copied=torch.clone):
    return {new: copied(tensors[old]) for new, old in _names(tensors, layers).items()}


def _plus_type_0(tensors, layers, table=POSITION, copied=torch.clone, rows=slice(None), vector=lambda types: types[0]):
    copies = _copies(tensors, layers, copied)
    if TOKEN_TYPE in tensors:
        copies[table][rows] += vector(tensors[TOKEN_TYPE])
    return copies


@misconception("student_tensors", "memory shared with the teacher", symptom=_shares_with_the_teacher)
def memory_shared(tensors, layers):
    """The dictionary is new but its tensors are the teacher's, so training the student would change both.

    Copy the numbers: tensor.clone().
    """
    tensors = {**tensors, POSITION: tensors[POSITION].clone()}
    return _plus_type_0(tensors, layers, copied=lambda tensor: tensor)


@misconception("student_tensors", "added in place to the teacher's tensor", symptom=_changes_the_teacher)
def added_to_the_teachers_own(tensors, layers):
    """The in-place addition changes the teacher's position embeddings, since they were not copied before.

    Clone first, then add: += writes into the memory that the teacher uses.
    """
    return _plus_type_0(tensors, layers, copied=lambda tensor: tensor)


@misconception("student_tensors", "type 0 forgotten", symptom_of=_same_result_as)
def type_0_forgotten(tensors, layers):
    """The token types are dropped and nothing takes their place, but the teacher adds type 0 at every position.

    Add row 0 of TOKEN_TYPE to all rows of POSITION.
    """
    return _copies(tensors, layers)


@misconception("student_tensors", "all types added", symptom_of=_same_result_as)
def all_types_added(tensors, layers):
    """Both rows of the token types are added, but a single text has type 0 only.

    Add tensors[TOKEN_TYPE][0].
    """
    types = {TOKEN_TYPE: tensors[TOKEN_TYPE].sum(0, keepdim=True)} if TOKEN_TYPE in tensors else {}
    return _plus_type_0({**tensors, **types}, layers)


@misconception("student_tensors", "added to the word embeddings", symptom_of=_same_result_as)
def added_to_the_words(tensors, layers):
    """The sum of the embeddings is right, but the word embeddings are also the decoder, whose scores are now wrong.

    Add it to the position embeddings, which are used only once.
    """
    return _plus_type_0(tensors, layers, table=_WORD)


@misconception("student_tensors", "added to the first position only", symptom_of=_same_result_as)
def added_to_position_0(tensors, layers):
    """The vector is added to one row of the position embeddings, but the teacher adds it at every position.

    Add the vector (D,) to the whole table (P, D).
    """
    return _plus_type_0(tensors, layers, rows=0)


@misconception("student_tensors", "teacher without token types not handled", symptom=_needs_token_types)
def types_taken_for_granted(tensors, layers):
    """A teacher without token types, such as a DistilBERT, raises a KeyError.

    Check first: if TOKEN_TYPE in tensors.
    """
    copies = _copies(tensors, layers)
    copies[POSITION] += tensors[TOKEN_TYPE][0]
    return copies


@misconception("student_tensors", "type 1 instead of type 0", symptom_of=_same_result_as)
def type_1_added(tensors, layers):
    """The vector of type 1 is added, which belongs to the second text of a pair.

    A single text has type 0: tensors[TOKEN_TYPE][0].
    """
    return _plus_type_0(tensors, layers, vector=lambda types: types[1])


@misconception("student_tensors", "mean of the types added", symptom_of=_same_result_as)
def mean_of_the_types_added(tensors, layers):
    """The mean of both types' vectors is added; the teacher never adds that to a word.

    A single text has type 0 at every position: tensors[TOKEN_TYPE][0].
    """
    return _plus_type_0(tensors, layers, vector=lambda types: types.mean(0))


@misconception("student_tensors", "type 0 subtracted", symptom_of=_same_result_as)
def type_0_subtracted(tensors, layers):
    """The vector is subtracted, but the teacher adds it to each word.

    Position plus type 0.
    """
    return _plus_type_0(tensors, layers, vector=lambda types: -types[0])


# ---- student_of ----

CONFIG = EncoderConfig(
    vocab_size=11, hidden_size=6, num_hidden_layers=4, num_attention_heads=2, intermediate_size=10,
    max_position_embeddings=8,
)  # fmt: skip


def _made(function, layers=(1, 3), frozen=False):
    """A teacher, different in every number, and what the function makes of it."""
    teacher = MaskedLM(CONFIG).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in teacher.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    teacher.requires_grad_(not frozen)
    return teacher, function(teacher, layers)


def _shared(teacher, student):
    """For each of the student's parameters, whether it lies in the teacher's memory."""
    places = {parameter.data_ptr() for parameter in teacher.parameters()}
    return [parameter.data_ptr() in places for parameter in student.parameters()]


def _shares_memory(function):
    teacher, student = _made(function)
    return student is not teacher and any(_shared(teacher, student))


def _stays_frozen(function):
    teacher, student = _made(function, frozen=True)
    return not any(_shared(teacher, student)) and not all(each.requires_grad for each in student.parameters())


def _is_the_teacher(function):
    teacher, student = _made(function)
    return student is teacher


def _is_untied(function):
    _, student = _made(function)
    word = student.encoder.embeddings.word.weight
    return student.head.word.weight is not word and torch.equal(student.head.word.weight, word)


def _differs_in(module):
    def shows(function):
        models = _made(function)
        weights = [model.get_submodule(module).weight for model in models]
        return models[0] is not models[1] and not torch.equal(*weights)

    return shows


def _gets_layers(found):
    """Whether asking for layers 1 and 3 gives others."""

    def shows(function):
        teacher, student = _made(function)
        if student is teacher or len(student.encoder.layers) != len(found):
            return False
        return all(
            torch.equal(own.expand.weight, teacher.encoder.layers[layer].expand.weight)
            for own, layer in zip(student.encoder.layers, found)
        )

    return shows


def _checked(teacher, layers):
    count = teacher.config.num_hidden_layers
    return check_layers(_every_other(count) if layers is None else layers, count)


def _empty(teacher, layers):
    return MaskedLM(replace(teacher.config, num_hidden_layers=len(layers), type_vocab_size=0)).eval()


def _student(teacher, layers):
    student = _empty(teacher, layers)
    student.load_state_dict(_plus_type_0(teacher.state_dict(), layers))
    return student


@misconception("student_of", "left in training mode", symptom=lambda function: _made(function)[1].training)
def left_in_training(teacher, layers=None):
    """A new module is in training mode, so an evaluation of this student would run with dropout.

    End with student.eval().
    """
    return _student(teacher, _checked(teacher, layers)).train()


@misconception("student_of", "layers not checked", symptom=lambda function: _made(function, (3, 1))[1] is not None)
def layers_not_checked(teacher, layers=None):
    """Layers in any order, or repeated ones, are accepted without an error.

    Call check_layers(layers, teacher.config.num_hidden_layers).
    """
    return _student(teacher, _checked(teacher, None) if layers is None else list(layers))


@misconception("student_of", "choice ignored", symptom=_gets_layers((0, 2)))
def choice_ignored(teacher, layers=None):
    """The student gets the default layers, whichever layers were given.

    The default is for layers=None only.
    """
    _checked(teacher, layers)
    return _student(teacher, _checked(teacher, None))


@misconception("student_of", "modules shared with the teacher", symptom=_shares_memory)
def modules_shared(teacher, layers=None):
    """The student contains the teacher's own layers, so training one model changes the other.

    Copy the numbers into the student's modules, or use copy.deepcopy on the modules.
    """
    student = _student(teacher, _checked(teacher, layers))
    student.encoder.layers = nn.ModuleList(teacher.encoder.layers[layer] for layer in _checked(teacher, layers))
    return student


@misconception("student_of", "teacher cut", symptom=_is_the_teacher)
def teacher_cut(teacher, layers=None):
    """The layers are removed from the teacher itself, so there is no teacher left to learn from.

    Make a new MaskedLM, or a copy.deepcopy of the teacher, and change that.
    """
    chosen = _checked(teacher, layers)
    teacher.encoder.layers = nn.ModuleList(teacher.encoder.layers[layer] for layer in chosen)
    with torch.no_grad():
        teacher.encoder.embeddings.position.weight += teacher.encoder.embeddings.token_type.weight[0]
    teacher.encoder.embeddings.token_type = None
    teacher.config = replace(teacher.config, num_hidden_layers=len(chosen), type_vocab_size=0)
    return teacher.eval()


@misconception("student_of", "frozen like its teacher", symptom=_stays_frozen)
def frozen_like_its_teacher(teacher, layers=None):
    """A deep copy of frozen modules is frozen: these layers never learn, and there is no error.

    Call requires_grad_(True), or load the numbers into new modules.
    """
    student = _student(teacher, _checked(teacher, layers))
    layers = [copy.deepcopy(teacher.encoder.layers[layer]) for layer in _checked(teacher, layers)]
    student.encoder.layers = nn.ModuleList(layers)
    return student.eval()


@misconception("student_of", "decoder untied", symptom=_is_untied)
def decoder_untied(teacher, layers=None):
    """The head has its own copy of the word embeddings, and the two will become different in training.

    student.head.word must be the same module as student.encoder.embeddings.word.
    """
    student = _student(teacher, _checked(teacher, layers))
    student.head = copy.deepcopy(teacher.head).requires_grad_(True).eval()
    return student


@misconception("student_of", "head left random", symptom=_differs_in("head.transform"))
def head_left_random(teacher, layers=None):
    """The encoder is copied, but the head's dense layer still has random weights.

    Copy head.transform, head.norm and head.bias like everything else.
    """
    student = _student(teacher, _checked(teacher, layers))
    fresh = MaskedLM(student.config).head
    student.head.transform, student.head.norm, student.head.bias = fresh.transform, fresh.norm, fresh.bias
    return student.eval()


@misconception("student_of", "embeddings left random", symptom=_differs_in("encoder.embeddings.word"))
def embeddings_left_random(teacher, layers=None):
    """Only the layers and the head are copied, but the word embeddings are most of a small model.

    Copy the word and position embeddings and their layer norm as well.
    """
    student = _student(teacher, _checked(teacher, layers))
    fresh = _empty(teacher, student.encoder.layers).encoder.embeddings
    student.encoder.embeddings.load_state_dict(fresh.state_dict())
    return student


@misconception("student_of", "first layers through strict=False", symptom=_gets_layers((0, 1)))
def loaded_without_strict(teacher, layers=None):
    """Loading the teacher's state dict with strict=False finds the names 0, 1, … and silently drops the rest.

    Load the result of student_tensors with strict=True, which raises an error where names do not match.
    """
    student = _empty(teacher, _checked(teacher, layers))
    student.load_state_dict(teacher.state_dict(), strict=False)
    return student


def _changes(what):
    """Whether making a student changes this of its teacher."""

    def shows(function):
        teacher = MaskedLM(CONFIG).train()
        before = what(teacher)
        return function(teacher, (1, 3)) is not teacher and what(teacher) != before

    return shows


def _requires_gradients(model):
    return [parameter.requires_grad for parameter in model.parameters()]


@misconception("student_of", "teacher switched to evaluation", symptom=_changes(lambda model: model.training))
def teacher_switched(teacher, layers=None):
    """The teacher is put into evaluation mode, and stays there: who calls this does not expect it.

    Only the student is asked to be in evaluation mode: student.eval().
    """
    return _student(teacher.eval(), _checked(teacher, layers))


@misconception("student_of", "teacher frozen", symptom=_changes(_requires_gradients))
def teacher_frozen(teacher, layers=None):
    """The teacher's parameters no longer require gradients afterwards: the teacher is changed.

    state_dict() gives tensors without gradients; there is no need to touch the teacher's parameters.
    """
    return _student(teacher.requires_grad_(False), _checked(teacher, layers))


def _lacks_type_0(function):
    teacher, student = _made(function)
    return _gets_layers((1, 3))(function) and all(
        torch.equal(getattr(student.encoder.embeddings, name).weight, getattr(teacher.encoder.embeddings, name).weight)
        for name in ("word", "position")
    )


@misconception("student_of", "type 0 not added", symptom=_lacks_type_0)
def type_0_not_added(teacher, layers=None):
    """The position embeddings are the teacher's as they are, without the vector that it adds at every position.

    Use student_tensors, which adds the vector of type 0 to the position embeddings.
    """
    student = _empty(teacher, _checked(teacher, layers))
    student.load_state_dict(_copies(teacher.state_dict(), _checked(teacher, layers)))
    return student


@misconception(
    "student_of", "configuration of the teacher", symptom=lambda function: _made(function)[1].config == CONFIG
)
def configuration_of_the_teacher(teacher, layers=None):
    """The layers are right, but student.config still has the teacher's number of layers and token types.

    Set the configuration to student_config(teacher.config, layers), or make a new MaskedLM with it.
    """
    student = _student(teacher, _checked(teacher, layers))
    student.config = teacher.config
    return student


# ---- layer_cosines ----


def _states(count, seed):
    return list(torch.randn(count, 2, 3, 4, generator=torch.Generator().manual_seed(seed)).unbind())


STATES = [(_states(2, 0), _states(3, 1), torch.tensor([[1, 1, 1], [1, 0, 0]]))]


def _cosines(student_states, teacher_states, compare):
    if student_states[0].shape != teacher_states[0].shape:
        raise ValueError(f"{tuple(student_states[0].shape)} and {tuple(teacher_states[0].shape)}")
    return torch.stack([torch.stack([compare(one, other) for other in teacher_states]) for one in student_states])


def _cosines_of_real(student_states, teacher_states, attention_mask, compare):
    real = attention_mask.bool()
    return _cosines(student_states, teacher_states, lambda one, other: compare(one[real], other[real]))


@misconception("layer_cosines", "padding counted", inputs=STATES)
def padding_counted(student_states, teacher_states, attention_mask):
    """The mean includes padding, where the hidden states have no meaning.

    Select the real tokens first: state[attention_mask.bool()].
    """
    return _cosines(student_states, teacher_states, lambda one, other: cosine_similarity(one, other, dim=-1).mean())


@misconception("layer_cosines", "padding counted as 0", inputs=STATES)
def padding_counted_as_0(student_states, teacher_states, attention_mask):
    """Cosines at padding are set to 0 but still counted in the mean: the more padding, the smaller the result.

    Divide by the number of real tokens, attention_mask.sum().
    """

    def compare(one, other):
        return (cosine_similarity(one, other, dim=-1) * attention_mask).mean()

    return _cosines(student_states, teacher_states, compare)


@misconception("layer_cosines", "cosine of the means", inputs=STATES)
def cosine_of_the_means(student_states, teacher_states, attention_mask):
    """The tokens are averaged first, so only the mean vectors are compared.

    Compute one cosine for each token, then the mean of the cosines.
    """

    def compare(one, other):
        return cosine_similarity(one.mean(0), other.mean(0), dim=0)

    return _cosines_of_real(student_states, teacher_states, attention_mask, compare)


@misconception("layer_cosines", "one cosine for all tokens together", inputs=STATES)
def cosine_of_everything(student_states, teacher_states, attention_mask):
    """The whole state is treated as one vector, in which tokens with long vectors count more than others.

    Normalize each token's vector by itself, over the last dimension.
    """

    def compare(one, other):
        return cosine_similarity(one.flatten(), other.flatten(), dim=0)

    return _cosines_of_real(student_states, teacher_states, attention_mask, compare)


@misconception("layer_cosines", "dot product not normalized", inputs=STATES)
def lengths_left_in(student_states, teacher_states, attention_mask):
    """This is a mean dot product; a cosine is divided by the lengths of both vectors.

    Use nn.functional.normalize(state, dim=-1) before multiplying.
    """

    def compare(one, other):
        return (one * other).sum(-1).mean()

    return _cosines_of_real(student_states, teacher_states, attention_mask, compare)


@misconception("layer_cosines", "mean of the sequences' means", inputs=STATES)
def mean_of_the_texts(student_states, teacher_states, attention_mask):
    """Each sequence has the same weight, so a token of a short one counts more than a token of a long one.

    Take one mean over all real tokens of the batch.
    """

    def compare(one, other):
        cosines = cosine_similarity(one, other, dim=-1) * attention_mask  # (B, L)
        return (cosines.sum(1) / attention_mask.sum(1)).mean()

    return _cosines(student_states, teacher_states, compare)


@misconception("layer_cosines", "rows and columns swapped", inputs=STATES)
def teacher_down_student_across(student_states, teacher_states, attention_mask):
    """Rows and columns are exchanged: the result has shape (T, S).

    There is one row for each state of the student and one column for each of the teacher.
    """

    def compare(one, other):
        return cosine_similarity(one, other, dim=-1).mean()

    return _cosines_of_real(student_states, teacher_states, attention_mask, compare).T


@misconception("layer_cosines", "absolute values of the cosines", inputs=STATES)
def absolute_cosines(student_states, teacher_states, attention_mask):
    """The sign is lost, so that opposite directions look alike.

    Average the cosines as they are, from -1 to 1.
    """

    def compare(one, other):
        return cosine_similarity(one, other, dim=-1).abs().mean()

    return _cosines_of_real(student_states, teacher_states, attention_mask, compare)


@misconception("layer_cosines", "mask used as an index", inputs=STATES)
def mask_used_as_an_index(student_states, teacher_states, attention_mask):
    """A mask of integers selects the sequences number 1 and 0 again and again; only a mask of bools selects tokens.

    state[attention_mask.bool()].
    """
    chosen = attention_mask.long()

    def compare(one, other):
        return cosine_similarity(one[chosen], other[chosen], dim=-1).mean()

    return _cosines(student_states, teacher_states, compare)


@misconception("layer_cosines", "cosine over the tokens of a feature", inputs=STATES)
def cosine_over_the_tokens(student_states, teacher_states, attention_mask):
    """The cosine is taken along the tokens, one for each feature; it says nothing about single tokens.

    The features are the last dimension: dim=-1.
    """

    def compare(one, other):
        return cosine_similarity(one, other, dim=0).mean()

    return _cosines_of_real(student_states, teacher_states, attention_mask, compare)
