#!/usr/bin/env bats
# Runs on three virtual hosts give the same bits as a run of one process. Skipped, with the reason,
# where scripts/virtual-hosts.sh cannot make hosts.
# shellcheck disable=SC2030,SC2031,SC2034 # a test's own hosts are meant for it alone; helpers use
# what seems unused

bats_require_minimum_version 1.5.0
load ../runs/helpers # some are others here, for hosts

setup_file() {
    top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    base=$(mktemp -d)
    export top base VIRTUAL_HOSTS=$base/hosts
    unavailable='' status=0
    timeout 30 "$top/scripts/virtual-hosts.sh" up 3 >"$base/up" 2>&1 3>&- || status=$?
    case $status in
        0) ;;
        69) unavailable=$(<"$base/up") ;;
        *) cat "$base/up" && return 1 ;;
    esac
    export unavailable
    make_data
}

teardown_file() {
    "$top/scripts/virtual-hosts.sh" down
    rm -rf "$base"
}

# A small set of the synthetic kind as IDX files, plain and packed: what the ranks read in parts.
make_data() {
    mkdir "$base/plain" "$base/gz"
    "${PYTHON:-python3}" - "$base" <<'EOT'
import gzip, random, struct, sys

def write(name, header, body):
    with open(f"{sys.argv[1]}/plain/{name}", "wb") as plain:
        plain.write(header + body)
    with gzip.open(f"{sys.argv[1]}/gz/{name}.gz", "wb") as packed:
        packed.write(header + body)

draw = random.Random(1)
for part, count in ("train", 509), ("t10k", 101):
    labels = bytes(draw.randrange(10) for _ in range(count))
    images = b"".join(bytes((label * 25 if i % 10 == label else 0) ^ draw.randrange(32)
                            for i in range(784)) for label in labels)
    write(f"{part}-labels-idx1-ubyte", struct.pack(">II", 2049, count), labels)
    write(f"{part}-images-idx3-ubyte", struct.pack(">IIII", 2051, count, 28, 28), images)
EOT
}

setup() {
    local name
    program=$top/dist-train # of helpers
    [ -z "$unavailable" ] || skip "$unavailable"
    for name in $(compgen -e DIST_TRAIN_ || true); do unset "$name"; done
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_odls_base_sigkill_timeout=0
    work=$base/$BATS_TEST_NUMBER
    mkdir "$work"
    cd "$work" || return
}

# expect WHAT EXPECTED FOUND
expect() {
    [ "$2" = "$3" ] && return
    echo "$1: expected '$2', found '$3'"
    return 1
}

virtual() {
    timeout 30 "$top/scripts/virtual-hosts.sh" "$@" 3>&-
}

# summary KEY RUN
summary() {
    sed -nE "s/^  \"$1\": \"?([^\",]*)\"?,?$/\1/p" "$2/summary.json"
}

# metrics RUN: metrics.csv without its columns of time, and what summary.json says of the result.
metrics() {
    local key
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) keep[i] = $i !~ /seconds|per_second|_time|wait/ }
             { line = ""; for (i = 1; i <= NF; i++) if (keep[i]) line = line $i ","; print line }' \
        "$1/metrics.csv"
    for key in status steps samples virtual_ranks train_loss train_accuracy val_accuracy \
        test_loss test_accuracy parameter_hash; do
        echo "$key $(summary "$key" "$1")"
    done
}

# run_one SETTING...: the run of one process that others are to equal.
run_one() {
    rm -rf one
    timeout 30 "$top/dist-train" "$@" --output one >one.out 2>&1 </dev/null && return
    cat one.out
    return 1
}

# same RANKS HOSTS [MPIRUN OPTION...] -- SETTING...: a run on virtual hosts equals run one.
same() {
    local ranks=$1 slots=$2 options=() hosts
    hosts=$(tr , '\n' <<<"$2" | wc -l)
    shift 2
    while [ "$1" != -- ]; do options+=("$1") && shift; done
    rm -rf many
    virtual run "$slots" "${options[@]}" -- "$top/dist-train" "${@:2}" --output many \
        >many.out 2>&1 || { cat many.out && return 1; }
    expect ranks "$ranks" "$(summary ranks many)" &&
        expect hosts "$hosts" "$(summary hosts many)" &&
        expect "$ranks ranks on $slots ${options[*]}: ${*:2}" "$(metrics one)" "$(metrics many)" &&
        "${PYTHON:-python3}" "$top/tests/runs/check_insight.py" same one many
}

# train_on_all SETTING...: the same run on one process and on 2 to 6 ranks, spread in many ways.
train_on_all() {
    run_one "$@"
    same 2 dt1:1,dt2:1 -- "$@"
    same 3 dt3:1,dt2:1,dt1:1 -- "$@"
    same 5 dt1:2,dt2:1,dt3:2 -- "$@"
    same 6 dt1:1,dt2:2,dt3:3 -- "$@"
    expect "hosts of the ranks" "dt1 dt2 dt2 dt3 dt3 dt3" \
        "$("${PYTHON:-python3}" "$top/tests/runs/check_insight.py" hosts many)"
    same 6 dt1:1,dt2:2,dt3:3 --map-by node -- "$@"
}

@test "virtual hosts differ in name, address and shared memory, and reach no other network" {
    # shellcheck disable=SC2016 # for the host's shell
    virtual run dt1:1,dt2:1,dt3:1 -- sh -c 'touch "/dev/shm/$(uname -n)"
        echo $(uname -n; ls /dev/shm | grep ^dt; ip -4 -o address show dev eth0 | cut -d" " -f7
               ip route | cut -d" " -f1)' >names
    expect 'the hosts' "$(for n in 1 2 3; do
        echo "dt$n dt$n 198.18.0.$n/24 198.18.0.0/24"
    done)" "$(sort names)"
}

@test "virtual hosts: down ends what runs on them, up refuses a second time, codes are mpirun's" {
    export VIRTUAL_HOSTS=$work/more
    virtual up 2 --rate 1gbit
    run -1 virtual up 2
    expect 'second up' "virtual-hosts: $work/more exists: take those hosts down first" "$output"
    run -7 virtual run dt1:1,dt2:1 -- sh -c 'exit 7'
    virtual run dt1:1,dt2:1 -- sh -c "echo >>'$work/started'; exec sleep 987.65" >/dev/null 2>&1 &
    until [ "$(wc -l 2>/dev/null <started)" = 2 ]; do sleep 0.05; done
    virtual down
    [ ! -e more ]
    expect 'processes left' '' "$(grep -la 987.65 /proc/[0-9]*/cmdline 2>/dev/null)"
    run -69 virtual run dt1:1 -- true
    run -64 virtual up 251
    run -64 virtual up 2 --delay 1
}

@test "a delayed network delays: two hosts 20 ms apart are 40 ms apart there and back" {
    export VIRTUAL_HOSTS=$work/far
    virtual up 2 --delay 20ms
    cat >ping.py <<'EOT'
import os, socket, statistics, time

if os.environ["OMPI_COMM_WORLD_RANK"] == "0":
    server = socket.create_server(("198.18.0.1", 5000))
    line, _ = server.accept()
    while byte := line.recv(1):
        line.send(byte)
else:
    time.sleep(0.2)
    line = socket.create_connection(("198.18.0.1", 5000))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    times = []
    for _ in range(9):
        start = time.monotonic()
        line.send(b"x")
        line.recv(1)
        times.append(time.monotonic() - start)
    print(round(1000 * statistics.median(times)))
EOT
    virtual run dt1:1,dt2:1 -- "${PYTHON:-python3}" ping.py >answer
    virtual down
    [[ $(<answer) =~ ^4[0-4]$ ]] || expect 'milliseconds there and back' 40 "$(<answer)"
}

@test "any number of ranks on three hosts: the bits of one process" {
    train_on_all --data "$base/plain" --epochs 2 --batch-size 64 --virtual-ranks 8
}

@test "the same with odd batches, momentum and validation samples" {
    train_on_all --data "$base/plain" --epochs 2 --batch-size 97 --virtual-ranks 7 \
        --optimizer momentum --lr 0.05 --val-fraction 0.13 --layers 33,10
}

@test "the same with --shuffle shard and none" {
    train_on_all --data "$base/plain" --shuffle shard --batch-size 50 --epochs 2 --virtual-ranks 6
    run_one --data "$base/plain" --shuffle none --batch-size 50 --epochs 1 --virtual-ranks 6
    same 6 dt1:1,dt2:2,dt3:3 --map-by node -- \
        --data "$base/plain" --shuffle none --batch-size 50 --epochs 1 --virtual-ranks 6
}

@test "the same with fewer samples in a batch than ranks" {
    train_on_all --data "$base/plain" --train-limit 31 --batch-size 2 --virtual-ranks 8 --epochs 2
    local settings=(--train-limit 5 --batch-size 1 --virtual-ranks 6 --epochs 2)
    run_one --data "$base/plain" "${settings[@]}"
    same 5 dt1:2,dt2:1,dt3:2 -- --data "$base/plain" "${settings[@]}"
    same 6 dt1:1,dt2:2,dt3:3 --map-by node -- --data "$base/plain" "${settings[@]}"
}

@test "the same with fewer virtual ranks than ranks, and than hosts; what a rank that waits asks" {
    train_on_all --data "$base/plain" --epochs 2 --batch-size 50 --virtual-ranks 2 \
        --shuffle shard --val-fraction 0.13
    train_on_all --data "$base/plain" --epochs 2 --batch-size 64 --virtual-ranks 1 --track-samples
    # Rank 0 looks at the clock, and the one that trains is on another host.
    run -75 virtual run dt1:1,dt2:2,dt3:1 -- "$top/dist-train" --data "$base/plain" \
        --virtual-ranks 1 --epochs 1000000 --max-time 0.005 --output stopped
    expect status stopped "$(summary status stopped)"
}

@test "packed files give the bits of plain ones; every virtual rank may be one rank" {
    ln -s plain "$base/data" # one name for both: it is told in insight.h5
    run_one --data "$base/data" --batch-size 32 --epochs 1 --virtual-ranks 6
    ln -sfn gz "$base/data"
    same 6 dt1:1,dt2:2,dt3:3 -- --data "$base/data" --batch-size 32 --epochs 1
    same 6 dt1:1,dt2:2,dt3:3 --map-by node -- --data "$base/data" --batch-size 32 --epochs 1
}

@test "synthetic digits and a larger network" {
    run_one --data synthetic --train-limit 1000 --test-limit 300 --layers 300,100,10 \
        --batch-size 128 --epochs 2 --virtual-ranks 8
    same 6 dt1:3,dt2:1,dt3:2 -- --data synthetic --train-limit 1000 --test-limit 300 \
        --layers 300,100,10 --batch-size 128 --epochs 2 --virtual-ranks 8
}

@test "the same with convolutions, normalisation, dropout and tracked samples" {
    train_on_all --data "$base/plain" --epochs 1 --batch-size 41 --virtual-ranks 8 \
        --track-samples --layers "conv 6 5x5 stride 2 relu, groupnorm 2, maxpool 2, \
conv 8 3x3 same relu, avgpool 2, layernorm, dropout 0.3, dense 10"
}

@test "drawn settings, ranks and hosts" {
    local slots v nps settings place
    seed_draws
    for _ in {1..4}; do
        slots=($((RANDOM % 3 + 1)) $((RANDOM % 3 + 1)) $((RANDOM % 3 + 1)))
        pick place slot node
        draw_run
        run_one --data "$base/plain" --virtual-ranks "$v" "${settings[@]}"
        same $((slots[0] + slots[1] + slots[2])) "dt1:${slots[0]},dt2:${slots[1]},dt3:${slots[2]}" \
            --map-by "$place" -- --data "$base/plain" --virtual-ranks "$v" "${settings[@]}"
    done
}
