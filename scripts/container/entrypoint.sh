#!/bin/bash
# What a container of dist-train runs: `mpirun ...`, a shell or a path as they are, anything else as
# arguments of dist-train.
case ${1-} in
    mpirun | mpiexec | dist-train | bash | sh | */*) exec "$@" ;;
    *) exec dist-train "$@" ;;
esac
