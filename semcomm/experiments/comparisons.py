"""Comparisons beyond the paper's figures: codecs at one rate, fading, and every system over all SNRs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

from semcomm.experiments.claims import FAILS, HOLDS, Claim, Evidence, Results, compare, compare_all
from semcomm.experiments.curves import Curve, Panel, draw_curves
from semcomm.experiments.page import Section
from semcomm.experiments.sections import CLIFF_DB, PSNR, SNR, SSIM, curve, matrix, pm, rows_of
from semcomm.experiments.specs import AtCapacity, Codec, Mlsc, Point, Spec, Trained, as_wide


@final
@dataclass(frozen=True)
class Codecs:
    """Where codecs at capacity win: one rate, all SNRs.

    Args:
        system: whose channel uses all get.
        snrs_db: where they are tested.
        codecs: each with the number of photographs that it sends, None for all.
    """

    system: Mlsc
    snrs_db: tuple[float, ...]
    codecs: tuple[tuple[Codec, int | None], ...]

    @property
    def _paths(self) -> list[list[Point]]:
        coded = [AtCapacity(codec, self.system, images) for codec, images in self.codecs]
        specs: list[Spec] = [self.system, as_wide(self.system), *coded]
        return [[Point(spec, snr_db) for snr_db in self.snrs_db] for spec in specs]

    @property
    def points(self) -> list[Point]:
        """What must be measured."""
        return [point for path in self._paths for point in path]

    def section(self, results: Results, note: str) -> Section:
        """Who is ahead at which SNR, and how often a codec fails."""
        paths = self._paths
        own, coded = paths[0], {path[0].spec.label: path for path in paths[2:]}
        ahead = {label: compare_all(results, own, path) for label, path in coded.items()}
        shares = [
            Curve(label, self.snrs_db, [100 * results[point].failed.mean().item() for point in path])
            for label, path in coded.items()
        ]
        panels = [
            Panel("Quality", SNR, PSNR, [curve(results, path, "psnr_db", x=self.snrs_db) for path in paths]),
            Panel("Photographs without a file that fits", SNR, "failures (%)", shares),
        ]
        last = f"Codecs at capacity are ahead of MLSC-image at {self.snrs_db[-1]:g} dB"
        head = ["SNR (dB)", *(f"{path[0].spec.label}, {PSNR}" for path in paths)]
        head += [f"{label}, {what}" for label in coded for what in ("failures", "MLSC-image less it (dB)")]
        body = []
        for place, snr_db in enumerate(self.snrs_db):
            cells = [f"{snr_db:g}", *(pm(results[path[place]]) for path in paths)]
            for label, path in coded.items():
                failed, less = results[path[place]].failed, ahead[label][place]
                cells += [f"{failed.sum()} of {failed.size}", f"{less.difference_db:+.2f} ± {less.ci95:.2f}"]
            body.append(cells)
        return Section(
            key="codecs",
            title="Where codecs at capacity win",
            text="An ideal channel code at capacity knows the SNR beforehand and never errs, so that a codec gains "
            "with every bit that a better channel carries. Where no file is small enough it fails, and random pixels "
            f"count instead. {' '.join(_crossing(label, found) for label, found in ahead.items())}",
            systems=[path[0].spec.name for path in paths[:2]],
            claims=[Claim(last, [compare(results, path[-1], own[-1]) for path in coded.values()])],
            tables=[(head, body)],
            rows=rows_of(results, self.points),
            figure=draw_curves([panels], title="Codecs at capacity, in the same channel uses", note=note),
        )


@final
@dataclass(frozen=True)
class Fading:
    """One system trained on AWGN, one on Rayleigh fading, each sent over both.

    Args:
        clear: trained on AWGN; the other differs in its training channel alone.
        snrs_db: where they are tested.
    """

    clear: Mlsc
    snrs_db: tuple[float, ...]

    @property
    def _paths(self) -> dict[tuple[str, str], list[Point]]:
        trained = {"awgn": self.clear, "rayleigh": replace(self.clear, channel="rayleigh")}
        return {
            (on, over): [Point(spec, snr_db, over) for snr_db in self.snrs_db]
            for over in ("awgn", "rayleigh")
            for on, spec in trained.items()
        }

    @property
    def points(self) -> list[Point]:
        """What must be measured."""
        return [point for path in self._paths.values() for point in path]

    def section(self, results: Results, note: str) -> Section:
        """Whether it helps to train on the channel that is met."""
        paths, names = self._paths, {"awgn": "AWGN", "rayleigh": "Rayleigh fading"}

        def helps(channel: str, other: str) -> list[Evidence]:
            return compare_all(results, paths[channel, channel], paths[other, channel])

        labelled = {f"trained on {names[on]}, sent over {names[over]}": path for (on, over), path in paths.items()}
        panels = [
            Panel("", SNR, score, [curve(results, path, name, one, self.snrs_db) for one, path in labelled.items()])
            for name, score in (("psnr_db", PSNR), ("ssim", SSIM))
        ]
        return Section(
            key="rayleigh",
            title="Rayleigh fading",
            text=f"MLSC-image with l = {self.clear.level}, t = {self.clear.downsampling}, one model for 0 to 20 dB "
            "each. Fading is drawn anew for every symbol; the receiver knows it and equalises (MMSE). Mean PSNR in dB, "
            "a column per SNR.",
            systems=list(dict.fromkeys(path[0].spec.name for path in paths.values())),
            claims=[
                Claim("On Rayleigh fading, training on it helps", helps("rayleigh", "awgn")),
                Claim("On AWGN, training on AWGN helps", helps("awgn", "rayleigh")),
            ],
            tables=[matrix("", results, labelled)],
            rows=rows_of(results, self.points),
            figure=draw_curves([panels], title="With and without fading", note=note),
        )


@final
@dataclass(frozen=True)
class Choices:
    """What choices that are not the paper's bring.

    Args:
        pairs: by the name of each choice, a system with it and one without it, trained alike.
        snrs_db: where they are tested.
    """

    pairs: Mapping[str, tuple[Trained, Trained]]
    snrs_db: tuple[float, ...]

    def _paths(self, name: str) -> tuple[list[Point], list[Point]]:
        chosen, plain = ([Point(spec, snr_db) for snr_db in self.snrs_db] for spec in self.pairs[name])
        return chosen, plain

    @property
    def points(self) -> list[Point]:
        """What must be measured."""
        return [point for name in self.pairs for path in self._paths(name) for point in path]

    def section(self, results: Results, note: str) -> Section:  # noqa: ARG002 - there is no figure to note it under
        """The difference that each choice makes."""
        labelled, gains = {}, []
        for name in self.pairs:
            chosen, plain = self._paths(name)
            labelled |= {f"`{path[0].spec.name}`": path for path in (chosen, plain)}
            found = compare_all(results, chosen, plain)
            gains.append([name, *(f"{one.difference_db:+.2f} ± {one.ci95:.2f}" for one in found)])
        return Section(
            key="choices",
            title="Choices that are not the paper's",
            text="Each choice beside the paper's way, trained alike: differences of PSNR in dB, photograph by "
            "photograph, and means below.",
            systems=list(dict.fromkeys(spec.name for pair in self.pairs.values() for spec in pair)),
            tables=[
                (["choice", *(f"{snr_db:g} dB" for snr_db in self.snrs_db)], gains),
                matrix("system", results, labelled),
            ],
            rows=rows_of(results, self.points),
        )


@final
@dataclass(frozen=True)
class EverySystem:
    """Whether a better channel gives a better image, and what a worse one costs at most, system by system.

    Args:
        systems: which.
        snrs_db: where they are tested, 3 dB apart.
    """

    systems: tuple[Trained, ...]
    snrs_db: tuple[float, ...]

    @property
    def points(self) -> list[Point]:
        """What must be measured."""
        return [Point(system, snr_db) for system in self.systems for snr_db in self.snrs_db]

    def section(self, results: Results, note: str) -> Section:  # noqa: ARG002 - there is no figure to note it under
        """The least rise and the largest fall of every system."""
        head = ["system", "smallest rise (dB)", "rises", f"largest loss over {CLIFF_DB:g} dB", "no cliff"]
        body, rises, losses = [], [], []
        for name, path in ((one.name, [Point(one, snr_db) for snr_db in self.snrs_db]) for one in self.systems):
            steps = compare_all(results, path[1:], path[:-1])
            least = min(steps, key=lambda step: step.difference_db)
            most = max(steps, key=lambda step: step.difference_db)
            rises.append(replace(least, condition=f"`{name}`, {least.condition}"))
            losses.append(Evidence(f"`{name}`, {most.condition}", CLIFF_DB - most.difference_db, most.ci95))
            rise, loss = (f"{one.difference_db:+.2f} ± {one.ci95:.2f} ({_where(one)})" for one in (least, most))
            yes = ["yes" if good else "no" for good in (least.difference_db > 0, most.difference_db < CLIFF_DB)]
            body.append([f"`{name}`", rise, yes[0], loss.lstrip("+"), yes[1]])
        ends = f"{self.snrs_db[0]:g} to {self.snrs_db[-1]:g} dB"
        return Section(
            key="systems",
            title=f"Every system from {ends}",
            text="For each system the step between neighbouring SNRs, 3 dB apart, over which mean PSNR rises least, "
            "and the one over which it falls most on the way down.",
            systems=[system.name for system in self.systems],
            claims=[
                Claim(f"PSNR rises from {ends}, for every system, at every step", rises),
                Claim(f"No system loses {CLIFF_DB:g} dB of PSNR over 3 dB of SNR", losses),
            ],
            tables=[(head, body)],
            rows=rows_of(results, self.points),
            evidence=False,
        )


def _where(one: Evidence) -> str:
    return one.condition.split(", ")[1]


def _crossing(codec: str, ahead: Sequence[Evidence]) -> str:
    """Say at which SNRs MLSC-image is ahead, and at which the codec."""
    ours, theirs = (", ".join(_where(one) for one in ahead if one.verdict == verdict) for verdict in (HOLDS, FAILS))
    first = f"ahead of {codec} at {ours}" if ours else f"nowhere ahead of {codec}"
    return f"MLSC-image is {first}; {codec} is {f'ahead at {theirs}' if theirs else 'nowhere ahead'}."
