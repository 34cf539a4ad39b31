"""Mutation check: break the package in every listed way, one at a time, and see that the tests notice.

`python tests/mutations.py` runs all of `mutation_list.py`, `python tests/mutations.py WORD...` those whose names hold
one of the words. It works on copies; the checkout stays as it is. Exit code 0 means that every mutation was caught, 1
that one was not, 2 that nothing could be said.
"""

import importlib
import multiprocessing
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from mutation_list import CHECKOUT, MUTATIONS, Mutation

LIMIT_S = 900
"""A run that takes longer hangs."""


def main() -> int:
    """Run the chosen mutations, print a line for each, and count."""
    words = sys.argv[1:]
    chosen = [one for one in MUTATIONS if not words or any(word in one.name for word in words)]
    stale = [one.name for one in chosen if one.times_found != 1]
    if stale or not chosen:
        print("no such mutation" if not chosen else f"text to replace is not found exactly once: {'; '.join(stale)}")
        return 2
    _prepare()
    with tempfile.TemporaryDirectory() as temporary:
        whole = _copy(Path(temporary) / "whole")
        verdict, seconds, failed = _test(whole, sorted({one.test for one in chosen}))
        print(f"{verdict:8} {seconds:4.0f} s  nothing broken {failed}", flush=True)
        if verdict != "survived":
            return 2
        verdicts = [_report(one, Path(temporary) / str(number)) for number, one in enumerate(chosen)]
    print(f"{len(chosen)} mutations: " + ", ".join(f"{verdicts.count(one)} {one}" for one in sorted(set(verdicts))))
    return 0 if set(verdicts) == {"caught"} else 1


def _prepare() -> None:
    """Import here what takes seconds to import, so that every run inherits it."""
    os.environ |= {"OMP_NUM_THREADS": "1", "CI": "1"}  # CI: hypothesis without chance
    for name in ("einops", "huggingface_hub.hub_mixin", "hypothesis", "lightning.pytorch", "matplotlib.pyplot"):
        importlib.import_module(name)
    for name in ("pytest", "safetensors.torch", "torchmetrics.functional.image", "torchvision", "typer"):
        importlib.import_module(name)


def _report(mutation: Mutation, folder: Path) -> str:
    path = _copy(folder) / "semcomm" / mutation.file
    path.write_text(path.read_text(encoding="utf-8").replace(mutation.old, mutation.new), encoding="utf-8")
    verdict, seconds, failed = _test(folder, [mutation.test])
    print(f"{verdict:8} {seconds:4.0f} s  {mutation.name:42} {mutation.file:28} {failed}", flush=True)
    shutil.rmtree(folder)
    return verdict


def _copy(folder: Path) -> Path:
    """Copy what tests need; the weights, which no mutation touches, by reference."""
    for name in ("semcomm", "tests", "zoo", "docs"):
        shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("_weights", "_build", "gallery"))
    (folder / "semcomm" / "_weights").symlink_to(CHECKOUT / "semcomm" / "_weights")
    shutil.copy(CHECKOUT / "pyproject.toml", folder)
    return folder


def _test(folder: Path, tests: Iterable[str]) -> tuple[str, float, str]:
    """Run test files on a copy: what became of it, the seconds it took, and the first test that failed."""
    start, log = time.monotonic(), folder / "log.txt"
    run = multiprocessing.get_context("fork").Process(target=_pytest, args=(folder, tests, log))
    run.start()
    run.join(LIMIT_S)
    run.kill()
    run.join()
    said = log.read_text(encoding="utf-8")
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", said, flags=re.MULTILINE)
    if run.exitcode == 1 and failed:
        return "caught", time.monotonic() - start, failed[1]
    if run.exitcode == 0:
        return "survived", time.monotonic() - start, ""
    print(said)
    return "not run", time.monotonic() - start, ""


class _FirstFailure:
    """A pytest plugin: hypothesis does not look for a smaller example when one has failed."""

    def pytest_sessionstart(self) -> None:
        from hypothesis import Phase, settings

        settings.register_profile("first failure", phases=[Phase.explicit, Phase.generate])
        settings.load_profile("first failure")


def _pytest(folder: Path, tests: Iterable[str], log: Path) -> None:
    import pytest

    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(folder)
    os.environ["PYTHONPATH"] = str(folder)  # for the processes that tests start
    sys.path.remove(str(CHECKOUT / "tests"))
    options = ["-x", "-q", "-p", "no:cacheprovider", "-W", "ignore:Module already imported"]  # as it was, on purpose
    os._exit(pytest.main([*options, *(f"tests/{test}" for test in tests)], [_FirstFailure()]))


if __name__ == "__main__":
    sys.exit(main())
