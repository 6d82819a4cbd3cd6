#!/usr/bin/env python3
"""Fails allocations of a command of dist-train, one after another (allocations.bats).

allocations.py SHIM [--every] [--later] [--most N] [--rank R] NAME -- COMMAND...

The command is run once as it is, which says what is right: its exit code is 0, and it leaves files.
Then it is run in a directory of its own for each place in the program that allocates (--every: for
each allocation), whose first allocation fails (--later: and all after it). The end must be the same
files and exit code 0, or a line on stderr and an exit code of the program's.
"""
import argparse, concurrent.futures, hashlib, os, re, shutil, subprocess, sys, tempfile

CODES = (64, 65, 66, 70, 73, 74, 78)
# Of runs that differ by themselves: times, and what holds them.
VARY = re.compile(os.environ.get("ALLOC_VARY", r"^$"))


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("shim")
    parser.add_argument("name")
    parser.add_argument("--every", action="store_true")
    parser.add_argument("--later", action="store_true")
    parser.add_argument("--rank", default="0")
    parser.add_argument("--fail", help="of this number only")
    parser.add_argument("--most", type=int, default=0, help="so many of them, evenly")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("command", nargs="+")
    return parser.parse_args()


def run(options, fail, **more):
    directory = tempfile.mkdtemp(prefix="alloc-", dir=".")
    struck = os.path.abspath(directory + ".struck")
    environment = dict(os.environ, ALLOC_FAIL=fail, ALLOC_RANK=options.rank, ALLOC_STRUCK=struck,
                       LD_PRELOAD=options.shim, **more)
    try:
        done = subprocess.run(options.command, cwd=directory, env=environment, timeout=30,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        code, out, err = done.returncode, done.stdout, done.stderr.decode(errors="replace")
    except subprocess.TimeoutExpired as late:
        code, out, err = "time", b"", (late.stderr or b"").decode(errors="replace")
    files = {}
    for base, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(base, name)
            if not VARY.search(os.path.relpath(path, directory)):
                with open(path, "rb") as file:
                    files[os.path.relpath(path, directory)] = hashlib.sha1(file.read()).hexdigest()
    shutil.rmtree(directory)
    stack = ""
    if os.path.exists(struck):
        with open(struck) as file:
            stack = file.read()
        os.remove(struck)
    return code, out, err, files, stack


def judge(right, found):
    code, out, err, files, _ = found
    if code == 0:
        same = files == right[3] and (VARY.pattern != "^$" or out == right[1])
        return "" if same else "exit code 0 with another result"
    if code not in CODES:
        return f"exit code {code}"
    lines = [line for line in err.splitlines() if line.startswith("dist-train: ")]
    if len(lines) != 1:
        return f"exit code {code} and {len(lines)} lines"
    left = [name for name in files if files[name] != right[3].get(name)]
    return f"left behind: {' '.join(left)}" if left else ""


def main():
    options = parse()
    places = os.path.abspath(f"{options.name}.places")
    right = run(options, "0", ALLOC_PLACES=places)
    if right[0] != 0:
        sys.exit(f"{options.name}: expected exit code 0, found {right[0]}: {right[2]}")
    with open(places) as file:
        numbers = [int(line) for line in file]
    os.remove(places)
    if options.every:
        numbers = list(range(1, max(numbers) + 1))
    if options.most and len(numbers) > options.most:
        numbers = [numbers[i * len(numbers) // options.most] for i in range(options.most)]
    if options.fail:
        numbers = [int(options.fail)]
    if not numbers:
        sys.exit(f"{options.name}: expected allocations, found none")
    bad, codes = 0, {}
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        fails = [f"{number}{'+' if options.later else ''}" for number in numbers]
        for fail, found in zip(fails, pool.map(lambda fail: run(options, fail), fails)):
            codes[found[0]] = codes.get(found[0], 0) + 1
            why = judge(right, found)
            if options.fail:
                print(found)
            if why:
                bad += 1
                print(f"{options.name}: allocation {fail} fails: {why}; {found[2]!r}\n{found[4]}")
    print(f"{options.name}: {len(numbers)} allocations, {bad} wrong, exit codes {codes}")
    sys.exit(bad > 0)


main()
