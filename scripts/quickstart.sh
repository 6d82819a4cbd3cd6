#!/usr/bin/env bash
# From a fresh machine to a trained network, or to passed tests, in one command.
set -euo pipefail

usage() {
    cat <<'EOF'
Usage: scripts/quickstart.sh [OPTION...]   install what is missing, build, fetch MNIST, train
       scripts/quickstart.sh test          the same set-up, then the tests

Trains on 2 ranks with configs/quickstart.ini. OPTIONs are handed on to dist-train, for example
--epochs 3 (./dist-train --help lists them); relative paths in them count from the source tree.
Without MNIST and without a network the run uses the built-in synthetic digits.

Environment: NP=4 trains on 4 ranks; DIST_TRAIN_DATA names a directory with MNIST-type files.
EOF
}

say() {
    printf 'quickstart: %s\n' "$1" >&2
}

fail_usage() {
    say "$1 (--help says what there is)"
    exit 64
}

names_data() {
    local argument
    for argument; do [[ $argument != --data && $argument != --data=* ]] || return 0; done
    return 1
}

has_mnist() {
    local file
    for file in data/mnist/{train,t10k}-{images-idx3,labels-idx1}-ubyte; do
        [ -e "$file" ] || [ -e "$file.gz" ] || return 1
    done
}

get_data() {
    if [ -n "${DIST_TRAIN_DATA:-}" ] || names_data "$@" || has_mnist; then return; fi
    say 'fetching MNIST (11 MB)'
    scripts/get-mnist.sh --timeout 5 --max-time 180 data/mnist 2>/dev/null ||
        say 'no MNIST now: using synthetic digits; scripts/get-mnist.sh fetches it or says why not'
}

case ${1-} in
    -h | --help) usage && exit ;;
    test) [ $# -eq 1 ] || fail_usage "'test' takes no further arguments, found '$2'" ;;
    -*) ;;
    *) [ $# -eq 0 ] || fail_usage "expected 'test' or options of dist-train, found '$1'" ;;
esac

case ${DIST_TRAIN_DATA:-} in
    '' | auto | synthetic) ;;
    *) DIST_TRAIN_DATA=$(realpath -m -- "$DIST_TRAIN_DATA") && export DIST_TRAIN_DATA ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/install-deps.sh
say 'building'
[ "${1-}" = test ] && what=tests || what=all
make -j"$(nproc)" "$what"
get_data "$@"

if [ "${1-}" = test ]; then
    if [ -z "${DIST_TRAIN_DATA:-}" ] && has_mnist; then
        export DIST_TRAIN_DATA=$PWD/data/mnist
    fi
    exec make test
fi
. scripts/ranks.sh
find_launcher ./dist-train
exec "${launcher[@]}" -np "${NP:-2}" ./dist-train --config configs/quickstart.ini "$@"
