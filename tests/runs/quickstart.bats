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
    cp "$top/scripts/"{quickstart,ranks}.sh "$work/tree/scripts"
    printf '#!/bin/sh\necho "MPI: Open MPI v5.0.7"\n' >"$work/tree/dist-train"
    chmod +x "$work/tree/dist-train"
    stand_in make 'echo "  in $PWD with ${DIST_TRAIN_DATA-no data}" >>'"$work/calls"
    stand_in mpirun "echo \"  in \$PWD as \${OMPI_ALLOW_RUN_AS_ROOT-user}\" >>$work/calls; exit 3"
    sed -i '1a [ "$1" != --version ] || exec echo "mpirun (Open MPI) 5.0.7"' "$bin/mpirun"
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
make -j$(nproc) all
  in $work/tree with no data
get-mnist.sh --timeout 5 --max-time 180 data/mnist
mpirun --oversubscribe -np 2 ./dist-train --config configs/quickstart.ini --epochs 3 --output a b
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
make -j$(nproc) tests
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

# launcher_of MPI NAME=VERSION...: what ranks.sh says for a program of that MPI on a machine with
# these launchers.
launcher_of() {
    local one
    rm -rf "${work:?}/bin"
    link_tools bash id
    stand_in dist-train "echo 'MPI: $1'"
    for one in "${@:2}"; do stand_in "${one%%=*}" "echo '${one#*=}'"; done
    PATH=$bin run "$top/scripts/ranks.sh" "$bin/dist-train"
}

@test "ranks.sh: the launcher is that of the program's MPI, and Open MPI's takes any number" {
    local open_mpi='mpirun (Open MPI) 4.1.4' hydra='HYDRA build details:'
    local intel='Intel(R) MPI Library for Linux* OS, Version 2021.8'
    launcher_of 'Open MPI v4.1.4' "mpirun=$open_mpi"
    [ "$output" = 'mpirun --oversubscribe' ]
    launcher_of 'Open MPI v5.0.7' "mpirun=$hydra" "mpirun.openmpi=$open_mpi"
    [ "$output" = 'mpirun.openmpi --oversubscribe' ]
    launcher_of 'MPICH 4.0.2' "mpirun=$open_mpi" "mpirun.mpich=$hydra"
    [ "$output" = mpirun.mpich ]
    launcher_of 'MPICH 4.0.2' "mpirun=$open_mpi" "mpiexec.hydra=$hydra"
    [ "$output" = mpiexec.hydra ]
    launcher_of 'MPICH 4.0.2' "mpiexec=$hydra"
    [ "$output" = mpiexec ]
    launcher_of 'Intel(R) MPI Library 2021.8 for Linux* OS' "mpirun=$intel"
    [ "$output" = mpirun ]
    launcher_of 'MPICH 4.0.2' "mpirun=$open_mpi"
    [ "$status" -eq 69 ]
    local names='mpirun mpiexec mpirun.mpich mpiexec.hydra'
    [[ $output == *": no launcher ($names) is of the MPI of "*": MPICH 4.0.2" ]]
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
    for script in quickstart install-deps get-mnist lint ranks; do
        run "$top/scripts/$script.sh" --help
        [ "$status" -eq 0 ]
        [[ ${lines[0]} == "Usage: scripts/$script.sh"* ]]
    done
}
