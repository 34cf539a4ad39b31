"""Symbols and bursts in files that radios play and record: SigMF."""

import importlib.util
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, final

import numpy as np

from semcomm.files.atomic import check_writable
from semcomm.files.json import read_object
from semcomm.radio.pulses import ROLL_OFF, SAMPLES

PREFIX = "semcomm:"
VERSION = "1.0.0"
"""Of the fields below."""
ARCHIVE = ".sigmf"
PAIR = ".sigmf-data", ".sigmf-meta"
CHOICES = {"levels": int, "rate": float, "channel_uses": int}
"""What a sender may have chosen, and the receiver must know."""


@final
@dataclass(frozen=True)
class Recording:
    """Samples, and what a receiver must be told of them.

    Args:
        samples: complex64 `(n,)`: bare symbols, one sample each, or what a radio sends or hears.
        size: height and width of the photograph in pixels.
        symbols: k, symbols of the photograph.
        system: name of the system that made them.
        told_snr_db: the SNR that the sender believed, in dB.
        burst: whether samples are those of a burst, see `semcomm.radio.burst`.
        choices: of levels, rate and channel_uses what the sender was asked for.
    """

    samples: np.ndarray
    size: tuple[int, int]
    symbols: int
    system: str
    told_snr_db: float
    burst: bool
    choices: dict[str, Any] = field(default_factory=dict)

    def save(self, path: str | Path) -> list[Path]:
        """Write a SigMF recording, whole or not at all, of 32-bit floats (cf32_le).

        Args:
            path: ends in .sigmf for an archive; else two files are written, .sigmf-data and .sigmf-meta.

        Returns:
            The files written.

        Raises:
            ImportError: if the extra `radio` is missing.
            OSError: if they cannot be written.
        """
        sigmf = _sigmf()
        path = Path(path)
        archive = path.suffix == ARCHIVE
        stem = path.with_suffix("") if path.suffix in (ARCHIVE, *PAIR) else path
        names = [stem.name + ending for ending in ((ARCHIVE,) if archive else PAIR)]
        check_writable(path.parent)
        taken = [one for name in names if (one := path.parent / name).exists() and not one.is_file()]
        if taken:
            raise OSError(f"cannot write {taken[0]}: it is no file")
        with tempfile.TemporaryDirectory(prefix=f".{stem.name}.", dir=path.parent) as folder:
            data = Path(folder) / (stem.name + PAIR[0])
            self.samples.astype("<c8").tofile(data)
            made = sigmf.SigMFFile(global_info=self._fields(), data_file=data)
            made.add_capture(0)
            made.validate()
            made.tofile(Path(folder) / (stem.name + (ARCHIVE if archive else PAIR[1])), toarchive=archive)
            for name in names:  # the description last
                (Path(folder) / name).replace(path.parent / name)
        return [path.parent / name for name in names]

    @classmethod
    def load(cls, path: str | Path, *, sent: "Recording | None" = None) -> "Recording":
        """Read a recording.

        Args:
            path: an archive .sigmf, or .sigmf-meta or .sigmf-data of a pair; integers of any width become floats.
            sent: what was sent, for a recording of a radio that knows nothing of it.

        Raises:
            ImportError: if the extra `radio` is missing.
            OSError: if there is no such file.
            ValueError: naming the file, if it is no SigMF recording of one channel of complex samples, or does not say
                what a receiver must know.
        """
        sigmf, path = _sigmf(), Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"no such recording: {path}")
        if path.suffix in PAIR:
            read_object(path.with_suffix(PAIR[1]))  # whose library leaves a damaged one open
        try:
            read = sigmf.sigmffile.fromfile(path)
            read.validate()
            samples = np.asarray(read.read_samples())
            fields = read.get_global_info()
        except OSError as error:
            raise OSError(f"{path} cannot be read: {error.strerror or error}") from error
        except Exception as error:  # the library's own, the JSON schema's, the archive's
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ValueError(f"{path} is no SigMF recording that can be read: {reason}") from error
        if samples.ndim != 1 or not np.iscomplexobj(samples) or len(samples) == 0:
            raise ValueError(f"{path} must hold complex samples of one channel, got {fields.get('core:datatype')}")
        samples = samples.astype(np.complex64)
        return replace(sent, samples=samples) if sent is not None else cls._of_fields(samples, fields, path)

    def _fields(self) -> dict[str, Any]:
        own = {"height": self.size[0], "width": self.size[1], "symbols": self.symbols, "system": self.system}
        own |= {"told_snr_db": self.told_snr_db, "burst": self.burst} | self.choices
        if self.burst:
            own |= {"samples_per_symbol": SAMPLES, "roll_off": ROLL_OFF}
        return {
            "core:datatype": "cf32_le",
            "core:version": "1.2.0",
            "core:num_channels": 1,
            "core:recorder": "semcomm",
            "core:description": "one photograph, " + ("a burst" if self.burst else "bare symbols, one sample each"),
            "core:extensions": [{"name": "semcomm", "version": VERSION, "optional": True}],
            **{PREFIX + name: value for name, value in own.items()},
        }

    @classmethod
    def _of_fields(cls, samples: np.ndarray, fields: dict[str, Any], path: Path) -> "Recording":
        def of(name: str, kind: type) -> Any:
            value = fields.get(PREFIX + name)
            fitting = isinstance(value, bool) if kind is bool else not isinstance(value, bool)
            if not (fitting and isinstance(value, (int, float) if kind is float else kind)):
                raise ValueError(
                    f"{path} must say {PREFIX}{name}, a {kind.__name__}, got {value!r}; name what was sent"
                )
            return kind(value)  # type: ignore[arg-type]

        choices = {name: of(name, kind) for name, kind in CHOICES.items() if PREFIX + name in fields}
        size, symbols = (of("height", int), of("width", int)), of("symbols", int)
        if min(*size, symbols) < 1:
            raise ValueError(f"{path}: height, width and symbols must be at least 1, got {size} and {symbols}")
        told, burst = of("told_snr_db", float), of("burst", bool)
        return cls(samples, size, symbols, of("system", str), told, burst, choices)


def _sigmf() -> Any:
    if importlib.util.find_spec("sigmf") is None:
        raise ImportError("SigMF recordings need sigmf: pip install 'semcomm[radio]'")
    import sigmf

    return sigmf
