"""Runs that go on where files have been damaged: the damaged checkpoint is named and passed over,
the one before it is taken, and the end is that of the run that nothing has disturbed."""
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

from lab import Reference, read, summary

RUN = ["--data", "synthetic", "--train-limit", "500", "--test-limit", "16", "--val-fraction", "0.2",
       "--layers", "4,10", "--batch-size", "10", "--lr", "0.01", "--virtual-ranks", "6",
       "--epochs", "4"]
STOP_AT = 130  # steps, of 160: in the fourth epoch


def damage(path, random):
    """Returns what was done."""
    with open(path, "rb") as file:
        content = bytearray(file.read())
    size, way = len(content), random.choice(["bit", "cut", "zeros", "empty", "more", "noise"])
    at = random.randrange(size)
    if way == "bit":
        content[at] ^= 1 << random.randrange(8)
    elif way == "cut":
        del content[at:]
    elif way == "zeros":
        at -= at % 512
        content[at:at + 4096] = bytes(len(content[at:at + 4096]))
        if content == open(path, "rb").read():
            content[size // 2] ^= 1
    elif way == "empty":
        content.clear()
    elif way == "more":
        content += random.randbytes(1 + at % 100)
    else:
        content[at:at + 100] = random.randbytes(len(content[at:at + 100]))
    with open(path, "wb") as file:
        file.write(content)
    return f"{os.path.basename(path)} {way} at {at}"


class Damaged:
    def __init__(self, lab):
        self.lab = lab
        self.reference = Reference(lab, RUN, "damaged")
        self.place = lab.new_place("part")
        result = lab.train(self.place, 0, [*self.reference.arguments, "--max-steps", str(STOP_AT)])
        if result.code != 0:
            raise SystemExit(f"a run without faults: {result.err}")
        os.remove(f"{self.place}/run/summary.json")
        self.checkpoints = sorted(os.listdir(f"{self.place}/run/checkpoints"), reverse=True)

    def case(self, number):
        random = self.lab.random("damaged", number)
        place = self.lab.new_place("case")
        run = f"{place}/run"
        shutil.copytree(f"{self.place}/run", run)
        bad = self.checkpoints[:random.choice([1, 1, 1, 2, len(self.checkpoints)])]
        done = [damage(f"{run}/checkpoints/{name}", random) for name in bad]
        for name in ("metrics.csv", "best.h5", "config.ini"):
            if random.random() < 0.3:
                done.append(damage(f"{run}/{name}", random))
        problems, result = self.reference.resume(self.lab, place, 0, ["--max-steps", "-1"])
        if not problems:
            problems = self.message_problems(run, bad, result)
        self.lab.count(", ".join(done), problems)
        self.lab.remove(place)

    def message_problems(self, run, bad, result):
        problems = []
        for name in bad:
            aside = os.path.exists(f"{run}/checkpoints/{name}.damaged")
            if f"{name}: " not in result.err or not aside:
                problems.append(f"{name} is not named, or not put aside: {result.err!r}")
        good = [name for name in self.checkpoints if name not in bad]
        expected = f"run/checkpoints/{good[0]}" if good else None
        found = summary(run)["resumed_from"]
        if found != expected:
            problems.append(f"expected to go on from {expected}, not {found}")
        return problems

    def unreadable(self):
        """The disk cannot read the newest checkpoint any more."""
        place = self.lab.new_place("case")
        shutil.copytree(f"{self.place}/run", f"{place}/run")
        shim = self.lab.shim_environment(place, "EIO", 2, self.checkpoints[0])
        result = self.lab.train(place, 0, [*self.reference.arguments, "--resume", "auto",
                                           "--max-steps", "-1"], shim)
        problems = [f"exit code {result.code}: {result.err}"] if result.code else \
            self.reference.compare(f"{place}/run")
        if " pread " not in read("", place + ".lost-report"):
            problems.append("the shim met no read")
        if not problems:
            problems = self.message_problems(f"{place}/run", self.checkpoints[:1], result)
        self.lab.count("the newest checkpoint cannot be read", problems)
        self.lab.remove(place)

    def run(self, cases):
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(self.case, range(cases)))
        self.unreadable()
        return f"{cases + 1}"


def run(lab, size):
    return Damaged(lab).run(2 * size)
