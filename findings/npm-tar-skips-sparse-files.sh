#!/bin/sh
# SPDX-License-Identifier: MIT
# tar 7.5.23 (npm), and archives of GNU tar's --sparse, as disk images and dumps of memory are packed:
# - of GNU tar's own format (type S, --format=gnu, Debian's default) the file is left out: tar.x() and tar.t()
#   with strict: true succeed, and onwarn hears nothing
# - of the pax format (GNU.sparse.* 1.0) the file comes as GNUSparseFile.PID/disk, with its map and without its
#   holes, and nothing is said either
# GNU tar's manual has both formats, and GNU tar unpacks both.
# Exit status 0: it behaves as said here; 1: that has changed. Needs GNU tar, and a file system with holes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "type": "module" }' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts tar@7.5.23
truncate -s 1M disk
printf data | dd of=disk bs=1 seek=500000 conv=notrunc 2>/dev/null
for format in gnu pax; do
	mkdir $format $format-npm
	tar --sparse --format=$format -cf $format.tar disk
	tar -C $format -xf $format.tar
	cmp disk $format/disk
done
cat >look.js <<'END_JS'
import { readdirSync, statSync } from 'node:fs'
import * as tar from 'tar'

for (const format of ['gnu', 'pax']) {
  const warnings = []
  const listed = []
  const options = { file: `${format}.tar`, strict: true, onwarn: code => warnings.push(code) }
  await tar.t({ ...options, onReadEntry: entry => listed.push(entry.path) })
  await tar.x({ ...options, cwd: `${format}-npm` })
  const files = readdirSync(`${format}-npm`, { recursive: true })
    .map(name => ({ name, stat: statSync(`${format}-npm/${name}`) }))
    .filter(({ stat }) => stat.isFile())
    .map(({ name, stat }) => `${name}, ${stat.size === 1 << 20 ? 'all' : 'less'} of its bytes`)
  const text = { warnings, listed, files }
  console.log(`${format}: ${JSON.stringify(text).replaceAll(/File\.\d+/g, 'File.PID')}`)
}
END_JS
seen=$(node look.js)
printf '%s\n' "$seen"
[ "$seen" = 'gnu: {"warnings":[],"listed":[],"files":[]}
pax: {"warnings":[],"listed":["./GNUSparseFile.PID/disk"],"files":["GNUSparseFile.PID/disk, less of its bytes"]}' ]
