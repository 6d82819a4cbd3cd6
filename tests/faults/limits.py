"""Limits that are real: a disk that is full, a file-size limit, processes that are stopped."""
import ctypes
import errno
import glob
import os
import resource
import signal
import subprocess
import time

from lab import TIMEOUT, Reference, Result, error_lines, last_line, ranks_of, read, summary

# Two epochs, with a checkpoint of 67 kB at the end of each.
SMALL = ["--data", "synthetic", "--train-limit", "500", "--test-limit", "16", "--val-fraction",
         "0.2", "--layers", "4,10", "--batch-size", "10", "--lr", "0.01", "--virtual-ranks", "6",
         "--epochs", "2"]
# A second or two.
LONG = ["--data", "synthetic", "--train-limit", "1250", "--test-limit", "64", "--val-fraction",
        "0.2", "--layers", "32,10", "--batch-size", "20", "--virtual-ranks", "6", "--epochs", "100",
        "--checkpoint-steps", "30", "--stall-timeout", "3"]
CLONE_NEWNS = 0x20000
DISK_KB = 8192
NO_SPACE = "No space left on device"


def blocked_problems(reference, place, result, reason):
    """Of a run whose files may not all have found a place."""
    found = summary(f"{place}/run")
    if result.code == 0:
        return reference.compare(f"{place}/run")
    problems = []
    lines = error_lines(result.err)
    if result.code not in (73, 74) or len(lines) != 1 or reason not in lines[0]:
        problems.append(f"expected exit code 73 or 74 and a line with the reason, found "
                        f"{result.code}: {result.err!r}")
    if found and found["status"] != "failed":
        problems.append(f"exit code {result.code}, but summary.json says {found['status']}")
    return problems


class Limits:
    def __init__(self, lab):
        self.lab = lab
        self.small = Reference(lab, SMALL, "small")
        self.long = Reference(lab, LONG, "long")
        self.texts = []

    # --- a full disk ---

    def mount(self, path):
        """A small disk of this process and its children alone. Returns why not."""
        os.mkdir(path)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNS):
            return f"no mount namespace: {os.strerror(ctypes.get_errno())}"
        for command in (["mount", "--make-rprivate", "/"],
                        ["mount", "-t", "tmpfs", "-o", f"size={DISK_KB}k", "tmpfs", path]):
            done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
            if done.returncode:
                return done.stderr.strip()
        return ""

    def fill(self, disk, kilobytes):
        """Leaves so much free on the disk. A run may write to it, or remove files, meanwhile."""
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize
        with open(f"{disk}/filler", "ab", buffering=0) as file:
            try:
                file.write(bytes(max(0, free - kilobytes * 1024)))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def full_disk(self, disk, kilobytes):
        """The disk stays full to the end; then there is room again."""
        place = f"{disk}/case"
        os.mkdir(place)
        self.fill(disk, kilobytes)
        result = self.lab.train(place, 0, self.small.arguments)
        problems = blocked_problems(self.small, place, result, NO_SPACE)
        os.remove(f"{disk}/filler")
        problems += self.small.resume(self.lab, place)[0]
        self.lab.count(f"{kilobytes} kB free", problems)
        self.lab.remove(place)
        return result.code != 0

    def room_again(self, disk):
        """Full for a while; saves fail, training goes on, and its end is as ever."""
        place = f"{disk}/case"
        os.mkdir(place)
        arguments = [*LONG, "--output", "run"]
        arguments[arguments.index("--epochs") + 1] = "600"  # seconds, for a disk filled late
        process = self.lab.start(place, 2, arguments)
        run = f"{place}/run"
        # Any of them: the first one goes as soon as a few newer ones are there.
        wait_for(lambda: glob.glob(f"{run}/checkpoints/step-*.h5") or process.poll() is not None)

        def is_warned():
            self.fill(disk, 0)
            return NO_SPACE in read("", process.said + ".err") or process.poll() is not None
        warned = wait_for(is_warned)
        os.remove(f"{disk}/filler")
        result = self.lab.end(process)
        problems = []
        if result.code != 0 or not warned or summary(run)["status"] != "complete":
            problems.append(f"exit code {result.code}: {last_line(result.err)}")
        elif f"{NO_SPACE}; the older checkpoints stay" not in result.err:
            problems.append(f"no warning of a checkpoint: {result.err}")
        self.lab.count("room again", problems)
        self.lab.remove(place)

    def disks(self, cases):
        disk = f"{self.lab.place}/disk"
        reason = self.mount(disk)
        if reason:
            self.texts.append(f"full disks skipped ({reason})")
            return
        random = self.lab.random("disks")
        sizes = [random.randrange(0, 400, 4) for _ in range(cases)]
        failed = sum(self.full_disk(disk, size) for size in [0, *sizes, 600])
        self.room_again(disk)
        subprocess.run(["umount", disk], check=True)
        self.texts.append(f"{len(sizes) + 3} full disks, {failed} too full to the end")

    # --- a limit of the size of files ---

    def file_size(self, size):
        place = self.lab.new_place("ulimit")
        done = subprocess.run(
            self.lab.command(0, self.small.arguments), cwd=place, env=self.lab.environment,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
        result = Result(done.returncode, done.stdout, done.stderr)
        problems = blocked_problems(self.small, place, result, "File too large")
        problems += self.small.resume(self.lab, place)[0]
        self.lab.count(f"files of at most {size} bytes", problems)
        self.lab.remove(place)
        return result.code != 0

    def file_sizes(self, cases):
        random = self.lab.random("sizes")
        sizes = [0, 1, *(random.randrange(90000) for _ in range(cases)), 100000]
        failed = sum(self.file_size(size) for size in sizes)
        self.texts.append(f"{len(sizes)} file-size limits, {failed} too small")

    # --- stopped processes ---

    def begin(self, name):
        place = self.lab.new_place(name)
        process = self.lab.start(place, 3, self.long.arguments)
        checkpoint = f"{place}/run/checkpoints/{self.long.checkpoints[0]}"
        wait_for(lambda: os.path.isdir(os.path.dirname(checkpoint)) and
                 os.listdir(os.path.dirname(checkpoint)) or process.poll() is not None)
        return place, process

    def stopped_rank(self, number):
        random = self.lab.random("stop", number)
        place, process = self.begin("stop")
        ranks = ranks_of(process)
        rank = random.choice(sorted(ranks)) if ranks else -1
        if ranks:
            os.kill(ranks[rank], signal.SIGSTOP)
        result = self.lab.end(process)
        problems = []
        if result.code != 71:
            problems.append(f"expected exit code 71, found {result.code}: {result.err}")
        if f"rank {rank} " not in result.err or f"pid {ranks.get(rank)}, stopped" not in result.err:
            problems.append(f"rank {rank}, {ranks} is not named: {result.err}")
        problems += self.long.resume(self.lab, place, 2)[0]
        self.lab.count(f"rank {rank} stopped", problems)
        self.lab.remove(place)

    def suspended_job(self, number):
        """Stopped as a whole, for longer than a rank alone may be, and continued."""
        place, process = self.begin("suspend")
        os.kill(process.pid, signal.SIGTSTP)
        time.sleep(4.5)
        size = len(read(f"{place}/run", "log.txt"))
        time.sleep(0.3)
        stood = size == len(read(f"{place}/run", "log.txt")) and process.poll() is None
        os.kill(process.pid, signal.SIGCONT)
        result = self.lab.end(process)
        problems = [] if stood else ["it did not stand still"]
        if result.code != 0 or "no step" in result.err:
            problems.append(f"exit code {result.code}: {last_line(result.err)}")
        problems += self.long.compare(f"{place}/run")
        self.lab.count("job suspended", problems)
        self.lab.remove(place)

    def run(self, size):
        few = max(1, size // 25)
        for number in range(few):
            self.stopped_rank(number)
            self.suspended_job(number)
        self.texts.append(f"{few} stopped ranks, {few} suspended jobs")
        self.file_sizes(size // 2)
        self.disks(size // 2)
        return "; ".join(self.texts)


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def run(lab, size):
    return Limits(lab).run(size)
