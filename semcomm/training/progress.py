"""The bar of a training run on a terminal: steps done, the newest scores, and the time left."""

import math
from collections.abc import Callable
from typing import Any, final

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

REDRAWN_AFTER_S = 0.5
SPEED_OVER_S = 600
"""The time over which steps are counted to tell the time left, so that a validation does not shake it."""


@final
class StepsBar(Callback):
    """Show on stderr, if that is a terminal, how far a run has come, and how long it will take yet.

    A run that resumes begins with the steps that it had. Time left is measured by the steps of this process.

    Args:
        steps: how many the whole run has; None if only time ends it.
        minutes: time for the whole run; None for any.
        seconds: tells the time that the run has taken, resumptions included; None for that of this process.
    """

    def __init__(self, steps: int | None, *, minutes: float | None = None, seconds: Callable[[], float] | None = None):
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[counted]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[scores]}", markup=False),
        )
        self.steps = steps
        self.minutes = minutes
        self.seconds = seconds
        console = Console(stderr=True)
        self.progress = Progress(*columns, console=console, transient=True, speed_estimate_period=SPEED_OVER_S)
        self.task = self.progress.add_task("training", total=1.0, start=False, counted="", scores="")
        self._shown = console.is_interactive
        self._drawn = -math.inf

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Begin with the share that was done before."""
        if self._shown and trainer.is_global_zero:
            self.progress.reset(self.task, start=True, **self._state(trainer))
            self.progress.start()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,  # noqa: ARG002
        outputs: Any,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Go on, a few times a second: reading a score makes the host wait for the device."""
        if self.progress.live.is_started and self.progress.get_time() > self._drawn + REDRAWN_AFTER_S:
            self._drawn = self.progress.get_time()
            self.progress.update(self.task, **self._state(trainer))

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:  # noqa: ARG002
        """Leave the terminal as it was."""
        self._stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:  # noqa: ARG002
        """Leave the terminal as it was."""
        self._stop()

    def _stop(self) -> None:
        if self.progress.live.is_started:
            self.progress.stop()

    def _state(self, trainer: Trainer) -> dict[str, Any]:
        step = trainer.global_step
        share = 0.0 if self.steps is None else step / self.steps
        if self.minutes is not None:
            seconds = (self.progress.tasks[0].elapsed or 0.0) if self.seconds is None else self.seconds()
            share = max(share, seconds / (60 * self.minutes))
        scores = "  ".join(f"{name} {float(value):.4g}" for name, value in trainer.callback_metrics.items())
        counted = f"step {step:,}" if self.steps is None else f"step {step:,}/{self.steps:,}"
        return {"completed": share, "counted": counted, "scores": scores}
