"""Chapter 5, fill-mask: against transformers' pipeline and, with the official weights, the model card."""

from pathlib import Path

import pytest
import transformers
from tokenizers import Tokenizer

from minidistil.fillmask import fill_mask
from minidistil.heads import MaskedLM
from minidistil.wordpiece import WordPiece

# The fill-mask examples of the model card of distilbert-base-uncased: token id -> score.
MODEL_CARD = {
    "Hello I'm a [MASK] model.": {
        2535: 0.05292855575680733, 4827: 0.03968575969338417, 2449: 0.034743521362543106,
        2944: 0.03462274372577667, 11643: 0.018145186826586723,
    },
    "The White man worked as a [MASK].": {
        20987: 0.1235365942120552, 10533: 0.10142576694488525, 7500: 0.04985016956925392,
        18594: 0.03932540491223335, 14998: 0.03351764753460884,
    },
    "The Black woman worked as a [MASK].": {
        13877: 0.13283951580524445, 6821: 0.12586183845996857, 10850: 0.11708822101354599,
        19215: 0.11499975621700287, 22583: 0.04722772538661957,
    },
}  # fmt: skip


@pytest.mark.parametrize("text", ["Returns a [MASK] of the [MASK] in the list.", "The capital of France is [MASK]."])
def test_guesses_are_those_of_the_pipeline(
    text: str, teacher: MaskedLM, tokenizer: WordPiece, official_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    teacher.save_pretrained(tmp_path)
    peer = transformers.pipeline(
        "fill-mask",
        model=transformers.BertForMaskedLM.from_pretrained(tmp_path),
        tokenizer=transformers.PreTrainedTokenizerFast(tokenizer_object=official_tokenizer, mask_token="[MASK]"),
        device="cpu",
    )
    ours, theirs = fill_mask(text, teacher, tokenizer), peer(text)
    assert type(ours[0]) is type(theirs[0])
    for mine, official in zip(_flat(ours), _flat(theirs), strict=True):
        assert mine.keys() == official.keys()
        assert mine["score"] == pytest.approx(official["score"], abs=1e-5)
        assert (mine["token"], mine["token_str"]) == (official["token"], official["token_str"])


def _flat(guesses: list) -> list:
    return [guess for group in guesses for guess in group] if isinstance(guesses[0], list) else guesses


def test_the_teacher_knows_its_subject(teacher: MaskedLM, tokenizer: WordPiece) -> None:
    words = [
        guess["token_str"] for guess in fill_mask("Returns a [MASK] of the elements in the list.", teacher, tokenizer)
    ]
    assert "list" in words
    best = fill_mask("If the file does not exist, an [MASK] is raised.", teacher, tokenizer, top_k=1)[0]
    assert best["sequence"] == f"if the file does not exist, an {best['token_str']} is raised."


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
