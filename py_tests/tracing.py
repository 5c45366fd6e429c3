# SPDX-License-Identifier: MIT
"""What the tests of `shim trace` share: strace of a native run, and what of it a
preloaded library can see at all.

ld.so opens and reads libraries before any library runs, so the calls of a program
image begin behind what ld.so asks last before it runs constructors.
"""

from __future__ import annotations

import re
from pathlib import Path

from shimtest import CALLS, Harness, Outcome, Side, need

CONTROL = ("execve", "prlimit64")
MARKER = re.compile(r"prlimit64\(0, RLIMIT_STACK, NULL, ")
LINE = re.compile(r"(\d+) +(.*)")
PID = re.compile(r"^\d+(?= )", re.MULTILINE)


class Images:
    """Which processes are in ld.so: from execve to the marker."""

    def __init__(self) -> None:
        self.loading: set[str] = set()

    def keeps(self, pid: str, text: str) -> bool:
        if text.startswith("--- "):  # a signal
            return False
        if re.match(r"execve\(|<\.\.\. execve resumed>", text):
            if re.search(r"\) += 0$", text):
                self.loading.add(pid)
            return False
        if "prlimit64" in text.split("(")[0]:
            if MARKER.match(text):
                self.loading.discard(pid)
            return False
        return text.startswith("+++ ") or pid not in self.loading


def visible(strace: str) -> str:
    """The lines of `strace -f -o` that come when the library is there."""
    images = Images()
    kept = []
    for line in strace.splitlines():
        match = LINE.match(line)
        assert match, line
        if images.keeps(match[1], match[2]):
            kept.append(line)
    return "\n".join(without_nscd(kept)) + "\n"


def without_nscd(lines: list[str]) -> list[str]:
    """libc's own calls of socket are not patched, as all that are only counted."""
    return [
        line
        for line, after in zip(lines, [*lines[1:], ""])
        if not (" socket(AF_UNIX" in line and "/nscd/socket" in after)
    ]


def with_roots(trace: str) -> str:
    """Processes in the order in which they were made, which their pids tell: which
    one of a pipeline does something first is chance."""
    pids = sorted({int(pid) for pid in PID.findall(trace)})
    return "".join(f"strace: Process {pid} attached\n" for pid in pids) + trace


def strace(harness: Harness, argv: list[str], *options: str, **more: object) -> tuple[str, Outcome]:
    """A native run; what it prints is as `visible` as it has to be."""
    need("strace")
    path = harness.temp_name("strace")
    calls = "trace=" + ",".join((*CALLS, *CONTROL))
    command = ["strace", "-f", "-o", str(path), "-e", calls, "-e", "quiet=attach"]
    outcome = harness.run(Side.NATIVE, [*command, *options, *argv], **more)  # type: ignore[arg-type]
    return path.read_text(errors="surrogateescape"), outcome


def save(path: Path, text: str) -> Path:
    path.write_text(text, errors="surrogateescape")
    return path
