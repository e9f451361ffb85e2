"""Chapter 7: which tensors are copied and which are dropped, compared with transformers' BERT and DistilBERT."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import (
    AutoModelForMaskedLM,
    BertConfig,
    BertForMaskedLM,
    BertForPreTraining,
    DistilBertConfig,
    DistilBertForMaskedLM,
)

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus
from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM, SentenceEncoder
from minidistil.ch05_weights.weights import BareEncoder
from minidistil.ch07_student.student import PAPER_LAYERS, POSITION, TOKEN_TYPE, student_config, student_of
from minidistil.ch08_training.settings import DistilConfig
from minidistil.runs.distillation import distil

SIZES: dict[str, Any] = {"vocab_size": 40, "hidden_size": 12, "num_attention_heads": 3, "intermediate_size": 20}
WORD = "encoder.embeddings.word.weight"
SMALL = EncoderConfig(**SIZES, num_hidden_layers=6, max_position_embeddings=16, initializer_range=0.3)


def scrambled(model: Any) -> Any:
    """Every tensor different from every other, even norms and biases, which start as ones and zeros."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


@pytest.fixture
def small_teacher() -> MaskedLM:
    return scrambled(MaskedLM(SMALL))


@pytest.fixture
def official_bert(tmp_path: Path) -> tuple[BertForMaskedLM, Path]:
    """A BERT of twelve layers with random weights, and the folder that transformers saved it in."""
    bert = scrambled(BertForMaskedLM(BertConfig(**SIZES, num_hidden_layers=12, max_position_embeddings=16)))
    bert.save_pretrained(tmp_path / "bert")
    return bert, tmp_path / "bert"


def copy_of(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def assert_same(tensors: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert tensors.keys() == expected.keys()
    changed = [name for name, tensor in tensors.items() if not torch.equal(tensor, expected[name])]
    assert not changed, f"the teacher's {changed[0]} was changed"


# ---- default_layers, student_config ----


@pytest.mark.parametrize(
    ("count", "layers"),
    [(12, (0, 2, 4, 7, 9, 11)), (6, (0, 2, 4)), (5, (0, 2, 4)), (2, (0,)), (1, (0,)), (24, tuple(range(0, 24, 2)))],
)
def test_the_default_is_every_other_layer_and_for_twelve_the_papers(
    impl: ModuleType, count: int, layers: tuple[int, ...]
) -> None:
    assert tuple(impl.default_layers(count)) == layers


@pytest.mark.parametrize("count", [0, -1])
def test_no_layers_to_choose_from(impl: ModuleType, count: int) -> None:
    with pytest.raises(ValueError, match=f"{count}"):
        impl.default_layers(count)


def test_the_configuration_is_the_teachers_except_for_two_numbers(impl: ModuleType) -> None:
    student = impl.student_config(SMALL, (1, 2, 5))
    changed = {name for name, value in vars(SMALL).items() if getattr(student, name) != value}
    assert changed == {"num_hidden_layers", "type_vocab_size"}
    assert (student.num_hidden_layers, student.type_vocab_size) == (3, 0)
    assert (SMALL.num_hidden_layers, SMALL.type_vocab_size) == (6, 2)


def test_the_numbers_of_parameters_are_the_official_ones(impl: ModuleType) -> None:
    with torch.device("meta"):
        bert, distilbert = BertForPreTraining(BertConfig()), DistilBertForMaskedLM(DistilBertConfig())
        configs = [EncoderConfig(), *(impl.student_config(EncoderConfig(), each) for each in (range(12), PAPER_LAYERS))]
        teacher, deep, student = (sum(map(Tensor.numel, MaskedLM(config).parameters())) for config in configs)
    pooler_and_next_sentence = 768 * 768 + 768 + 2 * 768 + 2
    assert teacher + pooler_and_next_sentence == bert.num_parameters()
    assert deep == 109_512_762
    assert student == distilbert.num_parameters() == 66_985_530


# ---- copied_names ----


def test_each_name_of_the_student_has_its_source(impl: ModuleType) -> None:
    same = ["encoder.embeddings.word.weight", POSITION, "head.norm.bias"]
    layers = [f"encoder.layers.{number}.expand.bias" for number in (0, 1, 10, 11)]
    names = [*same[:2], TOKEN_TYPE, *layers, "encoder.layers.1.attention.query.weight", same[2]]
    assert impl.copied_names(names, (1, 11)) == {
        **{name: name for name in same},
        "encoder.layers.0.expand.bias": "encoder.layers.1.expand.bias",
        "encoder.layers.0.attention.query.weight": "encoder.layers.1.attention.query.weight",
        "encoder.layers.1.expand.bias": "encoder.layers.11.expand.bias",
    }


@pytest.mark.parametrize("types", [2, 0])
def test_the_names_are_those_that_the_student_needs(impl: ModuleType, types: int) -> None:
    with torch.device("meta"):
        teacher = MaskedLM(EncoderConfig(num_hidden_layers=12, type_vocab_size=types)).state_dict()
        student = MaskedLM(EncoderConfig(num_hidden_layers=4, type_vocab_size=0)).state_dict()
    sources = impl.copied_names(teacher, (0, 3, 10, 11))
    assert {name: teacher[source].shape for name, source in sources.items()} == {
        name: tensor.shape for name, tensor in student.items()
    }


# ---- student_tensors ----


def few_tensors() -> dict[str, Tensor]:
    return {
        "encoder.embeddings.word.weight": torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
        POSITION: torch.tensor([[10.0, 20.0], [30.0, 40.0], [50.0, 60.0]]),
        TOKEN_TYPE: torch.tensor([[0.5, -0.5], [7.0, 7.0]]),
        "encoder.layers.0.expand.bias": torch.tensor([5.0]),
        "encoder.layers.1.expand.bias": torch.tensor([6.0]),
    }


def test_the_vector_of_type_0_is_added_to_the_positions(impl: ModuleType) -> None:
    student = {name: tensor.tolist() for name, tensor in impl.student_tensors(few_tensors(), (1,)).items()}
    assert student == {
        "encoder.embeddings.word.weight": [[1, 2], [3, 4]],
        POSITION: [[10.5, 19.5], [30.5, 39.5], [50.5, 59.5]],
        "encoder.layers.0.expand.bias": [6],
    }


def test_without_token_types_nothing_is_added(impl: ModuleType) -> None:
    teacher = few_tensors()
    del teacher[TOKEN_TYPE]
    assert_same(impl.student_tensors(teacher, (0, 1)), teacher)


def test_the_teachers_tensors_are_not_changed(impl: ModuleType) -> None:
    teacher = few_tensors()
    for tensor in impl.student_tensors(teacher, (0, 1)).values():
        tensor.zero_()
    assert_same(teacher, few_tensors())


# ---- student_of ----


def test_the_official_extraction_under_the_official_names(
    impl: ModuleType, official_bert: tuple[BertForMaskedLM, Path], tmp_path: Path
) -> None:
    """The rule of the paper's script, written again: layers 0, 2, 4, 7, 9, 11 become 0 to 5, the head is copied."""
    bert, folder = official_bert
    renamed = {
        "attention.self.query": "attention.q_lin", "attention.self.key": "attention.k_lin",
        "attention.self.value": "attention.v_lin", "attention.output.dense": "attention.out_lin",
        "attention.output.LayerNorm": "sa_layer_norm", "intermediate.dense": "ffn.lin1",
        "output.dense": "ffn.lin2", "output.LayerNorm": "output_layer_norm",
        "cls.predictions.transform.dense": "vocab_transform",
        "cls.predictions.transform.LayerNorm": "vocab_layer_norm", "cls.predictions": "vocab_projector",
    }  # fmt: skip
    new_number = {"0": "0", "2": "1", "4": "2", "7": "3", "9": "4", "11": "5"}
    expected: dict[str, Tensor] = {}
    for name, tensor in bert.state_dict().items():
        part, _, kind = name.rpartition(".")
        if match := re.fullmatch(r"bert\.encoder\.layer\.(\d+)\.(.+)", part):
            if match[1] in new_number:
                expected[f"distilbert.transformer.layer.{new_number[match[1]]}.{renamed[match[2]]}.{kind}"] = tensor
        elif part in renamed:
            expected[f"{renamed[part]}.{kind}"] = tensor
        elif part.startswith("bert.embeddings.") and "token_type" not in part:
            expected[f"distil{name}"] = tensor
    impl.student_of(MaskedLM.from_pretrained(folder)).save_pretrained(tmp_path / "student")
    found = load_file(tmp_path / "student" / "model.safetensors")
    position = "distilbert.embeddings.position_embeddings.weight"
    type_0 = bert.state_dict()["bert.embeddings.token_type_embeddings.weight"][0]
    torch.testing.assert_close(found.pop(position), expected.pop(position) + type_0)
    assert_same(found, expected)


@pytest.mark.parametrize("layers", [PAPER_LAYERS, (3,), tuple(range(12))])
def test_it_computes_what_the_official_bert_does_without_those_layers(
    impl: ModuleType, official_bert: tuple[BertForMaskedLM, Path], layers: tuple[int, ...]
) -> None:
    bert, folder = official_bert
    student = impl.student_of(MaskedLM.from_pretrained(folder), layers).eval()
    bert.bert.encoder.layer = torch.nn.ModuleList(bert.bert.encoder.layer[number] for number in layers)
    bert.config.num_hidden_layers = len(layers)
    input_ids = torch.randint(1, 40, (3, 16))
    attention_mask = (torch.arange(16) < torch.tensor([16, 5, 1])[:, None]).long()
    with torch.no_grad():
        found, expected = (model(input_ids, attention_mask).logits for model in (student, bert))
    real = attention_mask.bool()
    torch.testing.assert_close(found[real], expected[real], atol=1e-5, rtol=0)


def test_transformers_loads_the_student_as_a_distilbert(
    impl: ModuleType, small_teacher: MaskedLM, tmp_path: Path
) -> None:
    student = impl.student_of(small_teacher).eval()
    student.save_pretrained(tmp_path)
    official, report = AutoModelForMaskedLM.from_pretrained(tmp_path, output_loading_info=True)
    assert isinstance(official, DistilBertForMaskedLM)
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    input_ids = torch.randint(1, 40, (2, 9))
    torch.testing.assert_close(student(input_ids).logits, official(input_ids).logits, atol=1e-5, rtol=0)


def test_a_student_can_be_a_teacher(impl: ModuleType) -> None:
    teacher = scrambled(MaskedLM(student_config(SMALL, range(4))))
    student = impl.student_of(teacher, (1, 2))
    assert torch.equal(student.encoder.embeddings.position.weight, teacher.encoder.embeddings.position.weight)
    assert torch.equal(student.encoder.layers[1].expand.weight, teacher.encoder.layers[2].expand.weight)


def test_student_and_teacher_share_no_memory(impl: ModuleType, small_teacher: MaskedLM) -> None:
    before = copy_of(small_teacher.state_dict())
    with torch.no_grad():
        for parameter in impl.student_of(small_teacher).parameters():
            parameter.fill_(9.0)
    assert_same(small_teacher.state_dict(), before)


def test_making_a_student_changes_nothing_in_its_teacher(impl: ModuleType, small_teacher: MaskedLM) -> None:
    small_teacher.train()
    before, config = copy_of(small_teacher.state_dict()), small_teacher.config
    for frozen in (True, False):
        small_teacher.requires_grad_(not frozen)
        impl.student_of(small_teacher, (0, 5))
        wants = {parameter.requires_grad for parameter in small_teacher.parameters()}
        assert wants == {not frozen}, "the teacher's parameters require gradients if and only if they did before"
    assert_same(small_teacher.state_dict(), before)
    assert (small_teacher.config, small_teacher.training) == (config, True)


def test_a_frozen_teacher_has_a_student_that_learns(impl: ModuleType, small_teacher: MaskedLM) -> None:
    student = impl.student_of(small_teacher.requires_grad_(False))
    labels = torch.randint(1, 40, (2, 5))
    student(labels, labels=labels).loss.backward()
    frozen = [name for name, parameter in student.named_parameters() if parameter.grad is None]
    assert not frozen, f"{frozen[0]} would never change"


def test_the_decoder_is_the_students_own_word_embeddings(impl: ModuleType, small_teacher: MaskedLM) -> None:
    student = impl.student_of(small_teacher)
    embeddings = student.encoder.embeddings.word.weight
    assert student.head.word.weight is embeddings
    with torch.no_grad():
        embeddings.zero_()
    logits = student(torch.tensor([[1, 2]])).logits
    torch.testing.assert_close(logits, student.head.bias.expand(1, 2, 40), atol=1e-6, rtol=0)


def test_all_parts_of_a_student_have_its_configuration(impl: ModuleType, small_teacher: MaskedLM) -> None:
    student = impl.student_of(small_teacher, (1, 4))
    assert student.config == student.encoder.config == student_config(SMALL, (1, 4))


def test_a_student_is_in_evaluation_mode(impl: ModuleType, small_teacher: MaskedLM) -> None:
    assert not any(module.training for module in impl.student_of(small_teacher).modules())


def test_nothing_is_drawn_at_random(small_teacher: MaskedLM) -> None:
    state = torch.get_rng_state()
    student_of(small_teacher)
    assert torch.equal(state, torch.get_rng_state())


BAD_LAYERS: list[tuple[Any, type[Exception], str]] = [
    ((), ValueError, r"one or more.*\[\]"),
    ((0, 6), ValueError, r"from 0 to 5.*\[0, 6\]"),
    ((-1, 0), ValueError, r"from 0 to 5.*\[-1, 0\]"),
    ((0, 2, 2), ValueError, r"without repeats.*\[0, 2, 2\]"),
    ((4, 2, 0), ValueError, r"ascending.*\[4, 2, 0\]"),
    (3, TypeError, "sequence of integers.*3"),
    ("024", TypeError, "sequence of integers.*'024'"),
    ({0, 2}, TypeError, "sequence of integers"),
    ((0, 2.0), TypeError, r"sequence of integers.*\(0, 2.0\)"),
    ((True, 2), TypeError, "sequence of integers"),
]


@pytest.mark.parametrize(("layers", "error", "message"), BAD_LAYERS)
def test_bad_layers_are_explained(
    impl: ModuleType, small_teacher: MaskedLM, layers: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        impl.student_of(small_teacher, layers)


@pytest.mark.parametrize("make", [BareEncoder, SentenceEncoder])
def test_a_teacher_without_a_masked_lm_head_is_refused(make: Callable[[EncoderConfig], Any]) -> None:
    with pytest.raises(TypeError, match=f"MaskedLM.*{make.__name__}"):
        student_of(make(SMALL))


@pytest.mark.parametrize("frozen", [{}, {"freeze_positions": POSITION}, {"freeze_words": WORD}], ids=str)
def test_frozen_embeddings_do_not_change_at_all(
    tiny_teacher: MaskedLM, tiny_corpus: Corpus, tokenizer: WordPiece, tmp_path: Path, frozen: dict[str, str]
) -> None:
    student = student_of(tiny_teacher)
    before = copy_of(student.state_dict())
    config = DistilConfig(steps=3, batch_size=4, max_length=32, precision="fp32", weight_decay=0.5)
    config = replace(config, **dict.fromkeys(frozen, True))  # type: ignore[arg-type]  # to mypy, any setting
    corpus = Corpus("few", tiny_corpus.train[:60], [], tiny_corpus.test[:5])
    distil(tiny_teacher, student, corpus, config, tmp_path, tokenizer)
    kept = {name for name, parameter in student.named_parameters() if torch.equal(parameter, before[name])}
    assert kept == set(frozen.values())


# ---- layer_cosines ----


def test_cosines_are_means_over_real_tokens(impl: ModuleType) -> None:
    student, teacher = torch.randn(2, 3, 4, 5), torch.randn(3, 3, 4, 5)
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 1, 0]])
    expected = torch.zeros(2, 3, dtype=torch.float64)
    for s in range(2):
        for t in range(3):
            for b, place in mask.nonzero().tolist():
                one, other = student[s, b, place].double(), teacher[t, b, place].double()
                expected[s, t] += (one * other).sum() / (one.square().sum() * other.square().sum()).sqrt() / 8
    found = impl.layer_cosines(student.unbind(), teacher.unbind(), mask)
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=0)


def test_the_length_of_a_vector_does_not_matter(impl: ModuleType) -> None:
    states = torch.randn(3, 2, 4, 5).unbind()
    found = impl.layer_cosines(states, [100 * state for state in states], torch.ones(2, 4, dtype=torch.int64))
    torch.testing.assert_close(found.diagonal(), torch.ones(3))


def test_states_of_different_widths_are_refused(impl: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"(?=.*1, 2, 5)(?=.*1, 2, 6)"):
        impl.layer_cosines([torch.ones(1, 2, 5)], [torch.ones(1, 2, 6)], torch.tensor([[1, 1]]))
