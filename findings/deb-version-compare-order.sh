#!/bin/sh
# SPDX-License-Identifier: MIT
# deb-version-compare 1.2.1 (npm), beside dpkg, whose rules (deb-version(7), Debian's policy 5.6.12) it quotes:
# - a version without a revision equals its revisions in one order, and is less in the other: 6.12 equals
#   6.12-1, but 6.12-1 is greater than 6.12. So a sorted list depends on the order that it had.
# - 6.12-0 equals 6.12, as dpkg has it, or is greater, as the order is
# - digits are numbers for dpkg; here 6.00 is less than 6.0, and 6.0 less than 6.00
# Exit status 0: it behaves as said here; 1: that has changed. Needs dpkg.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts deb-version-compare@1.2.1
cat >look.js <<'END_JS'
const { spawnSync } = require('node:child_process')
const compare = require('deb-version-compare')

const dpkg = (...versions) => {
  const is = relation => spawnSync('dpkg', ['--compare-versions', versions[0], relation, versions[1]]).status === 0
  return is('lt') ? '<' : is('gt') ? '>' : '='
}
const pairs = [['6.12.9-1', '6.12.10-1'], ['6.12', '6.12-1'], ['6.12', '6.12-0'], ['6.00', '6.0']]
for (const pair of pairs.flatMap(([a, b]) => [[a, b], [b, a]])) {
  console.log(`${pair}: dpkg ${dpkg(...pair)} here ${'<=>'[Math.sign(compare(...pair)) + 1]}`)
}
END_JS
seen=$(node look.js)
printf '%s\n' "$seen"
[ "$seen" = '6.12.9-1,6.12.10-1: dpkg < here <
6.12.10-1,6.12.9-1: dpkg > here >
6.12,6.12-1: dpkg < here =
6.12-1,6.12: dpkg > here >
6.12,6.12-0: dpkg = here =
6.12-0,6.12: dpkg = here >
6.00,6.0: dpkg = here <
6.0,6.00: dpkg = here <' ]
