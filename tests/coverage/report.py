# SPDX-License-Identifier: MIT
"""What was counted, compared, explained and printed."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import functools
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tracelog import FAMILY, Call, Frame

LIBRARY = "libshim.so"
BEGIN = "<!-- begin of the table made by `make coverage` -->"
END = "<!-- end of the table made by `make coverage` -->"

# The goal: all programs but so many have so much, and all calls together more.
EXCEPTIONS = 2
EACH = 99.0
OVERALL = 99.5
PROGRAMS = 44

SEEN = ""
STATIC = "static or not preloaded"


@dataclasses.dataclass
class Row:
    name: str
    static: bool = False
    made: Mapping[str, int] = dataclasses.field(default_factory=dict)
    counted: Mapping[str, int] = dataclasses.field(default_factory=dict)
    reasons: Sequence[tuple[str, int]] = ()
    trouble: str = ""

    @property
    def total(self) -> int:
        return sum(self.made.values())

    @property
    def seen(self) -> int:
        """By family: more of one cannot make up for less of another."""
        return sum(min(n, self.counted.get(family, 0)) for family, n in self.made.items())

    @property
    def percent(self) -> float:
        return percent(self.seen, self.total)

    @property
    def good(self) -> bool:
        return not self.trouble and self.percent >= EACH

    @property
    def rest(self) -> str:
        named = ", ".join(f"{reason} {count}" for reason, count in self.reasons)
        return "; ".join(part for part in (self.trouble, named) if part)

    def warnings(self) -> list[str]:
        return [
            f"{self.name}: {family}: {count} seen, {self.made.get(family, 0)} made"
            for family, count in sorted(self.counted.items())
            if count > self.made.get(family, 0)
        ]


def percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 0.0


def shown(value: float) -> str:
    """Rounded down: 100.0 is all of them."""
    return f"{int(value * 10) / 10:.1f}"


def made_by(calls: Iterable[Call]) -> dict[str, int]:
    return dict(collections.Counter(call.family for call in calls if call.counts))


def counted_in(text: str) -> dict[str, int]:
    """The library's own count, whichever way the calls went."""
    result: collections.Counter[str] = collections.Counter()
    for line in text.splitlines():
        match = re.fullmatch(r"(\w+) +(ring|native:\S+) +(\d+) *", line)
        if match and match[1] in FAMILY:
            result[FAMILY[match[1]]] += int(match[3])
    return dict(result)


# Why a call was not seen


@functools.cache
def symbol_sizes(path: str) -> Mapping[str, int]:
    """What a stripped library exports: other names in a stack are only the nearest."""
    argv = ["readelf", "--dyn-syms", "-W", path]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    except OSError:
        return {}
    rows = (line.split() for line in done.stdout.splitlines())
    return {row[7].partition("@")[0]: int(row[2], 0) for row in rows if len(row) > 7 and row[1] != "Value"}


def function_name(frame: Frame) -> str:
    if not frame.symbol:
        return "libc, not exported"
    size = symbol_sizes(frame.place).get(frame.symbol)
    if size is not None and frame.offset > size:
        return f"libc, not exported, after {frame.symbol}"
    return frame.symbol


def is_seen(frames: Sequence[Frame]) -> bool:
    """The library made it, or libc for it. Further out it only passes functions on
    (closedir) that make calls of their own, some with their last jump."""
    if frames[0].file == LIBRARY:
        return True
    return (
        len(frames) > 1
        and frames[1].file == LIBRARY
        and not frames[0].symbol.endswith("_nocancel")
    )


def reason(call: Call) -> str:
    """SEEN, or by whom the call was made."""
    if not call.image.marked:
        return STATIC
    if not call.frames:
        return "no stack"
    inner = call.frames[0]
    if is_seen(call.frames):
        return SEEN
    if inner.file.startswith("ld-linux"):
        return "loader (dlopen)"
    if inner.file.startswith("libc.so"):
        return function_name(inner)
    return f"static or inline system call ({inner.file})"


def reasons_of(calls: Iterable[Call]) -> list[tuple[str, int]]:
    found = collections.Counter(reason(call) for call in calls if call.counts)
    del found[SEEN]
    return found.most_common()


# Tables


@dataclasses.dataclass
class Summary:
    rows: Sequence[Row]
    complete: bool  # all programs were to be run

    @property
    def dynamic(self) -> list[Row]:
        return [row for row in self.rows if not row.static]

    @property
    def good(self) -> int:
        return sum(row.good for row in self.dynamic)

    @property
    def made(self) -> int:
        return sum(row.total for row in self.dynamic)

    @property
    def seen(self) -> int:
        return sum(row.seen for row in self.dynamic)

    @property
    def met(self) -> bool:
        enough = len(self.dynamic) >= PROGRAMS or not self.complete
        most = len(self.dynamic) - self.good <= EXCEPTIONS
        return enough and most and percent(self.seen, self.made) >= OVERALL

    def reasons(self) -> list[tuple[str, int]]:
        total: collections.Counter[str] = collections.Counter()
        for row in self.dynamic:
            total.update(dict(row.reasons))
        return total.most_common()

    def lines(self) -> list[str]:
        programs = len(self.dynamic)
        return [
            f"{self.good} of {programs} programs at {EACH:g} % or above (goal: all but {EXCEPTIONS}); "
            f"{self.seen} of {self.made} calls seen, {shown(percent(self.seen, self.made))} % "
            f"(goal: {OVERALL:g} %)",
            "not seen: " + (", ".join(f"{why} {n}" for why, n in self.reasons()) or "nothing"),
        ]

    def warnings(self) -> list[str]:
        return [text for row in self.rows for text in row.warnings()]


def text_line(row: Row) -> str:
    return f"{row.name:<21} {row.total:>7} {row.seen:>7} {shown(row.percent):>6}  {row.rest}".rstrip()


TEXT_HEAD = f"{'program':<21} {'calls':>7} {'seen':>7} {'%':>6}  the rest"


def version_of(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    match = re.search(r"\d+(\.\d+)+\S*", done.stdout)
    return match[0] if match else "unknown"


def glibc_version() -> str:
    """With the distribution's part, where it says so."""
    done = subprocess.run(["ldd", "--version"], capture_output=True, text=True, timeout=20, check=False)
    match = re.match(r"ldd \((.*)\) (\S+)", done.stdout)
    return f"{match[2]} ({match[1]})" if match else platform.libc_ver()[1]


def markdown(summary: Summary, command: str) -> str:
    facts = (
        f"{datetime.date.today().isoformat()}, Linux {platform.release()} {platform.machine()}, "
        f"glibc {glibc_version()}, strace {version_of('strace', '-V')}; `{command}`:"
    )
    table = ["| program | calls | seen | % | the rest |", "|---|--:|--:|--:|---|"]
    table += [
        f"| {row.name} | {row.total} | {row.seen} | {shown(row.percent)} | {row.rest.replace('|', '/')} |"
        for row in summary.rows
    ]
    ends = [f"- {line}" for line in summary.lines()]
    warned = summary.warnings()
    if warned:
        ends.append("- more seen than made: " + "; ".join(warned))
    return "\n".join([facts, "", *table, "", *ends])


def replace_table(path: Path, text: str) -> None:
    """Put it between the two markers of a document."""
    old = path.read_text()
    before, found, after = old.partition(BEGIN)
    _, closed, after = after.partition(END)
    if not found or not closed:
        raise ValueError(f"{path}: the two markers are missing:\n{BEGIN}\n{END}")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
