"""The dependencies: pinned, consistent, of licences that go with Apache-2.0; and, where the service can be reached, without known holes.

    python .ci/audit.py [--offline]      exit 1: something is wrong; what could not be asked is said, and fails nothing

What can be judged here is judged here: the lock against pyproject.toml and the environment, `pip check`, licences.
Known vulnerabilities are pip-audit's to tell, which needs a service in the network. The code itself is linted by
ruff's S rules (`make lint`), which are bandit's: it found nothing more.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = tuple(
    f"requirements{which}.txt" for which in ("", "-audit", "-browser", "-cloud-init", "-docs", "-fuzz")
)
GOOD = (
    "apache", "mit", "bsd", "isc", "psf", "python software foundation", "python-2.0", "0bsd", "unlicense", "zpl", "zope public license", "cc0",
    "mpl", "mozilla public license 2.0", "hpnd", "zlib", "ofl",
    "epl-2.0",  # binds changes to the library itself: asyncssh, of which nothing is changed
    "lgpl",  # used as it is, by import, and can be exchanged: psycopg
)  # fmt: skip
BAD = re.compile(r"(?<!l)gpl|agpl|sspl|commons.clause|proprietary|non-?commercial|\bbusl", re.IGNORECASE)
SEEN = {  # licences that no metadata tells; looked up by hand
    "kws": "Apache-2.0",
}


def pins(path: Path) -> dict[str, str]:
    """The lock's versions; what is no exact pin has an empty one."""
    found = {}
    for line in path.read_text().splitlines():
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            found[text] = ""
            continue
        exact = [s.version for s in wanted.specifier if s.operator == "==" and "*" not in s.version]
        found[canonicalize_name(wanted.name)] = (
            exact[0] if len(wanted.specifier) == 1 and exact and not wanted.url else ""
        )
    return found


def lock_problems() -> Iterator[str]:
    """Everything exactly pinned, nothing by URL, and as pyproject.toml wants it."""
    for name in LOCKS:
        for package, version in pins(ROOT / name).items():
            if not version:
                yield f"{name}: {package!r} is not one exact version (name==version)"
    locked = pins(ROOT / "requirements.txt")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    for text in [*project["dependencies"], *extras]:
        wanted = Requirement(text)
        version = locked.get(canonicalize_name(wanted.name))
        if wanted.url:
            yield f"pyproject.toml: {text!r} is taken from a URL"
        elif version is None:
            yield f"requirements.txt lacks {wanted.name}; run make lock"
        elif not wanted.specifier.contains(version, prereleases=True):
            yield f"requirements.txt has {wanted.name} {version}, pyproject.toml wants {wanted.specifier}"


def environment_problems() -> Iterator[str]:
    """What is installed is what is locked, and fits together."""
    installed = {canonicalize_name(d.name): d.version for d in metadata.distributions()}
    for package, version in pins(ROOT / "requirements.txt").items():
        there = installed.get(package)
        if there is None:
            yield f"{package} {version} is locked but not installed"
        elif there != version:
            yield f"{package} {version} is locked, {there} is installed"
    checked = run("-m", "pip", "check")
    if checked.returncode:
        yield from checked.stdout.strip().splitlines()


def licence_of(distribution: metadata.Distribution) -> str:
    """What its metadata say, in one line."""
    told = distribution.metadata
    expression = told.get("License-Expression")
    classifiers = [
        c.rpartition("::")[2].strip() for c in told.get_all("Classifier") or [] if c.startswith("License ::")
    ]
    classifiers = [c for c in classifiers if c != "OSI Approved"]
    text = (told.get("License") or "").strip().splitlines()
    return (
        expression
        or "; ".join(classifiers)
        or (text[0][:60] if text else "")
        or SEEN.get(distribution.name, "")
    )


def licence_problems(show: bool = False) -> Iterator[str]:
    """Of everything that the lock brings."""
    locked = pins(ROOT / "requirements.txt").keys() | {"kws"}
    for distribution in sorted(metadata.distributions(), key=lambda d: d.name.lower()):
        if canonicalize_name(distribution.name) not in locked:
            continue
        licence = licence_of(distribution)
        if show:
            print(f"  {distribution.name:28} {licence}")
        if not licence:
            yield f"{distribution.name}: no licence is told"
        elif not may_be_used(licence):
            yield f"{distribution.name}: {licence!r} is not known to go with Apache-2.0"


def may_be_used(licence: str) -> bool:
    """Every part of it; of alternatives (OR) one is enough."""
    choices = re.split(r"\s+OR\s+", licence)
    return any(any(good in one.lower() for good in GOOD) and not BAD.search(one) for one in choices)


def known_holes() -> Iterator[str]:
    """pip-audit; what it could not ask is said."""
    ran = run(
        "-m",
        "pip_audit",
        "-r",
        "requirements.txt",
        "--no-deps",
        "--disable-pip",
        "-f",
        "json",
        "--progress-spinner",
        "off",
    )
    if "No module named" in ran.stderr:
        print("NOT AUDITED for known vulnerabilities: pip-audit is not installed (make audit installs it)")
        return
    try:
        told = json.loads(ran.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (ran.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"NOT AUDITED for known vulnerabilities: the service can't be reached ({last[:160]})")
        return
    silent = [one["name"] for one in told if "skip_reason" in one]
    if len(silent) == len(told):
        print("NOT AUDITED for known vulnerabilities: the service is not reachable, it told of no package")
        return
    print(f"audited for known vulnerabilities: {len(told) - len(silent)} of {len(told)} packages")
    if silent:
        print(
            f"NOT AUDITED, the service did not know or was not reachable: {len(silent)} ({', '.join(silent[:5])}, …)"
        )
    for one in told:
        for hole in one.get("vulns", ()):
            yield f"{one['name']} {one['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'no version yet'}"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """A module of this environment."""
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, cwd=ROOT)


def main() -> int:
    """Prints what was found; 1 if that is anything."""
    print("licences:")
    problems = [*licence_problems(show=True), *lock_problems(), *environment_problems()]
    if "--offline" not in sys.argv:
        problems += known_holes()
    for problem in problems:
        print(f"PROBLEM: {problem}")
    print(f"{len(problems)} problems" if problems else "the audit found nothing")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
