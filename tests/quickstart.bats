#!/usr/bin/env bats
# scripts/quickstart.sh with stand-ins for all that it calls; the --help of every script.
# shellcheck disable=SC2016,SC2154 # stand-ins expand their bodies; stand_ins.bash sets $top ...

load stand_ins

setup() {
    stand_in_setup
}

teardown() {
    stand_in_teardown
}

# A source tree in which every program that quickstart calls is a stand-in.
stage() {
    unset DIST_TRAIN_DATA NP OMPI_ALLOW_RUN_AS_ROOT
    mkdir -p "$work/tree/scripts"
    cp "$top/scripts/quickstart.sh" "$work/tree/scripts"
    stand_in make 'echo "  in $PWD with ${DIST_TRAIN_DATA-no data}" >>'"$work/calls"
    stand_in mpirun "echo \"  in \$PWD as \${OMPI_ALLOW_RUN_AS_ROOT-user}\" >>$work/calls; exit 3"
    stand_in id 'echo 0'
    stand_in install-deps.sh
    stand_in get-mnist.sh 'echo reason >&2; exit 1'
    mv "$bin/install-deps.sh" "$bin/get-mnist.sh" "$work/tree/scripts"
}

quickstart() {
    PATH=$bin:$PATH run "$work/tree/scripts/quickstart.sh" "$@"
}

@test "quickstart installs, builds, gets data, trains, and ends as mpirun does" {
    stage
    cd /
    quickstart --epochs 3 --output 'a b'
    [ "$status" -eq 3 ]
    grep -v '^id' "$calls" | diff - <(cat <<EOF
install-deps.sh 
make -j$(nproc)
  in $work/tree with no data
get-mnist.sh --timeout 5 --max-time 180 data/mnist
mpirun -np 2 ./dist-train --config configs/quickstart.ini --epochs 3 --output a b
  in $work/tree as 1
EOF
    )
    [[ $output == *'quickstart: no MNIST now: using synthetic digits; scripts/get-mnist.sh'* ]]
    ! has_line reason || false
}

@test "quickstart gets no data where there are some or others are asked for" {
    stage
    quickstart --data synthetic
    quickstart --data=elsewhere
    cd "$work"
    DIST_TRAIN_DATA=tree/mine quickstart
    mkdir -p "$work/tree/data/mnist"
    touch "$work"/tree/data/mnist/{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz
    quickstart
    [ "$(grep -c '^mpirun' "$calls")" -eq 4 ]
    ! grep -q '^get-mnist' "$calls" || false
    grep -q "with $work/tree/mine" "$calls"
    rm "$work/tree/data/mnist/t10k-labels-idx1-ubyte.gz"
    quickstart
    grep -q '^get-mnist' "$calls"
}

@test "quickstart lets Open MPI run as root only when it is root" {
    stage
    stand_in id 'echo 1000'
    quickstart
    grep -q 'as user' "$calls"
    ! grep -q 'as 1' "$calls" || false
}

@test "quickstart test does the same set-up and runs the tests on MNIST where it is there" {
    stage
    quickstart test
    [ "$status" -eq 0 ]
    grep -v '^id' "$calls" | diff - <(cat <<EOF
install-deps.sh 
make -j$(nproc)
  in $work/tree with no data
get-mnist.sh --timeout 5 --max-time 180 data/mnist
make test
  in $work/tree with no data
EOF
    )
    mkdir -p "$work/tree/data/mnist"
    touch "$work"/tree/data/mnist/{train,t10k}-{images-idx3,labels-idx1}-ubyte
    quickstart test
    [ "$(tail -1 "$calls")" = "  in $work/tree with $work/tree/data/mnist" ]
}

@test "quickstart stops at the first step that fails" {
    stage
    stand_in make 'exit 2'
    quickstart
    [ "$status" -eq 2 ]
    ! grep -q '^mpirun' "$calls" || false
    printf '#!/bin/bash\nexit 1\n' >"$work/tree/scripts/install-deps.sh"
    : >"$calls"
    quickstart
    [ "$status" -eq 1 ]
    [ ! -s "$calls" ]
}

@test "quickstart refuses wrong arguments with 64 before it does anything" {
    stage
    for arguments in 'tests' 'test --verbose' 'train'; do
        # shellcheck disable=SC2086
        quickstart $arguments
        [ "$status" -eq 64 ]
        [ "${#lines[@]}" -eq 1 ]
    done
    [ ! -s "$calls" ]
}

@test "every script has --help" {
    for script in quickstart install-deps get-mnist lint; do
        run "$top/scripts/$script.sh" --help
        [ "$status" -eq 0 ]
        [[ ${lines[0]} == "Usage: scripts/$script.sh"* ]]
    done
}
