"""What arrived, as HTML: pictures with their words and scores, nothing that comes from elsewhere."""

import base64
import html
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from semcomm.app.answers import Question
from semcomm.app.sending import Arrived
from semcomm.experiments.pictures import label_colors, main_classes
from semcomm.images import to_uint8
from semcomm.transmission import Transmission

SENT, RECEIVED = "#1a1a1a", "#0b6e99"
DOTS = 3000
"""Symbols drawn at most."""
REACH = 3.0
"""Where the axes of the symbols end, in units of the mean amplitude: the same at every SNR."""


def received_cards(question: Question, arrived: Arrived) -> str:
    """What the system delivered: the photograph and what arrived, scores, caption, label maps, symbols."""
    sent, decibels = arrived.sent, _decibels(question.snr_db)
    words = "received" if not _true(sent.lost) else "received, its bits lost"
    cards = [
        _card("sent", question.photograph.pixels, "The photograph sent"),
        _card(f"{words}, {decibels}", sent.images[0], f"The photograph received at {decibels}"),
    ]
    segmentation = arrived.system.segmentation
    if sent.labels is not None and segmentation is not None:
        palette = segmentation.palette.cpu()
        painted = to_uint8(label_colors(sent.labels[0].cpu(), palette))
        cards.append(_card("label map sent", painted, "The label map sent"))
        if sent.received_labels is not None:
            cards.append(_received_labels(sent.received_labels[0], palette, decibels))
    if sent.symbols is not None and sent.received_symbols is not None:
        cards.append(_figure("symbols", _constellation(sent), f"The symbols sent and received at {decibels}"))
    parts = [_scores(question, arrived), _captions(sent), f'<div class="cards">{"".join(cards)}</div>']
    if sent.labels is not None and segmentation is not None:
        parts.append(_legend(sent.labels[0], segmentation))
    return "".join(parts)


def codec_cards(question: Question, sent: Mapping[str, Transmission]) -> str:
    """What codecs deliver in the same channel uses."""
    decibels = _decibels(question.snr_db)
    cards = []
    for name, one in sent.items():
        if _true(one.failed):
            cards.append(_empty(name, "nothing decodable"))
        else:
            score = f"{name}<br>{one.psnr_db[0]:.2f} dB, SSIM {one.ssim[0]:.3f}"
            cards.append(_card(score, one.images[0], f"The photograph as {name} at {decibels}"))
    return _beside("".join(cards))


def codecs_to_come() -> str:
    """What stands in their place while they are computed."""
    return _beside("".join(_empty(name, "coding …") for name in ("JPEG", "AVIF")))


def message(words: str) -> str:
    """Words in place of pictures."""
    return f'<p class="message" role="alert">{html.escape(words)}</p>'


def _beside(cards: str) -> str:
    return f'<h2 class="beside">Codecs in the same channel uses</h2><div class="cards codecs">{cards}</div>'


def _scores(question: Question, arrived: Arrived) -> str:
    sent = arrived.sent
    scores = {
        "PSNR": f"{sent.psnr_db[0]:.2f} dB",
        "SSIM": f"{sent.ssim[0]:.3f}",
        "LPIPS": None if arrived.lpips is None else f"{arrived.lpips:.3f}",
        "k": f"{sent.symbols_per_image:,}",
        "k/n": f"{sent.bandwidth_ratio:.4f}",
        "sender is told": None if question.told_snr_db is None else _decibels(question.told_snr_db),
    }
    shown = {name: score for name, score in scores.items() if score is not None}
    return (
        f'<dl class="scores">{"".join(f"<div><dt>{name}</dt><dd>{one}</dd></div>" for name, one in shown.items())}</dl>'
    )


def _captions(sent: Transmission) -> str:
    if sent.captions is None:
        return ""
    lines = [f"Caption sent: <q>{html.escape(sent.captions[0])}</q>"]
    if sent.received_captions is not None:
        caption = sent.received_captions[0]
        received = "it did not arrive" if caption is None else f"<q>{html.escape(caption)}</q>"
        lines.append(f"Caption received: {received}")
    return f'<p class="captions">{"<br>".join(lines)}</p>'


def _received_labels(labels: Tensor, palette: Tensor, decibels: str) -> str:
    labels = labels.cpu()
    if int(labels.max()) < 0:
        return _empty("label map received", "it did not arrive")
    return _card("label map received", to_uint8(label_colors(labels, palette)), f"The label map received at {decibels}")


def _legend(labels: Tensor, segmentation: Any) -> str:
    entries = ""
    for name, color in main_classes(labels, segmentation).items():
        rgb = tuple(round(255 * part) for part in color)
        entries += f'<li><span style="background: rgb{rgb}"></span>{html.escape(name)}</li>'
    return f'<ul class="legend" aria-label="Classes of the label map">{entries}</ul>'


def _constellation(sent: Transmission) -> str:
    assert sent.symbols is not None
    assert sent.received_symbols is not None
    clouds = {"received": (sent.received_symbols, RECEIVED, 3.0, 0.35), "sent": (sent.symbols, SENT, 1.5, 0.5)}
    figure = Figure(figsize=(3.6, 3.6), dpi=110, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, (symbols, color, size, alpha) in clouds.items():
        few = symbols[0].cpu()[:: -(-symbols.shape[1] // DOTS)]
        axes.scatter(few.real, few.imag, s=size, c=color, alpha=alpha, linewidths=0, label=name)
    axes.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), xlabel="in phase", ylabel="quadrature", aspect="equal")
    axes.spines[["top", "right"]].set_visible(False)
    for handle in axes.legend(loc="upper right", frameon=False, markerscale=4, handletextpad=0.1).legend_handles:
        handle.set_alpha(1)  # type: ignore[union-attr]
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return _uri(file)


def _card(words: str, picture: Tensor, alternative: str) -> str:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture.permute(1, 2, 0).cpu().numpy())).save(file, "PNG", compress_level=3)
    return _figure(words, _uri(file), alternative)


def _figure(words: str, source: str, alternative: str) -> str:
    return f'<figure><img src="{source}" alt="{alternative}"><figcaption>{words}</figcaption></figure>'


def _empty(words: str, instead: str) -> str:
    return f'<figure><div class="empty">{instead}</div><figcaption>{words}</figcaption></figure>'


def _uri(file: io.BytesIO) -> str:
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _decibels(snr_db: float) -> str:
    return f"{snr_db:g} dB"


def _true(flags: Tensor | None) -> bool:
    return flags is not None and bool(flags[0])
