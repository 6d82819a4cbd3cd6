#!/usr/bin/env bash
# Installs what building, running and testing dist-train need, and touches nothing that is there.
set -euo pipefail

usage() {
    cat <<'EOF'
Usage: scripts/install-deps.sh [--slurm] [--web] [--mpich] [--check]

Installs what building, running and testing dist-train need: with apt-get on Debian and Ubuntu,
with dnf on Fedora and RHEL (there with EPEL and CRB enabled), as root or through sudo.
Elsewhere it says what to install. A machine that has everything is left alone, without root.

  --slurm   also what make test-slurm needs: Slurm's daemons, of which none has to run
  --web     also what make test-web needs: a browser, Node.js with npm, and ONNX
  --mpich   also MPICH, which make MPI=mpich builds with; mpirun stays that of Open MPI
  --check   only report what is missing; exit 1 if something is
  --help    show this text
EOF
}

# what | how to see that it is there | Debian, Ubuntu | Fedora, RHEL
needs=(
    'C compiler|has_header stdio.h|gcc libc6-dev|gcc'
    'make|has_command make|make|make'
    'pkg-config|has_command pkg-config|pkg-config|pkgconf-pkg-config'
    'Open MPI|has_library ompi-c|libopenmpi-dev|openmpi-devel'
    'mpirun|has_command mpirun|openmpi-bin|openmpi'
    'HDF5|has_library hdf5-serial hdf5|libhdf5-dev|hdf5-devel'
    'Random123|has_header Random123/philox.h|librandom123-dev|Random123-devel'
    'xxHash 0.8|has_library libxxhash>=0.8|libxxhash-dev|xxhash-devel'
    'ISA-L|has_library libisal|libisal-dev|isa-l-devel'
    'Leptonica|has_library lept|libleptonica-dev|leptonica-devel'
    'libexif|has_library libexif|libexif-dev|libexif-devel'
    'libzip|has_library libzip|libzip-dev|libzip-devel'
    'Jansson|has_library jansson|libjansson-dev|jansson-devel'
    'libseccomp|has_library libseccomp|libseccomp-dev|libseccomp-devel'
    'protobuf-c|has_library libprotobuf-c|libprotobuf-c-dev|protobuf-c-devel'
    'protoc|has_command protoc|protobuf-compiler|protobuf-compiler'
    'protoc-gen-c|has_command protoc-gen-c|protobuf-c-compiler|protobuf-c-compiler'
    'CUnit|has_library cunit|libcunit1-dev|CUnit-devel'
    'bats|has_command bats|bats|bats'
    'ip (virtual hosts)|has_command ip|iproute2|iproute'
    'NumPy|has_python numpy|python3-numpy|python3-numpy'
    'h5py|has_python h5py|python3-h5py|python3-h5py'
    'curl or wget|has_command curl wget|curl|curl'
    'CA certificates|has_file /etc/ssl/certs/ca-certificates.crt /etc/ssl/ca-bundle.pem
        /etc/pki/tls/certs/ca-bundle.crt|ca-certificates|ca-certificates'
)

web_needs=(
    'Chromium|has_command chromium chromium-browser|chromium|chromium'
    'Node.js|has_command node|nodejs|nodejs'
    'npm|has_command npm|npm|npm'
    'ONNX for Python|has_python onnx|python3-onnx|python3-onnx'
)

mpich_needs=(
    'MPICH|has_library mpich|libmpich-dev|mpich-devel'
    'mpiexec of MPICH|has_command mpiexec.hydra mpirun.mpich|mpich|mpich'
)

slurm_needs=(
    'munge|has_command munged|munge|munge'
    'slurmctld|has_command slurmctld|slurmctld|slurm-slurmctld'
    'slurmd|has_command slurmd|slurmd|slurm-slurmd'
    'sbatch|has_command sbatch|slurm-client|slurm'
)

say() {
    printf 'install-deps: %s\n' "$1"
}

fail() {
    say "$1" >&2
    exit "${2:-1}"
}

# Each is true when one of its arguments is there.
has_command() {
    local name
    for name; do command -v "$name" >/dev/null && return; done
    return 1
}

has_library() {
    local name
    for name; do pkg-config --exists "${name/>=/ >= }" 2>/dev/null && return; done
    return 1
}

has_file() {
    local path
    for path; do [ -e "$path" ] && return; done
    return 1
}

has_header() {
    cc -E -x c - <<<"#include <$1>" >/dev/null 2>&1
}

# The first python3 on PATH need not be the one that the system's packages are for.
has_python() {
    python3 -c "import $1" >/dev/null 2>&1 || /usr/bin/python3 -c "import $1" >/dev/null 2>&1
}

# Fills missing, apt_packages and dnf_packages.
find_missing() {
    local need what probe apt dnf
    missing=() apt_packages=() dnf_packages=()
    for need in "${needs[@]}"; do
        IFS='|' read -rd '' what probe apt dnf <<<"$need" || true
        read -rd '' -a probe <<<"$probe" || true
        "${probe[@]}" && continue
        missing+=("$what")
        read -ra apt <<<"$apt"
        read -ra dnf <<<"$dnf"
        apt_packages+=("${apt[@]}")
        dnf_packages+=("${dnf[@]}")
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install_with_apt() {
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
    as_root "${apt[@]}" update || say 'the package lists could not be refreshed, trying without'
    as_root "${apt[@]}" install -y --no-install-recommends "${apt_packages[@]}"
}

install_with_dnf() {
    as_root dnf install -y --setopt=install_weak_deps=False "${dnf_packages[@]}"
}

hint() {
    cat >&2 <<'EOF'
On a cluster, or without root, look for modules (their names differ from site to site):
    module avail; module load gcc openmpi hdf5; module load mpi   (Fedora, RHEL)
or let Spack build them (https://spack.io):
    spack install openmpi hdf5~mpi random123 xxhash isa-l leptonica libexif libzip jansson \
                  libseccomp protobuf protobuf-c cunit py-numpy py-h5py
    spack load    openmpi hdf5 random123 xxhash isa-l leptonica libexif libzip jansson \
                  libseccomp protobuf protobuf-c cunit py-numpy py-h5py
then run this script again: it looks at what cc, pkg-config and python3 find.
EOF
}

list() {
    local text
    printf -v text ', %s' "$@"
    printf '%s' "${text:2}"
}

check_only=false slurm=false web=false mpich=false
for argument; do
    case $argument:$slurm:$web:$check_only:$mpich in
        --check:*:*:false:*) check_only=true ;;
        --slurm:false:*) slurm=true needs+=("${slurm_needs[@]}") ;;
        --web:*:false:*:*) web=true needs+=("${web_needs[@]}") ;;
        --mpich:*:false) mpich=true needs+=("${mpich_needs[@]}") ;;
        -h:* | --help:*) usage && exit ;;
        *) fail "unknown or repeated argument '$argument' (--help says what there is)" 64 ;;
    esac
done

find_missing
if [ ${#missing[@]} -eq 0 ]; then
    say 'everything is there, nothing to install'
    exit
fi
$check_only && fail "missing: $(list "${missing[@]}")"

if has_command apt-get; then
    manager=apt packages=("${apt_packages[@]}")
elif has_command dnf; then
    manager=dnf packages=("${dnf_packages[@]}")
else
    hint
    fail "neither apt-get nor dnf is here to install: $(list "${missing[@]}")"
fi
if [ "$(id -u)" -ne 0 ] && ! has_command sudo; then
    hint
    fail "neither root nor sudo; ask an administrator to install: ${packages[*]}"
fi

say "installing with $manager: ${packages[*]}"
if ! "install_with_$manager"; then
    hint
    fail "$manager could not install: ${packages[*]}"
fi
find_missing
if [ ${#missing[@]} -ne 0 ]; then
    hint
    fail "installed, but cc, pkg-config or PATH still do not find: $(list "${missing[@]}")"
fi
say 'everything is there'
