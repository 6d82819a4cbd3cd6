#!/usr/bin/env bats
# The dist room, signals and the replicas, on any number of ranks: the programs of tests/mpi.
# shellcheck disable=SC2154 # helpers.bash sets what seems unset

load helpers

setup() { common_setup; }
teardown() { common_teardown; }

# passes NAME [NP...]: the program says nothing and exits with 0, on few and many ranks.
passes() {
    local np status counts=("${@:2}")
    [ $# -gt 1 ] || counts=(1 2 3 5 8)
    for np in "${counts[@]}"; do
        status=0
        timeout -k 5 "$limit" "${launcher[@]}" -np "$np" "${MPI_TESTS:-$top/build/mpi-tests}/$1" \
            >out 2>&1 </dev/null || status=$?
        [ "$status" = 0 ] && [ ! -s out ] && continue
        echo "$1 (np $np): expected exit code 0 and no output, found exit code $status and:"
        cat out
        return 1
    done
}

@test "comm: agreement, bytes, shared memory and its barrier" { passes comm; }

@test "reduce: the sum of the definition, bit for bit, on every rank" { passes reduce; }

@test "reduce: over TCP too, where messages do not wait for each other" {
    # Open MPI 5 finds no way from one interface of a host to another; to lo there is always one.
    export OMPI_MCA_btl=self,tcp OMPI_MCA_btl_tcp_if_include=lo
    passes reduce 2 5
}

@test "exchange: every sample arrives, in both slots" { passes exchange; }

@test "track: what a sample says alone, whoever played it; wrong labels are found" { passes track; }

@test "drawn: what a report shows as drawn anew is what the network gets" { passes drawn; }

# says_nothing COMMAND...: and ends well.
says_nothing() {
    local status=0
    timeout -k 5 "$limit" "$@" >out 2>&1 </dev/null || status=$?
    expect "exit code and output of $*" "0 " "$status $(<out)"
}

@test "processors: those that the ranks are bound to count; ranks that share one do not spin" {
    local processors=${MPI_TESTS:-$top/build/mpi-tests}/processors cpus cpu
    local ranks=("${launcher[@]}" --bind-to none -np)
    cpus=$(nproc)
    cpu=$(taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/')
    says_nothing "${ranks[@]}" 3 "$processors" "$cpus"
    says_nothing taskset -c "$cpu" "${ranks[@]}" 1 "$processors" 1
    says_nothing taskset -c "$cpu" "${ranks[@]}" 2 "$processors" 1 shared
    [ "$cpus" -gt 1 ] || return 0
    # shellcheck disable=SC2016 # for the shell of each rank
    local each='exec taskset -c "$(($OMPI_COMM_WORLD_RANK + '"$cpu"'))" "$0" 2'
    says_nothing "${ranks[@]}" 2 bash -c "$each" "$processors"
    # Two on one, the third on both.
    # shellcheck disable=SC2016
    local two='[ $OMPI_COMM_WORLD_RANK != 2 ] || also=,$(($1 + 1))
        exec taskset -c "$1$also" "$0" 1.5'
    says_nothing "${ranks[@]}" 3 bash -c "$two" "$processors" "$cpu"
}

@test "processors: no more than the quota of a control group" {
    local group=/sys/fs/cgroup/cpu/dist-train-$$ status=0
    local processors=${MPI_TESTS:-$top/build/mpi-tests}/processors
    mkdir "$group" 2>/dev/null || skip "no control group (v1, cpu) can be made here"
    # shellcheck disable=SC2016
    local script='echo 150000 >"$0/cpu.cfs_quota_us" && echo $$ >"$0/cgroup.procs" && exec "$@"'
    timeout -k 5 "$limit" bash -c "$script" "$group" "${launcher[@]}" -np 2 \
        --bind-to none "$processors" 1.5 >out 2>&1 </dev/null || status=$?
    for _ in {1..50}; do
        ! rmdir "$group" 2>/dev/null || break
        sleep 0.1
    done
    expect "exit code and output" "0 " "$status $(<out)"
}

@test "shortage: memory that one rank does not get fails all of them, and none waits" {
    passes shortage 1 2 3
}

@test "saver: what becomes of each file is told, however many" { passes saver 1 2; }

@test "factors: gradients left as factors are those added up, bit for bit" {
    passes factors 1 2 3 8
}

@test "replicas: a flipped bit is caught, and its rank named" { passes replicas; }

@test "stop: the handlers are ours under MPI, and a signal is the request of one rank" {
    passes stop
}

@test "launcher: processes that MPI does not know do not train, and one says why" {
    # shellcheck disable=SC2016 # for the shell of each process
    local status=0 forget='for name in $(compgen -e PMIX_) $(compgen -e OMPI_MCA_); do
        unset "$name"
    done
    exec "$0" --max-steps 1'
    timeout -k 5 "$limit" "${launcher[@]}" -np 3 bash -c "$forget" "$program" >out 2>&1 \
        </dev/null || status=$?
    expect "exit code" 78 "$status"
    expect "what the program says" "dist-train: mpirun of Open MPI started 3 processes, but each \
believes to be alone (rank 0 of 1): use the mpirun of the Open MPI that it was built with" \
        "$(grep '^dist-train' out)"
    expect "files" out "$(ls)"
}

# in_background NP NAME SCENARIO: a program that ends by itself; sets pid (of mpirun) and rank_0,
# the process that has written its number to the file ready.
in_background() {
    rm -f ready
    "${launcher[@]}" -np "$1" "${MPI_TESTS:-$top/build/mpi-tests}/$2" "$3" \
        >out 2>&1 </dev/null &
    pid=$!
    for _ in {1..200}; do
        [ ! -s ready ] || break
        sleep 0.1
    done
    rank_0=$(cat ready)
}

# goes_on_well: it ends with 0, and nobody but mpirun says something.
goes_on_well() {
    local status=0
    wait "$pid" || status=$?
    expect "exit code and output" "0 " "$status $(grep -v '^mpirun: Forwarding signal' out)"
}

@test "stop: mpirun passes SIGUSR1 on to every rank, as often as it comes" {
    in_background 3 stop wait
    kill -USR1 "$pid"
    kill -USR1 "$pid" || true
    goes_on_well
}

@test "watchdog: who goes on lives, however slowly" { passes watchdog; }

# stands_still NP SCENARIO REGEX...: within 20 s the job ends with 71 and one line, which all the
# regular expressions match (common_teardown finds what is left of it).
stands_still() {
    local status=0 np=$1 scenario=$2 regex
    timeout -s KILL 20 "${launcher[@]}" -np "$np" \
        "${MPI_TESTS:-$top/build/mpi-tests}/watchdog" "$scenario" >out 2>&1 </dev/null || status=$?
    expect "$scenario (np $np): exit code" 71 "$status"
    expect "$scenario (np $np): lines" 1 "$(grep -c 'no step for' out)"
    for regex in "${@:3}"; do
        grep 'no step for' out | grep -qE "$regex" && continue
        echo "$scenario (np $np): expected a line like '$regex', found:"
        cat out
        return 1
    done
}

@test "watchdog: a rank that hangs is named, and where the others are" {
    stands_still 3 sleeps \
        "^dist-train: no step for 1 s on host $(uname -n): rank 1 \(pid [0-9]+, silent for [1-9]" \
        "\) at step 3, gather; the others at step 3, wait; ending the job: run again with --resume"
    stands_still 2 sleeps ": rank 1 \([^)]*\) at step 3, gather; the other at step 3, wait; ending"
    stands_still 3 all-sleep \
        ": rank 0 \([^)]*\), rank 1 \([^)]*\), rank 2 \([^)]*\) at step 3, gather; ending"
}

@test "watchdog: a stopped process is named as such and ended with the job" {
    stands_still 3 stopped \
        ": rank 1 \(pid [0-9]+, stopped, silent for [1-9] s\) at step 3, backward; "
    stands_still 3 first-stopped \
        ": rank 0 \(pid [0-9]+, stopped, silent for [2-9] s\) at step 3, backward; the others"
}

@test "watchdog: it looks on until all ranks have come to the end" {
    stands_still 3 end \
        ": rank 1 \(pid [0-9]+, stopped, [^)]*\) at step 3, save; the others at step 4"
}

@test "watchdog: the host to blame speaks, or the other says whom it waits for" {
    stands_still 3 host-sleeps \
        "on host $(uname -n): rank 1 \(pid [0-9]+, silent for [1-9] s\) at step 3, gather; ending"
    stands_still 3 host-stopped \
        ": rank 0 \([^)]*\), rank 2 \([^)]*\) at step 3, wait; " \
        "; probably they wait for host $(uname -n) \(rank 1 pid [0-9]+\); ending"
}

@test "watchdog: a job that is suspended and continued goes on" {
    in_background 3 watchdog suspended
    kill -TSTP "$pid"
    sleep 2.5
    expect "state of rank 0" T "$(sed 's/.*) \(.\).*/\1/' "/proc/$rank_0/stat")"
    kill -CONT "$pid"
    goes_on_well
}
