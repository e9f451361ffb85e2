"""minidistil: DistilBERT from scratch, every piece small enough to read in one sitting."""

from typing import TYPE_CHECKING

from minidistil.on_demand import on_demand

__version__ = "0.1.0"

if TYPE_CHECKING:
    from minidistil.ch01_wordpiece.wordpiece import Encoding, WordPiece
    from minidistil.ch02_masking import corpus
    from minidistil.ch04_encoder.encoder import EncoderConfig, ModelOutput
    from minidistil.ch05_weights.classifiers import ClassifierConfig, SequenceClassifier, TokenClassifier
    from minidistil.ch05_weights.fillmask import Guess, fill_mask
    from minidistil.ch05_weights.heads import MaskedLM, SentenceEncoder, embed
    from minidistil.ch05_weights.question_answering import AnswerOutput, QuestionAnswering
    from minidistil.ch05_weights.weights import BareEncoder as Encoder
    from minidistil.ch06_losses.losses import DistillationLoss, distillation_loss
    from minidistil.ch07_student.student import student_of
    from minidistil.ch08_training.device import best_device
    from minidistil.ch08_training.settings import DistilConfig, TeachConfig
    from minidistil.ch09_evaluation.evaluation import Comparison, Scores, compare, score
    from minidistil.ch09_evaluation.held_out import MaskedText, masked_text
    from minidistil.course.exercise import exercise, pieces, reference
    from minidistil.course.questions import Quiz, predict, quiz
    from minidistil.runs.distillation import Run, distil
    from minidistil.runs.teaching import teach
    from minidistil.source import show

__all__ = [
    "AnswerOutput", "ClassifierConfig", "Comparison", "DistilConfig", "DistillationLoss", "Encoder", "EncoderConfig",
    "Encoding", "Guess", "MaskedLM", "MaskedText", "ModelOutput", "QuestionAnswering", "Quiz", "Run", "Scores",
    "SentenceEncoder", "SequenceClassifier", "TeachConfig", "TokenClassifier", "WordPiece", "best_device", "compare",
    "corpus", "distil", "distillation_loss", "embed", "exercise", "fill_mask", "masked_text", "pieces", "predict",
    "quiz", "reference", "score", "show", "student_of", "teach",
]  # fmt: skip


# Each import above is made when its name is first used, so that `minidistil --help` does not wait for torch.
if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(__name__, __file__, __all__)
