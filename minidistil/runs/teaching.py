"""The offline teacher: official MiniLM, given the masked-LM head that it lacks.

MiniLM was made to compare sentences. To guess words it needs a head, and its layers and word embeddings have to adapt
to that head. What is shipped is small all the same: of each official matrix only its change, in 8 bits with one scale
a row, and of the word embeddings only the rows of frequent tokens.

Letters in shapes: V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from minidistil import plots
from minidistil.arguments import require_kind
from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.corpus import Corpus, HubCorpus, sequences, text_files
from minidistil.ch04_encoder.inputs import require_fit
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch05_weights.tensor_names import their_name
from minidistil.ch05_weights.weights import OWN_LAYERS, BareEncoder, apply_changes
from minidistil.ch08_training.compiled import compiled_blocks
from minidistil.ch08_training.cost import forward_operations
from minidistil.ch08_training.device import device_of, on_one_device
from minidistil.ch08_training.objectives import masked_lm_losses
from minidistil.ch08_training.parallel import from_first, rank
from minidistil.ch08_training.settings import TeachConfig
from minidistil.ch08_training.training import train
from minidistil.ch09_evaluation.evaluation import score
from minidistil.ch09_evaluation.held_out import MaskedText, masked_text
from minidistil.ch09_evaluation.speed import parameters
from minidistil.runs.own_layers import in_8_bits, save_own_layers
from minidistil.runs.report import scores_line
from minidistil.runs.run_folder import Run, RunFolder, Say
from minidistil.runs.run_log import RunLog
from minidistil.runs.text_run import (
    effort,
    full_speed,
    held_out_text,
    keep_to_budget,
    measured_plan,
    open_feed,
    text_settings,
    validate,
    validation_text,
    write_results,
)


def teach(
    corpus: Corpus | HubCorpus,
    config: TeachConfig | None = None,
    out: str | Path = "runs/teach",
    start: str | Path | None = None,
    test_text: Sequence[str | Path] = (),
    say: Say = lambda line: None,
    device: torch.device | str | None = None,
) -> Run:
    """Make the offline teacher: give official MiniLM a masked-LM head and train the two together.

    Leaves besides the usual things `own/` in the run's folder: the trained tensors alone, and their provenance.

    Args:
        start: name or folder of a teacher to go on from; None: official MiniLM under a fresh head.
        test_text: files to report figures on, never trained on.
        device: where to train; None: on the CPU.

    Raises:
        As `distil`.
    """
    config = TeachConfig() if config is None else config
    require_kind(Corpus, HubCorpus, corpus=corpus)
    require_kind(TeachConfig, config=config)
    tokenizer = WordPiece.from_pretrained("minilm")
    official = BareEncoder.from_pretrained("minilm")
    model = MaskedLM.from_pretrained(start) if start is not None else untaught_teacher(official, config.seed)
    _require_same_architecture(model, official)
    require_fit(tokenizer, model, MaskedLM)
    on_one_device(device, model)

    folder = RunFolder(out, text_settings(model, corpus, config, start=str(start or "")), say)
    folder.require_room_for(model)
    if finished := folder.finished(lambda found: [scores_line(*each) for each in found["figures"].items()]):
        return finished

    with folder.locked():
        folder.say("tokenizing the text …")
        held_out: dict[str, MaskedText] = {}
        if rank() == 0:
            held_out[f"held-out documents of {corpus.name}"] = held_out_text(corpus, tokenizer, config)
            for path in test_text:
                cut = sequences(text_files([path]), tokenizer, config.max_length)
                held_out[Path(path).name] = masked_text(cut, tokenizer)
        validation = validation_text(corpus, tokenizer, config)

        feed = open_feed(corpus, tokenizer, config)
        counts = from_first(feed.token_counts())  # of a stream each process has seen another part
        rows = train_frequent_rows_only(model, counts, config.trained_tokens)
        plan = measured_plan(folder, model, masked_lm_losses, feed, config)
        length = feed.tokens_per_batch / config.batch_size
        at_most = full_speed(model, plan, 3 * forward_operations(model.config, length, config.mask_share))

        compiled = compiled_blocks([model], plan.compiled)
        with compiled, RunLog(folder, plan, at_most, plots.training_curves) as log:
            for progress in train(model, masked_lm_losses, feed, config, plan, folder.checkpoints, folder.identity):
                keep_to_budget(folder, plan, progress, feed, config)
                validate(model, validation, progress, config)
                log.write(progress)

        metrics: dict[str, Any] = {}
        if held_out:
            own = take_changes(model, official, rows)
            figures = {
                name: asdict(score(model, text)) | {"hidden_tokens": text.count} for name, text in held_out.items()
            }
            taken = effort(progress, plan, at_most, device_of(model))
            metrics = {"figures": figures, "teacher_parameters": parameters(model), **taken}
            settings = {"settings": "config", "corpus": "corpus", "start": "start"}
            provenance = {name: folder.settings[key] for name, key in settings.items()} | taken
            path = folder.folder / "own" / f"{OWN_LAYERS}.safetensors"
            save_own_layers(own, path, provenance | {"figures": figures})
            results = "\n".join(f"* {scores_line(name, scores)}" for name, scores in figures.items())
            write_results(folder, model, tokenizer, progress, results)
        return folder.finish(metrics, progress.log)


def _require_same_architecture(start: MaskedLM, official: BareEncoder) -> None:
    if start.config != official.config:
        raise ValueError(
            "The model to start from is no MiniLM with a masked-LM head: its config.json differs from the official "
            "one. Expected the offline teacher (minilm) or the model/ folder of an earlier `minidistil teach`."
        )


def untaught_teacher(official: BareEncoder, seed: int) -> MaskedLM:
    """A copy of an official encoder under a fresh masked-LM head."""
    torch.manual_seed(seed)
    model = MaskedLM(official.config)
    model.encoder.load_state_dict(official.state_dict())
    return model


def train_frequent_rows_only(model: MaskedLM, counts: Tensor, count: int) -> Tensor:
    """Let training change the word embeddings of the `count` most frequent tokens only; returns their ids.

    Args:
        counts: (V,) how often each token occurs.
    """
    rows = counts.argsort(descending=True, stable=True)[:count].sort().values
    frozen = torch.ones(model.config.vocab_size, dtype=torch.bool)
    frozen[rows] = False

    def clear_frozen_rows(parameter: Tensor) -> None:
        if parameter.grad is not None:
            parameter.grad[frozen.to(parameter.device)] = 0

    model.encoder.embeddings.word.weight.register_post_accumulate_grad_hook(clear_frozen_rows)
    return rows


def take_changes(model: MaskedLM, official: BareEncoder, rows: Tensor) -> dict[str, Tensor]:
    """The trained tensors by BERT's names, rounded: changes of matrices in 8 bits, all else in fp16.

    The model takes the rounded values too: what is measured afterwards is what is shipped.
    """
    before = {their_name(name, "bert", prefix=False): tensor for name, tensor in official.state_dict().items()}
    names = {name: their_name(name, "bert", prefix=False) for name, _ in model.named_parameters()}
    own: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        their, now = names[name], parameter.detach().cpu()
        if their not in before or now.dim() < 2:
            own[their] = now.half()
            continue
        change = now - before[their]
        if name == "encoder.embeddings.word.weight":
            own[f"{their}.rows"] = rows.int()
            change = change[rows]
        own |= in_8_bits(their, change)
    rounded = apply_changes(before, own)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(rounded[names[name]])
    return own
