"""Ways to break the hops: transmitter, channel and its links, receiver; see `mutation_list.py`."""

LISTED = (
    (
        "receiver/hybrid.py",
        "receiver/test_nested_training.py",
        {
            "mirror image not turned back": ("mirrored.flip(-1)", "mirrored"),
        },
    ),
    # Hops 1 to 3
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
        "transmitter/payload.py",
        "transmitter/test_training_frames.py",
        {"bits without escapes": ("2 + 2 * octave", "0 * octave")},
    ),
    (
        "transmitter/training_frames.py",
        "transmitter/test_training_frames.py",
        {
            "training takes the whole noise of a complex symbol for a real component": (
                "self.noise(noise_variance) / 2",
                "self.noise(noise_variance)",
            ),
            "training sends the weakest components": ("descending=True", "descending=False"),
        },
    ),
    (
        "training/device_crops.py",
        "training/test_device_crops.py",
        {"crops on the device are never flipped": ("-1 if flip else 1", "1")},
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
    # Hop 4
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
    (
        "channel/saved.py",
        "test_saved_channels.py",
        {
            "pilots of the default estimator loaded": (
                'Pilots(**arguments["csi"])',
                'Pilots(arguments["csi"]["spacing"])',
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
    # Hops 5 and 6
    (
        "receiver/equalizer.py",
        "receiver/test_equalizer.py",
        {
            "MMSE without its noise term": ("(gain + noise_to_signal)", "gain"),
            "MMSE without the conjugate": ("(received.csi.conj() * weights)", "(received.csi * weights)"),
            "noise left untold": ("variance * weights.abs().square()", "variance"),
            "MMSE's noise left untold": ("noise_variance * left * weights", "noise_variance"),
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
        "receiver/noise.py",
        "receiver/test_noise.py",
        {
            "noise told at another symbol's place": ('"b (c h w) -> b c h w"', '"b (h w c) -> b c h w"'),
            "noise told for amplitudes": ("received.csi.abs().square()", "received.csi.abs()"),
            "corrections that begin with chance": ("nn.init.zeros_(last.weight)", "nn.init.normal_(last.weight)"),
        },
    ),
    # All hops
    (
        "checks.py",
        "test_contracts.py",
        {"side information taken as received in eval mode": ("sent.side if training else None", "sent.side")},
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
)
