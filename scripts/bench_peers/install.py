"""Puts the peers' pinned packages into the private environment this runs in; one that fails keeps no other out."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

from .peers import LIBRARIES

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def pins(text):
    """Package -> version of a requirements file."""
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return dict(line.split("==") for line in lines if line)


def missing(library, pinned):
    """Why the library has to be installed, or None."""
    package = LIBRARIES[library][1]
    try:
        found = metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not there"
    return None if found == pinned[package] else f"version {found}"


def install(library, pinned, log):
    """None, or the reason why this peer cannot be had. pip's whole output is in ``log``."""
    if missing(library, pinned) is None:
        return importable(library)
    package = LIBRARIES[library][1]
    command = [sys.executable, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    command += ["--constraint", str(REQUIREMENTS), f"{package}=={pinned[package]}"]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        return f"pip could not install {package} {pinned[package]}: {last_error(log.read_text(errors='replace'))}"
    return importable(library)


def last_error(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error") or "error:" in line.lower()]
    return (errors or lines or ["no message"])[-1][:200]


def importable(library):
    """None, or why the module cannot be loaded here (a missing instruction set, a missing system library)."""
    done = subprocess.run(
        [sys.executable, "-c", f"import {LIBRARIES[library][2]}"], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return None
    lines = done.stderr.strip().splitlines()
    return f"cannot be imported: {lines[-1][:200] if lines else f'exit code {done.returncode}'}"


def version(library):
    try:
        return metadata.version(LIBRARIES[library][1])
    except metadata.PackageNotFoundError:
        return None
