"""What the parts of `make test-faults` share: runs of dist-train in a directory of their own, and
the laws that they are held to."""
import glob
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

TIMEOUT = 60  # seconds that a run may take, at most


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


class Lab:
    """The place, the program, and the count of what was run and what was lost."""

    def __init__(self, program, build, seed):
        self.program, self.seed = program, seed
        ranks = os.path.join(os.path.dirname(__file__), "../../scripts/ranks.sh")
        self.launcher = subprocess.run([ranks, program], stdout=subprocess.PIPE, text=True,
                                       check=True).stdout.split()
        self.shim = os.path.join(build, "shim.so")
        self.place = os.path.realpath(tempfile.mkdtemp(prefix="dist-train-faults-"))
        # What Open MPI leaves behind when it is killed lies where it is removed.
        self.shared = tempfile.mkdtemp(prefix="dist-train-faults-", dir="/dev/shm")
        self.environment = {k: v for k, v in os.environ.items()
                            if not k.startswith(("DIST_TRAIN_", "DT_FAULT_"))}
        self.environment.update(
            TMPDIR=self.shared, OMPI_MCA_btl_vader_backing_directory=self.shared,
            OMPI_MCA_osc_sm_backing_directory=self.shared,
            OMPI_MCA_shmem_mmap_backing_file_base_dir=self.shared,
            OMPI_MCA_pml="ob1", OMPI_MCA_ess_singleton_isolated="1",
            OMPI_MCA_odls_base_sigkill_timeout="0")
        if os.getuid() == 0:
            self.environment.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        self.lock = threading.Lock()
        self.run = self.lost = self.places = 0

    def random(self, *key):
        """Random numbers of a case: the same whatever else is run, and in which order."""
        return random.Random(repr((self.seed, *key)))

    def new_place(self, name):
        with self.lock:
            self.places += 1
            path = os.path.join(self.place, f"{name}-{self.places}")
        os.mkdir(path)
        return path

    def remove(self, path):
        for each in [path, *glob.glob(glob.escape(path) + ".lost-*")]:
            if os.path.isdir(each):
                shutil.rmtree(each)
            elif os.path.lexists(each):
                os.remove(each)

    def count(self, case, problems, run=1):
        """A case is lost when there is a problem."""
        with self.lock:
            self.run += run
            self.lost += bool(problems)
            for problem in problems:
                print(f"LOST {case}: {problem}", file=sys.stderr, flush=True)

    def command(self, ranks, arguments):
        """Ranks 0: without mpirun."""
        launch = [*self.launcher, "-np", str(ranks)] if ranks else []
        return [*launch, self.program, *arguments]

    def start(self, place, ranks, arguments, more={}):
        """A run in `place`; what it says goes to files elsewhere."""
        with self.lock:
            self.places += 1
            said = os.path.join(self.place, f"said-{self.places}")
        with open(said + ".out", "w") as out, open(said + ".err", "w") as err:
            process = subprocess.Popen(self.command(ranks, arguments), cwd=place, stdout=out,
                                       stderr=err, stdin=subprocess.DEVNULL,
                                       env={**self.environment, **more})
        process.said = said
        return process

    def end(self, process):
        """Waits for it. A run that hangs is killed, with the code "hang"; "launcher" when all its
        ranks have ended, and only mpirun has not noticed."""
        try:
            code = process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            alone = process.args[0] == self.launcher[0] and not ranks_of(process)
            code = "launcher" if alone else "hang"
            kill(process.pid, *descendants(process.pid))
            process.wait()
        result = Result(code, read("", process.said + ".out"), read("", process.said + ".err"))
        os.remove(process.said + ".out")
        os.remove(process.said + ".err")
        return result

    def train(self, place, ranks, arguments, more={}):
        return self.end(self.start(place, ranks, arguments, more))

    def shim_environment(self, place, kind, call, match=""):
        return {"LD_PRELOAD": self.shim, "DT_FAULT_DIR": place, "DT_FAULT_KIND": kind,
                "DT_FAULT_CALL": str(call), "DT_FAULT_MATCH": match,
                "DT_FAULT_REPORT": place + ".lost-report"}

    def close(self):
        """Ends what still runs in the place, and removes it; tells what had to be ended."""
        left = {}
        for _ in range(50):
            left = {pid: name for pid, name in processes_in(self.place)}
            if not left:
                break
            time.sleep(0.1)
        kill(*left)
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.rmtree(self.shared, ignore_errors=True)
        return [f"process {pid} ({name}) was left" for pid, name in left.items()]


def read(place, name):
    try:
        with open(os.path.join(place, name), errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def read_bytes(place, name):
    try:
        with open(os.path.join(place, name), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def kill(*pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def processes():
    """(pid, parent, name) of all processes but zombies."""
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/stat") as file:
                text = file.read()
        except OSError:
            continue
        name = text[text.index("(") + 1:text.rindex(")")]
        state, parent = text[text.rindex(")") + 2:].split()[:2]
        if entry.isdigit() and state != "Z":
            yield int(entry), int(parent), name


def processes_in(place):
    for pid, _, name in processes():
        try:
            if (os.readlink(f"/proc/{pid}/cwd") + "/").startswith(place + "/"):
                yield pid, name
        except OSError:
            pass


def descendants(pid):
    found, parents = [], {pid}
    for _ in range(3):
        parents = {child for child, parent, _ in processes() if parent in parents} - set(found)
        found += parents
    return found


def ranks_of(process):
    """{rank: pid} of the ranks that a launcher has started so far, itself or by a proxy."""
    found, below = {}, descendants(process.pid)
    for pid, _, name in processes():
        if pid in below and name == "dist-train":
            try:
                with open(f"/proc/{pid}/environ") as file:
                    found[int(re.search(r"(?:OMPI_COMM_WORLD|PMI)_RANK=(\d+)", file.read())[1])] = pid
            except (OSError, TypeError):
                pass
    return found


# --- what a run must be like ---

SAME = ("epochs", "steps", "samples", "virtual_ranks", "train_loss", "train_accuracy", "val_loss",
        "val_accuracy", "test_loss", "test_accuracy", "parameter_hash", "data_source", "version")


def summary(run):
    """None: there is none."""
    text = read(run, "summary.json")
    return json.loads(text) if text else None


def metrics(run):
    """The rows without times."""
    rows = [line.split(",") for line in read(run, "metrics.csv").splitlines()]
    return [row[:10] + row[16:] for row in rows]


def newest_step(run):
    """Of the checkpoints, by their names; -1: there is none."""
    names = (os.path.basename(path) for path in glob.glob(f"{run}/checkpoints/step-*.h5"))
    return max((int(name[5:-3]) for name in names), default=-1)


def temporaries(run):
    """Files of which nobody will ever hear. Not counted: what a process left that died between
    making and writing the file by which it asks for the lock, which a later start removes."""
    found = glob.glob(f"{run}/.*") + glob.glob(f"{run}/*/.*")
    return [os.path.relpath(path, run) for path in found
            if not (os.path.basename(path).startswith(".lock.") and "\nend" not in read("", path))]


class Reference:
    """A run that nothing has disturbed."""

    def __init__(self, lab, arguments, name):
        self.arguments = [*arguments, "--output", "run"]
        place = lab.new_place(name)
        result = lab.train(place, 0, self.arguments)
        self.run = os.path.join(place, "run")
        self.summary = summary(self.run)
        if result.code != 0 or result.err or self.summary["status"] != "complete":
            raise SystemExit(f"a run without faults: exit code {result.code}\n{result.err}")
        self.metrics = metrics(self.run)
        self.files = {name: read_bytes(self.run, name) for name in ("weights.h5", "best.h5")}
        self.checkpoints = sorted(os.listdir(f"{self.run}/checkpoints"))
        self.last = self.checkpoints[-1]

    def compare(self, run):
        """Why `run` is not complete, or not the same; []: it is."""
        problems = []
        found = summary(run)
        if found is None or found["status"] != "complete":
            return [f"summary.json: expected complete, found {found and found['status']}"]
        problems += [f"{key}: expected {self.summary[key]}, found {found[key]}"
                     for key in SAME if found[key] != self.summary[key]]
        if metrics(run) != self.metrics:
            problems.append(f"metrics.csv has {len(metrics(run))} other rows than "
                            f"the {len(self.metrics)} expected")
        problems += [f"{name} differs" for name in self.files
                     if read_bytes(run, name) != self.files[name]]
        if not os.path.exists(f"{run}/checkpoints/{self.last}"):
            problems.append(f"no checkpoint {self.last}")
        if "\n[checkpoint]\n" not in read(run, "config.ini"):
            problems.append("config.ini is not whole")
        problems += [f"{name} is left" for name in temporaries(run)]
        if os.path.exists(f"{run}/lock"):
            problems.append("the lock is left")
        return problems

    def resume(self, lab, place, ranks=0, arguments=()):
        """Goes on to the end without a fault, from the newest checkpoint that has not been damaged.
        Returns (problems, result)."""
        run = f"{place}/run"
        newest, over = newest_step(run), (summary(run) or {}).get("status") == "complete"
        result = lab.train(place, ranks, [*self.arguments, "--resume", "auto", *arguments])
        if result.code != 0:
            return [f"going on: exit code {result.code}: {last_line(result.err)}"], result
        problems = self.compare(run)
        # Ranks whose mpirun was killed may have come to the end meanwhile.
        over |= " is complete: " in result.out
        if newest >= 0 and not over and not summary(run)["resumed_from"] and \
                "passed over" not in result.err:
            problems.append(f"began again, although there was a checkpoint of step {newest}")
        return [f"after going on: {problem}" for problem in problems], result


def last_line(text):
    """The line that matters, also before what mpirun has to say."""
    return (error_lines(text) or text.splitlines() or ["no message"])[-1]


def error_lines(text):
    return [line for line in text.splitlines() if line.startswith("dist-train: ")]
