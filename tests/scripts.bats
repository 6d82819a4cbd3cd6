#!/usr/bin/env bats
# The scripts: get-mnist against mirrors on the loopback interface, lint on planted violations,
# install-deps and quickstart with stand-ins for what they call.
# shellcheck disable=SC2016 # the bodies of stand-ins are expanded when they run

setup() {
    top=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
    work=$(mktemp -d)
    server=
    unset http_proxy HTTP_PROXY all_proxy ALL_PROXY MNIST_MIRRORS
}

teardown() {
    if [ -n "$server" ]; then
        kill "$server"
        wait "$server" || true
    fi
    rm -rf "$work"
}

# stand_in NAME [BODY]: a program $bin/NAME that notes its call in $calls, then does BODY.
stand_in() {
    bin=$work/bin calls=$work/calls
    mkdir -p "$bin"
    touch "$calls"
    printf '#!/bin/bash\necho "%s $*" >>"%s"\n%s\n' "$1" "$calls" "${2-}" >"$bin/$1"
    chmod +x "$bin/$1"
}

# link_tools NAME...: makes the named programs of this machine the only ones, with the stand-ins.
link_tools() {
    local name
    mkdir -p "$work/bin"
    for name; do ln -s "$(command -v "$name")" "$work/bin/$name"; done
}

has_line() {
    printf '%s\n' "$output" | grep -qxF -- "$1"
}

# ---- get-mnist ----

names='t10k-labels-idx1-ubyte train-labels-idx1-ubyte
    t10k-images-idx3-ubyte train-images-idx3-ubyte'

# serve DIR: starts the mirrors; $url/BEHAVIOUR is one of them, $requests what they were asked.
serve() {
    requests=$work/requests
    touch "$requests"
    python3 "$BATS_TEST_DIRNAME/get_mnist_server.py" "$1" "$work/port" "$requests" 3>&- &
    server=$!
    for _ in {1..100}; do
        [ ! -s "$work/port" ] || break
        sleep 0.05
    done
    url=http://127.0.0.1:$(<"$work/port")
}

# A copy of the script that takes four small random files for MNIST, and mirrors that have them.
small_mnist() {
    local name
    mkdir -p "$work/tree/scripts" "$work/mirror"
    cp "$top/scripts/get-mnist.sh" "$work/tree/scripts"
    for name in $names; do
        head -c 4000 /dev/urandom >"$work/$name"
        gzip -c "$work/$name" >"$work/mirror/$name.gz"
        sed -i -E "s/(\[$name\])=[0-9a-f]{64}/\1=$(sha256sum <"$work/$name" | cut -c1-64)/" \
            "$work/tree/scripts/get-mnist.sh"
    done
    data=$work/tree/data/mnist
    mkdir -p "$data"
    serve "$work/mirror"
}

# get BEHAVIOUR...: runs the copy with these mirrors (or full URLs).
get() {
    local mirror mirrors=
    for mirror; do
        case $mirror in http:*) mirrors+=" $mirror" ;; *) mirrors+=" $url/$mirror/" ;; esac
    done
    MNIST_MIRRORS=$mirrors run "$work/tree/scripts/get-mnist.sh" --timeout 2 "$data"
}

# All files are there as the mirror has them, and nothing else.
assert_complete() {
    local name
    [ "$status" -eq 0 ]
    has_line "MNIST is complete in $data"
    for name in $names; do cmp "$work/mirror/$name.gz" "$data/$name.gz"; done
    [ "$(find "$data" -type f | wc -l)" -eq 4 ]
}

assert_failed() {
    [ "$status" -eq 1 ]
    [[ $output == *"t10k-labels-idx1-ubyte.gz could not be fetched from any of $1 mirrors"* ]]
}

@test "get-mnist fetches, verifies and names the four files" {
    small_mnist
    get good
    assert_complete
    has_line "train-images-idx3-ubyte.gz: fetched from $url/good/, verified"
    [ "${#lines[@]}" -eq 5 ]
}

@test "get-mnist asks for nothing that is there, packed or unpacked" {
    small_mnist
    cp "$work"/mirror/t10k-*.gz "$data"
    cp "$work"/train-*-ubyte "$data"
    get good
    [ "$status" -eq 0 ]
    [ ! -s "$requests" ]
    has_line 't10k-images-idx3-ubyte.gz: there, verified'
    has_line 'train-images-idx3-ubyte: there, verified'
}

@test "get-mnist fetches what is missing only" {
    small_mnist
    cp "$work"/mirror/t10k-*.gz "$data"
    get good
    assert_complete
    [ "$(cut -d' ' -f2 "$requests" | sort | tr '\n' ' ')" = \
        'train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz ' ]
}

@test "get-mnist says which mirrors it tried and why each failed" {
    small_mnist
    get missing wrong page http://127.0.0.1:1/
    assert_failed 4
    [[ ${lines[0]} == "  $url/missing/: "*404* ]]
    [ "${lines[1]}" = "  $url/wrong/: its content is not MNIST's" ]
    [ "${lines[2]}" = "  $url/page/: its content is not MNIST's" ]
    [[ ${lines[3]} == "  http://127.0.0.1:1/: "*[Cc]onnect* ]]
    [ -z "$(ls -A "$data")" ]
}

@test "get-mnist goes on with the next mirror, and stays with the one that serves" {
    small_mnist
    get http://127.0.0.1:1/ missing wrong good
    assert_complete
    [ "$(cut -d' ' -f1 "$requests" | tr '\n' ' ')" = 'missing wrong good good good good ' ]
}

@test "get-mnist keeps a cut transfer apart and resumes it in the next run" {
    small_mnist
    get cut
    assert_failed 1
    [ "$(ls -A "$data")" = t10k-labels-idx1-ubyte.gz.part ]
    size=$(stat -c %s "$data/t10k-labels-idx1-ubyte.gz.part")
    [ "$size" -gt 0 ]
    get good
    assert_complete
    grep -qx "good t10k-labels-idx1-ubyte.gz $size" "$requests"
    [ "$(grep -c 'good t10k-labels' "$requests")" -eq 1 ]
}

@test "get-mnist resumes from the second mirror what the first one cut" {
    small_mnist
    get cut good
    assert_complete
    [[ $(sed -n 2p "$requests") =~ ^good\ t10k-labels-idx1-ubyte\.gz\ [1-9] ]]
}

@test "get-mnist gives up on a silent mirror" {
    small_mnist
    SECONDS=0
    get stall good
    assert_complete
    [ $SECONDS -lt 8 ] # the mirror is silent for 20 s
    [ "$(grep -c ^stall "$requests")" -eq 1 ]
}

@test "get-mnist gives up after --max-time" {
    small_mnist
    MNIST_MIRRORS=$url/stall run "$work/tree/scripts/get-mnist.sh" --max-time 1 "$data"
    assert_failed 1
    has_line "  $url/stall: out of time"
}

@test "get-mnist throws a part away that cannot become the file, and fetches anew once" {
    small_mnist
    head -c 100 /dev/zero >"$data/t10k-labels-idx1-ubyte.gz.part"
    get good
    assert_complete
    [ "$(grep t10k-labels "$requests" | cut -d' ' -f3 | tr '\n' ' ')" = '100 0 ' ]
}

@test "get-mnist starts anew where the part is longer than the file" {
    small_mnist
    head -c 9000 /dev/zero >"$data/t10k-labels-idx1-ubyte.gz.part"
    get good
    assert_complete
}

@test "get-mnist starts anew where curl calls that an error" {
    small_mnist
    stand_in curl "last=\${*: -1} part=\${*: -2:1}
        if [ -e \"\$part\" ]; then
            echo 'curl: (22) The requested URL returned error: 416' && exit 22
        fi
        cp \"$work/mirror/\${last##*/}\" \"\$part\""
    head -c 9000 /dev/zero >"$data/t10k-labels-idx1-ubyte.gz.part"
    PATH=$bin:$PATH get good
    assert_complete
}

@test "get-mnist starts anew at a mirror that cannot resume" {
    small_mnist
    head -c 100 "$work/mirror/t10k-labels-idx1-ubyte.gz" >"$data/t10k-labels-idx1-ubyte.gz.part"
    get norange
    assert_complete
}

@test "get-mnist keeps a part when the mirror is not there" {
    small_mnist
    head -c 100 "$work/mirror/t10k-labels-idx1-ubyte.gz" >"$data/t10k-labels-idx1-ubyte.gz.part"
    get missing http://127.0.0.1:1/
    assert_failed 2
    [ "$(stat -c %s "$data/t10k-labels-idx1-ubyte.gz.part")" -eq 100 ]
}

@test "get-mnist takes a complete part as it is" {
    small_mnist
    for name in $names; do cp "$work/mirror/$name.gz" "$data/$name.gz.part"; done
    get http://127.0.0.1:1/
    assert_complete
}

@test "get-mnist replaces a wrong file only by a right one, and keeps the old one" {
    small_mnist
    cp "$work"/mirror/*.gz "$data"
    echo damaged >"$data/t10k-labels-idx1-ubyte.gz"
    echo unpacked >"$data/train-labels-idx1-ubyte"
    get wrong
    assert_failed 1
    [ "$(<"$data/t10k-labels-idx1-ubyte.gz")" = damaged ]
    get good
    [ "$status" -eq 0 ]
    cmp "$work/mirror/t10k-labels-idx1-ubyte.gz" "$data/t10k-labels-idx1-ubyte.gz"
    [ "$(<"$data/t10k-labels-idx1-ubyte.gz~")" = damaged ]
    [ "$(<"$data/train-labels-idx1-ubyte~")" = unpacked ]
    [ ! -e "$data/train-labels-idx1-ubyte" ]
}

@test "get-mnist does with wget what it does with curl" {
    command -v wget || skip 'wget is not installed'
    small_mnist
    link_tools bash wget cut dirname flock gzip ls mkdir mv rm sha256sum timeout
    MNIST_MIRRORS="$url/missing $url/wrong $url/cut" PATH=$work/bin \
        run "$work/tree/scripts/get-mnist.sh" --timeout 2 "$data"
    assert_failed 3
    [[ ${lines[0]} == *404* ]]
    size=$(stat -c %s "$data/t10k-labels-idx1-ubyte.gz.part")
    head -c 100 /dev/zero >"$data/train-labels-idx1-ubyte.gz.part"
    head -c 9000 /dev/zero >"$data/t10k-images-idx3-ubyte.gz.part"
    MNIST_MIRRORS="http://127.0.0.1:1/ $url/good" PATH=$work/bin \
        run "$work/tree/scripts/get-mnist.sh" --timeout 2 "$data"
    assert_complete
    grep -qx "good t10k-labels-idx1-ubyte.gz $size" "$requests"
    rm "$data/t10k-labels-idx1-ubyte.gz"
    head -c 100 "$work/mirror/t10k-labels-idx1-ubyte.gz" >"$data/t10k-labels-idx1-ubyte.gz.part"
    MNIST_MIRRORS=$url/norange PATH=$work/bin \
        run "$work/tree/scripts/get-mnist.sh" --timeout 2 "$data"
    assert_complete
}

@test "get-mnist works alone in its directory" {
    small_mnist
    exec 8<"$data"
    flock 8
    get good
    exec 8<&-
    [ "$status" -eq 1 ]
    has_line "get-mnist: another get-mnist.sh is at work in $data"
    [ ! -s "$requests" ]
}

@test "get-mnist takes a directory, and refuses wrong usage with 64" {
    small_mnist
    data="$work/a new/place"
    cd "$work"
    MNIST_MIRRORS=$url/good ./tree/scripts/get-mnist.sh 'a new/place'
    cmp "$work/mirror/train-images-idx3-ubyte.gz" "$data/train-images-idx3-ubyte.gz"
    MNIST_MIRRORS=$url/good ./tree/scripts/get-mnist.sh
    cmp "$work/mirror/train-images-idx3-ubyte.gz" data/mnist/train-images-idx3-ubyte.gz
    for arguments in '--speed 3' '--timeout' '--timeout 0' '--max-time 1s' 'a b'; do
        # shellcheck disable=SC2086
        run "$work/tree/scripts/get-mnist.sh" $arguments
        [ "$status" -eq 64 ]
        [ "${#lines[@]}" -eq 1 ]
    done
}

@test "get-mnist knows the real MNIST" {
    [ -e "${DIST_TRAIN_DATA:-}/train-images-idx3-ubyte.gz" ] ||
        skip 'DIST_TRAIN_DATA names no directory with MNIST'
    serve "$DIST_TRAIN_DATA"
    MNIST_MIRRORS=$url/good run "$top/scripts/get-mnist.sh" "$work/mnist"
    [ "$status" -eq 0 ]
    for name in $names; do cmp "$DIST_TRAIN_DATA/$name.gz" "$work/mnist/$name.gz"; done
}

# ---- lint ----

# plant PATH LINE...: writes a file of a small source tree; a header gets its guard.
plant() {
    local path=$work/tree/$1 guard
    mkdir -p "$(dirname "$path")"
    guard=DT_$(printf '%s' "${1#include/}" | tr 'a-z/.' 'A-Z__')
    case $1 in
        include/*) printf '%s\n' "#ifndef $guard" "#define $guard" "${@:2}" '#endif' ;;
        *) printf '%s\n' "${@:2}" ;;
    esac >"$path"
}

lint() {
    mkdir -p "$work/tree/src"
    run "$top/scripts/lint.sh" "$work/tree"
}

@test "lint: a room includes only what is below it, whichever two rooms meet" {
    for room in base report nn data io dist train cli; do
        plant "src/$room/all.c" '#include "base/a.h"' '#include "report/a.h"' '#include "nn/a.h"' \
            '#include "data/a.h"' '#include "io/a.h"' '#include "dist/a.h"' '#include "train/a.h"' \
            '#  include <cli/a.h>' '#include <stdio.h>' '#include <hdf5.h>' '#include <mpi.h>'
    done
    lint
    [ "$status" -eq 1 ]
    for room in base report nn data io dist train cli; do
        line=0
        for target in base report nn data io dist train cli stdio.h hdf5.h mpi.h; do
            line=$((line + 1))
            case $target in
                *.h) text=$target ;;
                *) text="\"$target/a.h\"" ;;
            esac
            violation="src/$room/all.c:$line: room $room may not include $text"
            case "$room<$target" in
                *'<base' | *'<stdio.h' | 'cli<'[^hm]* | 'train<'[^chm]*) allowed=yes ;;
                'data<report' | 'data<nn' | 'io<report' | 'io<nn' | 'io<data') allowed=yes ;;
                'dist<report' | 'dist<nn' | 'dist<data' | 'io<hdf5.h' | 'dist<mpi.h') allowed=yes ;;
                "$room<$room") allowed=yes ;;
                *) allowed=no ;;
            esac
            if [ $allowed = yes ]; then
                ! has_line "$violation" || { echo "forbidden: $violation" && false; }
            else
                has_line "$violation" || { echo "not found: $violation" && false; }
            fi
        done
    done
}

@test "lint passes a clean tree" {
    plant include/nn/dense.h '#include "base/status.h"'
    plant src/nn/dense.c '#include "nn/dense.h"' '#include "own.h"' \
        "/* $(printf 'é%.0s' {1..90}) */"
    plant src/nn/own.h '/* private */'
    lint
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "lint names the line of each violation" {
    plant include/nn/wrong.h '/* */'
    sed -i '2s/NN/nn/' "$work/tree/include/nn/wrong.h"
    plant src/nn/tab.c 'int a;' $'\tint b;'
    plant src/nn/wide.c "/* $(printf 'é%.0s' {1..95}) */"
    plant src/nn/lost.c '#include "nowhere.h"' '#include "../io/weights.h"'
    plant src/nn/long.c ''{1..451}
    plant src/nn/longest.c ''{1..450}
    plant src/loose.c
    plant src/gpu/kernel.c
    plant tests/unit/test_tab.c $'\t'
    lint
    echo "$output"
    [ "$status" -eq 1 ]
    has_line 'include/nn/wrong.h:2: expected "#define DT_NN_WRONG_H", found "#define DT_nn_WRONG_H"'
    has_line 'src/nn/tab.c:2: a tab; expected spaces'
    has_line 'src/nn/wide.c:1: over 100 columns'
    has_line 'src/nn/lost.c:1: "nowhere.h" is in no room; expected "room/name.h"'
    has_line 'src/nn/lost.c:2: "../io/weights.h" is in no room; expected "room/name.h"'
    has_line 'src/nn/long.c:451: the file has more than 450 lines'
    has_line 'src/loose.c:1: in no room; expected src/ROOM/name.[ch]'
    has_line 'src/gpu/kernel.c:1: in no room; expected src/ROOM/name.[ch]'
    has_line 'tests/unit/test_tab.c:1: a tab; expected spaces'
    [ "$(grep -c '^[a-z/_]*\.[ch]:' <<<"$output")" -eq 9 ]
}

@test "lint runs shellcheck where it is installed" {
    command -v shellcheck || skip 'shellcheck is not installed'
    plant scripts/bad.sh '#!/bin/bash' 'rm $1'
    lint
    [ "$status" -eq 1 ]
    [[ $output == scripts/bad.sh:2:*SC2086* ]]
}

@test "lint fails when it cannot check" {
    plant src/nn/a.c
    stand_in awk 'exit 2'
    PATH=$bin:$PATH lint
    [ "$status" -ne 0 ]
    run "$top/scripts/lint.sh" "$work/nowhere"
    [ "$status" -eq 64 ]
}

# ---- install-deps ----

# A machine that has everything as long as pkg-config says so.
whole_machine() {
    link_tools bash cat rm
    for name in cc make mpirun bats ip protoc-c python3 curl; do stand_in "$name"; done
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

@test "install-deps refuses unknown arguments with 64" {
    for arguments in --force '--check --check' '--slurm --slurm' '--web --web' '--check more'; do
        # shellcheck disable=SC2086 # a list
        run "$top/scripts/install-deps.sh" $arguments
        [ "$status" -eq 64 ]
    done
}

# ---- quickstart ----

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
