"""The offline teacher's student, `minilm-student`: from the folder of a distillation to what the project ships.

`python -m minidistil.runs.own_student RUN FILE …` stores the student of a finished `minidistil distil --freeze-words`
in data/minilm-student and reports how much it keeps of its teacher on the docs corpus and on each of the files, none of
which was trained on. The word embeddings are its teacher's, and not stored again.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import docs, sequences, text_files
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch05_weights.tensor_names import their_name
from minidistil.ch05_weights.weights import STUDENTS_LAYERS, apply_changes, save_config
from minidistil.ch09_evaluation.evaluation import score
from minidistil.ch09_evaluation.held_out import masked_documents, masked_text
from minidistil.files import data_folder, read_small
from minidistil.hub.official import STUDENT
from minidistil.runs.own_layers import in_8_bits, save_own_layers

WORD = "encoder.embeddings.word.weight"
_OF_THE_RUN = ("config", "corpus", "start", "processes", "device")
_EFFORT = ("steps", "precision", "tokens", "seconds", "tokens_per_second")


def take_layers(student: MaskedLM, teacher: MaskedLM) -> dict[str, Tensor]:
    """All tensors of the student but the word embeddings, by DistilBERT's names: matrices in 8 bits, the rest in fp16.

    The student takes the rounded values too: what is measured afterwards is what is shipped.

    Raises:
        ValueError: its word embeddings are not its teacher's.
    """
    if not torch.equal(student.state_dict()[WORD], teacher.state_dict()[WORD]):
        raise ValueError("The student's word embeddings are not its teacher's: distil it with --freeze-words.")
    names = {ours: their_name(ours, "distilbert", prefix=False) for ours, _ in student.named_parameters()}
    own: dict[str, Tensor] = {}
    for ours, parameter in student.named_parameters():
        now = parameter.detach().cpu()
        if ours != WORD:
            own |= in_8_bits(names[ours], now) if now.dim() == 2 else {names[ours]: now.half()}
    rounded = apply_changes({}, own)
    with torch.no_grad():
        for ours, parameter in student.named_parameters():
            if ours != WORD:
                parameter.copy_(rounded[names[ours]])
    return own


def figures(teacher: MaskedLM, student: MaskedLM, files: list[Path]) -> dict[str, Any]:
    """What the two find of the hidden tokens of each text, and the share that the student keeps."""
    tokenizer, length = WordPiece.from_pretrained("minilm"), 128
    texts = {"docs corpus": masked_documents(docs().test, tokenizer, length)}
    texts |= {path.name: masked_text(sequences(text_files([path]), tokenizer, length), tokenizer) for path in files}
    found = {}
    for name, text in texts.items():
        scores = {"teacher": asdict(score(teacher, text)), "student": asdict(score(student, text))}
        kept = scores["student"]["accuracy"] / scores["teacher"]["accuracy"]
        found[name] = scores | {"retention": kept, "hidden_tokens": text.count}
        print(f"{name}: teacher {scores['teacher']['accuracy']:.3f}, student {scores['student']['accuracy']:.3f}, "
              f"keeps {kept:.1%}", flush=True)  # fmt: skip
    return found


def earlier_legs(start: str) -> list[dict[str, Any]]:
    """The provenance of the runs before this one: those of the shipped student, if the run went on from it.

    Raises:
        ValueError: it went on from another student, of which nothing is known here.
    """
    if not start:
        return []
    if start != STUDENT:
        raise ValueError(f"The run went on from {start}: expected {STUDENT}, so that all runs are on record.")
    return json.loads(read_small(data_folder() / f"{STUDENTS_LAYERS}.json"))["runs"]


def main() -> None:
    """Store the student of a run."""
    parser = argparse.ArgumentParser(prog="python -m minidistil.runs.own_student", description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path, help="folder of the distillation")
    parser.add_argument("files", type=Path, nargs="*", help="held-out text, one document a line")
    options = parser.parse_args()

    settings = json.loads(read_small(options.run / "config.json"))
    metrics = json.loads(read_small(options.run / "metrics.json"))
    runs = earlier_legs(settings.get("start", ""))
    runs.append({key: settings.get(key) for key in _OF_THE_RUN} | {key: metrics[key] for key in _EFFORT})
    teacher = MaskedLM.from_pretrained("minilm")
    student = MaskedLM.from_pretrained(options.run / "model")
    own = take_layers(student, teacher)
    found = figures(teacher, student, options.files)
    provenance = {"teacher": "minilm", "tokens": sum(run["tokens"] for run in runs), "runs": runs, "figures": found}
    save_own_layers(own, data_folder() / f"{STUDENTS_LAYERS}.safetensors", provenance)
    save_config(student, data_folder() / STUDENT)


if __name__ == "__main__":
    main()
