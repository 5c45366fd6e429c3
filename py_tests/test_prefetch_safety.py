# SPDX-License-Identifier: MIT
"""SHIM_MODE=auto at its limits: what the kernel itself saw being touched, a file
system that does not answer when the program ends, and memory that is short."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import stat
import struct
import threading
from collections import Counter
from pathlib import Path
from subprocess import PIPE

import pytest
from shimtest import PYTHON, Harness, Side, Stats, need, wait_until
from test_mounts import fuse, fuse_places
from test_prefetch import DIRS, FILES, PAUSES, plant, walker

pytestmark = pytest.mark.variants("auto")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="requires root")

# <linux/fanotify.h>
FAN_REPORT_TID, FAN_UNLIMITED_QUEUE, FAN_NONBLOCK = 0x100, 0x10, 0x2
FAN_MARK_ADD, FAN_MARK_MOUNT = 0x1, 0x10
FAN_ACCESS, FAN_MODIFY, FAN_OPEN, FAN_ONDIR = 0x1, 0x2, 0x20, 0x40000000
EVENT = struct.Struct("=IBBHQii")


class Watch:
    """Every open, read and write on a mount: by which thread, of which file."""

    def __init__(self, below: Path) -> None:
        self.below = below
        self.seen: list[tuple[int, str, int]] = []  # thread, path, mode of the file
        self.over = threading.Event()
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.check(
            self.libc.fanotify_init(FAN_REPORT_TID | FAN_UNLIMITED_QUEUE | FAN_NONBLOCK,
                                    os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        events = FAN_ACCESS | FAN_MODIFY | FAN_OPEN | FAN_ONDIR
        self.check(self.libc.fanotify_mark(self.fd, FAN_MARK_ADD | FAN_MARK_MOUNT,
                                           ctypes.c_uint64(events), -100, bytes(below)))
        self.thread = threading.Thread(target=self.follow)

    @staticmethod
    def check(result: int) -> int:
        if result < 0:
            pytest.skip(f"no fanotify here: {os.strerror(ctypes.get_errno())}")
        return result

    def __enter__(self) -> Watch:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()
        os.close(self.fd)

    def follow(self) -> None:
        """What happened before the end was asked for is queued by then."""
        while True:
            last = self.over.is_set()
            while self.take():
                pass
            if last:
                return
            self.over.wait(0.02)

    def take(self) -> bool:
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            return False
        while data:
            length, _, _, _, _, fd, thread = EVENT.unpack_from(data)
            data = data[length:]
            if fd < 0:
                continue
            path = os.readlink(f"/proc/self/fd/{fd}")
            if Path(path).is_relative_to(self.below):
                self.seen.append((thread, path, os.fstat(fd).st_mode))
            os.close(fd)
        return True


def odd_things(cwd: Path) -> None:
    plant(cwd / "tree")
    plant(cwd / "beside")
    first = cwd / "tree" / "d0"
    os.mkfifo(first / "fifo")
    os.mknod(first / "device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    (first / "link").symlink_to("../../beside/d1/f001")
    (first / "dirlink").symlink_to("../../beside")
    (first / "sub").mkdir()
    (first / "sub" / "one").write_text("one")


@needs_root
def test_what_the_kernel_saw(harness: Harness) -> None:
    """Opens of regular files and directories below the top of the walk, and nothing
    else; only the program has read. All of it, however it was called."""
    for pause in PAUSES:
        cwd = harness.fresh_dir()
        odd_things(cwd)
        with Watch(cwd) as watch:
            with harness.start(Side.SHIM, walker("listed"), cwd=cwd, env={"PAUSE": pause},
                               stdout=PIPE) as process:
                out, _ = process.communicate(timeout=60)
        assert process.returncode == 0 and out
        assert any(thread == process.pid for thread, _, _ in watch.seen)
        for _, path, mode in watch.seen:
            assert stat.S_ISREG(mode) or stat.S_ISDIR(mode), path
            assert Path(path).is_relative_to(cwd / "tree"), path
        by_others = Counter(path for thread, path, _ in watch.seen if thread != process.pid)
        assert max(by_others.values(), default=0) <= 2, by_others.most_common(3)
        if sum(Path(path).is_file() for path in by_others) > DIRS * FILES // 4:
            return
    raise AssertionError(f"the walk was never slow enough: {by_others}")


ASKED = re.compile(r'^(\d+) +openat2\([^"]*"(f\d+)".*O_PATH.* = \d+$')
REFUSED = re.compile(r"^(\d+) +(?:<\.\.\. )?open.* = -1 EACCES")


@needs_root
def test_denied_files_are_opened_once_more_at_most(harness: Harness) -> None:
    """What an auditor sees: opens that were refused, by the program, and at most one
    more for each such file by what runs ahead of it."""
    need("strace", "setpriv")
    for pause in PAUSES:
        cwd = harness.fresh_dir()
        plant(cwd / "tree")
        denied = [path for path in (cwd / "tree").rglob("f*") if path.stat().st_ino % 2]
        for path in denied:
            path.chmod(0)
        log = cwd / "log"
        argv = ["strace", "-f", "-qq", "-o", str(log), "-e", "trace=open,openat,openat2",
                "setpriv", "--reuid=65534", "--clear-groups", *walker("listed")]
        outcome = harness.run(Side.SHIM, argv, cwd=cwd, env={"PAUSE": pause}, timeout=60)
        assert outcome.ok and outcome.out.count(b"Permission denied") == len(denied), outcome.text()
        lines = log.read_text().splitlines()
        asked = [match[1] for line in lines if (match := ASKED.match(line))]
        refused = Counter(match[1] for line in lines if (match := REFUSED.match(line)))
        by_program = sum(n for thread, n in refused.items() if thread not in asked)
        by_task = sum(n for thread, n in refused.items() if thread in asked)
        assert by_program >= len(denied) >= by_task, refused
        if len(asked) > FILES:
            return
    raise AssertionError(f"the walk was never slow enough: {asked}")


# argv: tree. Looks at the first files; then at some that others have looked at
# meanwhile, which needs nobody's help; then it leaves.
LEAVER = r"""
import os, sys, time
names = [e.path for e in os.scandir(sys.argv[1])]
print(*names, flush=True)
def look(some):
    for name in some:
        os.stat(name, follow_symlinks=False)
        time.sleep(0.002)
look(names[:40])
print("ready", flush=True)
sys.stdin.readline()
look(names[40:120])
print("leaving", flush=True)
sys.stdin.readline()
os._exit(7)
"""


def stuck(pid: int) -> int:
    """Threads of the kernel that work for a ring, and wait for the daemon."""
    count = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        waits = (task / "comm").read_text().startswith("iou-wrk") and (task / "wchan").read_text()
        count += bool(waits and ("fuse" in waits or "request_wait" in waits))
    return count


def leave(harness: Harness, side: Side, top: Path, daemon_pid: int) -> tuple[int, int]:
    """How it ended, and how many hints hung when it did."""
    env = {"SHIM_PREFETCH_DEPTH": "64"}
    with harness.start(side, [PYTHON, "-S", "-c", LEAVER, str(top)], cwd=top.parent, env=env,
                       stdin=PIPE, stdout=PIPE) as process:
        assert process.stdin and process.stdout
        names = process.stdout.readline().split()
        assert process.stdout.readline() == b"ready\n"
        for name in names[40:120]:
            os.stat(name, follow_symlinks=False)
        os.kill(daemon_pid, signal.SIGSTOP)
        try:
            process.stdin.write(b"\n")
            process.stdin.flush()
            assert process.stdout.readline() == b"leaving\n"
            if side is Side.SHIM:
                wait_until(lambda: stuck(process.pid) > 0, "hints that hang")
            hanging = stuck(process.pid)
            process.stdin.write(b"\n")
            process.stdin.flush()
            return process.wait(20), hanging
        finally:
            os.kill(daemon_pid, signal.SIGCONT)


@needs_root
def test_exit_does_not_wait_for_hints(harness: Harness) -> None:
    seen = {}
    for side in (Side.NATIVE, Side.SHIM):
        source, where, log = fuse_places(harness)
        for number in range(300):
            (source / f"f{number:03}").write_text("text\n")
        with fuse(source, where, log) as daemon:
            seen[side] = leave(harness, side, where, daemon)
    assert seen[Side.NATIVE] == (7, 0)
    assert seen[Side.SHIM][0] == 7 and seen[Side.SHIM][1] > 0, seen


def hints_with(harness: Harness, allowed: int) -> int:
    cwd = harness.fresh_dir()
    plant(cwd / "tree")
    report = harness.temp_name("stats")
    env = {"PAUSE": PAUSES[1], "SHIM_PREFETCH_BYTES": str(allowed), "SHIM_STATS": str(report)}
    outcome = harness.run(Side.SHIM, walker("listed", 100), cwd=cwd, env=env)
    assert outcome.ok, outcome.text()
    return Stats.parse(report.read_text()).hints.get("hints", 0)


def test_memory_is_short(harness: Harness) -> None:
    """Nothing is read ahead when twice of what may be is more than there is."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert hints_with(harness, total) == 0
    assert hints_with(harness, 16 << 20) > 0
