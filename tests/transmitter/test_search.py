"""The sender's search for a step, beside all steps tried one by one."""

import pytest
import torch
from torchvision.transforms import functional

from semcomm import build_hybrid_code
from semcomm.files.pictures import load_image
from semcomm.transmitter.search import Search


@pytest.mark.parametrize(("snr_db", "ratio"), [(10.0, 24), (25.0, 48)])
def test_of_a_smooth_photograph_the_best_step_is_found(hopper_path, monkeypatch, snr_db, ratio):
    """In little noise a fine sketch of it, nearly all of the frame, is far better than a coarse one with details."""
    photograph = functional.gaussian_blur(load_image(hopper_path)[None, :, 60:252, 150:342], 9, 2.0)
    searches = []
    best = Search.best

    def kept(search):
        found = best(search)
        searches.append((search, found))
        return found

    monkeypatch.setattr(Search, "best", kept)
    system = build_hybrid_code(device="cpu")
    system.transmit(photograph, snr_db, channel_uses=photograph.numel() // ratio, generator=torch.Generator())
    search, found = searches[-1]
    tried = [search._weigh(found.book, step, closed_loop=True) for step in range(found.log_step % 4 - 40, 88, 4)]
    assert found.error < 1.03 * min(one.error for one in tried if one is not None)
