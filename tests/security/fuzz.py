"""The judges under a fuzzer that watches which lines are reached (atheris): ``make fuzz``.

python tests/security/fuzz.py [--seconds 20] [NAME …]    each in a process of its own, findings in .fuzz/
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
FOUND = ROOT / ".fuzz"
sys.path[:0] = [str(TESTS), str(ROOT)]

PARTS = ["bot", "kws_core", "security", "yaml", "shlex", "json", "ipaddress"]


def one(name: str, seconds: int) -> None:
    """Runs in a process of its own: atheris ends it."""
    import atheris

    with atheris.instrument_imports(include=PARTS):
        from security import judges
        from security.hostile import TEXTS
        from security.test_hostile_text import SEEDS

    corpus = FOUND / name.replace(" ", "-")
    corpus.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate((*TEXTS, *SEEDS.get(name, ()))):
        (corpus / f"seed-{number}").write_bytes(text.encode(errors="surrogatepass"))

    def test(data: bytes) -> None:
        judges.judge(name, data.decode(errors="surrogateescape" if len(data) % 7 == 0 else "replace")[:3000])

    options = [f"-max_total_time={seconds}", "-timeout=10", "-max_len=3000", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={corpus}/found-", str(corpus)], test)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=20, help="for each")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    if asked.one:
        one(asked.names[0], asked.seconds)
        return 0
    from security.judges import JUDGES

    wrong = [name for name in asked.names or JUDGES if not well(name, asked.seconds)]
    print("found something in: " + ", ".join(wrong) if wrong else "nothing found")
    return 1 if wrong else 0


def well(name: str, seconds: int) -> bool:
    """Whether nothing was found; prints one line of figures."""
    command = [sys.executable, __file__, "--one", "--seconds", str(seconds), name]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    runs = re.search(r"number_of_executed_units: (\d+)", ran.stderr)
    cover = re.findall(r"cov: (\d+)", ran.stderr) or ["0"]
    print(f"{name:16} {runs[1] if runs else '?':>8} texts, coverage {cover[0]} -> {cover[-1]}", flush=True)
    if ran.returncode:
        print(ran.stderr[-3000:])
    return ran.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
