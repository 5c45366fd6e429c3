# SPDX-License-Identifier: MIT
"""`make coverage` measures fifty programs and takes a minute; here it has to be
right about a few, and able to fail: a library that counts nothing has seen
nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from shimtest import PYTHON, TOP, Harness, need

pytestmark = pytest.mark.variants("ring")

PROGRAMS = "sort,md5sum,openssl dgst,dash script"


def run_coverage(build: Path) -> tuple[int, dict[str, float], str]:
    need("strace", "sort", "md5sum", "openssl", "dash")
    done = subprocess.run(
        [PYTHON, str(TOP / "tests" / "coverage.py"), "--build", str(build), "--only", PROGRAMS],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    rows = re.findall(r"^(\S.*?) {2,}\d+ +\d+ +([\d.]+)", done.stdout, re.MULTILINE)
    return done.returncode, {name: float(share) for name, share in rows}, done.stdout + done.stderr


def test_nearly_all_is_seen(harness: Harness) -> None:
    status, percent, text = run_coverage(harness.build)
    assert sorted(percent) == sorted(PROGRAMS.split(",")), text
    assert all(value >= 99 for value in percent.values()), text
    assert status == 0, text


def test_nothing_is_seen_by_another_library(harness: Harness) -> None:
    build = harness.fresh_dir("build")
    shutil.copy(harness.build / "preload" / "noisy_malloc.so", build / "libshim.so")
    status, percent, text = run_coverage(build)
    assert set(percent.values()) == {0.0}, text
    assert status == 1, text
