"""The command `minidistil bias`: a probe put to a model, and to its teacher."""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch12_bias.bias import (
    Inheritance,
    Probe,
    bias_scores,
    centred,
    group_probabilities,
    inheritance,
    log_ratios,
    mean_absolute_difference,
    word_probabilities,
)
from minidistil.ch12_bias.uncertainty import adjusted_p_values, bootstrap_interval, sign_flip_p_values

SEED = 56
CAUTION = (
    "Differences of probabilities in made-up sentences, no more: near 0 does not mean fair, and none of this is a "
    "measured harm. Other words for the same groups may differ as much; compare with --groups woman,lady."
)


def generator() -> torch.Generator:
    """The same draws for each figure, and for teacher and student."""
    return torch.Generator().manual_seed(SEED)


def figures(probe: Probe, model: MaskedLM, tokenizer: WordPiece) -> tuple[dict[str, Any], Tensor]:
    """What a probe measures in a model, ready for JSON, and the table of centred differences, (T, W).

    Values with an interval are lists: value, lower end, upper end; the intervals are over templates.

    Raises:
        ValueError: a probe of one word, or of a word that is no single token.
    """
    if len(probe.words) < 2:
        raise ValueError(
            f"The only word is {probe.words[0]!r}: each word is compared with the others, so expected two or more."
        )
    probabilities = word_probabilities(probe, model, tokenizer)  # (T, 2, W)
    differences = log_ratios(probabilities)  # (T, W)
    table = centred(differences)
    ends = bootstrap_interval(table, lambda rows: rows.mean(0), generator())  # (2, W)
    p_values = sign_flip_p_values(table, generator())
    scores: list[float | None] = [None] * len(probe.words)
    if all(len(tokenizer.ids(group)) == 1 for group in probe.groups):
        scores = centred(bias_scores(*group_probabilities(probe, model, tokenizer))).mean(0).tolist()
    columns = (table.mean(0), *ends, p_values, adjusted_p_values(p_values))
    words = {
        word: {"difference": numbers[:3], "p_value": numbers[3], "adjusted_p_value": numbers[4], "bias_score": score}
        for word, score, *numbers in zip(probe.words, scores, *(column.tolist() for column in columns), strict=True)
    }
    found = {
        "mean_absolute_difference": _with_interval(mean_absolute_difference(probabilities)),
        "shift_of_all_words": _with_interval(differences.mean(1)),
        "mean_absolute_centred_difference": _with_interval(table.abs().mean(1)),
        "words": words,
    }
    return found, table


def _with_interval(values: Tensor) -> list[float]:
    """(T,) one number a template -> their mean, and its interval."""
    return [float(values.mean()), *bootstrap_interval(values, lambda rows: rows.mean(), generator()).tolist()]


def inherited(teacher: Tensor, student: Tensor) -> dict[str, list[float]]:
    """Correlation, slope and spread of two tables, (T, W) each, with intervals: both get the same templates."""
    both = torch.stack([teacher, student], 1)  # (T, 2, W)
    ends = bootstrap_interval(both, lambda rows: torch.tensor(inheritance(rows[:, 0], rows[:, 1])), generator())
    values = inheritance(teacher, student)
    return {
        name: [value, *pair] for name, value, pair in zip(Inheritance._fields, values, ends.T.tolist(), strict=True)
    }


def bias(options: argparse.Namespace) -> int:
    """A probe put to one model or two."""
    given = {"groups": options.groups, "words": options.words, "templates": _lines(options.templates)}
    probe = Probe(**{name: tuple(value) for name, value in given.items() if value is not None})
    result: dict[str, Any] = {"groups": probe.groups, "templates": probe.templates}
    tables = {}
    for role, name in (("model", options.model), ("teacher", options.teacher)):
        if name is not None:
            tokenizer = WordPiece.from_pretrained(name)
            found, tables[role] = figures(probe, MaskedLM.from_pretrained(name), tokenizer)
            result[role] = {"name": str(name)} | found
    if "teacher" in tables:
        result["inheritance"] = inherited(tables["teacher"], tables["model"])
    print(json.dumps(result, indent=2, ensure_ascii=False) if options.json else "\n".join(_table(result)))
    return 0


def _lines(path: Path | None) -> list[str] | None:
    """The templates of a file, one a line."""
    if path is None:
        return None
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: expected a UTF-8 text file with a template in each line.") from error
    return [line.strip() for line in lines if line.strip()]


def _table(result: dict[str, Any]) -> list[str]:
    first, second = result["groups"]
    roles = [role for role in ("model", "teacher") if role in result]
    lines = [f"{first} or {second}, {len(result['templates'])} templates; 95% intervals over templates"]
    for role in roles:
        value, low, high = result[role]["mean_absolute_difference"]
        lines.append(f"{result[role]['name']}: mean absolute difference {value:.2f} nats ({low:.2f} to {high:.2f})")
    for name, (value, low, high) in result.get("inheritance", {}).items():
        lines.append(f"{name} of the model's differences with its teacher's: {value:.2f} ({low:.2f} to {high:.2f})")
    lines += ["", f"above 0: nearer to {first} than the list's other words, in nats"]
    lines.append(f"{'word':<14}" + "".join(f"{role:>8}{'interval':>16}{'adj. p':>8}{'Kurita':>8}" for role in roles))
    words = result["model"]["words"]
    for word in sorted(words, key=lambda each: words[each]["difference"][0]):
        lines.append(f"{word:<14}" + "".join(map(_columns, (result[role]["words"][word] for role in roles))))
    return [*lines, "", CAUTION]


def _columns(word: dict[str, Any]) -> str:
    value, low, high = word["difference"]
    score = f"{word['bias_score']:>+8.2f}" if word["bias_score"] is not None else f"{'-':>8}"
    return f"{value:>+8.2f}{f'{low:+.2f} to {high:+.2f}':>16}{word['adjusted_p_value']:>8.4f}{score}"
