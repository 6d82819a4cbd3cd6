"""make_rows.py RUN COUNT: run/metrics.csv gets COUNT rows, its own ones again and again, with
epochs, steps, samples and seconds that rise on."""
import sys

RISING = {0: int, 1: int, 2: int, 10: float}  # epoch, step, samples, seconds


def main():
    path, count = sys.argv[1] + "/metrics.csv", int(sys.argv[2])
    with open(path, encoding="ascii") as file:
        header, *rows = file.read().splitlines()
    rows = [row.split(",") for row in rows]
    length = {column: kind(rows[-1][column]) for column, kind in RISING.items()}
    with open(path, "w", encoding="ascii") as file:
        file.write(header + "\n")
        for number in range(count):
            again, row = number // len(rows), list(rows[number % len(rows)])
            for column, kind in RISING.items():
                value = kind(row[column]) + again * length[column]
                row[column] = str(value) if kind is int else "%.9g" % value
            file.write(",".join(row) + "\n")


main()
