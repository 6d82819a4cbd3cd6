#!/usr/bin/env bats
# The dist room and the replicas, on any number of ranks: the programs of tests/mpi.
# shellcheck disable=SC2154 # helpers.bash sets what seems unset

load helpers

setup() { common_setup; }
teardown() { common_teardown; }

# passes NAME: the program says nothing and exits with 0, on few and many ranks.
passes() {
    local np status
    for np in 1 2 3 5 8; do
        status=0
        timeout 60 mpirun -np "$np" --oversubscribe "${MPI_TESTS:-$top/build/mpi-tests}/$1" \
            >out 2>&1 </dev/null || status=$?
        [ "$status" = 0 ] && [ ! -s out ] && continue
        echo "$1 (np $np): expected exit code 0 and no output, found exit code $status and:"
        cat out
        return 1
    done
}

@test "comm: agreement, bytes, shared memory and its barrier" { passes comm; }

@test "reduce: the sum of the definition, bit for bit, on every rank" { passes reduce; }

@test "exchange: every sample arrives, in both slots" { passes exchange; }

@test "replicas: a flipped bit is caught, and its rank named" { passes replicas; }
