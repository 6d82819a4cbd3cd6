#!/usr/bin/env python3
"""What the reduction and the exchange cost, from a few measured numbers; and on machines we lack.

Usage: cost_model.py [--cores N] [--samples N] [--host-ranks N] [--all] MEASUREMENTS.csv

  --cores N       cores of the measured machine, all virtual hosts together (default: this one's)
  --samples N     samples a rank and step (default 64)
  --host-ranks N  ranks a host in the table of large machines, 1 to 32 (default 32)
  --all           what is told for every measured row; without it, for the gradient of
                  784-128-64-10 and for so many samples, on one host, and on the most hosts with
                  the slowest link: where hosts share the cores of one machine, the processor's
                  part in a message on a fast link is the greater one, and the model has none

MEASUREMENTS.csv has the header  kind,link,hosts,ranks,bytes,count,seconds  and rows of the kinds

  add       bytes: two vectors of so many bytes, in cache, added up by one rank (dt_tree_add)
  compute   count: samples that one rank trains in `seconds`, without any communication
  message   one way from one rank to another: `count` messages of `bytes` each, sent together
  reduce    bytes: the vectors that are added up, a slice a rank (dist/reduce.h), and parameters, as
            many, whose slices then go to all ranks of the host (dist/replica.h); with so many hosts
            and ranks, as many on each host
  overlap   the same when each rank is busy for `count` microseconds and announces the sections one
            after the other meanwhile (dt_reduce_announce): `seconds` from the begin of that
  mpi       the same as reduce by MPI_Allreduce: shown beside it
  exchange  bytes: what each rank asks of dt_exchange, `count` samples drawn from the whole set

`link` names what connects the hosts: "host" where there is one, else any name. A link's messages
are fitted, its reductions and exchanges predicted; on one host, 2 ranks are fitted, and three
ranks a core; the rest is predicted.

The model: n bytes of parameters, H hosts with m ranks each, R = H m, one virtual rank a rank.
  message       alpha + bytes beta; three alpha if it is larger than EAGER (Open MPI asks first
                whether it may come); each further message sent together with it: g
                (g: LogGP; Alexandrov, Ionescu, Schauser, Scheiman 1995)
  in a host     alpha_h + n (m-1)/m (2 beta_h + gamma): each rank hands on (m-1)/m of its vector
                and reads its slice of the others', and later the others' slices of the parameters
  more ranks than cores: W = ceil(m / cores) of them take turns on a core, at two meetings:
                W (turn + n (m-1)/m (beta_s + gamma)): what a rank hands on is in its core's cache
                no more when it is read, at beta_s a byte there and back; parameters are not copied
  between hosts 2 alpha + (q+1) n (H-1)/H beta + (2 S (H-1) - 2) g + (Q-1) n/R gamma: the vector
                travels in S sections (choose_section_size of src/dist/reduce_plan.c); of each a
                host sends its q sums (the nodes that its ranks form in the tree of all, Q on all
                hosts) and its share of the totals to every other host; the ranks' slices,
                n/(S R) bytes each, travel in parallel; totals leave while later sums come, so that
                one message of each is waited for
  overlap       section i of S travels when the one before it has and i/S of the work are done
  exchange      2 agreements of log2(R) rounds, then how many, which, and the samples:
                (2 log2(R) + 3) alpha + 3 (R-m-1) g + bytes m (H-1)/H beta
For comparison, with the same work in the hosts, between them (Thakur, Rabenseifner, Gropp,
"Optimization of Collective Communication Operations in MPICH", 2005):
  ring          2 (H-1) alpha + 2 n (H-1)/H beta + n (H-1)/H gamma
  halving       2 log2(H) alpha + 2 n (H-1)/H beta + n (H-1)/H gamma  (recursive halving, doubling)
"""

import argparse
import csv
import dataclasses
import math
import os

import numpy as np

KINDS = {"add", "compute", "message", "reduce", "overlap", "mpi", "exchange"}
EAGER = 65536  # bytes with their header: btl_tcp_eager_limit
EAGER_HEADER = 64
# Floats: of choose_section_size.
SECTION_MESSAGE, SECTION_LEAST_SLICE, SECTIONS_MOST = 12288, 2048, 16
SHARING = 3  # ranks a core whose reductions are fitted
GRADIENT = 4 * 109386  # bytes, of 784-128-64-10
RANKS = 64, 128, 256, 512, 1024, 2048, 4096


@dataclasses.dataclass
class Row:
    kind: str
    link: str
    hosts: int
    ranks: int
    bytes: int
    count: int
    seconds: float


@dataclasses.dataclass
class Link:
    """alpha: seconds a message; beta: seconds a byte; g: seconds a further message."""

    name: str
    alpha: float
    beta: float
    g: float

    def latency(self, size):
        return self.alpha * (3 if size + EAGER_HEADER > EAGER else 1)


@dataclasses.dataclass
class Machine:
    """alpha, beta: seconds a reduction, and a byte that comes from another rank of the host; turn,
    shared_beta: the same for a turn of ranks that share a core; gamma: seconds a byte added."""

    alpha: float
    beta: float
    turn: float
    shared_beta: float
    gamma: float
    sample_seconds: float


# Stated, not measured: what such networks do with TCP, and with RDMA.
NETWORKS = (
    Link("10 Gbit/s, 20 us", 20e-6, 8 / 10e9, 2e-6),
    Link("100 Gbit/s, 2 us", 2e-6, 8 / 100e9, 0.2e-6),
)


def read_rows(path):
    with open(path, encoding="ascii", newline="") as file:
        reader = csv.DictReader(file)
        names = [field.name for field in dataclasses.fields(Row)]
        if reader.fieldnames != names:
            raise SystemExit(f"{path}: expected the header {','.join(names)}")
        try:
            rows = [Row(line["kind"], line["link"], int(line["hosts"]), int(line["ranks"]),
                        int(line["bytes"]), int(line["count"]), float(line["seconds"]))
                    for line in reader]
        except (TypeError, ValueError) as error:
            raise SystemExit(f"{path}:{reader.line_num}: {error}") from None
    for number, row in enumerate(rows, 2):
        if row.kind not in KINDS or row.seconds <= 0 or row.hosts < 1 or row.ranks % row.hosts:
            raise SystemExit(f"{path}:{number}: no such measurement: {row}")
    return rows


def select(rows, kind, **values):
    found = [row for row in rows if row.kind == kind
             and all(getattr(row, name) == value for name, value in values.items())]
    if not found:
        wanted = " ".join(f"{name}={value}" for name, value in values.items())
        raise SystemExit(f"the measurements have no row {kind} {wanted}")
    return found


def fit(columns, seconds):
    """Factors >= 0 of the columns with the least relative errors."""
    active = list(range(len(columns)))
    seconds = np.array(seconds)
    while True:
        matrix = np.array([columns[i] for i in active]).T / seconds[:, None]
        factors = np.linalg.lstsq(matrix, np.ones(len(seconds)), rcond=None)[0]
        if min(factors) >= 0:
            break
        active.pop(int(np.argmin(factors)))
    result = [0.0] * len(columns)
    for i, factor in zip(active, factors):
        result[i] = float(factor)
    return result


def fit_link(name, rows):
    rows = select(rows, "message", link=name)
    alpha, beta, g = fit([[3 if row.bytes + EAGER_HEADER > EAGER else 1 for row in rows],
                          [row.bytes * row.count for row in rows],
                          [row.count - 1 for row in rows]], [row.seconds for row in rows])
    return Link(name, alpha, beta, g)


def fit_host(rows, ranks, gamma, turns):
    """Seconds a turn of a reduction, and a byte that goes from rank to rank, without adding it."""
    rows = select(rows, "reduce", hosts=1, ranks=ranks)
    share = (ranks - 1) / ranks
    alpha, slope = fit([[turns] * len(rows), [turns * share * row.bytes for row in rows]],
                       [row.seconds for row in rows])
    return alpha, max(0.0, slope - gamma)


def fit_machine(rows, cores):
    add = select(rows, "add")[0]
    gamma = add.seconds / add.bytes
    alpha, both = fit_host(rows, 2, gamma, 1)
    sharing = (1, SHARING * cores)
    crowded = any(row.kind == "reduce" and (row.hosts, row.ranks) == sharing for row in rows)
    turn, shared_beta = fit_host(rows, sharing[1], gamma, SHARING) if crowded else (0.0, 0.0)
    compute = select(rows, "compute")[0]
    return Machine(alpha, both / 2, turn, shared_beta, gamma,
                   compute.seconds / compute.count)


def in_host(machine, size, hosts, ranks, turns):
    host_ranks = ranks // hosts
    share = size * (host_ranks - 1) / host_ranks
    if host_ranks == 1:
        return 0.0
    if turns > 1:
        return turns * (machine.turn + share * (machine.shared_beta + machine.gamma))
    return machine.alpha + share * (2 * machine.beta + machine.gamma)


def node_count(low, high, first, last):
    """How many nodes of the tree over low .. high - 1 the leaves first .. last - 1 form."""
    if first <= low and high <= last:
        return 1
    if last <= low or high <= first:
        return 0
    middle = low + (high - low) // 2
    return node_count(low, middle, first, last) + node_count(middle, high, first, last)


def count_sections(size, ranks, most_nodes):
    floats = size // 4
    piece = max(SECTION_MESSAGE // most_nodes, SECTION_LEAST_SLICE)
    return math.ceil(floats / max(floats // SECTIONS_MOST, ranks * piece))


def reduction(machine, link, size, hosts, ranks, turns=1, work=0.0):
    """Seconds to add up the vectors of all ranks, from the begin of the work that fills them."""
    seconds = in_host(machine, size, hosts, ranks, turns)
    if hosts == 1:
        return seconds + work
    host_ranks = ranks // hosts
    nodes = [node_count(0, ranks, h * host_ranks, (h + 1) * host_ranks) for h in range(hosts)]
    sections = count_sections(size, ranks, max(nodes))
    piece = size / sections / ranks
    busiest = max(max((hosts - 1) * (count + 1), sum(nodes) - count + hosts - 1) for count in nodes)
    wire = size / sections / hosts * busiest * link.beta + 2 * (hosts - 1) * link.g
    free = 0.0
    for section in range(1, sections + 1):
        free = max(free, work * section / sections) + wire
    return (seconds + free - 2 * link.g + link.latency(piece * max(nodes)) + link.latency(piece)
            + turns * machine.gamma * size / ranks * (sum(nodes) - 1))


def exchange(link, size, hosts, ranks):
    """Seconds to bring `size` bytes of samples to each rank."""
    host_ranks = ranks // hosts
    rounds = 2 * math.ceil(math.log2(ranks)) + 2
    return (rounds * link.alpha + link.latency(size / ranks)
            + 3 * (ranks - host_ranks - 1) * link.g
            + size * host_ranks * (hosts - 1) / hosts * link.beta)


def other_reduction(machine, link, size, hosts, ranks, steps):
    share = size * (hosts - 1) / hosts
    return (in_host(machine, size, hosts, ranks, 1)
            + 2 * steps * link.alpha + share * (2 * link.beta + machine.gamma))


def print_table(title, head, lines):
    print(f"\n{title}\n\n| {' | '.join(head)} |\n|{' ---: |' * len(head)}")
    for line in lines:
        print(f"| {' | '.join(line)} |")


def microseconds(seconds):
    return f"{seconds * 1e6:.3g}" if seconds < 1e-3 else f"{seconds * 1e6:,.0f}"


def print_parameters(machine, links):
    head = ["between", "alpha us", "g us", "beta ns/byte", "MB/s"]
    lines = [["ranks of a host", microseconds(machine.alpha), "", f"{machine.beta * 1e9:.3g}",
              f"{1e-6 / machine.beta:,.0f}" if machine.beta else ""]]
    for link in links:
        lines.append([f"hosts, {link.name}", microseconds(link.alpha), microseconds(link.g),
                      f"{link.beta * 1e9:.3g}", f"{1e-6 / link.beta:,.0f}" if link.beta else ""])
    print_table("Fitted", head, lines)
    print(f"\ngamma: {machine.gamma * 1e9:.3g} ns a byte added; where ranks share a core: "
          f"{microseconds(machine.turn)} us a turn, {machine.shared_beta * 1e9:.3g} ns a byte; "
          f"compute: {1 / machine.sample_seconds:,.0f} samples/s a rank")


def predict(row, machine, links, cores):
    """Seconds that the model tells for a row; None where it tells nothing."""
    link = links.get(row.link)
    if row.kind in ("reduce", "overlap") and (link or row.hosts == 1):
        return reduction(machine, link, row.bytes, row.hosts, row.ranks, math.ceil(row.ranks / cores),
                         row.count * 1e-6 if row.kind == "overlap" else 0.0)
    if row.kind == "exchange" and link and row.hosts > 1:
        return exchange(link, row.bytes, row.hosts, row.ranks)
    return None


def is_main(row, links, most_hosts, samples):
    """Whether a row is shown without --all."""
    if row.hosts > 1 and (row.hosts < most_hosts or row.link not in links or
                          links[row.link].alpha < max(link.alpha for link in links.values())):
        return False
    return row.count == samples if row.kind == "exchange" else row.bytes == GRADIENT


def is_fitted(row, cores):
    return row.hosts == 1 and row.ranks in (2, SHARING * cores)


def print_predictions(rows, machine, links, cores, is_shown):
    mpi = {(row.link, row.hosts, row.ranks, row.bytes): microseconds(row.seconds)
           for row in rows if row.kind == "mpi"}
    lines = []
    for row in filter(is_shown, rows):
        told = predict(row, machine, links, cores)
        if told is None:
            continue
        place = f"{row.hosts} x {row.ranks // row.hosts}"
        lines.append([row.kind, f"{row.bytes:,}",
                      f"{place}, {row.link}" if row.hosts > 1 else place,
                      microseconds(told) + (" (fitted)" if is_fitted(row, cores) else ""),
                      microseconds(row.seconds), f"{told / row.seconds:.2f}",
                      mpi.get((row.link, row.hosts, row.ranks, row.bytes), "")
                      if row.kind == "reduce" else ""])
    print_table(f"Predicted and measured, on {cores} cores",
                ["what", "bytes", "hosts x ranks", "told us", "measured us", "ratio",
                 "MPI_Allreduce us"], lines)


def print_large(machine, network, samples, host_ranks):
    compute = samples * machine.sample_seconds
    lines = []
    for ranks in RANKS:
        hosts = ranks // host_ranks
        ours = reduction(machine, network, GRADIENT, hosts, ranks)
        ring = other_reduction(machine, network, GRADIENT, hosts, ranks, hosts - 1)
        halving = other_reduction(machine, network, GRADIENT, hosts, ranks,
                                  math.ceil(math.log2(hosts)))
        lines.append([f"{ranks:,}", f"{hosts} x {host_ranks}", microseconds(ours),
                      microseconds(ring), microseconds(halving), microseconds(compute + ours),
                      f"{compute / (compute + ours):.0%}"])
    print_table(f"Told for {network.name}, {network.g * 1e6:g} us a further message: "
                f"{GRADIENT:,} bytes of gradient, {samples} samples a rank and step, no overlap",
                ["ranks", "hosts x ranks", "ours us", "ring us", "halving us", "step us",
                 "efficiency"], lines)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="of the measured machine")
    parser.add_argument("--samples", type=int, default=64, help="a rank and step (64)")
    parser.add_argument("--host-ranks", type=int, default=32, help="of large machines (32)")
    parser.add_argument("--all", action="store_true", help="tell every measured row")
    parser.add_argument("measurements")
    arguments = parser.parse_args()
    if arguments.cores < 1 or arguments.samples < 1:
        parser.error("--cores and --samples are at least 1")
    if not 1 <= arguments.host_ranks <= min(RANKS) // 2:
        parser.error(f"--host-ranks is 1 to {min(RANKS) // 2}")
    return arguments


def main():
    arguments = parse_arguments()
    rows = read_rows(arguments.measurements)
    machine = fit_machine(rows, arguments.cores)
    names = dict.fromkeys(row.link for row in rows if row.kind == "message" and row.hosts > 1)
    links = {name: fit_link(name, rows) for name in names}
    print_parameters(machine, links.values())
    most_hosts = max(row.hosts for row in rows)
    print_predictions(rows, machine, links, arguments.cores, lambda row: arguments.all
                      or is_main(row, links, most_hosts, arguments.samples))
    for network in NETWORKS:
        print_large(machine, network, arguments.samples, arguments.host_ranks)


if __name__ == "__main__":
    main()
