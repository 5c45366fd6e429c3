# SPDX-License-Identifier: MIT
"""File systems that this machine does not have by itself, mounted for a test."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from shimtest import Harness, Side, need, wait_until

pytestmark = [
    pytest.mark.variants("ring"),
    pytest.mark.skipif(os.geteuid() != 0, reason="requires root"),
]


@contextlib.contextmanager
def fuse(source: Path, where: Path, log: Path) -> Iterator[int]:
    """`source` by way of a daemon, whose pid it is, which writes down what it is asked."""
    if not Path("/dev/fuse").exists():
        pytest.skip("no FUSE on this machine")
    need("bindfs")
    options = "attr_timeout=60,entry_timeout=60"  # so that names are cached
    with log.open("wb") as out:
        daemon = subprocess.Popen(
            ["bindfs", "-d", "-o", options, str(source), str(where)], stdout=out, stderr=out
        )
    try:
        wait_until(lambda: os.path.ismount(where) or daemon.poll() is not None, "the mount")
        if daemon.poll() is not None:
            pytest.skip(f"FUSE cannot be mounted here: {log.read_text(errors='replace')[-200:]}")
        yield daemon.pid
    finally:
        # It ends with its mount, and writes its log out then.
        subprocess.run(["umount", str(where)], check=False, stderr=subprocess.DEVNULL)
        try:
            daemon.wait(10)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


def fuse_places(harness: Harness) -> tuple[Path, Path, Path]:
    """The arguments of fuse(), with nothing in them; the same paths every time."""
    top = harness.fresh_dir("fuse")
    source, where, log = top / "source", top / "where", top / "log"
    source.mkdir()
    where.mkdir()
    return source, where, log


def test_a_daemon_sees_the_flags_of_an_open(harness: Harness) -> None:
    """An open on the ring would have O_NONBLOCK beside the program's own."""
    seen = {}
    for side in (Side.NATIVE, Side.SHIM):
        source, where, log = fuse_places(harness)
        (source / "file").write_text("text\n")
        with fuse(source, where, log):
            outcome = harness.run(side, ["cat", *[str(where / "file")] * 20], cwd=where)
            assert outcome.out == b"text\n" * 20, outcome.text()
        seen[side] = re.findall(rb"open flags: (\w+)", log.read_bytes())
    assert len(seen[Side.NATIVE]) == 20, log.read_bytes()[-3000:]
    assert seen[Side.SHIM] == seen[Side.NATIVE]
