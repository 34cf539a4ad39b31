"""Does a system of your own keep the contract? Measured, not believed."""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from semcomm.contracts import Request
from semcomm.images import exact, to_uint8
from semcomm.networks.frozen import in_eval_mode
from semcomm.system import SemanticSystem

SNR_DB = 10.0
SNRS_DB = (0.0, 12.0, 5.0)
"""One for each image of a batch."""
SMALLEST = 16
TOLERANCE = 1e-3
"""Largest difference in symbols and pixels between what must be equal but for rounding."""


def check_system(system: SemanticSystem) -> None:
    """Check a system with a transmitter and a receiver of your own, by measurement.

    For images of two sizes, one of them odd: shape and range of what arrives; as many symbols as announced; mean power
    of every image; images independent of each other, in eval mode; one SNR per image; reproducible under a generator;
    `forward` the same as `encode`, channel and `decode`, and as `transmit`; nothing taken as received in eval mode;
    black images sent without NaN; a finite gradient for every weight that is trained. The system is copied first, and
    stays as it is. Channels are checked by `check_channel`.

    Args:
        system: a `SemanticSystem`, on any device.

    Raises:
        TypeError: if it is no `SemanticSystem`.
        ValueError: listing every clause that is violated.

    Example:
        >>> from semcomm import build_deep_jscc
        >>> check_system(build_deep_jscc(complex_channels=2, device="cpu"))
    """
    if not isinstance(system, SemanticSystem):
        raise TypeError(f"system must be a SemanticSystem, made already, got {type(system).__name__}")
    trained = copy.deepcopy(system).train()
    tested = in_eval_mode(trained)
    least = max(SMALLEST, 2 * system.downsampling)
    odd, even = (
        torch.rand(3, 3, *size, generator=torch.Generator().manual_seed(0)).to(system.device)
        for size in ((least + 3, least + 1), (least, least))
    )
    with torch.random.fork_rng(devices=[]):
        violations = [*_tried(_form, tested, even), *_tried(_form, tested, odd)]
        if not violations:
            for clause in (_power, _independence, _snr_per_image, _generator, _doors, _side, _black):
                violations.extend(_tried(clause, tested, odd))
            violations.extend(_tried(_gradient, trained, odd))
    if violations:
        listed = "".join(f"\n- {violation}" for violation in dict.fromkeys(violations))
        raise ValueError(f"the system violates its contract:{listed}")


def _tried(clause: Any, system: SemanticSystem, images: Tensor) -> list[str]:
    name = clause.__name__.strip("_").replace("_", " ")
    try:
        with torch.set_grad_enabled(clause is _gradient):
            return [f"{name}: {said}" for said in clause(system, images)]
    except Exception as error:
        height, width = images.shape[2:]
        return [f"{name}: an image of {height} x {width} pixels raised {type(error).__name__}: {error}"]


def _seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _differ(one: Tensor, other: Tensor) -> bool:
    return one.shape != other.shape or not bool(((one - other).abs() <= TOLERANCE).all())


def _form(system: SemanticSystem, images: Tensor) -> Iterator[str]:
    before = images.clone()
    received = system(images, SNR_DB, generator=_seeded())  # which refuses other shapes and numbers of symbols
    if not bool(((received >= 0) & (received <= 1)).all()):
        low, high = received.min().item(), received.max().item()
        yield f"images received must be in [0, 1], got {exact(low)} to {exact(high)}; end with a sigmoid, or clamp"
    if not torch.equal(images, before):
        yield "images were overwritten, so the scores would be wrong; make new tensors"


def _power(system: SemanticSystem, images: Tensor) -> Iterator[str]:
    power = getattr(system.channel, "power", 1.0)
    measured = system.encode(images, SNR_DB).abs().square().mean(1)
    if not bool(((measured / power - 1).abs() <= TOLERANCE).all()):
        yield (
            f"every image's symbols must have mean power {power:g}, which the SNR refers to, got "
            f"{[round(one, 4) for one in measured.tolist()]}; end the constraint with PowerNormalize"
        )


def _independence(system: SemanticSystem, images: Tensor) -> Iterator[str]:
    size = (images.shape[2], images.shape[3])
    symbols = system.encode(images, SNR_DB)
    if _differ(symbols[1:2], system.encode(images[1:2], SNR_DB)):
        yield "in eval mode, an image's symbols change with its neighbours; take no statistics over the batch"
    elif _differ(system.decode(symbols, size, SNR_DB)[1:2], system.decode(symbols[1:2], size, SNR_DB)):
        yield "in eval mode, an image received changes with its neighbours; take no statistics over the batch"


def _snr_per_image(system: SemanticSystem, images: Tensor) -> Iterator[str]:
    size, snrs = (images.shape[2], images.shape[3]), torch.tensor(SNRS_DB)
    symbols = system.encode(images, snrs)
    received = system.decode(symbols, size, snrs)
    for place, snr_db in enumerate(SNRS_DB):
        if _differ(symbols[place], system.encode(images, snr_db)[place]):
            yield f"with an SNR for every image, image {place} is not sent as with its SNR for all"
        elif _differ(received[place], system.decode(symbols, size, snr_db)[place]):
            yield f"with an SNR for every image, image {place} is not received as with its SNR for all"


def _generator(system: SemanticSystem, images: Tensor) -> Iterator[str]:
    state = torch.get_rng_state()
    first = system(images, SNR_DB, generator=_seeded())
    touched = not torch.equal(state, torch.get_rng_state())
    if _differ(first, system(images, SNR_DB, generator=_seeded())):
        yield "two calls with the same generator differ; draw all randomness from the channel's generator"
    elif touched:
        yield "torch's global generator was seeded or drawn from although a generator was given"


def _doors(system: SemanticSystem, images: Tensor) -> Iterator[str]:
    size = (images.shape[2], images.shape[3])
    whole = system(images, SNR_DB, generator=_seeded())
    arrived = system.channel(system.encode(images, SNR_DB), SNR_DB, generator=_seeded())
    if _differ(whole, system.decode(arrived, size, SNR_DB)):
        yield "encode, channel and decode make another image than forward; keep nothing from one hop for another"
    sent = system.transmit(images, SNR_DB, generator=_seeded()).images
    if int((sent.int() - to_uint8(whole).int()).abs().max()) > 1:
        yield "transmit delivers another image than forward in eval mode"


def _side(system: SemanticSystem, images: Tensor) -> Iterator[str]:
    if system.hops_1_to_3(images, SNR_DB, None, Request()).side is not None:
        yield "Sent.side must be None in eval mode: there, all must cross the channel"


def _black(system: SemanticSystem, images: Tensor) -> Iterator[str]:
    try:
        system.encode(torch.zeros_like(images), SNR_DB)
    except ValueError as error:
        yield f"black images cannot be sent; look for a division by their mean or their power: {error}"


def _gradient(system: SemanticSystem, images: Tensor) -> Iterator[str]:
    weights = {name: weight for name, weight in system.named_parameters() if weight.requires_grad}
    if not weights:
        return
    (system(images, SNR_DB, generator=_seeded()) - images).square().mean().backward()
    lacking = [name for name, weight in weights.items() if weight.grad is None]
    wrong = [name for name, one in weights.items() if one.grad is not None and not bool(one.grad.isfinite().all())]
    if lacking:
        yield f"no gradient comes to {_listed(lacking)}; remove .detach() and rounding, or freeze what is not used"
    if wrong:
        yield f"it holds NaN or inf for {_listed(wrong)}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
