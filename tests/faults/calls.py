"""Whole runs that meet a fault at one of their file operations: the first, the second, ... A run
reports success only when all its files are whole, else it names the file and the reason; and it can
always go on to the end of the run that met none."""
import os
import re
from concurrent.futures import ThreadPoolExecutor

from lab import Reference, error_lines, last_line, newest_step, read, summary

# Two epochs, a checkpoint at the end of each, of which one is kept, and a better model in both.
RUN = ["--data", "synthetic", "--train-limit", "500", "--test-limit", "16", "--val-fraction", "0.2",
       "--layers", "4,10", "--batch-size", "10", "--lr", "0.01", "--virtual-ranks", "6",
       "--epochs", "2", "--keep", "1", "--log-every", "30"]
REASONS = {"EIO": "Input/output error", "ENOSPC": "No space left on device",
           "EDQUOT": "Disk quota exceeded", "flip": "differ"}
DEADLY = ("kill", "torn", "power", "journal")
KINDS = ["kill", "ENOSPC", "EIO", "EDQUOT", "torn", "power", "journal", "ENOSPC+", "EDQUOT+",
         "EIO+", "short", "EINTR", "flip"]


class Calls:
    def __init__(self, lab):
        self.lab = lab
        self.reference = Reference(lab, RUN, "calls")
        self.first, self.last = ("step-%08d" % step for step in (40, 80))
        self.clean = set()
        place = lab.new_place("trace")
        lab.train(place, 0, self.reference.arguments, lab.shim_environment(place, "none", 0))
        self.operations = [line.split(" ", 3)[2:] for line in
                           open(place + ".lost-report").read().splitlines()]
        seen = {(operation, re.sub(r"\.[0-9a-f]{16}", "", os.path.relpath(path, place)))
                for operation, path in self.operations}
        for needed in [("write", f"run/checkpoints/.{self.first}.h5.tmp"),
                       ("fsync", "run/checkpoints"), ("write", "run/metrics.csv"),
                       ("close", f"run/checkpoints/.{self.last}.h5.tmp"), ("write", "run/log.txt"),
                       ("renameat", f"run/checkpoints/{self.last}.h5"),
                       ("unlinkat", f"run/checkpoints/{self.first}.h5"), ("linkat", "run/lock")]:
            if needed not in seen:
                raise SystemExit(f"the shim does not see {needed}: {sorted(seen)}")

    def log_problems(self, place, result):
        """log.txt has what was said."""
        said = set(result.err.splitlines())
        logged = [line for line in read(f"{place}/run", "log.txt").splitlines() if line not in said]
        return [] if logged == result.out.splitlines() else ["log.txt lacks lines"]

    def success_problems(self, place, kind, result, operation, path):
        problems = self.reference.compare(f"{place}/run")
        # What cannot be read, linked or removed stays; a later start takes the lock over.
        stays = kind.endswith("+") or operation == "unlinkat" or \
            "/run/lock" in path or "/.lock" in path
        problems = [p for p in problems if not (stays and p.endswith("is left"))]
        # Nothing but the words of log.txt may be lost when the power fails right at the end.
        return problems if kind in DEADLY else problems + self.log_problems(place, result)

    def failure_problems(self, place, kind, result, path):
        """Of a run that went on and failed in the end."""
        problems = []
        lines = error_lines(result.err)
        if result.code not in (73, 74):
            problems.append(f"expected exit code 0, 73 or 74, found {result.code}: {result.err}")
        if len(lines) != 1 or "run" not in lines[0] or REASONS[kind.strip("+")] not in lines[0]:
            problems.append(f"expected a line with the file and the reason, found {result.err!r}")
        found = summary(f"{place}/run")
        if found and found["status"] != "failed":
            problems.append(f"exit code {result.code}, but summary.json says {found['status']}")
        if found and found["parameter_hash"] != self.reference.summary["parameter_hash"]:
            problems.append("training did not go on to the end")
        if f"checkpoints/.{self.first}" in path and "+" not in kind:
            problems.append(f"a save that is not the last ended the run: {last_line(result.err)}")
        return problems

    def problems_of(self, place, kind, result, operation, path):
        if result.code == "hang":
            return ["hangs"]
        if result.code == 0:
            return self.success_problems(place, kind, result, operation, path)
        if kind in DEADLY:
            return [] if result.code == -9 else [f"expected to be killed, found {result.code}"]
        if kind in ("short", "EINTR"):
            return [f"expected success, found {result.code}: {last_line(result.err)}"]
        return self.failure_problems(place, kind, result, path)

    def case(self, kind, call):
        if kind in self.clean:
            return
        place = self.lab.new_place("call")
        # Only of the files that are read back a wrong bit is noticed.
        match = ".h5." if kind == "flip" else ""
        result = self.lab.train(place, 0, self.reference.arguments,
                                self.lab.shim_environment(place, kind, call, match))
        struck = read("", place + ".lost-report").split(" ", 3)
        operation, path = struck[2:] if len(struck) == 4 else ("nothing", "")
        problems = self.problems_of(place, kind, result, operation, path)
        if not path and result.code != 0:
            problems.append(f"expected success, found {result.code}: {last_line(result.err)}")
        # At its start a run removes the summary of the one before.
        begins = operation == "unlinkat" and "summary" in path
        if newest_step(f"{place}/run") < 0 and operation != "renameat" and not begins and \
                re.search(f"{self.last}|{self.first}.h5$|summary", path):
            problems.append("neither the old nor the new checkpoint is there")
        problems += self.reference.resume(self.lab, place)[0]
        if not path:
            self.clean.add(kind)
        name = f"{kind} at call {call}, {operation} {os.path.relpath(path or place, place).strip()}"
        self.lab.count(name, problems)
        self.lab.remove(place)

    def run(self, most):
        cases = [(kind, call) for kind in KINDS for call in range(1, len(self.operations) + 2)]
        if most < len(cases):
            always = [case for case in cases if case[0] == "kill"]
            others = [case for case in cases if case[0] != "kill"]
            drawn = self.lab.random("calls").sample(others, max(0, most - len(always)))
            cases = always + sorted(drawn, key=cases.index)
        before = self.lab.run
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda case: self.case(*case), cases))
        return f"{self.lab.run - before} of {len(KINDS)} kinds at {len(self.operations)} operations"


def run(lab, size):
    return Calls(lab).run(12 * size)
