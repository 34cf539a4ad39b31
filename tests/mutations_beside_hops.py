"""Ways to break what is beside the hops: baselines, evaluation, training, files; see `mutation_list.py`."""

LISTED = (
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
    (
        "baselines/deep_jscc.py",
        "baselines/test_deep_jscc.py",
        {"Deep JSCC with small kernels": ("KERNEL_SIZE, DOWNSAMPLING = 5,", "KERNEL_SIZE, DOWNSAMPLING = 3,")},
    ),
    (
        "baselines/digital.py",
        "baselines/test_digital.py",
        {"pilots on top of k": ("key=lambda symbols: uses(channel, symbols)", "key=lambda symbols: symbols")},
    ),
    # The hybrid code's statistics
    (
        "training/fit_code.py",
        "training/test_fit_code.py",
        {"the smallest classes split": (".argsort(descending=True)[: count - have]", ".argsort()[: count - have]")},
    ),
    (
        "transmitter/packing.py",
        "transmitter/test_packing.py",
        {"strong coefficients in eight bits": ("STRONG = 64", "STRONG = 32")},
    ),
    # Photographs and extractors
    (
        "extractors/inference.py",
        "extractors/test_inference.py",
        {"extractor's colours not normalised": ("return (images - shift) / scale", "return images")},
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
        "extractors/cache.py",
        "extractors/test_cache.py",
        {"cache of changed photographs served": ('if line["sha256"] != _digest(path):', "if False:")},
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
    (
        "quality/peaks.py",
        "quality/test_peaks.py",
        {"peaks over the batch": ("papr_ccdf(symbols[None], levels)", "papr_ccdf(transmission.symbols, levels)")},
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
    # Files, arguments and the command line
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
    (
        "saving.py",
        "test_own_builders.py",
        {"a replaced part saved as the builder's": ("built[name] != now[name]", "False")},
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
        "whole.py",
        "test_contracts.py",
        {"sizes below one taken": ("number is None or number < least", "number is None or number < least - 9")},
    ),
    (
        "whole.py",
        "test_whole.py",
        {
            "fractions rounded down": ("return operator.index(value)", "return int(value)"),
            "bools taken for numbers": ("if isinstance(value, bool) or str", "if str"),
        },
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
    ("files/json.py", "files/test_json.py", {"NaN written as JSON": ("allow_nan=False", "allow_nan=True")}),
    (
        "files/tensors.py",
        "files/test_tensors.py",
        {"pickles run": ('map_location="cpu", weights_only=True', 'map_location="cpu", weights_only=False')},
    ),
    (
        "pretrained.py",
        "test_pretrained_refusals.py",
        {
            "weights of another configuration loaded": (
                'raise ValueError(f"{path} belongs to',
                'print(f"{path} belongs to',
            )
        },
    ),
)
