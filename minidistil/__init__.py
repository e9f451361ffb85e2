"""minidistil: DistilBERT from scratch, every piece small enough to read in one sitting."""

__version__ = "0.1.0"

from minidistil import corpus
from minidistil.classifiers import ClassifierConfig, SequenceClassifier, TokenClassifier
from minidistil.encoder import EncoderConfig
from minidistil.evaluation import compare, masked_text, score
from minidistil.fillmask import fill_mask
from minidistil.heads import MaskedLM, SentenceEncoder, embed
from minidistil.losses import distillation_loss
from minidistil.question_answering import QuestionAnswering
from minidistil.runs import Run, distil, teach
from minidistil.settings import DistilConfig, TeachConfig
from minidistil.source import show
from minidistil.student import student_of
from minidistil.weights import BareEncoder as Encoder
from minidistil.wordpiece import WordPiece

__all__ = [
    "ClassifierConfig",
    "DistilConfig",
    "Encoder",
    "EncoderConfig",
    "MaskedLM",
    "QuestionAnswering",
    "Run",
    "SentenceEncoder",
    "SequenceClassifier",
    "TeachConfig",
    "TokenClassifier",
    "WordPiece",
    "compare",
    "corpus",
    "distil",
    "distillation_loss",
    "embed",
    "fill_mask",
    "masked_text",
    "score",
    "show",
    "student_of",
    "teach",
]
