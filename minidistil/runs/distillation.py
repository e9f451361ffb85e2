"""Distilling, from a text to a folder with a student and a report.

The same call on the same folder goes on where the last one stopped. Started by `torchrun`, within
`parallel.processes()`, the call is made in every process, and all of them train one student together.
"""

from pathlib import Path
from typing import Any

import torch

from minidistil import plots
from minidistil.arguments import require_kind
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus, HubCorpus
from minidistil.ch04_encoder.inputs import require_fit
from minidistil.ch04_encoder.modes import evaluating
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch08_training.compiled import compiled_blocks
from minidistil.ch08_training.cost import step_operations
from minidistil.ch08_training.device import device_of, in_16_bits, on_one_device
from minidistil.ch08_training.objectives import distillation_losses
from minidistil.ch08_training.parallel import from_first, rank
from minidistil.ch08_training.settings import DistilConfig
from minidistil.ch08_training.training import train
from minidistil.ch09_evaluation.evaluation import Comparison, compare, score
from minidistil.ch09_evaluation.held_out import MaskedText
from minidistil.ch09_evaluation.speed import parameters, speedup
from minidistil.runs.report import comparison_table, side_by_side
from minidistil.runs.run_folder import Run, RunFolder, Say, fingerprint
from minidistil.runs.run_log import RunLog
from minidistil.runs.text_run import (
    effort,
    full_speed,
    held_out_text,
    keep_to_budget,
    measured_plan,
    open_feed,
    text_settings,
    validate,
    validation_text,
    write_results,
)


def distil(
    teacher: MaskedLM,
    student: MaskedLM,
    corpus: Corpus | HubCorpus,
    config: DistilConfig | None = None,
    out: str | Path = "runs/distil",
    tokenizer: WordPiece | None = None,
    say: Say = lambda line: None,
    device: torch.device | str | None = None,
    start: str = "",
    beside: str | None = None,
) -> Run:
    """Distil the teacher into the student on the corpus; resumes if `out` holds a checkpoint.

    Args:
        student: changed in place, and in a resumed or finished run what the folder holds of it; see `student_of`.
        corpus: held in memory, or read from the hub while the run goes on.
        tokenizer: the models' vocabulary; the official one if None.
        say: called with each line of news, for a person to read.
        device: where to train, both models are moved there; None: where they are.
        start: the name of a student that was trained before, for the run's config.json; a folder whose run has another
            start is refused.
        beside: the name of another student, such as "minilm-student", for a further column of the report; without
            effect where the run is finished.

    Raises:
        TypeError: an argument is something else.
        ValueError: bad settings, an empty corpus, models that do not fit the vocabulary or one another, or a
            folder that holds another run.
        OSError: the folder is not writable or too full.
    """
    config = DistilConfig() if config is None else config
    tokenizer = WordPiece.from_pretrained("minilm") if tokenizer is None else tokenizer
    require_kind(MaskedLM, teacher=teacher, student=student)
    require_kind(Corpus, HubCorpus, corpus=corpus)
    require_kind(DistilConfig, config=config)
    _require_a_pair(teacher, student, config)
    require_kind(str, start=start)
    models = {"teacher": teacher, "student": student}
    if beside is not None:  # now: what cannot stand beside them is refused before the training
        models |= _beside(beside, config)
    for model in models.values():
        require_fit(tokenizer, model, MaskedLM)
    on_one_device(device, teacher, student)
    if beside is not None:
        models[beside].to(device_of(teacher))
    _freeze(student, config)

    folder = RunFolder(out, text_settings(student, corpus, config, teacher=fingerprint(teacher), start=start), say)
    folder.require_room_for(student)
    if finished := folder.finished(lambda figures: f"{comparison_table(figures)} {figures['seconds']:.0f}"):
        student.load_state_dict(MaskedLM.from_pretrained(finished.folder / "model").state_dict())
        return finished

    with folder.locked(), evaluating(teacher):
        folder.say("tokenizing the text, and evaluating the student before training …")
        held_out = held_out_text(corpus, tokenizer, config) if rank() == 0 else None
        if not isinstance(folder.settings.get("student_masked_accuracy_before"), float):  # known from the first call on
            accuracy = score(student, held_out).accuracy if held_out else 0.0
            folder.settings["student_masked_accuracy_before"] = from_first(accuracy)
        validation = validation_text(corpus, tokenizer, config)

        feed = open_feed(corpus, tokenizer, config)
        losses = distillation_losses(teacher, config)
        plan = measured_plan(folder, student, losses, feed, config, teacher)
        scored = 1.0 if config.ce_positions == "all" else config.mask_share
        length = feed.tokens_per_batch / config.batch_size
        at_most = full_speed(student, plan, step_operations(teacher.config, student.config, length, scored))

        frozen = in_16_bits(teacher, plan.precision)
        losses, compiled = distillation_losses(frozen, config), compiled_blocks([student, frozen], plan.compiled)
        with compiled, RunLog(folder, plan, at_most, plots.training_curves) as log:
            for progress in train(student, losses, feed, config, plan, folder.checkpoints, folder.identity):
                keep_to_budget(folder, plan, progress, feed, config)
                validate(student, validation, progress, config)
                log.write(progress)

        metrics: dict[str, Any] = {}
        if held_out:
            folder.say("evaluating teacher and student on held-out documents …")
            metrics = _figures(teacher, student, held_out, plan.precision)
            metrics["student_masked_accuracy_before"] = folder.settings["student_masked_accuracy_before"]
            metrics |= effort(progress, plan, at_most, device_of(student))
            if beside is not None:
                metrics["beside"] = {"name": beside, **_scores(models[beside], held_out, plan.precision)}
            results = comparison_table(metrics) + "\n\n" + side_by_side(models, tokenizer)
            write_results(folder, student, tokenizer, progress, results)
        return folder.finish(metrics, progress.log)


def _require_a_pair(teacher: MaskedLM, student: MaskedLM, config: DistilConfig) -> None:
    """Refuse a student that cannot be compared with its teacher, or is larger: then the two are likely swapped."""
    if (own := parameters(student)) > (others := parameters(teacher)):
        raise ValueError(
            f"The student has {own:,} parameters, its teacher {others:,}: expected a student that is not larger. The "
            "teacher comes first: distil(teacher, student, corpus)."
        )
    if student.config.vocab_size != teacher.config.vocab_size:
        raise ValueError(
            f"The student's vocabulary has {student.config.vocab_size} tokens, its teacher's "
            f"{teacher.config.vocab_size}: expected the same, as their logits are compared token by token."
        )
    if student.config.hidden_size != teacher.config.hidden_size and config.alpha_cos:
        raise ValueError(
            f"The student's hidden_size is {student.config.hidden_size}, its teacher's {teacher.config.hidden_size}: "
            "L_cos cannot compare their hidden states. Take a student of the same hidden_size, or leave L_cos out with "
            "alpha_cos=0 (--alpha-cos 0)."
        )


def _beside(name: str, config: DistilConfig) -> dict[str, MaskedLM]:
    """A further model for the report."""
    require_kind(str, beside=name)
    if name in ("teacher", "student"):
        raise ValueError(f"beside is {name!r}, which the report calls one of the two models: rename the folder.")
    model = MaskedLM.from_pretrained(name)
    if (most := model.config.max_position_embeddings) < config.max_length:
        raise ValueError(f"{name} reads {most} tokens: expected a model for beside that reads {config.max_length}.")
    return {name: model}


def _freeze(student: MaskedLM, config: DistilConfig) -> None:
    """Leave gradients only where the settings ask for training; the teacher runs without any."""
    if config.freeze_positions:
        student.encoder.embeddings.position.requires_grad_(False)
    if not (config.alpha_ce or config.alpha_mlm or config.alpha_mse):  # no loss reads the head's own weights
        student.head.requires_grad_(False)
        student.head.word.requires_grad_(True)
    if config.freeze_words:
        student.encoder.embeddings.word.requires_grad_(False)


def _scores(model: MaskedLM, text: MaskedText, precision: str) -> dict[str, Any]:
    """A model by itself, for metrics.json."""
    found = score(model, text, precision)
    return {"masked_accuracy": found.accuracy, "perplexity": found.perplexity, "parameters": parameters(model)}


def _figures(teacher: MaskedLM, student: MaskedLM, text: MaskedText, precision: str) -> dict[str, Any]:
    """Teacher and student compared on held-out text, for metrics.json."""
    found: Comparison = compare(teacher, student, text, precision)
    ratio, ends = speedup(teacher, student, text)
    return {
        "teacher_masked_accuracy": found.teacher.accuracy,
        "student_masked_accuracy": found.student.accuracy,
        "retention": found.retention,
        "agreement": found.agreement,
        "hidden_cosine": found.hidden_cosine,
        "teacher_perplexity": found.teacher.perplexity,
        "student_perplexity": found.student.perplexity,
        "teacher_calibration_error": found.teacher.calibration_error,
        "student_calibration_error": found.student.calibration_error,
        "intervals": found.intervals | {"speedup": ends},
        "teacher_parameters": parameters(teacher),
        "student_parameters": parameters(student),
        "speedup": ratio,
        "held_out_tokens": text.count,
    }
