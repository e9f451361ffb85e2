"""Chapters 8 and 9 put to work: whole runs, from a text to a folder with a model and a report.

The same call on the same folder goes on where the last one stopped. Started by `torchrun`, within
`parallel.processes()`, the call is made in every process, and all of them share the work.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from minidistil.ch08_training.checkpoints import Progress
from minidistil.ch02_masking.corpus import Corpus, HubCorpus, sequences, text_files
from minidistil.ch09_evaluation.evaluation import Comparison, compare, score
from minidistil.ch09_evaluation.held_out import masked_text
from minidistil.ch05_weights.fillmask import require_fit
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch08_training.device import peak_memory_mib, to_best_device
from minidistil.ch08_training.objectives import distillation_losses, masked_lm_losses
from minidistil.ch08_training.cost import forward_operations, step_operations
from minidistil.ch08_training.parallel import from_first
from minidistil.runs.report import comparison_table, side_by_side
from minidistil.runs.run_folder import fingerprint
from minidistil.ch08_training.plan import Plan
from minidistil.ch08_training.settings import DistilConfig, TeachConfig
from minidistil.ch09_evaluation.speed import parameters, speedup
from minidistil.runs.teaching import save_own_layers, take_changes, train_frequent_rows_only, untaught_teacher
from minidistil.ch05_weights.weights import BareEncoder
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.runs.text_run import Run, Say, Workshop, _effort

__all__ = ["Run", "distil", "teach"]


def distil(
    teacher: MaskedLM,
    student: MaskedLM,
    corpus: Corpus | HubCorpus,
    config: DistilConfig | None = None,
    out: str | Path = "runs/distil",
    tokenizer: WordPiece | None = None,
    say: Say = lambda line: None,
) -> Run:
    """Distil the teacher into the student on the corpus; resumes if `out` holds a checkpoint.

    Args:
        student: changed in place, and in a resumed or finished run what the folder holds of it; see `student_of`.
        corpus: held in memory, or read from the hub while the run goes on.
        tokenizer: the models' vocabulary; the official one if None.
        say: called with each line of news, for a person to read.

    Raises:
        ValueError: bad settings, an empty corpus, models that do not fit the vocabulary or one another, or a
            folder that holds another run.
        OSError: the folder is not writable or too full.
    """
    config = config or DistilConfig()
    tokenizer = tokenizer or WordPiece.from_pretrained("minilm")
    _require_a_pair(teacher, student, config)
    require_fit(tokenizer, teacher)
    if config.freeze_positions:
        student.encoder.embeddings.position.requires_grad_(False)
    if not (config.alpha_ce or config.alpha_mlm or config.alpha_mse):  # no loss reads the head's own weights
        student.head.requires_grad_(False)
        student.head.word.requires_grad_(True)
    teacher.eval().requires_grad_(False)
    workshop = Workshop(student, corpus, config, Path(out), tokenizer, say, {"teacher": fingerprint(teacher)})
    if finished := workshop.finished():
        student.load_state_dict(MaskedLM.from_pretrained(finished.folder / "model").state_dict())
        return finished
    before = workshop.remembered("student_masked_accuracy_before", lambda: score(student, workshop.held_out()).accuracy)
    scored = 1.0 if config.ce_positions == "all" else config.mask_share
    progress, plan = workshop.train(
        distillation_losses(teacher, config),
        lambda length: step_operations(teacher.config, student.config, length, scored),
    )

    def measure() -> tuple[dict[str, Any], str]:
        workshop.say("evaluating teacher and student on held-out documents …")
        held_out = workshop.held_out()
        figures = _comparison_metrics(compare(teacher, student, held_out, plan.precision))
        ratio, ends = speedup(teacher, student, held_out)
        metrics = {
            **figures,
            "student_masked_accuracy_before": before,
            "teacher_parameters": parameters(teacher),
            "student_parameters": parameters(student),
            "speedup": ratio,
            "intervals": figures["intervals"] | {"speedup": ends},
            "held_out_tokens": held_out.count,
            **_effort(workshop, progress, plan),
        }
        return metrics, comparison_table(metrics) + "\n\n" + side_by_side(teacher, student, tokenizer)

    return workshop.finish(progress, measure)


def _require_a_pair(teacher: MaskedLM, student: MaskedLM, config: DistilConfig) -> None:
    """Refuse a student that cannot be compared with its teacher."""
    if student.config.vocab_size != teacher.config.vocab_size:
        raise ValueError(
            f"The student's vocabulary has {student.config.vocab_size} tokens, its teacher's "
            f"{teacher.config.vocab_size}: expected one and the same, as their scores are compared word by word."
        )
    if student.config.hidden_size != teacher.config.hidden_size and config.alpha_cos:
        raise ValueError(
            f"The student is {student.config.hidden_size} wide, its teacher {teacher.config.hidden_size}: L_cos cannot "
            "compare their hidden states. Take a student of the same width, or leave L_cos out with alpha_cos=0 "
            "(--alpha-cos 0)."
        )






def _comparison_metrics(comparison: Comparison) -> dict[str, Any]:
    return {
        "teacher_masked_accuracy": comparison.teacher.accuracy,
        "student_masked_accuracy": comparison.student.accuracy,
        "retention": comparison.retention,
        "agreement": comparison.agreement,
        "hidden_cosine": comparison.hidden_cosine,
        "teacher_perplexity": comparison.teacher.perplexity,
        "student_perplexity": comparison.student.perplexity,
        "teacher_calibration_error": comparison.teacher.calibration_error,
        "student_calibration_error": comparison.student.calibration_error,
        "intervals": comparison.intervals,
    }


