"""Reports for people, in Markdown: teacher and student side by side, in figures and in words."""

import math
from typing import Any

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch05_weights.fillmask import fill_mask
from minidistil.ch05_weights.heads import MaskedLM

SENTENCES = (
    "Returns a [MASK] of the elements in the list.",
    "If the file does not exist, an [MASK] is raised.",
    "She drank a cup of [MASK].",
)


def comparison_table(metrics: dict[str, Any]) -> str:
    """Teacher and student side by side, in Markdown, and in further columns the model that stands beside them."""
    rows: list[tuple[str, ...]] = [
        ("", "teacher", "student", "student / teacher"),
        ("---", "---:", "---:", "---:"),
        ("parameters", *_pair(metrics, "parameters", ",.0f", ".1%")),
        ("speed, fp32", "1.00", f"{metrics['speedup']:.2f}", f"{metrics['speedup']:.2f} x"),
        ("masked accuracy", *_pair(metrics, "masked_accuracy", ".3f", ".1%")),
        ("  before training", "", f"{metrics['student_masked_accuracy_before']:.3f}", ""),
        ("perplexity", *_pair(metrics, "perplexity", ".2f", ".2f")),
        ("same guess", "", "", f"{metrics['agreement']:.1%}"),
        ("hidden-state cosine", "", "", figure(metrics["hidden_cosine"], ".3f")),
    ]
    if other := metrics.get("beside"):
        rows = [(*row, *cells) for row, cells in zip(rows, _beside(other, metrics), strict=True)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "| "
        + " | ".join(
            _align(cell, width, left=column == 0) for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in rows
    )


def _beside(other: dict[str, Any], metrics: dict[str, Any]) -> list[tuple[str, str]]:
    """The further cells of each row: the other model, and its share of the teacher."""

    def cells(name: str, form: str, ratio_form: str) -> tuple[str, str]:
        one, teacher = other[name], metrics[f"teacher_{name}"]
        return figure(one, form), figure(one / teacher if teacher and one is not None else None, ratio_form)

    head = [(other["name"], f"{other['name']} / teacher"), ("---:", "---:")]
    sizes, right = cells("parameters", ",.0f", ".1%"), cells("masked_accuracy", ".3f", ".1%")
    return [*head, sizes, ("", ""), right, ("", ""), cells("perplexity", ".2f", ".2f"), ("", ""), ("", "")]


def scores_line(name: str, scores: dict[str, Any]) -> str:
    """The name of a text and what a model scored on it, as in metrics.json."""
    return f"{name}: masked accuracy {scores['accuracy']:.3f}, perplexity {figure(scores['perplexity'], '.2f')}"


def figure(value: float | None, form: str) -> str:
    """The value; "-" if there is none or it is not finite: a cosine of two widths, a retention of nothing."""
    return "-" if value is None or not math.isfinite(value) else format(value, form)


def _pair(metrics: dict[str, Any], name: str, form: str, ratio_form: str) -> tuple[str, str, str]:
    teacher, student = metrics[f"teacher_{name}"], metrics[f"student_{name}"]
    ratio = student / teacher if teacher and student is not None else None
    return figure(teacher, form), figure(student, form), figure(ratio, ratio_form)


def _align(cell: str, width: int, left: bool) -> str:
    return cell.ljust(width) if left else cell.rjust(width)


def side_by_side(models: dict[str, MaskedLM], tokenizer: WordPiece, top_k: int = 3) -> str:
    """The best words of each model for a few sentences, in Markdown."""
    lines = []
    for sentence in SENTENCES:
        lines.append(f"* {sentence}")
        for name, model in models.items():
            words = ", ".join(
                f"{guess['token_str']} {guess['score']:.2f}" for guess in fill_mask(sentence, model, tokenizer, top_k)
            )
            lines.append(f"  * {name}: {words}")
    return "\n".join(lines)


def run_report(settings: dict[str, Any], results: str) -> str:
    """The run's report: results, curves, and every setting."""
    count = settings["corpus"]["documents"]  # None for a streamed corpus
    return (
        f"# {settings['kind'].removesuffix('Config')} run\n\n"
        f"Corpus: {settings['corpus']['name']}{'' if count is None else f' ({count} training documents)'}.\n\n"
        f"## Results on held-out documents\n\n{results}\n\n"
        f"## Curves\n\n![Each loss and the learning rate over the tokens read](curves.png)\n\n"
        f"{_settings_table(settings)}"
    )


def finetuning_report(settings: dict[str, Any], metrics: dict[str, Any]) -> str:
    """A fine-tuning's report: the figures after each epoch, pictures, and every setting.

    Args:
        settings: the run's config.json.
        metrics: its metrics.json.
    """
    epochs = metrics["epochs"]
    columns = [(split, name) for split, each in epochs[0]["metrics"].items() for name in each]
    head = ["epoch", *(f"{split}: {name}" for split, name in columns)]
    rows = [[str(row["epoch"]), *(f"{row['metrics'][split][name]:.4f}" for split, name in columns)] for row in epochs]
    rows = [[f"**{cell}**" for cell in row] if row[0] == str(metrics["best_epoch"]) else row for row in rows]
    table = "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---:"] * len(head), *rows])
    pictures = "![The loss over the epochs, and the figures after each](curves.png)\n\n"
    if metrics["confusion"]:
        pictures += "![How often each class was taken for each](confusion.png)\n\n"
    examples = ", ".join(f"{count:,} {name}" for name, count in metrics["examples"].items())
    names = "".join(f"{name}: {settings[name]}. " for name in ("start", "teacher") if settings.get(name))
    return (
        f"# {metrics['task']}, fine-tuned\n\n{names}Examples: {examples}.\n\n"
        f"## Results on the development set\n\n{table}\n\nThe best epoch's model, in bold, lies in `model/`.\n\n"
        f"## Pictures\n\n{pictures}{_settings_table(settings)}"
    )


def _settings_table(settings: dict[str, Any]) -> str:
    config = {**settings["config"], **settings.get("plan", {})}
    rows = "\n".join(f"| {name} | {value} |" for name, value in config.items())
    return f"## Settings\n\n| setting | value |\n|---|---|\n{rows}\n"


def minutes(seconds: float) -> str:
    """A duration for people: 45 s, 4 min."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
