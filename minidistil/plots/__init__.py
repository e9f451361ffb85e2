"""Every picture of the course, drawn from the numbers it shows."""

from minidistil.plots.attention import attention_maps, cost_by_length, head_profiles, softmax_by_width
from minidistil.plots.bias import difference_table, intervals, swapped, word_against_word
from minidistil.plots.certificate import certificate
from minidistil.plots.clinic import against_healthy
from minidistil.plots.corpus import (
    MASK_KINDS,
    batch_padding,
    chosen_per_batch,
    document_lengths,
    mask_map,
    padding_by_window,
    replacement_shares,
    smoothing,
)
from minidistil.plots.downstream import blind_guesses, confusion_matrix, finetuning_curves, learning_curves, task_scores
from minidistil.plots.drawings_ch01 import five_steps, greedy_match, offset_trail, one_merge
from minidistil.plots.drawings_ch02 import documents_to_batch, labels_and_loss, three_fates, weighted_draw
from minidistil.plots.drawings_ch03 import heads_split_and_joined, hidden_keys, query_key_value, weighted_mean
from minidistil.plots.drawings_ch04 import embedding_rows, residual_stream, two_encoders
from minidistil.plots.drawings_ch05 import filled_mask, heads_on_one_encoder, tied_table, weights_file
from minidistil.plots.drawings_ch06 import kl_directions, temperatures, three_losses
from minidistil.plots.drawings_ch07 import layers_kept, missing_layers, tensor_sources
from minidistil.plots.drawings_ch08 import accumulation, checkpoint_parts, data_parallel, one_step
from minidistil.plots.drawings_ch09 import bootstrap_interval, calibration_gap, retention_and_agreement
from minidistil.plots.drawings_ch10 import classifier_on_cls, labels_of_pieces, span_answer, windows_with_stride
from minidistil.plots.drawings_ch11 import int8_on_a_line, layer_in_integers, one_scale_or_many
from minidistil.plots.drawings_ch12 import bias_template, what_a_probe_measures
from minidistil.plots.drawings_primer import broadcast, chain_rule
from minidistil.plots.encoder import curves, position_similarity, shares, small_matrices
from minidistil.plots.evaluation import ablation, ladder_of_runs, reliability_diagram, with_intervals
from minidistil.plots.explorers_ch01 import tokenizer_steps
from minidistil.plots.explorers_ch02 import thrown_masks
from minidistil.plots.export import by_row, number_lines, rounding_errors, trade_offs
from minidistil.plots.heads import guesses, names_map, similarities
from minidistil.plots.losses import counted_positions, dark_knowledge, distance_by_examples, distributions, landscapes
from minidistil.plots.questions import span_scores, window_map
from minidistil.plots.student import before_and_after, layer_choices, layer_likeness, ranked
from minidistil.plots.style import save, where_we_are
from minidistil.plots.training import clipped_gradients, number_gaps, readers, training_curves, won_and_lost
from minidistil.plots.wordpiece import speeds, token_map, vocabulary_growth, word_frequencies

__all__ = [
    "MASK_KINDS", "ablation", "accumulation", "against_healthy", "attention_maps", "batch_padding",
    "before_and_after", "bias_template", "blind_guesses", "bootstrap_interval", "broadcast", "by_row",
    "calibration_gap", "certificate", "chain_rule", "checkpoint_parts", "chosen_per_batch", "classifier_on_cls",
    "clipped_gradients", "confusion_matrix", "cost_by_length", "counted_positions", "curves", "dark_knowledge",
    "data_parallel", "difference_table", "distance_by_examples", "distributions", "document_lengths",
    "documents_to_batch", "embedding_rows", "filled_mask", "finetuning_curves", "five_steps", "greedy_match",
    "guesses", "head_profiles", "heads_on_one_encoder", "heads_split_and_joined", "hidden_keys", "int8_on_a_line",
    "intervals", "kl_directions", "labels_and_loss", "labels_of_pieces", "ladder_of_runs", "landscapes",
    "layer_choices", "layer_in_integers", "layer_likeness", "layers_kept", "learning_curves", "mask_map",
    "missing_layers", "names_map", "number_gaps", "number_lines", "offset_trail", "one_merge", "one_scale_or_many",
    "one_step", "padding_by_window", "position_similarity", "query_key_value", "ranked", "readers",
    "reliability_diagram", "replacement_shares", "residual_stream", "retention_and_agreement", "rounding_errors",
    "save", "shares", "similarities", "small_matrices", "smoothing", "softmax_by_width", "span_answer",
    "span_scores", "speeds", "swapped", "task_scores", "temperatures", "tensor_sources", "three_fates",
    "three_losses", "thrown_masks", "tied_table", "token_map", "tokenizer_steps", "trade_offs", "training_curves",
    "two_encoders", "vocabulary_growth", "weighted_draw", "weighted_mean", "weights_file", "what_a_probe_measures",
    "where_we_are", "window_map", "windows_with_stride", "with_intervals", "won_and_lost", "word_against_word",
    "word_frequencies",
]  # fmt: skip
