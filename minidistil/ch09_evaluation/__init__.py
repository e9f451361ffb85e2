"""Chapter 9: what a student keeps of its teacher, and what it saves, with intervals.

Read in this order: held_out, metrics, bootstrap, evaluation, speed.
"""

from minidistil.ch09_evaluation.bootstrap import document_totals, interval, intervals, resampled_sums
from minidistil.ch09_evaluation.held_out import answers, masked_documents
from minidistil.ch09_evaluation.metrics import expected_calibration_error, perplexity, reliability, token_cosines
from minidistil.ch09_evaluation.speed import parameters, size_in_bytes, speedup_by_shape

__all__ = [
    "answers", "document_totals", "expected_calibration_error", "interval", "intervals", "masked_documents",
    "parameters", "perplexity", "reliability", "resampled_sums", "size_in_bytes", "speedup_by_shape", "token_cosines",
]  # fmt: skip
