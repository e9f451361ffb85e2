"""Chapter 10's small sample in GLUE's layout, made by a grammar: `python -m data.samples.prepare data/samples`.

Reviews of a sentence each, good or bad. They are no real reviews and no part of GLUE, but they ask for what SST-2
asks: some verdicts are turned round ("not dull at all"), some sentences hold two, of which the last one counts. The
adjectives of the development set are not those of the training set: who gets these right knew the words before
fine-tuning.
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

# {a}: the adjective that decides; {b}: another one of the same side; {c}: one of the other side.
STRAIGHT = (
    "the {thing} was {sure} {a}.",
    "what a {a} {thing}!",
    "the {thing} was {a} and {b}.",
    "my friends found the {thing} {a}, and so did i.",
    "i expected something {c}, but the {thing} was {a}.",
    "the {thing} starts {c} and ends {a}.",
    "not {c} but {a}: that is the {thing} in short.",
)
TURNED = (
    "the {thing} was not {a} at all.",
    "nobody could call this {thing} {a}.",
    "there is hardly a {a} moment in this {thing}.",
    "the {thing} is far from {a}.",
)
SIZES = {"train": 400, "dev": 200}


def reviews(split: str, seed: int = 0) -> Iterator[tuple[str, int]]:
    """Endless reviews of a split, (sentence, label); 1 is good. They may repeat."""
    draw = random.Random(f"{split} {seed}")
    while True:
        label, turned = draw.randrange(2), draw.random() < 0.35
        side = ADJECTIVES[split][0 if label != turned else 1]  # the side that the words are on
        other = ADJECTIVES[split][1 if label != turned else 0]
        a, b = draw.sample(side, 2)
        pattern = draw.choice(TURNED if turned else STRAIGHT)
        names = {"thing": draw.choice(THINGS), "sure": draw.choice(SURE), "a": a, "b": b, "c": draw.choice(other)}
        yield pattern.format(**names), label


def write_samples(folder: Path) -> None:
    """Write SST-2/train.tsv and SST-2/dev.tsv in the folder; no sentence stands twice."""
    for split, size in SIZES.items():
        chosen: dict[str, int] = {}
        for sentence, label in reviews(split):
            chosen[sentence] = label
            if len(chosen) == size:
                break
        text = "sentence\tlabel\n" + "".join(f"{sentence}\t{label}\n" for sentence, label in chosen.items())
        write_atomically(folder / "SST-2" / f"{split}.tsv", partial(_write, text))


def _write(text: str, part: Path) -> None:
    part.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write_samples(Path(sys.argv[1] if len(sys.argv) > 1 else "data/samples"))
