"""What history costs on PostgreSQL: growth.py with one of its series, so that `make bench` has it.

python -m benchmarks.growth_postgresql
"""

from benchmarks.growth import main

if __name__ == "__main__":
    main(["--database", "postgresql", "--series", "history", "--rounds", "5"])
