"""Chapters 8 and 9 put to work: whole runs, from a text to a folder with a model and a report.

A run's folder holds `config.json` (settings and plan), `metrics.jsonl` (one line a logged step),
`metrics.json` (the final figures; its presence means: finished), `report.md`, `curves.png`,
`model/` (Hugging Face format, with the vocabulary) and `checkpoints/` (removed at the end).
The same call on the same folder goes on where the last one stopped.
"""

import functools
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from minidistil import plots
from minidistil.checkpoints import Progress
from minidistil.corpus import Corpus, sequences, text_files
from minidistil.evaluation import Comparison, MaskedText, compare, masked_text, parameters, score, speedup
from minidistil.files import require_space, write_atomically
from minidistil.fillmask import require_fit
from minidistil.heads import MaskedLM
from minidistil.report import comparison_table, minutes, run_report, side_by_side
from minidistil.settings import DistilConfig, TeachConfig, TrainingConfig
from minidistil.teacher import save_own_layers, take_changes, train_frequent_rows_only, untaught_teacher
from minidistil.training import (
    BatchStream,
    Losses,
    Plan,
    distillation_losses,
    keep_freed_memory,
    make_plan,
    masked_lm_losses,
    to_best_device,
    train,
)
from minidistil.weights import BareEncoder
from minidistil.wordpiece import WordPiece

Say = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """A finished run."""

    folder: Path
    metrics: dict[str, Any]
    log: list[dict[str, float]]
    was_finished: bool = False  # the folder held the finished run already; nothing was done


def distil(
    teacher: MaskedLM,
    student: MaskedLM,
    corpus: Corpus,
    config: DistilConfig | None = None,
    out: str | Path = "runs/distil",
    tokenizer: WordPiece | None = None,
    say: Say = lambda line: None,
) -> Run:
    """Distil the teacher into the student on the corpus; resumes if `out` holds a checkpoint.

    Args:
        student: changed in place; see `student_of`.
        tokenizer: the models' vocabulary; the official one if None.
        say: called with each line of news, for a person to read.

    Raises:
        ValueError: bad settings, an empty corpus, models that do not fit the vocabulary, or a folder that
            holds another run.
        OSError: the folder is not writable or too full.
    """
    config = config or DistilConfig()
    tokenizer = tokenizer or WordPiece.from_pretrained("minilm")
    if config.freeze_positions:
        student.encoder.embeddings.position.requires_grad_(False)
    teacher.eval().requires_grad_(False)
    workshop = _Workshop(student, corpus, config, Path(out), tokenizer, say)
    if finished := workshop.finished():
        return finished
    held_out = workshop.held_out()
    require_fit(tokenizer, teacher)
    before = workshop.remembered("student_masked_accuracy_before", lambda: score(student, held_out).accuracy)
    progress, plan = workshop.train(distillation_losses(teacher, config))
    say("evaluating teacher and student on held-out documents …")
    comparison = compare(teacher, student, held_out, plan.precision)
    metrics = {
        **_comparison_metrics(comparison),
        "student_masked_accuracy_before": before,
        "teacher_parameters": parameters(teacher),
        "student_parameters": parameters(student),
        "speedup": speedup(teacher, student, held_out),
        "held_out_tokens": held_out.count,
        **_effort(progress, plan),
    }
    guesses = side_by_side(teacher, student, tokenizer)
    return workshop.finish(progress, metrics, comparison_table(metrics) + "\n\n" + guesses)


def teach(
    corpus: Corpus,
    config: TeachConfig | None = None,
    out: str | Path = "runs/teach",
    start: str | Path | None = None,
    test_text: Sequence[str | Path] = (),
    say: Say = lambda line: None,
) -> Run:
    """Make the offline teacher: give official MiniLM a masked-LM head and train the two together.

    Leaves besides the usual things `own/` in the run's folder: the trained tensors alone, and their provenance.

    Args:
        start: name or folder of a teacher to go on from; None: official MiniLM under a fresh head.
        test_text: files to report figures on, never trained on.

    Raises:
        As `distil`.
    """
    config = config or TeachConfig()
    tokenizer = WordPiece.from_pretrained("minilm")
    official = BareEncoder.from_pretrained("minilm")
    model = MaskedLM.from_pretrained(start) if start else untaught_teacher(official, config.seed)
    _require_same_architecture(model, official)
    workshop = _Workshop(to_best_device(model), corpus, config, Path(out), tokenizer, say, {"start": str(start or "")})
    if finished := workshop.finished():
        return finished
    held_out = {f"held-out documents of {corpus.name}": workshop.held_out()}
    for path in test_text:
        held_out[Path(path).name] = masked_text(sequences(text_files([path]), tokenizer, config.max_length), tokenizer)
    rows = train_frequent_rows_only(model, workshop.stream(), config.trained_tokens)
    progress, plan = workshop.train(masked_lm_losses)
    own = take_changes(model, official, rows)
    figures = {name: asdict(score(model, text)) | {"hidden_tokens": text.count} for name, text in held_out.items()}
    effort = _effort(progress, plan)
    told = {"settings": "config", "corpus": "corpus", "start": "start"}
    provenance = {name: workshop.settings[key] for name, key in told.items()} | effort
    save_own_layers(own, Path(out) / "own", provenance | {"figures": figures})
    lines = [
        f"{name}: masked accuracy {scores['accuracy']:.3f}, perplexity {scores['perplexity']:.2f}"
        for name, scores in figures.items()
    ]
    metrics = {"figures": figures, "teacher_parameters": parameters(model), **effort}
    return workshop.finish(progress, metrics, "\n".join(f"* {line}" for line in lines))


def _require_same_architecture(start: MaskedLM, official: BareEncoder) -> None:
    if start.config != official.config:
        raise ValueError(
            "The teacher to go on from is no MiniLM with a masked-LM head: its config.json differs from the official "
            "one. Expected the offline teacher (minilm) or the model/ folder of an earlier `minidistil teach`."
        )


def _require_both_splits(corpus: Corpus) -> None:
    for what, documents in (("training", corpus.train), ("test", corpus.test)):
        if not documents:
            raise ValueError(
                f"None of the {len(list(corpus))} documents of {corpus.name} fell into the {what} split (one in 50 "
                "is for testing): give more text, or --docs as well."
            )


class _Workshop:
    """The folder of one run and the steps that all runs share."""

    def __init__(
        self,
        model: MaskedLM,
        corpus: Corpus,
        config: TrainingConfig,
        folder: Path,
        tokenizer: WordPiece,
        say: Say,
        more_settings: dict[str, Any] | None = None,
    ):
        require_fit(tokenizer, model)
        _require_both_splits(corpus)
        self.model, self.corpus, self.config = model, corpus, config
        self.folder, self.tokenizer, self.say = folder, tokenizer, say
        size = sum(parameter.numel() * 4 for parameter in model.parameters())
        require_space(folder, 8 * size)  # two checkpoints with the optimiser's two moments, and the model
        self.settings: dict[str, Any] = {
            "kind": type(config).__name__,
            "config": config.to_json(),
            "corpus": {"name": corpus.name, "documents": len(corpus.train), "sha256": corpus.fingerprint()},
            "model": asdict(model.config),
            **(more_settings or {}),
        }
        self._compare_with_earlier()

    def _compare_with_earlier(self) -> None:
        path = self.folder / "config.json"
        if not path.exists():
            return
        try:
            earlier = json.loads(path.read_text(encoding="utf-8"))
            changed = [key for key in self.settings if earlier[key] != self.settings[key]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is no run's configuration: choose another folder with --out.") from error
        if changed:
            details = "; ".join(_difference(key, earlier[key], self.settings[key]) for key in changed)
            raise ValueError(
                f"The folder {self.folder} holds a run with other settings ({details}): choose another with --out, "
                "or delete it to start afresh."
            )
        self.settings = earlier

    def _write_json(self, name: str, value: object) -> None:
        text = json.dumps(value, indent=2) + "\n"
        write_atomically(self.folder / name, lambda part: part.write_text(text, encoding="utf-8"))

    def finished(self) -> Run | None:
        """The finished run in the folder, if there is one."""
        path = self.folder / "metrics.json"
        if not path.is_file():
            return None
        metrics = json.loads(path.read_text(encoding="utf-8"))
        lines = (self.folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        return Run(self.folder, metrics, [json.loads(line) for line in lines], was_finished=True)

    def held_out(self) -> MaskedText:
        """The corpus' test split with masks in place."""
        return masked_text(sequences(self.corpus.test, self.tokenizer, self.config.max_length), self.tokenizer)

    def remembered(self, name: str, measure: Callable[[], float]) -> float:
        """A figure of the untrained model: measured once, then kept in the run's configuration."""
        if name not in self.settings:
            self.settings[name] = measure()
        return self.settings[name]

    @functools.cache  # noqa: B019  one workshop a run
    def stream(self) -> BatchStream:
        """The corpus' train split as micro-batches."""
        train_sequences = sequences(self.corpus.train, self.tokenizer, self.config.max_length)
        return BatchStream(train_sequences, self.tokenizer, self.config)

    def train(self, losses: Losses) -> tuple[Progress, Plan]:
        """Plan (once), then train to the end, with a progress bar and a line of metrics.jsonl now and then."""
        keep_freed_memory()
        stream = self.stream()
        if "plan" in self.settings:
            plan = Plan(**self.settings["plan"])
        else:
            self.say("measuring this machine …")
            plan = make_plan(self.model, losses, stream, self.config)
            self._write_json("config.json", self.settings | {"plan": asdict(plan)})
        tokens = sum(stream.lengths) * self.config.accumulate / stream.batches_per_epoch
        self.say(
            f"training: {plan.steps} steps of about {tokens:,.0f} tokens in {plan.precision}, "
            f"about {minutes(plan.steps * plan.seconds_per_step)} here"
        )
        progress = Progress()
        written = -1
        with tqdm(total=plan.steps, unit="step", disable=None, smoothing=0.05) as bar:
            for progress in train(self.model, losses, stream, self.config, plan, self.folder / "checkpoints"):
                if written < 0 and progress.step > 1:
                    self.say(f"resumed after step {progress.step - 1}")
                bar.update(progress.step - bar.n)
                if len(progress.log) > max(written, 0):
                    self._append_log(progress.log, written)
                    bar.set_postfix(loss=f"{progress.log[-1]['loss']:.2f}", refresh=False)
                written = len(progress.log)
        return progress, plan

    def _append_log(self, log: list[dict[str, float]], written: int) -> None:
        path = self.folder / "metrics.jsonl"
        new = log if written < 0 else log[written:]
        with path.open("w" if written <= 0 else "a", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in new)

    def finish(self, progress: Progress, metrics: dict[str, Any], results: str) -> Run:
        """Write model, curves, report and, last, metrics.json; then remove the checkpoints."""
        self.model.save_pretrained(self.folder / "model")
        self.tokenizer.save(self.folder / "model")
        curves = plots.training_curves(progress.log)
        write_atomically(self.folder / "curves.png", lambda part: plots.save(curves, part))
        report = run_report(self.settings, results)
        write_atomically(self.folder / "report.md", lambda part: part.write_text(report, encoding="utf-8"))
        self._append_log(progress.log, -1)
        self._write_json("metrics.json", metrics)
        shutil.rmtree(self.folder / "checkpoints", ignore_errors=True)
        return Run(self.folder, metrics, progress.log)


def _difference(key: str, earlier: Any, now: Any) -> str:
    if not isinstance(earlier, dict) or not isinstance(now, dict):
        return f"{key} {earlier} there, {now} now"
    parts = [f"{name} {earlier.get(name)} there, {now.get(name)} now" for name in now if earlier.get(name) != now[name]]
    return f"{key}: {', '.join(parts)}"


def _comparison_metrics(comparison: Comparison) -> dict[str, float]:
    return {
        "teacher_masked_accuracy": comparison.teacher.accuracy,
        "student_masked_accuracy": comparison.student.accuracy,
        "retention": comparison.retention,
        "agreement": comparison.agreement,
        "hidden_cosine": comparison.hidden_cosine,
        "teacher_perplexity": comparison.teacher.perplexity,
        "student_perplexity": comparison.student.perplexity,
    }


def _effort(progress: Progress, plan: Plan) -> dict[str, Any]:
    return {
        "steps": progress.step,
        "precision": plan.precision,
        "tokens": progress.tokens,
        "seconds": progress.seconds,
        "tokens_per_second": progress.tokens / progress.seconds,
        "peak_memory_mib": peak_memory_mib(),
    }


def peak_memory_mib() -> float | None:
    """Largest resident memory of this process so far; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
