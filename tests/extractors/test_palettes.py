import numpy as np
import pytest
from PIL import Image

from semcomm.extractors.ade20k_classes import ADE20K_CLASSES, ADE20K_PALETTE
from semcomm.extractors.palettes import default_palette, palette_tensor


def test_ade20k_is_the_standard_list():
    assert len(ADE20K_CLASSES) == len(set(ADE20K_CLASSES)) == len(ADE20K_PALETTE) == 150
    known = {
        "wall": 0,
        "sky": 2,
        "person": 12,
        "car": 20,
        "bed": 7,
        "chest of drawers": 44,
        "traffic light": 136,
        "flag": 149,
    }
    assert {name: ADE20K_CLASSES.index(name) for name in known} == known
    colors = {
        "wall": (120, 120, 120),
        "sky": (6, 230, 230),
        "person": (150, 5, 61),
        "car": (0, 102, 200),
        "flag": (92, 0, 255),
    }
    assert {name: ADE20K_PALETTE[ADE20K_CLASSES.index(name)] for name in colors} == colors
    shared = [
        name for name, color in zip(ADE20K_CLASSES, ADE20K_PALETTE, strict=True) if ADE20K_PALETTE.count(color) > 1
    ]
    assert shared == ["road", "skyscraper"]


def test_default_palette_is_vocs_colour_map():
    known = [
        (0, 0, 0),
        (128, 0, 0),
        (0, 128, 0),
        (128, 128, 0),
        (0, 0, 128),
        (128, 0, 128),
        (0, 128, 128),
        (128, 128, 128),
        (64, 0, 0),
    ]
    palette = default_palette([f"class {i}" for i in range(300)])
    assert list(palette[:9]) == known
    assert palette[20] == (0, 64, 128), "tvmonitor"
    assert len(set(palette)) == 300


def test_default_palette_knows_ade20k():
    assert default_palette(ADE20K_CLASSES) == ADE20K_PALETTE
    assert default_palette(ADE20K_CLASSES[:-1]) != ADE20K_PALETTE[:-1]


def test_palette_tensor_agrees_with_pillow():
    image = Image.fromarray(np.arange(150, dtype=np.uint8)[None], mode=None).convert("P")
    image.putpalette([value for color in ADE20K_PALETTE for value in color])
    shown = np.asarray(image.convert("RGB"), dtype=np.float32)[0] / 255
    np.testing.assert_allclose(palette_tensor(ADE20K_PALETTE, ADE20K_CLASSES).numpy(), shown, atol=1e-7)


def test_a_palette_that_does_not_match_is_refused():
    with pytest.raises(ValueError, match="palette has 1 colours, required: one for each of the 2 class_names"):
        palette_tensor([(0, 0, 0)], ["sky", "road"])


@pytest.mark.parametrize("color", [(0, 0), (0, 0, 256), (-1, 0, 0)])
def test_a_colour_that_is_none_is_refused(color):
    with pytest.raises(ValueError, match=r"palette holds \(.*\), required: three values, 0 to 255"):
        palette_tensor([color], ["sky"])
