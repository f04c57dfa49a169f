#!/bin/sh
# SPDX-License-Identifier: MIT
# istanbul-lib-coverage 3.2.2 (npm): merging two maps of a file loses hits. Where a line has two branches in the
# first map and three in the second, as C has for two kernels, the third one and its hits are dropped; merged the
# other way round they are kept. Of two statements at one place the last one's hits are taken for both, so that a
# statement that ran is uncovered once its map is merged with a copy of itself.
# Exit status 0: it behaves as said here; 1: that has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "type": "module" }' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts istanbul-lib-coverage@3.2.2
cat >merge.js <<'END'
import coverage from 'istanbul-lib-coverage'

const place = line => ({ start: { line, column: 0 }, end: { line, column: 9 } })
const none = { path: '/a.c', statementMap: {}, s: {}, fnMap: {}, f: {}, branchMap: {}, b: {} }
const branches = (...hits) => ({
  ...none,
  branchMap: { 0: { type: 'if', line: 5, loc: place(5), locations: hits.map(() => place(5)) } },
  b: { 0: hits },
})
const statements = (...hits) => ({
  ...none,
  statementMap: Object.fromEntries(hits.map((_, key) => [key, place(1)])),
  s: { ...hits },
})
const merged = (...files) => {
  const map = coverage.createCoverageMap({})
  for (const file of files) map.addFileCoverage(structuredClone(file))
  return map.fileCoverageFor('/a.c')
}
const show = value => JSON.stringify(value)
console.log('[1,2] with [1,2,3]:', show(merged(branches(1, 2), branches(1, 2, 3)).b))
console.log('[1,2,3] with [1,2]:', show(merged(branches(1, 2, 3), branches(1, 2)).b))
const once = merged(statements(1, 0))
const twice = merged(statements(1, 0), statements(1, 0))
console.log('statements:', show(once.s), `line 1: ${once.getLineCoverage()[1]}`)
console.log('with a copy:', show(twice.s), `line 1: ${twice.getLineCoverage()[1]}`)
END
seen=$(node merge.js)
expected='[1,2] with [1,2,3]: {"0":[2,4]}
[1,2,3] with [1,2]: {"0":[2,4,3]}
statements: {"0":1,"1":0} line 1: 1
with a copy: {"0":0} line 1: 0'
printf '%s\n' "$seen"
[ "$seen" = "$expected" ]
