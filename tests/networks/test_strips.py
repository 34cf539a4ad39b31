"""Networks in strips: the result of the network itself."""

import subprocess
import sys

import pytest
import torch
from PIL import Image
from torch import nn
from toys import rand_images, seeded, semantic_system, settle, small_system

from semcomm import build_deep_jscc, doors
from semcomm.networks.stages import Stage
from semcomm.networks.strips import in_strips

SNR_DB = 10.0


def unlike_anything(network):
    """Normalisations, activations and conditionings whose every number matters."""
    generator = torch.Generator().manual_seed(7)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d) and part.affine and part.track_running_stats:
            part.running_mean.normal_(generator=generator)
            part.running_var.uniform_(0.5, 2.0, generator=generator)
            part.weight.data.uniform_(0.5, 2.0, generator=generator)
            part.bias.data.normal_(generator=generator)
        if isinstance(part, nn.PReLU):
            part.weight.data.uniform_(0.1, 0.9, generator=generator)
    return network.eval()


# Strips


def assert_seamless(network, height, width, strips, monkeypatch):
    images = rand_images(1, height, width)
    whole = network.transmit(images, SNR_DB, generator=seeded())
    monkeypatch.setattr(doors, "STRIP_PIXELS", -(-height * width // strips))
    cut = network.transmit(images, SNR_DB, generator=seeded())
    torch.testing.assert_close(cut.symbols, whole.symbols, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(cut.images / 255, whole.images / 255, rtol=0, atol=1.1 / 255)
    assert cut.power.item() == pytest.approx(1.0, rel=1e-4)
    path = in_strips(network, strips)
    with torch.no_grad():
        expected = network.decode(whole.received_symbols, (height, width), SNR_DB)
        torch.testing.assert_close(
            path.decode(whole.received_symbols, (height, width), SNR_DB), expected, rtol=0, atol=1e-4
        )


@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("shortcut", [False, True])
@pytest.mark.parametrize(("height", "width", "strips"), [(64, 24, 2), (99, 17, 5), (40, 16, 100)])
def test_strips_leave_no_seam(norm, adaptive, shortcut, height, width, strips, monkeypatch):
    network = unlike_anything(small_system(4, 4, norm=norm, snr_adaptive=adaptive, shortcut=shortcut, width=2))
    assert_seamless(network, height, width, strips, monkeypatch)


def test_strips_leave_no_seam_with_captions_and_label_maps(monkeypatch):
    network = unlike_anything(settle(semantic_system(3, 8, snr_adaptive=True)))
    assert_seamless(network, 120, 40, 4, monkeypatch)


def test_strips_leave_no_seam_in_deep_jscc(monkeypatch):
    network = unlike_anything(build_deep_jscc(complex_channels=2, device="cpu"))
    assert_seamless(network, 150, 30, 5, monkeypatch)


def test_strips_of_a_batch_with_an_snr_each():
    network = unlike_anything(small_system(3, 4, snr_adaptive=True))
    snrs = torch.tensor([0.0, 7.0, 20.0])
    cut = in_strips(network.transmitter, 4)
    for brightness in (1.0, 0.2):  # what the first run measured is not the second's
        images = brightness * rand_images(3, 64, 12)
        with torch.no_grad():
            expected = network.transmitter(images, snrs).symbols
            torch.testing.assert_close(cut(images, snrs).symbols, expected, rtol=1e-4, atol=1e-4)


def test_a_strip_is_all_that_a_convolution_sees_at_once():
    network = small_system(3, 4).eval()
    rows = []
    for part in network.modules():
        if isinstance(part, Stage):
            part.convolution.register_forward_hook(lambda *call: rows.append(call[2].shape[2]))
    with torch.no_grad():
        images = rand_images(1, 512, 8)
        whole = in_strips(network.transmitter, 1)(images).symbols
        tallest, rows[:] = max(rows), []
        in_strips(network.transmitter, 8)(images)
    assert tallest == 256
    assert max(rows) <= 256 / 8 + 2 * 3 * 4
    assert whole.shape == (1, 10 * 128 * 2)


CHILD = """
import resource, subprocess, sys
command = [sys.executable, "-c", "from semcomm.cli.main import main; main()", *sys.argv[1:]]
done = subprocess.run(command, capture_output=True, text=True)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20, done.stderr)
"""


@pytest.mark.slow
def test_24_megapixels_go_through_the_command_in_6_gib(hopper_path, tmp_path):
    photograph = tmp_path / "large.png"
    with Image.open(hopper_path) as image:
        image.resize((6000, 4000)).save(photograph)
    arguments = ["transmit", photograph, "--out", tmp_path / "out", "--json", tmp_path / "sent.json"]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, arguments)], capture_output=True, text=True, check=True
    )
    code, gib, said = done.stdout.split(" ", 2)
    assert code == "0", said
    assert float(gib) < 6
    with Image.open(tmp_path / "out" / "large.png") as image:
        assert image.size == (6000, 4000)
