from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from toys import seeded

from semcomm import SeparationBaseline
from semcomm.experiments.pictures import draw_transmissions, save_figure

SNRS = (-15.0, 10.0, 20.0)


@pytest.fixture
def figure(photograph):
    rows = {}
    for name, codec in {"JPEG": "jpeg", "WebP": "webp"}.items():
        scheme = SeparationBaseline(codec, bandwidth_ratio=1 / 6)
        rows[name] = [scheme.transmit(photograph[None], snr_db, generator=seeded()) for snr_db in SNRS]
    return draw_transmissions(photograph, rows, SNRS, title="A title", notes=["a note", "another"]), rows


def test_every_transmission_is_drawn_where_it_belongs_with_its_scores(figure, photograph):
    drawing, rows = figure
    original, beneath, *received = drawing.axes
    assert original.get_title() == "sent"
    np.testing.assert_array_equal(original.images[0].get_array(), photograph.permute(1, 2, 0))
    expected = [(name, snr_db, sent) for name, row in rows.items() for snr_db, sent in zip(SNRS, row, strict=True)]
    assert len(received) == len(expected) == 6
    for axes, (name, snr_db, sent) in zip(received, expected, strict=True):
        assert axes.get_title() == f"{name}, {snr_db:g} dB"
        np.testing.assert_array_equal(axes.images[0].get_array(), sent.images[0].permute(1, 2, 0))
        texts = [text.get_text() for text in axes.texts]
        if sent.failed[0]:
            assert texts == ["nothing decodable", "fails: no file is small enough"]
        else:
            assert texts == [f"PSNR {sent.psnr_db[0]:.1f} dB   SSIM {sent.ssim[0]:.3f}"]
    assert [sent.failed.item() for _, _, sent in expected] == [True, False, False] * 2
    assert drawing.get_suptitle() == "A title"
    assert "a note\nanother" in [text.get_text() for text in beneath.texts]


def test_the_segmentation_sent_is_drawn_with_its_legend(photograph):
    scheme = SeparationBaseline("jpeg", bandwidth_ratio=1)
    colors = torch.zeros(photograph.shape)
    colors[0] = 1
    drawing = draw_transmissions(
        photograph,
        {"JPEG": [scheme.transmit(photograph[None], 20.0)]},
        [20.0],
        title="",
        notes=[],
        segmentation=colors,
        classes={"brick": (1, 0, 0), "sky": (0, 0, 1)},
    )
    _, segmentation, beneath, _ = drawing.axes
    assert segmentation.get_title() == "segmentation sent"
    np.testing.assert_array_equal(segmentation.images[0].get_array(), colors.permute(1, 2, 0))
    legend = beneath.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["brick", "sky"]
    assert [patch.get_facecolor()[:3] for patch in legend.get_patches()] == [(1, 0, 0), (0, 0, 1)]


@pytest.fixture
def meanings(photograph):
    """Three transmissions: label map and caption arrived; a map too dear; everything lost."""
    jpeg = SeparationBaseline("jpeg", bandwidth_ratio=1)
    sent = jpeg.transmit(photograph[None], 20.0)
    height, width = photograph.shape[1:]
    brick, nothing = torch.ones(1, height, width, dtype=torch.int64), torch.full((1, height, width), -1)
    said = [(brick, "a brick wall", False), (nothing, "a brick wall", False), (nothing, None, True)]
    return [
        replace(sent, received_labels=labels, received_captions=[caption], lost=torch.tensor([lost]))
        for labels, caption, lost in said
    ]


def test_received_label_maps_and_captions_are_drawn_below_their_pictures(photograph, meanings):
    palette = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    drawing = draw_transmissions(photograph, {"x": meanings}, SNRS, title="", notes=[], palette=palette)
    maps = drawing.axes[-3:]
    assert [text.get_text() for text in maps[0].texts] == ["“a brick wall”"]
    assert [text.get_text() for text in maps[1].texts] == ["label map not sent: too dear", "“a brick wall”"]
    assert [text.get_text() for text in maps[2].texts] == ["label map lost", "caption lost"]
    colors = [np.unique(axes.images[0].get_array().reshape(-1, 3), axis=0) for axes in maps]
    np.testing.assert_allclose(colors[0], [[1, 0, 0]])
    for gray in colors[1:]:
        assert len(gray) == 1
        assert gray.min() == gray.max()
    assert [text.get_text() for text in drawing.axes[-4].texts][0].startswith("bits lost: PSNR")


def test_a_long_caption_is_written_whole_in_two_smaller_lines(photograph, meanings):
    palette = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    words = " ".join(["a", "man", "in", "front", "of", "a", "wall", "that", "is", "made", "of", "old", "brick"])
    sent = [replace(meanings[0], received_captions=[words[:length]]) for length in (20, len(words), len(words))]
    drawing = draw_transmissions(photograph, {"x": sent}, SNRS, title="", notes=[], palette=palette)
    short, long, _ = (axes.texts[0] for axes in drawing.axes[-3:])
    assert long.get_text().replace("\n", " ") == f"“{words}”"
    assert long.get_text().count("\n") == 1
    assert long.get_fontsize() <= short.get_fontsize()


def test_without_a_palette_no_label_map_is_drawn(photograph, meanings):
    assert len(draw_transmissions(photograph, {"x": meanings}, SNRS, title="", notes=[]).axes) == 2 + 3


def test_nothing_overlaps_and_nothing_is_cut_off(figure):
    drawing, _ = figure
    renderer = drawing.canvas.get_renderer()
    boxes = [axes.get_window_extent(renderer) for axes in drawing.axes]
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number])
    for axes in drawing.axes:
        extent = axes.get_tightbbox(renderer)
        assert extent.x0 >= -1
        assert extent.y0 >= -1
        assert extent.x1 <= drawing.bbox.width + 1
        assert extent.y1 <= drawing.bbox.height + 1


def test_the_picture_is_a_whole_png(figure, tmp_path):
    drawing, _ = figure
    save_figure(drawing, tmp_path / "new" / "demo.png")
    with Image.open(tmp_path / "new" / "demo.png") as image:
        image.load()
        assert image.format == "PNG"
        assert image.width > 600
        assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 1000
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["demo.png"]


def test_a_folder_that_cannot_be_written_is_named(figure, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="cannot write to folder .*file"):
        save_figure(figure[0], tmp_path / "file" / "demo.png")


def test_an_snr_without_a_transmission_is_refused(photograph):
    with pytest.raises(ValueError, match="zip"):
        draw_transmissions(photograph, {"JPEG": []}, [10.0], title="", notes=[])


def test_drawing_does_not_touch_the_image(photograph):
    before = photograph.clone()
    scheme = SeparationBaseline("jpeg", bandwidth_ratio=1)
    draw_transmissions(photograph, {"JPEG": [scheme.transmit(photograph[None], 20.0)]}, [20.0], title="", notes=[])
    assert torch.equal(photograph, before)
