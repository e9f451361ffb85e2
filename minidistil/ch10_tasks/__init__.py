"""Chapter 10: GLUE, SQuAD, CoNLL and IMDb: the examples, metrics and losses of each task.

Read in this order: task_metrics, tasks, sources, glue, imdb, conll, question_windows, question_answers, squad, load.
"""

from minidistil.ch10_tasks.conll import TAGS, Conll, entities, entity_scores, label_pieces, load_conll
from minidistil.ch10_tasks.glue import GLUE, PUBLISHED, Example, load_glue, read_tsv
from minidistil.ch10_tasks.question_answers import answer, best_spans, exact_match, normalize_answer, token_f1
from minidistil.ch10_tasks.question_windows import answer_positions, token_span, window_starts, windows
from minidistil.ch10_tasks.squad import Squad, read_squad
from minidistil.ch10_tasks.task_metrics import f1, matthews, spearman
from minidistil.ch10_tasks.tasks import Dataset, Feature, collate, imitation_loss, predict

__all__ = [
    "GLUE", "PUBLISHED", "TAGS", "Conll", "Dataset", "Example", "Feature", "Squad", "answer", "answer_positions",
    "best_spans", "collate", "entities", "entity_scores", "exact_match", "f1", "imitation_loss", "label_pieces",
    "load_conll", "load_glue", "matthews", "normalize_answer", "predict", "read_squad", "read_tsv", "spearman",
    "token_f1", "token_span", "window_starts", "windows",
]  # fmt: skip
