"""minidistil: DistilBERT from scratch, every piece small enough to read in one sitting."""

__version__ = "0.1.0"

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking import corpus
from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.classifiers import ClassifierConfig, SequenceClassifier, TokenClassifier
from minidistil.ch05_weights.fillmask import fill_mask
from minidistil.ch05_weights.heads import MaskedLM, SentenceEncoder, embed
from minidistil.ch05_weights.question_answering import QuestionAnswering
from minidistil.ch05_weights.weights import BareEncoder as Encoder
from minidistil.ch06_losses.losses import distillation_loss
from minidistil.ch07_student.student import student_of
from minidistil.ch08_training.settings import DistilConfig, TeachConfig
from minidistil.ch09_evaluation.evaluation import compare, score
from minidistil.ch09_evaluation.held_out import masked_text
from minidistil.course.exercise import exercise, pieces, reference
from minidistil.runs.distillation import Run, distil
from minidistil.runs.teaching import teach
from minidistil.source import show

__all__ = [
    "ClassifierConfig", "DistilConfig", "Encoder", "EncoderConfig", "MaskedLM", "QuestionAnswering", "Run",
    "SentenceEncoder", "SequenceClassifier", "TeachConfig", "TokenClassifier", "WordPiece", "compare", "corpus",
    "distil", "distillation_loss", "embed", "exercise", "fill_mask", "masked_text", "pieces", "reference", "score",
    "show", "student_of", "teach",
]  # fmt: skip
