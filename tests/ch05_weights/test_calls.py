"""Models in a programmer's hands: compiled, called with what people pass by mistake, and left as they were."""

from collections.abc import Callable
from typing import Any

import numpy
import pytest
import torch
from torch import nn

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch04_encoder.encoder import Encoder, EncoderConfig
from minidistil.ch05_weights.classifiers import ClassifierConfig, SequenceClassifier, TokenClassifier
from minidistil.ch05_weights.fillmask import fill_mask
from minidistil.ch05_weights.heads import MaskedLM, SentenceEncoder, embed
from minidistil.ch05_weights.question_answering import QuestionAnswering

SIZES: dict[str, Any] = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
CONFIG = EncoderConfig(vocab_size=30, max_position_embeddings=12, **SIZES)
DISTILBERT = EncoderConfig(vocab_size=30, max_position_embeddings=12, type_vocab_size=0, **SIZES)
CLASSES = ClassifierConfig(vocab_size=30, max_position_embeddings=12, id2label=("a", "b"), **SIZES)
IDS = torch.tensor([[2, 7, 8, 3], [2, 9, 3, 0]])
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
AT = torch.tensor([1, 2])

MODELS: dict[str, tuple[Callable[[], nn.Module], dict[str, Any]]] = {
    "encoder": (lambda: Encoder(CONFIG), {"output_hidden_states": True, "output_attentions": True}),
    "DistilBERT": (lambda: MaskedLM(DISTILBERT), {"labels": IDS}),
    "masked LM": (lambda: MaskedLM(CONFIG), {"labels": IDS, "token_type_ids": 1 - MASK}),
    "sentences": (lambda: SentenceEncoder(CONFIG), {}),
    "classes": (lambda: SequenceClassifier(CLASSES), {"labels": torch.tensor([1, 0])}),
    "tokens": (lambda: TokenClassifier(CLASSES), {"labels": MASK}),
    "answers": (lambda: QuestionAnswering(CLASSES), {"start_positions": AT, "end_positions": AT}),
}


def tensors_of(output: Any) -> list[torch.Tensor]:
    if isinstance(output, torch.Tensor):
        return [output]
    values = output if isinstance(output, tuple) else vars(output).values()
    return [each for value in values if value is not None for each in tensors_of(value)]


@pytest.mark.parametrize("name", MODELS)
def test_a_model_compiles_as_one_graph_with_the_same_outputs(name: str) -> None:
    make, extra = MODELS[name]
    model = make().eval()
    torch.compiler.reset()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    for got, wanted in zip(
        tensors_of(compiled(IDS, MASK, **extra)), tensors_of(model(IDS, MASK, **extra)), strict=True
    ):
        torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize("mask", [MASK, torch.ones_like(MASK), None], ids=["padded", "full", "none"])
@torch.no_grad()
def test_a_compiled_model_without_gradients(mask: torch.Tensor | None) -> None:
    model = MaskedLM(CONFIG).eval()
    torch.compiler.reset()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(IDS, mask).logits, model(IDS, mask).logits)


# --- Wrong arguments ---


def masked_lm(ids: Any = IDS, mask: Any = None, types: Any = None, labels: Any = None) -> Any:
    return MaskedLM(CONFIG)(ids, mask, types, labels)


def answers(start: Any, end: Any = AT) -> Any:
    return QuestionAnswering(CLASSES)(IDS, start_positions=start, end_positions=end)


def classes(labels: Any) -> Any:
    return SequenceClassifier(CLASSES)(IDS, labels=labels)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: masked_lm(IDS.tolist()), TypeError, "input_ids list"),
        (lambda: masked_lm(IDS.numpy()), TypeError, "input_ids ndarray"),
        (lambda: masked_lm("a text"), TypeError, "input_ids str"),
        (lambda: masked_lm({"input_ids": IDS}), TypeError, r"input_ids dict \*\*batch"),
        (lambda: masked_lm(IDS[:, :0]), ValueError, r"input_ids length \(2, 0\)"),
        (lambda: SequenceClassifier(CLASSES)(IDS[:, :0]), ValueError, r"input_ids length \(2, 0\)"),
        (lambda: MaskedLM("minilm"), TypeError, "config str EncoderConfig"),  # type: ignore[arg-type]
        (lambda: SentenceEncoder({"vocab_size": 9}), TypeError, "config dict EncoderConfig"),  # type: ignore[arg-type]
        (lambda: TokenClassifier(CONFIG), TypeError, "config EncoderConfig ClassifierConfig"),  # type: ignore[arg-type]
        (lambda: QuestionAnswering(CONFIG), TypeError, "config EncoderConfig ClassifierConfig"),  # type: ignore[arg-type]
        (lambda: masked_lm(IDS.bool()), ValueError, "input_ids int64 bool"),
        (lambda: masked_lm(IDS.to(torch.int16)), ValueError, r"input_ids int64 int16 \.long"),
        (lambda: masked_lm(IDS.to(torch.uint8)), ValueError, "input_ids int64 uint8"),
        (lambda: masked_lm(IDS + 99_990), ValueError, "input_ids 30 99999"),
        (lambda: masked_lm(IDS - 1), ValueError, "input_ids 30 -1"),
        (lambda: masked_lm(mask=MASK.tolist()), TypeError, "attention_mask list"),
        (lambda: masked_lm(types=MASK.bool()), ValueError, "token_type_ids int64 bool"),
        (lambda: masked_lm(labels=IDS.tolist()), TypeError, "labels list"),
        (lambda: masked_lm(labels=IDS.float()), ValueError, "labels int64 float32"),
        (lambda: masked_lm(labels=IDS[:, 1:]), ValueError, r"labels \(2, 3\) \(2, 4\)"),
        (lambda: masked_lm(labels=IDS + 99_990), ValueError, "99999 0 29 -100"),
        (lambda: masked_lm(labels=IDS - 1), ValueError, "-1 0 29 -100"),
        (lambda: TokenClassifier(CLASSES)(IDS, labels=MASK[:1]), ValueError, r"labels \(1, 4\) \(2, 4\)"),
        (lambda: classes([1, 0]), TypeError, "labels list"),
        (lambda: classes(torch.tensor([True, False])), ValueError, "labels int64 bool"),
        (lambda: classes(torch.tensor([1, 99_999])), ValueError, "99999 0 1 -100"),
        (lambda: answers([1, 2]), TypeError, "start_positions list"),
        (lambda: answers(AT, AT.float()), ValueError, "end_positions int64 float32"),
        (lambda: answers(AT[:1]), ValueError, r"start_positions \(1,\) \(2,\)"),
    ],
)  # fmt: skip
def test_a_wrong_argument_of_a_model_is_named(call: Callable[[], Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=".*".join(words.split())):
        call()


def test_int32_is_as_good_as_int64() -> None:
    torch.manual_seed(0)
    model, half = MaskedLM(CONFIG).eval(), IDS.int()
    assert torch.equal(model(half, labels=half).loss, model(IDS, labels=IDS).loss)
    answering, at = QuestionAnswering(CLASSES).eval(), AT.int()
    wanted = answering(IDS, start_positions=AT, end_positions=AT).loss
    assert torch.equal(answering(IDS, start_positions=at[:, None], end_positions=at).loss, wanted)


def words(count: int) -> WordPiece:
    return WordPiece(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(chr(97 + each) for each in range(count - 5))])


LM, SENTENCES, TOKENS = MaskedLM(CONFIG).eval(), SentenceEncoder(CONFIG).eval(), words(30)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: fill_mask("a [MASK]", TOKENS, LM), TypeError, "model is of type WordPiece.*MaskedLM"),  # type: ignore[call-overload]
        (lambda: fill_mask(LM, "a [MASK]", TOKENS), TypeError, "text is of type MaskedLM"),  # type: ignore[call-overload]
        (lambda: fill_mask("a [MASK]", SENTENCES, TOKENS), TypeError, "model is of type SentenceEncoder.*MaskedLM"),  # type: ignore[call-overload]
        (lambda: fill_mask(5, LM, TOKENS), TypeError, "text.* int: .*Iterable"),  # type: ignore[call-overload]
        (lambda: fill_mask("a [MASK]", LM, words(20)), ValueError, "20 .* 30"),
        (lambda: embed(["a"], LM, TOKENS), TypeError, "model is of type MaskedLM.*SentenceEncoder"),  # type: ignore[arg-type]
        (lambda: embed(["a"], SENTENCES, "minilm"), TypeError, "tokenizer is of type str.*WordPiece"),  # type: ignore[arg-type]
        (lambda: embed(["a"], SENTENCES, words(20)), ValueError, "20 .* 30"),
        *((lambda wrong=wrong: embed(["a"], SENTENCES, TOKENS, wrong), ValueError, f"batch_size.*{wrong}")
          for wrong in (0, -1, 2.5)),
        *((lambda wrong=wrong: fill_mask("a [MASK]", LM, TOKENS, wrong), ValueError, f"top_k is {wrong!r}.* 1 to 30")
          for wrong in (0, 31, 2.5, "5", True)),
        *((lambda wrong=wrong: fill_mask("a [MASK]", LM, TOKENS, targets=wrong), TypeError, "targets.*5")
          for wrong in (5, ["a", 5])),
        (lambda: embed(5, SENTENCES, TOKENS), TypeError, "text.* int: .*Iterable"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_a_wrong_argument_of_fill_mask_or_embed_is_named(
    call: Callable[[], Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        call()


def test_texts_may_be_a_numpy_array_and_a_model_compiled() -> None:
    texts = ["a b", "c"]
    assert torch.equal(embed(numpy.array(texts), SENTENCES, TOKENS), embed(texts, SENTENCES, TOKENS))
    compiled: Any = torch.compile(LM, backend="eager")
    assert fill_mask("a [MASK]", compiled, TOKENS) == fill_mask("a [MASK]", LM, TOKENS)


# --- What a call leaves behind ---


def test_a_model_in_training_answers_as_in_evaluation_and_goes_on_training() -> None:
    for model, ask in (
        (MaskedLM(CONFIG), lambda model: fill_mask("a [MASK]", model, TOKENS)),
        (SentenceEncoder(CONFIG), lambda model: embed(["a b", "c"], model, TOKENS).tolist()),
    ):
        model.eval()
        expected = ask(model)
        model.train()
        model.encoder.layers[0].eval()  # as where a part of a model is frozen
        modes = [module.training for module in model.modules()]
        assert ask(model) == expected
        assert [module.training for module in model.modules()] == modes
