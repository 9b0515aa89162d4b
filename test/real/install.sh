#!/usr/bin/env bash
# The real programs that the tests of this folder speak to, from Debian's packages: prometheus, promtool,
# alertmanager, pgbouncer and chromium, with a font that has Chinese. Does nothing where they are already. Wants root, or sudo without a password.
set -euo pipefail

# Where Debian puts what is no command for everybody.
PATH="$PATH:/usr/sbin"
have_all() {
  local program
  for program in prometheus promtool prometheus-alertmanager amtool chromium pgbouncer; do command -v "$program" >/dev/null || return 1; done
}
if have_all; then
  exit 0
fi
as_root=()
if [[ $(id -u) != 0 ]]; then as_root=(sudo -n); fi
# The packages start services when they are installed; 101 from this file tells them not to (policy-rc.d(8) of Debian).
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
  "${as_root[@]}" chmod +x $policy
  trap '"${as_root[@]}" rm -f $policy' EXIT
fi
"${as_root[@]}" apt-get update -q
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -q -y --no-install-recommends prometheus prometheus-alertmanager \
  chromium fonts-wqy-microhei pgbouncer
