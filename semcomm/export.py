"""Transmitter and receiver as two files that run without this package: ONNX, or torch's exported programs."""

import importlib.util
import io
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, final, get_args

import torch
from torch import Tensor, nn
from torch.export import Dim

from semcomm.contracts import Delivered, Received, Semantics, Sent
from semcomm.files.atomic import write_whole
from semcomm.files.json import write_json
from semcomm.networks.frozen import in_eval_mode
from semcomm.system import SemanticSystem

Format = Literal["onnx", "torch"]
ENDINGS: dict[Format, str] = {"onnx": "onnx", "torch": "pt2"}
EXPORTABLE = ("build_mlsc_image", "build_deep_jscc")
BLOCKS = (2, 3), (5, 2), (4, 4)
"""Sizes at which the files are checked, in units of t."""
TOLERANCE = 1e-4
Run = Callable[[Mapping[str, Tensor]], Tensor]


@final
class TransmitterGraph(nn.Module):
    """Hops 1 to 3 without complex numbers, which ONNX does not have, and without extractors.

    Shape:
        images `(b, 3, h, w)` in [0, 1], h and w multiples of t, SNRs in dB `(b,)`, and where the system has these
        levels tokens int64 `(b, T)` and labels int64 `(b, h, w)`, to symbols of unit mean power, float32 `(b, k, 2)`.
    """

    def __init__(self, system: SemanticSystem):
        super().__init__()
        self.transmitter, self.constraint = system.transmitter, system.constraint

    def forward(
        self, images: Tensor, snr_db: Tensor, tokens: Tensor | None = None, labels: Tensor | None = None
    ) -> Tensor:
        """Encode images."""
        sent = self.transmitter(images, snr_db, semantics=Semantics(tokens, labels))
        return torch.view_as_real(self.constraint(sent.symbols if isinstance(sent, Sent) else sent))


@final
class ReceiverGraph(nn.Module):
    """Hops 5 and 6 without complex numbers.

    Shape:
        symbols, equalised, float32 `(b, c, rows, columns, 2)`, and SNRs in dB `(b,)`, to images `(b, 3, h, w)` in
        [0, 1] with h = t rows and w = t columns.
    """

    def __init__(self, system: SemanticSystem):
        super().__init__()
        self.receiver, self.downsampling = system.receiver, system.downsampling

    def forward(self, symbols: Tensor, snr_db: Tensor) -> Tensor:
        """Decode symbols."""
        size = symbols.shape[2] * self.downsampling, symbols.shape[3] * self.downsampling
        received = Received(torch.view_as_complex(symbols.flatten(1, 3).contiguous()))
        delivered = self.receiver(received, size, snr_db)
        return delivered.images if isinstance(delivered, Delivered) else delivered


def export_system(system: SemanticSystem, folder: str | Path, *, to: Format, name: str = "") -> dict[str, Any]:
    """Write a system's transmitter and receiver as two files, and a JSON file that says how to use them.

    The files are checked before they are written: at three sizes their images and symbols must be the system's.

    Args:
        system: one of `build_mlsc_image` or `build_deep_jscc`, or one of your own whose transmitter has
            `complex_channels` and `downsampling`: c complex channels at 1/t of the image's size.
        folder: for transmitter.onnx and receiver.onnx, or .pt2, and system.json.
        to: "onnx", which needs the extra `export`, or "torch" for `torch.export`.
        name: of the system, for the JSON file.

    Returns:
        What the JSON file says.

    Raises:
        ImportError: if the extra is missing.
        ValueError: if the system is no graph of tensors, as the hybrid code, or the files do not compute the same.
        OSError: if the folder cannot be written.
    """
    if to not in ENDINGS:
        raise ValueError(f"to must be one of {', '.join(get_args(Format))}, got {to!r}")
    missing = [one for one in ("onnx", "onnxscript", "onnxruntime") if importlib.util.find_spec(one) is None]
    if to == "onnx" and missing:
        raise ImportError(f"exporting to ONNX needs {', '.join(missing)}: pip install 'semcomm[export]'")
    channels = _check_exportable(system)
    system = in_eval_mode(system)
    t = system.downsampling
    graphs = {"transmitter": TransmitterGraph(system), "receiver": ReceiverGraph(system)}
    inputs = {"transmitter": _to_send(system, 3 * t, 2 * t), "receiver": _received(channels, 3, 2)}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporters' own, about what they call inside
        programs = {part: _trace(graphs[part], inputs[part], _shapes(part, t, inputs[part])) for part in graphs}
        files = {part: (_as_onnx if to == "onnx" else _as_torch)(program) for part, program in programs.items()}
    runs = {part: (_run_onnx if to == "onnx" else _run_torch)(content) for part, content in files.items()}
    largest = _largest_difference(system, channels, runs)
    if not largest <= TOLERANCE:
        raise ValueError(f"the exported files differ by {largest:.1e} from the system, more than {TOLERANCE:g}")
    names = {part: f"{part}.{ENDINGS[to]}" for part in files}
    said = _describe(system, channels, names, inputs, name) | {"largest_difference": largest}
    for part, content in files.items():
        with write_whole(Path(folder) / names[part]) as temporary:
            temporary.write_bytes(content)
    write_json(Path(folder) / "system.json", said)
    return said


def _check_exportable(system: SemanticSystem) -> int:
    """Return c, or say why there is none."""
    channels = getattr(system.transmitter, "complex_channels", None)
    if channels is None:
        what = type(system.transmitter).__name__
        raise ValueError(
            f"a system with a {what} cannot be exported: a graph of tensors holds no entropy coder and no search. "
            f"Systems of {' and '.join(EXPORTABLE)} can be, and your own with complex_channels and downsampling"
        )
    return channels


def _to_send(system: SemanticSystem, height: int, width: int, images: int = 2) -> dict[str, Tensor]:
    """What a transmitter takes, made up."""
    random = torch.Generator().manual_seed(height)
    made = {"images": torch.rand(images, 3, height, width, generator=random), "snr_db": torch.tensor([3.0, 12.0])}
    with torch.no_grad():
        if system.caption is not None:
            made["tokens"] = system.caption.tokens(made["images"])
        if system.segmentation is not None:
            made["labels"] = system.segmentation.labels(made["images"])
    return made


def _received(channels: int, rows: int, columns: int, images: int = 2) -> dict[str, Tensor]:
    """What a receiver takes, made up."""
    random = torch.Generator().manual_seed(rows)
    symbols = torch.randn(images, channels, rows, columns, 2, generator=random) / 2**0.5
    return {"symbols": symbols, "snr_db": torch.tensor([3.0, 12.0])}


def _shapes(part: str, t: int, inputs: Mapping[str, Tensor]) -> dict[str, dict[int, Any]]:
    """Which axes of a graph's inputs may have any size."""
    batch, rows, columns = Dim("b", max=2**16), Dim("rows", max=2**14), Dim("columns", max=2**14)
    if part == "receiver":
        return {"symbols": {0: batch, 2: rows, 3: columns}, "snr_db": {0: batch}}
    shapes = {"images": {0: batch, 2: t * rows, 3: t * columns}, "snr_db": {0: batch}}
    shapes |= {"tokens": {0: batch}, "labels": {0: batch, 1: t * rows, 2: t * columns}}
    return {name: shapes[name] for name in inputs}


def _trace(graph: nn.Module, inputs: Mapping[str, Tensor], shapes: dict[str, dict[int, Any]]) -> Any:
    try:
        return torch.export.export(graph, (), dict(inputs), dynamic_shapes=shapes)
    except Exception as error:  # whatever torch's tracer makes of a part of somebody's own
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ValueError(f"{type(graph).__name__} cannot be exported: {reason}") from error


def _as_onnx(program: Any) -> bytes:
    exported = torch.onnx.export(program, dynamo=True, verbose=False)
    assert exported is not None
    return exported.model_proto.SerializeToString()


def _as_torch(program: Any) -> bytes:
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    return buffer.getvalue()


def _run_onnx(content: bytes) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    taken = [one.name for one in session.get_inputs()]

    def run(inputs: Mapping[str, Tensor]) -> Tensor:
        (made,) = session.run(None, {name: inputs[name].numpy() for name in taken})
        return torch.from_numpy(made)

    return run


def _run_torch(content: bytes) -> Run:
    module = torch.export.load(io.BytesIO(content)).module()
    return lambda inputs: module(**inputs)


def _largest_difference(system: SemanticSystem, channels: int, runs: Mapping[str, Run]) -> float:
    """By how much symbols or images of the files differ at most from the system's."""
    t, errors = system.downsampling, []
    for rows, columns in BLOCKS:
        inputs = _to_send(system, rows * t, columns * t), _received(channels, rows, columns)
        with torch.no_grad():
            expected = TransmitterGraph(system)(**inputs[0]), ReceiverGraph(system)(**inputs[1])
            for part, taken, right in zip(("transmitter", "receiver"), inputs, expected, strict=True):
                errors.append(float((runs[part](taken) - right).abs().max()))
    return max(errors)


def _describe(
    system: SemanticSystem,
    channels: int,
    files: Mapping[str, str],
    inputs: Mapping[str, Mapping[str, Tensor]],
    name: str,
) -> dict[str, Any]:
    t = system.downsampling
    tokens = inputs["transmitter"].get("tokens")
    shapes = {
        "images": "float32 (b, 3, h, w), RGB in [0, 1], padded",
        "snr_db": "float32 (b,), what the sender believes, and what the receiver knows",
        "tokens": f"int64 (b, {0 if tokens is None else tokens.shape[1]}), the caption's words by the captioner",
        "labels": "int64 (b, h, w), the label map by the segmenter, padded like the images",
    }
    return {
        "format": "semcomm export 1",
        "system": name,
        "files": dict(files),
        "downsampling": t,
        "complex_channels": channels,
        "padding": f"repeat the last row and column until h and w are multiples of {t}; cut what is received back",
        "channel_uses": f"k = {channels} * ceil(h / {t}) * ceil(w / {t}) complex symbols per image, padding included",
        "transmitter": {
            "inputs": {one: shapes[one] for one in inputs["transmitter"]},
            "output": "float32 (b, k, 2): symbols j with real part [j, 0] and imaginary part [j, 1]",
        },
        "power": "the mean of real^2 + imaginary^2 over an image's k symbols is 1: the transmitter has normalised",
        "noise": "snr_db = 10 log10(1 / sigma^2), sigma^2 per complex symbol, half of it per part; undo fades first",
        "receiver": {
            "inputs": {
                "symbols": f"float32 (b, {channels}, h / {t}, w / {t}, 2): the k pairs in their order, reshaped",
                "snr_db": shapes["snr_db"],
            },
            "output": "float32 (b, 3, h, w) in [0, 1]",
        },
    }
