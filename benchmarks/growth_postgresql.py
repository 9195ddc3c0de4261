"""What history costs on PostgreSQL: growth.py with one of its series, so that `make bench` has it.

Up to 10,000 rentals; ten times that takes minutes to fill in: `python -m benchmarks.growth --database postgresql`.

python -m benchmarks.growth_postgresql
"""

from benchmarks.growth import main

if __name__ == "__main__":
    main(["--database", "postgresql", "--series", "history", "--rounds", "5", "--most", "10000"])
