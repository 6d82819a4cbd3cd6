"""Faults, counted: kills, failing disks, full disks, stopped processes, damaged files.

usage: faults.py PROGRAM BUILD [FAULTS]     BUILD: has shim.so, saves, damage

FAULTS (default 25): the number of random kills, to which the other parts are in proportion; from
1000 on every case there is. SEED=n repeats what another seed drew, PARTS="kills calls" is for some
parts only. Prints a line for each part, and at the end "N run, M lost". Exit code: 0 none was lost.
"""
import os
import subprocess
import sys
import time

import calls
import damaged
import kills
import limits
from lab import Lab


def library(lab, program, build, preload):
    """A program of this directory that counts its cases itself."""
    place = lab.new_place(program)
    environment = {**lab.environment, **({"LD_PRELOAD": lab.shim} if preload else {})}
    result = subprocess.run([os.path.join(build, program), place], stdout=subprocess.PIPE,
                            text=True, env=environment, timeout=600)
    lines = result.stdout.splitlines() or ["0 run, 1 lost"]
    run, lost = (int(word) for word in lines[-1].split() if word.isdigit())
    if result.returncode and not lost:
        lost = 1
    lab.run += run
    lab.lost += lost
    return "\n".join([f"{run}, {lost} lost", *lines[:-1]])


def main(program, build, size="25"):
    size = int(size)
    seed = os.environ.get("SEED") or str(time.time_ns() % 1000000)
    lab = Lab(program, build, seed)
    parts = {"kills": lambda: kills.run(lab, size),
             "saves": lambda: library(lab, "saves", build, True),
             "calls": lambda: calls.run(lab, size),
             "limits": lambda: limits.run(lab, size),
             "damage": lambda: library(lab, "damage", build, False),
             "damaged": lambda: damaged.run(lab, size)}
    titles = {"kills": "processes killed", "saves": "faults in saves", "calls": "faults in runs",
              "limits": "full disks, limits, stopped processes", "damage": "damaged checkpoints",
              "damaged": "runs over damaged files"}
    print(f"FAULTS={size} SEED={seed}", flush=True)
    try:
        for part in (os.environ.get("PARTS") or " ".join(parts)).split():
            begin = time.monotonic()
            text = parts[part]()
            print(f"{titles[part]}: {text} ({time.monotonic() - begin:.0f} s)", flush=True)
    finally:
        lab.count("the end", lab.close(), 0)
    print(f"{lab.run} run, {lab.lost} lost")
    return lab.lost > 0 or lab.run == 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
