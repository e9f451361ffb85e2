"""Chapter 6. A toy language whose true distribution is known.

In real text nobody knows how probable a word is in its context: we only see the one word that occurred. Here
the text comes from a hidden Markov model (Rabiner, 1989, "A Tutorial on Hidden Markov Models", section III),
and for such a model the probability of a masked word, given all the others, can be computed exactly. So a
teacher and its student can be compared with the truth, and not only with each other.

Letters in shapes: B sentences, L words, S states, V vocabulary, M masks; "..." any number of positions.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from minidistil.ch02_masking.masking import IGNORE, choose_positions
from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch06_losses.losses import soft_target_loss

BATCH = 32  # sentences in a training step
PAD, MASK = 0, 1  # the ids of two tokens that no sentence of the language contains


@dataclass(frozen=True)
class Language:
    """A hidden Markov model: each word has a hidden state, on which the word and the next state depend."""

    words: tuple[str, ...]  # V words; the first two are [PAD] and [MASK], which no state emits
    start: Tensor  # (S,) the probability of each state at the first word, float64
    transition: Tensor  # (S, S) a row for each state: the probability of each next state
    emission: Tensor  # (S, V) a row for each state: the probability of each word

    def read(self, sentence: str) -> Tensor:
        """The ids (L,) of a sentence.

        Raises:
            ValueError: a word that is not in the language.
        """
        unknown = [word for word in sentence.split() if word not in self.words]
        if unknown:
            raise ValueError(f"The language has no word {unknown[0]!r}: expected words among {' '.join(self.words)}.")
        return torch.tensor([self.words.index(word) for word in sentence.split()])

    def spell(self, word_ids: Tensor) -> str:
        """The sentence (L,) in words."""
        return " ".join(self.words[word] for word in word_ids.tolist())


# --- The grammar of the toy language ---

PLACES = ("det", "adj", "noun", "verb", "object det", "object adj", "object noun")  # a sentence
NUMBERS, TOPICS = ("one", "many"), ("land", "sea")
_WORDS: dict[str, dict[str, dict[object, float]]] = {  # part of speech -> number, topic or both -> weight of each word
    "det": {"one": {"the": 5, "a": 5}, "many": {"the": 5, "these": 3, "some": 2}},
    "adj": {
        "land": {"big": 4, "small": 3, "brown": 3, "wet": 1},
        "sea": {"big": 4, "small": 1, "grey": 3, "wet": 4},
    },
    "noun": {
        "one land": {"cat": 7, "dog": 5, "horse": 3, "fish": 1, "ship": 1},
        "many land": {"cats": 7, "dogs": 5, "horses": 3, "fish": 1, "ships": 1},
        "one sea": {"ship": 7, "fish": 5, "whale": 3, "cat": 1, "dog": 1},
        "many sea": {"ships": 7, "fish": 5, "whales": 3, "cats": 1, "dogs": 1},
    },
    "verb": {
        "one land": {"sees": 5, "chases": 4, "passes": 1},
        "many land": {"see": 5, "chase": 4, "pass": 1},
        "one sea": {"sees": 5, "passes": 4, "chases": 1},
        "many sea": {"see": 5, "pass": 4, "chase": 1},
    },
}


def toy_language() -> Language:
    """A language of sentences with seven words such as "the big cat chases some small dogs".

    A state is a place in the sentence, a number and a topic: a verb agrees with its subject, and a sentence has
    one topic. So some words are impossible at a mask, and of the others some are more probable.
    """
    states = [(place, number, topic) for place in PLACES for number in NUMBERS for topic in TOPICS]
    emitted = [_emitted_words(*state) for state in states]
    words = ("[PAD]", "[MASK]", *dict.fromkeys(str(word) for weights in emitted for word in weights))
    first: dict[object, float] = {(PLACES[0], number, topic): 1 for number in NUMBERS for topic in TOPICS}
    return Language(
        words,
        _distributions([first], states)[0],
        _distributions([_next_states(*state) for state in states], states),
        _distributions(emitted, words),
    )


def _emitted_words(place: str, number: str, topic: str) -> dict[object, float]:
    weights = _WORDS[place.split()[-1]]
    return next(weights[key] for key in (f"{number} {topic}", number, topic) if key in weights)


def _next_states(place: str, number: str, topic: str) -> dict[object, float]:
    """The object has its own number, and the next sentence sometimes has another topic."""
    following = PLACES[(PLACES.index(place) + 1) % len(PLACES)]
    numbers = NUMBERS if following.endswith("det") else (number,)
    topics = TOPICS if following == PLACES[0] else (topic,)
    return {(following, new, other): 4 if other == topic else 1 for new in numbers for other in topics}


def _distributions(rows: list[dict[object, float]], columns: Sequence[object]) -> Tensor:
    """Weights by name as a float64 table whose rows sum to 1."""
    table = torch.tensor([[row.get(column, 0.0) for column in columns] for row in rows], dtype=torch.float64)
    return table / table.sum(-1, keepdim=True)


def sample(language: Language, count: int, length: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw text of the language: word ids (count, length), int64."""
    state = torch.multinomial(language.start, count, replacement=True, generator=generator)  # (B,)
    words = []
    for _ in range(length):
        words.append(torch.multinomial(language.emission[state], 1, generator=generator))  # (B, 1)
        state = torch.multinomial(language.transition[state], 1, generator=generator)[:, 0]
    return torch.cat(words, dim=1)


# --- Its true distribution ---


def true_distribution_plain(language: Language, word_ids: Tensor, known: Tensor) -> Tensor:
    """As `true_distribution`, by its definition: a sum over every sequence of states, S^L of them."""
    truth = torch.zeros(*word_ids.shape, len(language.words), dtype=torch.float64)  # (B, L, V)
    for path in itertools.product(range(len(language.start)), repeat=word_ids.shape[1]):
        states = torch.tensor(path)  # (L,)
        prior = language.start[states[0]] * language.transition[states[:-1], states[1:]].prod()
        evidence = language.emission[states, word_ids].where(known, 1.0)  # (B, L)
        for place in range(len(path)):
            others = torch.cat([evidence[:, :place], evidence[:, place + 1 :]], 1).prod(1, keepdim=True)  # (B, 1)
            truth[:, place] += prior * others * language.emission[states[place]]
    return truth / truth.sum(-1, keepdim=True)


def true_distribution(language: Language, word_ids: Tensor, known: Tensor) -> Tensor:
    """The probability of each word at each place, given the known words at all other places.

    The forward-backward algorithm (Rabiner, section III-A): the probability of each state given the words before
    the place, times the probability of the words after it, times the probability that the state emits each word.
    The word at the place itself does not count, known or not; an unknown word has no influence on other places.

    >>> toy = toy_language()
    >>> truth = true_distribution(toy, toy.read("the [MASK] cat")[None], torch.tensor([[True, False, True]]))
    >>> {word: round(truth[0, 1, toy.words.index(word)].item(), 2) for word in ("brown", "grey", "sees")}
    {'brown': 0.24, 'grey': 0.03, 'sees': 0.0}

    Args:
        word_ids: (B, L) int64.
        known: (B, L) bool, False where the word is masked.

    Returns:
        (B, L, V) float64; each row sums to 1.

    Raises:
        ValueError: the known words cannot occur together in this language.
    """
    evidence = language.emission.T[word_ids]  # (B, L, S): the probability that each state emits this word
    evidence = torch.where(known[..., None], evidence, 1.0)
    length = word_ids.shape[1]
    before = [language.start.expand(len(word_ids), -1)]  # P(state | words before)
    for place in range(length - 1):
        before.append(_normalised(before[-1] * evidence[:, place]) @ language.transition)
    after = [torch.ones_like(before[0])]  # P(words after | state), up to a factor; from the last place backwards
    for place in range(length - 1, 0, -1):
        after.append(_normalised((after[-1] * evidence[:, place]) @ language.transition.T))
    states = torch.stack(before, 1) * torch.stack(after[::-1], 1)  # (B, L, S)
    return _normalised(states) @ language.emission  # (B, L, V)


def _normalised(weights: Tensor) -> Tensor:
    total = weights.sum(-1, keepdim=True)
    if not (total > 0).all():
        raise ValueError("The known words cannot occur together in this language: their probability is 0.")
    return weights / total


# --- A teacher and its students learn the language ---


@dataclass(frozen=True)
class Quiz:
    """Sentences with masked words, and the true distribution at each mask."""

    input_ids: Tensor  # (B, L), with [MASK]
    labels: Tensor  # (B, L): the masked word, -100 elsewhere
    truth: Tensor  # (M, V), float64

    @property
    def holes(self) -> Tensor:
        """Where the masks are: (B, L) bool."""
        return self.labels != IGNORE


def make_quiz(language: Language, count: int, length: int, seed: int, share: float = 0.15) -> Quiz:
    """A quiz of `count` new sentences; `share` is the fraction of all words that are masked."""
    generator = torch.Generator().manual_seed(seed)
    word_ids = sample(language, count, length, generator)
    chosen = choose_positions(word_ids, (PAD, MASK), share, generator=generator)
    truth = true_distribution(language, word_ids, ~chosen)[chosen]
    return Quiz(word_ids.masked_fill(chosen, MASK), torch.where(chosen, word_ids, IGNORE), truth)


def small_model(language: Language, num_hidden_layers: int, hidden_size: int, seed: int) -> MaskedLM:
    """An untrained masked LM for the language."""
    torch.manual_seed(seed)
    return MaskedLM(
        EncoderConfig(
            vocab_size=len(language.words), hidden_size=hidden_size, num_hidden_layers=num_hidden_layers,
            num_attention_heads=4, intermediate_size=4 * hidden_size, max_position_embeddings=32,
            type_vocab_size=0, dropout=0.0, attention_dropout=0.0, initializer_range=0.1,
        )
    )  # fmt: skip


def answers(model: MaskedLM, quiz: Quiz) -> Tensor:
    """The model's logits at the masks, (M, V), on the CPU."""
    device = next(model.parameters()).device
    with torch.no_grad():
        hidden = model.encoder(quiz.input_ids.to(device)).last_hidden_state  # (B, L, D)
        return model.head(hidden[quiz.holes.to(device)]).cpu()


def divergence(truth: Tensor, logits: Tensor) -> Tensor:
    """KL(truth || model) in nats, float64: the model's cross-entropy less the entropy of the language.

    Args:
        truth: (..., V) probabilities; a word of probability 0 adds nothing.
        logits: (..., V) of the model.

    Returns:
        (...).
    """
    surprise = truth.double().log() - logits.double().log_softmax(-1)
    return torch.where(truth > 0, truth * surprise, 0.0).sum(-1)


def as_logits(probabilities: Tensor) -> Tensor:
    """Logits with this softmax; a probability of 0 becomes 1e-30, whose logarithm is finite."""
    return probabilities.clamp(min=1e-30).log()


def learn(
    model: MaskedLM, quiz: Quiz, targets: Tensor, held_out: Quiz, steps: int, seed: int, learning_rate: float = 3e-3
) -> list[float]:
    """Train the model on a quiz; returns its distance from the truth during training.

    Args:
        model: changed in place.
        targets: (M, V) logits that the model learns to imitate at the masks: L_ce at temperature 1.
        held_out: another quiz, on which the model is evaluated after every tenth of the steps.
        steps: optimiser steps, at least 11, each on 32 sentences.

    Returns:
        Mean KL(truth || model) in nats of the ten evaluations, the last one after the last step.

    Raises:
        ValueError: fewer steps.
    """
    if steps < 11:
        raise ValueError(f"steps is {steps}: expected 11 or more, of which the first are warm-up.")
    evaluations = {steps * tenth // 10 for tenth in range(1, 11)}
    order = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps, pct_start=0.1)
    table = torch.zeros(*quiz.labels.shape, targets.shape[-1])  # (B, L, V)
    table[quiz.holes] = targets.float()
    distances, device = [], next(model.parameters()).device
    for step in range(steps):
        drawn = torch.randint(len(quiz.input_ids), (BATCH,), generator=order)
        holes = quiz.holes[drawn]  # (32, L)
        hidden = model.encoder(quiz.input_ids[drawn].to(device)).last_hidden_state  # (32, L, D)
        logits, target = model.head(hidden[holes.to(device)]), table[drawn][holes].to(device)
        soft_target_loss(logits, target, temperature=1.0).backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        if step + 1 in evaluations:
            distances.append(float(divergence(held_out.truth, answers(model, held_out)).mean()))
    return distances
