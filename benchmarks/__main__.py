"""`python -m benchmarks`: every benchmark in a row, then all ratios. Exit code 1 when a command failed."""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.report import RESULTS, SKIPPED, print_ratios

HERE = Path(__file__).parent
BENCHMARKS = ("submit_to_ready", "night_pass", "slack", "growth", "growth_postgresql", "start_up", "web")


def main() -> int:
    """Run them with what they do without options."""
    for old in RESULTS.glob("*.json"):
        old.unlink()  # the ratios below are this run's
    outcome: dict[str, list[str]] = {"failed": [], "skipped": []}
    for name in BENCHMARKS:
        print(f"\n## {name}", flush=True)
        code = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}"], cwd=HERE.parent, check=False
        ).returncode
        if code:
            outcome["skipped" if code == SKIPPED else "failed"].append(name)
    print("\n## All ratios")
    print_ratios(
        [ratio for file in sorted(RESULTS.glob("*.json")) for ratio in json.loads(file.read_text())["ratios"]]
    )
    for what, names in outcome.items():
        if names:
            print(f"{what}: {', '.join(names)}")
    return 1 if outcome["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
