"""Every door that takes an integer takes NumPy's, too, and refuses all else in one line that says what it wants."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_codebook import tiny_codebook
from toys import ToyCaptioner, gaussian_symbols, rand_images, small_system

import semcomm
from semcomm import baselines, channel, radio, transmitter
from semcomm.channel.multipath import delay_line
from semcomm.contracts import Request
from semcomm.extractors.lite_captioner import MARKERS, build_lite_captioner
from semcomm.extractors.lite_segmenter import build_lite_segmenter
from semcomm.extractors.show_and_tell import build_show_and_tell
from semcomm.images import center_crop
from semcomm.receiver.noise import NoiseCorrection
from semcomm.training import TrainingConfig
from semcomm.training.fit_code import fit_code
from semcomm.training.sampling import SeededSampler
from semcomm.whole import check_whole

TINY = {"channels": (4,) * 8, "features": 8}
WORDS = ("<pad>", "<start>", "<end>", "<unk>", "a", "dog")
PARTS = {"kernel_size": 3, "downsampling": 4, "width": 4}


def encoder(**given):
    return semcomm.EncoderModule(**{"in_channels": 3, "complex_channels": 2} | PARTS | given)


def decoder(**given):
    return semcomm.DecoderModule(**{"complex_channels": 2} | PARTS | given)


def fusion(**given):
    return semcomm.FeatureFusion(**{"in_channels": 3} | PARTS | given)


def captioner(**given):
    return build_lite_captioner((*MARKERS, "a", "dog"), **TINY | given)


def segmenter(**given):
    return build_lite_segmenter(["sky", "road"], [[9, 9, 9], [7, 7, 7]], **TINY | {"width": 6, "known": [0]} | given)


def config(**given):
    return vars(TrainingConfig(Path("train"), Path("val"), Path("out"), **given))


def measured(**given):
    jpeg = semcomm.SeparationBaseline("jpeg", bandwidth_ratio=1 / 3)
    found = semcomm.evaluate(jpeg, torch.rand(1, 3, 16, 16), 10.0, **given)
    return found.seed, found.settings, found.dimensions


def swin(**given):
    return baselines.build_swin_jscc(size="cifar", device="cpu", **given)


def own(name, **given):
    build = {"build_hybrid_code": semcomm.build_hybrid_code, "build_linear_code": semcomm.build_linear_code}[name]
    return build(codebook=tiny_codebook(), device="cpu", **given).config


NESTED = {"codebook": tiny_codebook(), "caption": None, "segmentation": None, "device": "cpu"}
NUMBERS = ("size", "batch_size", "accumulate", "validate_every", "devices", "num_nodes", "steps", "val_images")

DOORS = {
    "check_whole": ("width", 3, lambda n: check_whole(n, "width")),
    "Rayleigh": ("coherence", 3, lambda n: semcomm.RayleighChannel(coherence=n).coherence),
    "Rician": ("coherence", 3, lambda n: semcomm.RicianChannel(k_factor_db=3.0, coherence=n).coherence),
    "delay line": ("coherence", 3, lambda n: delay_line((1.0,), n, None, None).coherence),
    "profile": ("taps", 3, lambda n: channel.exponential_profile(n, 2.0)),
    "Pilots": ("spacing", 3, lambda n: channel.Pilots(n).spacing),
    "OFDM": ("fft_size", 32, lambda n: channel.OFDMChannel(fft_size=n).fft_size),
    "OFDM's prefix": ("cyclic_prefix", 20, lambda n: channel.OFDMChannel(cyclic_prefix=n).cyclic_prefix),
    "OFDM's fades": ("coherence", 3, lambda n: channel.OFDMChannel(coherence=n).line.coherence),
    "Sionna": ("fft_size", 128, lambda n: channel.SionnaChannel(fft_size=n).fft_size),
    "Sionna's prefix": ("cyclic_prefix", 12, lambda n: channel.SionnaChannel(cyclic_prefix=n).cyclic_prefix),
    "Sionna's streams": ("streams", 2, lambda n: channel.SionnaChannel(streams=n, receive_antennas=2).streams),
    "Sionna's antennas": (
        "receive_antennas",
        2,
        lambda n: channel.SionnaChannel(receive_antennas=n).receive_antennas,
    ),
    "QAM": ("order", 16, lambda n: transmitter.QAMConstellation(n).order),
    "papr_ccdf": ("fft_size", 8, lambda n: transmitter.papr_ccdf(gaussian_symbols(2, 32), [3.0], fft_size=n)),
    "CaptionFeature": ("image_size", 8, lambda n: semcomm.CaptionFeature(ToyCaptioner(), n).image_size),
    "MLSC's l": ("l", 2, lambda n: small_system(n).config),
    "MLSC's t": ("t", 4, lambda n: small_system(2, n).config),
    "MLSC's image_size": ("image_size", 16, lambda n: small_system(image_size=n).config),
    "MLSC's image_size, a pair": ("image_size", 16, lambda n: small_system(image_size=(n, 16)).config),
    "MLSC's width": ("width", 4, lambda n: small_system(width=n).config),
    "MLSC's text_rank": ("text_rank", 4, lambda n: small_system(text_rank=n).config),
    "Deep JSCC": ("complex_channels", 2, lambda n: semcomm.build_deep_jscc(complex_channels=n, device="cpu").config),
    "linear code": ("t", 16, lambda n: own("build_linear_code", t=n)),
    "hybrid code": ("t", 16, lambda n: own("build_hybrid_code", t=n)),
    "nested MLSC's l": ("l", 3, lambda n: semcomm.build_nested_mlsc_image(n, width=4, **NESTED).config),
    "nested MLSC's width": ("width", 4, lambda n: semcomm.build_nested_mlsc_image(width=n, **NESTED).config),
    "SwinJSCC": ("channels", 4, lambda n: swin(channels=n).config),
    "SwinJSCC's rate": (
        "rate",
        4,
        lambda n: swin(channels=8, rate_adaptive=True).symbols_per_image(16, 16, rate=n),
    ),
    "encoder": ("kernel_size", 3, lambda n: encoder(kernel_size=n)(rand_images()).shape),
    "encoder's t": ("downsampling", 4, lambda n: encoder(downsampling=n)(rand_images()).shape),
    "decoder": ("kernel_size", 3, lambda n: decoder(kernel_size=n)(torch.zeros(1, 4, 2, 2)).shape),
    "fusion": ("kernel_size", 3, lambda n: fusion(kernel_size=n)(torch.zeros(1, 3, 2, 2)).shape),
    "rounds of noise correction": ("rounds", 2, lambda n: len(NoiseCorrection(1, rounds=n).rounds)),
    "levels": ("levels", 3, lambda n: Request(levels=n)),
    "channel_uses": ("channel_uses", 300, lambda n: Request(channel_uses=n)),
    "height": ("height", 16, lambda n: small_system().symbols_per_image(n, 16)),
    "size of a picture": ("size", 16, lambda n: small_system().decode(gaussian_symbols(1, 112), (n, 16), 5.0).shape),
    "a codec's height": (
        "height",
        16,
        lambda n: semcomm.SeparationBaseline("jpeg", bandwidth_ratio=0.5).symbols_per_image(n, 16),
    ),
    "crop": ("size", 4, lambda n: center_crop(rand_images(), n).shape),
    "evaluate's draws": ("draws", 2, lambda n: measured(draws=n)),
    "evaluate's seed": ("seed", 2, lambda n: measured(seed=n)),
    "evaluate's size": ("size", 8, lambda n: measured(size=n)),
    "burst": ("k", 64, radio.burst_uses),
    "reading a burst": ("k", 64, lambda n: radio.read_burst(radio.write_burst(gaussian_symbols(1, 64)[0]), n).start),
    "captioner's length": ("length", 6, lambda n: captioner(length=n).length),
    "captioner's beams": ("beams", 2, lambda n: captioner(beams=n).beams),
    "captioner's side": ("side", 32, lambda n: captioner(side=n).side),
    "segmenter's area": ("working_area", 64, lambda n: segmenter(working_area=n).working_area),
    "segmenter's smaller areas": ("smaller_areas", 64, lambda n: segmenter(smaller_areas=[n]).smaller_areas),
    "segmenter's kin": ("kin", 1, lambda n: segmenter(kin=[n]).kin),
    "segmenter's known labels": ("known", 1, lambda n: segmenter(known=[0, n]).head.evidence.membership.shape),
    "trunk's channels": ("channels", 4, lambda n: captioner(channels=(n,) * 8).trunk.channels),
    "Show and Tell's length": (
        "max_length",
        3,
        lambda n: build_show_and_tell(WORDS, depth=18, max_length=n).max_length,
    ),
    "Show and Tell's beams": ("beam_size", 3, lambda n: build_show_and_tell(WORDS, depth=18, beam_size=n).beam_size),
    "sampler": ("length", 4, lambda n: len(SeededSampler([1.0], n, 0))),
    "levels of training": ("levels", 3, lambda n: config(levels=(2, n))["levels"]),
    "seed of training": ("seed", 4, lambda n: config(seed=n)["seed"]),
    "workers": ("workers", 4, lambda n: config(workers=n)["workers"]),
} | {
    f"training's {name}": (name, 4, lambda n, name=name: config(**{"batch_size": 4} | {name: n})[name])
    for name in NUMBERS
}


@pytest.mark.parametrize("door", DOORS)
def test_numpys_integers_are_integers(door):
    name, value, use = DOORS[door]
    wanted = use(value)
    for integer in (np.int64(value), np.uint16(value), np.array(value)):
        found = use(integer)
        assert str(found) == str(wanted), f"{name}={integer!r}"  # str tells 3 from np.int64(3), as JSON does


@pytest.mark.parametrize("door", DOORS)
def test_what_is_no_integer_is_refused_by_name(door):
    name, value, use = DOORS[door]
    for bad in (True, np.True_, value + 0.5, float("nan"), np.float64(value + 0.25), "3", [value]):
        with pytest.raises(ValueError, match=rf"(?s)\b{name}\b.* must (be|hold).*got "):
            use(bad)


def test_a_builder_of_ones_own_may_be_given_numpys_integers(tmp_path):
    @semcomm.saveable
    def build(channels=2, sizes=(1, 2)):  # noqa: ARG001
        return semcomm.build_deep_jscc(complex_channels=channels, device="cpu")

    system = build(np.int64(3), [np.int64(4), 5])
    assert str(system.config["arguments"]) == "{'channels': 3, 'sizes': [4, 5]}"
    system.save_pretrained(tmp_path)
    assert semcomm.from_pretrained(tmp_path, builder=build, device="cpu").config == system.config


def test_a_codes_seed():
    with pytest.raises(ValueError, match="seed must be an integer of at least 0, got True"):
        fit_code([Path(__file__)] * 100, seed=True)
