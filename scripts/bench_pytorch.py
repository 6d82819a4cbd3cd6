#!/usr/bin/env python3
"""What PyTorch does with the same network, batches, optimizer and data: the peer of dist-train bench.

One process, and DistributedDataParallel over gloo on the loopback interface with two, one thread
each, pinned to a core each. The data are in memory as floats; batches are taken by index from a
permutation. Prints CSV rows with the columns of `dist-train bench --csv`, without its header.
"""
import argparse
import gzip
import math
import os
import socket
import statistics
import sys
import time

START = time.monotonic()  # importing torch is part of starting

# One thread a process, the BLAS included, which torch.set_num_threads does not reach.
os.environ.setdefault("USE_LIBUV", "0")  # Debian builds PyTorch 2 without it
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import torch  # noqa: E402
import torch.distributed as dist  # noqa: E402
import torch.multiprocessing as mp  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn.parallel import DistributedDataParallel  # noqa: E402

SIDE, INPUTS, CLASSES, SAMPLES = 28, 784, 10, 60000

# For each batch size few epochs that get to 98 %, with the rate and Adam's betas that get there.
TRIALS = ("64:3:0.005:0.85:0.97,128:4:0.008:0.85:0.98,256:4:0.01:0.8:0.97,256:5:0.008:0.8:0.97,"
          "512:6:0.012:0.8:0.97,512:6:0.015:0.85:0.97,512:7:0.012:0.8:0.97,1024:9:0.015:0.8:0.97,"
          "1024:10:0.012:0.85:0.95")


def read_idx(directory, name, header):
    """The bytes behind the header of an IDX file, raw or with .gz at the end."""
    path = os.path.join(directory, name)
    if os.path.exists(path):
        with open(path, "rb") as file:
            raw = file.read()
    else:
        with gzip.open(path + ".gz", "rb") as file:
            raw = file.read()
    return torch.frombuffer(bytearray(raw[header:]), dtype=torch.uint8)


def load(directory, part):
    """Images as floats [samples][784] in 0..1, labels; random ones without a directory."""
    if directory is None:
        generator = torch.Generator().manual_seed(1)
        return (torch.rand(SAMPLES, INPUTS, generator=generator),
                torch.randint(CLASSES, (SAMPLES,), generator=generator))
    images = read_idx(directory, part + "-images-idx3-ubyte", 16)
    labels = read_idx(directory, part + "-labels-idx1-ubyte", 8)
    return images.reshape(-1, INPUTS).float() / 255, labels.long()


def size_of(word):
    """"5x3", or "5" of both."""
    sides = [int(side) for side in word.split("x")]
    return (sides * 2)[:2]


def make_module(words, shape):
    """What an item of dist-train's --layers is in PyTorch, for an input of [channels][h][w]."""
    kind, rest = words[0], words[1:]
    named = dict(zip(rest[2::2], rest[3::2])) if kind == "conv" else dict(zip(rest[1::2], rest[2::2]))
    if kind == "conv":
        padding = "same" if "same" in rest else size_of(named.get("pad", "0"))
        return nn.Conv2d(shape[0], int(rest[0]), size_of(rest[1]), size_of(named.get("stride", "1")),
                         padding)
    if kind == "maxpool":
        return nn.MaxPool2d(size_of(rest[0]))
    if kind == "relu":
        return nn.ReLU()
    if kind != "dense":
        raise SystemExit(f"bench_pytorch: --layers: expected conv, maxpool, dense, relu or numbers, "
                         f"found '{kind}'")
    linear = nn.Linear(math.prod(shape), int(rest[0]))
    return linear if len(shape) == 1 else nn.Sequential(nn.Flatten(), linear)


def name_of(shape):
    """[channels][h][w] or [n] as the bench of dist-train calls it."""
    return "x".join(str(size) for size in shape[1:] + shape[:1])


def make_network(layers, seed=1):
    """The network of a list as dist-train's --layers takes it, of a few kinds; and its name."""
    torch.manual_seed(seed)
    items = [item.split() for item in layers.split(",")]
    modules, shape = [], (INPUTS,)
    if any(words[0] in ("conv", "maxpool") for words in items):
        modules, shape = [nn.Unflatten(1, (1, SIDE, SIDE))], (1, SIDE, SIDE)
    name = name_of(shape)
    for index, words in enumerate(items):
        bare = words[0].isdigit()
        modules.append(make_module(["dense"] + words if bare else words, shape))
        shape = tuple(modules[-1](torch.zeros(1, *shape)).shape[1:])
        if list(modules[-1].parameters()):
            name += "-" + name_of(shape)
        if words[-1] == "relu" and len(words) > 1 or bare and index + 1 < len(items):
            modules.append(nn.ReLU())
    return nn.Sequential(*modules), name


class Training:
    """A network with its optimizer, on this one of `processes` processes."""

    def __init__(self, rank, processes, args, data, make_optimizer):
        self.rank, self.processes = rank, processes
        self.images, self.labels = data
        network, self.name = make_network(args.layers, args.seed)
        self.network = DistributedDataParallel(network) if processes > 1 else network
        self.optimizer = make_optimizer(self.network.parameters())
        self.loss = nn.CrossEntropyLoss(label_smoothing=args.label_smoothing)

    def step(self, order, batch, number):
        """One update from the batch `number` of the order; each process takes its slice of it."""
        first = number * batch
        count = min(batch, len(order) - first)
        mine = order[first + count * self.rank // self.processes:
                     first + count * (self.rank + 1) // self.processes]
        self.optimizer.zero_grad(set_to_none=True)
        self.loss(self.network(self.images[mine]), self.labels[mine]).backward()
        self.optimizer.step()


def broadcast(value, processes):
    """Rank 0's number, for all."""
    tensor = torch.tensor([value], dtype=torch.float64)
    if processes > 1:
        dist.broadcast(tensor, 0)
    return tensor.item()


def repetition(training, batch, steps):
    """Samples/s of `steps` steps with their share of the making of an order."""
    samples = len(training.images)
    if training.processes > 1:
        dist.barrier()
    begin = time.perf_counter()
    order = torch.randperm(samples, generator=torch.Generator().manual_seed(1))
    ordered = time.perf_counter() - begin
    for number in range(steps):
        training.step(order, batch, number)
    if training.processes > 1:
        dist.barrier()
    played = min(steps * batch, samples)
    seconds = time.perf_counter() - begin - ordered * (1 - played / samples)
    return played / seconds


def measure(rank, processes, args):
    """Rows for all batches; the repetitions of the batches take turns."""
    data = load(args.data, "train")
    cases = []
    for batch in args.batches:
        if batch < processes:
            continue
        training = Training(rank, processes, args, data,
                            lambda p: torch.optim.SGD(p, lr=0.01))
        repetition(training, batch, 2)
        rate = broadcast(repetition(training, batch, 3), processes)
        steps = max(1, min(-(-len(data[0]) // batch), round(args.seconds * rate / batch)))
        cases.append((batch, training, steps, []))
    for _ in range(args.repetitions):
        for batch, training, steps, rates in cases:
            rates.append(broadcast(repetition(training, batch, steps), processes))
    for batch, training, _, rates in cases:
        if rank == 0:
            print(f"{processes},pytorch,{training.name},{batch},0,{statistics.median(rates):.6g},"
                  f"{min(rates):.6g},{max(rates):.6g},{len(rates)},samples/s", flush=True)


def train_to(rank, processes, args, data, test, trial):
    """Trains; seconds until the accuracy, or None, and the last accuracy."""
    begin = time.monotonic()
    batch, epochs, lr, *betas = trial
    training = Training(rank, processes, args, data,
                        lambda p: torch.optim.Adam(p, lr=lr, betas=betas))
    samples = len(data[0])
    steps = -(-samples // batch)
    if args.one_cycle:
        schedule = torch.optim.lr_scheduler.OneCycleLR(training.optimizer, lr, steps * epochs + 1,
                                                       cycle_momentum=False)
    else:
        schedule = torch.optim.lr_scheduler.LambdaLR(training.optimizer,
                                                     lambda t: max(0.0, 1 - t / (steps * epochs)))
    for epoch in range(epochs):
        generator = torch.Generator().manual_seed(1000 * (args.seed - 1) + epoch)
        order = torch.randperm(samples, generator=generator)
        for number in range(steps):
            training.step(order, batch, number)
            schedule.step()
        with torch.no_grad():
            right = (training.network(test[0]).argmax(1) == test[1]).double().mean().item()
        right = broadcast(right, processes)
        if right >= args.to_accuracy:
            return time.monotonic() - begin, right
    return None, right


def measure_to_accuracy(rank, processes, args):
    """The soonest of the trials, each with the start of the program, which all share."""
    data, test = load(args.data, "train"), load(args.data, "t10k")
    if processes > 1:
        dist.barrier()
    start = time.monotonic() - args.start
    best = None
    for trial in args.trials:
        seconds, right = train_to(rank, processes, args, data, test, trial)
        if rank == 0:
            reached = "not reached" if seconds is None else f"{start + seconds:.1f} s"
            print("bench_pytorch: %d processes, batch %d, %d epochs, adam, lr %g, betas %g %g: %s, %.2f %%" %
                  (processes, *trial, reached, 100 * right), file=sys.stderr)
        if seconds is not None and (best is None or seconds < best[0]):
            best = (seconds, trial[0])
    if rank == 0 and best:
        network = make_network(args.layers)[1]
        value = f"{start + best[0]:.6g}"
        print(f"{processes},pytorch to accuracy,{network},{best[1]},0,{value},{value},{value},1,s",
              flush=True)


def run(rank, processes, args, port):
    torch.set_num_threads(1)
    cores = sorted(args.cores)
    os.sched_setaffinity(0, {cores[rank % len(cores)]})
    if processes > 1:
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"
        dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank,
                                world_size=processes)
    (measure_to_accuracy if args.to_accuracy else measure)(rank, processes, args)
    if processes > 1:
        dist.destroy_process_group()


def parse_arguments():
    def numbers(kind):
        return lambda text: [kind(part) for part in text.split(",")]

    def trials(text):
        trials = [part.split(":") for part in text.split(",")]
        return [(int(batch), int(epochs), *map(float, rest)) for batch, epochs, *rest in trials]

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="directory of MNIST-type files; without: random data")
    parser.add_argument("--layers", default="128, 64, 10",
                        help="the network as dist-train takes it: conv, maxpool, dense, relu, numbers")
    parser.add_argument("--batches", type=numbers(int), default=[1, 8, 32, 64, 128, 512, 2048])
    parser.add_argument("--processes", type=numbers(int), default=[1, 2])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="length of a repetition")
    parser.add_argument("--to-accuracy", type=float, metavar="X",
                        help="instead: time from the start to this accuracy on the test set")
    parser.add_argument("--trials", type=trials, default=TRIALS,
                        metavar="BATCH:EPOCHS:LR:BETA1:BETA2,...",
                        help="what is tried to reach it (default: %(default)s)")
    parser.add_argument("--one-cycle", action="store_true",
                        help="a rate by steps as OneCycleLR has it, else one that falls linearly")
    parser.add_argument("--label-smoothing", type=float, default=0, metavar="X")
    parser.add_argument("--seed", type=int, default=1, help="of initial weights and order")
    args = parser.parse_args()
    if args.to_accuracy and args.data is None:
        parser.error("--to-accuracy needs --data")
    return args


def main():
    args = parse_arguments()
    args.start = START
    args.cores = os.sched_getaffinity(0)
    for processes in args.processes:
        if processes == 1:
            run(0, 1, args, 0)
            os.sched_setaffinity(0, args.cores)
            continue
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        mp.spawn(run, (processes, args, port), nprocs=processes)


if __name__ == "__main__":
    main()
