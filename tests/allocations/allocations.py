#!/usr/bin/env python3
"""Fails allocations of a command of dist-train, one after another (allocations.bats).

allocations.py SHIM [--every] [--later] [--most N] [--rank R] [--only OBJECT] NAME -- COMMAND...

The command is run once as it is, which says what is right: its exit code is 0, and it leaves files.
Then it is run in a directory of its own for each place that allocates (--every: for each
allocation), whose first allocation fails (--later: and all after it). The end must be the same
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
    parser.add_argument("--only", help="allocations that this library, or dist-train, asks for")
    parser.add_argument("--fail", help="of this number only")
    parser.add_argument("--most", type=int, default=0, help="so many of them, evenly")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("command", nargs="+")
    return parser.parse_args()


def look(directory, code):
    """What a command has left: exit code, standard output, standard error, files, stack."""
    files = {}
    work = os.path.join(directory, "work")
    for base, _, names in os.walk(work):
        for name in names:
            path = os.path.join(base, name)
            if not VARY.search(os.path.relpath(path, work)):
                with open(path, "rb") as file:
                    files[os.path.relpath(path, work)] = hashlib.sha1(file.read()).hexdigest()
    texts = []
    for name in ("out", "err", "stack"):
        path = os.path.join(directory, name)
        text = b""
        if os.path.exists(path):
            with open(path, "rb") as file:
                text = file.read()
        texts.append(text.decode(errors="replace"))
    shutil.rmtree(directory)
    return code, texts[0], texts[1], files, texts[2]


def environment(options, fail, **more):
    if options.only:
        more["ALLOC_ONLY"] = options.only
    return dict(os.environ, ALLOC_FAIL=fail, ALLOC_RANK=options.rank, LD_PRELOAD=options.shim,
                **more)


def make_directory(base, fail):
    directory = os.path.join(base, fail)
    os.makedirs(os.path.join(directory, "work"))
    return directory


def run(options, base, fail, **more):
    """One start of the command for one allocation."""
    directory = make_directory(base, fail)
    with open(os.path.join(directory, "out"), "wb") as out, \
            open(os.path.join(directory, "err"), "wb") as err:
        try:
            code = subprocess.run(
                options.command, cwd=os.path.join(directory, "work"), timeout=60,
                env=environment(options, fail, ALLOC_STRUCK=os.path.join(directory, "stack"),
                                **more),
                stdin=subprocess.DEVNULL, stdout=out, stderr=err).returncode
        except subprocess.TimeoutExpired:
            code = "time"
    return look(directory, code)


def run_all(options, base, fails):
    """One start of the command for all: it forks for each (shim.c, ALLOC_EACH)."""
    for fail in fails:
        make_directory(base, fail)
    with tempfile.NamedTemporaryFile("w", dir=base) as file:
        file.write("\n".join(fails) + "\n")
        file.flush()
        subprocess.run(options.command, cwd=base, check=True, stdin=subprocess.DEVNULL,
                       env=environment(options, "0", ALLOC_EACH=file.name))
    found = []
    for fail in fails:
        directory = os.path.join(base, fail)
        with open(os.path.join(directory, "status")) as file:
            status = int(file.read())
        if status == -1:
            shutil.rmtree(directory)
            found.append(run(options, base, fail))
        else:
            found.append(look(directory, os.waitstatus_to_exitcode(status)))
    return found


def judge(right, found):
    code, out, err, files, stack = found
    if not stack:
        return "it was not reached"
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


def choose(options, places):
    with open(places) as file:
        numbers = [int(line) for line in file]
    os.remove(places)
    if options.fail:
        numbers = [int(options.fail)]
    elif options.every and numbers:
        numbers = list(range(1, max(numbers) + 1))
    if options.most and len(numbers) > options.most:
        numbers = [numbers[i * len(numbers) // options.most] for i in range(options.most)]
    if not numbers:
        sys.exit(f"{options.name}: expected allocations, found none")
    return [f"{number}{'+' if options.later else ''}" for number in numbers]


def main():
    options = parse()
    base = tempfile.mkdtemp(prefix="alloc-", dir=".")
    base = os.path.abspath(base)
    places = os.path.join(base, "places")
    right = run(options, base, "0", ALLOC_PLACES=places)
    if right[0] != 0:
        sys.exit(f"{options.name}: expected exit code 0, found {right[0]}: {right[2]}")
    fails = choose(options, places)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        if os.path.basename(options.command[0]) == "dist-train":
            parts = [fails[i::options.jobs] for i in range(options.jobs)]
            ends = pool.map(lambda part: list(zip(part, run_all(options, base, part))),
                            [part for part in parts if part])
            found = [end for part in ends for end in part]
        else:
            found = list(zip(fails, pool.map(lambda fail: run(options, base, fail), fails)))
    bad, codes = 0, {}
    for fail, end in found:
        codes[end[0]] = codes.get(end[0], 0) + 1
        why = judge(right, end)
        if options.fail:
            print(end)
        if why:
            bad += 1
            print(f"{options.name}: allocation {fail} fails: {why}; {end[2]!r}\n{end[4]}")
    shutil.rmtree(base)
    print(f"{options.name}: {len(fails)} allocations, {bad} wrong, exit codes {codes}")
    sys.exit(bad > 0)


main()
