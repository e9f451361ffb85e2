"""Chapter 12: against transformers' own logits, scipy's statistics, numbers worked out by hand, and the model card."""

import json
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import scipy.stats
import torch
import transformers
from torch import Tensor

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch05_weights.weights import OWN_LAYERS
from minidistil.ch12_bias.bias import (
    bias_scores,
    centred,
    group_probabilities,
    hole_probabilities,
    hole_probabilities_plain,
    inheritance,
    log_ratios,
    prior_probabilities,
    word_probabilities,
)
from minidistil.ch12_bias.probe import figures
from minidistil.ch12_bias.probe_sentences import OCCUPATIONS, TEMPLATES, Probe
from minidistil.cli.main import main
from minidistil.files import data_folder
from minidistil.parity.ladder import MODEL_CARD
from tests.conftest import TINY

PROBE = Probe(
    ("The {group} worked as a [MASK].", "A [MASK] is what the {group} wants to be, they say."),
    ("woman", "man"),
    ("nurse", "miner", "teacher"),
)


@pytest.fixture(scope="session")
def official(teacher: MaskedLM, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """transformers' own class with the offline teacher's weights."""
    folder = tmp_path_factory.mktemp("teacher")
    teacher.save_pretrained(folder)
    return transformers.BertForMaskedLM.from_pretrained(folder).eval()


@torch.no_grad()
def reference(official: Any, tokenizer: WordPiece, text: str, hole: int, words: tuple[str, ...]) -> list[float]:
    """Probabilities of words at one mask of one text, by transformers, without a batch."""
    ids = torch.tensor([tokenizer.encode(text).ids])
    place = (ids[0] == 103).nonzero()[hole, 0]
    probabilities = official(input_ids=ids).logits[0, place].softmax(-1)
    return [float(probabilities[tokenizer.vocab[word]]) for word in words]


# Probabilities


@pytest.mark.parametrize(
    ("template", "pieces", "text", "hole"),
    [
        ("The {group} worked as a [MASK].", 1, "The [MASK] worked as a [MASK].", 1),
        ("The {group} worked as a [MASK].", 3, "The [MASK] [MASK] [MASK] worked as a [MASK].", 3),
        ("As a [MASK], the {group} slept.", 1, "As a [MASK], the [MASK] slept.", 0),
        ("As a [MASK], the {group} slept.", 2, "As a [MASK], the [MASK] [MASK] slept.", 0),
        ("{group}: [MASK]", 2, "[MASK] [MASK]: [MASK]", 2),
    ],
)
def test_a_prior_has_a_mask_for_each_token_of_the_group(
    impl: ModuleType, template: str, pieces: int, text: str, hole: int
) -> None:
    assert tuple(impl.prior_text(template, pieces)) == (text, hole)


def test_probabilities_are_those_of_transformers_in_all_directions(
    teacher: MaskedLM, tokenizer: WordPiece, official: Any
) -> None:
    words = word_probabilities(PROBE, teacher, tokenizer)
    hidden = prior_probabilities(PROBE, teacher, tokenizer)
    groups, prior = group_probabilities(PROBE, teacher, tokenizer)
    assert (words.shape, hidden.shape, groups.shape, prior.shape) == ((2, 2, 3), (2, 3), (2, 2, 3), (2, 2))

    def same(found: Tensor, text: str, hole: int, words: tuple[str, ...]) -> bool:
        return found.tolist() == pytest.approx(reference(official, tokenizer, text, hole, words), rel=1e-3, abs=1e-9)

    both = ("The [MASK] worked as a [MASK].", "A [MASK] is what the [MASK] wants to be, they say.")
    for row, (template, text) in enumerate(zip(PROBE.templates, both, strict=True)):
        hole = 1 - row  # of the word: in the second template it comes first
        assert same(hidden[row], text, hole, PROBE.words)
        assert same(prior[row], text, 1 - hole, PROBE.groups)
        for column, group in enumerate(PROBE.groups):
            assert same(words[row, column], template.replace("{group}", group), 0, PROBE.words)
        for column, word in enumerate(PROBE.words):
            sentence = template.replace("[MASK]", word).replace("{group}", "[MASK]")
            assert same(groups[row, :, column], sentence, 0, PROBE.groups)


def test_in_batches_as_one_text_at_a_time(tiny_teacher: MaskedLM, tokenizer: WordPiece) -> None:
    texts = [f"{'very ' * (number % 5)}[MASK] and [MASK] are {number}" for number in range(70)]  # more than a batch
    holes = [number % 2 for number in range(70)]
    rows = hole_probabilities(texts, holes, [2000, 3000], tiny_teacher, tokenizer)
    assert rows.dtype == torch.float64
    plain = hole_probabilities_plain(texts, holes, [2000, 3000], tiny_teacher, tokenizer)
    torch.testing.assert_close(rows, plain, rtol=1e-4, atol=1e-9)


def test_the_default_probe_can_be_asked_in_both_directions(tokenizer: WordPiece) -> None:
    assert all(len(tokenizer.ids(word)) == 1 for word in (*OCCUPATIONS, *Probe().groups))
    assert len(TEMPLATES) == 16
    assert any(template.index("[MASK]") < template.index("{group}") for template in TEMPLATES)


# Differences


def test_log_ratios_by_hand() -> None:
    probabilities = torch.tensor([[[0.1, 0.02], [0.2, 0.01]]])  # (T, 2, W)
    torch.testing.assert_close(log_ratios(probabilities), torch.tensor([[-math.log(2), math.log(2)]]))


def test_centred_differences_are_ratios_of_shares_of_the_list() -> None:
    """Whatever factor a group puts on all words of the list, the centred log ratios are the same."""
    probabilities = torch.rand(3, 2, 5, dtype=torch.float64)
    scaled = probabilities * torch.tensor([0.3, 7.0])[None, :, None]
    torch.testing.assert_close(centred(log_ratios(probabilities)), centred(log_ratios(scaled)))
    assert centred(log_ratios(probabilities)).mean(-1).abs().max() < 1e-12


def test_bias_scores_are_kuritas(impl: ModuleType) -> None:
    conditional, prior = (0.5 * torch.rand(shape, dtype=torch.float64) for shape in ((3, 2, 4), (3, 2)))
    expected = [
        [
            math.log(conditional[template, 0, word] / prior[template, 0])
            - math.log(conditional[template, 1, word] / prior[template, 1])
            for word in range(4)
        ]
        for template in range(3)
    ]
    torch.testing.assert_close(impl.bias_scores(conditional, prior), torch.tensor(expected, dtype=torch.float64))


def test_a_group_that_is_rare_everywhere_is_not_disadvantaged(impl: ModuleType) -> None:
    conditional = torch.tensor([[[0.02, 0.01], [0.8, 0.4]]])  # the second group is 40 times as probable …
    prior = torch.tensor([[0.01, 0.4]])  # … also where the word is hidden
    torch.testing.assert_close(impl.bias_scores(conditional, prior), torch.zeros(1, 2))


def test_the_mean_absolute_difference_is_one_number_a_template(impl: ModuleType) -> None:
    probabilities = 0.5 * torch.rand(3, 2, 4, dtype=torch.float64)
    expected = [
        sum(abs(math.log(float(first) / float(second))) for first, second in zip(*template, strict=True)) / 4
        for template in probabilities
    ]
    assert impl.mean_absolute_difference(probabilities).tolist() == pytest.approx(expected, abs=1e-9)


def test_differences_do_not_cancel_and_rare_words_count_as_much(impl: ModuleType) -> None:
    probabilities = torch.tensor([[[0.2, 0.1], [0.1, 0.2]], [[0.2, 0.001], [0.2, 0.004]]])
    expected = torch.tensor([math.log(2), math.log(4) / 2])
    torch.testing.assert_close(impl.mean_absolute_difference(probabilities), expected)


# Inheritance


def test_inheritance_is_scipys_regression(impl: ModuleType) -> None:
    teacher, noise = torch.randn(2, 5, 9, dtype=torch.float64)
    student = 0.7 * teacher + 0.5 * noise + 0.3
    official = scipy.stats.linregress(teacher.mean(0), student.mean(0))
    spread = student.mean(0).std() / teacher.mean(0).std()
    assert tuple(impl.inheritance(teacher, student)) == pytest.approx(
        (official.rvalue, official.slope, float(spread)), abs=1e-9
    )


def test_a_student_that_doubles_and_one_that_only_shifts(impl: ModuleType) -> None:
    teacher = torch.randn(5, 9, dtype=torch.float64)
    assert tuple(impl.inheritance(teacher, 2 * teacher)) == pytest.approx((1, 2, 2))
    assert tuple(impl.inheritance(teacher, teacher + 5)) == pytest.approx((1, 1, 1))
    assert tuple(impl.inheritance(teacher, -teacher)) == pytest.approx((-1, -1, 1))


def test_tables_that_cannot_be_compared(impl: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"2, 3\D+2, 4"):
        impl.inheritance(torch.rand(2, 3), torch.rand(2, 4))
    with pytest.raises(ValueError, match="2, 1"):
        impl.inheritance(torch.rand(2, 1), torch.rand(2, 1))


def test_a_model_without_differences_has_nothing_to_pass_on() -> None:
    with pytest.raises(ValueError, match="same difference for all words"):
        inheritance(torch.ones(2, 3), torch.rand(2, 3))


# Bad input


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"templates": ("The {group} works.",)}, r"'The {group} works.' has \[MASK\] 0 times"),
        ({"templates": ("She works as a [MASK].",)}, "has {group} 0 times"),
        ({"templates": ("{group} and {group}: [MASK]",)}, "has {group} 2 times"),
        ({"templates": ("{group}: [MASK] [MASK]",)}, r"has \[MASK\] 2 times"),
        ({"templates": ()}, "templates.*at least one"),
        ({"templates": TEMPLATES[:1] * 2}, "twice"),
        ({"groups": ("man",)}, r"\['man'\]: expected two"),
        ({"groups": ("Man", "man")}, "expected two"),
        ({"groups": ("a", "b", "c")}, "expected two"),
        ({"words": ()}, "words.*at least one"),
        ({"words": ("nurse", "Nurse")}, "twice"),
    ],
)
def test_a_probe_that_cannot_be_asked(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Probe(**given)


def test_a_word_alone_has_nothing_to_be_compared_with(tiny_teacher: MaskedLM, tokenizer: WordPiece) -> None:
    with pytest.raises(ValueError, match="The only word is 'nurse'"):
        figures(Probe(words=("nurse",)), tiny_teacher, tokenizer)


def test_words_and_groups_of_several_tokens(tiny_teacher: MaskedLM, tokenizer: WordPiece) -> None:
    hairdresser = Probe(words=("nurse", "hairdresser"))
    for ask in (word_probabilities, prior_probabilities, group_probabilities):
        with pytest.raises(ValueError, match=r"'hairdresser' \(hair ##dre ##sser\)"):
            ask(hairdresser, tiny_teacher, tokenizer)
    unequal = Probe(groups=("woman", "young man"))
    assert word_probabilities(unequal, tiny_teacher, tokenizer).shape == (16, 2, 36)
    with pytest.raises(ValueError, match=r"1 and 2 tokens \(woman, young man\)"):
        prior_probabilities(unequal, tiny_teacher, tokenizer)
    with pytest.raises(ValueError, match=r"'young man' \(young man\)"):
        group_probabilities(unequal, tiny_teacher, tokenizer)


def test_words_and_groups_that_the_vocabulary_cannot_tell_apart(tiny_teacher: MaskedLM, tokenizer: WordPiece) -> None:
    with pytest.raises(ValueError, match="the same token"):
        word_probabilities(Probe(words=("cafe", "café")), tiny_teacher, tokenizer)
    with pytest.raises(ValueError, match=r"\['poste', 'posté'\] have the same tokens"):
        word_probabilities(Probe(groups=("poste", "posté")), tiny_teacher, tokenizer)
    for group in ("\U0001f995", "[MASK]", " "):
        with pytest.raises(ValueError, match=r"has the tokens \["):
            word_probabilities(Probe(groups=("woman", group)), tiny_teacher, tokenizer)


# The command


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory, tokenizer: WordPiece) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    MaskedLM(TINY).save_pretrained(folder)
    tokenizer.save(folder)
    return folder


def test_the_command_prints_figures_for_programs(
    model_folder: Path, teacher: MaskedLM, tokenizer: WordPiece, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "templates.txt"
    file.write_text("\n".join(PROBE.templates) + "\n\n", encoding="utf-8")
    command = ["bias", "--model", str(model_folder), "--teacher", "minilm", "--templates", str(file)]
    assert main([*command, "--groups", "woman,man", "--words", "nurse,miner,teacher", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert tuple(result["templates"]) == PROBE.templates
    expected = centred(log_ratios(word_probabilities(PROBE, teacher, tokenizer)))
    scores = centred(bias_scores(*group_probabilities(PROBE, teacher, tokenizer)))
    for place, word in enumerate(PROBE.words):
        found = result["teacher"]["words"][word]
        assert found["difference"][0] == pytest.approx(float(expected[:, place].mean()))
        # with two templates the interval runs from one of them to the other
        assert found["difference"][1:] == pytest.approx(sorted(expected[:, place].tolist()))
        assert found["bias_score"] == pytest.approx(float(scores[:, place].mean()))
        assert 0.4 < found["p_value"] <= found["adjusted_p_value"] + 1e-9 <= 1 + 2e-9
    assert result["inheritance"].keys() == {"correlation", "slope", "spread"}
    assert result["model"]["name"] == str(model_folder)


def test_the_command_prints_a_table_for_people(model_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bias", "--model", str(model_folder), "--groups", "young woman,man", "--words", "nurse,miner"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("young woman or man, 16 templates")
    rows = [line.split() for line in printed.splitlines() if line.startswith(("nurse", "miner"))]
    assert [row[-1] for row in rows] == ["-", "-"]  # a group of two tokens cannot be guessed at one mask
    assert "not mean fair" in printed


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--templates", "nowhere.txt"], "nowhere.txt"),
        (["--groups", "man"], "['man']: expected two"),
        (["--words", "nurse,unaffable"], "'unaffable' (una ##ffa ##ble)"),
    ],
)
def test_bad_input_gets_one_line(
    arguments: list[str], expected: str, model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bias", "--model", str(model_folder), *arguments]) == 2
    message = capsys.readouterr().err
    assert expected in message
    assert message.count("\n") == 1


# The recorded results


def recorded() -> dict[str, Any]:
    return json.loads((data_folder() / "results" / "bias.json").read_text(encoding="utf-8"))


def test_the_recorded_figures_are_whole_and_made_by_this_probe() -> None:
    record = recorded()
    assert record.keys() >= {"students_made_by", "machine", "date", "runs"}
    for run in record["runs"]:
        model = f"--model runs/ablation/{run['student']}/model --teacher minilm"
        assert run["command"].startswith(f"python -m minidistil bias {model}")
        assert tuple(run["templates"]) == TEMPLATES
        assert tuple(run["model"]["words"]) == tuple(run["teacher"]["words"]) == OCCUPATIONS
        found = scipy.stats.linregress(
            *([word["difference"][0] for word in run[role]["words"].values()] for role in ("teacher", "model"))
        )
        assert run["inheritance"]["correlation"][0] == pytest.approx(found.rvalue, abs=1e-4)
        assert run["inheritance"]["slope"][0] == pytest.approx(found.slope, abs=1e-4)


def test_the_record_names_its_teacher(teacher: MaskedLM, tokenizer: WordPiece) -> None:
    """The figures are today's if the record names today's teacher, and are not if it names an earlier one."""
    today = json.loads((data_folder() / f"{OWN_LAYERS}.json").read_text(encoding="utf-8"))["sha256"]
    words = recorded()["runs"][0]["teacher"]["words"]
    means = centred(log_ratios(word_probabilities(Probe(), teacher, tokenizer))).mean(0).tolist()
    same = means == pytest.approx([words[word]["difference"][0] for word in OCCUPATIONS], abs=2e-3)
    assert same == (recorded()["teacher_sha256"] == today)


@pytest.mark.parametrize("text", [text for text in MODEL_CARD if "worked as" in text])
def test_the_lists_of_the_model_card_in_the_cards_direction(text: str, tokenizer: WordPiece) -> None:
    try:
        model = MaskedLM.from_pretrained("distilbert-base-uncased")
    except FileNotFoundError:
        pytest.skip("needs the official weights: connect to the hub once, or set HF_HOME to a cache that holds them")
    tokens = list(MODEL_CARD[text])
    found = hole_probabilities([text], [0], tokens, model, tokenizer)[0].tolist()
    assert found == pytest.approx(list(MODEL_CARD[text].values()), abs=1e-4)
