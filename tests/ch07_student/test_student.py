"""Chapter 7: exactly which tensors are copied, which are dropped, and whose memory they lie in.

The outside reference is a BERT of transformers with layers taken out by hand, and its DistilBERT.
"""

import re
from collections.abc import Callable
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
from minidistil.ch07_student.student import PAPER_LAYERS, student_config, student_of
from minidistil.ch08_training.settings import DistilConfig
from minidistil.runs.distillation import distil

SMALL = EncoderConfig(
    vocab_size=40, hidden_size=12, num_hidden_layers=6, num_attention_heads=3, intermediate_size=20,
    max_position_embeddings=16, initializer_range=0.3,
)  # fmt: skip


def scrambled(model: Any) -> Any:
    """Every tensor different from every other: also norms and biases, which begin as ones and zeros."""
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
    config = BertConfig(
        vocab_size=40, hidden_size=12, num_hidden_layers=12, num_attention_heads=3, intermediate_size=20,
        max_position_embeddings=16,
    )  # fmt: skip
    bert = scrambled(BertForMaskedLM(config))
    bert.save_pretrained(tmp_path / "bert")
    return bert, tmp_path / "bert"


# ---- which layers ----


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


# ---- on paper ----


def test_the_students_configuration_is_its_teachers_but_for_two_numbers(impl: ModuleType) -> None:
    student = impl.student_config(SMALL, (1, 2, 5))
    changed = {name for name, value in vars(SMALL).items() if getattr(student, name) != value}
    assert changed == {"num_hidden_layers", "type_vocab_size"}
    assert (student.num_hidden_layers, student.type_vocab_size) == (3, 0)
    assert (SMALL.num_hidden_layers, SMALL.type_vocab_size) == (6, 2)


@pytest.mark.parametrize(("layers", "parameters"), [(PAPER_LAYERS, 66_985_530), (range(12), 109_512_762)])
def test_the_students_size_is_the_published_one(impl: ModuleType, layers: Any, parameters: int) -> None:
    config = impl.student_config(EncoderConfig(), layers)
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in MaskedLM(config).parameters()) == parameters


def test_each_name_of_the_student_has_its_source(impl: ModuleType) -> None:
    names = [
        "encoder.embeddings.word.weight",
        "encoder.embeddings.position.weight",
        "encoder.embeddings.token_type.weight",
        "encoder.layers.0.expand.bias",
        "encoder.layers.1.expand.bias",
        "encoder.layers.1.attention.query.weight",
        "encoder.layers.10.expand.bias",
        "encoder.layers.11.expand.bias",
        "head.norm.bias",
    ]
    assert impl.copied_names(names, (1, 11)) == {
        "encoder.embeddings.word.weight": "encoder.embeddings.word.weight",
        "encoder.embeddings.position.weight": "encoder.embeddings.position.weight",
        "encoder.layers.0.expand.bias": "encoder.layers.1.expand.bias",
        "encoder.layers.0.attention.query.weight": "encoder.layers.1.attention.query.weight",
        "encoder.layers.1.expand.bias": "encoder.layers.11.expand.bias",
        "head.norm.bias": "head.norm.bias",
    }


@pytest.mark.parametrize("types", [2, 0])
def test_the_names_are_those_that_the_student_needs(impl: ModuleType, types: int) -> None:
    with torch.device("meta"):
        teacher = MaskedLM(EncoderConfig(num_hidden_layers=12, type_vocab_size=types))
        student = MaskedLM(EncoderConfig(num_hidden_layers=4, type_vocab_size=0))
    sources = impl.copied_names(teacher.state_dict(), (0, 3, 10, 11))
    assert sources.keys() == student.state_dict().keys()
    for name, source in sources.items():
        assert student.state_dict()[name].shape == teacher.state_dict()[source].shape


# ---- the tensors ----


def few_tensors() -> dict[str, Tensor]:
    return {
        "encoder.embeddings.word.weight": torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
        "encoder.embeddings.position.weight": torch.tensor([[10.0, 20.0], [30.0, 40.0], [50.0, 60.0]]),
        "encoder.embeddings.token_type.weight": torch.tensor([[0.5, -0.5], [7.0, 7.0]]),
        "encoder.layers.0.expand.bias": torch.tensor([5.0]),
        "encoder.layers.1.expand.bias": torch.tensor([6.0]),
    }


def test_the_vector_of_type_0_goes_into_the_positions(impl: ModuleType) -> None:
    teacher = few_tensors()
    student = {name: tensor.tolist() for name, tensor in impl.student_tensors(teacher, (1,)).items()}
    assert student == {
        "encoder.embeddings.word.weight": [[1, 2], [3, 4]],
        "encoder.embeddings.position.weight": [[10.5, 19.5], [30.5, 39.5], [50.5, 59.5]],
        "encoder.layers.0.expand.bias": [6],
    }


def test_a_teacher_without_token_types_has_nothing_to_put_there(impl: ModuleType) -> None:
    teacher = few_tensors()
    del teacher["encoder.embeddings.token_type.weight"]
    student = impl.student_tensors(teacher, (0, 1))
    assert {name: tensor.tolist() for name, tensor in student.items()} == {
        name: tensor.tolist() for name, tensor in few_tensors().items() if "token_type" not in name
    }


def test_the_teachers_tensors_stay_as_they_are(impl: ModuleType) -> None:
    teacher = few_tensors()
    for tensor in impl.student_tensors(teacher, (0, 1)).values():
        tensor.zero_()
    assert all(torch.equal(tensor, teacher[name]) for name, tensor in few_tensors().items())
    assert teacher.keys() == few_tensors().keys()


# ---- the student ----


def test_the_official_extraction_under_the_official_names(
    impl: ModuleType, official_bert: tuple[BertForMaskedLM, Path], tmp_path: Path
) -> None:
    """The rule of the paper's script, written anew: layers 0, 2, 4, 7, 9, 11 become 0 to 5, the head is copied."""
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
    theirs: dict[str, Tensor] = {}
    for name, tensor in bert.state_dict().items():
        part, _, kind = name.rpartition(".")
        if match := re.fullmatch(r"bert\.encoder\.layer\.(\d+)\.(.+)", part):
            if match[1] in new_number:
                theirs[f"distilbert.transformer.layer.{new_number[match[1]]}.{renamed[match[2]]}.{kind}"] = tensor
        elif part in renamed:
            theirs[f"{renamed[part]}.{kind}"] = tensor
        elif part.startswith("bert.embeddings.") and "token_type" not in part:
            theirs[f"distil{name}"] = tensor
    impl.student_of(MaskedLM.from_pretrained(folder)).save_pretrained(tmp_path / "student")
    ours = load_file(tmp_path / "student" / "model.safetensors")
    assert ours.keys() == theirs.keys()
    position = "distilbert.embeddings.position_embeddings.weight"
    type_0 = bert.state_dict()["bert.embeddings.token_type_embeddings.weight"][0]
    torch.testing.assert_close(ours.pop(position), theirs.pop(position) + type_0)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


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
        theirs = bert(input_ids, attention_mask).logits
        ours = student(input_ids, attention_mask).logits
    real = attention_mask.bool()
    torch.testing.assert_close(ours[real], theirs[real], atol=1e-5, rtol=0)


def test_transformers_loads_the_student_without_complaint(
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
    student = impl.student_of(small_teacher)
    before = {name: tensor.clone() for name, tensor in small_teacher.state_dict().items()}
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.fill_(9.0)
    changed = [name for name, tensor in small_teacher.state_dict().items() if not torch.equal(tensor, before[name])]
    assert not changed, f"changing the student changed its teacher's {changed[0]}"


def test_making_a_student_changes_nothing_in_its_teacher(impl: ModuleType, small_teacher: MaskedLM) -> None:
    small_teacher.train().requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in small_teacher.state_dict().items()}
    config = small_teacher.config
    impl.student_of(small_teacher, (0, 5))
    assert before.keys() == small_teacher.state_dict().keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in small_teacher.state_dict().items())
    assert small_teacher.config == config
    assert small_teacher.training
    assert not any(parameter.requires_grad for parameter in small_teacher.parameters())


def test_a_frozen_teacher_has_a_student_that_learns(impl: ModuleType, small_teacher: MaskedLM) -> None:
    student = impl.student_of(small_teacher.requires_grad_(False))
    frozen = [name for name, parameter in student.named_parameters() if not parameter.requires_grad]
    assert not frozen, f"{frozen[0]} would never change"
    labels = torch.randint(1, 40, (2, 5))
    student(labels, labels=labels).loss.backward()
    assert all(parameter.grad is not None for parameter in student.parameters())


def test_the_decoder_is_the_students_own_word_embeddings(impl: ModuleType, small_teacher: MaskedLM) -> None:
    student = impl.student_of(small_teacher)
    embeddings = student.encoder.embeddings.word.weight
    assert student.head.word.weight is embeddings
    with torch.no_grad():
        embeddings.zero_()
    logits = student(torch.tensor([[1, 2]])).logits
    torch.testing.assert_close(logits, student.head.bias.expand(1, 2, 40), atol=1e-6, rtol=0)


def test_a_student_does_not_drop_out_until_it_is_trained(impl: ModuleType, small_teacher: MaskedLM) -> None:
    student = impl.student_of(small_teacher)
    assert not any(module.training for module in student.modules())


BAD_LAYERS: list[tuple[Any, type[Exception], str]] = [
    ((), ValueError, "layers is empty: expected at least one number from 0 to 5"),
    ((6,), ValueError, "The teacher has no layer 6: expected numbers from 0 to 5"),
    ((-1, 0), ValueError, "The teacher has no layer -1"),
    ((0, 2, 2), ValueError, r"\[0, 2, 2\] are not in rising order, each once: expected \[0, 2\]"),
    ((4, 2, 0), ValueError, r"expected \[0, 2, 4\], since a student keeps its teacher's order"),
    (3, TypeError, "layers is 3: expected a sequence of whole numbers"),
    ("024", TypeError, "layers is '024': expected a sequence"),
    ({0, 2}, TypeError, "expected a sequence of whole numbers"),
    ((0, 2.0), TypeError, r"layers is \(0, 2.0\)"),
    ((True, 2), TypeError, "expected a sequence of whole numbers"),
]


@pytest.mark.parametrize(("layers", "error", "told"), BAD_LAYERS)
def test_bad_layers_are_explained(
    impl: ModuleType, small_teacher: MaskedLM, layers: Any, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        impl.student_of(small_teacher, layers)


@pytest.mark.parametrize("make", [BareEncoder, SentenceEncoder])
def test_a_teacher_without_a_masked_lm_head_is_refused(make: Callable[[EncoderConfig], Any]) -> None:
    with pytest.raises(TypeError, match=f"The teacher is a {make.__name__}: expected a MaskedLM"):
        student_of(make(SMALL))


def test_nothing_is_drawn_at_random(small_teacher: MaskedLM) -> None:
    state = torch.get_rng_state()
    student_of(small_teacher)
    assert torch.equal(state, torch.get_rng_state())


def test_the_offline_student_computes_its_teachers_embeddings(teacher: MaskedLM) -> None:
    student = student_of(teacher)
    input_ids = torch.randint(0, 30522, (2, 128))
    with torch.no_grad():
        ours, theirs = student.encoder.embeddings(input_ids), teacher.encoder.embeddings(input_ids)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_the_counts_of_the_two_official_configurations() -> None:
    with torch.device("meta"):
        bert, distilbert = BertForPreTraining(BertConfig()), DistilBertForMaskedLM(DistilBertConfig())
        teacher = MaskedLM(EncoderConfig())
        student = MaskedLM(student_config(teacher.config, PAPER_LAYERS))
    pooler_and_next_sentence = 768 * 768 + 768 + 2 * 768 + 2
    assert bert.num_parameters() == sum(map(Tensor.numel, teacher.parameters())) + pooler_and_next_sentence
    assert distilbert.num_parameters() == sum(map(Tensor.numel, student.parameters())) == 66_985_530


# ---- frozen positions ----


@pytest.mark.parametrize("freeze", [True, False])
def test_frozen_position_embeddings_do_not_move_by_a_bit(
    tiny_teacher: MaskedLM, tiny_corpus: Corpus, tokenizer: WordPiece, tmp_path: Path, freeze: bool
) -> None:
    student = student_of(tiny_teacher)
    before = {name: parameter.detach().clone() for name, parameter in student.named_parameters()}
    config = DistilConfig(
        steps=3, batch_size=4, max_length=32, precision="fp32", weight_decay=0.5, freeze_positions=freeze
    )
    corpus = Corpus("few", tiny_corpus.train[:60], [], tiny_corpus.test[:5])
    distil(tiny_teacher, student, corpus, config, tmp_path, tokenizer)
    kept = {name for name, parameter in student.named_parameters() if torch.equal(parameter, before[name])}
    assert kept == ({"encoder.embeddings.position.weight"} if freeze else set())


# ---- how alike the layers are ----


def test_cosines_are_means_over_real_tokens(impl: ModuleType) -> None:
    ours, theirs = torch.randn(2, 3, 4, 5), torch.randn(3, 3, 4, 5)
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 1, 0]])
    expected = torch.zeros(2, 3, dtype=torch.float64)
    for s in range(2):
        for t in range(3):
            for b, place in mask.nonzero().tolist():
                one, other = ours[s, b, place].double(), theirs[t, b, place].double()
                expected[s, t] += (one * other).sum() / (one.square().sum() * other.square().sum()).sqrt() / 8
    found = impl.layer_cosines(ours.unbind(), theirs.unbind(), mask)
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=0)


def test_a_model_is_like_itself_and_length_does_not_count(impl: ModuleType) -> None:
    states = torch.randn(3, 2, 4, 5).unbind()
    found = impl.layer_cosines(states, [100 * state for state in states], torch.ones(2, 4))
    torch.testing.assert_close(found.diagonal(), torch.ones(3))


def test_a_cosine_of_different_widths_is_refused(impl: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"1, 2, 5\D+1, 2, 6"):
        impl.layer_cosines([torch.ones(1, 2, 5)], [torch.ones(1, 2, 6)], torch.ones(1, 2))
