# SPDX-License-Identifier: MIT
"""What the tests of the shim command share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from shimtest import Harness, Outcome, Side, need

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
Shim = Callable[..., Outcome]


@pytest.fixture
def shim_path(harness: Harness) -> Path:
    """Beside a copy of the library, where every user can get at it."""
    where = harness.fresh_dir("bin")
    for path in (harness.build / "shim", harness.lib):
        assert path.exists(), f"{path} is missing: run `make build`"
        shutil.copy(path, where)
    return where / "shim"


@pytest.fixture
def library(shim_path: Path) -> str:
    return str(shim_path.parent / "libshim.so")


@pytest.fixture
def shim(harness: Harness, shim_path: Path) -> Shim:
    def run(*args: str | Path, prefix: list[str] | None = None, **options: object) -> Outcome:
        argv = [*(prefix or []), str(shim_path), *map(str, args)]
        return harness.run(Side.NATIVE, argv, **options)  # type: ignore[arg-type]

    return run


@pytest.fixture
def user() -> list[str]:
    """What makes a command run as somebody who is not root."""
    need("setpriv")
    return NOBODY if os.geteuid() == 0 else []


@pytest.fixture
def known(harness: Harness) -> str:
    return str(harness.build / "programs" / "known_counts")


def one_line(outcome: Outcome, status: str, *parts: str) -> str:
    lines = outcome.err.decode().splitlines()
    assert outcome.status == status and len(lines) == 1, outcome.text()
    assert lines[0].startswith("shim: "), outcome.text()
    for part in parts:
        assert part in lines[0], outcome.text()
    return lines[0]


def environment(outcome: Outcome) -> dict[str, str]:
    assert outcome.ok and not outcome.err, outcome.text()
    lines = outcome.out.decode().splitlines()
    return dict(line.split("=", 1) for line in lines if line.startswith(("LD_PRELOAD=", "SHIM_")))
