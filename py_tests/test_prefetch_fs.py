# SPDX-License-Identifier: MIT
"""SHIM_MODE=auto on file systems of all kinds, mounted for a test: cold trees are
noticed by what the calls themselves show, whatever the file system keeps together, and
nobody can tell but by the time.

A tree is cold when its file system has been mounted anew: no cache of anybody else is
dropped. The walk makes up its mind slowly, so that something can run ahead of it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from shimtest import PYTHON, Harness, Side, Stats, need
from test_mounts import fuse
from test_prefetch import LONG_AGO, PAUSES, WALKER, age, plant
from test_prefetch_safety import Watch

pytestmark = [
    pytest.mark.variants("auto"),
    pytest.mark.skipif(os.geteuid() != 0, reason="requires root"),
]

# how: program, arguments, MiB
MAKE = {
    "xfs": ("mkfs.xfs", "-q", 300),
    "btrfs": ("mkfs.btrfs", "-q", 128),
    "ext4": ("mkfs.ext4", "-q -F", 32),
    "ext4 of 1 KiB": ("mkfs.ext4", "-q -F -b 1024", 32),
    "ext4 of small inodes": ("mkfs.ext4", "-q -F -I 128", 32),
}


def call(*argv: str) -> str:
    """The output of a tool, or a skip that says what it said."""
    p = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    if p.returncode:
        pytest.skip(f"{argv[0]} fails here: {(p.stderr or p.stdout).strip()[-200:]}")
    return p.stdout.strip()


class Loop:
    """A file system in a file; anew() leaves nothing of it in the caches."""

    def __init__(self, image: Path, where: Path, kind: str) -> None:
        program, options, size = MAKE[kind]
        need(program)
        with image.open("wb") as f:
            f.truncate(size << 20)
        call(program, *options.split(), str(image))
        self.where = where
        where.mkdir(exist_ok=True)
        self.device = call("losetup", "-f", "--show", str(image))

    def mount(self) -> None:
        call("mount", self.device, str(self.where))

    def umount(self) -> None:
        subprocess.run(["umount", str(self.where)], check=True, timeout=60)

    def anew(self) -> None:
        self.umount()
        self.mount()

    def close(self) -> None:
        if os.path.ismount(self.where):
            self.umount()
        subprocess.run(["losetup", "-d", self.device], check=False, timeout=60)


@contextlib.contextmanager
def loop(harness: Harness, kind: str) -> Iterator[Loop]:
    made = Loop(harness.temp_name("image"), harness.scratch / "disk", kind)
    try:
        made.mount()
        yield made
    finally:
        made.close()


def times(top: Path) -> str:
    """What is left of the access times: which have moved, natively as well."""
    seen = [top, *sorted(top.rglob("*"))]
    return "".join(f"{p.relative_to(top)}\n" for p in seen if p.lstat().st_atime != LONG_AGO[0])


def walk(harness: Harness, side: Side, top: Path, how: str, pause: str, stats: Path) -> str:
    argv = [PYTHON, "-S", "-c", WALKER, how, "tree", "1000000"]
    env = {"PAUSE": pause, "SHIM_PREFETCH": "auto", "SHIM_STATS": str(stats)}
    outcome = harness.run(side, argv, cwd=top, env=env)
    return outcome.text()


def compare(harness: Harness, made: Loop, top: Path, how: str) -> dict[str, int]:
    """Natively and in auto mode, each on a cold tree; the counters of the latter. Who
    only looks at a tree as small as this may find all inodes in what is read at once:
    then there is no evidence."""
    hints: dict[str, int] = {}
    for pause in PAUSES:
        seen = {}
        stats = harness.temp_name("stats")
        stats.touch()
        for side in (Side.NATIVE, Side.SHIM):
            age(top / "tree")
            made.anew()
            text = walk(harness, side, top, how, pause, stats)
            seen[side] = text + times(top / "tree")
        assert seen[Side.NATIVE] == seen[Side.SHIM]
        hints = Stats.parse(stats.read_text()).hints
        if hints.get("used", 0) or how == "stat":
            return hints
    raise AssertionError(f"cold walks, and nothing that was guessed was used: {hints}")


@pytest.mark.parametrize("kind", MAKE)
def test_cold(kind: str, harness: Harness) -> None:
    need("losetup", "mount")
    with loop(harness, kind) as made:
        plant(made.where / "tree")
        os.mkfifo(made.where / "tree" / "d0" / "fifo")
        (made.where / "tree" / "d0" / "link").symlink_to("../d1")
        for how in ("listed", "stat"):
            hints = compare(harness, made, made.where, how)
            assert hints.get("used", 0) >= hints.get("hints", 0) // 2, hints
            assert (hints.get("bytes", 0) > 0) == (how == "listed"), hints


def test_what_is_touched(harness: Harness) -> None:
    """Of a cold tree on another kind of file system than the usual one."""
    need("losetup", "mount")
    with loop(harness, "xfs") as made:
        plant(made.where / "tree")
        os.mkfifo(made.where / "tree" / "d0" / "fifo")
        made.anew()
        stats = harness.temp_name("stats")
        with Watch(made.where) as watch:
            walk(harness, Side.SHIM, made.where, "listed", PAUSES[1], stats)
        for _, path, mode in watch.seen:
            assert mode >> 12 in (4, 8), f"{path}: neither file nor directory"
            assert Path(path).is_relative_to(made.where / "tree"), path
        assert watch.seen


def test_overlay(harness: Harness) -> None:
    need("losetup", "mount")
    with loop(harness, "ext4") as made:
        plant(made.where / "lower" / "tree")
        for name in ("upper", "work", "merged"):
            (made.where / name).mkdir()
        merged = made.where / "merged"
        options = ",".join(f"{n}dir={made.where}/{n}" for n in ("lower", "upper", "work"))

        def umount() -> None:
            subprocess.run(["umount", str(merged)], check=True, timeout=60)

        def anew() -> None:
            umount()
            Loop.anew(made)
            call("mount", "-t", "overlay", "overlay", "-o", options, str(merged))

        call("mount", "-t", "overlay", "overlay", "-o", options, str(merged))
        try:
            made.anew = anew  # type: ignore[method-assign]
            compare(harness, made, merged, "listed")
        finally:
            umount()


def test_fuse(harness: Harness) -> None:
    """No disk is read there by the program itself: no evidence, nothing is guessed."""
    top = harness.fresh_dir("fuse")
    source, where, log = top / "source", top / "where", top / "log"
    where.mkdir()
    plant(source / "tree")
    with fuse(source, where, log):
        stats = harness.temp_name("stats")
        stats.touch()
        texts = [walk(harness, side, where, "listed", PAUSES[0], stats)
                 for side in (Side.NATIVE, Side.SHIM)]
        assert texts[0] == texts[1]
