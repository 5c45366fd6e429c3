# SPDX-License-Identifier: MIT
"""shim doctor, and the warnings of shim run: what they tell of a program or of this
machine is held against what really happens, whether the library is mapped and
whether a ring can be made."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clitest import NOBODY, Shim, known, library, one_line, shim, shim_path, user
from shimtest import PYTHON, Harness, Stats, need

__all__ = ["known", "library", "shim", "shim_path", "user"]
pytestmark = pytest.mark.variants("ring")


# Programs in which it cannot work


def test_static_program(shim: Shim, library: str) -> None:
    need("busybox")
    for command in ("run", "stat"):
        outcome = shim(command, "busybox", "sh", "-c", "echo $LD_PRELOAD; exit 3")
        assert outcome.status == "exit 3" and outcome.out.decode().strip() == library, outcome.text()
        first = outcome.err.decode().splitlines()[0]
        assert first.startswith("shim: /") and "/busybox: statically linked: " in first
    assert not shim("run", "--quiet", "busybox", "true").err
    assert not shim("run", "-q", "busybox", "true").err
    outcome = shim("run", "--strict", "busybox", "echo", "x")
    one_line(outcome, "exit 125", "statically linked", "--strict")
    assert not outcome.out


def test_set_user_id(shim: Shim, user: list[str]) -> None:
    need("setpriv")
    outcome = shim("run", "su", "--version", prefix=user)
    assert outcome.out.startswith(b"su from"), outcome.text()
    one_line(outcome, "exit 0", "/su: set-user-ID: the loader ignores LD_PRELOAD")
    one_line(shim("run", "--strict", "su", "--version", prefix=user), "exit 125", "set-user-ID")
    if os.geteuid() == 0:
        assert Stats.parse(shim("run", "--stats", "su", "--version").err.decode()).calls("open")


def privileged_copies(where: Path) -> Iterator[Path]:
    for name, mode, caps in (
        ("plain", 0o755, ()),
        ("suid", 0o4755, ()),
        ("sgid", 0o2755, ()),
        ("locking", 0o2745, ()),
        # security.capability: the version and a flag, permitted, inheritable.
        ("effective", 0o755, (0x2000001, 1 << 13, 0)),
        ("permitted", 0o755, (0x2000000, 1 << 13, 0)),
        ("inheritable", 0o755, (0x2000000, 0, 1 << 13)),
    ):
        path = where / name
        shutil.copy("/bin/cat", path)
        if mode & 0o6000:
            os.chown(path, 65534, 8)  # not root: that would be a present to everybody
        path.chmod(mode)
        if caps:
            os.setxattr(path, "security.capability", struct.pack("<5I", *caps, 0, 0))
        yield path


def test_privileges_as_they_are(harness: Harness, shim: Shim, library: str) -> None:
    """What doctor says is what the loader does, whoever asks."""
    if os.geteuid() != 0:
        pytest.skip("only root can make such programs")
    need("setpriv")
    user = ["setpriv", "--reuid=65534", "--clear-groups"]
    works = set()
    for path in privileged_copies(harness.fresh_dir("privileged")):
        for who in ([], user, NOBODY, [*NOBODY, "--no-new-privs"], ["setpriv", "--euid=65534"]):
            doctor = shim("doctor", path, prefix=who)
            run = shim("run", "--quiet", path, "/proc/self/maps", prefix=who)
            if who[-1:] == ["--euid=65534"]:  # shim's own loader, too, is careful
                assert doctor.status == "exit 1", doctor.text()
                continue
            assert run.ok, run.text()
            assert (library.encode() in run.out) == (doctor.status == "exit 0"), (
                f"{who}\n{doctor.text()}"
            )
            works.add((path.name, doctor.status))
    assert len(works) >= 11, works


def patched(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        assert old in data and len(old) == len(new)
        return data.replace(old, new)

    return change


IMAGES: dict[str, tuple[Callable[[bytes], bytes], str, str]] = {
    "same": (lambda data: data, "exit 0", "dynamically linked with glibc: the library works in it"),
    "32": (lambda data: data[:4] + b"\1" + data[5:18] + b"\3\0" + data[20:], "exit 1", "32-bit i386"),
    "arm": (lambda data: data[:18] + b"\xb7\0" + data[20:], "exit 1", "64-bit aarch64"),
    "big": (lambda data: data[:5] + b"\2" + data[6:18] + b"\0\x16" + data[20:], "exit 1", "s390"),
    "other": (lambda data: data[:18] + b"\xee\xee" + data[20:], "exit 1", "machine 61166"),
    "musl": (
        patched(b"/lib64/ld-linux-x86-64.so.2\0", b"/lib/ld-musl-x86_64.so.1\0\0\0\0"),
        "exit 1",
        "loaded by /lib/ld-musl-x86_64.so.1",
    ),
    "go": (patched(b"GNU\0", b"Go\0\0"), "exit 1", ": Go: "),
    "cut": (lambda data: data[:100], "exit 2", "damaged"),
    "ident": (lambda data: data[:5], "exit 2", "damaged"),
    "core": (lambda data: data[:16] + b"\4\0" + data[18:], "exit 2", "no program"),
}


@pytest.mark.parametrize("name", IMAGES)
def test_doctor_of_images(harness: Harness, shim: Shim, name: str) -> None:
    change, status, what = IMAGES[name]
    path = harness.fresh_dir("files") / "image"
    path.write_bytes(change(Path("/bin/true").read_bytes()))
    path.chmod(0o755)
    outcome = shim("doctor", path)
    assert outcome.status == status and what in outcome.out.decode(), outcome.text()
    assert outcome.out.count(b"\n") == 1 and not outcome.err, outcome.text()
    facts = json.loads(shim("doctor", "--json", path).out)
    assert facts["works"] is {"exit 0": True, "exit 1": False, "exit 2": None}[status]
    if name in ("musl", "32"):  # a loader that would stumble over it does not get it
        env = shim("run", "--quiet", path, env={"SHIM_MODE": "off"})
        assert b"LD_PRELOAD" not in env.err, env.text()


def test_doctor_of_hostile_images(harness: Harness, shim: Shim) -> None:
    data = Path("/bin/true").read_bytes()
    path = harness.fresh_dir("files") / "image"
    for at in [*range(4, 64), *range(64, 800, 7)]:
        path.write_bytes(data[:at] + b"\xff" * 8 + data[at + 8 :])
        path.chmod(0o755)
        outcome = shim("doctor", path)
        assert outcome.status in ("exit 0", "exit 1", "exit 2"), f"{at}\n{outcome.text()}"


def test_doctor_of_programs(harness: Harness, shim: Shim, user: list[str]) -> None:
    script = harness.fresh_dir("files") / "script"
    script.write_text(f"#!{PYTHON}\n")
    script.chmod(0o755)
    outcome = shim("doctor", script)
    assert outcome.ok and f"run by {PYTHON}: " in outcome.out.decode(), outcome.text()
    assert shim("doctor", "busybox").status == "exit 1"
    assert shim("doctor", "su", prefix=user).status == "exit 1"
    assert shim("doctor", "/lib64/ld-linux-x86-64.so.2").ok
    one_line(shim("doctor", "no-such-program"), "exit 2", "No such file")
    odd = harness.fresh_dir("files") / os.fsdecode(b"\xff name")
    shutil.copy("/bin/true", odd)
    facts = json.loads(shim("doctor", "--json", str(odd)).out)
    assert facts["works"] is True and facts["program"].endswith("\\xff name")


# shim doctor


def routes(facts: dict) -> dict[tuple[str, str], str]:
    return {
        (row["call"], re.sub(r" \(.*\)", "", row["on"])): row["reason"] or row["route"]
        for row in facts["routes"]
    }


@pytest.mark.parametrize("how", ["", "--memlock", "--seccomp", "--seccomp=EPERM", "--mdwe"])
def test_doctor(harness: Harness, shim: Shim, how: str) -> None:
    launcher = str(harness.build / "deny_uring")
    prefix = [launcher, how] if how else []
    if how and subprocess.run([*prefix, "true"], capture_output=True).returncode == 124:
        pytest.skip("this kernel cannot deny that")
    ring = subprocess.run([*prefix, launcher, "--probe"], capture_output=True).returncode == 0
    cwd = harness.fresh_dir()
    # Settings of the caller's are left out.
    env = {"SHIM_MODE": "off", "SHIM_STATS": "1"}
    text = shim("doctor", prefix=prefix, cwd=cwd, env=env)
    outcome = shim("doctor", "--json", prefix=prefix, cwd=cwd, env=env)
    assert outcome.status == text.status == ("exit 0" if ring else "exit 1"), text.text()
    assert not text.err and not list(cwd.iterdir()), text.text()
    facts = json.loads(outcome.out)
    assert facts["io_uring"]["usable"] is facts["works"] is ring, outcome.text()
    assert facts["io_uring"]["kernel"] == os.uname().release
    assert facts["patched"] is (how in ("", "--memlock")), outcome.text()
    seen = routes(facts)
    assert len(seen) > 35 and not any("error" in row for row in facts["routes"]), outcome.text()
    if ring:
        assert facts["io_uring"]["form"] in ("registered", "registered-only")
        assert seen["read", "pipe"] == seen["close", "pipe"] == seen["write", "TCP socket"] == "ring"
        assert seen["open", "/dev/null"] == "special-path" and seen["read", "terminal"] == "kind"
        assert seen["read", "pipe, empty"] == "waited" and seen["write", "regular file"] == "worker"
    else:
        assert set(seen.values()) == {"no-ring" if how == "--memlock" else "sandbox"}
        why = facts["io_uring"]["why"]
        assert ("RLIMIT_MEMLOCK" if how == "--memlock" else "seccomp") in why and why in text.out.decode()


def test_doctor_as_a_user_who_may_not_write_here(shim: Shim, user: list[str]) -> None:
    outcome = shim("doctor", prefix=user, cwd=Path("/"))
    assert outcome.status in ("exit 0", "exit 1") and b"pipe" in outcome.out, outcome.text()
