"""Hops 1 to 3 of 6 for the hybrid code: caption, label map, texture map and sketch as bits, details as they are.

Hybrid digital-analog coding (Mittal and Phamdo, "Hybrid digital-analog (HDA) joint source-channel codes for
broadcasting and robust communications", 2002; Skoglund, Phamdo and Alajaji, "Hybrid digital-analog source-channel
coding for bandwidth compression/expansion", 2006): what can be said in few bits is sent as bits over a channel code.
What the quantisation leaves and all weaker components are sent as they are and degrade gracefully.
"""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import final

import torch
from torch import Tensor, nn

from semcomm.channel.snr import SNR
from semcomm.contracts import Semantics, Sent
from semcomm.images import pad_to_multiple
from semcomm.link.frame import HIGHEST_TOLD_DB, noise_variance_told, quantise_told
from semcomm.link.modes import Fading
from semcomm.networks.facts import Shared, block_facts, confidence, expected_errors, numbers
from semcomm.networks.residual import run_at_home
from semcomm.transmitter.blocks import to_blocks, to_images
from semcomm.transmitter.caption import CaptionFeature
from semcomm.transmitter.codebook import Codebook
from semcomm.transmitter.drawing import Drawing, synthesise
from semcomm.transmitter.extraction import extract_semantics
from semcomm.transmitter.frames import Frame, hybrid_frame, joined, linear_frame
from semcomm.transmitter.importance import Boosts, check_importance
from semcomm.transmitter.meaning import Draft, LabelMaps, language_of
from semcomm.transmitter.safety import finite_snrs, safe_snrs
from semcomm.transmitter.search import Search
from semcomm.transmitter.segmentation import SegmentationFeature
from semcomm.transmitter.strips import SMALLEST_FRAME, strips
from semcomm.transmitter.training_frames import Shares, choose, share
from semcomm.whole import check_whole

FEWEST_LEVELS, MOST_LEVELS = 2, 21
TRAINING_SNR_DB = -6.0, 21.0
"""The SNRs in dB that its networks are trained at, unless somebody says otherwise."""


@final
@dataclass(frozen=True)
class Side:
    """What training takes as received.

    Args:
        drawing: what all images of the batch are drawn from.
        shares: how their details share symbols and power.
        gains: the gain of every image's details, float `(b,)`.
    """

    drawing: Drawing
    shares: Shares
    gains: Tensor


@final
class HybridTransmitter(nn.Module):
    """Hops 1 and 2 of 6: images to a digital part and details, all of unit power.

    Args:
        codebook: the statistics that both ends share.
        network: adds to the details what a closed form cannot know, or None; see `ResidualNetwork`.
        levels: the level l that is sent if nothing else is asked for: k = (h/t)(w/t)(3 l + 1).
        safe_snr_db: down to which SNR in dB the digital part must arrive; None is the SNR told.
        digital: False sends everything as it is: the linear code.
        caption: writes the caption that is sent, or None.
        segmentation: makes the label map that is sent, or None.

    Shape:
        images `(b, 3, h, w)` to complex64 `(b, k)`.
    """

    def __init__(
        self,
        codebook: Codebook,
        *,
        network: nn.Module | None = None,
        levels: int = 10,
        safe_snr_db: float | None = None,
        digital: bool = True,
        caption: CaptionFeature | None = None,
        segmentation: SegmentationFeature | None = None,
    ):
        super().__init__()
        if safe_snr_db is not None:
            finite_snrs(safe_snr_db, 1, "safe_snr_db")
        self.codebook = codebook
        self.caption = caption
        self.segmentation = segmentation
        self.language = language_of(caption, segmentation)
        self.network = network
        self.downsampling = codebook.block
        self.training_snr_db = TRAINING_SNR_DB
        self.levels = levels
        self.safe_snr_db = safe_snr_db
        self.digital = digital

    def extract(self, images: Tensor, semantics: Semantics | None = None) -> Semantics:
        """Run the extractors on images `(b, 3, h, w)` for what `semantics` does not hold."""
        return extract_semantics(images, semantics, self.caption, self.segmentation)

    def symbols_per_image(
        self, height: int, width: int, *, levels: int | None = None, channel_uses: int | None = None
    ) -> int:
        """Channel uses k of a `height x width` image: what is asked for, or those of a level from 2 to 21."""
        if channel_uses is not None:
            if levels is not None:
                raise ValueError(f"levels must be None where channel_uses says k, got {levels} and {channel_uses}")
            return check_whole(channel_uses, "channel_uses")
        level = check_whole(self.levels if levels is None else levels, "levels", FEWEST_LEVELS, MOST_LEVELS)
        return math.ceil(height / self.downsampling) * math.ceil(width / self.downsampling) * (3 * level + 1)

    def forward(
        self,
        images: Tensor,
        snr_db: SNR | None = None,
        *,
        semantics: Semantics | None = None,
        levels: int | None = None,
        channel_uses: int | None = None,
        safe_snr_db: SNR | None = None,
        importance: Mapping[str, float] | None = None,
        fading: Fading = "none",
    ) -> Sent:
        """Encode images `(b, 3, h, w)` for the SNR that the sender believes, and the channel's kind of fading."""
        told = finite_snrs(snr_db, len(images), "snr_db", most=HIGHEST_TOLD_DB)
        k = self.symbols_per_image(images.shape[2], images.shape[3], levels=levels, channel_uses=channel_uses)
        boosts = () if importance is None else self._boosts(importance)
        if self.training:
            return self._rehearse(images, k, told)
        safe = safe_snrs(self.safe_snr_db if safe_snr_db is None else safe_snr_db, told)
        drafts = self._drafts(images, semantics, boosts)
        with torch.autocast("cpu", enabled=False), torch.autocast(images.device.type, enabled=False):
            frames = [
                self._photograph(image[None], k, told_db, safe_db, draft, fading)
                for image, told_db, safe_db, draft in zip(images.cpu(), told, safe, drafts, strict=True)
            ]
        uses = {name: torch.tensor([frame.uses[name] for frame in frames]) for name in frames[0].uses}
        return Sent(torch.stack([frame.symbols for frame in frames]).to(images.device), channel_uses=uses)

    def _boosts(self, importance: Mapping[str, float]) -> Boosts:
        boosts = check_importance(importance, None if self.language is None else self.language.class_names)
        if boosts and self.training:
            raise ValueError(f"importance must be None while training, got {dict(importance)}; call eval() first")
        return boosts

    def _drafts(self, images: Tensor, semantics: Semantics | None, boosts: Boosts) -> list[Draft]:
        """What is to be said of each image."""
        size = (images.shape[2], images.shape[3])
        if self.language is None or not self.digital:
            return [Draft(None, size)] * len(images)
        found = self.extract(images, semantics)
        captions: list[str | None] = [None] * len(images)
        if self.caption is not None and found.tokens is not None:
            captions = list(self.caption.text(found.tokens))
        maps: list[LabelMaps | None] = [None] * len(images)
        if self.segmentation is not None and found.labels is not None:
            labels, classes = found.labels.cpu(), self.language.classes
            if tuple(labels.shape) != (len(images), *size):
                raise ValueError(
                    f"semantics.labels must have shape {(len(images), *size)} for these images, "
                    f"got {tuple(labels.shape)}"
                )
            if not 0 <= int(labels.min()) <= int(labels.max()) < classes:
                got = f"{int(labels.min())}..{int(labels.max())}"
                raise ValueError(f"semantics.labels must be in 0..{classes - 1}, got {got}")
            maps = [LabelMaps(one, classes) for one in labels]
        if len(captions) != len(images):
            raise ValueError(f"semantics.tokens must be (b, T) for {len(images)} images, got {len(captions)} captions")
        return [Draft(self.language, size, caption, own, boosts) for caption, own in zip(captions, maps, strict=True)]

    def _photograph(
        self, image: Tensor, k: int, told_snr_db: float, safe_snr_db: float, draft: Draft, fading: Fading
    ) -> Frame:
        """Encode one image `(1, 3, h, w)` into k symbols, a large one strip by strip."""
        parts = strips(image.shape[2], image.shape[3], k, self.downsampling)
        return joined(
            self._frame(
                image[:, :, part.rows], part.channel_uses, told_snr_db, safe_snr_db, draft.part(part.rows), fading
            )
            for part in parts
        )

    def _frame(
        self, image: Tensor, k: int, told_snr_db: float, safe_snr_db: float, draft: Draft, fading: Fading
    ) -> Frame:
        """Encode one image `(1, 3, h, w)` and what is to be said of it into k symbols."""
        padded = pad_to_multiple(image.float(), self.downsampling)
        blocks = to_blocks(padded, self.downsampling)
        shape = (1, blocks.shape[1], blocks.shape[2])
        components = self.codebook.common.components(blocks.flatten(0, 2))
        told = quantise_told(told_snr_db)
        search_for = partial(
            Search, self.codebook, components, shape, k, noise_variance_told(told), safe_snr_db, fading=fading
        )
        search = search_for(replace(draft, boosts=()))
        choice = search.best() if self.digital and k >= SMALLEST_FRAME else None
        if choice is not None and draft.boosts:
            # the label map that weights follow from is settled before the search that they change
            draft = draft.settled(choice.bits)
            careful = search_for(draft)
            better = careful.best()
            if better is not None and better.error < search.weighed(choice, careful.boost):
                search, choice = careful, better
        if draft.boosts and not search.draft.boosts:
            warnings.warn(
                f"importance has no effect: what it brings does not pay for itself in {k} channel uses at "
                f"{safe_snr_db:g} dB",
                stacklevel=2,
            )
        if choice is None:
            return linear_frame(search, self.digital)
        refine = partial(self.refine, padded, k=k, told_snrs_db=torch.tensor([told_snr_db]))
        return hybrid_frame(search, choice, told, refine)

    def _rehearse(self, images: Tensor, k: int, told_snrs_db: list[float]) -> Sent:
        """Encode a batch for training: the digital part is taken as received, its positions hold random QPSK."""
        device = images.device
        codebook, told = self.codebook.on(device), torch.tensor(told_snrs_db, device=device)
        with torch.autocast(device.type, enabled=False):
            padded = pad_to_multiple(images.float(), self.downsampling)
            blocks = to_blocks(padded, self.downsampling)
            shape = (blocks.shape[0], blocks.shape[1], blocks.shape[2])
            with torch.no_grad():
                components = codebook.common.components(blocks.flatten(0, 2))
                seed = _fingerprint(components)
                drawing, details, uses = choose(
                    codebook, components, shape, k, told, torch.Generator().manual_seed(seed)
                )
                shares = share(drawing, k, uses, told)
        details = self.refine(padded, drawing, details, shares, k=k, told_snrs_db=told)
        with torch.autocast(device.type, enabled=False):
            sent, gains = shares.send(details.float(), k, torch.Generator(device).manual_seed(seed))
        return Sent(sent, Side(drawing, shares, gains))

    def refine(
        self,
        images: Tensor,
        drawing: Drawing,
        details: Tensor,
        shared: Shared,
        *,
        k: int,
        told_snrs_db: Tensor,
    ) -> Tensor:
        """Add the network's part to details `(blocks, Q)`; images `(b, 3, h, w)` of whole blocks, on their device."""
        if self.network is None:
            return details
        device, told = details.device, told_snrs_db
        with torch.autocast(device.type, enabled=False):
            errors = expected_errors(drawing, shared, 10 ** (-told[:, None] / 10))
            blocks = synthesise(self.codebook.on(device), drawing, torch.zeros_like(details))
            sketch = to_images(blocks.unflatten(0, drawing.shape), self.downsampling)
            about = numbers(drawing, errors, told, told, k, torch.ones_like(told))
        seen = torch.cat([images, sketch], dim=1) - 0.5
        added = run_at_home(self.network, seen, block_facts(drawing, errors), about)
        with torch.autocast(device.type, enabled=False):
            components = (confidence(about) * added.float()).movedim(1, -1).flatten(0, 2)
            return details + drawing.book.textures.analyse(components, drawing.labels) * drawing.weights


def _fingerprint(components: Tensor) -> int:
    """Turn a batch into a number, so that a step's choices are a function of its crops."""
    return int(components.double().abs().sum() * 1e3) % 2**31
