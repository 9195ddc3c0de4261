"""Benchmarks: KWS beside what it stands on, measured in the same run. Each is a command: `python -m benchmarks.NAME`."""
