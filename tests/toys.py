"""Deterministic stand-ins for what is trained or large: a captioner, a segmenter, small systems, custom channels."""

import torch
from torch import nn
from torch.nn import functional as F

from semcomm import AWGNChannel, CaptionFeature, Channel, SegmentationFeature, build_mlsc_image
from semcomm.networks.stages import SNRConditioning

SIZE = 16


class ToyCaptioner(nn.Module):
    """Names the brightness of red, green and blue; dropout makes its training mode visible."""

    words = ("dark", "dim", "bright", "light")
    length = 5

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.table = nn.Parameter(torch.randn(len(self.words) + 1, 3, generator=generator))
        self.calls = 0

    def generate(self, images):
        self.calls += 1
        means = F.dropout(images.mean((2, 3)), 0.5, self.training)
        named = (means * 4).long().clamp(0, 3) + 1
        return F.pad(named, (0, self.length - 3))

    def embed(self, tokens):
        return F.dropout(self.table, 0.5, self.training)[tokens] * (tokens > 0)[..., None]

    def text(self, tokens):
        return [" ".join(self.words[token - 1] for token in row if token) for row in tokens.tolist()]


class ToySegmenter(nn.Module):
    """Labels pixels by a linear rule; batch normalisation makes its training mode visible."""

    class_names = ("sky", "ground", "water", "wall")

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(2)
        self.rule = nn.Conv2d(3, 4, 1)
        self.rule.weight.data = torch.randn(4, 3, 1, 1, generator=generator)
        self.rule.bias.data = torch.tensor([0.0, 0.1, -0.1, 0.05])
        self.norm = nn.BatchNorm2d(4)
        self.calls = 0

    @property
    def palette(self):
        return torch.tensor([[0.0, 0.5, 1.0], [0.4, 0.2, 0.0], [0.0, 0.0, 0.6], [0.8, 0.8, 0.8]])

    def segment(self, images):
        self.calls += 1
        return self.norm(self.rule(images)).argmax(1)


def caption_feature(size=SIZE):
    return CaptionFeature(ToyCaptioner(), size)


def segmentation_feature():
    return SegmentationFeature(ToySegmenter())


def small_system(l=2, t=4, *, seed=0, **arguments):  # noqa: E741 - the paper's letter
    """A narrow MLSC-image, without semantic levels unless told otherwise, always with the same weights."""
    given = {"image_size": SIZE, "caption": None, "segmentation": None, "width": 4, "device": "cpu"}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return adapted(build_mlsc_image(l, t, **(given | arguments)))


def adapted(network):
    """Give SNR conditioning, which begins as the identity, weights that tell SNRs apart, as training would."""
    for part in network.modules():
        if isinstance(part, SNRConditioning):
            part.condition[2].reset_parameters()
    return network


def semantic_system(l=2, t=4, **arguments):  # noqa: E741 - the paper's letter
    return small_system(l, t, caption=caption_feature(), segmentation=segmentation_feature(), **arguments)


def settle(system, generator=None):
    """Give batch normalisation running statistics of its own, then eval mode, so that eval mode means something."""
    generator = generator or torch.Generator().manual_seed(3)
    system.train()
    with torch.no_grad():
        for _ in range(3):
            system(torch.rand(4, 3, SIZE, SIZE, generator=generator), 10.0, generator=generator)
    return system.eval()


def rand_images(batch=2, height=SIZE, width=SIZE, seed=0):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(seed))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussian_symbols(batch, symbols, seed=0):
    return torch.randn(batch, symbols, dtype=torch.complex64, generator=seeded(seed))


class PhaseFlip(Channel):
    """A channel of a user's own: a half turn, then noise."""

    def __init__(self, power=1.0):
        super().__init__(power)
        self.noise = AWGNChannel(power)

    def forward(self, x, snr_db, *, generator=None):
        return self.noise(-x, snr_db, generator=generator)


def same(one, other):
    """Whether two systems send two images alike."""
    images = rand_images(2, 18, 17)
    return torch.equal(one(images, 7.0, generator=seeded()), other(images, 7.0, generator=seeded()))
