"""Chapter 10. IMDb: whole film reviews, good or bad, most of them longer than a sentence and some too long.

Maas, Daly, Pham, Huang, Ng and Potts (2011), "Learning Word Vectors for Sentiment Analysis". Sanh et al. (2019),
table 2, report the accuracy on its test set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch05_weights.classifiers import SequenceClassifier, TaskModel
from minidistil.ch10_tasks import task_metrics
from minidistil.ch10_tasks.glue import Example, text_features
from minidistil.ch10_tasks.tasks import Dataset, Feature

HUB_ID = "stanfordnlp/imdb"
FOLDERS = ("neg", "pos")  # in the order of the classes


@dataclass(frozen=True)
class Imdb:
    """The task: is a review favourable?"""

    name: str = "imdb"
    id2label: tuple[str, ...] = ("negative", "positive")
    model_class: type[TaskModel] = SequenceClassifier
    decisive: tuple[str, ...] = ("accuracy",)

    def features(self, examples: Sequence[Example], tokenizer: WordPiece, max_length: int) -> list[Feature]:
        """A feature for each review; one that is too long loses its end, and counts the tokens."""
        return text_features(examples, tokenizer, max_length)

    def metrics(
        self, examples: Sequence[Example], features: Sequence[Feature], predictions: Sequence[Tensor]
    ) -> dict[str, float]:
        """The share of reviews that were understood."""
        right = [int(examples[feature.example].label) for feature in features]
        return {"accuracy": task_metrics.accuracy(right, [int(logits.argmax()) for logits in predictions])}


def load_imdb(folder: str | Path | None = None) -> Dataset:
    """IMDb for fine-tuning; its test set is what one validates on.

    Args:
        folder: with train/neg, train/pos, test/neg and test/pos, a text file for each review, as in aclImdb (or
            the folder around that one); None for the hub's copy.

    Raises:
        FileNotFoundError: a folder is missing or has no review, or the hub cannot be asked.
        ValueError: a file is not UTF-8.
    """
    if folder is None:
        train, test = _from_hub("train"), _from_hub("test")
    else:
        root = Path(folder)
        root = root / "aclImdb" if (root / "aclImdb").is_dir() else root
        train, test = read_reviews(root / "train"), read_reviews(root / "test")
    return Dataset(Imdb(), train, {"validation": test})


def read_reviews(folder: Path) -> list[Example]:
    """The reviews in neg/*.txt and pos/*.txt, in the order of their names.

    Raises:
        FileNotFoundError: one of the two is missing or has no text file.
        ValueError: a file is not UTF-8.
    """
    result = []
    for label, name in enumerate(FOLDERS):
        paths = sorted((folder / name).glob("*.txt"))
        if not paths:
            raise FileNotFoundError(
                f"{folder / name} has no review: expected text files in train/neg, train/pos, test/neg and test/pos, "
                "as in aclImdb."
            )
        for path in paths:
            try:
                result.append(Example(path.read_text(encoding="utf-8-sig"), None, label))
            except UnicodeDecodeError as error:
                raise ValueError(f"{path} is not UTF-8 ({error}): expected a text file.") from error
    return result


def _from_hub(split: str, name: str = HUB_ID) -> list[Example]:
    """A split of the hub's copy, or of a folder of Parquet files laid out like there."""
    from datasets import load_dataset

    try:
        return [Example(row["text"], None, row["label"]) for row in load_dataset(name, split=split)]
    except (FileNotFoundError, ConnectionError) as error:
        raise FileNotFoundError(
            f"The dataset {name} could not be had from the hub ({error}). Check the network, or name a folder in "
            "the layout of aclImdb by --data."
        ) from error
