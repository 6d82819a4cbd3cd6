#!/usr/bin/env bats
# dist-train built with MPICH ($PROGRAM, started by $LAUNCHER): the same bits as with the MPI of
# $OTHER, restarts, signals and exit codes. `make test-mpich` builds and runs it.
# shellcheck disable=SC2054,SC2153,SC2154 # 16,10 is one word; make and helpers.bash set variables

load ../runs/helpers

setup() { common_setup; }

teardown() { common_teardown; }

small=(--data synthetic --train-limit 300 --test-limit 60 --val-fraction 0.2 --layers 16,10
    --batch-size 13 --epochs 2 --virtual-ranks 8)
long=(--data synthetic --train-limit 2000 --test-limit 10 --layers 16,10 --batch-size 1
    --epochs 10000)

@test "mpich: the program says so, and the same bits on 1, 2, 3 and 8 ranks as with Open MPI" {
    local np
    "$program" --version | grep -q '^MPI: MPICH [0-9]'
    "$OTHER" --version | grep -q '^MPI: Open MPI v[0-9]'
    "$OTHER" "${small[@]}" --output other >other.out 2>&1 </dev/null
    for np in 0 1 2 3 8; do
        train $np "${small[@]}" --output "run$np"
        expect "hash, np $np" "$(summary parameter_hash other)" "$(summary parameter_hash "run$np")"
        cmp other/weights.h5 "run$np/weights.h5"
        diff <(metrics other) <(metrics "run$np")
    done
    expect "ranks" 8 "$(summary ranks run8)"
}

@test "mpich: a run goes on, on another number of ranks and with another MPI" {
    train 2 "${small[@]}" --output whole
    train 3 "${small[@]}" --max-steps 7 --output run
    train 1 "${small[@]}" --resume auto --max-steps 20 --output run
    "$OTHER" "${small[@]}" --resume auto --max-steps 25 --output run >out 2>&1 </dev/null
    train 2 --resume auto --max-steps -1 --output run
    expect "hash" "$(summary parameter_hash whole)" "$(summary parameter_hash run)"
    diff <(metrics whole) <(metrics run)
}

@test "mpich: agreement, shared memory, reduction, exchange, signals" {
    local name np
    for name in comm reduce exchange stop; do
        for np in 2 3; do
            status=0
            timeout -k 5 "$limit" "${launcher[@]}" -np $np "$MPI_TESTS/$name" \
                >out 2>&1 </dev/null || status=$?
            expect "exit code and output of $name (np $np)" "0 " "$status $(<out)"
        done
    done
}

@test "mpich: SIGUSR1 to the launcher is a checkpoint; the settings' mistakes are 78" {
    "${launcher[@]}" -np 2 "$program" "${long[@]}" --output run >out 2>err </dev/null &
    local pid=$!
    until [ -e run/metrics.csv ]; do sleep 0.02; done
    sleep 0.3
    kill -USR1 $pid
    status=0
    wait $pid || status=$?
    # MPICH's launcher now and then forgets its ranks' code when it has passed a signal on.
    [ "$status" = 0 ] || expect "exit code" 75 "$status"
    dist_train 0 watch run
    expect "exit code of watch" 75 "$status"
    expect "lock" "run/summary.json" "$(ls run/lock run/summary.json 2>/dev/null)"
    dist_train 2 --batch-size x
    expect "exit code of a mistake" 78 "$status"
    expect "lines" 1 "$(grep -c '^dist-train: ' err)"
}

@test "mpich: processes of another launcher do not train, and one says which to use" {
    local other
    read -ra other <<<"$("$top/scripts/ranks.sh" "$OTHER")"
    status=0
    timeout -k 5 "$limit" "${other[@]}" -np 2 "$program" --max-steps 1 \
        >out 2>&1 </dev/null || status=$?
    expect "exit code" 78 "$status"
    expect "what the program says" "dist-train: mpirun of Open MPI started 2 processes, but each \
believes to be alone (rank 0 of 1): use the mpiexec of the MPI it was built with (MPICH: \
mpiexec.hydra), or build it with this one (make MPI=)" "$(grep '^dist-train' out)"
    status=0
    timeout -k 5 "$limit" "${launcher[@]}" -np 2 "$OTHER" --max-steps 1 \
        >out 2>&1 </dev/null || status=$?
    expect "exit code" 78 "$status"
    grep -q '^dist-train: mpiexec of MPICH or its kin started 2 proc.*: use the mpirun of' out
    expect "files" out "$(ls)"
}
