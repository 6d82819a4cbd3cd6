"""Processes killed at random times: a rank, rank 0 in the middle of a save, the only process,
mpirun. Every chain of kills and restarts, on other numbers of ranks, ends as the run that was not
killed."""
import glob
import os
import time

from lab import Reference, kill, last_line, newest_step, ranks_of

RUN = ["--data", "synthetic", "--train-limit", "1250", "--test-limit", "64",
       "--val-fraction", "0.2", "--layers", "32,10", "--batch-size", "20", "--virtual-ranks", "6", "--epochs", "10",
       "--checkpoint-steps", "30", "--optimizer", "momentum", "--log-every", "20"]
WAYS = ["rank", "rank", "mpirun", "mpirun", "save", "save", "orphan"]
KILLS_A_CHAIN = 5
CALLS_OF_A_SAVE = 9


class Kills:
    def __init__(self, lab, kills):
        self.lab, self.kills = lab, kills
        self.count = {way: 0 for way in [*WAYS, "alone"]}
        self.in_saves = self.ended = self.chains = self.launchers = 0
        self.reference = Reference(lab, RUN, "kills")
        self.seconds = {ranks: self.measure(ranks) for ranks in range(4)}

    def measure(self, ranks):
        place = self.lab.new_place("measure")
        begin = time.monotonic()
        result = self.lab.train(place, ranks, self.reference.arguments)
        seconds = time.monotonic() - begin
        problems = [] if result.code else self.reference.compare(f"{place}/run")
        if result.code or problems:
            raise SystemExit(f"{ranks} ranks without faults: {result.code} {problems} {result.err}")
        self.lab.remove(place)
        return seconds

    def kill_at_random(self, way, ranks, process, random):
        """Returns whether it was still running."""
        deadline = time.monotonic() + random.uniform(0, self.seconds[ranks])
        while time.monotonic() < deadline:
            if process.poll() is not None:
                return False
            time.sleep(0.002)
        pids = ranks_of(process)
        if way == "rank" and pids:
            kill(pids[random.choice(sorted(pids))])
        else:
            kill(process.pid)
        return True

    def attempt(self, place, random):
        """A start that is killed. Returns its problems."""
        ranks = random.choice([0, 1, 2, 3])
        way = random.choice(WAYS) if ranks else random.choice(["alone", "save"])
        arguments = [*self.reference.arguments, "--resume", "auto"]
        shim = {}
        if way in ("save", "orphan"):
            call = random.randint(1, 8 * CALLS_OF_A_SAVE)
            shim = self.lab.shim_environment(place, {"save": "kill", "orphan": "orphan"}[way], call,
                                             "checkpoints/.step-")
        process = self.lab.start(place, ranks, arguments, shim)
        report = place + ".lost-report"
        if shim:
            result = self.lab.end(process)
            killed = os.path.exists(report)
            self.in_saves += killed
            self.lab.remove(report)
        else:
            killed = self.kill_at_random(way, ranks, process, random)
            # mpirun leaves its ranks alone for a second: the next start has to cope with them.
            result = self.lab.end(process)
            self.in_saves += killed and bool(glob.glob(f"{place}/run/checkpoints/.step-*"))
        self.count[way] += killed
        self.ended += not killed
        if result.code == "launcher" and killed:
            self.launchers += 1  # a rank was killed while it made itself known to mpirun
            return []
        if result.code == "hang":
            return [f"a start on {ranks} ranks hangs, {way} killed: {killed}: {result.err}"]
        if not killed and result.code != 0:
            return [f"a start on {ranks} ranks failed by itself: exit code {result.code}: "
                    f"{last_line(result.err)}"]
        return []

    def chain(self):
        random = self.lab.random("kills", self.chains)
        place = self.lab.new_place("chain")
        problems, before, newest = [], self.killed(), -1
        while not problems and self.killed() < min(self.kills, before + KILLS_A_CHAIN):
            ended = self.ended
            problems = self.attempt(place, random)
            had, newest = newest, newest_step(f"{place}/run")
            if newest < had:
                problems.append(f"the checkpoint of step {had} is lost, the newest is {newest}")
            if self.ended > ended:
                break
        if not problems:
            problems, _ = self.reference.resume(self.lab, place, random.choice([0, 1, 2, 3]))
        self.lab.count(f"chain {self.chains}", problems, self.killed() - before)
        self.lab.remove(place)
        self.chains += 1

    def killed(self):
        return sum(self.count.values())

    def run(self):
        while self.killed() < self.kills:
            self.chain()
        ways = ", ".join(f"{count} {way}" for way, count in self.count.items())
        hung = f"; mpirun hung {self.launchers} times" if self.launchers else ""
        return (f"{self.killed()} ({ways}), {self.in_saves} of them in a save; "
                f"{self.chains} runs{hung}")


def run(lab, size):
    return Kills(lab, size).run()
