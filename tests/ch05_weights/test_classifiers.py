"""Chapter 5, classifiers: logits, losses and every gradient against transformers, both ways through files."""

import functools
import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

import minidistil as md
from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.classifiers import ClassifierConfig, SequenceClassifier, TaskModel, TokenClassifier
from minidistil.ch05_weights.question_answering import QuestionAnswering
from minidistil.ch05_weights.weights import model_type, their_name
from tests.ch05_weights.peers import assert_whole, peer, perturb

TOLERANCE = 1e-5
KINDS: dict[str, type[TaskModel]] = {
    "ForSequenceClassification": SequenceClassifier,
    "ForTokenClassification": TokenClassifier,
    "ForQuestionAnswering": QuestionAnswering,
}
ARCHITECTURES = ["bert", "distilbert"]
CASES = [(kind, architecture) for kind in KINDS for architecture in ARCHITECTURES]
NAMES = ("CALM", "GLAD", "SAD")


def reference(kind: str, architecture: str, classes: int, **sizes: Any) -> Any:
    names = dict(enumerate(NAMES[:classes]))
    labels: dict[str, Any] = {"id2label": names, "label2id": {name: number for number, name in names.items()}}
    return peer(architecture, kind, initializer_range=0.2, **labels, **sizes)


def inputs_of(architecture: str) -> dict[str, Tensor]:
    input_ids = torch.randint(1, 120, (4, 13))
    batch = {"input_ids": input_ids, "attention_mask": (torch.arange(13) < torch.tensor([[13], [8], [2], [5]])).long()}
    return batch | ({"token_type_ids": torch.randint(0, 2, input_ids.shape)} if architecture == "bert" else {})


def questions_of(kind: str, classes: int) -> list[dict[str, Tensor]]:
    """Labels of each form that the official model takes."""
    if kind == "ForQuestionAnswering":
        beyond = {"start_positions": torch.tensor([0, 3, 13, 99]), "end_positions": torch.tensor([4, 3, 13, 1])}
        return [beyond, {name: positions[:, None] for name, positions in beyond.items()}]
    if kind == "ForTokenClassification":
        labels = torch.randint(0, classes, (4, 13))
        labels[:, ::3] = -100
        return [{"labels": labels}]
    if classes == 1:
        return [{"labels": torch.randn(4)}, {"labels": torch.randn(4, 1)}]
    return [{"labels": torch.randint(0, classes, (4,))}, {"labels": torch.randint(0, 2, (4, classes)).float()}]


@pytest.mark.parametrize(
    ("kind", "architecture", "classes"),
    [(*case, classes) for case in CASES for classes in (1, 2, 3) if classes == 2 or case[0] != "ForQuestionAnswering"],
)
def test_logits_losses_and_gradients_are_official(
    kind: str, architecture: str, classes: int, impl: ModuleType, tmp_path: Path
) -> None:
    theirs = reference(kind, architecture, classes).train()
    theirs.save_pretrained(tmp_path)
    ours = KINDS[kind].from_pretrained(tmp_path).train()
    inputs = inputs_of(architecture)
    for question in questions_of(kind, classes):
        theirs.config.problem_type = None  # transformers keeps what it found out from the labels of the last call
        mine, official = ours(**inputs, **question), theirs(**inputs, **question)
        for name in ("logits", "start_logits", "end_logits"):
            if hasattr(official, name):
                torch.testing.assert_close(getattr(mine, name), getattr(official, name), atol=TOLERANCE, rtol=0)
        torch.testing.assert_close(mine.loss, official.loss, atol=TOLERANCE, rtol=0)
        assert_same_gradients(ours, mine.loss, theirs, official.loss)


def assert_same_gradients(ours: Any, my_loss: Tensor, theirs: Any, official_loss: Tensor) -> None:
    names = [their_name(name, model_type(ours.config)) for name, _ in ours.named_parameters()]
    official = dict(theirs.named_parameters())
    assert set(names) == set(official)
    mine = torch.autograd.grad(my_loss, list(ours.parameters()))
    others = torch.autograd.grad(official_loss, [official[name] for name in names])
    for name, one, other in zip(names, mine, others, strict=True):
        say = functools.partial("{}: {}".format, name)
        torch.testing.assert_close(one, other, atol=TOLERANCE, rtol=0, msg=say)


@pytest.mark.parametrize(("kind", "architecture"), CASES)
def test_there_and_back_again(kind: str, architecture: str, tmp_path: Path) -> None:
    names = NAMES[:2] if kind == "ForQuestionAnswering" else NAMES
    sizes = asdict(EncoderConfig(vocab_size=120, hidden_size=24, num_hidden_layers=2, num_attention_heads=3))
    sizes |= {"type_vocab_size": 2 if architecture == "bert" else 0}
    config = ClassifierConfig(**sizes, id2label=names, classifier_dropout=0.3, qa_dropout=0.4)
    ours = KINDS[kind](config).eval()
    ours.save_pretrained(tmp_path / "ours")
    official_class = getattr(transformers, f"AutoModel{kind}")
    theirs, report = official_class.from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert type(theirs).__name__ == ("Bert" if architecture == "bert" else "DistilBert") + kind
    assert_whole(report)
    assert theirs.config.id2label == dict(enumerate(names))
    assert theirs.config.label2id == {name: number for number, name in enumerate(names)}
    dropouts = [module.p for module in theirs.modules() if isinstance(module, nn.Dropout)]
    assert (config.classifier_dropout in dropouts) == (kind == "ForSequenceClassification" or (
        kind == "ForTokenClassification" and architecture == "bert"))  # fmt: skip
    assert (config.qa_dropout in dropouts) == (kind == "ForQuestionAnswering" and architecture == "distilbert")
    theirs.save_pretrained(tmp_path / "theirs")
    again = KINDS[kind].from_pretrained(tmp_path / "theirs")
    assert again.config == (replace(config, qa_dropout=0.1) if architecture == "bert" else config)  # BERT has no such
    state = again.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in ours.state_dict().items())
    inputs = inputs_of(architecture)
    one, other = ours(**inputs), theirs.eval()(**inputs)
    for name in ("logits", "start_logits", "end_logits"):
        if hasattr(other, name):
            torch.testing.assert_close(getattr(one, name), getattr(other, name), atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize(("kind", "architecture"), CASES)
def test_dropout_stands_where_the_official_one_does(kind: str, architecture: str, tmp_path: Path) -> None:
    """With the same seed, embeddings and head drop the same features: as many draws in the same order."""
    theirs = reference(kind, architecture, 2, dropout=0.4, layers=0).train()
    theirs.save_pretrained(tmp_path)
    ours = KINDS[kind].from_pretrained(tmp_path).train()
    batch = {"input_ids": torch.randint(1, 120, (3, 9))}
    torch.manual_seed(5)
    mine = ours(**batch)
    torch.manual_seed(5)
    official = theirs(**batch)
    names = ["start_logits", "end_logits"] if kind == "ForQuestionAnswering" else ["logits"]
    for name in names:
        torch.testing.assert_close(getattr(mine, name), getattr(official, name), atol=TOLERANCE, rtol=0)


# The parts that are exercises, alone


def head_of(impl: ModuleType, architecture: str, **more: Any) -> Any:
    config = ClassifierConfig(
        vocab_size=9, hidden_size=6, num_attention_heads=2, type_vocab_size=2 if architecture == "bert" else 0,
        id2label=NAMES, **more,
    )  # fmt: skip
    head = impl.SequenceClassifierHead(config)
    perturb(head)
    return head


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_head_applies_dense_activation_and_classifier_to_cls(impl: ModuleType, architecture: str) -> None:
    head = head_of(impl, architecture).eval()
    hidden = 2 * torch.randn(2, 5, 6)
    activation = torch.tanh if architecture == "bert" else torch.relu
    dense = hidden[:, 0] @ head.dense.weight.T + head.dense.bias
    expected = activation(dense) @ head.classifier.weight.T + head.classifier.bias
    assert head(hidden).shape == (2, 3), f"expected a score for each text and class, got {tuple(head(hidden).shape)}"
    torch.testing.assert_close(head(hidden), expected)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_dropout_of_the_head_is_right_before_the_classifier(impl: ModuleType, architecture: str) -> None:
    head = head_of(impl, architecture, classifier_dropout=1 - 1e-7).train()  # all features are dropped
    expected = head.classifier.bias.expand(2, 3)
    torch.testing.assert_close(
        head(torch.randn(2, 5, 6)), expected, msg="with all features dropped, only the bias is left"
    )


@pytest.mark.parametrize(("architecture", "feature"), [("bert", math.tanh(1)), ("distilbert", 1.0)])
def test_a_feature_is_dropped_once(impl: ModuleType, architecture: str, feature: float) -> None:
    """What is not dropped is doubled once, if half of the features are dropped."""
    head = head_of(impl, architecture, classifier_dropout=0.5).train()
    with torch.no_grad():
        for linear in (head.dense, head.classifier):
            linear.weight.copy_(torch.eye(*linear.weight.shape))
            linear.bias.zero_()
    scores = head(torch.ones(50, 2, 6)).unique().tolist()
    assert {round(score, 3) for score in scores} == {0, round(2 * feature, 3)}, "0, or doubled once"


def test_the_dropouts_of_the_architectures(impl: ModuleType) -> None:
    assert [head_of(impl, name).dropout.p for name in ARCHITECTURES] == [0.1, 0.2]
    assert [head_of(impl, name, classifier_dropout=0.0).dropout.p for name in ARCHITECTURES] == [0.0, 0.0]


def test_sequence_loss_by_hand(impl: ModuleType) -> None:
    ln = torch.tensor([2.0, 3.0, 4.0]).log()
    even = impl.sequence_loss(torch.zeros(5, 3), torch.tensor([0, 1, 2, 2, 1]))
    torch.testing.assert_close(even, ln[1], msg="three classes alike: ln 3")
    logits = torch.stack([ln, torch.zeros(3)])  # probabilities of 2/9, 3/9, 4/9, then a third each
    expected = (torch.log(torch.tensor(9 / 4)) + ln[1]) / 2
    torch.testing.assert_close(impl.sequence_loss(logits, torch.tensor([2, 0])), expected)
    square = impl.sequence_loss(torch.tensor([[1.0], [2.0]]), torch.tensor([4.0, 2.0]))
    torch.testing.assert_close(square, torch.tensor(4.5), msg="one class: the mean of 3 squared and 0")


def test_sequence_loss_is_torchs(impl: ModuleType) -> None:
    logits, numbers, ratings = torch.randn(6, 1), torch.randn(6), torch.arange(6)
    torch.testing.assert_close(impl.sequence_loss(logits, numbers), functional.mse_loss(logits[:, 0], numbers))
    expected = functional.mse_loss(logits[:, 0], ratings.float())
    torch.testing.assert_close(impl.sequence_loss(logits, ratings), expected, msg="integers are numbers too")
    logits, labels = torch.randn(6, 3), torch.tensor([0, 1, 2, 1, 0, 2])
    torch.testing.assert_close(impl.sequence_loss(logits, labels), functional.cross_entropy(logits, labels))
    several = torch.tensor([[1.0, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0], [0, 0, 1], [1, 0, 0]])
    expected = functional.binary_cross_entropy_with_logits(logits, several)
    torch.testing.assert_close(impl.sequence_loss(logits, several), expected, msg="several classes at once")


# A fresh head on a pretrained encoder


@pytest.mark.parametrize("kind", KINDS)
def test_a_fresh_head_is_random_and_the_encoder_is_the_pretrained_one(kind: str, tmp_path: Path) -> None:
    pretrained = md.MaskedLM(EncoderConfig(vocab_size=99, hidden_size=120, num_hidden_layers=1, type_vocab_size=0))
    pretrained.save_pretrained(tmp_path)
    names = NAMES[:2] if kind == "ForQuestionAnswering" else NAMES
    models = [KINDS[kind].with_fresh_head(tmp_path, id2label=names) for _ in range(2)]
    assert models[0].config.id2label == names
    assert not models[0].training
    for name, tensor in pretrained.encoder.state_dict().items():
        assert torch.equal(models[0].encoder.state_dict()[name], tensor)
    for name, tensor in models[0].named_parameters():
        if name.endswith("bias") and not name.startswith("encoder."):
            assert not tensor.any()
        elif not name.startswith("encoder."):
            assert not torch.equal(tensor, models[1].get_parameter(name))
            assert 0.013 < tensor.std() < 0.027  # drawn with 0.02


def test_a_fresh_head_leaves_out_what_transformers_leaves_out(tmp_path: Path, minilm_folder: Path) -> None:
    """BERT's pooler comes with the pretrained weights, only the last layer is new."""
    peer_class: Any = transformers.BertForSequenceClassification
    _, report = peer_class.from_pretrained(minilm_folder, output_loading_info=True)
    assert set(report["missing_keys"]) == {"classifier.weight", "classifier.bias"}
    ours = SequenceClassifier.with_fresh_head("minilm", id2label=NAMES)
    official = load_file(minilm_folder / "model.safetensors")
    assert torch.equal(ours.head.dense.weight, official["pooler.dense.weight"])
    assert torch.equal(ours.head.dense.bias, official["pooler.dense.bias"])
    assert torch.equal(ours.encoder.embeddings.word.weight, official["embeddings.word_embeddings.weight"])
    ours.save_pretrained(tmp_path)
    theirs = transformers.BertForSequenceClassification.from_pretrained(tmp_path).eval()
    input_ids = torch.randint(999, 9999, (2, 7))
    torch.testing.assert_close(ours(input_ids).logits, theirs(input_ids).logits, atol=TOLERANCE, rtol=0)


def test_without_its_head_a_model_is_not_loaded_silently(tmp_path: Path) -> None:
    md.MaskedLM(EncoderConfig(vocab_size=99, hidden_size=24, num_hidden_layers=1)).save_pretrained(tmp_path)
    for kind in KINDS.values():
        with pytest.raises(ValueError, match=r"[24] of \d+ tensors are missing"):
            kind.from_pretrained(tmp_path)


# Bad input


def test_labels_that_do_not_fit_are_explained() -> None:
    sizes = asdict(EncoderConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2))
    model, ids = SequenceClassifier(ClassifierConfig(**sizes)), torch.tensor([[1, 2], [3, 4]])
    with pytest.raises(ValueError, match=r"labels has shape \(3,\): expected \(2,\)"):
        model(ids, labels=torch.tensor([0, 1, 1]))
    with pytest.raises(ValueError, match="from 0 to 2: expected 0 to 1, or -100"):
        model(ids, labels=torch.tensor([0, 2]))
    with pytest.raises(ValueError, match="from 0 to 5: expected 0 to 1"):
        TokenClassifier(ClassifierConfig(**sizes))(ids, labels=torch.tensor([[0, 5], [1, 1]]))
    with pytest.raises(ValueError, match=r"id2label is \(\): expected .* at least one"):
        ClassifierConfig(id2label=())
    with pytest.raises(ValueError, match="3 classes: expected 2"):
        QuestionAnswering(ClassifierConfig(**sizes, id2label=NAMES))


@pytest.mark.parametrize(
    ("entry", "names"),
    [
        ({}, ("LABEL_0", "LABEL_1")),
        ({"id2label": {"1": "no", "0": "yes", "2": "?"}}, ("yes", "no", "?")),
        ({"id2label": None}, ("LABEL_0", "LABEL_1")),
        ({"num_labels": 3}, ("LABEL_0", "LABEL_1", "LABEL_2")),
        ({"id2label": {"1": "no", "3": "yes"}}, "numbers its classes 1, 3: expected 0, 1, 2"),
        ({"id2label": {"0": "no", "1": "yes"}, "num_labels": 3}, "num_labels 3 and 2 names"),
    ],
)
def test_classes_are_read_in_the_order_of_their_numbers(
    entry: dict[str, Any], names: tuple[str, ...] | str, tmp_path: Path
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(EncoderConfig().to_hugging_face("Model") | entry))
    if isinstance(names, str):
        with pytest.raises(ValueError, match=names):
            ClassifierConfig.read(path)
    else:
        assert ClassifierConfig.read(path).id2label == names
        assert transformers.BertConfig.from_pretrained(tmp_path).id2label == dict(enumerate(names))


# What the folder says about classes and problem


def test_names_of_classes_in_every_form_are_understood(tmp_path: Path) -> None:
    """As transformers understands them, which takes mappings only."""
    md.MaskedLM(EncoderConfig(vocab_size=99, hidden_size=24, num_hidden_layers=1)).save_pretrained(tmp_path)
    forms: list[Any] = [{0: "neg", 1: "pos"}, {"1": "pos", "0": "neg"}, {1: "pos", 0: "neg"}, ["neg", "pos"]]
    for form in forms:
        assert SequenceClassifier.with_fresh_head(tmp_path, id2label=form).config.id2label == ("neg", "pos")
        assert ClassifierConfig(id2label=form).id2label == ("neg", "pos")
        if isinstance(form, dict):
            assert transformers.BertConfig(id2label=form).id2label == {0: "neg", 1: "pos"}


@pytest.mark.parametrize(
    "given",
    ["good", b"ab", {"a", "b"}, {0: "a", 2: "b"}, {"a": 0, "b": 1}, ("a", "b", "a"), {}, {"0": "a", 0.0: "b"}],
)
def test_names_that_are_none_are_refused(given: Any, tmp_path: Path) -> None:
    md.MaskedLM(EncoderConfig(vocab_size=99, hidden_size=24, num_hidden_layers=1)).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="id2label"):
        SequenceClassifier.with_fresh_head(tmp_path, id2label=given)
    with pytest.raises(ValueError, match="id2label"):
        ClassifierConfig(id2label=given)


PROBLEMS = ["regression", "single_label_classification", "multi_label_classification"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(
    ("problem", "classes"),
    [(name, count) for name in PROBLEMS for count in (1, 3) if (name, count) != (PROBLEMS[1], 1)],
)
def test_the_problem_type_is_obeyed_and_kept(problem: str, classes: int, architecture: str, tmp_path: Path) -> None:
    theirs = reference("ForSequenceClassification", architecture, classes, problem_type=problem).train()
    theirs.save_pretrained(tmp_path)
    ours = SequenceClassifier.from_pretrained(tmp_path).train()
    several = torch.randint(0, 2, (4, classes)).float()
    labels = dict(zip(PROBLEMS, (torch.randn(4, classes), torch.randint(0, 3, (4,)), several), strict=True))[problem]
    inputs = inputs_of(architecture)
    mine, official = ours(**inputs, labels=labels), theirs(**inputs, labels=labels)
    torch.testing.assert_close(mine.loss, official.loss, atol=TOLERANCE, rtol=0)
    assert_same_gradients(ours, mine.loss, theirs, official.loss)
    ours.save_pretrained(tmp_path / "again")
    assert transformers.AutoConfig.from_pretrained(tmp_path / "again").problem_type == problem
    assert SequenceClassifier.from_pretrained(tmp_path / "again").config == ours.config


@pytest.mark.parametrize(
    ("problem", "classes", "function"),
    [(None, 1, "none"), (None, 3, "softmax"), (PROBLEMS[0], 3, "none"), (PROBLEMS[2], 3, "sigmoid")],
)
def test_the_pipeline_reads_our_models_as_what_they_are(
    problem: str | None, classes: int, function: str, tokenizer: md.WordPiece, tmp_path: Path
) -> None:
    md.MaskedLM(EncoderConfig(hidden_size=24, num_hidden_layers=1, num_attention_heads=3)).save_pretrained(tmp_path)
    ours = SequenceClassifier.with_fresh_head(tmp_path, NAMES[:classes], problem)
    perturb(ours)
    ours.save_pretrained(tmp_path)
    tokenizer.save(tmp_path)
    pipe: Any = transformers.pipeline("text-classification", model=str(tmp_path), device="cpu", top_k=None)
    found = {each["label"]: each["score"] for each in pipe(["A fine film."])[0]}
    logits = ours(**tokenizer.batch(["A fine film."])).logits[0].detach()
    expected = {"none": logits, "softmax": logits.softmax(-1), "sigmoid": logits.sigmoid()}[function]
    torch.testing.assert_close(torch.tensor([found[name] for name in NAMES[:classes]]), expected, atol=1e-5, rtol=0)


def test_a_folder_that_names_no_problem_is_saved_without_one(tmp_path: Path) -> None:
    """Rankers of sentence-transformers have one class and no problem_type: a sigmoid belongs to their scores."""
    reference("ForSequenceClassification", "bert", 1).save_pretrained(tmp_path)
    SequenceClassifier.from_pretrained(tmp_path).save_pretrained(tmp_path)
    assert transformers.AutoConfig.from_pretrained(tmp_path).problem_type is None


def test_a_problem_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="'ranking': expected regression"):
        ClassifierConfig(problem_type="ranking")
    with pytest.raises(ValueError, match="two classes"):
        ClassifierConfig(problem_type="single_label_classification", id2label=("one",))  # transformers refuses it, too
    with pytest.raises(ValueError, match="single_label_classification"):
        transformers.BertConfig(problem_type="single_label_classification", id2label={0: "one"})
