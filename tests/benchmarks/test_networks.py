"""Training steps and inference against the same layers as one would write them first."""

import copy

import pytest
import torch
from benchmarks import plain

from semcomm import build_deep_jscc, build_mlsc_image
from semcomm.networks.frozen import in_eval_mode

SNR_DB = 10.0
SIZES = {"256 x 256": (256, 256), "768 x 512": (512, 768)}


def random_images(batch, height, width):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))


def adam(*networks, fused):
    weights = [weight for network in networks for weight in network.parameters() if weight.requires_grad]
    return torch.optim.Adam(weights, lr=1e-4, fused=fused)


def trained_as_semcomm_does(system):
    return system.to(memory_format=torch.channels_last), adam(system, fused=True)


def test_deep_jscc_training_step(compare):
    images = random_images(8, 128, 128)
    system, optimizer = trained_as_semcomm_does(build_deep_jscc(complex_channels=4, device="cpu"))
    encoder, decoder = plain.deep_jscc(4)
    count = [sum(weight.numel() for weight in part.parameters()) for part in (system, encoder, decoder)]
    assert count[0] == count[1] + count[2]
    plain_optimizer = adam(encoder, decoder, fused=False)

    def plainly():
        return decoder(plain.send(encoder(images), system.constraint, SNR_DB))

    ways = {
        "semcomm": lambda: plain.training_step(lambda: system(images, SNR_DB), optimizer, images),
        "plain": lambda: plain.training_step(plainly, plain_optimizer, images),
    }
    compare("Deep JSCC training step, 8 images of 128 x 128", ways, rounds=15, target=0.9)


@pytest.fixture(scope="module")
def mlsc():
    torch.manual_seed(0)
    return build_mlsc_image(l=4, t=8, device="cpu")


@pytest.mark.parametrize(("size", "batch"), [("256 x 256", 4), ("768 x 512", 1)])
def test_mlsc_image_training_step(compare, mlsc, size, batch):
    images = random_images(batch, *SIZES[size])
    semantics = mlsc.extract(images)
    system, optimizer = trained_as_semcomm_does(copy.deepcopy(mlsc).train())
    other = copy.deepcopy(mlsc).train()
    plain_optimizer = adam(other, fused=False)
    ways = {
        "semcomm": lambda: plain.training_step(lambda: system(images, SNR_DB, semantics=semantics), optimizer, images),
        "plain": lambda: plain.training_step(
            lambda: plain.mlsc_image(other, images, SNR_DB, semantics), plain_optimizer, images
        ),
    }
    images_of = f"{batch} images" if batch > 1 else "1 image"
    compare(f"MLSC-image training step, {images_of} of {size}", ways, rounds=7, target=0.9)


@pytest.mark.parametrize("size", SIZES)
def test_mlsc_image_inference(compare, mlsc, size):
    images = random_images(1, *SIZES[size])
    system = copy.deepcopy(mlsc)
    semantics = system.extract(images)
    with torch.no_grad():
        for _ in range(3):  # statistics of its own, so that folding them changes something
            system.train()(images, SNR_DB, semantics=semantics)
        system.eval()
        ways = {
            # `transmit` as far as the image received: it goes on to measure PSNR and SSIM
            "semcomm": lambda: in_eval_mode(system)(images, SNR_DB, semantics=semantics),
            "plain": lambda: plain.mlsc_image(system, images, SNR_DB, semantics),
        }
        seed = torch.Generator().manual_seed(1)
        received = in_eval_mode(system)(images, SNR_DB, semantics=semantics, generator=seed)
        expected = plain.mlsc_image(system, images, SNR_DB, semantics, torch.Generator().manual_seed(1))
        torch.testing.assert_close(received, expected, rtol=0, atol=1e-4)
        compare(f"MLSC-image inference, 1 image of {size}", ways, rounds=25, target=0.7)
