"""Chapter 10. IMDb: whole film reviews, positive or negative. Some are longer than a model can read.

Maas, Daly, Pham, Huang, Ng and Potts (2011), "Learning Word Vectors for Sentiment Analysis". Sanh et al. (2019),
table 2, report the accuracy on its test set.
"""

from pathlib import Path

from minidistil.ch10_tasks.glue import Example, TextTask
from minidistil.ch10_tasks.sources import from_hub, read_text, visible_files
from minidistil.ch10_tasks.tasks import Dataset

HUB = "stanfordnlp/imdb"
LAYOUT = "text files in train/neg, train/pos, test/neg and test/pos, as in aclImdb"


class Imdb(TextTask):
    """The task: is a review positive? The end of a review that is too long is cut off."""

    name = "imdb"
    id2label: tuple[str, ...] = ("negative", "positive")
    decisive: tuple[str, ...] = ("accuracy",)


def load_imdb(folder: str | Path | None = None) -> Dataset:
    """IMDb for fine-tuning; the test set serves as validation set.

    Args:
        folder: with train/neg, train/pos, test/neg and test/pos, which have a text file for each review, as in
            aclImdb (or the folder around that one); None for the copy on the hub.

    Raises:
        FileNotFoundError: a folder is missing or has no review, or the hub cannot be reached.
        ValueError: a file is not UTF-8.
    """
    if folder is None:
        splits = from_hub(HUB, "a folder in the layout of aclImdb")
        train, test = ([Example(row["text"], None, row["label"]) for row in splits[name]] for name in ("train", "test"))
    else:
        root = Path(folder)
        root = root / "aclImdb" if (root / "aclImdb").is_dir() else root
        train, test = read_reviews(root / "train"), read_reviews(root / "test")
    return Dataset(Imdb(), train, {"validation": test})


def read_reviews(folder: Path) -> list[Example]:
    """The reviews in neg/*.txt (class 0) and pos/*.txt (class 1), sorted by file name.

    Raises:
        FileNotFoundError: one of the two folders is missing or has no text file.
        ValueError: a file is not UTF-8.
    """
    result = []
    for label, name in enumerate(("neg", "pos")):
        paths = visible_files(folder / name, "*.txt")
        if not paths:
            raise FileNotFoundError(f"There is no review in {folder / name}: expected {LAYOUT}.")
        result += [Example(read_text(path, LAYOUT), None, label) for path in paths]
    return result
