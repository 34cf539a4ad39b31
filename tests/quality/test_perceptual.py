"""Against torchmetrics, with random weights in the place where torchvision keeps its own."""

import pickle

import pytest
import torch
from torchmetrics.functional.image.lpips import learned_perceptual_image_patch_similarity
from torchvision.models import alexnet
from toys import rand_images

from semcomm.quality.perceptual import lpips, lpips_weights


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    lpips_weights().parent.mkdir(parents=True)
    return lpips_weights()


@pytest.fixture
def weights(hub):
    with torch.device("meta"):
        expected = alexnet(weights=None).state_dict()
    generator = torch.Generator().manual_seed(4)
    # The classifier's 58 M numbers, which nobody reads here, are one zero on disk.
    torch.save(
        {
            name: torch.randn(value.shape, generator=generator) * 0.05
            if name.startswith("features")
            else torch.zeros(1).expand(value.shape)
            for name, value in expected.items()
        },
        hub,
    )
    return hub


@pytest.mark.usefixtures("weights")
def test_lpips_is_torchmetrics(photograph):
    sent = photograph.float().div(255).expand(3, -1, -1, -1)
    strengths = torch.tensor([0.0, 0.1, 0.4])[:, None, None, None]
    received = (sent + strengths * (rand_images(3, 96, 80) - 0.5)).clamp(0, 1)
    scores = lpips(received, sent)
    expected = [
        learned_perceptual_image_patch_similarity(one[None], other[None], normalize=True)
        for one, other in zip(received, sent, strict=True)
    ]
    torch.testing.assert_close(scores, torch.stack(expected))
    assert scores[0] == 0
    assert 0 < scores[1] < scores[2]


@pytest.mark.usefixtures("weights")
def test_lpips_of_one_image_keeps_its_batch_dimension_and_ignores_the_batch():
    received, sent = rand_images(3, 40, 48, seed=1), rand_images(3, 40, 48, seed=2)
    alone = torch.cat([lpips(one[None], other[None]) for one, other in zip(received, sent, strict=True)])
    torch.testing.assert_close(lpips(received, sent), alone)


@pytest.mark.usefixtures("weights")
def test_lpips_leaves_global_randomness_alone():
    before = torch.get_rng_state()
    lpips(rand_images(1, 32, 32), rand_images(1, 32, 32))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.usefixtures("weights")
def test_lpips_of_an_image_too_small_for_the_network_is_nan():
    assert lpips(rand_images(2, 30, 50), rand_images(2, 30, 50)).isnan().tolist() == [True, True]
    assert lpips(rand_images(2, 31, 31, seed=1), rand_images(2, 31, 31)).gt(0).all()


def test_without_weights_lpips_names_the_file_and_downloads_nothing(hub, monkeypatch):
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *_: pytest.fail("downloaded"))
    with pytest.raises(OSError, match=rf"lpips needs AlexNet's weights in '{hub}'.*alexnet\(weights="):
        lpips(rand_images(1, 32, 32), rand_images(1, 32, 32))
    assert not lpips_weights().is_file()


class Attack:
    """Fails the test when it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("unpickled",)


@pytest.mark.parametrize(
    "content",
    [b"", b"not weights", pickle.dumps({"features.0.weight": Attack()}, protocol=2)],
    ids=["empty", "text", "attack"],
)
def test_a_file_that_is_no_weights_is_refused_and_not_unpickled(hub, content):
    hub.write_bytes(content)
    with pytest.raises(ValueError, match="must hold torchvision's AlexNet weights"):
        lpips(rand_images(1, 32, 32), rand_images(1, 32, 32))


@pytest.mark.parametrize(
    "content",
    [{"other": torch.zeros(1)}, [torch.zeros(1)], {"features.0.weight": Attack()}],
    ids=["others", "list", "attack"],
)
def test_weights_of_another_network_are_refused(hub, content):
    torch.save(content, hub)
    with pytest.raises(ValueError, match="must hold torchvision's AlexNet weights"):
        lpips(rand_images(1, 32, 32), rand_images(1, 32, 32))


def test_weights_of_another_shape_are_refused(weights):
    state = torch.load(weights, weights_only=True)
    torch.save({name: value[..., :1] for name, value in state.items()}, weights)
    with pytest.raises(ValueError, match="must hold torchvision's AlexNet weights"):
        lpips(rand_images(1, 32, 32), rand_images(1, 32, 32))
