#!/usr/bin/env bash
# `npm run test:real`: against real programs, from Debian's packages (install.sh), with the real daemon as a process.
# What was drawn lies in test-output/ afterwards.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# The Node of this project, also when this was not started by npm.
export PATH="$PWD/node_modules/.bin:$PATH"

bash test/real/install.sh
mkdir -p test-output
promtool check rules config/prometheus/rules.yaml
promtool check config config/prometheus/prometheus.yaml
amtool check-config config/alertmanager.example.yaml
promtool test rules config/prometheus/rules.test.yaml
exec vitest run --config test/real/vitest.config.ts "$@"
