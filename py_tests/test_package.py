# SPDX-License-Identifier: MIT
"""make install, uninstall and deb: what was built works where it is put, and
nothing is left where it was not asked for."""

from __future__ import annotations

import io
import os
import re
import shutil
import stat
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from clitest import NOBODY, environment
from shimtest import TOP, Harness, Outcome, Side, Stats, list_tree, need

pytestmark = pytest.mark.variants("ring")

# What `make deb` copies, and so all that it may need.
SOURCES = "Makefile README.md NEWS.md LICENSE format src interpose cli docs packaging".split()
PROGRAMS = {"usr/bin/shim", "usr/lib/libshim/libshim.so"}
OTHERS = set(
    """
    usr/share/bash-completion/completions/shim usr/share/doc/libshim/README.md
    usr/share/doc/libshim/semantics.md
    """.split()
)


def run(harness: Harness, *argv: str | Path, **options: object) -> Outcome:
    """It has to work; a compiler on a busy machine may take its time."""
    options.setdefault("timeout", 120.0)
    outcome = harness.run(Side.NATIVE, list(map(str, argv)), **options)  # type: ignore[arg-type]
    assert outcome.ok, f"{argv}\n{outcome.text()}"
    return outcome


def check_tree(harness: Harness, tree: Path) -> None:
    """The command finds the library of this tree, and both work."""
    shim, library = tree / "usr/bin/shim", tree / "usr/lib/libshim/libshim.so"
    assert b"/usr/lib/libshim\0" in shim.read_bytes()
    assert run(harness, shim, "run", "--", "true").err == b""
    # The place that is compiled in comes first, if there is anything.
    if not Path("/usr/lib/libshim").exists():
        assert environment(run(harness, shim, "run", "env"))["LD_PRELOAD"] == str(library)
    stats = Stats.parse(run(harness, shim, "run", "--stats", "cat", "/etc/passwd").err.decode())
    assert stats.ring("read") > 0 and stats.patched == 1, stats.text()
    outcome = run(harness, shim, "stat", "--", "cat", "/etc/passwd")
    assert outcome.out == Path("/etc/passwd").read_bytes()
    assert re.search(rb"^read +[1-9]", outcome.err, re.MULTILINE), outcome.text()
    assert b"works    yes" in run(harness, shim, "doctor").out


def files_below(top: Path) -> dict[str, int]:
    """Names and modes of everything that is not a directory."""
    found = ((path, path.lstat().st_mode) for path in top.rglob("*"))
    return {str(p.relative_to(top)): stat.S_IMODE(m) for p, m in found if not stat.S_ISDIR(m)}


def test_install_and_uninstall(harness: Harness) -> None:
    need("make", "gcc")
    # What was built for another place is built again for this one: the command is.
    build = harness.fresh_dir("install-build")
    for name in ("src", "interpose", "cli"):
        shutil.copytree(harness.build / name, build / name)
    for name in ("libshim.so", "shim"):
        shutil.copy2(harness.build / name, build)
    tree = harness.fresh_dir("install-tree")
    where = [f"BUILD={build}", f"DESTDIR={tree}", "PREFIX=/usr"]
    for _ in range(2):
        run(harness, "make", "install", *where, cwd=TOP)
    files = files_below(tree)
    for name in ("shim.1", "libshim.7"):
        assert f"usr/share/man/man{name[-1]}/{name}" in files
    assert all(mode == (0o755 if name in PROGRAMS else 0o644) for name, mode in files.items()), files
    assert set(files) > PROGRAMS | OTHERS
    check_tree(harness, tree)
    run(harness, "make", "uninstall", *where, cwd=TOP)
    left = [p for p in tree.rglob("*") if not p.is_dir() or "libshim" in p.name]
    assert not left, left


def check_control(harness: Harness, deb: Path, version: str) -> None:
    def field(name: str) -> str:
        return run(harness, "dpkg-deb", "--field", deb, name).out.decode().strip()

    fields = {"Package": "libshim", "Version": version, "Architecture": "amd64"}
    assert {name: field(name) for name in fields} == fields
    depends = [re.sub(r" \(>= [\d.]+\)$", "", one) for one in field("Depends").split(", ")]
    assert sorted(depends) == ["libc6", "libgsl27", "libjansson4", "libxxhash0"]
    # No scripts, no configuration, no triggers.
    info = run(harness, "dpkg-deb", "--info", deb).out.decode()
    members = set(re.findall(r"^ +\d+ bytes, +\d+ lines +\*? +(\S+)", info, re.MULTILINE))
    assert members == {"control", "md5sums"}, info


def check_contents(harness: Harness, deb: Path) -> int:
    """Returns the time of the newest file."""
    data = run(harness, "dpkg-deb", "--fsys-tarfile", deb).out
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = tar.getmembers()
    names = {member.name.removeprefix("./") for member in members}
    doc, man = "usr/share/doc/libshim/", "usr/share/man/"
    assert {doc + "copyright", doc + "changelog.gz"} <= names
    assert {man + "man1/shim.1.gz", man + "man5/shim-trace.5.gz", man + "man7/libshim.7.gz"} <= names
    assert PROGRAMS | OTHERS <= names
    for member in members:
        name = member.name.removeprefix("./")
        assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "root", "root"), name
        assert member.mode == (0o755 if member.isdir() or name == "usr/bin/shim" else 0o644), name
        assert member.isdir() or member.isfile(), name
    return max(member.mtime for member in members)


def check_installation(harness: Harness, deb: Path) -> None:
    """dpkg puts it into a root of its own and takes it away again."""
    root = harness.fresh_dir("deb-root")
    (root / "var/lib/dpkg/updates").mkdir(parents=True)
    (root / "var/lib/dpkg/info").mkdir()
    (root / "var/lib/dpkg/status").touch()
    dpkg = ["dpkg", f"--root={root}", f"--log={root}/log", "--force-depends"]
    run(harness, *dpkg, "--install", deb)
    check_tree(harness, root)
    assert not run(harness, *dpkg, "--verify", "libshim").out
    run(harness, *dpkg, "--purge", "libshim")
    assert not (root / "usr").exists() or not list_tree(root / "usr")


def last_change(harness: Harness) -> int:
    outcome = harness.run(Side.NATIVE, ["git", "log", "-1", "--format=%ct"], cwd=TOP)
    return int(outcome.out) if outcome.ok else int((TOP / "NEWS.md").stat().st_mtime)


def build_here(harness: Harness, build: Path) -> None:
    run(harness, "make", f"BUILD={build}", "PREFIX=/opt", "deb", cwd=TOP)


def build_elsewhere(harness: Harness, top: Path) -> None:
    """As somebody else, in another directory, without git: the tree stays clean."""
    for source in SOURCES:
        copy = shutil.copytree if (TOP / source).is_dir() else shutil.copy2
        copy(TOP / source, top / source)
    before = list_tree(top)
    user = []
    if os.geteuid() == 0:
        user = NOBODY
        shutil.chown(top, 65534, 65534)
    command = ["sh", "-c", "umask 027 && exec make deb"]
    run(harness, *user, *command, cwd=top, env={"SOURCE_DATE_EPOCH": str(last_change(harness))})
    (top / "build").rename(top.with_name("deb-elsewhere"))
    assert list_tree(top) == before


def test_deb(harness: Harness) -> None:
    need("make", "gcc", "dh", "git", "setpriv")
    found = re.search(r"^VERSION := (\S+)", (TOP / "Makefile").read_text(), re.MULTILINE)
    assert found
    build, top = harness.fresh_dir("deb-build"), harness.fresh_dir("deb-source")
    elsewhere = harness.fresh_dir("deb-elsewhere")
    with ThreadPoolExecutor(2) as pool:
        for job in (pool.submit(build_here, harness, build), pool.submit(build_elsewhere, harness, top)):
            job.result()
    name = f"libshim_{found[1]}_amd64.deb"
    deb = build / name
    assert deb.read_bytes() == (elsewhere / name).read_bytes(), "two builds differ"
    check_control(harness, deb, found[1])
    assert check_contents(harness, deb) == last_change(harness)
    tree = harness.fresh_dir("deb-tree")
    run(harness, "dpkg-deb", "-x", deb, tree)
    check_tree(harness, tree)
    if os.geteuid() == 0:
        check_installation(harness, deb)
