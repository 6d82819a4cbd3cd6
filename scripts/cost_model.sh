#!/usr/bin/env bash
# What ranks and hosts cost: measured here, and told for machines we lack.
set -euo pipefail
shopt -s inherit_errexit

usage() {
    cat <<'EOT'
Usage: scripts/cost_model.sh [CSV]

Measures messages, reductions (while nothing else is done, and while each rank works) and exchanges
with 1 to 8 ranks on this machine, and on three virtual hosts (scripts/virtual-hosts.sh) whose links
are as fast as they go, and then have 1 Gbit/s and 1 ms; writes all to CSV (default:
build/cost_model.csv) and prints what scripts/cost_model.py makes of it: the fitted parameters, what
the model tells beside what was measured, and what it tells for 64 to 4,096 ranks. Takes two minutes
on an idle machine of two cores; where there can be no virtual hosts, it says so and measures one
host.

Environment: MEASURE: the measuring program (default: build/mpi-tests/measure). PYTHON: an
interpreter that has NumPy.
EOT
}

fail() {
    printf 'cost_model: %s\n' "$1" >&2
    exit "$2"
}

say() {
    printf 'cost_model: %s\n' "$1" >&2
}

find_numpy() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 /usr/bin/python3; do
        if "$candidate" -c 'import numpy' 2>/dev/null; then
            numpy_python=$candidate
            return
        fi
    done
    fail 'no Python here has NumPy (package python3-numpy)' 69
}

# The first line of the errors that says something: no progress, no frame of mpirun's.
reason() {
    sed -n '/^bench: /d; /[[:alpha:]]/ { p; q }' "$work/errors"
}

# rows WHAT COMMAND...: what COMMAND prints becomes rows.
rows() {
    "${@:2}" >>"$work/rows" 2>"$work/errors" || fail "$1: $(reason)" 70
}

# One rank that trains and talks to nobody, 64 samples a step; its fastest repetition.
measure_compute() {
    ranks 1 ./dist-train bench --quick --data synthetic --batches 64 --csv "$work/bench.csv" \
        >"$work/out" 2>"$work/errors" || fail "bench: $(reason)" 70
    awk -F, '$2 == "training" && $5 == 1 { printf "compute,host,1,1,0,%d,%.4e\n", $4, $4 / $8 }' \
        "$work/bench.csv" >>"$work/rows"
}

measure_host() {
    local np
    say "one host, np 1 to 8, visit $1 of 3, load $(cut -d' ' -f1-3 /proc/loadavg)"
    measure_compute
    for np in {1..8}; do rows "np $np" ranks "$np" "$measure" host; done
}

# measure_link NAME OPTION...: on three virtual hosts whose links have the options. Returns 69 where
# there can be no such hosts.
measure_link() {
    local hosts status=0
    timeout 30 "$virtual_hosts" up 3 "${@:2}" 2>"$work/errors" || status=$?
    [ "$status" -ne 69 ] || return 69
    [ "$status" -eq 0 ] || fail "$(reason)" 70
    say "virtual hosts: $1"
    for hosts in dt1:1,dt2:1 dt1:1,dt2:1,dt3:1 dt1:2,dt2:2 dt1:2,dt2:2,dt3:2; do
        rows "$1, $hosts" timeout 60 "$virtual_hosts" run "$hosts" -- "$measure" "$1"
    done
    "$virtual_hosts" down
}

clean_up() {
    "$virtual_hosts" down
    rm -rf "$work"
}

# A machine that others share changes its pace for seconds at a time: one host is visited three
# times, and of the visits the fastest counts, row by row.
measure_all() {
    local status=0
    measure_host 1
    measure_link unshaped || status=$?
    [ "$status" -ne 69 ] || say "one host only: $(reason)"
    measure_host 2
    [ "$status" -eq 69 ] || measure_link '1 Gbit/s and 1 ms' --rate 1gbit --delay 1ms
    measure_host 3
}

# shellcheck disable=SC2016
least='
BEGIN { FS = OFS = ","; print "kind,link,hosts,ranks,bytes,count,seconds" }
{
    key = $1 OFS $2 OFS $3 OFS $4 OFS $5 OFS $6
    if (!(key in seconds)) keys[++n] = key
    if (!(key in seconds) || $7 < seconds[key]) seconds[key] = $7
}
END { for (i = 1; i <= n; i++) print keys[i], seconds[keys[i]] }'

case ${1-} in
    -h | --help) usage && exit ;;
    -*) fail "unknown option '$1' (--help says what there is)" 64 ;;
esac
[ $# -le 1 ] || fail "expected one CSV at most, found $#" 64
top=$(realpath -- "$(dirname "${BASH_SOURCE[0]}")/..")
csv=$(realpath -m -- "${1:-$top/build/cost_model.csv}")
measure=$(realpath -m -- "${MEASURE:-$top/build/mpi-tests/measure}")
virtual_hosts=$top/scripts/virtual-hosts.sh
cores=$(nproc)
cd "$top"
for program in "$top/dist-train" "$measure"; do
    [ -x "$program" ] || fail "no $program here: make cost-model" 66
done
find_numpy
. scripts/ranks.sh
find_launcher ./dist-train
launcher=(timeout 60 "${launcher[@]}")
work=$(mktemp -d)
trap clean_up EXIT
export VIRTUAL_HOSTS=$work/hosts

measure_all
mkdir -p "$(dirname "$csv")"
awk "$least" "$work/rows" >"$work/csv"
mv "$work/csv" "$csv"
"$numpy_python" scripts/cost_model.py --cores "$cores" "$csv"
printf '\nwrote %s\n' "$csv"
