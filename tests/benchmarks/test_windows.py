"""SwinJSCC's inference against the published formulation: rolled windows, explicit softmax."""

import pytest
import torch
from plain_windows import everywhere

from semcomm.baselines.swin import SwinDecoder, SwinEncoder
from semcomm.baselines.swin_systems import SIZES

HEIGHT, WIDTH = 512, 768


@pytest.mark.parametrize("size", ["small", "base"])
def test_inference(compare, size):
    torch.manual_seed(0)
    encoder = SwinEncoder(SIZES[size], channels=96, snr_adaptive=True).eval()
    decoder = SwinDecoder(SIZES[size], channels=96, snr_adaptive=True).eval()
    images = torch.rand(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))

    @torch.no_grad()
    def run():
        return decoder(encoder(images, 10.0)[0], 10.0)

    def plainly():
        with pytest.MonkeyPatch.context() as patch:
            everywhere(patch)
            return run()

    torch.testing.assert_close(run(), plainly(), rtol=0, atol=1e-4)
    what = f"SwinJSCC {size} inference, 1 image of {WIDTH} x {HEIGHT}"
    compare(what, {"semcomm": run, "plain": plainly}, rounds=3, target=0.8)
