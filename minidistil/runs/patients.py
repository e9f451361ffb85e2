"""Small distillations for the clinic, healthy and with one fault, recorded with what tests show.

`python -m minidistil.runs.patients` makes data/clinic.json; it keeps what is there and makes what is missing. Teacher
and student are 64 wide, of four layers and two. The text is put together from the sample of reviews, whose few words
such a teacher can learn: a step takes a few hundredths of a second on one core, and everything some ten minutes.

Letters in shapes: B sequences, L tokens, D width, V vocabulary.
"""

import contextlib
import dataclasses
import functools
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus, sequences
from minidistil.ch04_encoder.config import EncoderConfig
from minidistil.ch04_encoder.modes import evaluating
from minidistil.ch05_weights.fillmask import fill_mask
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch07_student.student import student_of
from minidistil.ch08_training.feed import MaskedBatch, MemoryFeed
from minidistil.ch08_training.objectives import distillation_losses, masked_lm_losses
from minidistil.ch08_training.plan import Plan
from minidistil.ch08_training.settings import DistilConfig, TeachConfig
from minidistil.ch08_training.training import Step, accumulate_gradients, gradient_norm, train
from minidistil.ch09_evaluation.evaluation import compare
from minidistil.ch09_evaluation.held_out import masked_documents
from minidistil.files import cache_folder, data_folder, write_atomically
from minidistil.runs.faults import FAULTS

SEEDS, STEPS, HEALTHY = (1, 2, 3), 100, "healthy"
ROW = 12  # tokens
SENTENCES = ("the film was really [MASK].", "what a [MASK] story!", "the play starts dull and ends [MASK].")
SIZES = EncoderConfig(300, 64, 4, 4, 256, max_position_embeddings=64, initializer_range=0.1)
Tensors = dict[str, Tensor]


def record(key: str, seed: int, corpus: Corpus, tokenizer: WordPiece, teacher: MaskedLM) -> dict[str, Any]:
    """One run, with the fault of this name or healthy: its log, its guesses, and the figure of every test."""
    with FAULTS[key].planted() if key in FAULTS else contextlib.nullcontext():
        config = DistilConfig(seed=seed, steps=STEPS, max_length=64, learning_rate=1e-3, log_every=4, precision="fp32")
        text = sequences(corpus.train[1600 * seed : 1600 * (seed + 1)], tokenizer, 64)
        torch.manual_seed(seed)
        student = student_of(teacher)
        begin = [{name: tensor.clone() for name, tensor in model.state_dict().items()} for model in (student, teacher)]
        feed, losses = MemoryFeed(text, tokenizer, config), distillation_losses(teacher, config)
        held_out = masked_documents(corpus.test, tokenizer, 64)
        with tempfile.TemporaryDirectory() as folder, evaluating(teacher):
            start = compare(teacher, student, held_out)
            *_, progress = train(student, losses, feed, config, Plan(STEPS, "fp32", 0.1), Path(folder))
            found = compare(teacher, student, held_out)
            batch = feed[7]
            assert isinstance(batch, MaskedBatch)
            figures = {
                "start_accuracy": start.student.accuracy, "start_cosine": start.hidden_cosine,
                "accuracy": found.student.accuracy, "perplexity": found.student.perplexity,
                "teacher_accuracy": found.teacher.accuracy, "agreement": found.agreement,
                "hidden_cosine": found.hidden_cosine,
                **_masks(feed), **_padding(feed, student), **_formulas(student, teacher, losses, batch),
                **_weights(student, teacher, *begin), **_twice(student, teacher, losses, batch, seed),
            }  # fmt: skip
            row = first_row(feed)
            guesses = {text: [g["token_str"] for g in fill_mask(text, student, tokenizer, 3)] for text in SENTENCES}
    kept = ("step", "loss", "ce", "mlm", "cos", "gradient_norm", "learning_rate")
    log = [{name: line[name] for name in kept} for line in progress.log]
    figures["last_rate"] = log[-1]["learning_rate"] / max(line["learning_rate"] for line in log)
    return {"fault": key, "seed": seed, "log": log, "figures": figures, "guesses": guesses, "row": row}


def first_row(feed: MemoryFeed) -> dict[str, list[str]]:
    """The beginning of the first sequence of the first micro-batch: input_ids and labels as tokens, "" for no label."""
    batch, tokens = feed[0], feed.tokenizer.tokens
    ids, labels = (
        tensor[0][batch.attention_mask[0].bool()][:ROW].tolist() for tensor in (batch.input_ids, batch.labels)
    )
    return {"input_ids": [tokens[id] for id in ids], "labels": ["" if id == -100 else tokens[id] for id in labels]}


def _masks(feed: MemoryFeed) -> dict[str, float]:
    """What the batches of the run hold, seen beside the sequences that they were made of."""
    names = ("hidden", "real", "as_mask", "special", "right", "read", "new")
    sums, seen = dict.fromkeys(names, 0), set[int]()
    lengths: list[int] = []
    special = torch.tensor(sorted(feed.tokenizer.special_ids))
    for number in range(STEPS):
        batch = feed[number]
        chosen = feed._order[number % feed.batches_per_epoch]
        original = torch.nn.utils.rnn.pad_sequence([feed.sequences[index] for index in chosen], batch_first=True)
        hole = batch.labels != -100
        sums["hidden"] += int(hole.sum())
        sums["real"] += int(batch.attention_mask.sum())
        sums["as_mask"] += int((batch.input_ids[hole] == feed.tokenizer.mask_token_id).sum())
        sums["special"] += int(torch.isin(original[hole], special).sum())
        sums["right"] += int((batch.labels[hole] == original[hole]).sum())
        sums["read"] += len(chosen)
        sums["new"] += len({*chosen} - seen)
        seen |= {*chosen}
        lengths.append(original.shape[1])
    epoch = torch.tensor(lengths[: min(STEPS, feed.batches_per_epoch)]).float()
    return {
        "hidden": sums["hidden"] / sums["real"],
        "shown_as_mask": sums["as_mask"] / sums["hidden"],
        "special_hidden": sums["special"] / sums["hidden"],
        "label_is_original": sums["right"] / sums["hidden"],
        "new_sequences": sums["new"] / min(sums["read"], len(feed.sequences)),
        "length_trend": float(torch.corrcoef(torch.stack([epoch, torch.arange(len(epoch)).float()]))[0, 1]),
    }


@torch.no_grad()
def _padding(feed: MemoryFeed, student: MaskedLM) -> dict[str, float]:
    """How many positions the losses count, and how much a short text's states change beside a long one."""
    short, long = (choose(feed.sequences, key=len) for choose in (min, max))
    ids = torch.nn.utils.rnn.pad_sequence([short, long], batch_first=True)
    batch = MaskedBatch(ids, (ids != 0).long(), torch.full_like(ids, -100))
    alone, beside = student.encoder(short[None]), student.encoder(batch.input_ids, batch.padding)
    leak = beside.last_hidden_state[0, : len(short)] - alone.last_hidden_state[0]
    counted = (len(batch.masked) + len(batch.unmasked)) / int(batch.attention_mask.sum())
    return {"counted": counted, "padding_leak": float(leak.abs().max())}


@torch.no_grad()
def _formulas(student: MaskedLM, teacher: MaskedLM, losses: Any, batch: MaskedBatch) -> dict[str, float]:
    """Each loss term of a batch as a multiple of what its formula gives in float64; the entropies; the digits."""
    with evaluating(student):
        said = losses(student, batch)
        (hidden, logits), (target, soft) = (
            ((out := model(batch.input_ids, batch.attention_mask)).last_hidden_state, out.logits.double())
            for model in (student, teacher)
        )
    real, hole = batch.attention_mask.bool(), batch.labels != -100
    logits, soft = logits[hole], soft[hole]  # (N, V)
    log_p, log_q = (soft / 2).log_softmax(-1), (logits / 2).log_softmax(-1)
    formula = {
        "ce": 4 * (log_p.exp() * (log_p - log_q)).sum(-1).mean(),
        "mlm": nn.functional.cross_entropy(logits, batch.labels[hole]),
        "cos": 1 - nn.functional.cosine_similarity(hidden[real].double(), target[real].double(), dim=-1).mean(),
    }
    total = 5 * said["ce"] + 2 * said["mlm"] + said["cos"]
    entropies = [-(scores.softmax(-1) * scores.log_softmax(-1)).sum(-1).mean() for scores in (logits, soft)]
    return {
        **{f"{name}_ratio": float(said[name] / value) for name, value in formula.items()},
        "total_ratio": float(said["loss"] / total),
        "entropy_ratio": float(entropies[0] / entropies[1]),
        "coarse": float((hidden[real] == hidden[real].bfloat16().float()).float().mean()),
    }


@torch.no_grad()
def _weights(student: MaskedLM, teacher: MaskedLM, was: Tensors, teacher_was: Tensors) -> dict[str, float]:
    """How far the weights moved, as a share of their length; whether the head has the embeddings' own tensor."""

    def moved(now: Tensors, before: Tensors, part: str = "") -> float:
        names = [name for name in now if part in name]
        return float(
            torch.stack([(now[name] - before[name]).norm() for name in names]).norm()
            / torch.stack([before[name].norm() for name in names]).norm()
        )

    now, apart = student.state_dict(), student.head.word.weight - student.encoder.embeddings.word.weight
    return {
        "moved": moved(now, was), "layers_moved": moved(now, was, "encoder.layers"),
        "words_moved": moved(now, was, "embeddings.word"), "teacher_moved": moved(teacher.state_dict(), teacher_was),
        "untied": float(apart.norm() / student.head.word.weight.norm()),
    }  # fmt: skip


def _twice(student: MaskedLM, teacher: MaskedLM, losses: Any, batch: MaskedBatch, seed: int) -> dict[str, float]:
    """What changes when the same is done twice: each model's states, and the gradient of a batch."""
    figures = {}
    for name, model in (("student", student.train()), ("teacher", teacher)):
        with torch.no_grad():
            one, two = (model.encoder(batch.input_ids, batch.padding).last_hidden_state for _ in range(2))
        figures[f"{name}_twice"] = float((one - two).norm() / one.norm())
    module, norms = Step(student, losses, "fp32", MaskedBatch), []
    student.zero_grad()
    for _ in range(2):
        accumulate_gradients(module, [(0, batch)], seed)
        norms.append(gradient_norm(list(student.parameters())))
    student.eval()
    return figures | {"second_gradient": norms[1] / norms[0]}


def reviews() -> Corpus:
    """Documents of two to six sentences from the sample of reviews; those for the test are of other sentences."""
    lines = (data_folder() / "samples" / "SST-2" / "train.tsv").read_text(encoding="utf-8").splitlines()[1:]
    sentences, draw = [line.split("\t")[0] for line in lines], random.Random(0)
    parts = {"train": (sentences[40:], 8000), "test": (sentences[:40], 100)}
    made = {name: [" ".join(draw.sample(of, draw.randint(2, 6))) for _ in range(n)] for name, (of, n) in parts.items()}
    return Corpus("reviews", made["train"], [], made["test"])


def made() -> tuple[Corpus, WordPiece, Path]:
    """Text, vocabulary and teacher (its folder) of all runs; made once, and kept in the cache."""
    corpus, folder = reviews(), cache_folder() / "clinic"
    if not (folder / "config.json").is_file():
        tokenizer = WordPiece.train(corpus.train[:1600], vocab_size=SIZES.vocab_size)
        tokenizer.save(folder)
        torch.manual_seed(0)
        teacher = MaskedLM(dataclasses.replace(SIZES, vocab_size=len(tokenizer)))
        settings = TeachConfig(steps=2000, max_length=64, learning_rate=2e-3, validate_every=None)
        feed = MemoryFeed(sequences(corpus.train, tokenizer, 64), tokenizer, settings)
        plan = Plan(settings.steps or 1, "fp32", 0.1)
        *_, _ = train(teacher, masked_lm_losses, feed, settings, plan, folder / "checkpoints", "teacher")
        teacher.save_pretrained(folder)
    return corpus, WordPiece.from_pretrained(folder), folder


def main(path: Path) -> None:
    """Make the runs that the file lacks, and write it after each."""
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"runs": []}
    there = {(run["fault"], run["seed"]) for run in stored["runs"]}
    corpus, tokenizer, folder = made()
    for key in (HEALTHY, *FAULTS):
        for seed in SEEDS:
            if (key, seed) not in there:
                stored["runs"].append(rounded(record(key, seed, corpus, tokenizer, MaskedLM.from_pretrained(folder))))
                stored["runs"].sort(key=lambda run: (run["fault"], run["seed"]))
                lines = ",\n".join(json.dumps(run, ensure_ascii=False) for run in stored["runs"])
                text = f'{{"command": "python -m minidistil.runs.patients", "runs": [\n{lines}\n]}}\n'
                write_atomically(path, functools.partial(Path.write_text, data=text, encoding="utf-8"))
                print(key, seed, flush=True)


def rounded(value: Any) -> Any:
    """The same with four significant digits in every number."""
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    from minidistil.runs import patients  # the faults change that module, which this one, as __main__, is not

    patients.main(data_folder() / "clinic.json")
