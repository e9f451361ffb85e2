"""Inference beside transformers: the encoder at nine shapes, fill-mask from text to words, loading a model.

The two sides take turns, so that whatever else the machine does hits both, and a ratio is the median of the
rounds' own ratios. They share the very same tensors, so that it cannot matter where those lie.

Letters in shapes: B sequences, L tokens.
"""

import importlib.util
import json
import math
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch04_encoder.encoder import EncoderConfig
from minidistil.ch05_weights.fillmask import fill_mask
from minidistil.ch05_weights.heads import MaskedLM
from minidistil.ch05_weights.tensor_names import model_type, our_names
from minidistil.ch05_weights.weights import BareEncoder
from minidistil.parity.peers import FP32, largest_difference, without_progress_bars

SIDES = ("minidistil", "transformers")
Rounds = dict[str, list[float]]  # seconds of each side, one number a round

DISTILBERT = EncoderConfig(num_hidden_layers=6, type_vocab_size=0)
SHAPES = [(batch, length) for batch in (1, 8, 32) for length in (16, 128, 512)]
SECONDS = 12.0  # for one line of a table; at least ROUNDS rounds whatever they take
ROUNDS = 5

SENTENCE = "If the file does not exist, an [MASK] is raised."
PARAGRAPH = " ".join(
    [
        "Returns a list of all the names in the given folder, in no particular order.",
        "The second argument says whether names that begin with a dot are left out; the default is to keep them.",
        "A name that cannot be decoded is [MASK], as is one that another process removes at the same time.",
        "Where the folder itself is missing an error is raised, and its message tells which folder that was.",
        "Links are followed once, and a link that points to itself counts as a file with no content at all.",
    ]
)


def table() -> Iterator[str]:
    """Three tables, each with what is aimed at.

    Raises:
        ValueError: transformers is not installed.
    """
    if importlib.util.find_spec("transformers") is None:
        raise ValueError("There is nothing to compare with: pip install transformers.")
    threads = torch.get_num_threads()
    yield f"fp32 on the CPU, threads: {threads}. Ratio: transformers' / minidistil's; above 1, minidistil is better."
    yield from encoder_table(DISTILBERT, SHAPES)
    yield from fill_mask_table()
    yield from loading_table(DISTILBERT)


def encoder_table(config: EncoderConfig, shapes: Sequence[tuple[int, int]], seconds: float = SECONDS) -> Iterator[str]:
    """A line for each batch and length, of an encoder with weights drawn at random, which take the same time."""
    yield from _head("encoder, random weights")
    for batch, length in shapes:
        yield _line(f"{batch} x {length} tokens", compare_encoders(config, batch, length, seconds), 1.0)


def fill_mask_table(seconds: float = SECONDS) -> Iterator[str]:
    """Two texts and the offline teacher."""
    yield from _head("fill-mask, offline teacher")
    with tempfile.TemporaryDirectory() as folder:
        MaskedLM.from_pretrained("minilm").save_pretrained(folder)
        WordPiece.from_pretrained("minilm").save(folder)
        for name, text in (("a sentence", SENTENCE), ("a paragraph", PARAGRAPH)):
            yield _line(name, compare_fill_mask(Path(folder), text, seconds), 1.3)


def loading_table(config: EncoderConfig, rounds: int = ROUNDS) -> Iterator[str]:
    """Time and, where the system tells, memory."""
    yield from _head("loading, then 8 tokens")
    seconds, mebibytes = compare_loading(config, rounds)
    yield _line("time", seconds, 1.0)
    ratio = mebibytes["transformers"] / mebibytes["minidistil"]
    both = "".join(f"{mebibytes[side]:>10.0f} MiB" for side in SIDES)
    told = "  Linux alone tells" if math.isnan(ratio) else _falls_short(ratio, 1.0)
    yield f"{'peak memory':<28}{both}{ratio:>8.2f}{1.0:>6.1f}{told}"


def _head(work: str) -> Iterator[str]:
    yield ""
    yield f"{work:<28}{'minidistil':>14}{'transformers':>14}{'ratio':>8}{'goal':>6}"


def _line(name: str, rounds: Rounds, goal: float) -> str:
    ratio = ratio_of(rounds)
    times = "".join(f"{1000 * statistics.median(rounds[side]):>11.1f} ms" for side in SIDES)
    return f"{name:<28}{times}{ratio:>8.2f}{goal:>6.1f}{_falls_short(ratio, goal)}"


def _falls_short(ratio: float, goal: float) -> str:
    return "" if round(ratio, 2) >= goal else "  falls short"


def ratio_of(rounds: Rounds) -> float:
    """How many times as long transformers takes: the median of the rounds."""
    return statistics.median(theirs / ours for ours, theirs in zip(*(rounds[side] for side in SIDES), strict=True))


def take_turns(ours: Callable[[], Any], theirs: Callable[[], Any], seconds: float = SECONDS) -> Rounds:
    """Time both, one after the other and each first in every other round, after a round that does not count."""
    return in_turns(dict(zip(SIDES, (ours, theirs), strict=True)), seconds)


def in_turns(ways: Mapping[str, Callable[[], Any]], seconds: float = SECONDS) -> Rounds:
    """As take_turns, for any number of ways: every other round goes through them backwards."""
    rounds: Rounds = {name: [] for name in ways}
    for way in ways.values():
        way()
    end = time.perf_counter() + seconds
    done = 0
    while done < ROUNDS or time.perf_counter() < end:
        for name in reversed(list(ways)) if done % 2 == 0 else ways:
            start = time.perf_counter()
            ways[name]()
            rounds[name].append(time.perf_counter() - start)
        done += 1
    return rounds


@torch.no_grad()
def compare_encoders(config: EncoderConfig, batch: int, length: int, seconds: float = SECONDS) -> Rounds:
    """Forward passes of a whole batch without padding.

    Raises:
        RuntimeError: the outputs differ.
    """
    from transformers import AutoConfig, AutoModel

    torch.manual_seed(0)
    entries: dict[str, Any] = config.to_hugging_face("Model")
    theirs = AutoModel.from_config(AutoConfig.for_model(**entries)).eval()
    ours = BareEncoder(config).eval()
    names, tensors = our_names(ours, model_type(config), prefix=False), theirs.state_dict()
    ours.load_state_dict({name: tensors[their] for their, name in names.items()}, assign=True)
    inputs = {"input_ids": torch.randint(1, config.vocab_size, (batch, length))}  # (B, L)
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    _require_equal(ours(**inputs).last_hidden_state, theirs(**inputs).last_hidden_state)
    return take_turns(lambda: ours(**inputs), lambda: theirs(**inputs), seconds)


def _require_equal(ours: Tensor, theirs: Tensor) -> None:
    if not largest_difference(ours, theirs) <= FP32:
        raise RuntimeError("The outputs of minidistil and transformers differ: a comparison of speed means nothing.")


def compare_fill_mask(folder: Path, text: str, seconds: float = SECONDS) -> Rounds:
    """From a text to its five words, with the model and vocabulary in a folder; transformers with its pipeline.

    Raises:
        RuntimeError: the words or their scores differ.
    """
    from transformers import AutoTokenizer, pipeline

    with without_progress_bars():
        peer = pipeline("fill-mask", model=str(folder), tokenizer=AutoTokenizer.from_pretrained(folder), device="cpu")
    model, tokenizer = MaskedLM.from_pretrained(folder), WordPiece.from_pretrained(folder)
    ours, theirs = fill_mask(text, model, tokenizer), peer(text)
    for name in ("token", "token_str", "sequence"):
        if [guess[name] for guess in ours] != [guess[name] for guess in theirs]:
            raise RuntimeError(f"The {name}s of minidistil and transformers differ.")
    _require_equal(*(torch.tensor([guess["score"] for guess in guesses]) for guesses in (ours, theirs)))
    return take_turns(lambda: fill_mask(text, model, tokenizer), lambda: peer(text), seconds)


def compare_loading(config: EncoderConfig, rounds: int = ROUNDS) -> tuple[Rounds, dict[str, float]]:
    """Seconds, and MiB of peak memory (medians), that a masked LM takes to be loaded and to read 8 tokens.

    Each time in a process of its own, after a small model: what importing a library takes is left out.

    Raises:
        RuntimeError: the logits differ.
    """
    seconds: Rounds = {side: [] for side in SIDES}
    mebibytes: Rounds = {side: [] for side in SIDES}
    small = EncoderConfig(vocab_size=99, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    with tempfile.TemporaryDirectory() as folder:
        for name, each in (("small", small), ("model", config)):
            MaskedLM(each).save_pretrained(Path(folder, name))
        for _ in range(rounds):
            logits = []
            for side in SIDES:
                found = _load_elsewhere(side, Path(folder))
                seconds[side].append(found["seconds"])
                mebibytes[side].append(found["mebibytes"])
                logits.append(torch.tensor(found["logits"]))
            _require_equal(*logits)
    return seconds, {side: statistics.median(mebibytes[side]) for side in SIDES}


def _load_elsewhere(side: str, folder: Path) -> dict[str, Any]:
    code = f"from minidistil.bench.inference import load_once; load_once({side!r}, {str(folder)!r})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"Loading with {side} failed: {result.stderr.strip().splitlines()[-1]}")
    return json.loads(result.stdout)


def load_once(side: str, folder: str) -> None:
    """Print, as JSON, what one loading of folder/model takes and some of the logits that it gives."""
    if side == "minidistil":
        load: Callable[[Path], Any] = MaskedLM.from_pretrained
    else:
        from transformers import AutoModelForMaskedLM

        load = AutoModelForMaskedLM.from_pretrained
    found = {}
    for name in ("small", "model"):
        before, start = _memory("VmRSS"), time.perf_counter()
        with torch.no_grad():
            logits = load(Path(folder, name))(torch.arange(5, 13)[None]).logits  # (1, 8, V)
        found = {
            "seconds": time.perf_counter() - start,
            "mebibytes": _memory("VmHWM") - before,
            "logits": logits[0, 0, :50].tolist(),
        }
    print(json.dumps(found))


def _memory(entry: str) -> float:
    """MiB of this process's memory, now (VmRSS) or at its peak (VmHWM); Linux tells.

    Unlike getrusage, which goes on from the process that started this one.
    """
    status = Path("/proc/self/status")
    found = re.search(rf"{entry}:\s+(\d+) kB", status.read_text()) if status.is_file() else None
    return int(found[1]) / 2**10 if found else float("nan")
