"""The three figures as panels of curves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from matplotlib.figure import Figure

from semcomm.experiments.curves import Curve, Panel, draw_curves
from semcomm.experiments.specs import (
    CODECS,
    NO_CAPACITY_DB,
    AtCapacity,
    DeepJSCC,
    Mlsc,
    Point,
    Preset,
    Scheme,
    ablation_snrs,
    ablations,
    as_wide,
    middle_snr,
)
from semcomm.experiments.store import PointResult
from semcomm.quality.image import mean_and_ci95, paired_difference

RATIO, SNR, PSNR, SSIM = "bandwidth ratio k/n", "SNR (dB)", "PSNR (dB)", "SSIM"
CODEC_NAMES = {"jpeg": "JPEG", "jpeg2000": "JPEG 2000", "webp": "WebP", "avif": "AVIF"}
Results = Mapping[Point, PointResult]


def describe(scheme: Scheme) -> str:
    """Name a scheme for people."""
    if isinstance(scheme, AtCapacity):
        return f"{CODEC_NAMES[scheme.codec]} at capacity"
    if isinstance(scheme, DeepJSCC):
        return "Deep JSCC"
    dropped = [word for word, kept in (("caption", scheme.caption), ("segmentation", scheme.segmentation)) if not kept]
    return "MLSC-image" + (f" without {' and '.join(dropped)}" if dropped else "")


def draw_fig4(preset: Preset, results: Results, note: str) -> Figure:
    """PSNR and SSIM against k/n, a column per SNR."""

    def schemes(snr_db: float) -> list[Sequence[Scheme]]:
        mlscs = [Mlsc(level, snr_db) for level in preset.levels]
        codecs = [[AtCapacity(codec, mlsc.level) for mlsc in mlscs] for codec in CODECS]
        return [mlscs, [as_wide(mlsc) for mlsc in mlscs], *codecs]

    rows = [
        [
            Panel(
                f"SNR {snr_db:g} dB",
                RATIO,
                label,
                [
                    _curve(
                        describe(same[0]),
                        results,
                        [Point(scheme, snr_db) for scheme in same],
                        lambda point: results[point].bandwidth_ratio,
                        score,
                    )
                    for same in schemes(snr_db)
                ],
            )
            for snr_db in preset.snrs_db
        ]
        for score, label in (("psnr_db", PSNR), ("ssim", SSIM))
    ]
    return draw_curves(rows, title="Quality against bandwidth", note=note)


def draw_fig5(preset: Preset, results: Results, note: str) -> Figure:
    """PSNR and SSIM against the test SNR, a curve per training SNR."""
    middle = middle_snr(preset)
    systems = [Mlsc(preset.mismatch_level, snr_db) for snr_db in preset.mismatch_snrs_db]
    jscc, jpeg = as_wide(replace(systems[0], snr_db=middle)), AtCapacity("jpeg", preset.mismatch_level)

    def panel(score: str, label: str) -> Panel:
        curves = [
            _curve(
                f"{describe(system)}, trained at {system.snr_db:g} dB",
                results,
                [Point(system, snr_db) for snr_db in preset.test_snrs_db],
                lambda point: point.snr_db,
                score,
            )
            for system in (*systems, jscc)
        ]
        arrives = [Point(jpeg, middle if snr_db >= middle else NO_CAPACITY_DB) for snr_db in preset.test_snrs_db]
        coded = _curve(f"JPEG, coded for {middle:g} dB", results, arrives, lambda point: point.snr_db, score)
        return Panel("", SNR, label, [*curves, replace(coded, x=list(preset.test_snrs_db))])

    return draw_curves(
        [[panel("psnr_db", PSNR), panel("ssim", SSIM)]], title="Trained at one SNR, tested across", note=note
    )


def draw_fig6(preset: Preset, results: Results, note: str) -> Figure:
    """PSNR against SNR with and without the semantic levels, and what they gain."""
    systems = ablations(preset)
    snrs = ablation_snrs(preset)
    tested = [snr_db for _, snr_db in snrs]

    def points(system: Mlsc) -> list[Point]:
        return [Point(replace(system, snr_db=training), snr_db) for training, snr_db in snrs]

    def gain(system: Mlsc) -> Curve:
        pairs = zip(points(system), points(systems[-1]), strict=True)
        gains = [paired_difference(results[one].psnr_db, results[other].psnr_db) for one, other in pairs]
        return Curve(describe(system), tested, [mean for mean, _ in gains], [ci95 for _, ci95 in gains])

    gains = [gain(system) for system in systems[:-1]]
    levels = [
        _curve(describe(system), results, points(system), lambda point: point.snr_db, "psnr_db") for system in systems
    ]
    return draw_curves(
        [
            [
                Panel("Quality at equal k", SNR, PSNR, levels),
                Panel("Gain over no semantic level", SNR, "gain in PSNR (dB)", gains, zero=True),
            ]
        ],
        title="What the semantic levels are worth",
        note=note,
    )


DRAW: dict[str, Callable[[Preset, Results, str], Figure]] = {"fig4": draw_fig4, "fig5": draw_fig5, "fig6": draw_fig6}


def _curve(label: str, results: Results, points: Sequence[Point], x: Callable[[Point], float], score: str) -> Curve:
    summaries = [mean_and_ci95(getattr(results[point], score)) for point in points]
    return Curve(label, [x(point) for point in points], [mean for mean, _ in summaries], [ci for _, ci in summaries])
