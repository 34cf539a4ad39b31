"""Draw the six hops of MLSC-image, with the shapes that a real system measures."""

import pathlib

import matplotlib
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path
from torch import Tensor, nn
from torch.nn import functional as F

from semcomm import CaptionFeature, SegmentationFeature, build_mlsc_image, from_pretrained
from semcomm.experiments.demo import demo_photograph
from semcomm.files.pictures import load_image

DETAIL_LEVEL, DOWNSAMPLING, SIZE = 4, 8, 256
INK, FAINT = "#1f2430", "#697080"
LEVEL_COLORS = ("#c2477f", "#2f8f5b", "#8a6d1b", "#2a6fb0", "#5a54b8")
SHARED_COLOR = "#454c5c"
ROW_Y = (5.0, 4.0, 3.0, 2.0, 1.0)
HOP_X = {1: 2.65, 2: 4.75, 3: 6.75, 4: 8.35, 5: 10.25, 6: 12.15}
BOX_WIDTH, BOX_HEIGHT = 1.5, 0.74


class ThreeWords(nn.Module):
    """A captioner for shapes alone: three words for everything."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(3, 8)

    def generate(self, images: Tensor) -> Tensor:
        """Write the same caption for all images."""
        return torch.arange(3).expand(images.shape[0], 3)

    def embed(self, tokens: Tensor) -> Tensor:
        """Look the words up."""
        return self.embedding(tokens)

    def text(self, tokens: Tensor) -> list[str]:
        """Spell the captions out."""
        return ["one two three"] * tokens.shape[0]


class DarkAndBright(nn.Module):
    """A segmenter for shapes alone: dark and bright."""

    class_names = ("dark", "bright")
    palette = torch.tensor([[0.2, 0.2, 0.2], [0.8, 0.8, 0.8]])

    def segment(self, images: Tensor) -> Tensor:
        """Label bright pixels 1."""
        return (images.mean(1) > 0.5).long()


def measure_shapes() -> dict[str, list[tuple[int, ...]]]:
    """Send one image through the system, and note the shapes of what every part takes and gives."""
    system = build_mlsc_image(
        DETAIL_LEVEL,
        DOWNSAMPLING,
        image_size=SIZE,
        caption=CaptionFeature(ThreeWords(), SIZE),
        segmentation=SegmentationFeature(DarkAndBright()),
        device="cpu",
    ).eval()
    transmitter, receiver = system.transmitter, system.receiver
    parts = {
        "features": [transmitter.text_encoder, transmitter.segmentation_encoder, transmitter.fused_encoder],
        "decoded": list(receiver.decoders),
        "fusion": [receiver.fusion],
        "channel": [system.channel],
    }
    parts["features"] += list(transmitter.detail_encoders)
    inputs, outputs = {}, {}
    for modules in parts.values():
        for module in modules:
            module.register_forward_hook(
                lambda module, arguments, output: (
                    (
                        inputs.update({module: tuple(arguments[0].shape)}),
                        outputs.update({module: tuple(output.shape)}),
                    )[2:]
                    or None
                )
            )
    with torch.no_grad():
        system(torch.rand(1, 3, SIZE, SIZE), 10.0)
    return {
        "features": [inputs[module] for module in parts["features"]],
        "encoded": [outputs[module] for module in parts["features"]],
        "symbols": [inputs[system.channel]],
        "received": [outputs[system.channel]],
        "decoded": [outputs[module] for module in parts["decoded"]],
        "fused": [inputs[receiver.fusion]],
        "image": [outputs[receiver.fusion]],
        "kernels": [(module.stages.stages[0].convolution.kernel_size[0],) for module in parts["features"][1:]],
    }


def draw_path(path: pathlib.Path) -> None:
    """Draw the picture as SVG."""
    shapes = measure_shapes()
    kernels = ["fully connected", *(f"encoder {m} × {m}" for (m,) in shapes["kernels"])]
    features = ["p  caption", "s  segmentation", "f  image and s", "image", "image"]
    figure = Figure(figsize=(13, 5.75), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-0.35, 15.05), ylim=(0.0, 6.6))
    axes.set_axis_off()

    sent = load_image(demo_photograph())[None, :, 10:430, 46:466].float() / 255
    sent = F.interpolate(sent, size=(SIZE, SIZE), mode="bilinear", antialias=True).clamp(0, 1)
    arrived = from_pretrained("mlsc-image-l4-t8").transmit(sent, 10.0, generator=torch.Generator().manual_seed(0))
    _picture(axes, sent[0], (0.5, 3.0), "image", _text((1, *sent.shape[1:])))
    _picture(axes, arrived.images[0], (14.05, 3.0), "image", _text(shapes["image"][0]))

    tall = ROW_Y[0] - ROW_Y[-1] + BOX_HEIGHT
    hop3 = _box(axes, (HOP_X[3], 3.0), "x  symbols", _text(shapes["symbols"][0]), SHARED_COLOR, 1.15, tall, "complex64")
    hop4 = _box(axes, (HOP_X[4], 3.0), "channel", _text(shapes["received"][0]), "#b03a2e", 1.15, tall, "y = x + w")
    hop6 = _box(axes, (HOP_X[6], 3.0), "v  fusion", _text(shapes["fused"][0]), SHARED_COLOR, 1.46, tall, "to one image")
    for row, (y, color) in enumerate(zip(ROW_Y, LEVEL_COLORS, strict=True)):
        feature = _box(axes, (HOP_X[1], y), features[row], _text(shapes["features"][row]), color)
        encoder = _box(
            axes, (HOP_X[2], y), f"c{_low(row + 1)}  {kernels[row]}", _text(shapes["encoded"][row]), color, 1.8
        )
        decoder = _box(
            axes, (HOP_X[5], y), f"q{_low(row + 1)} → d{_low(row + 1)}", _text(shapes["decoded"][row]), color
        )
        _arrow(axes, (1.3, 3.0), (feature[0], y), color)
        _arrow(axes, (feature[1], y), (encoder[0], y), color)
        _arrow(axes, (encoder[1], y), (hop3[0], y), color)
        _arrow(axes, (hop4[1], y), (decoder[0], y), color)
        _arrow(axes, (decoder[1], y), (hop6[0], y), color)
        if row == 1:
            axes.annotate(
                "",
                (HOP_X[1] - 0.35, ROW_Y[2] + BOX_HEIGHT / 2),
                (HOP_X[1] - 0.35, y - BOX_HEIGHT / 2),
                arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1.6, "shrinkA": 0, "shrinkB": 0},
            )
    _arrow(axes, (hop3[1], 3.0), (hop4[0], 3.0), SHARED_COLOR)
    _arrow(axes, (hop6[1], 3.0), (13.25, 3.0), SHARED_COLOR)

    hops = ("features", "encoders", "symbols, power", "channel", "decoders", "fusion")
    for (hop, x), name in zip(HOP_X.items(), hops, strict=True):
        axes.text(x, 6.1, f"hop {hop}", ha="center", fontsize=10, color=FAINT)
        axes.text(x, 5.77, name, ha="center", fontsize=12.5, color=INK, weight="bold")
    for left, right, name in ((1.8, 7.35, "transmitter"), (9.4, 12.8, "receiver")):
        axes.plot([left, right], [0.38, 0.38], color=FAINT, lw=1)
        axes.text((left + right) / 2, 0.16, name, ha="center", va="center", fontsize=11, color=FAINT)
    axes.text(
        0.5,
        1.25,
        f"l = {DETAIL_LEVEL}, t = {DOWNSAMPLING}\n{SIZE} × {SIZE} pixels\nk/n = 13/192",
        ha="center",
        va="top",
        fontsize=10.5,
        color=FAINT,
        linespacing=1.5,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({"svg.hashsalt": "semcomm", "svg.fonttype": "path"}):
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=100)


def _box(
    axes: Axes,
    center: tuple[float, float],
    title: str,
    shape: str,
    color: str,
    width: float = BOX_WIDTH,
    height: float = BOX_HEIGHT,
    note: str = "",
) -> tuple[float, float]:
    """Draw a box with its title and shape; return where its left and right edges are."""
    x, y = center
    left, right = x - width / 2, x + width / 2
    style = "round,pad=0,rounding_size=0.1"
    axes.add_patch(FancyBboxPatch((left, y - height / 2), width, height, boxstyle=style, fc="white", ec="none"))
    axes.add_patch(
        FancyBboxPatch((left, y - height / 2), width, height, boxstyle=style, fc=color + "1c", ec=color, lw=1.5)
    )
    axes.text(x, y + 0.15, title, ha="center", va="center", fontsize=10.5, color=INK)
    axes.text(x, y - 0.17, shape, ha="center", va="center", fontsize=8.6, color=color, family="monospace")
    if note:
        axes.text(x, y - 0.47, note, ha="center", va="center", fontsize=9.5, color=FAINT)
    return left, right


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], color: str) -> None:
    """Join two boxes: level from one to level into the other."""
    middle = (start[0] + end[0]) / 2
    curve = Path(
        [start, (middle, start[1]), (middle, end[1]), end], [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    )
    axes.add_patch(FancyArrowPatch(path=curve, arrowstyle="-|>", mutation_scale=10, color=color, lw=1.6))


def _picture(axes: Axes, image: Tensor, center: tuple[float, float], title: str, shape: str) -> None:
    """Show an image, its name above and its shape below."""
    x, y = center
    half = 0.78
    pixels = image.movedim(0, -1).numpy()
    axes.imshow(pixels, extent=(x - half, x + half, y - half, y + half), aspect="auto", zorder=2)
    axes.text(x, y + half + 0.2, title, ha="center", va="center", fontsize=12, color=INK, weight="bold")
    axes.text(x, y - half - 0.2, shape, ha="center", va="center", fontsize=9.2, color=FAINT, family="monospace")


def _text(shape: tuple[int, ...]) -> str:
    return "(" + ", ".join(f"{side}" for side in shape) + ")"


def _low(number: int) -> str:
    return "₀₁₂₃₄₅₆₇₈₉"[number]


if __name__ == "__main__":
    draw_path(pathlib.Path(__file__).parent / "images" / "path.svg")
