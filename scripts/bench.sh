#!/usr/bin/env bash
# How fast training is on this machine: against the raw ceiling, more ranks, and PyTorch.
set -euo pipefail
shopt -s inherit_errexit

usage() {
    cat <<'EOT'
Usage: scripts/bench.sh [--torch-root DIR] [CSV]

Runs `dist-train bench` with 1 and 2 ranks, a core each, and with 8 ranks that share the cores, and
where a Python has torch, scripts/bench_pytorch.py; in rounds, so that a machine that changes its
pace changes it for all. Then the time from the start of mpirun to 98 % test accuracy (MNIST only).
Prints the medians as a table and writes all to CSV (default: build/bench.csv). Takes less than ten
minutes on an idle machine of two cores.

--torch-root DIR: PyTorch is that of another system, whose root is DIR (as debootstrap makes it,
with python3-torch and libopenblas0); as root.

Environment: BENCH_QUICK=1: one round of short repetitions, no large network, no search for
PyTorch's best time to accuracy, less than a minute. PYTHON: an interpreter that may have torch.
DIST_TRAIN_DATA: a directory with MNIST-type files (else data/mnist, else synthetic digits).
EOT
}

fail() {
    printf 'bench: %s\n' "$1" >&2
    exit "$2"
}

# Of the settings tried, those that get to 98 % the soonest with every one of the seeds 1 to 8.
fast_batch=80
fast=(--epochs 3 --batch-size "$fast_batch" --optimizer adam --lr 0.006 --beta1 0.8 --beta2 0.97
    --schedule linear)
batches=1,8,32,64,128,512,2048
large_batches=64,512,2048
# Of images: LeNet-5, one between, and one that is nearly all convolutions.
image_networks=("conv 6 5x5 pad 2 relu, maxpool 2, conv 16 5x5 relu, maxpool 2, 120, 84, 10"
    "conv 24 5x5 relu, maxpool 2, conv 32 3x3 relu, maxpool 2, 256, 10"
    "conv 32 3x3 same relu, conv 32 3x3 same relu, maxpool 2, conv 64 3x3 same relu, \
conv 64 3x3 same relu, maxpool 2, 128, 10")

find_data() {
    data=${DIST_TRAIN_DATA:-data/mnist}
    [ -e "$data/train-images-idx3-ubyte" ] || [ -e "$data/train-images-idx3-ubyte.gz" ] || data=
}

# in_root DIR DATA ARGUMENT...: bench_pytorch.py with the Python of another root. What it needs is
# mounted there for this process alone.
# shellcheck disable=SC2016
in_root='
root=$1 data=$2
shift 2
for place in proc sys dev dev/shm; do mount --bind "/$place" "$root/$place"; done
mount -t tmpfs none "$root/mnt"
mkdir "$root/mnt/scripts" "$root/mnt/data"
mount --bind scripts "$root/mnt/scripts"
[ -z "$data" ] || mount --bind "$data" "$root/mnt/data"
exec chroot "$root" python3 /mnt/scripts/bench_pytorch.py ${data:+--data /mnt/data} "$@"'

find_torch() {
    local candidate
    if [ -n "$torch_root" ]; then
        chroot "$torch_root" python3 -c 'import torch' ||
            fail "$torch_root: expected the root of a system with python3-torch" 66
        torch_python=python3
        return
    fi
    for candidate in ${PYTHON:+"$PYTHON"} python3 /usr/bin/python3; do
        if "$candidate" -c 'import torch' 2>/dev/null; then
            torch_python=$candidate
            return
        fi
    done
    torch_python=
    echo 'bench: no Python here has torch: no comparison with PyTorch' >&2
}

# bench_ranks N FILE ARGUMENT...
bench_ranks() {
    ranks "$1" ./dist-train bench --data "${data:-synthetic}" --optimizer sgd --lr 0.01 \
        --csv "$2" "${@:3}" >/dev/null 2>"$work/errors" ||
        fail "$1 ranks: $(tail -n 1 "$work/errors")" 70
    tail -n +2 "$2" | grep -E "$measures" >>"$work/rows"
}

bench_torch() {
    if [ -n "$torch_root" ]; then
        unshare -m sh -euc "$in_root" sh "$torch_root" "$data" "$@"
    else
        "$torch_python" scripts/bench_pytorch.py ${data:+--data "$data"} "$@"
    fi >>"$work/rows" || fail "PyTorch's part failed" 70
}

# A round of everything. $1: its number.
one_round() {
    printf 'bench: round %d of %d, load %s\n' "$1" "$rounds" "$(cut -d' ' -f1-3 /proc/loadavg)" >&2
    bench_ranks 1 "$work/1.csv" "${length[@]}"
    bench_ranks 2 "$work/2.csv" "${length[@]}"
    bench_ranks 8 "$work/8.csv" --quick --batches 512 --repetitions 5
    local network count measures=',(training|dense ceiling|sparse ceiling),'
    for network in "${image_networks[@]}"; do
        for count in 1 2; do
            bench_ranks "$count" "$work/images.csv" --quick --batches 64 --repetitions 3 \
                --layers "$network"
        done
    done
    [ -n "$torch_python" ] || return 0
    bench_torch --batches "$batches" "${torch_length[@]}"
    [ "$quick" = 1 ] ||
        bench_torch --batches "$large_batches" --layers 2048,2048,10 "${torch_length[@]}"
    for network in "${image_networks[@]}"; do
        bench_torch --batches 64 --layers "$network" --repetitions 3 --seconds "$image_seconds"
    done
}

# Seconds from the start of mpirun to its end, for a run that ends with 98 %.
time_to_accuracy() {
    local run begin end accuracy
    for run in $(seq "$runs"); do
        begin=$(date +%s%N)
        accuracy=$(ranks 2 ./dist-train --data "$data" "${fast[@]}" --seed "$run" \
            --output "$work/run" --overwrite 2>"$work/errors" |
            sed -n 's/^done: test_acc \([0-9.]*\),.*/\1/p') ||
            fail "training: $(tail -n 1 "$work/errors")" 70
        end=$(date +%s%N)
        printf 'bench: seed %d: test accuracy %s\n' "$run" "$accuracy" >&2
        if awk -v x="$accuracy" 'BEGIN { exit !(x >= 0.98) }'; then
            awk -v ns=$((end - begin)) -v batch="$fast_batch" 'BEGIN {
                s = ns / 1e9
                printf "2,to accuracy,784-128-64-10,%d,2,%.3f,%.3f,%.3f,1,s\n", batch, s, s, s }'
        fi
    done >>"$work/rows"
    [ -z "$torch_python" ] || [ "$quick" = 1 ] ||
        bench_torch --to-accuracy 0.98 --processes 2
}

# Over the rounds: the median of the medians, the least, the greatest, the sum of repetitions.
# shellcheck disable=SC2016
combine='
function median(key,   n, i, j, t, v) {
    n = count[key]
    for (i = 1; i <= n; i++) v[i] = medians[key, i]
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && v[j - 1] > v[j]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
    return (v[int((n + 1) / 2)] + v[int(n / 2) + 1]) / 2
}
BEGIN { FS = OFS = ","; print "ranks,measure,network,batch,virtual_ranks,median,least,greatest," \
                              "repetitions,unit" }
{
    key = $1 OFS $2 OFS $3 OFS $4 OFS $5
    if (!(key in count)) { keys[++n] = key; least[key] = $7; greatest[key] = $8; unit[key] = $10 }
    medians[key, ++count[key]] = $6
    if ($7 < least[key]) least[key] = $7
    if ($8 > greatest[key]) greatest[key] = $8
    repetitions[key] += $9
}
END {
    for (i = 1; i <= n; i++) {
        key = keys[i]
        printf "%s,%.6g,%s,%s,%d,%s\n", key, median(key), least[key], greatest[key],
            repetitions[key], unit[key]
    }
}'

# shellcheck disable=SC2016
table='
function number(x) { return x == "" ? "-" : sprintf(x < 100 ? "%.2f" : "%.0f", x) }
function ratio(a, b) { return a == "" || b == "" || b == 0 ? "-" : sprintf("%.2f", a / b) }
function percent(a, b) { return a == "" || b == "" ? "-" : sprintf("%.0f %%", 100 * a / b) }
BEGIN { FS = "," }
NR == 1 { next }
{
    value[$1, $2, $3, $4] = $6
    if ($2 == "training") {
        if ($1 == $5) plain[$1, $3, $4] = $6
        else if ($1 == 1 && $5 == 8) eight[$3, $4] = $6
        if ($1 == 1 && $1 == $5) { cases[++n] = $3 SUBSEP $4 }
    } else if ($2 !~ /ceiling|pytorch|to accuracy/) {
        if (!(($2, $3, $4) in seen)) { others[++m] = $2 SUBSEP $3 SUBSEP $4; unit[m] = $10 }
        seen[$2, $3, $4] = 1
    }
}
END {
    form = "%-31s %5s %8s %8s %7s %8s %7s %8s %7s %8s %8s %7s %8s %7s\n"
    printf form, "network", "batch", "np 1", "dense", "share", "sparse", "share", "np 2", "2 / 1",
        "8 v.ranks", "PyTorch", "ratio", "DDP, 2", "ratio"
    for (i = 1; i <= n; i++) {
        split(cases[i], of, SUBSEP)
        a = plain[1, of[1], of[2]]; b = plain[2, of[1], of[2]]
        dense = value[1, "dense ceiling", of[1], of[2]]
        sparse = value[1, "sparse ceiling", of[1], of[2]]
        one = value[1, "pytorch", of[1], of[2]]; two = value[2, "pytorch", of[1], of[2]]
        v = eight[of[1], of[2]]
        printf form, of[1], of[2], number(a), number(dense), percent(a, dense), number(sparse),
            percent(a, sparse), number(b), ratio(b, a), v == "" ? "-" : percent(v - a, a),
            number(one), ratio(a, one), number(two), ratio(b, two)
    }
    printf "\n%-42s %10s %10s %10s  %s\n", "", "np 1", "np 2", "np 8", "unit"
    for (i = 1; i <= m; i++) {
        split(others[i], of, SUBSEP)
        printf "%-42s %10s %10s %10s  %s\n", of[1], number(value[1, of[1], of[2], of[3]]),
            number(value[2, of[1], of[2], of[3]]), number(value[8, of[1], of[2], of[3]]), unit[i]
    }
    net = "784-128-64-10"
    printf "%-42s %10s %10s %10s  %s\n", "training, batch 512, one virtual rank a rank",
        number(plain[1, net, 512]), number(plain[2, net, 512]), number(plain[8, net, 512]),
        "samples/s"
    printf "%-42s %10s %10s %10s\n", "  against np 2",
        ratio(plain[1, net, 512], plain[2, net, 512]), "1.00",
        ratio(plain[8, net, 512], plain[2, net, 512])
    printf "%-42s %10s %10s\n", "reduction, tree / mpi", "-",
        ratio(value[2, "reduction tree", net, 0], value[2, "reduction mpi", net, 0])
    for (key in value) {
        split(key, of, SUBSEP)
        if (of[2] == "to accuracy") ours = value[key]
        if (of[2] == "pytorch to accuracy") theirs = value[key]
    }
    if (ours != "")
        printf "%-42s %10s %10s %10s  %s\n", "start to 98 % test accuracy", "-", number(ours), "-",
            "s" (theirs == "" ? "" : " (DDP: " number(theirs) " s, " ratio(theirs, ours) " x)")
}'

torch_root=
case ${1-} in
    -h | --help) usage && exit ;;
    --torch-root)
        torch_root=$(realpath -e -- "${2-}") || fail '--torch-root: expected a directory' 64
        shift 2
        ;;
    -*) fail "unknown option '$1' (--help says what there is)" 64 ;;
esac
[ $# -le 1 ] || fail "expected one CSV at most, found $#" 64
csv=$(realpath -m -- "${1:-$(dirname "${BASH_SOURCE[0]}")/../build/bench.csv}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -x dist-train ] || fail 'no ./dist-train here: make' 66
. scripts/ranks.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

quick=${BENCH_QUICK:-0} measures=.
if [ "$quick" = 1 ]; then
    rounds=1 runs=1 length=(--quick --repetitions 5) torch_length=(--repetitions 5 --seconds 0.05)
    image_seconds=0.05
else
    rounds=3 runs=5 length=(--repetitions 3) torch_length=(--repetitions 3 --seconds 0.2)
    image_seconds=0.5
fi
find_data
find_torch
find_launcher ./dist-train
for number in $(seq "$rounds"); do one_round "$number"; done
[ -z "$data" ] || time_to_accuracy
mkdir -p "$(dirname "$csv")"
awk "$combine" "$work/rows" >"$work/all.csv"
mv "$work/all.csv" "$csv"
awk "$table" "$csv"
printf 'wrote %s\n' "$csv"
