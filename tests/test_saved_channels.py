"""Channels that are saved with a system: what comes back with its arguments, and what is refused."""

import json
import math

import numpy as np
import pytest
import torch
from toys import small_system

from semcomm import RayleighChannel, RicianChannel, from_pretrained
from semcomm.channel import ImpulsiveChannel, OFDMChannel, PhaseNoiseChannel, Pilots, SionnaChannel
from semcomm.receiver.equalizer import ZeroForcingEqualizer


def test_a_rayleigh_channel_comes_back(tmp_path):
    system = small_system(channel=RayleighChannel(coherence=5, csi="none"))
    system.equalizer = ZeroForcingEqualizer()
    system.save_pretrained(tmp_path)
    loaded = from_pretrained(tmp_path, device="cpu")
    assert (type(loaded.channel), loaded.channel.coherence, loaded.channel.csi) == (RayleighChannel, 5, "none")
    assert type(loaded.equalizer) is ZeroForcingEqualizer


@pytest.mark.parametrize(
    "channel",
    [
        RayleighChannel(coherence=16, csi=Pilots(8, "lmmse")),
        RicianChannel(k_factor_db=3.0, coherence="image", csi=Pilots(4)),
        RicianChannel(k_factor_db=-math.inf),
        ImpulsiveChannel(probability=0.25, excess_db=20.0),
        PhaseNoiseChannel(linewidth=1e-3, csi="perfect"),
        OFDMChannel(fft_size=16, cyclic_prefix=4, profile=(1.0, 0.5, 0.2), doppler=0.01, csi=Pilots(4)),
        OFDMChannel(fft_size=8, cyclic_prefix=2, response=(1.0, 0.5j), coherence=3),
        OFDMChannel(np.float32(1), profile=np.ones(3, np.float32), doppler=np.float32(0.01)),
        SionnaChannel("tdl-a", fft_size=64, speed_m_s=3.0),
        SionnaChannel("tdl-a", speed_m_s=np.int64(3), carrier_hz=np.float32(2e9), delay_spread_s=np.float32(5e-8)),
    ],
    ids=repr,
)
def test_channels_come_back_with_their_arguments(tmp_path, channel):
    small_system(channel=channel).save_pretrained(tmp_path)
    loaded = from_pretrained(tmp_path, device="cpu").channel
    assert (type(loaded), repr(loaded)) == (type(channel), repr(channel))
    x = torch.ones(1, 40, dtype=torch.complex64)
    sent = [one(x, 5.0, generator=torch.Generator().manual_seed(1)).symbols for one in (loaded, channel)]
    assert torch.equal(*sent)
    assert loaded.channel_uses(40) == channel.channel_uses(40)


@pytest.mark.parametrize("csi", [{"spacing": 1}, {"every": 8}, [8], "pilots"])
def test_a_damaged_channel_is_refused(tmp_path, csi):
    small_system().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["channel"] = {"type": "rayleigh", "coherence": 16, "csi": csi}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"config\.json describes no channel that can be made: "):
        from_pretrained(tmp_path, device="cpu")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"type": []}, "names an unknown channel"),
        ({"response": [[1e200, 0.0]]}, "describes no channel that can be made: .*response must hold finite"),
        ({"response": [[10**400, 0]]}, "describes no channel that can be made: .*too large"),
        ({"profile": [1e308, 1e308]}, "describes no channel that can be made: .*profile must hold mean powers"),
        ({"profile": [10**400]}, "describes no channel that can be made: .*profile must hold numbers"),
    ],
    ids=["type", "response", "huge response", "profile", "huge profile"],
)
def test_a_damaged_ofdm_channel_is_refused(tmp_path, damage, message):
    small_system(channel=OFDMChannel()).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["channel"] |= damage
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=rf"config\.json {message}"):
        from_pretrained(tmp_path, device="cpu")
