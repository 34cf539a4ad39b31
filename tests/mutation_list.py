"""Ways to break the package, one line of code each, and the test file that must notice."""

from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parent.parent


class Mutation(NamedTuple):
    """A text, found exactly once in a file of `semcomm/`, what replaces it, and a test file in `tests/`."""

    name: str
    file: str
    old: str
    new: str
    test: str

    @property
    def times_found(self) -> int:
        """How often the text is in its file; 0 without the file."""
        path = CHECKOUT / "semcomm" / self.file
        return path.read_text(encoding="utf-8").count(self.old) if path.is_file() else 0


_LISTED = (
    # Files
    (
        "files/atomic.py",
        "files/test_pictures.py",
        {
            "files written in place": (
                "        yield temporary\n",
                "        yield path\n        temporary.write_bytes(path.read_bytes())\n",
            ),
        },
    ),
    # Hop 4: the channel
    (
        "channel/awgn.py",
        "channel/test_awgn.py",
        {
            "noise power doubled, one SNR": ("alpha=variance**0.5", "alpha=(2 * variance) ** 0.5"),
            "square root forgotten, SNR per image": (".sqrt().reshape(-1, 1)", ".reshape(-1, 1)"),
        },
    ),
    (
        "channel/base.py",
        "channel/test_awgn.py",
        {
            "generator ignored": (
                "torch.randn(shape, dtype=torch.complex64, device=source, generator=generator)",
                "torch.randn(shape, dtype=torch.complex64, device=source, generator=None)",
            )
        },
    ),
    (
        "channel/snr.py",
        "channel/test_snr.py",
        {
            "sign of the SNR turned": ("10 ** (-snr_db / 10)", "10 ** (snr_db / 10)"),
            "dB of amplitudes instead of powers": ("10 ** (-snr_db / 10)", "10 ** (-snr_db / 20)"),
        },
    ),
    (
        "channel/flat_fading.py",
        "channel/test_rayleigh.py",
        {
            "Rayleigh fades of twice the power": (
                "fades = mean + variance**0.5 * complex_normal(",
                "fades = mean + (2 * variance) ** 0.5 * complex_normal(",
            ),
            "coherence per image instead of per symbol": ('"symbol": 1,', '"symbol": k,'),
        },
    ),
    (
        "channel/conformance.py",
        "channel/test_conformance.py",
        {"noise check lets 3 dB pass": ("TOLERANCE = 0.03", "TOLERANCE = 3.0")},
    ),
    # Hop 3: symbols and power
    (
        "transmitter/power.py",
        "transmitter/test_power.py",
        {
            "power over the batch": ("parts.square().mean((1, 2), keepdim=True)", "parts.square().mean()"),
            "power per real part": ("2 * parts.square()", "parts.square()"),
            "silence becomes NaN": ("torch.where(largest > 0, largest, 1.0)", "largest"),
        },
    ),
    (
        "symbols.py",
        "test_symbols.py",
        {
            "I and Q swapped": ("view_as_complex(pairs.contiguous())", "view_as_complex(pairs.flip(-1).contiguous())"),
            "I and Q in two halves": ('"b (c two) h w -> b (c h w) two"', '"b (two c) h w -> b (c h w) two"'),
            "padding not counted in k": (
                "-(-height // downsampling), -(-width // downsampling)",
                "height // downsampling, width // downsampling",
            ),
            "k off by one": (
                "return complex_channels * rows * columns",
                "return complex_channels * rows * columns + 1",
            ),
            "n counts pixels, not source dimensions": ("symbols / (3 * height * width)", "symbols / (height * width)"),
        },
    ),
    # Hops 1 and 2: levels
    (
        "transmitter/caption.py",
        "transmitter/test_caption.py",
        {
            "captioner not frozen": ("captioner.requires_grad_(False).eval()", "captioner.eval()"),
            "caption's plane transposed": ("embeddings.float()[:, None]", "embeddings.float().mT[:, None]"),
        },
    ),
    (
        "transmitter/segmentation.py",
        "transmitter/test_segmentation.py",
        {
            "segmenter not kept in eval mode": ("self.segmenter.eval()", "self.segmenter.train(mode)"),
            "palette's red and blue swapped": ("self.palette[labels.long()]", "self.palette.flip(1)[labels.long()]"),
        },
    ),
    (
        "transmitter/levels.py",
        "transmitter/test_levels.py",
        {
            "label map fused before the image": (
                "torch.cat([padded, colors], dim=1)",
                "torch.cat([colors, padded], dim=1)",
            )
        },
    ),
    (
        "builders.py",
        "test_builders.py",
        {
            "wrong kernel sizes": ("2 * level - 3", "2 * level - 1"),
            "ablated level's channels are lost": ("(1 if caption_feature is None else 0)", "0"),
        },
    ),
    (
        "extractors/inference.py",
        "extractors/test_inference.py",
        {"extractor's colours not normalised": ("return (images - shift) / scale", "return images")},
    ),
    # Hops 5 and 6: levels to the image
    (
        "receiver/equalizer.py",
        "receiver/test_equalizer.py",
        {
            "MMSE without its noise term": ("(gain + noise_to_signal)", "gain"),
            "MMSE without the conjugate": ("received.csi.conj() /", "received.csi /"),
            "noise left untold": ("variance * weights.abs().square()", "variance"),
        },
    ),
    (
        "receiver/levels.py",
        "receiver/test_levels.py",
        {"received levels split wrongly": ("features.split(", "features.flip(1).split(")},
    ),
    ("receiver/fusion.py", "receiver/test_fusion.py", {"sigmoid removed": (".sigmoid()", "")}),
    (
        "receiver/levels.py",
        "test_system.py",
        {"crop at the wrong corner": ("[:, :, :height, :width]", "[:, :, -height:, -width:]")},
    ),
    (
        "system.py",
        "test_contracts.py",
        {"side information taken as received in eval mode": ("sent.side if self.training else None", "sent.side")},
    ),
    (
        "saving.py",
        "test_own_builders.py",
        {"a replaced part saved as the builder's": ("_differ(built[name], now[name])", "False")},
    ),
    (
        "saving.py",
        "test_pretrained.py",
        {
            "arguments that JSON cannot hold not refused": (
                "        if not _is_plain(value):\n            raise ValueE",
                "        if False:\n            raise ValueE",
            )
        },
    ),
    (
        "channel/saved.py",
        "test_pretrained.py",
        {
            "pilots of the default estimator loaded": (
                'Pilots(**arguments["csi"])',
                'Pilots(arguments["csi"]["spacing"])',
            )
        },
    ),
    (
        "whole.py",
        "test_contracts.py",
        {"sizes below one taken": ("not whole or value < least", "not whole or value < least - 9")},
    ),
    (
        "cli/options.py",
        "cli/test_measure_commands.py",
        {
            "every system equalised by MMSE": (
                "    if equalizer is not None:\n        system.equalizer = build_equalizer(equalizer,",
                '    if True:\n        system.equalizer = build_equalizer(equalizer or "mmse",',
            )
        },
    ),
    (
        "channel/base.py",
        "test_numbers.py",
        {
            "checkpointing with a generator let through": (
                "_current_graph_task_id() != -1",
                "_current_graph_task_id() == -2",
            )
        },
    ),
    (
        "networks/frozen.py",
        "test_transmit.py",
        {
            "batch statistics in transmit": (
                "module in twin.modules():\n        module.training = False",
                "module in ():\n        module.training = False",
            )
        },
    ),
    (
        "images.py",
        "test_images.py",
        {
            "padded with black": ('mode="replicate"', 'mode="constant"'),
            "uint8 truncated instead of rounded": ("(images.float() * 255).round()", "(images.float() * 255)"),
            "centre crop at the corner": ("(height - size) // 2, (width - size) // 2", "0, 0"),
        },
    ),
    (
        "files/pictures.py",
        "files/test_picture_depths.py",
        {
            "transparency of deep PNGs lost": (
                'if image.format != "PNG" or color is None',
                "if color is not None or color is None",
            ),
            "white of 12 bits that of 16": ("2.0 ** max(_numbers(tags.get(DEPTH, 16))) - 1", "65535.0"),
            "color profile ignored": ('profile = image.info.get("icc_profile")', "profile = None"),
            "floats divided by their largest": (
                "        return 1.0, negative",
                "        return np.nanmax(values), negative",
            ),
        },
    ),
    # Evaluation
    (
        "quality/image.py",
        "quality/test_image.py",
        {
            "PSNR over the batch": (
                "return torch.stack(scores)",
                "return torch.stack(scores).mean().expand(len(scores))",
            ),
            "SSIM of data range 255": ("            data_range=1.0,\n", "            data_range=255.0,\n"),
        },
    ),
    (
        "quality/statistics.py",
        "quality/test_statistics.py",
        {
            "interval of 90 %": ("inside < 0.95", "inside < 0.90"),
            "draws pooled as if they were images": (
                "scores.ndim == 1 else scores.mean(axis=1)",
                "scores.ndim == 1 else scores.flatten()",
            ),
            "paired difference unpaired": (
                "return mean_and_ci95(one - other)",
                "return mean_and_ci95(one - other)[0], math.hypot(mean_and_ci95(one)[1], mean_and_ci95(other)[1])",
            ),
        },
    ),
    (
        "experiments/measure.py",
        "experiments/test_measure.py",
        {
            "photographs decoded again for every scheme": (
                "photographs.read if isinstance(photographs, Photographs) else load_image",
                "load_image",
            ),
            "seed ignored": ("SeedSequence((seed, round(", "SeedSequence((0, round("),
            "every draw of the same noise": ("(snr_db + 1000)), place, draw))", "(snr_db + 1000)), place))"),
            "keywords of nested systems dropped": ("if value is not None}", "if value is not None and False}"),
        },
    ),
    (
        "experiments/measurement.py",
        "experiments/test_measurement.py",
        {
            "images without a score counted": ("values[~np.isnan(values)]", "np.nan_to_num(values)"),
            "differences across other photographs": ("if self.photographs != other.photographs", "if False"),
        },
    ),
    (
        "experiments/page.py",
        "experiments/test_page.py",
        {"confirmations not counted": ("said.count(verdict)} of", "len(said)} of")},
    ),
    (
        "experiments/figures.py",
        "experiments/test_figures.py",
        {
            "cliff anywhere": ("CLIFF_DB - lost.difference_db", "CLIFF_DB"),
            "large ratios judged as small ones": ("if one.ratio >= SMALL_RATIO", "if one.ratio >= 9"),
        },
    ),
    # Baselines
    (
        "baselines/separation.py",
        "baselines/test_separation.py",
        {
            "capacity in nats": ("math.log2(1 +", "math.log(1 +"),
            "fading ignored in its capacity": ("np.log2(1 + nodes * snr)", "np.log2(1 + snr)"),
            "budget rounded up": ("math.floor(uses *", "math.ceil(uses *"),
        },
    ),
    (
        "baselines/codecs.py",
        "baselines/test_separation.py",
        {"header counted twice": ("return file if headers", "return 2 * file if headers")},
    ),
    (
        "baselines/separation.py",
        "baselines/test_digital.py",
        {"what is told is ignored": ("for one in told]", "for one in snrs]")},
    ),
    # Link
    ("link/crc.py", "link/test_crc.py", {"another polynomial": ("0x800063", "0x800061")}),
    (
        "link/entropy.py",
        "link/test_entropy.py",
        {
            "escapes on the wrong side": ("(outside < tables.low)", "(outside > tables.low)"),
            "carry of the last words dropped": ("words[index] + carry", "words[index]"),
        },
    ),
    (
        "link/tables.py",
        "link/test_entropy.py",
        {"frequencies of zero": ("= 1 + counts * (TOTAL - symbols) // sums", "= counts * (TOTAL - symbols) // sums")},
    ),
    (
        "link/belief_propagation.py",
        "link/test_belief_propagation.py",
        {"messages that hear themselves": (".sub_(last)", "")},
    ),
    (
        "link/transport.py",
        "link/test_waveform.py",
        {"noise of a fade forgotten": ("(noise / gain).clamp", "noise.clamp")},
    ),
    (
        "link/waveform.py",
        "link/test_waveform.py",
        {"neighbours stay neighbours": ("uses * 618 // 1000", "uses * 0 // 1000")},
    ),
    (
        "link/header.py",
        "link/test_header.py",
        {"all lengths alike": ("QPSK_BITS, sequence=length)[0]", "QPSK_BITS)[0]")},
    ),
    (
        "baselines/deep_jscc.py",
        "baselines/test_deep_jscc.py",
        {"Deep JSCC with small kernels": ("KERNEL_SIZE, DOWNSAMPLING = 5,", "KERNEL_SIZE, DOWNSAMPLING = 3,")},
    ),
    # Links: more channels, constraints, and what the receiver is told
    (
        "channel/rician.py",
        "channel/test_rician.py",
        {"direct path of the wrong power": ("mean = (1 - scattered) ** 0.5", "mean = 1 - scattered")},
    ),
    (
        "channel/flat_fading.py",
        "channel/test_rician.py",
        {
            "estimates without error": ("fades + in_estimate.sqrt() *", "fades + 0 *"),
            "one pilot where there are several": ("noise / (pilots * power)", "noise / power"),
        },
    ),
    (
        "channel/multipath.py",
        "channel/test_ofdm.py",
        {
            "Doppler twice as fast": ("turns = doppler * time", "turns = 2 * doppler * time"),
            "profile of amplitudes": (
                "dtype=torch.float32, device=device).sqrt()",
                "dtype=torch.float32, device=device)",
            ),
        },
    ),
    (
        "channel/ofdm.py",
        "channel/test_ofdm.py",
        {
            "prefix of the first samples": (
                "[samples[..., self.fft_size - self.cyclic_prefix :]",
                "[samples[..., : self.cyclic_prefix]",
            ),
            "prefix not counted": ("* (self.fft_size + self.cyclic_prefix)", "* self.fft_size"),
        },
    ),
    (
        "channel/grid_estimation.py",
        "channel/test_ofdm.py",
        {"noise in estimates not told": ("(1 - 2 * crossed + within + gained)", "(1 - 2 * crossed + within)")},
    ),
    (
        "channel/grid_estimation.py",
        "receiver/test_noise.py",
        {"estimates shrunk twice": ("loaded = within[:, None, None, None] * near + noise", "loaded = near + noise")},
    ),
    (
        "channel/impulsive.py",
        "channel/test_impairments.py",
        {"bursts on top of the SNR": (" / (1 - p + p * r)).sqrt()", ").sqrt()")},
    ),
    (
        "channel/phase_noise.py",
        "channel/test_impairments.py",
        {"half of the linewidth": (".real * 2**0.5", ".real")},
    ),
    (
        "channel/chain.py",
        "channel/test_impairments.py",
        {"noise in every channel of a chain": ("channel(x, math.inf, generator", "channel(x, snr_db, generator")},
    ),
    (
        "channel/sionna.py",
        "channel/test_sionna.py",
        {"every stream of full power": ("* self.streams**-0.5, shared", ", shared")},
    ),
    (
        "transmitter/constellation.py",
        "transmitter/test_constellation.py",
        {
            "constellations of twice the power": ("/ (2 * (m * m - 1) / 3) ** 0.5", "/ ((m * m - 1) / 3) ** 0.5"),
            "no gradient through a constellation": ("nearest + (passes - passes.detach()) - shift", "nearest - shift"),
        },
    ),
    (
        "transmitter/peaks.py",
        "transmitter/test_constellation.py",
        {
            "dB of amplitudes in a peak limit": ("limit = 10 ** (papr_db / 10)", "limit = 10 ** (papr_db / 20)"),
            "distribution from below": ("return 1 - above.float()", "return above.float()"),
        },
    ),
    (
        "quality/peaks.py",
        "quality/test_peaks.py",
        {"peaks over the batch": ("papr_ccdf(symbols[None], levels)", "papr_ccdf(transmission.symbols, levels)")},
    ),
    (
        "receiver/noise.py",
        "receiver/test_noise.py",
        {
            "noise told at another symbol's place": ('"b (c h w) -> b c h w"', '"b (h w c) -> b c h w"'),
            "noise told for amplitudes": ("received.csi.abs().square()", "received.csi.abs()"),
            "corrections that begin with chance": ("nn.init.zeros_(last.weight)", "nn.init.normal_(last.weight)"),
        },
    ),
    (
        "baselines/digital.py",
        "baselines/test_digital.py",
        {"pilots on top of k": ("key=lambda symbols: uses(channel, symbols)", "key=lambda symbols: symbols")},
    ),
    (
        "link/modes.py",
        "link/test_modes.py",
        {"fading that costs nothing": ('    if fading == "none":\n', "    if True:\n")},
    ),
    (
        "link/fading.py",
        "link/test_modes.py",
        {"fades of amplitudes": ("shifts = 10 * np.log10(nodes)", "shifts = 5 * np.log10(nodes)")},
    ),
    (
        "link/codewords.py",
        "link/test_codewords.py",
        {
            "punctured bits sent": (
                "np.arange(PUNCTURED_COLUMNS * z, block.information)",
                "np.arange(0, block.information)",
            )
        },
    ),
    (
        "link/prefix.py",
        "link/test_prefix.py",
        {"all guesses certain": ("    if not np.array_equal(found, other):\n", "    if False:\n")},
    ),
    # Training
    (
        "training/config.py",
        "training/test_config.py",
        {
            "cosine schedule ignored": ('if self.schedule == "cosine"', 'if self.schedule == "none"'),
            "rates decay all along": ("DECAYING = 0.4", "DECAYING = 1.0"),
        },
    ),
    (
        "training/muon.py",
        "training/test_muon.py",
        {
            "Muon without Nesterov": (
                'gradient.lerp(state["momentum"], group["momentum"])',
                'state["momentum"].clone()',
            ),
            "transposed kernels laid out by their inputs": (
                "(kernel.transpose(0, 1) if transposed else kernel).flatten(1)",
                "kernel.reshape((kernel.transpose(0, 1) if transposed else kernel).flatten(1).shape)",
            ),
            "one Newton-Schulz step fewer": ("range(steps)", "range(steps - 1)"),
        },
    ),
    (
        "training/average.py",
        "training/test_average.py",
        {"average without its early haste": ("max(self.rate, 9 / (10 + step))", "self.rate")},
    ),
    (
        "training/module.py",
        "training/test_recipe.py",
        {
            "average forgotten in checkpoints": (
                "checkpoint[AVERAGE] = self.average.state_dict()",
                "checkpoint[AVERAGE] = learned(self.system)",
            ),
            "parts of a batch with the same noise": (
                "batch_index % self.config.accumulate *",
                "0 *",
            ),
        },
    ),
    (
        "training/module.py",
        "training/test_module.py",
        {
            "the same noise in every step": (
                "self._generator(TRAINING, self.global_step)",
                "self._generator(TRAINING, 0)",
            )
        },
    ),
    (
        "training/engine.py",
        "training/test_resume.py",
        {
            "resumed run skips a step": (
                "first_step=first_step, accumulate",
                "first_step=first_step and first_step + 1, accumulate",
            )
        },
    ),
    (
        "training/run_folder.py",
        "training/test_run_folder.py",
        {"recipe not checked on resuming": ("sorted(_differences(known, now))", "[]")},
    ),
    (
        "data/folders.py",
        "extractors/test_cache.py",
        {
            "label map not flipped with its image": (
                "value.flip(-1) if flip else",
                'value.flip(-1) if flip and name == "images" else',
            )
        },
    ),
    (
        "data/folders.py",
        "data/test_folders.py",
        {
            "crops of every round the same": (
                "default_rng((self.seed, *divmod(index, len(self.paths))))",
                "default_rng((self.seed, index % len(self.paths)))",
            )
        },
    ),
    # Files
    ("files/json.py", "files/test_json.py", {"NaN written as JSON": ("allow_nan=False", "allow_nan=True")}),
    (
        "files/tensors.py",
        "files/test_tensors.py",
        {"pickles run": ('map_location="cpu", weights_only=True', 'map_location="cpu", weights_only=False')},
    ),
    (
        "extractors/cache.py",
        "extractors/test_cache.py",
        {"cache of changed photographs served": ('if line["sha256"] != _digest(path):', "if False:")},
    ),
    (
        "pretrained.py",
        "test_pretrained.py",
        {
            "weights of another configuration loaded": (
                'raise ValueError(f"{path} belongs to',
                'print(f"{path} belongs to',
            )
        },
    ),
)
MUTATIONS = tuple(
    Mutation(name, file, old, new, test) for file, test, listed in _LISTED for name, (old, new) in listed.items()
)
