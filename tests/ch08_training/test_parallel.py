"""Chapter 8, several processes: two of them do what one does, and split a streamed text."""

import json
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import torch
from safetensors.torch import load_file

from minidistil.ch01_wordpiece.wordpiece import WordPiece
from minidistil.ch05_weights.heads import MaskedLM
from tests.conftest import TINY

SENTENCE = "the list of all files in a folder is read by this function and line {} is returned as one text"
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
# As torchrun sets it, since sums of floats depend on it; and on the CPU, wherever the tests run.
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tokenizer: WordPiece) -> Path:
    """A tiny teacher, a text file and two datasets in the form of the hub's."""
    folder = tmp_path_factory.mktemp("parallel")
    torch.manual_seed(0)
    MaskedLM(TINY).save_pretrained(folder / "teacher")
    tokenizer.save(folder / "teacher")
    lines = [SENTENCE.format(number) for number in range(400)]
    (folder / "text.txt").write_text("\n".join(lines))
    (folder / "dataset").mkdir()
    for file in range(2):
        table = pyarrow.table({"text": lines[file:300:2]})
        pyarrow.parquet.write_table(table, folder / "dataset" / f"train-{file:05d}-of-00002.parquet")
    (folder / "other").mkdir()  # split by documents, the first one by files
    pyarrow.parquet.write_table(pyarrow.table({"text": lines[300:]}), folder / "other" / "train.parquet")
    return folder


def distil(folder: Path, out: Path, *flags: str, together: bool = False) -> str:
    """Run `minidistil distil`, in two processes or in one; returns what was printed."""
    start = TORCHRUN if together else [sys.executable]
    settings = f"--teacher {folder / 'teacher'} --batch-size 4 --max-length 32 --precision fp32 --steps 6 --out {out}"
    command = [*start, "-m", "minidistil", "distil", *settings.split(), *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=ONE_THREAD)
    assert done.returncode == 0, done.stderr
    return done.stdout


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model" / "model.safetensors")


def test_two_processes_are_one_with_twice_the_accumulation(folder: Path, tmp_path: Path) -> None:
    text = ("--text", str(folder / "text.txt"))
    distil(folder, tmp_path / "one", *text, "--accumulate", "2")
    printed = distil(folder, tmp_path / "two", *text, "--accumulate", "1", together=True)
    assert printed.count("training: 6 steps") == 1  # one process talks
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    # Bit for bit: the mean of two gradients is rounded alike, wherever each was computed.
    assert all(torch.equal(one[name], two[name]) for name in one)
    logs = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("one", "two")]
    alike = [json.loads(log.splitlines()[-1]) for log in logs]
    for name in ("tokens", "loss", "ce", "mlm", "cos", "gradient_norm", "learning_rate"):
        assert alike[0][name] == pytest.approx(alike[1][name], rel=1e-6)


def test_gradients_are_averaged_after_the_last_micro_batch_only(folder: Path, tmp_path: Path) -> None:
    text = ("--text", str(folder / "text.txt"))
    distil(folder, tmp_path / "one", *text, "--accumulate", "4")
    distil(folder, tmp_path / "two", *text, "--accumulate", "2", together=True)
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    # (a + c) + (b + d) is rounded otherwise than ((a + b) + c) + d, by 2^-24 at each sum. AdamW divides a gradient by
    # its own size: where it is nothing but rounding noise, the two runs may step apart, by the learning rate each.
    # The rates of these 6 steps add up to 4e-3. Elsewhere, and so on average, the runs agree far better.
    apart = torch.cat([(one[name] - two[name]).abs().flatten() for name in one])
    assert apart.max() <= 2 * 4e-3
    assert apart.mean() < 1e-6


STREAMED = """
import functools, os, pathlib, signal, sys, threading, time
import minidistil as md
from minidistil.ch08_training import feed as microbatches
from minidistil.ch08_training.parallel import processes

# Small windows: the run is killed behind the first of them, at a position within the text.
microbatches.WindowedBatches = functools.partial(microbatches.WindowedBatches, window=15)
folder, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
workers, last, victim, pause = int(sys.argv[3]), int(sys.argv[4]), sys.argv[5], float(sys.argv[6])

def kill_when_it_has_gone_far_enough():
    while not any(int(path.stem[5:]) >= last for path in (out / "checkpoints").glob("step-*")):
        time.sleep(0.001)
    time.sleep(pause)
    os.kill(os.getpid(), signal.SIGKILL)

if last and os.environ["RANK"] == victim:
    threading.Thread(target=kill_when_it_has_gone_far_enough, daemon=True).start()
config = md.DistilConfig(steps=40, batch_size=4, accumulate=2, max_length=32, precision="fp32",
                         checkpoint_seconds=1e-9, dropout=0.1, mask_smoothing=0.7, validate_every=10,
                         workers=workers)
with processes():
    teacher = md.MaskedLM.from_pretrained(folder / "teacher")
    text = md.corpus.together([md.corpus.hub(folder / "dataset"), md.corpus.hub(folder / "other")])
    md.distil(teacher, md.student_of(teacher), text, config, out, say=print)
# A thread of the group that outlives it can crash the interpreter at its end.
threads = [path.read_text() for path in pathlib.Path("/proc/self/task").glob("*/comm")]
assert not [name for name in threads if "gloo" in name and "pt_" in name], threads
"""


def test_two_processes_share_a_stream_and_go_on_where_they_were_killed(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "streamed.py"
    path.write_text(STREAMED)

    def run(name: str, workers: int, last: int = 0, victim: int = 0) -> subprocess.CompletedProcess[str]:
        when = [str(workers), str(last), str(victim), str(random.uniform(0, 0.05))]
        command = [*TORCHRUN, str(path), str(folder), str(tmp_path / name), *when]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, env=ONE_THREAD)

    whole = run("whole", workers=0)
    assert whole.returncode == 0, whole.stderr
    kills = [random.randint(2, 12), random.randint(14, 25)]  # of 40 steps: where each process in turn is killed
    for victim, last in enumerate(kills):
        assert run("parts", victim, last, victim).returncode != 0
    again = run("parts", workers=1)
    assert again.returncode == 0, again.stderr
    (resumed,) = re.findall(r"resumed after step (\d+)", again.stdout)
    assert int(resumed) >= kills[-1]
    one, two = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.equal(one[name], two[name]) for name in one)
    logs = [(tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("whole", "parts")]
    lines = [[json.loads(line) for line in log] for log in logs]
    for name in ("step", "tokens", "loss", "validation_loss"):
        assert [line[name] for line in lines[0]] == [line[name] for line in lines[1]]


BUDGETED = """
import hashlib, pathlib, sys
import minidistil as md
from minidistil.ch08_training.parallel import processes, rank

folder, out = map(pathlib.Path, sys.argv[1:])
config = md.DistilConfig(budget_seconds=3, batch_size=4, max_length=64, precision="fp32", validate_every=None)
with processes():
    teacher = md.MaskedLM.from_pretrained(folder / "teacher")
    student = md.student_of(teacher)
    md.distil(teacher, student, md.corpus.hub(folder / "uneven"), config, out)
    weights = b"".join(tensor.numpy().tobytes() for tensor in student.state_dict().values())
    print(rank(), "has", hashlib.sha256(weights).hexdigest(), flush=True)
"""


def test_a_plan_is_corrected_alike_where_the_shares_of_a_stream_differ(folder: Path, tmp_path: Path) -> None:
    for file, times in enumerate((1, 4)):  # a file a process
        table = pyarrow.table({"text": [" ".join([SENTENCE.format(line)] * times) for line in range(400)]})
        (folder / "uneven").mkdir(exist_ok=True)
        pyarrow.parquet.write_table(table, folder / "uneven" / f"train-{file:05d}-of-00002.parquet")
    path = tmp_path / "budgeted.py"
    path.write_text(BUDGETED)
    command = [*TORCHRUN, str(path), str(folder), str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=ONE_THREAD)
    assert done.returncode == 0, done.stderr
    settings = json.loads((tmp_path / "run" / "config.json").read_text())
    assert settings["plan"]["corrections"]
    assert len(set(re.findall(r"has (\w{64})", done.stdout))) == 1, done.stdout
    assert done.stdout.count(" has ") == 2


WATCHED = """
import os, pathlib, sys, time
import torch
import minidistil as md
from minidistil.ch08_training.parallel import processes, rank

folder, out, spoilt = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3] == "spoilt"
CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.link", "os.symlink", "os.chmod")

def watch(event, arguments):
    writes = event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if (writes or event in CHANGES) and str(arguments[0]).startswith(str(out)):
        print(f"process {os.environ['RANK']} changes {arguments[0]}", flush=True)

sys.addaudithook(watch)
config = md.DistilConfig(steps=6, batch_size=4, max_length=32, precision="fp32", checkpoint_seconds=1e-9,
                         log_every=1, validate_every=2)
teacher = md.MaskedLM.from_pretrained(folder / "teacher")
student = md.student_of(teacher)
with processes():
    if spoilt and rank() == 1:
        steps = iter(range(100))
        change = lambda module, inputs, hidden: hidden * (float("nan") if next(steps) == 4 else 1.0)  # two were trials
        student.head.register_forward_hook(change)
    try:
        md.distil(teacher, student, md.corpus.text_files([folder / "text.txt"]), config, out)
    except ValueError as error:
        print(f"process {rank()} stops: {error}", flush=True)
        time.sleep(1)  # else torchrun may end the other before it has spoken
"""


@pytest.fixture
def watched(folder: Path, tmp_path: Path) -> Callable[[str], str]:
    """A run of two processes that say what files they change; "spoilt": the second one meets a NaN."""
    path = tmp_path / "watched.py"
    path.write_text(WATCHED)

    def run(how: str) -> str:
        command = [*TORCHRUN, str(path), str(folder), str(tmp_path / "run"), how]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=ONE_THREAD)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_only_the_first_process_writes(watched: Callable[[str], str], tmp_path: Path) -> None:
    printed = watched("whole")
    writers = {who: printed.count(f"process {who} changes") for who in (0, 1)}
    assert writers[0] > 20
    assert writers[1] == 0, printed
    assert (tmp_path / "run" / "metrics.json").is_file()


def test_a_nan_in_one_process_stops_all_and_keeps_the_last_good_checkpoint(
    watched: Callable[[str], str], tmp_path: Path
) -> None:
    printed = watched("spoilt")
    stops = re.findall(r"process (\d) stops: Training stopped in step (\d): (\w+) is nan in micro-batch (\d+)", printed)
    assert sorted(stops) == [("0", "3", "ce", "5"), ("1", "3", "ce", "5")], printed
    (checkpoint,) = (tmp_path / "run" / "checkpoints").glob("step-*.safetensors")
    assert checkpoint.stem == "step-00000002"
    assert all(tensor.isfinite().all() for tensor in load_file(checkpoint).values())
    kept = json.loads((tmp_path / "run" / "checkpoints" / "not-finite.json").read_text())
    assert kept["micro_batch"] == 5  # of the second process: odd numbers are its own


def by_hand(*command: str | Path) -> list[subprocess.Popen[str]]:
    """Two processes of a command, started without torchrun, which has its own words and would end both."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    return [
        subprocess.Popen(
            [sys.executable, *map(str, command)],
            env=ONE_THREAD | place | {"RANK": rank, "LOCAL_RANK": rank}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]  # fmt: skip


def test_an_empty_share_of_a_stream_is_one_sentence_in_each_process(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "text").mkdir()
    for file, lines in enumerate(([SENTENCE.format(number) for number in range(400)], [""])):
        table = pyarrow.table({"text": lines})
        pyarrow.parquet.write_table(table, tmp_path / "text" / f"train-{file:05d}-of-00002.parquet")
    settings = f"--teacher {folder / 'teacher'} --steps 2 --hub {tmp_path / 'text'} --out {tmp_path / 'run'}"
    for process in by_hand("-m", "minidistil", "distil", *settings.split()):
        _, printed = process.communicate(timeout=300)
        assert process.returncode == 2
        (line,) = printed.splitlines()
        assert "Process 1's share of the text: The corpus is empty" in line


GONE = """
import os, signal, sys, time
from minidistil.ch08_training import parallel

parallel.SILENCE = 3.0
with parallel.processes():
    os.write(1, f"{os.getpid()}\\n".encode())  # at once: unbuffered, print writes the end of a line apart
    if os.environ["RANK"] == "1" and sys.argv[1] == "dies":
        os._exit(3)
    if os.environ["RANK"] == "1" and sys.argv[1] == "stops":
        os.kill(os.getpid(), signal.SIGSTOP)
    if os.environ["RANK"] == "1" and sys.argv[1] == "reads":
        with parallel.waiting_for("its text"):
            time.sleep(6)
    if sys.argv[1] == "leaves":
        time.sleep(0 if os.environ["RANK"] == "1" else 6)
    else:
        parallel.gather(time.sleep(100 if sys.argv[1] == "lives" else 2))
"""


@pytest.fixture
def gone(tmp_path: Path) -> Path:
    (tmp_path / "gone.py").write_text(GONE)
    return tmp_path / "gone.py"


@pytest.mark.parametrize(
    ("how", "said"),
    [("stops", "process 1 has given no sign of life for 3 seconds"), ("dies", "Process 0 has lost another one")],
)
def test_a_process_that_is_gone_ends_the_other(how: str, said: str, gone: Path) -> None:
    first, second = by_hand(gone, how)
    try:
        _, printed = first.communicate(timeout=300)
        assert first.returncode == 1
        assert said in printed
        assert "the same command goes on" in printed.lower()
    finally:
        second.kill()
        second.communicate()


def test_a_process_that_waits_for_its_text_says_so_once(gone: Path) -> None:
    for rank, process in enumerate(by_hand(gone, "reads")):
        _, printed = process.communicate(timeout=300)
        assert process.returncode == 0, printed
        assert printed.count("process 1 has waited for its text for 3 seconds") == rank


def test_a_process_that_leaves_first_is_not_missed(gone: Path) -> None:
    for process in by_hand(gone, "leaves"):
        _, printed = process.communicate(timeout=300)
        assert process.returncode == 0, printed


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_no_process_outlives_torchrun(gone: Path) -> None:
    command = [*TORCHRUN, str(gone), "lives"]
    torchrun = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ONE_THREAD)
    assert torchrun.stdout
    numbers = (int(line) for line in torchrun.stdout if line.strip().isdigit())  # older torch says more
    pids = list(islice(numbers, 2))
    assert all(map(is_running, pids))
    torchrun.kill()
    torchrun.wait()
    start = time.monotonic()
    while any(map(is_running, pids)):
        assert time.monotonic() - start < 30
        time.sleep(0.1)


def test_a_port_in_use_is_one_sentence(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0"}
        command = [sys.executable, "-m", "minidistil", "distil", "--teacher", str(folder / "teacher")]
        done = subprocess.run(command, env=ONE_THREAD | place, capture_output=True, text=True, timeout=100)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("minidistil: ")]
    assert f"port {port} of 127.0.0.1" in line
    assert "--master-port" in line
    assert "Traceback" not in done.stderr


FAILING = """
import sys
import weakref
from torch import distributed, nn
from minidistil.ch08_training.parallel import averaging_gradients, processes

def fail():
    module = averaging_gradients(nn.Linear(2, 1))
    modules.append(weakref.ref(module))
    raise ValueError("after a step")

modules, end = [], distributed.destroy_process_group
def told(*arguments):
    sys.stdout.write(f"freed before the group ends: {modules[0]() is None}\\n")
    end(*arguments)
distributed.destroy_process_group = told
try:
    with processes():
        try:
            fail()
        except ValueError as error:
            raise RuntimeError("told in other words") from error
except RuntimeError as error:
    print(error, "because", error.__cause__)
"""


def test_what_averages_gradients_is_freed_before_its_group_also_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "failing.py"
    path.write_text(FAILING)
    done = subprocess.run([*TORCHRUN, str(path)], capture_output=True, text=True, timeout=300, env=ONE_THREAD)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("freed before the group ends: True") == 2, done.stdout
    assert done.stdout.count("told in other words because after a step") == 2
