"""How times become figures."""

from statistics import median


def keep(benchmark, what, times, own, others, target):
    """Write medians and ratios into the JSON; the target is the ratio to the first of the others."""
    ratios = {other: median(mine / its for mine, its in zip(times[own], times[other], strict=True)) for other in others}
    benchmark.extra_info.update(
        what=what,
        own=own,
        ms={name: round(1000 * median(values), 3) for name, values in times.items()},
        ratios={name: round(ratio, 3) for name, ratio in ratios.items()},
        target=target,
        rounds=len(times[own]),
    )
    print(f"\n{what}: " + ", ".join(f"{ratio:.3f} x {name}" for name, ratio in ratios.items()))
    if target is not None:
        assert ratios[others[0]] <= target
