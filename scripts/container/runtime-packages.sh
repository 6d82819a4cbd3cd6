#!/usr/bin/env bash
# Prints the Debian packages that a dist-train built on this machine runs with, a line each: those
# of the shared libraries that it names itself, and mpirun's.
set -euo pipefail
shopt -s inherit_errexit

case ${1-} in
    -h | --help) echo "Usage: scripts/container/runtime-packages.sh PROGRAM" && exit ;;
esac
[ $# -eq 1 ] || { echo "runtime-packages: expected PROGRAM, found $# arguments" >&2 && exit 64; }

# package_of FILE. /lib is a link to /usr/lib: dpkg knows a file by one of the two paths.
package_of() {
    local path
    path=$(realpath "$1")
    { dpkg -S "$path" 2>/dev/null || dpkg -S "${path#/usr}"; } | sed 's/[:,].*//'
}

libraries=$(ldd "$1")
needed=$(objdump -p "$1" | awk '$1 == "NEEDED" { print $2 }')
packages=openmpi-bin
[[ $needed != *libmpich.* ]] || packages=mpich
for name in $needed; do
    path=$(awk -v name="$name" '$1 == name && $2 == "=>" { print $3 }' <<<"$libraries")
    case $path:$name in
        /*) packages+=$'\n'$(package_of "$path") ;;
        *:ld-linux*) ;;
        *) echo "runtime-packages: $name is not found" >&2 && exit 66 ;;
    esac
done
LC_ALL=C sort -u <<<"$packages"
