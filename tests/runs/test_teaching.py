"""Chapter 8, the offline teacher: what is shipped of it is what was measured."""

import hashlib
import json
from pathlib import Path

import torch

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch05_weights.tensor_names import their_name
from minidistil.ch05_weights.weights import OWN_LAYERS, apply_changes, read_tensors
from minidistil.ch08_training.settings import TeachConfig
from minidistil.ch09_evaluation.evaluation import score
from minidistil.ch09_evaluation.held_out import masked_documents
from minidistil.files import to_json
from minidistil.runs.report import scores_line
from minidistil.runs.teaching import teach


def test_the_shipped_changes_give_the_measured_teacher_back(
    docs_corpus: Corpus, minilm_folder: Path, tmp_path: Path, tokenizer: WordPiece
) -> None:
    corpus = Corpus("some", docs_corpus.train[:40], [], docs_corpus.test[:10])
    config = TeachConfig(
        steps=2, batch_size=2, max_length=16, precision="fp32", trained_tokens=100, validate_every=None
    )  # fmt: skip
    (tmp_path / "more.txt").write_text("\n".join(docs_corpus.test[10:20]))
    run = teach(corpus, config, tmp_path / "run", test_text=[tmp_path / "more.txt"])
    model = MaskedLM.from_pretrained(tmp_path / "run" / "model")

    own = tmp_path / "run" / "own" / f"{OWN_LAYERS}.safetensors"
    official = read_tensors(minilm_folder / "model.safetensors")
    rebuilt = apply_changes(official, read_tensors(own))
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, rebuilt[their_name(name, "bert", prefix=False)]), name
    word = official["embeddings.word_embeddings.weight"]
    changed = (model.encoder.embeddings.word.weight != word).any(1).sum()
    assert 0 < changed <= 100  # the most frequent tokens only
    assert not torch.equal(
        model.get_parameter("encoder.layers.0.expand.weight"), official["encoder.layer.0.intermediate.dense.weight"]
    )

    provenance = json.loads(own.with_suffix(".json").read_text())
    assert provenance["sha256"] == hashlib.sha256(own.read_bytes()).hexdigest()
    assert provenance["bytes"] == own.stat().st_size
    assert (provenance["settings"]["steps"], provenance["corpus"]["name"]) == (2, "some")
    figures = provenance["figures"]
    assert figures == run.metrics["figures"]
    assert figures.keys() == {"held-out documents of some", "more.txt"}
    held_out = masked_documents(corpus.test, tokenizer, 16)
    assert figures["held-out documents of some"]["accuracy"] == score(model, held_out).accuracy


def test_a_perplexity_that_is_not_finite_has_a_line_too() -> None:
    text = to_json({"accuracy": 0.25, "perplexity": float("inf")})  # null in a run's folder
    assert scores_line("a file", json.loads(text)) == "a file: masked accuracy 0.250, perplexity -"


def test_a_teacher_goes_on_from_an_earlier_one(docs_corpus: Corpus, tmp_path: Path) -> None:
    corpus = Corpus("some", docs_corpus.train[:40], [], docs_corpus.test[:10])
    config = TeachConfig(steps=1, batch_size=2, max_length=16, precision="fp32", validate_every=None)
    fresh, going_on = (teach(corpus, config, tmp_path / str(start), start=start) for start in (None, "minilm"))
    (before, after) = (run.metrics["figures"]["held-out documents of some"]["perplexity"] for run in (fresh, going_on))
    assert after < before / 10  # a fresh head knows nothing
