# SPDX-License-Identifier: MIT
"""What must agree within the tree: the calls table with what the library exports,
the reasons in the code with those in the documentation."""

from __future__ import annotations

import re
import subprocess

import pytest
from shimtest import TOP, Harness

pytestmark = pytest.mark.variants("ring")


def calls_table() -> set[str]:
    """What is exported: private symbols are libc's own, and only patched."""
    text = (TOP / "interpose" / "calls.def").read_text()
    return set(re.findall(r"^SHIM_(?!PRIVATE)\w+_SYMBOL\((\w+)", text, re.MULTILINE))


def test_exports_are_the_calls_table(harness: Harness) -> None:
    listing = subprocess.run(
        ["nm", "-D", "--defined-only", str(harness.lib)], capture_output=True, text=True, check=True
    ).stdout
    exported = {line.split()[-1] for line in listing.splitlines()}
    assert exported == calls_table()


def test_reasons_are_documented() -> None:
    code = (TOP / "src" / "route.c").read_text()
    reasons = re.findall(r'\[SHIM_[A-Z_]+\] = "([a-z-]+)"', code.split("call_names")[0])
    documented = re.findall(r"^\| `([a-z-]+)` \|", (TOP / "docs" / "semantics.md").read_text(), re.MULTILINE)
    assert len(reasons) > 20
    assert sorted(reasons) == sorted(documented)


def test_variables_are_documented() -> None:
    code = (TOP / "src" / "config.c").read_text()
    for name in set(re.findall(r'"(SHIM_[A-Z]+)"', code)):
        assert f"`{name}`" in (TOP / "README.md").read_text(), name
