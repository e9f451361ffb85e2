"""Chapter 5, fill-mask: against transformers' pipeline and, with the official weights, the model card."""

import math
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor, nn

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch05_weights.fillmask import fill_mask
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.parity.ladder import MODEL_CARD
from tests.ch05_weights.peers import peer
from tests.conftest import TINY


@pytest.fixture(scope="session")
def pipeline(teacher: MaskedLM, minilm_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """transformers' own fill-mask with the offline teacher and the official tokenizer."""
    folder = tmp_path_factory.mktemp("teacher")
    teacher.save_pretrained(folder)
    model = transformers.BertForMaskedLM.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm_folder)
    return transformers.pipeline("fill-mask", model=model, tokenizer=tokenizer, device="cpu")


def assert_same(ours: Any, theirs: Any) -> None:
    """The same nesting, and in it the same guesses; scores to 1e-5."""
    assert type(ours) is type(theirs)
    if isinstance(ours, list):
        assert len(ours) == len(theirs)
        for mine, official in zip(ours, theirs, strict=True):
            assert_same(mine, official)
    else:
        assert list(ours) == ["sequence", "score", "token", "token_str"]
        assert ours == theirs | {"score": pytest.approx(theirs["score"], abs=1e-5)}


ONE = "The capital of France is [MASK]."
SEVERAL = "Returns a [MASK] of the [MASK] in the list, or None."
TEXTS: list[str | list[str]] = [
    ONE,
    SEVERAL,
    "Don't [MASK] it, he said: it's \"OK\", n'est-ce pas?",
    "[MASK]",
    "[MASK][MASK] twice",
    [ONE, SEVERAL],
    [ONE, "A much longer text, with [MASK] in it, that sets the length of the batch for the short ones.", "[MASK]!"],
    [SEVERAL, SEVERAL, ONE],
]


@pytest.mark.parametrize("text", TEXTS, ids=str)
@pytest.mark.parametrize("top_k", [1, 5, 40])
def test_guesses_are_those_of_the_pipeline(
    text: str | list[str], top_k: int, teacher: MaskedLM, tokenizer: WordPiece, pipeline: Any
) -> None:
    assert_same(fill_mask(text, teacher, tokenizer, top_k), pipeline(text, top_k=top_k))


@pytest.mark.parametrize("targets", ["list", ["list", "set", "copy"], ["Paris", "london", "paris"], ["##s", "?"]])
@pytest.mark.parametrize("text", [SEVERAL, [ONE, SEVERAL]], ids=str)
def test_targets_are_those_of_the_pipeline(
    text: str | list[str], targets: str | list[str], teacher: MaskedLM, tokenizer: WordPiece, pipeline: Any
) -> None:
    for top_k in (2, 5):
        ours = fill_mask(text, teacher, tokenizer, top_k, targets)
        assert_same(ours, pipeline(text, top_k=top_k, targets=targets))


def test_the_text_is_cleaned_up_where_that_is_asked_for(
    teacher: MaskedLM, tokenizer: WordPiece, pipeline: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.tokenizer, "clean_up_tokenization_spaces", True)
    cleaning = WordPiece(tokenizer.tokens, clean_up_tokenization_spaces=True)
    for text in TEXTS:
        expected = pipeline(text)
        assert_same(fill_mask(text, teacher, tokenizer, clean_up_tokenization_spaces=True), expected)
        assert_same(fill_mask(text, teacher, cleaning), expected)


def test_a_list_in_is_a_list_out(teacher: MaskedLM, tokenizer: WordPiece) -> None:
    assert_same(fill_mask([ONE], teacher, tokenizer), [fill_mask(ONE, teacher, tokenizer)])
    assert fill_mask([], teacher, tokenizer) == []


def test_targets_that_are_no_token_are_named(teacher: MaskedLM, tokenizer: WordPiece) -> None:
    message = r"'unaffable' \(una ##ffa ##ble\), 'two words' \(two words\), '' \(nothing\)"
    with pytest.raises(ValueError, match=message):
        fill_mask(ONE, teacher, tokenizer, targets=["list", "unaffable", "two words", ""])
    with pytest.raises(ValueError, match=r"'\U0001f995' \(\[UNK\]\)"):
        fill_mask(ONE, teacher, tokenizer, targets="\U0001f995")
    with pytest.raises(ValueError, match="targets is empty"):
        fill_mask(ONE, teacher, tokenizer, targets=[])


class Recorded(nn.Module):
    """A head that records the shapes of its inputs."""

    def __init__(self, head: nn.Module):
        super().__init__()
        self.head, self.shapes = head, []  # type: ignore[var-annotated]

    def forward(self, hidden_states: Tensor) -> Tensor:
        self.shapes.append(tuple(hidden_states.shape))
        return self.head(hidden_states)


def some_masks(padding: bool) -> tuple[Tensor, Tensor | None]:
    """Five masks in three texts, ids below 99."""
    input_ids = torch.randint(5, 99, (3, 11))
    lengths = torch.tensor([[11], [6], [3]])
    for row, column in ((0, 2), (0, 9), (1, 1), (1, 4), (2, 1)):
        input_ids[row, column] = 4
    attention_mask = (torch.arange(11) < lengths).long()
    return (input_ids * attention_mask, attention_mask) if padding else (input_ids, None)


class OfficialParts(nn.Module):
    """Encoder and head of transformers' own BERT, under the names that a MaskedLM gives them."""

    def __init__(self) -> None:
        super().__init__()
        theirs = peer("bert")
        self.whole, self.encoder, self.head, self.config = theirs, theirs.bert, Recorded(theirs.cls), theirs.config

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> SimpleNamespace:
        return SimpleNamespace(logits=self.head(self.encoder(input_ids, attention_mask).last_hidden_state))


@pytest.mark.parametrize("padding", [True, False])
def test_probabilities_at_the_masks_are_official(impl: ModuleType, padding: bool) -> None:
    model = OfficialParts()
    input_ids, attention_mask = some_masks(padding)
    expected = model.whole(input_ids=input_ids, attention_mask=attention_mask).logits.softmax(-1)[input_ids == 4]
    mine = impl.mask_probabilities(model, input_ids, attention_mask, 4)
    assert mine.shape == expected.shape, f"expected a row for each of the 5 masks, got {tuple(mine.shape)}"
    torch.testing.assert_close(mine, expected, atol=1e-5, rtol=0)


def test_only_masks_are_projected(impl: ModuleType) -> None:
    model = OfficialParts()
    input_ids, attention_mask = some_masks(padding=True)
    impl.mask_probabilities(model, input_ids, attention_mask, 4)
    projected = sum(math.prod(shape[:-1]) for shape in model.head.shapes)
    assert projected == 5, f"the head should get the 5 masks, not {projected} positions"


def test_a_model_stays_in_its_mode(impl: ModuleType) -> None:
    model = OfficialParts().train()
    impl.mask_probabilities(model, *some_masks(padding=True), 4)
    assert all(module.training for module in model.modules()), "whoever calls this decides about dropout"


def test_the_whole_function_reads_one_batch(teacher: MaskedLM, tokenizer: WordPiece) -> None:
    head = Recorded(teacher.head)
    copy = MaskedLM(TINY)
    copy.encoder, copy.head, copy.config = teacher.encoder, head, teacher.config  # type: ignore[assignment]
    fill_mask([ONE, SEVERAL], copy, tokenizer)
    assert head.shapes == [(3, 384)]


def test_the_teacher_knows_its_subject(teacher: MaskedLM, tokenizer: WordPiece) -> None:
    guesses = fill_mask("Returns a [MASK] of the elements in the list.", teacher, tokenizer)
    assert "list" in [guess["token_str"] for guess in guesses]


@pytest.mark.parametrize("text", MODEL_CARD)
def test_official_distilbert_gives_the_scores_of_its_model_card(text: str, tokenizer: WordPiece) -> None:
    try:
        model = MaskedLM.from_pretrained("distilbert-base-uncased")
    except FileNotFoundError:
        pytest.skip("needs the official weights: connect to the hub once, or set HF_HOME to a cache that holds them")
    guesses = {guess["token"]: guess["score"] for guess in fill_mask(text, model, tokenizer)}
    assert list(guesses) == list(MODEL_CARD[text])
    for token, published in MODEL_CARD[text].items():
        assert guesses[token] == pytest.approx(published, abs=1e-4)


def test_bad_input_is_explained(tiny_teacher: MaskedLM, tokenizer: WordPiece) -> None:
    with pytest.raises(ValueError, match=r"no \[MASK\] in 'Nothing hidden.'"):
        fill_mask("Nothing hidden.", tiny_teacher, tokenizer)
    with pytest.raises(ValueError, match="top_k is 0"):
        fill_mask("[MASK]", tiny_teacher, tokenizer, top_k=0)
    with pytest.raises(ValueError, match="603 tokens long, the model takes 512"):
        fill_mask("[MASK]" + " a" * 600, tiny_teacher, tokenizer)
    with pytest.raises(ValueError, match="vocabulary has 30521 tokens, the model was made for 30522"):
        fill_mask("[MASK]", tiny_teacher, WordPiece(tokenizer.tokens[:-1]))
