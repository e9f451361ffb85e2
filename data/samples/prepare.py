"""Chapter 10's small sample in GLUE's layout, made by a grammar: `python -m data.samples.prepare data/samples`.

Each example is a review of one sentence, positive or negative. The reviews are not real ones and not part of GLUE, but
they are difficult in the same ways as SST-2: some adjectives are negated ("not dull at all"), and some sentences have
two of them, of which the last one counts. The development set has other adjectives than the training set, so a model
can only get them right if it knew the words before fine-tuning.
"""

import random
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from minidistil.files import write_atomically

THINGS = ("film", "book", "meal", "song", "game", "play", "hotel", "show", "story", "concert", "novel", "party")
SURE = ("really", "simply", "quite", "rather", "truly", "so")
ADJECTIVES = {
    "train": (
        ("great", "wonderful", "excellent", "charming", "funny", "moving", "clever", "pleasant", "fresh", "exciting"),
        ("awful", "boring", "terrible", "dull", "clumsy", "tedious", "silly", "bland", "stale", "annoying"),
    ),
    "dev": (
        ("superb", "lovely", "brilliant", "touching", "witty", "splendid", "delightful", "fascinating"),
        ("dreadful", "dreary", "horrible", "lifeless", "messy", "tiresome", "disappointing", "unpleasant"),
    ),
}

# {a}: the adjective that decides; {b}: another one of the same kind; {c}: one of the other kind.
PLAIN = (
    "the {thing} was {sure} {a}.",
    "what a {a} {thing}!",
    "the {thing} was {a} and {b}.",
    "my friends found the {thing} {a}, and so did i.",
    "i expected something {c}, but the {thing} was {a}.",
    "the {thing} starts {c} and ends {a}.",
    "not {c} but {a}: that is the {thing} in short.",
)
NEGATED = (
    "the {thing} was not {a} at all.",
    "nobody could call this {thing} {a}.",
    "there is hardly a {a} moment in this {thing}.",
    "the {thing} is far from {a}.",
)
SIZES = {"train": 400, "dev": 200}


def reviews(split: str, seed: int = 0) -> Iterator[tuple[str, int]]:
    """Reviews of a split without end, as (sentence, label), where label 1 is positive. They may repeat."""
    draw = random.Random(f"{split} {seed}")
    while True:
        label, negated = draw.randrange(2), draw.random() < 0.35
        positive, negative = ADJECTIVES[split]
        same, other = (positive, negative) if label != negated else (negative, positive)
        a, b = draw.sample(same, 2)
        pattern = draw.choice(NEGATED if negated else PLAIN)
        words = {"thing": draw.choice(THINGS), "sure": draw.choice(SURE), "a": a, "b": b, "c": draw.choice(other)}
        yield pattern.format(**words), label


def write_samples(folder: Path) -> None:
    """Write SST-2/train.tsv and SST-2/dev.tsv in the folder; every sentence is different."""
    for split, size in SIZES.items():
        chosen: dict[str, int] = {}
        for sentence, label in reviews(split):
            chosen[sentence] = label
            if len(chosen) == size:
                break
        text = "sentence\tlabel\n" + "".join(f"{sentence}\t{label}\n" for sentence, label in chosen.items())
        write = partial(Path.write_text, data=text, encoding="utf-8", newline="\n")
        write_atomically(folder / "SST-2" / f"{split}.tsv", write)


if __name__ == "__main__":
    write_samples(Path(sys.argv[1] if len(sys.argv) > 1 else "data/samples"))
