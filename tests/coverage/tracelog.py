# SPDX-License-Identifier: MIT
"""What a program asked of the kernel, read from the output of `strace -f`.

The difficulty is to know from which line on a process counts. ld.so opens and
reads libraries before any library can run, so the calls of a process image begin
at a marker, a line that is always there once the library is ready; an image that
never reaches it (a static program) counts from its start. Images come from
execve, are inherited by fork, and are shared with threads and vfork children,
whose first lines may come before the line of the clone that made them: hence two
passes.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

# libc makes open(3) and creat(3) as openat: the three are one family.
FAMILY = {"open": "open", "openat": "open", "creat": "open"}
FAMILY |= {
    name: name
    for name in (
        "read write close connect pread64 pwrite64 readv writev preadv pwritev preadv2 pwritev2 "
        "recvfrom recvmsg sendto sendmsg accept accept4"
    ).split()
}
CREATORS = ("clone", "clone3", "fork", "vfork")
CONTROL = (*CREATORS, "execve", "execveat", "mprotect", "prlimit64", "rt_sigreturn")
TRACED = (*FAMILY, *CONTROL)

# The last thing the library does at its start; or, to measure a library that
# does not do that, what ld.so asks last before it runs constructors.
MARKERS = {
    "mprotect": re.compile(r"mprotect\(.*, PROT_READ\|PROT_EXEC\) += 0$"),
    "prlimit64": re.compile(r"prlimit64\(0, RLIMIT_STACK, NULL, "),
}

LINE = re.compile(r"(\d+) +(.*)")
START = re.compile(r"(\w+)\(([^,)]*)(.*)")
RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)")
RESULT = re.compile(r".*\) += (-?\d+|\?)(?: (\w+))?")
FRAME = re.compile(r" > (.*?)(?:\((?:(.+)\+0x([0-9a-f]+))?\))? \[")
UNFINISHED = "<unfinished ...>"


@dataclasses.dataclass(frozen=True)
class Frame:
    """One line of `strace -k`."""

    place: str
    symbol: str
    offset: int

    @property
    def file(self) -> str:
        return self.place.rpartition("/")[2]


@dataclasses.dataclass(eq=False)
class Image:
    """What one execve has loaded; `own` are files of the library itself."""

    marked: bool = False
    own: list[str] = dataclasses.field(default_factory=list)
    own_fd: str = ""


@dataclasses.dataclass(eq=False)
class Call:
    family: str
    image: Image
    after: bool  # the marker
    frames: list[Frame] = dataclasses.field(default_factory=list)

    @property
    def counts(self) -> bool:
        return self.after or not self.image.marked


@dataclasses.dataclass
class Event:
    """One system call as it begins (`begins`), as it ends, or both in one line."""

    pid: int
    name: str
    text: str  # all that is known of it at this point
    begins: bool
    ends: bool
    frames: list[Frame] = dataclasses.field(default_factory=list)

    @property
    def first(self) -> str:
        match = START.match(self.text)
        return match[2].strip() if match else ""

    @property
    def result(self) -> tuple[str, str]:
        match = RESULT.match(self.text)
        return (match[1], match[2] or "") if match else ("?", "")


def read_events(path: Path) -> Iterator[Event]:
    """The lines of the file; what was interrupted is put together again."""
    begun: dict[int, str] = {}
    last = None
    with path.open(errors="replace") as lines:
        for line in lines:
            if line.startswith(" > "):
                if last and (frame := parse_frame(line)):
                    last.frames.append(frame)
                continue
            if last:
                yield last
            last = parse_line(line.rstrip("\n"), begun)
    if last:
        yield last


def parse_frame(line: str) -> Frame | None:
    match = FRAME.match(line)
    return Frame(match[1], match[2] or "", int(match[3] or "0", 16)) if match else None


def parse_line(line: str, begun: dict[int, str]) -> Event | None:
    match = LINE.match(line)
    if not match:
        return None
    pid, text = int(match[1]), match[2]
    if resumed := RESUMED.match(text):
        return Event(pid, resumed[1], begun.pop(pid, "") + resumed[2], False, True)
    start = START.match(text)
    if not start:  # a signal, an end
        return None
    ends = not text.endswith(UNFINISHED)
    if not ends:
        text = text.removesuffix(UNFINISHED).rstrip()
        begun[pid] = text
    return Event(pid, start[1], text, True, ends)


class Reader:
    """Turns events into calls, each with the image that made it."""

    def __init__(self, marker: str, own: tuple[str, ...] = ()) -> None:
        self.marker = MARKERS[marker]
        # Before the true marker the library has done all that it does by itself.
        self.own = [f'"{path}"' for path in own] if marker == "prlimit64" else []
        self.images: dict[int, Image] = {}
        self.origin: dict[int, tuple[int, bool]] = {}
        self.running: dict[int, Call] = {}
        self.restart: dict[int, tuple[str, str, Call]] = {}
        self.calls: list[Call] = []

    def read(self, path: Path) -> list[Call]:
        events = list(read_events(path))
        for event in events:
            if child := self.child_of(event):
                shared = "CLONE_VM" in event.text or event.name == "vfork"
                self.origin[child] = (event.pid, shared)
        for event in events:
            self.handle(event)
        return self.calls

    @staticmethod
    def child_of(event: Event) -> int:
        if event.name not in CREATORS or not event.ends:
            return 0
        value = event.result[0]
        return max(0, int(value)) if value != "?" else 0

    def image_of(self, pid: int) -> Image:
        if pid not in self.images:
            parent, shared = self.origin.get(pid, (0, False))
            if parent:
                image = self.image_of(parent)
                self.images[pid] = image if shared else Image(image.marked)
            else:  # the first one, or its parent was killed inside fork
                self.images[pid] = Image(bool(self.images))
        return self.images[pid]

    def handle(self, event: Event) -> None:
        image = self.image_of(event.pid)
        if event.name in FAMILY:
            self.handle_call(event, image)
        elif event.ends:
            self.handle_control(event, image)

    def handle_control(self, event: Event, image: Image) -> None:
        value, error = event.result
        if event.name in ("execve", "execveat") and value == "0":
            self.images[event.pid] = Image(own=list(self.own))
            self.restart.pop(event.pid, None)
        elif event.name == "rt_sigreturn" and error == "EINTR":
            self.restart.pop(event.pid, None)
        elif child := self.child_of(event):
            self.image_of(child)  # while its parent is what it was
        elif not image.marked and self.marker.match(event.text):
            image.marked = True

    def handle_call(self, event: Event, image: Image) -> None:
        if event.begins:
            self.begin(event, image)
        if not event.ends:
            return
        value, error = event.result
        call = self.running.pop(event.pid, None)
        if call is None:  # the library's own
            self.own_ends(event, image, value)
            return
        call.frames = event.frames
        if value == "?" and error.startswith("ERESTART"):
            self.restart[event.pid] = (event.name, event.first, call)

    def begin(self, event: Event, image: Image) -> None:
        if image.marked and self.is_own(event, image):
            return
        name, first, call = self.restart.get(event.pid, ("", "", None))
        if call and (name, first) == (event.name, event.first):
            # The kernel makes it again after a signal, the program made it once.
            del self.restart[event.pid]
        else:
            call = Call(FAMILY[event.name], image, image.marked)
            self.calls.append(call)
        self.running[event.pid] = call

    @staticmethod
    def is_own(event: Event, image: Image) -> bool:
        if image.own_fd:
            return event.first == image.own_fd
        return event.name == "openat" and any(path in event.text for path in image.own)

    @staticmethod
    def own_ends(event: Event, image: Image, value: str) -> None:
        if event.name == "openat":
            image.own = [path for path in image.own if path not in event.text]
            image.own_fd = value
        elif event.name == "close":
            image.own_fd = ""
