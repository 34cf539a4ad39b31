"""The paper's three figures: what each needs to be measured, and the section that judges and draws it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from semcomm.experiments.claims import Claim, Evidence, Results, compare, compare_all
from semcomm.experiments.curves import Curve, Panel, draw_curves
from semcomm.experiments.page import Section, Table
from semcomm.experiments.sections import CLIFF_DB, PSNR, RATIO, SNR, SSIM, curve, matrix, pm, rows_of
from semcomm.experiments.specs import (
    NO_CAPACITY_DB,
    SNR_RANGE,
    AtCapacity,
    Code,
    Codec,
    CodeName,
    Mlsc,
    Point,
    Spec,
    TrainingSNR,
    Untrained,
    as_wide,
)
from semcomm.quality.statistics import mean_and_ci95, paired_difference

SMALL_RATIO = 1 / 10
"""Below this k/n MLSC-image is said to be ahead (arXiv 2202.04754, Section IV)."""
ALL_IN_BOTH: tuple[tuple[Codec, int | None], ...] = (("jpeg", None), ("avif", None))


@final
@dataclass(frozen=True)
class Bandwidth:
    """Figure 4: quality against k/n, beside Deep JSCC and codecs at capacity.

    Args:
        systems: from the smallest k/n to the largest.
        snrs_db: where they are tested.
        matched: whether each is trained at the SNR that it is tested at, instead of its own.
        codecs: each with the number of photographs that it sends, None for all.
        ahead_of_jpeg: the bound on k/n below which MLSC-image should be ahead of JPEG, in words and as a number.
        ahead_by_db: by how much it should be ahead of Deep JSCC at the smallest k/n, or None.
        codes: codes of the package, each with the number of photographs that it sends, None for all.
    """

    systems: tuple[Mlsc, ...]
    snrs_db: tuple[float, ...]
    matched: bool = True
    codecs: tuple[tuple[Codec, int | None], ...] = ALL_IN_BOTH
    ahead_of_jpeg: tuple[str, float] = ("< 1/10", SMALL_RATIO - 1e-9)
    ahead_by_db: float | None = None
    codes: tuple[tuple[CodeName, int | None], ...] = ()

    def curves(self, snr_db: float) -> list[list[Spec]]:
        """What is drawn as one curve each."""
        systems = [replace(one, snr_db=snr_db) if self.matched else one for one in self.systems]
        codecs: list[list[Spec]] = [[AtCapacity(one, like, images) for like in systems] for one, images in self.codecs]
        codes: list[list[Spec]] = [[Code(one, like, images) for like in systems] for one, images in self.codes]
        return [[*systems], [as_wide(one) for one in systems], *codecs, *codes]

    @property
    def points(self) -> list[Point]:
        """What must be measured, system by system."""
        return [
            Point(spec, snr_db)
            for snr_db in self.snrs_db
            for column in zip(*self.curves(snr_db), strict=True)
            for spec in column
        ]

    def section(self, results: Results, note: str) -> Section:
        """Who is ahead at which k/n."""
        rows = [
            [
                Panel(
                    f"SNR {snr_db:g} dB",
                    RATIO,
                    label,
                    [curve(results, [Point(spec, snr_db) for spec in one], score) for one in self.curves(snr_db)],
                )
                for snr_db in self.snrs_db
            ]
            for score, label in (("psnr_db", PSNR), ("ssim", SSIM))
        ]
        learned = [spec for kind in (0, 1) for snr_db in self.snrs_db for spec in self.curves(snr_db)[kind]]
        own = "trained at the SNR that it is tested at" if self.matched else "one model for 0 to 20 dB"
        return Section(
            key="fig4",
            title="Figure 4: quality against bandwidth",
            text="k counts padding, so that on these photographs every learned system spends a little more than its "
            "nominal k/n, by which the claims choose; codecs and codes get, image by image, exactly the channel uses "
            "of MLSC-image. Deep JSCC can only have multiples of 1/48 and gets the next larger one. Every learned "
            f"system here is {own}.{_on_fewer(results)}",
            systems=list(dict.fromkeys(spec.name for spec in learned)),
            claims=self._claims(results),
            tables=[self._table(results)],
            rows=rows_of(results, self.points),
            figure=draw_curves(rows, title="Quality against bandwidth", note=note),
        )

    def _claims(self, results: Results) -> list[Claim]:
        ahead, by_half, behind, jpeg = [], [], [], []
        words, bound = self.ahead_of_jpeg
        for snr_db in self.snrs_db:
            systems, rivals, *codecs = self.curves(snr_db)
            coded = {one[0].codec: one for one in codecs if isinstance(one[0], AtCapacity)}
            for place, (one, rival) in enumerate(zip(systems, rivals, strict=True)):
                mine, other = Point(one, snr_db), Point(rival, snr_db)
                if one.ratio >= SMALL_RATIO:
                    behind.append(compare(results, other, mine))
                    continue
                ahead.append(compare(results, mine, other))
                if place == 0 and self.ahead_by_db is not None:
                    by_half.append(compare(results, mine, other, at_least=self.ahead_by_db))
            beside = [
                compare(results, Point(one, snr_db), Point(codec, snr_db))
                for one, codec in zip(systems, coded.get("jpeg", []), strict=False)
                if one.ratio <= bound
            ]
            jpeg.append(Claim(f"MLSC-image is ahead of JPEG at capacity at {snr_db:g} dB for k/n {words}", beside))
        at_least = f"At the smallest k/n it is ahead of Deep JSCC by at least {self.ahead_by_db or 0:g} dB"
        return [
            Claim("MLSC-image is ahead of Deep JSCC for k/n < 1/10", ahead),
            Claim(at_least, by_half),
            *jpeg,
            Claim("Deep JSCC is ahead of MLSC-image for k/n >= 1/10", behind),
        ]

    def _table(self, results: Results) -> Table:
        head = ["scheme", "k/n", *(f"{score}, {snr:g} dB" for snr in self.snrs_db for score in (PSNR, SSIM))]
        body = []
        for number in range(2 + len(self.codecs) + len(self.codes)):
            for same in dict.fromkeys(zip(*(self.curves(snr)[number] for snr in self.snrs_db), strict=True)):
                points = [Point(spec, snr) for spec, snr in zip(same, self.snrs_db, strict=True)]
                first = same[0]
                name = f"`{first.name}`" if len(set(same)) == 1 else f"{first.label}, {' and '.join(_k(same))}"
                name = f"{first.label}, k of `{first.like.name}`" if isinstance(first, Untrained) else name
                cells = [pm(results[point], score) for point in points for score in ("psnr_db", "ssim")]
                body.append([name, f"{results[points[0]].bandwidth_ratio:.4f}", *cells])
        return head, body


@final
@dataclass(frozen=True)
class Mismatch:
    """Figure 5: trained at one SNR, tested across.

    Args:
        systems: each trained at one SNR.
        snrs_db: where all are tested.
        adaptive: one model for all SNRs, or None.
        beside: whether to add Deep JSCC trained, and JPEG coded, for the middle one's SNR.
        within_db: how far the one model may be behind another at that one's SNR.
    """

    systems: tuple[Mlsc, ...]
    snrs_db: tuple[float, ...]
    adaptive: Mlsc | None = None
    beside: bool = True
    within_db: float = 0.2

    @property
    def points(self) -> list[Point]:
        """What must be measured."""
        learned = [Point(system, snr_db) for system in self._labelled.values() for snr_db in self.snrs_db]
        return learned + ([Point(self._jpeg, snr) for snr in (self._middle, NO_CAPACITY_DB)] if self.beside else [])

    def section(self, results: Results, note: str) -> Section:
        """How gracefully quality falls below the training SNR."""
        cliffs = []
        for system in self.systems:
            own = _single(system)
            if own - 3 in self.snrs_db:
                lost = compare(results, Point(system, own), Point(system, own - 3))
                cliffs.append(Evidence(f"trained at {own:g} dB", CLIFF_DB - lost.difference_db, lost.ci95))
        claims = [Claim(f"No cliff: 3 dB less SNR than in training cost less than {CLIFF_DB:g} dB of PSNR", cliffs)]
        if self.adaptive is not None:
            behind = [
                compare(results, Point(self.adaptive, own), Point(system, own), at_least=-self.within_db)
                for system, own in ((system, _single(system)) for system in self.systems)
            ]
            text = (
                f"The one model for all SNRs is within {self.within_db:g} dB of every single-SNR model at its own SNR"
            )
            claims.append(Claim(text, behind))
        first = self.systems[0]
        paths = {label: [Point(one, snr_db) for snr_db in self.snrs_db] for label, one in self._labelled.items()}
        drawn = {label: (points, self.snrs_db) for label, points in paths.items()}
        if self.beside:
            arrives = [self._middle if snr_db >= self._middle else NO_CAPACITY_DB for snr_db in self.snrs_db]
            coded = [Point(self._jpeg, snr_db) for snr_db in arrives]
            drawn[f"JPEG, coded for {self._middle:g} dB"] = (coded, self.snrs_db)
        panels = [
            Panel("", SNR, label, [curve(results, points, score, name, x) for name, (points, x) in drawn.items()])
            for score, label in (("psnr_db", PSNR), ("ssim", SSIM))
        ]
        return Section(
            key="fig5",
            title="Figure 5: trained at one SNR, tested across",
            text=f"MLSC-image with l = {first.level}, t = {first.downsampling}. Mean PSNR in dB, a column per test "
            f"SNR. Of the cliff's comparisons the difference is what is left of {CLIFF_DB:g} dB after the loss.",
            systems=[one.name for one in self._labelled.values()],
            claims=claims,
            tables=[matrix(f"MLSC-image, l = {first.level}", results, paths)],
            rows=rows_of(results, self.points),
            figure=draw_curves([panels], title="Training and test SNR", note=note),
        )

    @property
    def _middle(self) -> float:
        return _single(self.systems[len(self.systems) // 2])

    @property
    def _jpeg(self) -> AtCapacity:
        return AtCapacity("jpeg", self.systems[0])

    @property
    def _labelled(self) -> dict[str, Spec]:
        found: dict[str, Spec] = {f"trained at {_single(one):g} dB": one for one in self.systems}
        if self.adaptive is not None:
            found["one model for 0 to 20 dB"] = self.adaptive
        if self.beside:
            jscc = as_wide(replace(self.systems[0], snr_db=self._middle))
            found[f"Deep JSCC, trained at {self._middle:g} dB"] = jscc
        return found


@final
@dataclass(frozen=True)
class Ablation:
    """Figure 6: what the semantic levels are worth, at equal k.

    Args:
        system: with both levels.
        snrs_db: where it is tested.
        matched: whether it is trained at each of these instead of over a range.
    """

    system: Mlsc
    snrs_db: tuple[float, ...]
    matched: bool = False

    def path(self, spec: Mlsc) -> list[Point]:
        """One curve's points."""
        return [Point(replace(spec, snr_db=self._training(snr_db)), snr_db) for snr_db in self.snrs_db]

    @property
    def ablated(self) -> dict[str, Mlsc]:
        """All levels first, then without caption, without segmentation, without either."""
        return {
            "all levels": self.system,
            "without caption": replace(self.system, caption=False),
            "without segmentation": replace(self.system, segmentation=False),
            "without either": replace(self.system, caption=False, segmentation=False),
        }

    @property
    def points(self) -> list[Point]:
        """What must be measured."""
        return [point for spec in self.ablated.values() for point in self.path(spec)]

    def section(self, results: Results, note: str) -> Section:
        """What a level brings, which brings more, and where."""
        full, no_caption, no_segmentation, neither = paths = [self.path(spec) for spec in self.ablated.values()]

        def gain_per_image(snr_db: float) -> np.ndarray:
            one, other = (results[points[self.snrs_db.index(snr_db)]].scores["psnr_db"] for points in (full, neither))
            return (one - other)[0].mean(axis=1)

        low, high = min(self.snrs_db), max(self.snrs_db)
        together = [
            Evidence(f"gain at {low:g} dB", *mean_and_ci95(gain_per_image(low))),
            Evidence(
                f"gain at {low:g} dB over gain at {high:g} dB",
                *paired_difference(gain_per_image(low), gain_per_image(high)),
            ),
        ]
        claims = [
            Claim("The caption helps", compare_all(results, full, no_caption)),
            Claim("The segmentation helps", compare_all(results, full, no_segmentation)),
            Claim("The segmentation helps more than the caption", compare_all(results, no_caption, no_segmentation)),
            Claim("Both together help most at low SNR", together),
        ]
        labels = [spec.label for spec in self.ablated.values()]
        curves = [
            curve(results, path, "psnr_db", label, self.snrs_db) for label, path in zip(labels, paths, strict=True)
        ]
        above = []
        for label, path in zip(labels[:-1], paths, strict=False):
            ahead = compare_all(results, path, neither)
            above.append(Curve(label, self.snrs_db, [one.difference_db for one in ahead], [one.ci95 for one in ahead]))
        panels = [
            Panel("Quality at equal k", SNR, PSNR, curves),
            Panel("Gain over no semantic level", SNR, "gain in PSNR (dB)", above, zero=True),
        ]
        level, channels = self.system.level, 3 * self.system.level + 1
        trained = "trained at every SNR that it is tested at" if self.matched else "one model for 0 to 20 dB each"
        return Section(
            key="fig6",
            title="Figure 6: what the semantic levels are worth",
            text=f"MLSC-image with l = {level}, t = {self.system.downsampling}, {trained}, all at the same k: what a "
            "level that is left out would have sent goes to the details instead. With both levels, of the "
            f"{channels} complex channels one sees the caption only, three see the label map only, and {channels - 4} "
            "carry pixels. Mean PSNR in dB, a column per SNR.",
            systems=list(dict.fromkeys(point.spec.name for path in paths for point in path)),
            claims=claims,
            tables=[matrix(f"MLSC-image, l = {level}", results, dict(zip(self.ablated, paths, strict=True)))],
            rows=rows_of(results, [point for path in paths for point in path]),
            figure=draw_curves([panels], title="What the semantic levels are worth", note=note),
        )

    def _training(self, snr_db: float) -> TrainingSNR:
        return snr_db if self.matched else SNR_RANGE


def _single(system: Mlsc) -> float:
    if isinstance(system.snr_db, tuple):
        raise ValueError(f"systems must be trained at one SNR each, got {system.snr_db} for {system.name}")
    return system.snr_db


def _k(specs: Sequence[Spec]) -> list[str]:
    return list(dict.fromkeys(f"`{spec.name}`" for spec in specs))


def _on_fewer(results: Results) -> str:
    """Name the codecs and codes that sent some of the photographs only."""
    most = max(len(one.photographs) for one in results.values())
    counts = {
        point.spec.label: len(one.photographs)
        for point, one in results.items()
        if isinstance(point.spec, Untrained) and len(one.photographs) < most
    }
    return "".join(
        f" {label} sent {count} of the {most} photographs, evenly spaced, because it takes long: its means are of "
        "those, and differences from it are of those alone."
        for label, count in counts.items()
    )
