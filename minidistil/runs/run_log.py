"""What a run shows while it goes on: a progress bar, metrics.jsonl, TensorBoard's files and curves.png."""

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from tqdm import tqdm

from minidistil.ch08_training.checkpoints import Progress
from minidistil.ch08_training.parallel import rank
from minidistil.ch08_training.plan import Plan
from minidistil.runs.report import minutes
from minidistil.runs.run_folder import RunFolder

REDRAW_SECONDS = 60.0


class RunLog:
    """The log of a run, written after every step; only the first process writes.

    Args:
        full_speed: tokens a second at which this machine would be used in full; None: utilisation is not logged.
        curves: draws the log so far; None: nothing is drawn while the run goes on, and TensorBoard gets nothing.
        digits: of the loss beside the progress bar.
    """

    def __init__(
        self,
        folder: RunFolder,
        plan: Plan,
        full_speed: float | None = None,
        curves: Callable[[list[dict[str, Any]]], Any] | None = None,
        digits: int = 2,
    ):
        self.folder = folder
        self.plan = plan
        self.full_speed = full_speed
        self.curves = curves
        self.digits = digits
        self.resumes: bool = any(folder.checkpoints.glob("step-*.safetensors"))
        self.bar: Any = tqdm(total=plan.end, unit="step", disable=None if rank() == 0 else True, smoothing=0.05)
        self.tensorboard: Any = _tensorboard(folder.folder / "tensorboard") if curves and rank() == 0 else None
        self.written: int = -1  # lines of metrics.jsonl; below 0: the file is to be written anew
        self.drawn: float = time.perf_counter()

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.bar.close()
        if self.tensorboard:
            self.tensorboard.close()

    def write(self, progress: Progress) -> None:
        """Bring bar and files up to date: after every step, and at the start of a resumed run."""
        if self.resumes:
            left = minutes((self.plan.end - progress.step) * self.plan.seconds_per_step)
            self.folder.say(f"resumed after step {progress.step}, about {left} left")
            self.resumes = False
        self.bar.total = self.plan.end
        self.bar.update(progress.step - self.bar.n)
        if len(progress.log) > max(self.written, 0):
            self._write_lines(progress.log)
        self.written = len(progress.log)

    def _write_lines(self, log: list[dict[str, Any]]) -> None:
        if self.full_speed is not None:
            for line in log[-2:]:  # an interrupt may have left one without
                line.setdefault("utilisation", round(line["tokens_per_second"] / self.full_speed, 4))
        self.folder.append_log(log, self.written)
        if self.tensorboard:
            for line in log[max(self.written, 0) :]:
                for name, value in line.items():
                    self.tensorboard.add_scalar(name, value, line["step"])
        self.bar.set_postfix(loss=f"{log[-1]['loss']:.{self.digits}f}", refresh=False)
        if self.curves and time.perf_counter() - self.drawn > REDRAW_SECONDS:
            self.folder.draw("curves.png", self.curves(log))
            self.drawn = time.perf_counter()


def _tensorboard(folder: Path) -> Any:
    """A writer for TensorBoard, where it is installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder))
