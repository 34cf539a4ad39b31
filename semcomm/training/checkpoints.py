"""The state of a training run on disk, and the signals that end a run without losing a step."""

import io
import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any, final

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from semcomm.files.atomic import write_whole
from semcomm.training.run_folder import CHECKPOINTS, newest_checkpoint, step_of

ROUND_SPACING_S = 10.0
"""A round through a few photographs can be shorter than writing a checkpoint; nobody wants to lose more than this."""
_REMEDY = "delete it to start from the beginning"
_PARTS: dict[str, type] = {
    "epoch": int,
    "global_step": int,
    "state_dict": dict,
    "loops": dict,
    "callbacks": dict,
    "optimizer_states": list,
    "lr_schedulers": list,
}
"""What Lightning keeps in a checkpoint."""
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)]


@final
class Stopped(SystemExit):
    """A signal ended a run that can be resumed; the exit code is the shell's, 128 plus the signal's number."""

    def __init__(self, signal_number: int, out: Path):
        super().__init__(128 + signal_number)
        self.signal_number = signal_number
        self.step = step_of(newest_checkpoint(out))

    def __str__(self) -> str:
        """Say where the run goes on."""
        name = signal.Signals(self.signal_number).name
        return f"stopped by {name}; the same command with --resume goes on after step {self.step}"


@final
class WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints that are written whole or not at all.

    Lightning's own way writes to the system's temporary folder and moves the file, which on another disk is a copy
    that can be cut short.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:  # noqa: ARG002
        """Write a checkpoint beside its place, then rename it."""
        path, content = Path(path), io.BytesIO()
        torch.save(checkpoint, content)
        with write_whole(path) as temporary:
            try:
                temporary.write_bytes(content.getbuffer())
            except OSError as error:
                raise OSError(f"cannot write checkpoint {path}: {error.strerror or error}") from error

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:  # noqa: ARG002
        """Read a checkpoint that `save_checkpoint` wrote, on the CPU and without unpickling.

        Raises:
            ValueError: naming the file, if it holds anything else.
        """
        try:
            checkpoint = super().load_checkpoint(path, weights_only=True)
        except FileNotFoundError:
            raise
        except Exception as error:  # a damaged file raises whatever the byte it breaks off at leads to
            raise ValueError(f"checkpoint {path} is damaged or no checkpoint; {_REMEDY}") from error
        parts = checkpoint if isinstance(checkpoint, dict) else {}
        wrong = [name for name, kind in _PARTS.items() if not isinstance(parts.get(name), kind)]
        if wrong or checkpoint["global_step"] != step_of(Path(path)):
            raise ValueError(f"checkpoint {path} is damaged: {', '.join(wrong) or 'global_step'} is wrong; {_REMEDY}")
        return checkpoint


@final
class KeepNewest(Checkpoint):
    """Writes a checkpoint every so many steps, after every round through the photographs, and when a signal says stop.

    After a round only if the newest one is ten seconds old.

    Never in the middle of a step: weights of which a half is updated could not be resumed to the same result.
    SIGINT, SIGTERM and SIGUSR1 end the run after the step in hand; a second one ends it at once. All processes of a
    run stop at the same step.

    Args:
        out: the run's folder; the newest checkpoint lies in its subfolder.
        every: steps from one checkpoint to the next.
        batch_size: crops per step.
        images: photographs in a round.
        steps: after the last one there is a checkpoint, too; None for no last one.
        minutes: time after which the run ends, with a checkpoint; None for any.
    """

    def __init__(
        self, out: Path, *, every: int, batch_size: int, images: int, steps: int | None, minutes: float | None = None
    ):
        self.out = out
        self.every = every
        self.batch_size = batch_size
        self.images = images
        self.steps = steps
        self.minutes = minutes
        self._step = -1
        self._signal_number = 0
        self._seconds_before, self._started = 0.0, time.monotonic()
        self._written = self._started

    @property
    def seconds(self) -> float:
        """Time spent on the run, the time before its resumptions included."""
        return self._seconds_before + time.monotonic() - self._started

    def state_dict(self) -> dict[str, float]:
        """Keep the time spent in the checkpoint."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        """Go on from the time that a checkpoint holds."""
        self._seconds_before = state_dict["seconds"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Remove what a killed run left half-written, and take the signals over from Lightning."""
        self._step = trainer.global_step
        if trainer.is_global_zero:
            for unfinished in (self.out / CHECKPOINTS).glob(".step=*"):
                unfinished.unlink(missing_ok=True)
        # Lightning's handlers, which it puts back afterwards, would talk to other processes in the middle of a step
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                signal.signal(number, self._note)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,  # noqa: ARG002
        outputs: Any,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Write a checkpoint if one is due, and stop if a signal said so or the time is over."""
        if trainer.global_step == self._step:
            return  # this was not the last part of a step whose gradients are accumulated
        self._step = trainer.global_step
        over = self.minutes is not None and self.seconds >= 60 * self.minutes
        due, over, signal_number = self._agree(trainer, self._is_due(self._step), over, self._signal_number)
        if due or over or signal_number:
            self._save(trainer)
        if over:
            trainer.should_stop = True
        if signal_number:
            raise Stopped(signal_number, self.out)

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,  # noqa: ARG002
        outputs: Any,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
        dataloader_idx: int = 0,  # noqa: ARG002
    ) -> None:
        """Stop if a signal said so: the step before the validation has left its checkpoint."""
        (signal_number,) = self._agree(trainer, self._signal_number)
        if signal_number:
            raise Stopped(signal_number, self.out)

    def _is_due(self, step: int) -> bool:
        before, now = ((count * self.batch_size) // self.images for count in (step - 1, step))
        round_has_ended = now > before and time.monotonic() - self._written >= ROUND_SPACING_S
        return step % self.every == 0 or step == self.steps or round_has_ended

    def _save(self, trainer: Trainer) -> None:
        folder = self.out / CHECKPOINTS
        newest = folder / f"step={trainer.global_step}.ckpt"
        trainer.save_checkpoint(newest)  # waits for all processes
        self._written = time.monotonic()
        if trainer.is_global_zero:
            for path in folder.glob("step=*.ckpt"):
                if path != newest:
                    path.unlink()

    def _agree(self, trainer: Trainer, *numbers: int) -> list[int]:
        """Let all processes of the run go by the largest numbers that any of them has."""
        if trainer.world_size == 1:
            return list(numbers)
        everyones = torch.tensor(numbers, device=trainer.strategy.root_device)
        return trainer.strategy.reduce(everyones, reduce_op="max").tolist()  # type: ignore[union-attr]

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._signal_number = number
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def leave_signals_to_the_main_process(worker: int) -> None:  # noqa: ARG001
    """Keep a process that decodes photographs alive when its whole group is told to stop; it ends with its parent."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
