"""Chapter 6, toy language: its true distribution against enumeration of every sequence of states."""

import itertools
import math
from types import ModuleType

import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from minidistil.ch06_losses.losses import masked_lm_loss, soft_target_loss
from minidistil.ch06_losses.toy_language import (
    MASK,
    Language,
    answers,
    as_logits,
    divergence,
    learn,
    make_quiz,
    sample,
    small_model,
    toy_language,
    true_distribution,
    true_distribution_plain,
)


def random_language(seed: int, states: int = 3, words: int = 3, zeros: bool = False) -> Language:
    """Random tables; with zeros, some transitions and words are impossible."""
    generator = torch.Generator().manual_seed(seed)

    def rows(*shape: int) -> Tensor:
        table = torch.rand(shape, generator=generator, dtype=torch.float64)
        if zeros:
            table = table * (torch.rand(shape, generator=generator) < 0.6)
            table[..., 0] += 0.1
        return table / table.sum(-1, keepdim=True)

    emission = torch.cat([torch.zeros(states, 2, dtype=torch.float64), rows(states, words)], dim=1)
    names = ("[PAD]", "[MASK]", *(f"w{n}" for n in range(words)))
    return Language(names, rows(states), rows(states, states), emission)


def probability(language: Language, sentence: tuple[int, ...]) -> float:
    """The probability of a sentence: a sum over all sequences of states."""
    start, transition, emission = (table.tolist() for table in (language.start, language.transition, language.emission))
    total = 0.0
    for walk in itertools.product(range(len(start)), repeat=len(sentence)):
        steps = [start[walk[0]]] + [transition[a][b] for a, b in itertools.pairwise(walk)]
        total += math.prod(steps) * math.prod(emission[state][word] for state, word in zip(walk, sentence, strict=True))
    return total


KNOWN = [
    (True, True, True, True),
    (True, False, True, True),
    (False, True, False, True),
    (True, True, True, False),
    (False, False, False, False),
]


@pytest.mark.parametrize(("seed", "zeros"), [(0, False), (1, False), (2, True)])
def test_the_truth_is_what_enumeration_gives(impl: ModuleType, seed: int, zeros: bool) -> None:
    language = random_language(seed, zeros=zeros)
    sentences = sample(language, len(KNOWN), 4, torch.Generator().manual_seed(seed))
    truth = impl.true_distribution(language, sentences, torch.tensor(KNOWN))
    expected = true_distribution_plain(language, sentences, torch.tensor(KNOWN))
    assert truth.shape == expected.shape
    for row, known in enumerate(KNOWN):
        for place in range(4):
            right = pytest.approx(expected[row, place].tolist(), abs=1e-12)
            assert truth[row, place].tolist() == right, f"known {known}, place {place}"


def test_the_plain_truth_is_the_ratio_of_the_probabilities_of_sentences() -> None:
    language, sentence = random_language(1), (2, 4, 3)
    likely = [probability(language, (2, word, 3)) for word in (2, 3, 4)]
    truth = true_distribution_plain(language, torch.tensor([sentence]), torch.tensor([[True, False, True]]))
    assert truth[0, 1, 2:].tolist() == pytest.approx([each / sum(likely) for each in likely], abs=1e-12)


def test_the_word_at_the_place_itself_does_not_count(impl: ModuleType) -> None:
    language = toy_language()
    sentences = sample(language, 20, 7, torch.Generator().manual_seed(0))
    known = torch.ones_like(sentences, dtype=torch.bool)
    hidden = known.clone()
    hidden[:, 3] = False
    one, other = (impl.true_distribution(language, sentences, each)[:, 3] for each in (known, hidden))
    torch.testing.assert_close(one, other)


def test_a_long_text_does_not_underflow(impl: ModuleType) -> None:
    language = toy_language()
    text = sample(language, 1, 2000, torch.Generator().manual_seed(0))
    truth = impl.true_distribution(language, text, torch.rand(1, 2000) < 0.8)
    torch.testing.assert_close(truth.sum(-1), torch.ones(1, 2000, dtype=torch.float64))


def test_a_sentence_of_one_word_depends_on_the_start_only(impl: ModuleType) -> None:
    language = random_language(3)
    truth = impl.true_distribution(language, torch.tensor([[2]]), torch.tensor([[False]]))
    torch.testing.assert_close(truth[0, 0], language.start @ language.emission)


def test_words_that_cannot_occur_together_are_refused() -> None:
    language = toy_language()
    ids = language.read("these big cat")[None]
    with pytest.raises(ValueError, match="cannot occur together"):
        true_distribution(language, ids, torch.ones(1, 3, dtype=torch.bool))


def test_samples_follow_the_language() -> None:
    language = random_language(4)
    counts = torch.zeros(3, 3, 3)
    for a, b, c in (sample(language, 20_000, 3, torch.Generator().manual_seed(0)) - 2).tolist():
        counts[a, b, c] += 1
    expected = [probability(language, (a + 2, b + 2, c + 2)) for a, b, c in itertools.product(range(3), repeat=3)]
    assert chisquare(counts.flatten().tolist(), [20_000 * each for each in expected]).pvalue > 0.001


def test_verbs_agree_and_a_sentence_has_one_topic() -> None:
    language = toy_language()
    ids = language.read("these brown dogs chase the big fish")[None]
    truth = true_distribution(language, ids, torch.ones_like(ids, dtype=torch.bool))[0]
    verb = dict(zip(language.words, truth[3].tolist(), strict=True))
    assert verb["chases"] == verb["sees"] == 0
    # Only the topic land has brown, and there the verbs' weights are 5, 4 and 1.
    assert verb["see"] == pytest.approx(0.5)
    assert verb["chase"] == pytest.approx(0.4)


def test_words_are_read_and_spelled() -> None:
    language = toy_language()
    assert language.spell(language.read("the wet cat sees some fish")) == "the wet cat sees some fish"
    with pytest.raises(ValueError, match="no word 'elephant': expected words among"):
        language.read("the elephant sees")


def test_a_quiz_hides_words_and_knows_the_truth() -> None:
    language = toy_language()
    quiz = make_quiz(language, 40, 7, seed=0, share=0.25)
    assert int(quiz.holes.sum()) == math.ceil(0.25 * 280) == len(quiz.truth)
    assert (quiz.input_ids[quiz.holes] == MASK).all()
    word_ids = torch.where(quiz.holes, quiz.labels, quiz.input_ids)
    torch.testing.assert_close(quiz.truth, true_distribution(language, word_ids, ~quiz.holes)[quiz.holes])
    assert (quiz.truth.gather(1, quiz.labels[quiz.holes][:, None]) > 0).all(), "what happened was possible"


def test_divergence_is_kl_and_zero_for_the_truth() -> None:
    truth = torch.tensor([[0.5, 0.5, 0.0]], dtype=torch.float64)
    assert divergence(truth, as_logits(truth)).item() == pytest.approx(0, abs=1e-12)
    assert divergence(truth, torch.zeros(1, 3)).item() == pytest.approx(math.log(1.5))


def test_one_hot_targets_give_the_masked_lm_loss() -> None:
    logits, labels = torch.randn(6, 9), torch.randint(0, 9, (6,))
    one_hot = as_logits(torch.nn.functional.one_hot(labels, 9).float())
    assert soft_target_loss(logits, one_hot, 1.0).item() == pytest.approx(
        masked_lm_loss(logits, labels).item(), rel=1e-5
    )


@pytest.mark.parametrize("steps", [11, 19, 25])
def test_learning_is_evaluated_ten_times_and_at_the_end(steps: int) -> None:
    language = toy_language()
    quiz = make_quiz(language, 40, 7, 0, 0.25)
    model = small_model(language, 1, 16, seed=0)
    distances = learn(model, quiz, as_logits(quiz.truth), quiz, steps=steps, seed=0)
    assert len(distances) == 10
    assert distances[-1] == float(divergence(quiz.truth, answers(model, quiz)).mean())
    with pytest.raises(ValueError, match="steps is 10: expected 11 or more"):
        learn(model, quiz, as_logits(quiz.truth), quiz, steps=10, seed=0)


def test_learning_goes_towards_the_truth_and_is_repeatable() -> None:
    language = toy_language()
    quiz, held_out = make_quiz(language, 200, 7, 0, 0.25), make_quiz(language, 100, 7, 1, 0.25)
    runs = []
    for _ in range(2):
        model = small_model(language, 1, 16, seed=0)
        before = float(divergence(held_out.truth, answers(model, held_out)).mean())
        runs.append(learn(model, quiz, as_logits(quiz.truth), held_out, steps=100, seed=0, learning_rate=1e-2))
    assert runs[0] == runs[1]
    assert runs[0][-1] < before / 3
