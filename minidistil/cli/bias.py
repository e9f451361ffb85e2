"""`minidistil bias`: which of two groups a model connects words with, in the same sentences."""

import argparse
from pathlib import Path
from typing import Any

from minidistil.cli.options import MODEL, add_command, path, words
from minidistil.files import read_small, to_json

# What needs torch is imported where it is needed: help does not wait for it.

CAUTION = (
    "These are differences of probabilities in made-up sentences: near 0 does not mean fair, and none of them is a "
    "measured harm. Other words for the same groups may differ as much; compare with --groups woman,lady."
)


def add(commands: Any) -> None:
    """Add the command."""
    what = "compare what a model says of two groups in the same sentences, with intervals"
    add_command(commands, "bias", run, what, _flags, on_device=True)


def _flags(command: argparse.ArgumentParser) -> None:
    from minidistil.ch12_bias.probe_sentences import Probe

    flag = command.add_argument
    flag("--model", **MODEL)
    flag("--teacher", metavar="NAME", help="compare with this model: which differences were inherited")
    templates = "text file with one sentence in each line, which has {group} and [MASK]"
    flag("--templates", type=path, metavar="FILE", help=templates)
    groups = f"the two words that replace {{group}} (default: {','.join(Probe.groups)})"
    flag("--groups", type=words, metavar="A,B", help=groups)
    occupations = f"words to compare at [MASK] (default: {len(Probe.words)} occupations)"
    flag("--words", type=words, metavar="A,B,C", help=occupations)
    flag("--json", action="store_true", help="print all figures as JSON")


def run(options: argparse.Namespace) -> int:
    """Probe a model, and its teacher if one is given."""
    from minidistil.ch01_wordpiece.wordpiece import WordPiece
    from minidistil.ch05_weights.heads import MaskedLM
    from minidistil.ch08_training.device import best_device
    from minidistil.ch12_bias.probe import figures, inherited
    from minidistil.ch12_bias.probe_sentences import Probe

    given = {"groups": options.groups, "words": options.words, "templates": _lines(options.templates)}
    probe = Probe(**{name: tuple(value) for name, value in given.items() if value is not None})
    result: dict[str, Any] = {"groups": probe.groups, "templates": probe.templates}
    tables = {}
    for role, name in (("model", options.model), ("teacher", options.teacher)):
        if name is not None:
            tokenizer = WordPiece.from_pretrained(name)
            found, tables[role] = figures(probe, MaskedLM.from_pretrained(name).to(best_device()), tokenizer)
            result[role] = {"name": str(name)} | found
    if "teacher" in tables:
        result["inheritance"] = inherited(tables["teacher"], tables["model"])
    print(to_json(result, indent=2, ensure_ascii=False) if options.json else "\n".join(_table(result)))
    return 0


def _lines(path: Path | None) -> list[str] | None:
    """The templates of a file, one in each line."""
    if path is None:
        return None
    try:
        lines = read_small(path).removeprefix("\ufeff").split("\n")
    except (OSError, ValueError) as error:
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
