#!/usr/bin/env bash
# shellcheck disable=SC2016 # $ in what a container's shell expands
# Builds the image of scripts/container/Dockerfile and goes through the steps of apptainer.def, and
# trains in both: without Docker, Apptainer or a registry. A Debian of the mirror is the base image.
set -euo pipefail

usage() {
    cat <<'EOF'
Usage: tests/container/run.sh [DIR]

As root, with debootstrap and buildah (Debian packages of these names) and a network. DIR (default:
a temporary one) holds the base system and the images; a base system that is there is used again.
What this does not try: Docker's and Apptainer's own isolation, and ranks on several hosts.
EOF
}

say() { printf 'container: %s\n' "$1"; }

fail() {
    say "$1" >&2
    exit "${2:-1}"
}

buildah() {
    command buildah --root "$directory/store" --runroot "$directory/runroot" "$@"
}

make_base() {
    local container mount
    [ -e "$directory/bookworm/etc/os-release" ] ||
        debootstrap --variant=minbase bookworm "$directory/bookworm" http://deb.debian.org/debian
    container=$(buildah from scratch)
    mount=$(buildah mount "$container")
    cp -a "$directory/bookworm/." "$mount"
    buildah commit -q "$container" docker.io/library/debian:bookworm-slim
    buildah rm "$container"
}

# in_image COMMAND...: what `docker run IMAGE COMMAND...` would do.
in_image() { buildah run "${as[@]}" "$container" -- "${entry[@]}" "$@"; }

# check WHAT REGEX COMMAND...
check() {
    local output
    output=$("${@:3}" 2>&1 </dev/null) || fail "$1: exit code $?: $output"
    grep -qE "$2" <<<"$output" || fail "$1: expected '$2', found: $output"
    say "$1: good"
}

train=(--data synthetic --train-limit 2048 --test-limit 256 --epochs 1 --overwrite --output)

try_image() {
    local container entry as=()
    buildah bud --pull-never --network host -t dist-train -f "$tree/scripts/container/Dockerfile" \
        "$tree"
    container=$(buildah from --pull-never dist-train)
    entry=("$(buildah inspect --format '{{index .OCIv1.Config.Entrypoint 0}}' "$container")")
    check 'run --help' '^Usage: dist-train' in_image --help
    check 'the user is not root' '^dist-train$' in_image /usr/bin/id -un
    check 'every library is there' '^0$' in_image bash -c \
        'ldd $(command -v dist-train) | grep -c "not found" || :'
    check 'no compiler is there' '^none$' in_image bash -c 'command -v gcc || echo none'
    check 'one rank' '^done: ' in_image "${train[@]}" one
    check 'run mpirun -np 4' '^done: ' in_image mpirun -np 4 dist-train "${train[@]}" four \
        --virtual-ranks 4
    as=(--user 12345:12345)
    check 'another user' '^done: ' in_image mpirun -np 2 dist-train "${train[@]}" /tmp/two \
        --virtual-ranks 4
    check 'manual page and completion' 'dist-train.1' in_image bash -c \
        'ls /usr/share/man/man1/dist-train.1 /usr/share/bash-completion/completions/dist-train'
    check 'the same hash' '^1$' in_image bash -c \
        'grep -h parameter_hash four/summary.json /tmp/two/summary.json | sort -u | wc -l'
    buildah rm "$container" >/dev/null
}

# section STAGE NAME: the lines of a section of apptainer.def, with its arguments put in.
section() {
    awk -v stage="$1" -v name="$2" '
        /^Bootstrap: / { in_it = 0 }
        /^Stage: / { at = $2 }
        /^%/ { in_it = at == stage && $0 == "%" name; next }
        in_it' \
        "$tree/scripts/container/apptainer.def" | sed 's/{{ ARCH }}/x86-64-v3/'
}

in_root() { chroot "$directory/$1" /bin/sh -c "$2"; }

# A copy of the base system with what a chroot needs.
make_root() {
    drop_root "$1"
    cp -a "$directory/bookworm" "$directory/$1"
    cp /etc/resolv.conf "$directory/$1/etc/resolv.conf"
    mount -t proc proc "$directory/$1/proc"
    mount -t tmpfs -o size=1g shm "$directory/$1/dev/shm"
}

drop_root() {
    local at
    for at in proc dev/shm; do
        ! mountpoint -q "$directory/$1/$at" || umount "$directory/$1/$at"
    done
    rm -rf --one-file-system "${directory:?}/$1"
}

try_definition() {
    local environment
    make_root build
    mkdir "$directory/build/src"
    tar -C "$tree" -c --exclude-vcs --exclude='./build*' . | tar -C "$directory/build/src" -x
    in_root build "$(section build post)"
    make_root final
    cp -a "$directory/build/image" "$directory/final/image"
    in_root final "$(section final post)"
    environment=$(section final environment)
    environment+=$'\nexport OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1\n'
    check '%test' 'run' in_root final "$environment$(section final test)"
    check '%runscript' '^Usage: dist-train' in_root final \
        "set -- --help$(printf '\n%s' "$(section final runscript)")"
    check '%runscript with mpirun' '^done: ' in_root final \
        "$environment set -- mpirun -np 2 --oversubscribe dist-train ${train[*]} /tmp/run
        $(section final runscript)"
}

cleanup() {
    drop_root build
    drop_root final
    [ -z "$temporary" ] || rm -rf "$temporary"
}

case ${1-} in
    -h | --help) usage && exit ;;
    -*) fail "unknown option '$1' (--help says what there is)" 64 ;;
esac
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
[ "$(id -u)" -eq 0 ] || fail 'must be root: for a base system and chroots' 77
for name in debootstrap buildah; do
    command -v "$name" >/dev/null || fail "$name is not installed (apt-get install $name)" 69
done
temporary=''
[ $# -gt 0 ] || temporary=$(mktemp -d)
directory=${1:-$temporary}
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
trap cleanup EXIT
make_base
try_image
try_definition
say 'all good'
