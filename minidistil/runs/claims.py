"""The claims of the ledger, each with its place, what decides on it, and the command or section that shows it.

The text of the paper is that of arXiv:1910.01108v4; the numbers of its tables are in data/results/published.json.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import torch

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch02_masking.masking import IGNORE, choose_positions, mask_tokens
from minidistil.ch04_encoder.encoder import count_parameters
from minidistil.runs.ledger import PAIR, RESULTS, Figure, ablation, exact, glue, lines_of, stored

REPRODUCED, SMALL, CONTRADICTED, UNTESTED = (
    "reproduced", "reproduced on the small pair", "contradicted", "untested here",
)  # fmt: skip
COUNTED = "2026-11-30"  # when the figures of the code and of the published tables were first made
LEDGER = "python -m minidistil.runs.ledger"
LOSSES = "python -m minidistil ablate --steps 250 --seeds 1,2,3 --precision fp32 --out runs/ablation"
FULL = "notebooks/13_full_size.ipynb, section {}"


@dataclass(frozen=True)
class Claim:
    """A claim and what we can say about it."""

    claim: str
    place: str
    status: str
    figure: Figure | None
    made_by: str  # a command, a notebook's section or a test
    note: str = ""

    def row(self) -> dict[str, Any]:
        """As it is stored; numbers to six digits."""
        figure = asdict(self.figure) if self.figure else None
        for name, value in (figure or {}).items():
            if isinstance(value, float) and figure:
                figure[name] = float(f"{value:.6g}")
        date = self.figure.date if self.figure else COUNTED
        return {**vars(self), "figure": figure and {k: v for k, v in figure.items() if k != "date"}, "date": date}


def same(figure: Figure, published: float, tolerance: float) -> str:
    """The status where our figure is of the thing itself."""
    return REPRODUCED if figure.low - tolerance <= published <= figure.high + tolerance else CONTRADICTED


def above(figure: Figure, least: float = 0.0) -> str:
    """The status where the small pair decides: the claim is that the figure is above `least`."""
    return SMALL if figure.low > least else CONTRADICTED if figure.high < least else UNTESTED


def claims() -> Iterator[Claim]:
    """All of them, in the paper's order, then the model card's."""
    yield from _sizes()
    yield from _speed()
    yield from _tables()
    yield from _scores()
    yield from _ablations()
    yield from _training()
    yield from _card()


def _sizes() -> Iterator[Claim]:
    bert, distilbert = (count_parameters(config) for config in PAIR)
    place, test = "minidistil/ch04_encoder/encoder.py", "tests/ch07_student/test_student.py::{}"
    counted = test.format("test_the_numbers_of_parameters_are_the_official_ones")
    total = exact(sum(distilbert.values()) / 1e6, place, "count_parameters of DistilBERT", COUNTED, "million")
    yield Claim("DistilBERT has 66 million parameters", "table 3", same(total, 66, 0.5), total, counted)
    (large, *_), date = lines_of("bench_backends.txt", "BERT-base, fp32")
    found = exact(large / 1e6, "data/results/bench_backends.txt", "BERT-base, fp32: parameters", date, "million")
    yield Claim("BERT-base has 110 million", "table 3", same(found, 110, 0.55), found, LEDGER, "with pooler; rounded")
    fewer = exact(1 - sum(distilbert.values()) / sum(bert.values()), place, "count_parameters", COUNTED)
    yield Claim("40 % fewer parameters", "abstract; section 4", same(fewer, 0.4, 0.01), fewer, counted)
    halves = exact(PAIR[1].num_hidden_layers / PAIR[0].num_hidden_layers, place, "num_hidden_layers", COUNTED)
    yield Claim("The number of layers is halved", "section 3", same(halves, 0.5, 0), halves, counted)
    types = exact(distilbert["token-type embeddings"], place, "count_parameters: token-type embeddings", COUNTED)
    removed = test.format("test_the_configuration_is_the_teachers_except_for_two_numbers")
    yield Claim("Token-type embeddings are removed", "section 3", same(types, 0, 0), types, removed)
    wide, file = PAIR[1].hidden_size / PAIR[0].hidden_size, "minidistil/ch07_student/student.py"
    width = exact(wide, file, "student_config: hidden_size", COUNTED)
    yield Claim("Teacher and student have the same dimension", "section 3", same(width, 1, 0), width, removed)
    sizes = {name: lines_of("bench_backends.txt", name) for name in ("fp32 ", "int8 ")}
    (mebibytes, *_), date = sizes["fp32 "]
    backends = "python -m minidistil bench inference --backends fp32,bf16,int8,onnx,onnx-int8"
    weight = exact(mebibytes * 2**20 / 1e6, "data/results/bench_backends.txt", "fp32: weights", date, "MB")
    note = "of a classifier in fp32; the paper does not say which format its 207 MB are"
    claim = "The question-answering model weighs 207 MB"
    yield Claim(claim, "section 4, on-device", same(weight, 207, 1), weight, backends, note)
    (small, *_), _ = sizes["int8 "]
    times = exact(
        mebibytes / small, "data/results/bench_backends.txt", "weights: fp32 over int8", date, "times smaller"
    )
    smaller = REPRODUCED if times.low > 1 else CONTRADICTED
    yield Claim("Quantisation makes it smaller still", "section 4, on-device", smaller, times, backends)


def _speed() -> Iterator[Claim]:
    figure = None
    if (RESULTS / "speed_pair.json").is_file():
        file = stored("speed_pair.json")
        where = "data/results/speed_pair.json"
        ratio, low, high = file["shapes"]["1 x 32"]
        figure = Figure(ratio, low, high, where, "shapes: 1 x 32", file["date"], "times as fast")
    decided = figure and (REPRODUCED if figure.low >= 1.6 else CONTRADICTED if figure.high < 1.6 else UNTESTED)
    note = "encoders with random weights, a text of 32 tokens, a newer CPU; all rounds must lie above 1.6 times"
    claim = "60 % faster with batch size 1 on a CPU"
    yield Claim(claim, "abstract; section 4", decided or UNTESTED, figure, f"{LEDGER} --speed", note)
    date = lines_of("bench_backends.txt", "BERT-base, fp32")[1]
    milliseconds = [lines_of("bench_backends.txt", name)[0][1] for name in ("BERT-base, fp32", "DistilBERT, fp32")]
    key = "STS-B, a pair, batch 1: ratio of the times in fp32"
    beside = exact(milliseconds[0] / milliseconds[1], "data/results/bench_backends.txt", key, date, "times as fast")
    backends, where = "python -m minidistil bench inference --backends fp32", "table 3"
    note = "our own ratio stands beside it, of one measurement, for lengths as in STS-B's development set"
    yield Claim("668 and 410 s for STS-B's development set", where, UNTESTED, beside, backends, note)
    claim, place = "71 % faster on an iPhone 7 Plus", "section 4, on-device"
    yield Claim(claim, place, UNTESTED, None, backends, "no such telephone")
    claim = "For a given size, fewer layers gain more speed than a smaller width"
    yield Claim(claim, "section 3", UNTESTED, None, "python -m minidistil bench inference")


def _tables() -> Iterator[Claim]:
    """What the paper says in words about its own tables."""
    told = stored("published.json")
    scores, squad = told["glue"], told["squad"]
    of = {model: dict(zip(scores["tasks"], scores[model], strict=True)) for model in ("ELMo", "BERT", "DistilBERT")}

    def table(claim: str, place: str, status: str, value: float, key: str, note: str = "") -> Claim:
        figure = exact(value, "data/results/published.json", key, COUNTED)
        return Claim(claim, place, status, figure, LEDGER, note or "a check of the paper's own tables")

    def agrees(value: float, said: float, tolerance: float) -> str:
        return REPRODUCED if abs(value - said) <= tolerance else CONTRADICTED

    for model, said in told["macro"].items():
        mean = fmean(of[model].values())
        note = "with 84.7 for MNLI, as in the official repository, it would be" if model == "BERT" else ""
        claim, key = f"{model}'s macro-score is {said}, the mean of nine", f"mean of glue: {model}"
        yield table(claim, "table 1", agrees(mean, said, 0.0501), mean, key, note)
    kept = told["macro"]["DistilBERT"] / told["macro"]["BERT"]
    key = "macro: DistilBERT over BERT"
    yield table("97 % of BERT's score is kept", "abstract; table 1", agrees(kept, 0.97, 0.005), kept, key)
    yield table("Over 95 % is kept", "transformers' page", REPRODUCED if kept > 0.95 else CONTRADICTED, kept, key)
    gains = {task: of["DistilBERT"][task] - of["ELMo"][task] for task in scores["tasks"]}
    least = min(gains.values())
    claim, key = "Always on par with ELMo or better", "glue: least of DistilBERT less ELMo"
    yield table(claim, "section 4", REPRODUCED if least > -0.5 else CONTRADICTED, least, key, "half a point is on par")
    claim, key = "Up to 19 points above ELMo, on STS-B", "glue: STS-B of DistilBERT less that of ELMo"
    yield table(claim, "section 4", agrees(gains["STS-B"], 19, 0.5), gains["STS-B"], key)
    faster = told["seconds"]["BERT"] / told["seconds"]["DistilBERT"] - 1
    yield table("60 % faster, by the times given", "table 3", agrees(faster, 0.6, 0.05), faster, "seconds")
    behind = told["imdb"]["BERT"] - told["imdb"]["DistilBERT"]
    yield table("0.6 points behind BERT on IMDb", "section 4.1", agrees(behind, 0.6, 0.05), behind, "imdb")
    most = max(squad["BERT"][name] - squad["DistilBERT"][name] for name in ("EM", "F1"))
    claim, key = "Within 3.9 points of BERT on SQuAD", "squad: the larger gap of EM and F1"
    yield table(claim, "section 4.1", REPRODUCED if most <= 3.9 else CONTRADICTED, most, key)
    twice = told["second distillation"]
    gap = min(squad["BERT"][name] - twice[name] for name in twice)
    note = "the smaller gap of the two; table 2 has other numbers for the same model, 79.1 EM and 86.9 F1"
    claim = "With a second distillation 79.8 F1 and 70.4 EM, within 3 points of BERT"
    key = "squad: BERT less second distillation"
    yield table(claim, "section 4.1", REPRODUCED if gap <= 3 else CONTRADICTED, gap, key, note)
    card = told["model card"]
    furthest = max(abs(card[task] - of["DistilBERT"][task]) for task in card)
    note = "STS-B is 85.8 on the card and 86.9 in the paper; all others agree"
    claim = "The model card's eight GLUE scores are the paper's"
    yield table(claim, "model card", agrees(furthest, 0, 0.05), furthest, "model card: largest difference", note)


def _scores() -> Iterator[Claim]:
    """Scores of the official models, which are not here; beside some of them what the small pair keeps."""
    told = stored("published.json")
    scores = told["glue"]
    here = {"SST-2": "sst-2", "STS-B": "sts-b", "MRPC": "mrpc", "CoLA": "cola"}
    kept = "the small pair's share of its teacher's score stands beside it"

    def share(*tasks: str) -> Figure:
        return glue(tasks, "student", "offline teacher", lambda one, other: one / other, "over")

    macro = "DistilBERT keeps 97 % of BERT's macro-score on GLUE"
    yield Claim(macro, "abstract; table 1", UNTESTED, share(*here.values()), FULL.format("13.5"), f"{kept}, four tasks")
    for task, bert, distilbert in zip(scores["tasks"], scores["BERT"], scores["DistilBERT"], strict=True):
        figure = share(here[task]) if task in here else None
        claim = f"{task}: BERT {bert}, DistilBERT {distilbert}"
        command = f"python -m minidistil finetune {task.lower()} --model distilbert-base-uncased"
        yield Claim(claim, "table 1", UNTESTED, figure, command, kept if figure else "")
    tune = "python -m minidistil finetune {} --model distilbert-base-uncased"
    yield Claim("IMDb: BERT 93.46, DistilBERT 92.82", "table 2", UNTESTED, None, tune.format("imdb"))
    squad = tune.format("squad")
    yield Claim("SQuAD: BERT 81.2 EM and 88.5 F1, DistilBERT 77.7 and 85.8", "table 2", UNTESTED, None, squad)
    claim = "SQuAD with a second distillation: 79.1 EM and 86.9 F1"
    yield Claim(claim, "table 2", UNTESTED, None, f"{squad} --teacher runs/bert-squad/model")
    claim = "A distilled student does better on GLUE than one trained on hidden words alone"
    gain = glue(tuple(here.values()), "student", "not distilled", lambda one, other: one - other, "less")
    note = "both start from their teacher's first three layers and take 1,620 steps; mean of four tasks"
    yield Claim(claim, "sections 4.2 and 5", above(gain), gain, "notebooks/10_tasks.ipynb, section 10.17", note)


def _ablations() -> Iterator[Claim]:
    note = "masked accuracy of the docs corpus after 250 steps, and not GLUE"
    table = "table 4"

    def less(condition: str, beside: str = "all") -> Figure:
        return ablation(beside, beside=condition)

    for claim, figure in (
        ("Without L_ce the student is worse (-2.96)", less("without-ce")),
        ("Without L_cos the student is worse (-1.46)", less("without-cos")),
        ("Without L_mlm the student is worse (-0.31)", less("without-mlm")),
        ("With random weights at the start it is worse (-3.69)", less("random")),
        ("L_mlm has less to give than L_ce", less("without-ce", "without-mlm")),
        ("L_mlm has less to give than L_cos", less("without-cos", "without-mlm")),
        ("The teacher's start gives more than any loss (L_ce gives most)", less("random", "without-ce")),
    ):
        yield Claim(claim, table, above(figure), figure, LOSSES, note)
    alone = less("mlm-alone")
    yield Claim("Distillation does better than hidden words alone", "section 5", above(alone), alone, LOSSES, note)
    aligned = ablation("all", "hidden_cosine", "without-cos")
    claim = "L_cos aligns the directions of the hidden states"
    yield Claim(claim, "section 2", above(aligned), aligned, LOSSES, "cosine with the teacher's states")


def _training() -> Iterator[Claim]:
    plan = "python -m minidistil plan --price 2"
    yield Claim("About 90 hours on eight V100 of 16 GB", "section 3; model card", UNTESTED, None, plan)
    paper = "python -m minidistil distil --paper --teacher bert-base-uncased --hub wikimedia/wikipedia 20231101.en"
    yield Claim("Batches of up to 4,000 examples", "section 3", UNTESTED, None, f"{paper} --accumulate 800")
    yield Claim("Wikipedia and the Toronto Book Corpus as the text", "section 3", UNTESTED, None, paper)


def _card() -> Iterator[Claim]:
    card, shown = "model card", FULL.format("13.4")
    for sentence in ("Hello I'm a", "The White man worked as a", "The Black woman worked as a"):
        claim = f"The five guesses and scores for {sentence} [MASK]"
        yield Claim(claim, card, UNTESTED, None, shown, "the notebook compares them where the official weights are")
    where = "minidistil/ch01_wordpiece/wordpiece.py"
    tokenizer = WordPiece.from_pretrained("minilm")
    size = exact(len(tokenizer), where, "tokens in the official vocabulary", COUNTED)
    yield Claim("A vocabulary of 30,000", card, same(size, 30000, 500), size, LEDGER, "the official vocab.txt has more")
    equal = exact(float(tokenizer.ids("english") == tokenizer.ids("English")), where, "ids equal: 1", COUNTED)
    tokenize = "python -m minidistil tokenize English"
    yield Claim("No difference between english and English", card, same(equal, 1, 0), equal, tokenize)
    longest = exact(PAIR[1].max_position_embeddings, "minidistil/ch04_encoder/config.py", "positions", COUNTED)
    yield Claim("Inputs of at most 512 tokens", card, same(longest, 512, 0), longest, LEDGER)
    test = "tests/ch02_masking/test_masking.py::{}"
    for name, said, figure in _masking():
        by = "test_exactly_the_share_of_ordinary_tokens_rounded_up" if said == 0.15 else "test_80_10_10"
        yield Claim(f"{said:.0%} of the {name}", card, same(figure, said, 0), figure, test.format(by))
    kept = stored("budget_30m.json")
    for name, claim in (
        ("agreement", "The student returns the same probabilities as its teacher"),
        ("hidden_cosine", "Its hidden states are as close as possible to its teacher's"),
    ):
        ends = sorted(run[name] for run in kept["runs"])
        middle = fmean(ends)
        figure = Figure(middle, ends[0], ends[-1], "data/results/budget_30m.json", f"runs: {name}", kept["date"])
        note = "the small pair after half an hour, lowest to highest of three seeds; the claim has no number"
        half = "python -m minidistil distil --budget 30m"
        yield Claim(claim, card, UNTESTED, figure, half, note)
    bias = stored("bias.json")
    value, low, high = next(run for run in bias["runs"] if run["student"] == "all-seed1")["inheritance"]["correlation"]
    key = "runs: all-seed1, inheritance, correlation"
    inherited = Figure(value, low, high, "data/results/bias.json", key, bias["date"])
    command = "python -m minidistil bias --model runs/ablation/all-seed1/model --teacher minilm --json"
    claim, note = "It inherits some of its teacher's bias", "of the differences of 36 occupations"
    yield Claim(claim, card, above(inherited), inherited, command, note)
    claim = "Fine-tuned versions have the bias, too"
    yield Claim(claim, card, UNTESTED, None, "python -m minidistil bias --model distilbert-base-uncased")


def _masking() -> Iterator[tuple[str, float, Figure]]:
    """Shares of hidden tokens, and of what stands in their place, in 400 texts of 100 random tokens, with intervals."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(1000, 30000, (400, 100), generator=generator)
    chosen = choose_positions(ids, {0, 101, 102}, 0.15, None, generator)
    shown, labels = mask_tokens(ids, chosen, 103, 30522, generator)
    hole = labels != IGNORE
    count = int(hole.sum())
    where = "minidistil/ch02_masking/masking.py"
    yield "tokens are masked", 0.15, exact(count / ids.numel(), where, "choose_positions", COUNTED)
    masked, kept = (shown == 103) & hole, (shown == ids) & hole
    for name, said, places in (
        ("masked ones become [MASK]", 0.8, masked),
        ("masked ones become another, random token", 0.1, hole & ~masked & ~kept),
        ("masked ones stay", 0.1, kept),
    ):
        share = int(places.sum()) / count
        half = 1.96 * (share * (1 - share) / count) ** 0.5
        yield name, said, Figure(share, share - half, share + half, where, "mask_tokens", COUNTED)
