# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
# shellcheck shell=bash
#
# What every script in this folder shares; sourced, never run.
#
# Progress goes to standard error and results to standard output, so that a caller can capture one
# without the other. A line of progress carries the seconds since the script began.

PROJECT_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
SCRIPT_NAME=dev/$(basename "$0")

# Prints one line of progress: "[ 12.3 s] dev/ceph: the osd is up".
say() {
  local now=${EPOCHREALTIME/[.,]/} start=${SCRIPT_START:-${EPOCHREALTIME}}
  local tenths=$(((now - ${start/[.,]/}) / 100000))
  printf '[%3d.%d s] %s: %s\n' $((tenths / 10)) $((tenths % 10)) "$SCRIPT_NAME" "$*" >&2
}

# Ends the script with status 1 and the reason.
die() {
  say "error: $*"
  exit 1
}

# Ends the script with status 2 and the usage text, which is the script's own leading comment.
usage() {
  sed -n '/^# Usage:/,/^[^#]/ s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

# Ends the script unless every named program is on the PATH; $1 is the package group that has them.
need_programs() {
  local group=$1 program
  shift
  for program in "$@"; do
    command -v "$program" >/dev/null ||
      die "$program is not installed; run: $PROJECT_DIR/dev/packages $group"
  done
}

# The folder that outlives a run: built tools, keyed by version.
cache_dir() {
  printf '%s\n' "${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/rbdcrypt"
}

# The folder for services' state while they run.
state_dir() {
  printf '%s\n' "${RBDCRYPT_STATE_DIR:-$(cache_dir)/run}"
}

# Runs a command whose output is shown, its end at least, only where it fails.
quietly() {
  local log status=0
  log=$(mktemp)
  "$@" </dev/null >"$log" 2>&1 || status=$?
  ((status == 0)) || tail -n 30 "$log" >&2
  rm -f "$log"
  return "$status"
}

# Runs a command until it succeeds, every 0.1 s, for at most $1 seconds.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

SCRIPT_START=$EPOCHREALTIME
