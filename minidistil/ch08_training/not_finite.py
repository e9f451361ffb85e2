"""What to report when a loss or the gradient is NaN or infinite: which term, in which micro-batch, and what helps.

Letters in shapes: B sequences, L tokens.
"""

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from torch import Tensor

from minidistil.ch08_training.feed import Batch
from minidistil.ch08_training.parallel import gather, rank, world_size
from minidistil.ch08_training.settings import TrainingConfig
from minidistil.files import write_atomically


def report(
    values: dict[str, float],
    batches: Sequence[tuple[int, Batch]],
    terms: Sequence[dict[str, Tensor]],
    done: int,
    config: TrainingConfig,
    folder: Path,
) -> str:
    """What went wrong in the step after `done` ones, in words; the micro-batch itself goes into a file of the folder.

    To be called in every process, as the culprit may be in any of them.

    Args:
        values: the step's mean loss terms and gradient norm, not all of them finite.
        batches, terms: this process's (number, micro-batch) pairs and their loss terms.
    """
    found = [culprit for others in gather(_culprits(batches, terms)) for culprit in others]
    if found:
        first, path = found[0], folder / "not-finite.json"
        if rank() == 0:
            write_atomically(path, lambda part: part.write_text(json.dumps(first), encoding="utf-8"))
        size = f"{len(first['input_ids'])} sequences of up to {len(first['input_ids'][0])} tokens"
        what = f"{first['term']} is {first['value']} in micro-batch {first['micro_batch']} ({size}, kept in {path})"
    else:
        together = config.accumulate * world_size()
        what = (
            f"the losses of micro-batches {done * together} to {(done + 1) * together - 1} are finite, but their "
            f"gradient norm is {values['gradient_norm']}"
        )
    return (
        f"Training stopped in step {done + 1}: {what}. The last checkpoint is good. Most often a lower --learning-rate "
        "or --precision fp32 helps."
    )


def _culprits(batches: Sequence[tuple[int, Batch]], terms: Sequence[dict[str, Tensor]]) -> list[dict[str, Any]]:
    """The micro-batches with a term that is not finite: its name and value, and what was in the batch."""
    found = []
    for (number, batch), row in zip(batches, terms, strict=True):
        named = [name for name in (*(name for name in row if name != "loss"), "loss") if not row[name].isfinite()]
        if named:
            content = {part.name: getattr(batch, part.name).tolist() for part in fields(batch)}  # (B, L) each
            found.append({"micro_batch": number, "term": named[0], "value": str(float(row[named[0]])), **content})
    return found
