#!/usr/bin/env bash
# How ranks are started: which launcher belongs to the MPI that dist-train was built with, and what
# it needs to be told. The other scripts source this.

ranks_usage() {
    cat <<'EOF'
Usage: scripts/ranks.sh PROGRAM

Prints the words that start ranks of PROGRAM (dist-train), any number of them:
    $(scripts/ranks.sh ./dist-train) -np 8 ./dist-train
That is the mpirun or mpiexec of the MPI that PROGRAM was built with: Open MPI, or MPICH and its
kin. Exit code: 0, or 69 if there is none.
EOF
}

# is_of OPEN_MPI|MPICH COMMAND: whether this launcher is of Open MPI, or of MPICH and its kin.
is_of() {
    local says
    command -v "$2" >/dev/null || return
    says=$("$2" --version 2>&1 </dev/null)
    case $says in
        *'Open MPI'* | *OpenRTE* | *PRRTE*) [ "$1" = OPEN_MPI ] ;;
        *HYDRA* | *MPICH* | *'Intel(R) MPI'*) [ "$1" = MPICH ] ;;
        *) return 1 ;;
    esac
}

# find_launcher PROGRAM: sets $launcher to the words that start ranks of PROGRAM (dist-train), as
# many as one likes: "${launcher[@]}" -np N COMMAND. The environment gets what they need besides;
# what the user has set there stays. Returns 69 with a line on standard error if there is none.
find_launcher() {
    local version of=MPICH name names=(mpirun mpiexec mpirun.mpich mpiexec.hydra) options=()
    version=$("$1" --version </dev/null) || return
    if [[ $version == *'MPI: Open MPI'* ]]; then
        # Two hardware threads of one core are one slot to mpirun. (What the environment may say,
        # rmaps_base_oversubscribe, version 5 no longer reads.)
        of=OPEN_MPI names=(mpirun mpiexec mpirun.openmpi) options=(--oversubscribe)
        prepare_open_mpi
    fi
    for name in "${names[@]}"; do
        ! is_of $of "$name" || { launcher=("$name" "${options[@]}") && return; }
    done
    printf '%s: no launcher (%s) is of the MPI of %s: %s\n' "${0##*/}" "${names[*]}" "$1" \
        "${version#*MPI: }" >&2
    return 69
}

prepare_open_mpi() {
    [ "$(id -u)" -eq 0 ] || return 0
    # Root means a container, and many of those forbid process_vm_readv.
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    local copy=${OMPI_MCA_btl_vader_single_copy_mechanism:-none}
    export OMPI_MCA_btl_vader_single_copy_mechanism=$copy
}

# ranks N COMMAND...: starts them, with a core each, or sharing the cores where there are fewer.
ranks() {
    local bind=core
    [ "$1" -le "$(nproc)" ] || bind=none
    "${launcher[@]}" -np "$1" --bind-to "$bind" "${@:2}" </dev/null
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    case ${1-} in
        -h | --help) ranks_usage && exit ;;
    esac
    [ $# -eq 1 ] || { echo "ranks.sh: expected PROGRAM, found $# arguments" >&2 && exit 64; }
    find_launcher "$1" && echo "${launcher[*]}"
fi
