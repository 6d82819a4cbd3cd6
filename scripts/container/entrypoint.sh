#!/bin/bash
# What a container of dist-train runs: `mpirun ...` with as many ranks as one likes, a shell or a
# path as they are, anything else as arguments of dist-train.
case ${1-} in
    mpirun | mpiexec)
        # shellcheck source=scripts/ranks.sh
        . /usr/share/dist-train/ranks.sh
        find_launcher dist-train && exec "${launcher[@]}" "${@:2}"
        ;;
    dist-train | bash | sh | */*) exec "$@" ;;
    *) exec dist-train "$@" ;;
esac
