"""What a system writes of itself: `config.json` beside `model.safetensors`."""

import warnings
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import nn

from semcomm.channel.awgn import AWGNChannel
from semcomm.channel.rayleigh import RayleighChannel
from semcomm.files.json import write_json
from semcomm.files.tensors import write_safetensors
from semcomm.receiver.equalizer import EQUALIZERS
from semcomm.transmitter.codebook import CODEBOOK

CONFIG, WEIGHTS = "config.json", "model.safetensors"
DEFAULT = "hybrid-code"
"""The shipped system that is meant where none is named."""
EXTRACTORS = ("transmitter.caption.", "transmitter.segmentation.")
CARD = """---
{{ card_data }}
---

# A semantic-communication system

Images in, images out, over a noisy channel between. `config.json` says how it was built.

```python
from semcomm import from_pretrained

system = from_pretrained("owner/name")  # or this folder
received = system(images, snr_db=10.0)  # (b, 3, h, w) in [0, 1] to the same
```
"""


class Saves(PyTorchModelHubMixin, library_name="semcomm", tags=["semantic-communication"], model_card_template=CARD):
    """What lets a system be saved in a folder and on the Hugging Face Hub."""

    config: dict[str, Any] | None = None
    """How a builder made this system; what `save_pretrained` writes. None for systems assembled by hand."""

    def _save_pretrained(self, save_directory: Path) -> None:
        save_folder(self, save_directory)

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls,
        name_or_folder: str | Path = DEFAULT,
        *,
        channel: nn.Module | None = None,
        caption: Any | None = None,
        segmentation: Any | None = None,
        revision: str | None = None,
        device: torch.device | str | None = None,
    ) -> Any:
        """Load a trained system; the same as `semcomm.from_pretrained`."""
        from semcomm.pretrained import from_pretrained

        return from_pretrained(
            name_or_folder,
            channel=channel,
            caption=caption,
            segmentation=segmentation,
            revision=revision,
            device=device,
        )


def save_folder(system: Any, folder: Path) -> None:
    """Write `config.json`, `model.safetensors`, and the codebook where it is not the package's.

    The weights of the frozen extractors stay out. A system without weights has no `model.safetensors`.

    Raises:
        ValueError: if the system was assembled by hand.
    """
    if system.config is None:
        raise ValueError(
            "this system was assembled by hand, so its configuration is unknown: build it with build_mlsc_image or "
            "build_deep_jscc, or save system.state_dict() with safetensors.torch.save_file"
        )
    described = {"channel": _describe_channel(system.channel), "equalizer": _describe_equalizer(system.equalizer)}
    weights = saved_weights(system)
    if weights:
        write_safetensors(folder / WEIGHTS, weights)
    else:
        (folder / WEIGHTS).unlink(missing_ok=True)  # of another system that was saved here before
    if system.config["arguments"].get("codebook") is not None:
        system.transmitter.codebook.save(folder / CODEBOOK)
    write_json(folder / CONFIG, {**system.config, **described})


def saved_weights(system: nn.Module) -> dict[str, torch.Tensor]:
    """The weights that a folder holds: all but those of the frozen extractors and of the channel."""
    return {
        name: value for name, value in system.state_dict().items() if not name.startswith((*EXTRACTORS, "channel."))
    }


def _describe_channel(channel: nn.Module) -> dict[str, Any] | None:
    if isinstance(channel, AWGNChannel):
        return {"type": "awgn"}
    if isinstance(channel, RayleighChannel):
        return {"type": "rayleigh", "coherence": channel.coherence, "csi": channel.csi}
    warnings.warn(
        f"the channel, {type(channel).__name__}, is not saved: from_pretrained gives AWGN; set system.channel to yours",
        stacklevel=2,
    )
    return None


def _describe_equalizer(equalizer: nn.Module) -> str:
    for name, known in EQUALIZERS.items():
        if type(equalizer) is known:
            return name
    warnings.warn(
        f"the equalizer, {type(equalizer).__name__}, is not saved: from_pretrained gives MMSE; set system.equalizer to "
        "yours",
        stacklevel=2,
    )
    return "mmse"
