#!/usr/bin/env bash
# What README promises of a bare Debian, on bare Debians: its two commands, which must install all
# that they and the tests need.
set -euo pipefail

usage() {
    cat <<'EOT'
Usage: tests/distros/run.sh [--whole] [NAME...]

Makes a bare root of each Debian (default: bookworm trixie sid) with debootstrap, puts this tree's
tracked files there, runs scripts/quickstart.sh on 2 and on 4 ranks, then the unit tests, the
gradient check and the laws under mpirun, or, with --whole, scripts/quickstart.sh test. Prints a
line with the time for each; logs of what failed are shown and kept. As root, with a network.

Environment: DIST_TRAIN_DATA names a directory with MNIST-type files; without it the runs use the
synthetic digits. ROOTS names a directory that keeps bare roots and packages for the next time.
MIRROR (default http://deb.debian.org/debian).

Exit code: 0 all good; 1 something failed; 69 a root cannot be made here, with the reason.
EOT
}

say() { printf 'distros: %s\n' "$1"; }

fail() {
    say "$1" >&2
    exit "${2:-1}"
}

# The mounts are in a namespace of their own, which ends with its processes: nothing here sees them,
# nothing has to be unmounted, and removing the directory reaches no device.
private=(unshare --mount --pid --fork --kill-child)

check_machine() {
    local reason
    [ "$(id -u)" -eq 0 ] || fail 'skipped: bare roots need root' 69
    command -v debootstrap >/dev/null || fail 'skipped: debootstrap is not installed' 69
    [ -e "$tree/.git" ] || fail 'skipped: not a git checkout' 69
    reason=$("${private[@]}" mount -t tmpfs tmpfs /mnt 2>&1) ||
        fail "skipped: no namespaces here: $reason" 69
}

# ---- in the namespace ----

make_bare_root() {
    local bare=${ROOTS:+$ROOTS/$name.tar}
    mkdir "$root"
    if [ -e "$bare" ]; then
        tar -C "$root" -xpf "$bare"
        return
    fi
    debootstrap --variant=minbase "$name" "$root" "$mirror" >"$logs/debootstrap" 2>&1 ||
        fail "skipped: debootstrap $name: $(tail -n 1 "$logs/debootstrap")" 69
    [ -z "$bare" ] || { tar -C "$root" -cf "$bare.new" . && mv "$bare.new" "$bare"; }
}

mount_all() {
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --bind /dev "$root/dev"
    mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
    mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
    cp /etc/resolv.conf /etc/hosts "$root/etc/"
    if [ -n "${ROOTS:-}" ]; then
        mkdir -p "$ROOTS/$name.packages"
        mount --bind "$ROOTS/$name.packages" "$root/var/cache/apt/archives"
    fi
}

put_tree() {
    mkdir "$root/dist-train"
    git -C "$tree" -c safe.directory="$tree" ls-files -z |
        tar -C "$tree" --null --files-from=- -c | tar -C "$root/dist-train" -x
    data=synthetic
    [ -d "${DIST_TRAIN_DATA:-}" ] || return 0
    data=/mnist
    mkdir "$root/mnist"
    mount --bind "$DIST_TRAIN_DATA" "$root/mnist"
}

# in_root MINUTES COMMAND...: as somebody who has just logged in; ended after so long.
in_root() {
    # shellcheck disable=SC2016 # for the shell in there
    timeout -k 10 "$1m" chroot "$root" env -i HOME=/root LANG=C.UTF-8 DIST_TRAIN_DATA="$data" \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin ${http_proxy:+http_proxy="$http_proxy"} \
        bash -c 'cd /dist-train && exec "$@"' bash "${@:2}"
}

# step WHAT LIMIT COMMAND...: a line of the table.
step() {
    local start=$EPOCHREALTIME status=0 log=$logs/${1//[^a-zA-Z0-9]/_}
    in_root "${@:2}" >"$log" 2>&1 </dev/null || status=$?
    start=$(((${EPOCHREALTIME/[.,]/} - ${start/[.,]/}) / 1000000))
    if [ "$status" -eq 0 ]; then
        printf '%-9s %-42s good %5d s\n' "$name" "$1" "$start"
        return
    fi
    failed=1
    printf '%-9s %-42s FAILED (exit code %d) after %d s:\n' "$name" "$1" "$status" "$start"
    grep -E '^not ok|^#|had failures' "$log" | head -n 60 || true
    tail -n 20 "$log"
}

# What this system has, and the hash of the run on two ranks, which is the same on all.
versions() {
    # shellcheck disable=SC2016 # for the shell in there
    local script='hash=$(grep -o "parameter_hash[^,]*" runs/latest/summary.json | cut -d\" -f3)
        echo "GCC $(cc -dumpfullversion), $(mpirun --version 2>&1 | sed -n 1p)," \
            "HDF5 $(pkg-config --modversion hdf5-serial 2>/dev/null ||
                pkg-config --modversion hdf5), hash $hash"'
    printf '%-9s %s\n' "$name" "$(in_root 1 sh -c "$script")"
}

# inside NAME DIRECTORY WHOLE
inside() {
    name=$1 root=$2/root logs=$2/logs whole=$3 failed=0
    local start=$SECONDS
    make_bare_root
    mount_all
    put_tree
    printf '%-9s %-42s good %5d s\n' "$name" 'a bare root' $((SECONDS - start))
    step 'scripts/quickstart.sh' 30 scripts/quickstart.sh
    versions
    step 'NP=4 scripts/quickstart.sh' 10 env NP=4 scripts/quickstart.sh
    if $whole; then
        step 'scripts/quickstart.sh test' 120 scripts/quickstart.sh test
    else
        # shellcheck disable=SC2016 # for the shell in there
        step 'building the tests' 30 sh -c 'exec make -j"$(nproc)" tests'
        step 'make test-unit' 10 make test-unit
        step 'make test-gradients' 10 make test-gradients
        step 'make test-laws' 15 make test-laws
    fi
    exit "$failed"
}

# ---- outside ----

# Whatever ends this script: first the processes in the root, and with them its mounts.
remove_root() {
    kill -KILL "$namespace" 2>/dev/null || true
    wait "$namespace" 2>/dev/null || true
    rm -rf --one-file-system "$directory/root"
}

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
mirror=${MIRROR:-http://deb.debian.org/debian}
case ${1-} in
    -h | --help) usage && exit ;;
    inside) inside "${@:2}" ;;
    --whole) whole=true && shift ;;
    -*) fail "unknown option '$1' (--help says what there is)" 64 ;;
    *) whole=false ;;
esac
check_machine
[ $# -gt 0 ] || set -- bookworm trixie sid
[ -z "${ROOTS:-}" ] || { mkdir -p "$ROOTS" && ROOTS=$(realpath "$ROOTS") && export ROOTS; }
result=0
for name; do
    directory=$(mktemp -d)
    mkdir "$directory/logs"
    status=0
    "${private[@]}" "$0" inside "$name" "$directory" "$whole" </dev/null &
    namespace=$!
    trap remove_root EXIT
    trap exit INT TERM HUP
    wait "$namespace" || status=$?
    trap - EXIT INT TERM HUP
    remove_root
    case $status:$result in
        0:*) rm -r "$directory" ;;
        69:0) result=69 && rm -r "$directory" ;;
        *) result=1 && say "$name: logs in $directory/logs" ;;
    esac
done
exit "$result"
