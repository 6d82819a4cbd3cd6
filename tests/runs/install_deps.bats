#!/usr/bin/env bats
# scripts/install-deps.sh with stand-ins for the package managers and what they install.
# shellcheck disable=SC2016,SC2154 # stand-ins expand their bodies; stand_ins.bash sets $top ...

load stand_ins

setup() {
    stand_in_setup
}

teardown() {
    stand_in_teardown
}

# A machine that has everything as long as pkg-config says so.
whole_machine() {
    link_tools bash cat rm
    for name in cc make mpirun bats ip protoc protoc-gen-c python3 curl; do stand_in "$name"; done
    stand_in pkg-config '[ ! -e '"$work"'/lacks_hdf5 ] || [[ $2 != hdf5* ]]'
    stand_in id 'echo 0'
    stand_in env '"${@:2}"'
    stand_in apt-get '[[ $* != *install* ]] || rm -f '"$work"'/lacks_hdf5'
}

install_deps() {
    PATH=$bin run "$top/scripts/install-deps.sh" "$@"
}

@test "install-deps touches nothing on a machine that has everything" {
    whole_machine
    stand_in id 'echo 1000'
    for arguments in '' --check; do
        install_deps ${arguments:+"$arguments"}
        [ "$status" -eq 0 ]
        [ "$output" = 'install-deps: everything is there, nothing to install' ]
    done
    ! grep -q apt-get "$calls" || false
}

@test "install-deps --check only reports" {
    whole_machine
    touch "$work/lacks_hdf5"
    install_deps --check
    [ "$status" -eq 1 ]
    [ "$output" = 'install-deps: missing: HDF5' ]
    ! grep -q apt-get "$calls" || false
}

@test "install-deps installs what is missing, and only that" {
    whole_machine
    touch "$work/lacks_hdf5"
    install_deps
    [ "$status" -eq 0 ]
    grep -q '^apt-get .*update' "$calls"
    grep -q '^apt-get .*install -y --no-install-recommends libhdf5-dev$' "$calls"
    grep -qx 'env DEBIAN_FRONTEND=noninteractive apt-get .* update' "$calls"
    has_line 'install-deps: everything is there'
}

@test "install-deps uses sudo when it is not root, and says so when there is none" {
    whole_machine
    stand_in id 'echo 1000'
    touch "$work/lacks_hdf5"
    install_deps
    [ "$status" -eq 1 ]
    has_line 'install-deps: neither root nor sudo; ask an administrator to install: libhdf5-dev'
    ! grep -q apt-get "$calls" || false
    stand_in sudo '"$@"'
    install_deps
    [ "$status" -eq 0 ]
    grep -q '^sudo env .* apt-get .* install' "$calls"
}

@test "install-deps uses dnf where there is no apt-get" {
    whole_machine
    rm "$bin/apt-get"
    stand_in dnf 'rm '"$work"'/lacks_hdf5'
    touch "$work/lacks_hdf5"
    install_deps
    [ "$status" -eq 0 ]
    grep -q '^dnf install -y .*hdf5-devel$' "$calls"
}

@test "install-deps hints at modules and Spack where it cannot install" {
    whole_machine
    rm "$bin/apt-get"
    touch "$work/lacks_hdf5"
    install_deps
    [ "$status" -eq 1 ]
    [[ $output == *'module load mpi'*'spack install'* ]]
    has_line 'install-deps: neither apt-get nor dnf is here to install: HDF5'
}

@test "install-deps does not take a failed or useless installation for a good one" {
    whole_machine
    touch "$work/lacks_hdf5"
    stand_in apt-get '[[ $* != *install* ]]'
    install_deps
    [ "$status" -eq 1 ]
    has_line 'install-deps: apt could not install: libhdf5-dev'
    stand_in apt-get
    install_deps
    [ "$status" -eq 1 ]
    has_line 'install-deps: installed, but cc, pkg-config or PATH still do not find: HDF5'
}

@test "install-deps --slurm asks for Slurm's daemons too" {
    whole_machine
    install_deps --slurm --check
    [ "$status" -eq 1 ]
    [ "$output" = 'install-deps: missing: munge, slurmctld, slurmd, sbatch' ]
    for name in munged slurmctld sbatch; do stand_in "$name"; done
    install_deps --check --slurm
    [ "$output" = 'install-deps: missing: slurmd' ]
    stand_in apt-get '[[ $* != *install* ]] || cp "$0" "${0%/*}/slurmd"'
    link_tools cp
    install_deps --slurm
    [ "$status" -eq 0 ]
    grep -q '^apt-get .*install -y --no-install-recommends slurmd$' "$calls"
    install_deps
    [ "$output" = 'install-deps: everything is there, nothing to install' ]
}

@test "install-deps --web asks for a browser and Node.js too" {
    whole_machine
    install_deps --web --check
    [ "$status" -eq 1 ]
    [ "$output" = 'install-deps: missing: Chromium, Node.js, npm' ]
    for name in chromium node; do stand_in "$name"; done
    install_deps --check --slurm --web
    [ "$output" = 'install-deps: missing: munge, slurmctld, slurmd, sbatch, npm' ]
}

@test "install-deps --mpich asks for MPICH too" {
    whole_machine
    install_deps --mpich --check
    [ "$status" -eq 1 ]
    [ "$output" = 'install-deps: missing: mpiexec of MPICH' ]
    stand_in mpiexec.hydra
    install_deps --check --mpich
    [ "$output" = 'install-deps: everything is there, nothing to install' ]
}

@test "install-deps refuses unknown arguments with 64" {
    for arguments in --force '--check --check' '--slurm --slurm' '--web --web' '--mpich --mpich' \
        '--check more'; do
        # shellcheck disable=SC2086 # a list
        run "$top/scripts/install-deps.sh" $arguments
        [ "$status" -eq 64 ]
    done
}
