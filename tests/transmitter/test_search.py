"""The sender's search for a step, beside all steps tried one by one."""

import pytest
import torch
from torchvision.transforms import functional

from semcomm import build_hybrid_code
from semcomm.files.pictures import load_image
from semcomm.transmitter.blocks import to_blocks
from semcomm.transmitter.meaning import Draft
from semcomm.transmitter.payload import level_costs
from semcomm.transmitter.search import Choice, Search


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


@pytest.mark.parametrize("room", [1.0, 0.98, 0.9, 0.5])
def test_what_is_chosen_was_drawn_and_fits(hopper_path, room):
    """Also where the sketch of a good step takes a little more than there is room for: a coarser one is drawn."""
    photograph = load_image(hopper_path)[None, :, 60:252, 150:342].float() / 255
    codebook = build_hybrid_code(device="cpu").transmitter.codebook
    blocks = to_blocks(photograph, 16)
    components, shape = codebook.common.components(blocks.flatten(0, 2)), tuple(blocks.shape[:3])

    def search(k):
        return Search(codebook, components, shape, k, 10**0.5, -5.0, Draft(None, (192, 192)))

    wide = search(20_000)
    takes = wide.digital_uses(wide._weigh(4, -4, closed_loop=True).bits)
    narrow = search(int(room * takes))
    settled = narrow._settle(Choice(4, -4, 0.0, 0.0))
    if room < 0.7:
        assert settled is None
    else:
        assert settled.log_step < 0
        assert narrow.digital_uses(settled.bits) <= narrow.k
        drawing, _ = settled.drawn
        assert int(drawing.log_step[0]) == settled.log_step
        assert float(level_costs(codebook, drawing.layout, drawing.levels, drawing.found).sum()) < settled.bits
