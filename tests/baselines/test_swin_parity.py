"""Our SwinJSCC and WITT are the published ones: outputs when every tensor is filled by the fixtures' rule."""

import numpy as np
import pytest
import torch

from semcomm.baselines.swin_parts import pair, unpair
from semcomm.baselines.swin_systems import load_swin_jscc, load_witt

SNR_DB, RATE = 10.0, 64
VARIANTS = {
    "SwinJSCC_w/o_SAandRA": ("swinjscc", "wo_SAandRA", load_swin_jscc, False),
    "SwinJSCC_w/_SA": ("swinjscc", "w_SA", load_swin_jscc, None),
    "SwinJSCC_w/_RA": ("swinjscc", "w_RA", load_swin_jscc, None),
    "SwinJSCC_w/_SAandRA": ("swinjscc", "w_SAandRA", load_swin_jscc, None),
    "WITT_W/O": ("witt", "WITT_WO", load_witt, False),
    "WITT": ("witt", "WITT", load_witt, None),
}


def masked(features, kept):
    """All channels of `(b, rows, columns, c)` zero but those kept, `(b, rate)`, as the authors send them."""
    mask = torch.zeros_like(features[:, 0, 0]).scatter_(1, kept, 1.0)
    return features * mask[:, None, None]


@pytest.fixture
def published(tmp_path, read_shapes, fill_by_rule):
    """Write a file as the authors do: one state dict, some names of loss and channel, masks of another size."""

    def write(variant, *, wrapped=False):
        state = {}
        for name, shape in read_shapes(VARIANTS[variant][0])[variant].items():
            half, _, rest = name.partition(".")
            if name.endswith("relative_position_index"):
                state[name] = torch.zeros(shape, dtype=torch.int64)
            elif name.endswith("attn_mask"):
                state[name] = torch.zeros(4, *shape[1:])
            else:
                state[name] = fill_by_rule({rest: shape})[rest]
        state["distortion_loss.mse.weight"] = torch.ones(1)
        state["channel.h"] = torch.ones(1)
        if wrapped:
            state = {"epoch": 3, "state_dict": {f"module.{name}": value for name, value in state.items()}}
        path = tmp_path / "published.model"
        torch.save(state, path)
        return path

    return write


@pytest.mark.parametrize("variant", VARIANTS)
def test_outputs_are_the_published_networks(variant, published, read_reference):
    group, key, load, snr_adaptive = VARIANTS[variant]
    path = published(variant, wrapped=variant.endswith("SA"))
    system = load(path, snr_adaptive=snr_adaptive, device="cpu")
    path.unlink()  # 150 MB
    assert not system.training
    assert system.config["arguments"]["snr_adaptive"] == ("o_SA" not in variant and variant not in NOT_ADAPTIVE)
    reference = read_reference(group)
    images = torch.from_numpy(np.random.default_rng(0).random((1, 3, 128, 256)).astype(np.float32))
    rate = RATE if "RA" in key and "wo" not in key else None
    with torch.no_grad():
        features, kept = system.transmitter.encoder(images, SNR_DB, rate)
        assert (kept is None) == (rate is None)
        if kept is not None:
            assert kept[0].tolist() == np.flatnonzero(reference[f"{key}_mask"]).tolist()
            features = masked(features, kept)
        flat = features.flatten(1, 2)
        noise = np.random.default_rng(1).standard_normal(tuple(flat.shape)).astype(np.float32)
        noisy = features + 0.1 * torch.from_numpy(noise).reshape(features.shape)
        received = system.receiver.decoder(noisy if kept is None else masked(noisy, kept), SNR_DB)
    close = {"rtol": 0, "atol": 1e-5}
    np.testing.assert_allclose(flat[:, ::3, ::4].numpy(), reference[f"{key}_features"], **close)
    np.testing.assert_allclose(received[:, :, ::8, ::8].numpy(), reference[f"{key}_image"], **close)


NOT_ADAPTIVE = ("SwinJSCC_w/_RA", "WITT_W/O")


@pytest.mark.parametrize("variant", ["SwinJSCC_w/_SA", "SwinJSCC_w/_SAandRA"])
def test_a_channel_without_noise_is_the_published_pipeline(variant, published):
    """Encoder, published pairing and power, nothing added, and back: the decoder gets the very features."""
    path = published(variant)
    system = load_swin_jscc(path, device="cpu")
    path.unlink()
    images = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    rate = 64 if variant.endswith("RA") else None
    with torch.no_grad():
        features, kept = system.transmitter.encoder(images, SNR_DB, rate)
        if kept is not None:
            features = masked(features, kept)
        expected = system.receiver.decoder(features, SNR_DB).clamp(0, 1)
        symbols = system.encode(images, SNR_DB, rate=rate)
        received = system.decode(symbols, (128, 128), SNR_DB, rate=rate)
    torch.testing.assert_close(symbols.abs().square().mean(dim=1), torch.ones(2), rtol=1e-4, atol=0)
    torch.testing.assert_close(received, expected, rtol=0, atol=2e-3)
    header = system.transmitter.header.symbols
    vector = features.flatten(1)
    vector = vector if kept is None else vector[vector != 0].reshape(2, -1)
    half = vector.shape[1] // 2
    sent = symbols[:, header:] * (vector.square().mean(dim=1, keepdim=True) * 2).sqrt()
    torch.testing.assert_close(sent, torch.complex(vector[:, :half], vector[:, half:]), rtol=0, atol=1e-3)


def test_pairings_are_undone():
    features = torch.randn(2, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    for pairing in ("neighbours", "halves"):
        assert torch.equal(unpair(pair(features, pairing), (3, 5), pairing), features)
    assert pair(features, "neighbours")[0, 0] == torch.complex(*features[0, 0, 0, :2])
