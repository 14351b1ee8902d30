# shellcheck shell=bash
# Helpers that the scripts here share. Source it; it runs nothing.

# The repository's root, and the git-ignored folder that everything is installed into.
ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
INSTALLED=$ROOT/.alike
VENV_PYTHON=$INSTALLED/venv/bin/python
export ROOT INSTALLED VENV_PYTHON

# The embedding model that scripts/setup installs.
MODEL=all-minilm-l6-v2
export MODEL

# Where programs often are although a plain user's PATH does not say so (nginx; a fresh Rust).
PATH=$PATH:/usr/sbin:/sbin${HOME:+:$HOME/.cargo/bin}
export PATH

# say TEXT: one plain line, prefixed with the script's name.
say() {
  printf '%s: %s\n' "${0##*/}" "$*"
}

# fail LINE…: each line to standard error, then exit 1.
fail() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  shift
  (($# == 0)) || printf '    %s\n' "$@" >&2
  exit 1
}

have() {
  command -v "$1" >/dev/null 2>&1
}

# matches FILE SHA256: true if the file is there, whole.
matches() {
  [[ -f $1 ]] && [[ $(sha256sum <"$1") == "$2 "* ]]
}

# section NAME COMMAND…: runs it under a heading; stops the script, naming the section, if it fails.
# The finished sections and their seconds are kept in SECTIONS.
SECTIONS=()
section() {
  local name=$1 started=$SECONDS status
  shift
  printf '\n=== %s\n' "$name"
  # Not `if` or `||`: inside of those a function no longer stops at its first failing command.
  set +e
  (
    set -e
    "$@"
  )
  status=$?
  set -e
  ((status == 0)) || fail "failed in section: $name (exit code $status)"
  SECTIONS+=("$(printf '%5d s  %s' $((SECONDS - started)) "$name")")
}

# print_sections: how long each finished section took.
print_sections() {
  printf '\n=== %s: all passed\n' "${0##*/}"
  printf '%s\n' "${SECTIONS[@]}"
}

# optimize_model PROGRAM: makes the installed model's variant that runs fastest here, unless it is there and belongs to it.
optimize_model() {
  "$1" model optimize --if-needed "$INSTALLED/models/$MODEL" ||
    fail "model $MODEL: $1 model optimize failed (see above)"
}

# as_root COMMAND…: runs it as root; false where this user may not.
as_root() {
  if ((EUID == 0)); then
    "$@"
  else
    sudo -n "$@"
  fi
}

may_be_root() {
  ((EUID == 0)) || { have sudo && sudo -n true 2>/dev/null; }
}

# install_packages PACKAGE…: Debian packages, without starting their services; says what to do where it cannot.
install_packages() {
  local command="apt-get update && apt-get install --no-install-recommends $*"
  have apt-get || fail "missing: $*" "This system has no apt-get: install the same with its own package manager."
  may_be_root || fail "missing Debian packages: $*" "This user may not install them. As root, run:" "  $command" \
    "then run this again."
  say "installing Debian packages: $*"
  with_services_held run_apt "$@" || fail "apt-get failed (see above)" "Packages wanted: $*" \
    "Behind a proxy: set http_proxy and https_proxy. With a mirror: name it in apt's sources."
}

# with_services_held COMMAND…: Debian starts a service the moment it is installed unless a file says no.
with_services_held() (
  guard=/usr/sbin/policy-rc.d
  if [[ ! -e $guard ]]; then
    trap 'as_root rm -f "$guard"' EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$guard" >/dev/null
    as_root chmod 755 "$guard"
  fi
  "$@"
)

# run_apt PACKAGE…: quiet unless it fails.
run_apt() {
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0) log
  log=$(mktemp)
  if as_root "${apt[@]}" update >"$log" 2>&1 &&
    as_root "${apt[@]}" install -y --no-install-recommends "$@" >>"$log" 2>&1; then
    rm -f "$log"
  else
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
}
