#!/usr/bin/env bats
# scripts/get-mnist.sh against mirrors on the loopback interface.
# shellcheck disable=SC2154 # stand_ins.bash sets $top, $work ...

load stand_ins

setup() {
    stand_in_setup
    server=
    unset http_proxy HTTP_PROXY all_proxy ALL_PROXY MNIST_MIRRORS
}

teardown() {
    if [ -n "$server" ]; then
        kill "$server"
        wait "$server" || true
    fi
    stand_in_teardown
}

names='t10k-labels-idx1-ubyte train-labels-idx1-ubyte
    t10k-images-idx3-ubyte train-images-idx3-ubyte'

# serve DIR: starts the mirrors; $url/BEHAVIOUR is one of them, $requests what they were asked.
serve() {
    requests=$work/requests
    touch "$requests"
    python3 "$top/tests/runs/serve_mnist.py" "$1" "$work/port" "$requests" 3>&- &
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
