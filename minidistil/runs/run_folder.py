"""The folder that every run has, whatever it trains: its settings and plan, its log, its final figures.

`config.json` has the settings and the plan; a call with other settings is refused. `metrics.jsonl` has a line for each
logged step, `curves.png` draws it, `tensorboard/` has the same where TensorBoard is installed, `checkpoints/` is
removed at the end. A finished run has `report.md`, `model/` (Hugging Face format, with the vocabulary) and, written
last, `metrics.json`: where it is, the run is finished. Of several processes only the first writes.
"""

import contextlib
import hashlib
import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import nn

from minidistil import plots
from minidistil.arguments import require_kind
from minidistil.ch08_training.device import described
from minidistil.ch08_training.parallel import from_first, rank
from minidistil.ch08_training.plan import Plan
from minidistil.files import append, read_small, require_space, to_json, write_atomically

Say = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """A finished run, as `distil` and `teach` return it."""

    folder: Path
    metrics: dict[str, Any]  # the final figures by name, as in metrics.json
    log: list[dict[str, Any]]  # the lines of metrics.jsonl, one a logged step
    was_finished: bool = False  # the folder held the finished run already; nothing was done


class RunFolder:
    """A run's folder.

    Args:
        settings: what tells this run from another, as plain JSON values.
        say: called, in the first process, with each line of news.

    Raises:
        TypeError: out is neither a string nor a Path, or say no function.
        ValueError: the folder holds a run with other settings.
    """

    def __init__(self, out: str | Path, settings: dict[str, Any], say: Say):
        require_kind(str, Path, out=out)
        require_kind(Callable, say=say)  # type: ignore[arg-type]  # to mypy, Callable is no class
        self.folder: Path = Path(out)
        self.say: Say = say if rank() == 0 else _nothing
        self.checkpoints: Path = self.folder / "checkpoints"
        self.settings: dict[str, Any] = from_first(self._with_earlier(settings))
        self.identity: str = self.settings.get("run", "")  # also in its checkpoints

    def _with_earlier(self, settings: dict[str, Any]) -> dict[str, Any]:
        """The settings, with what an earlier call of the same run added."""
        earlier = self.read_json("config.json", dict)
        if earlier is None:
            return settings | {"run": uuid.uuid4().hex}
        if "kind" not in earlier:
            raise ValueError(f"{self.folder / 'config.json'} is no run's configuration: choose another --out.")
        free = set() if (self.folder / "metrics.json").is_file() else {"precision"}  # until the run is finished
        changed = [key for key in settings if key in earlier and not _agree(earlier[key], settings[key], free)]
        if changed:
            details = "; ".join(_difference(key, earlier[key], settings[key]) for key in changed)
            raise ValueError(
                f"The folder {self.folder} holds a run with other settings ({details}): choose another with --out, "
                "or delete it to start afresh."
            )
        return earlier

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out of the folder, within the context, and clear what a killed one left half-written.

        Raises:
            ValueError: another process is at work in the folder.
        """
        lock = FileLock(self.folder / ".lock", timeout=0)
        problem = ""
        if rank() == 0:
            try:
                lock.acquire()
            except Timeout:
                problem = (
                    f"Another process is at work in the folder {self.folder}: wait until it is finished, or choose "
                    "another folder with --out."
                )
        if problem := from_first(problem):
            raise ValueError(problem)
        try:
            if rank() == 0:
                for part in [*self.folder.rglob(".*.part"), *self.folder.rglob(".tmp??????")]:  # ours, safetensors'
                    part.unlink()
            yield
        finally:
            if lock.is_locked:
                with contextlib.suppress(OSError):  # Windows removes it with the release
                    Path(lock.lock_file).unlink()
                lock.release()

    def require_room_for(self, model: nn.Module) -> None:
        """Raise OSError unless there is a place for what is still to be written: two checkpoints, and the model.

        A checkpoint holds each weight and the optimiser's two moments; one may be there already. A finished run writes
        nothing more.
        """
        needed = 8 * 4 * sum(parameter.numel() for parameter in model.parameters())
        if problem := from_first(self._lack_of(needed) if rank() == 0 else ""):
            raise OSError(problem)

    def _lack_of(self, needed: int) -> str:
        """What is wrong with the place for so many bytes, checkpoints that lie there included; empty if nothing is."""
        if (self.folder / "metrics.json").is_file():
            return ""
        there = sum(path.stat().st_size for path in self.checkpoints.glob("step-*.safetensors"))
        try:
            require_space(self.folder, needed - there)
        except OSError as error:
            return str(error)
        return ""

    def read_json(self, name: str, kind: type) -> Any:
        """What a JSON file of the folder holds; None where there is none.

        Raises:
            ValueError: it is no regular file, no JSON, or holds no value of this kind.
        """
        path = self.folder / name
        if not path.exists():
            return None
        try:
            value = json.loads(read_small(path))
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, kind):
            raise _damaged(path, f"a JSON file with a {kind.__name__}")
        return value

    def write_json(self, name: str, value: object) -> None:
        """Write a file of the folder, whole or not at all."""
        self.write_text(name, to_json(value, indent=2) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Write a text file of the folder, whole or not at all."""
        if rank() == 0:
            write_atomically(self.folder / name, lambda part: part.write_text(text, encoding="utf-8"))

    def draw(self, name: str, figure: Any) -> None:
        """Write a picture of the folder, whole or not at all."""
        if rank() == 0:
            write_atomically(self.folder / name, lambda part: plots.save(figure, part))

    def plan(self, most: float, precision: str) -> Plan | None:
        """The plan that an earlier call of this run made, or None.

        Args:
            most: steps that the run's settings allow.
            precision: of this call; unless it is "auto", the run goes on in it.

        Raises:
            ValueError: it is no plan, or has more steps.
        """
        if "plan" not in self.settings:
            return None
        try:
            plan = Plan(**self.settings["plan"])
            if plan.end > most:
                raise ValueError(f"it has {plan.end} steps, the settings allow {most:.0f}")
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"The plan in {self.folder / 'config.json'} is damaged ({error}): delete the folder to start afresh, "
                "or choose another with --out."
            ) from error
        if precision not in ("auto", plan.precision):
            self._say_if_other(f"in {plan.precision}", f"in {precision}")
            plan.precision = self.settings["config"]["precision"] = precision
            self.keep_plan(plan)
        return plan

    def goes_on(self, device: torch.device) -> None:
        """Note with the plan where the run began; say so where it goes on elsewhere, as sums are rounded otherwise."""
        here = described(device)
        self._say_if_other(f"on {self.settings.setdefault('device', here)}", f"on {here}")

    def _say_if_other(self, began: str, here: str) -> None:
        if began != here:
            self.say(
                f"This run began {began} and goes on {here}: its weights are no longer bit for bit those of an "
                "uninterrupted run."
            )

    def keep_plan(self, plan: Plan) -> None:
        """Write the plan into config.json: a later call goes on with it."""
        self.settings["plan"] = asdict(plan)
        self.write_json("config.json", self.settings)

    def finish(self, metrics: dict[str, Any], log: list[dict[str, Any]]) -> Run:
        """Write the whole log and, last, metrics.json; then remove the checkpoints.

        Args:
            metrics: the final figures, in the first process.

        Raises:
            OSError: a file cannot be written, or what was written is no longer there.
        """
        self.append_log(log, -1)
        files = ("config.json", "report.md", "model/config.json", "model/model.safetensors", "model/vocab.txt")
        if lost := from_first([name for name in files if not (self.folder / name).is_file()]):
            raise OSError(
                f"{self.folder} has lost {', '.join(lost)} while the run went on: something else deletes its files. "
                "Run the command again."
            )
        self.write_json("metrics.json", metrics)
        if rank() == 0:
            shutil.rmtree(self.checkpoints, ignore_errors=True)
        written = json.loads(to_json(metrics))  # as a later call reads it
        return Run(self.folder, from_first(written), log)

    def finished(self, use: Callable[[dict[str, Any]], object]) -> Run | None:
        """The finished run in the folder, if there is one.

        Args:
            use: some use of the final figures; where it fails, they are damaged.
        """
        metrics = from_first(self.read_json("metrics.json", dict))
        if metrics is None:
            return None
        try:
            use(metrics)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise _damaged(self.folder / "metrics.json", "the figures of a finished run") from error
        path = self.folder / "metrics.jsonl"
        try:
            log = [dict(json.loads(line)) for line in read_small(path, most=2**30).splitlines()]
        except (OSError, TypeError, ValueError, RecursionError) as error:
            raise ValueError(
                f"The run in {self.folder} is finished, but {path} is missing or damaged ({error}): delete the folder "
                "to start afresh, or choose another with --out."
            ) from error
        return Run(self.folder, metrics, log, was_finished=True)

    def append_log(self, log: list[dict[str, Any]], written: int) -> None:
        """Bring metrics.jsonl, which has `written` lines of the log, up to date; below 0: write it anew."""
        if rank():
            return
        lines = "".join(to_json(line) + "\n" for line in log[max(written, 0) :])
        if written > 0:
            append(self.folder / "metrics.jsonl", lines)
        else:
            self.write_text("metrics.jsonl", lines)


def _damaged(path: Path, expected: str) -> ValueError:
    return ValueError(
        f"{path} is damaged: expected {expected}. Delete the folder to start afresh, or choose another with --out."
    )


def fingerprint(model: nn.Module) -> str:
    """A hash that changes with any weight of the model."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _nothing(line: str) -> None:
    """Say nothing."""


def _agree(earlier: Any, now: Any, free: set[str]) -> bool:
    """Whether a setting is the same; of several in one, those that an older version did not write may be missing."""
    if isinstance(earlier, dict) and isinstance(now, dict):
        return all(earlier[name] == now[name] for name in now if name in earlier and name not in free)
    return bool(earlier == now)


def _difference(key: str, earlier: Any, now: Any) -> str:
    if not isinstance(earlier, dict) or not isinstance(now, dict):
        return f"{key} {earlier} there, {now} now"
    parts = [
        f"{name} {earlier[name]} there, {now.get(name)} now"
        for name in now
        if name in earlier and earlier[name] != now[name]
    ]
    return f"{key}: {', '.join(parts)}"
