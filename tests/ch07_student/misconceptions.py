"""Wrong students that people really make, each with inputs or a symptom that shows it."""

import copy
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional

from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import PAPER_LAYERS, POSITION, TOKEN_TYPE, check_layers
from minidistil.course.misconceptions import Misconception

# ---- default_layers ----


def _every_other(count, start=0, stop=None):
    if count < 1:
        raise ValueError(f"num_hidden_layers is {count}: expected 1 or more.")
    return PAPER_LAYERS if count == 12 else tuple(range(start, count if stop is None else stop, 2))


def paper_forgotten(num_hidden_layers):
    if num_hidden_layers < 1:
        raise ValueError(f"num_hidden_layers is {num_hidden_layers}: expected 1 or more.")
    return tuple(range(0, num_hidden_layers, 2))


def counted_from_one(num_hidden_layers):
    return _every_other(num_hidden_layers, start=1)


def first_half(num_hidden_layers):
    _every_other(num_hidden_layers)
    return PAPER_LAYERS if num_hidden_layers == 12 else tuple(range(num_hidden_layers // 2))


def odd_layer_lost(num_hidden_layers):
    return _every_other(num_hidden_layers, stop=num_hidden_layers // 2 * 2)


# ---- student_config ----


def token_types_kept(config, layers):
    return replace(config, num_hidden_layers=len(layers))


def depth_kept(config, layers):
    return replace(config, type_vocab_size=0)


def always_half(config, layers):
    return replace(config, num_hidden_layers=config.num_hidden_layers // 2, type_vocab_size=0)


def highest_number(config, layers):
    return replace(config, num_hidden_layers=max(layers) + 1, type_vocab_size=0)


def width_halved(config, layers):
    return replace(config, num_hidden_layers=len(layers), type_vocab_size=0, hidden_size=config.hidden_size // 2)


# ---- copied_names ----


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


def numbers_kept(names, layers):
    return _names(names, layers, renumber=False)


def turned_round(names, layers):
    return {old: new for new, old in _names(names, layers).items()}


def types_copied(names, layers):
    return _names(names, layers, types=True)


def head_forgotten(names, layers):
    return _names(names, layers, head=False)


def prefix_without_a_dot(names, layers):
    sources = {name: name for name in names if not name.startswith("encoder.layers.") and name != TOKEN_TYPE}
    for new, old in enumerate(layers):
        for name in names:
            if name.startswith(f"encoder.layers.{old}"):
                sources[name.replace(f"encoder.layers.{old}", f"encoder.layers.{new}", 1)] = name
    return sources


def first_layers_whatever_was_chosen(names, layers):
    return _names(names, range(len(layers)))


# ---- student_tensors ----


def _fill(tensors, layers, copied, add):
    tensors = {new: copied(tensors[old]) for new, old in _names(tensors, layers).items()}, tensors
    if TOKEN_TYPE in tensors[1]:
        add(tensors[0], tensors[1][TOKEN_TYPE])
    return tensors[0]


def _add_type_0(copies, types):
    copies[POSITION] += types[0]


def memory_shared(tensors, layers):
    def add(copies, types):
        copies[POSITION] = copies[POSITION] + types[0]

    return _fill(tensors, layers, lambda tensor: tensor, add)


def added_to_the_teachers_own(tensors, layers):
    return _fill(tensors, layers, lambda tensor: tensor, _add_type_0)


def type_0_forgotten(tensors, layers):
    return _fill(tensors, layers, torch.clone, lambda copies, types: None)


def all_types_added(tensors, layers):
    def add(copies, types):
        copies[POSITION] += types.sum(0)

    return _fill(tensors, layers, torch.clone, add)


def added_to_the_words(tensors, layers):
    def add(copies, types):
        copies["encoder.embeddings.word.weight"] += types[0]

    return _fill(tensors, layers, torch.clone, add)


def added_to_position_0(tensors, layers):
    def add(copies, types):
        copies[POSITION][0] += types[0]

    return _fill(tensors, layers, torch.clone, add)


def types_taken_for_granted(tensors, layers):
    copies = {new: tensors[old].clone() for new, old in _names(tensors, layers).items()}
    copies[POSITION] += tensors[TOKEN_TYPE][0]
    return copies


def _tensors(types=2):
    tensors = {
        "encoder.embeddings.word.weight": torch.tensor([[1.0, 2.0], [3.0, 5.0]]),
        POSITION: torch.tensor([[10.0, 20.0], [30.0, 45.0]]),
        TOKEN_TYPE: torch.tensor([[0.25, -0.5], [7.0, 9.0]]),
        "encoder.layers.0.expand.bias": torch.tensor([4.0]),
        "encoder.layers.1.expand.bias": torch.tensor([6.0]),
        "head.bias": torch.tensor([8.0]),
    }
    if not types:
        del tensors[TOKEN_TYPE]
    return tensors


def _changes_the_teacher(function):
    """Whether the call alone changes what it was given."""
    tensors = _tensors()
    function(tensors, (1,))
    return any(not torch.equal(tensor, tensors[name]) for name, tensor in _tensors().items())


def _shares_with_the_teacher(function):
    """Whether writing into the result changes what the function was given, though the call alone did not."""
    if _changes_the_teacher(function):
        return False
    tensors = _tensors()
    for tensor in function(tensors, (1,)).values():
        tensor.fill_(-1.0)
    return any(not torch.equal(tensor, tensors[name]) for name, tensor in _tensors().items())


def _gives_the_same_as(wrong):
    """Whether the result is that of the wrong one; on tensors made anew, since a wrong one may write into them."""

    def shows(function):
        if _changes_the_teacher(function):
            return False
        mine, others = (each(_tensors(), (1,)) for each in (function, wrong))
        return mine.keys() == others.keys() and all(torch.equal(mine[name], others[name]) for name in mine)

    return shows


def _needs_token_types(function):
    try:
        function(_tensors(types=0), (1,))
    except KeyError:
        return True
    return False


# ---- student_of ----

CONFIG = EncoderConfig(
    vocab_size=11, hidden_size=6, num_hidden_layers=4, num_attention_heads=2, intermediate_size=10,
    max_position_embeddings=8,
)  # fmt: skip


def _checked(teacher, layers):
    count = teacher.config.num_hidden_layers
    return check_layers(_every_other(count) if layers is None else layers, count)


def _student(teacher, layers):
    student = MaskedLM(replace(teacher.config, num_hidden_layers=len(layers), type_vocab_size=0))
    student.load_state_dict(_fill(teacher.state_dict(), layers, torch.clone, _add_type_0))
    return student.eval()


def left_in_training(teacher, layers=None):
    return _student(teacher, _checked(teacher, layers)).train()


def layers_not_checked(teacher, layers=None):
    return _student(teacher, _checked(teacher, None) if layers is None else list(layers))


def choice_ignored(teacher, layers=None):
    _checked(teacher, layers)
    return _student(teacher, _checked(teacher, None))


def modules_shared(teacher, layers=None):
    chosen = _checked(teacher, layers)
    student = _student(teacher, chosen)
    student.encoder.layers = nn.ModuleList(teacher.encoder.layers[layer] for layer in chosen)
    return student


def teacher_cut(teacher, layers=None):
    chosen = _checked(teacher, layers)
    teacher.encoder.layers = nn.ModuleList(teacher.encoder.layers[layer] for layer in chosen)
    with torch.no_grad():
        teacher.encoder.embeddings.position.weight += teacher.encoder.embeddings.token_type.weight[0]
    teacher.encoder.embeddings.token_type = None
    teacher.config = replace(teacher.config, num_hidden_layers=len(chosen), type_vocab_size=0)
    return teacher.eval()


def frozen_like_its_teacher(teacher, layers=None):
    chosen = _checked(teacher, layers)
    student = _student(teacher, chosen)
    student.encoder.layers = nn.ModuleList(copy.deepcopy(teacher.encoder.layers[layer]) for layer in chosen)
    return student.eval()


def decoder_untied(teacher, layers=None):
    student = _student(teacher, _checked(teacher, layers))
    student.head = copy.deepcopy(teacher.head).requires_grad_(True).eval()
    return student


def head_left_random(teacher, layers=None):
    student = _student(teacher, _checked(teacher, layers))
    fresh = MaskedLM(student.config).head
    student.head.transform, student.head.norm, student.head.bias = fresh.transform, fresh.norm, fresh.bias
    return student.eval()


def embeddings_left_random(teacher, layers=None):
    chosen = _checked(teacher, layers)
    student = MaskedLM(replace(teacher.config, num_hidden_layers=len(chosen), type_vocab_size=0))
    for place, layer in enumerate(chosen):
        student.encoder.layers[place].load_state_dict(teacher.encoder.layers[layer].state_dict())
    for part in ("transform", "norm"):
        getattr(student.head, part).load_state_dict(getattr(teacher.head, part).state_dict())
    student.head.bias.data.copy_(teacher.head.bias.data)
    return student.eval()


def loaded_without_strict(teacher, layers=None):
    student = MaskedLM(replace(teacher.config, num_hidden_layers=len(_checked(teacher, layers)), type_vocab_size=0))
    student.load_state_dict(teacher.state_dict(), strict=False)
    return student.eval()


def _made(function, layers=(1, 3), frozen=False):
    """A teacher, different in every number, and what the function makes of it."""
    teacher = MaskedLM(CONFIG).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in teacher.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    teacher.requires_grad_(not frozen)
    return teacher, function(teacher, layers)


def _shares_memory(function):
    teacher, student = _made(function)
    places = {parameter.data_ptr() for parameter in teacher.parameters()}
    return student is not teacher and any(parameter.data_ptr() in places for parameter in student.parameters())


def _stays_frozen(function):
    teacher, student = _made(function, frozen=True)
    places = {parameter.data_ptr() for parameter in teacher.parameters()}
    own = [parameter for parameter in student.parameters() if parameter.data_ptr() not in places]
    return len(own) == len(list(student.parameters())) and not all(parameter.requires_grad for parameter in own)


def _is_the_teacher(function):
    teacher, student = _made(function)
    return student is teacher


def _is_untied(function):
    _, student = _made(function)
    word = student.encoder.embeddings.word.weight
    return student.head.word.weight is not word and torch.equal(student.head.word.weight, word)


def _has_another(module):
    def shows(function):
        teacher, student = _made(function)
        theirs, ours = (model.get_submodule(module).weight for model in (teacher, student))
        return student is not teacher and not torch.equal(theirs, ours)

    return shows


def _has_layers(found, chosen):
    """Whether asking for some layers gives others."""

    def shows(function):
        teacher, student = _made(function, chosen)
        if student is teacher or len(student.encoder.layers) != len(found):
            return False
        return all(
            torch.equal(student.encoder.layers[place].expand.weight, teacher.encoder.layers[layer].expand.weight)
            for place, layer in enumerate(found)
        )

    return shows


def _takes_any_order(function):
    return isinstance(_made(function, (3, 1))[1], MaskedLM)


def _drops_out(function):
    return _made(function)[1].training


# ---- layer_cosines ----


def _refuse(student_states, teacher_states):
    if student_states[0].shape != teacher_states[0].shape:
        raise ValueError(f"{tuple(student_states[0].shape)} and {tuple(teacher_states[0].shape)}")


def _cosines(student_states, teacher_states, compare):
    _refuse(student_states, teacher_states)
    return torch.stack([torch.stack([compare(one, other) for other in teacher_states]) for one in student_states])


def padding_counted(student_states, teacher_states, attention_mask):
    return _cosines(
        student_states, teacher_states, lambda one, other: functional.cosine_similarity(one, other, dim=-1).mean()
    )


def padding_counted_as_0(student_states, teacher_states, attention_mask):
    def compare(one, other):
        return (functional.cosine_similarity(one, other, dim=-1) * attention_mask).mean()

    return _cosines(student_states, teacher_states, compare)


def cosine_of_the_means(student_states, teacher_states, attention_mask):
    real = attention_mask.bool()
    return _cosines(
        student_states,
        teacher_states,
        lambda one, other: functional.cosine_similarity(one[real].mean(0), other[real].mean(0), dim=0),
    )


def cosine_of_everything(student_states, teacher_states, attention_mask):
    real = attention_mask.bool()
    return _cosines(
        student_states,
        teacher_states,
        lambda one, other: functional.cosine_similarity(one[real].flatten(), other[real].flatten(), dim=0),
    )


def lengths_left_in(student_states, teacher_states, attention_mask):
    real = attention_mask.bool()
    return _cosines(student_states, teacher_states, lambda one, other: (one[real] * other[real]).sum(-1).mean())


def mean_of_the_texts(student_states, teacher_states, attention_mask):
    def compare(one, other):
        cosines = functional.cosine_similarity(one, other, dim=-1) * attention_mask  # (B, L)
        return (cosines.sum(1) / attention_mask.sum(1)).mean()

    return _cosines(student_states, teacher_states, compare)


def teacher_down_student_across(student_states, teacher_states, attention_mask):
    real = attention_mask.bool()
    return _cosines(
        student_states,
        teacher_states,
        lambda one, other: functional.cosine_similarity(one[real], other[real], dim=-1).mean(),
    ).T


def _states(count, seed):
    return list(torch.randn(count, 2, 3, 4, generator=torch.Generator().manual_seed(seed)).unbind())


STATES = [(_states(2, 0), _states(3, 1), torch.tensor([[1, 1, 1], [1, 0, 0]]))]
COUNTS = [(6,), (5,), (3,)]
CHOICES = [(EncoderConfig(), (0, 5, 11)), (EncoderConfig(num_hidden_layers=6), (1, 4))]
NAMES = [
    (
        [
            POSITION, TOKEN_TYPE, "encoder.layers.0.norm.bias", "encoder.layers.1.norm.bias",
            "encoder.layers.2.norm.bias", "encoder.layers.10.norm.bias", "encoder.layers.11.norm.bias",
            "head.norm.bias",
        ],
        (1, 2),
    )
]  # fmt: skip

MISCONCEPTIONS = [
    Misconception(
        name="the paper's layers forgotten",
        exercise="default_layers",
        what="A step of 2 gives 0, 2, 4, 6, 8, 10 for twelve layers; the paper took 0, 2, 4, 7, 9, 11.",
        look="Twelve is the one exception: return PAPER_LAYERS for it.",
        wrong=paper_forgotten,
        inputs=[(12,)],
    ),
    Misconception(
        name="layers counted from one",
        exercise="default_layers",
        what="The first chosen layer is number 1, which is the second one.",
        look="Python counts from 0, and so do the layers: 0, 2, 4 of six.",
        wrong=counted_from_one,
        inputs=COUNTS,
    ),
    Misconception(
        name="first half instead of every other",
        exercise="default_layers",
        what="The student gets the lower half of its teacher's layers, one after the other.",
        look="Every other layer: a step of 2 up to the number of layers.",
        wrong=first_half,
        inputs=COUNTS,
    ),
    Misconception(
        name="last layer of an odd number lost",
        exercise="default_layers",
        what="Of five layers 0 and 2 are taken; 4 is every other one as well.",
        look="range(0, 5, 2) is 0, 2, 4: halving the number first rounds it down.",
        wrong=odd_layer_lost,
        inputs=[(5,), (3,), (1,)],
    ),
    Misconception(
        name="token types kept",
        exercise="student_config",
        what="The student keeps its teacher's token types, so it is a small BERT and not a DistilBERT.",
        look="type_vocab_size=0.",
        wrong=token_types_kept,
        inputs=CHOICES,
    ),
    Misconception(
        name="as deep as its teacher",
        exercise="student_config",
        what="The number of layers stays the teacher's.",
        look="num_hidden_layers=len(layers).",
        wrong=depth_kept,
        inputs=CHOICES,
    ),
    Misconception(
        name="always half as deep",
        exercise="student_config",
        what="The student has half as many layers as its teacher, however many were chosen.",
        look="Count the layers that were chosen: len(layers).",
        wrong=always_half,
        inputs=CHOICES,
    ),
    Misconception(
        name="highest number taken for the count",
        exercise="student_config",
        what="The student has as many layers as the highest chosen number, not as many as were chosen.",
        look="len(layers), not max(layers) + 1.",
        wrong=highest_number,
        inputs=CHOICES,
    ),
    Misconception(
        name="width halved as well",
        exercise="student_config",
        what="A student of half the width cannot take over its teacher's weights: no matrix would fit.",
        look="DistilBERT is less deep and equally wide: leave hidden_size alone.",
        wrong=width_halved,
        inputs=CHOICES,
    ),
    Misconception(
        name="layers not numbered anew",
        exercise="copied_names",
        what="The student's layers keep their teacher's numbers, but its own go from 0 on without a gap.",
        look="The new number is the place of the old one among the chosen: layers.index(old).",
        wrong=numbers_kept,
        inputs=NAMES,
    ),
    Misconception(
        name="names turned round",
        exercise="copied_names",
        what="The dictionary leads from the teacher's names to the student's.",
        look="The student's name is the key, the teacher's the value: sources[new] = old.",
        wrong=turned_round,
        inputs=NAMES,
    ),
    Misconception(
        name="token types copied",
        exercise="copied_names",
        what="The table of token types is copied, and the student has no place for it.",
        look="Leave out the name that is TOKEN_TYPE.",
        wrong=types_copied,
        inputs=NAMES,
    ),
    Misconception(
        name="head forgotten",
        exercise="copied_names",
        what="Only the encoder is copied; the head, a trained part of the teacher too, is not.",
        look="Names that begin with head. are copied as they are.",
        wrong=head_forgotten,
        inputs=NAMES,
    ),
    Misconception(
        name="layer 1 taken for 10 and 11",
        exercise="copied_names",
        what='"encoder.layers.1" is also how the names of layers 10 and 11 begin.',
        look="Compare whole numbers, or let the beginning end in a dot.",
        wrong=prefix_without_a_dot,
        inputs=NAMES,
    ),
    Misconception(
        name="first layers whatever was chosen",
        exercise="copied_names",
        what="As many layers as were chosen are copied, but always the lowest ones.",
        look="Ask for each layer whether its number is among the chosen.",
        wrong=first_layers_whatever_was_chosen,
        inputs=NAMES,
    ),
    Misconception(
        name="memory shared with the teacher",
        exercise="student_tensors",
        what="The dictionary is new but its tensors are the teacher's: training the student would change both.",
        look="Copy the numbers: tensor.clone().",
        wrong=memory_shared,
        symptom=_shares_with_the_teacher,
    ),
    Misconception(
        name="added in the teacher's own table",
        exercise="student_tensors",
        what="The addition in place changes the teacher's position embeddings, since they were not copied before.",
        look="Clone first, add then: += writes into the memory that the teacher uses.",
        wrong=added_to_the_teachers_own,
        symptom=_changes_the_teacher,
    ),
    Misconception(
        name="type 0 forgotten",
        exercise="student_tensors",
        what="The token types are dropped without a trace; the teacher adds type 0 at every position.",
        look="Add row 0 of TOKEN_TYPE to all rows of POSITION.",
        wrong=type_0_forgotten,
        symptom=_gives_the_same_as(type_0_forgotten),
    ),
    Misconception(
        name="all types added",
        exercise="student_tensors",
        what="Both rows are added; a single text has type 0 only.",
        look="tensors[TOKEN_TYPE][0].",
        wrong=all_types_added,
        symptom=_gives_the_same_as(all_types_added),
    ),
    Misconception(
        name="added to the words",
        exercise="student_tensors",
        what="The embeddings come out right, but the word table is the decoder too, and its scores are wrong now.",
        look="Add it to the position embeddings, which are used once only.",
        wrong=added_to_the_words,
        symptom=_gives_the_same_as(added_to_the_words),
    ),
    Misconception(
        name="added to the first position only",
        exercise="student_tensors",
        what="One row of the position embeddings gets the vector; the teacher adds it at every position.",
        look="Add the vector (D,) to the whole table (P, D).",
        wrong=added_to_position_0,
        symptom=_gives_the_same_as(added_to_position_0),
    ),
    Misconception(
        name="token types taken for granted",
        exercise="student_tensors",
        what="A teacher without token types, a DistilBERT, raises a KeyError.",
        look="Ask first: if TOKEN_TYPE in tensors.",
        wrong=types_taken_for_granted,
        symptom=_needs_token_types,
    ),
    Misconception(
        name="left in training mode",
        exercise="student_of",
        what="A new module is in training mode: whoever measures this student measures its dropout too.",
        look="End with student.eval().",
        wrong=left_in_training,
        symptom=_drops_out,
    ),
    Misconception(
        name="layers not checked",
        exercise="student_of",
        what="Layers in any order, or named twice, are taken without a word.",
        look="Call check_layers(layers, teacher.config.num_hidden_layers).",
        wrong=layers_not_checked,
        symptom=_takes_any_order,
    ),
    Misconception(
        name="choice ignored",
        exercise="student_of",
        what="The student gets the default layers, whatever was asked for.",
        look="The default is for layers=None only.",
        wrong=choice_ignored,
        symptom=_has_layers((0, 2), (1, 3)),
    ),
    Misconception(
        name="modules shared with the teacher",
        exercise="student_of",
        what="The teacher's own layers stand in the student: training one changes the other.",
        look="Copy the numbers into the student's modules, or copy.deepcopy the modules.",
        wrong=modules_shared,
        symptom=_shares_memory,
    ),
    Misconception(
        name="teacher cut",
        exercise="student_of",
        what="The layers are taken out of the teacher itself; afterwards there is nobody to learn from.",
        look="Make a new MaskedLM, or a copy.deepcopy of the teacher, and cut that.",
        wrong=teacher_cut,
        symptom=_is_the_teacher,
    ),
    Misconception(
        name="frozen like its teacher",
        exercise="student_of",
        what="A deep copy of frozen modules is frozen: such layers never learn, and no error says so.",
        look="requires_grad_(True), or load the numbers into modules of the student's own.",
        wrong=frozen_like_its_teacher,
        symptom=_stays_frozen,
    ),
    Misconception(
        name="decoder untied",
        exercise="student_of",
        what="The head has a copy of the word table for itself, and the two will drift apart in training.",
        look="student.head.word must be student.encoder.embeddings.word, the same module.",
        wrong=decoder_untied,
        symptom=_is_untied,
    ),
    Misconception(
        name="head left random",
        exercise="student_of",
        what="The encoder is copied and the head's dense layer is a fresh one.",
        look="head.transform, head.norm and head.bias are copied like everything else.",
        wrong=head_left_random,
        symptom=_has_another("head.transform"),
    ),
    Misconception(
        name="embeddings left random",
        exercise="student_of",
        what="Only layers and head are copied; the word table, most of a small model, is a fresh one.",
        look="Word and position embeddings and their norm are copied as well.",
        wrong=embeddings_left_random,
        symptom=_has_another("encoder.embeddings.word"),
    ),
    Misconception(
        name="first layers through strict=False",
        exercise="student_of",
        what="Loading the teacher's state dict with strict=False finds the names 0, 1, … and silently drops the rest.",
        look="Load the tensors of student_tensors, and strictly: an error is what you want where names do not fit.",
        wrong=loaded_without_strict,
        symptom=_has_layers((0, 1), (1, 3)),
    ),
    Misconception(
        name="padding counted",
        exercise="layer_cosines",
        what="The mean goes over padding too, where the hidden states mean nothing.",
        look="Choose the real tokens first: state[attention_mask.bool()].",
        wrong=padding_counted,
        inputs=STATES,
    ),
    Misconception(
        name="padding counted as 0",
        exercise="layer_cosines",
        what="Padding is multiplied away but still divided by: the more padding, the smaller the cosine.",
        look="Divide by the number of real tokens, attention_mask.sum().",
        wrong=padding_counted_as_0,
        inputs=STATES,
    ),
    Misconception(
        name="cosine of the means",
        exercise="layer_cosines",
        what="The tokens are averaged first, so only the mean vectors are compared.",
        look="One cosine for each token, then the mean of the cosines.",
        wrong=cosine_of_the_means,
        inputs=STATES,
    ),
    Misconception(
        name="one cosine for all tokens together",
        exercise="layer_cosines",
        what="The whole state is taken as one long vector, in which long tokens count more than short ones.",
        look="Give every token length 1 by itself: normalize over the last dimension.",
        wrong=cosine_of_everything,
        inputs=STATES,
    ),
    Misconception(
        name="lengths left in",
        exercise="layer_cosines",
        what="That is a mean product; a cosine divides it by both lengths.",
        look="nn.functional.normalize(state, dim=-1) before multiplying.",
        wrong=lengths_left_in,
        inputs=STATES,
    ),
    Misconception(
        name="mean of the texts' means",
        exercise="layer_cosines",
        what="Each text counts equally, so a token of a short text counts more than one of a long text.",
        look="One mean over all real tokens of the batch.",
        wrong=mean_of_the_texts,
        inputs=STATES,
    ),
    Misconception(
        name="teacher down, student across",
        exercise="layer_cosines",
        what="Rows and columns are exchanged: the result has shape (T, S).",
        look="A row for each state of the student, a column for each of the teacher.",
        wrong=teacher_down_student_across,
        inputs=STATES,
    ),
]
