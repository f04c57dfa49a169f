#!/bin/sh
# SPDX-License-Identifier: MIT
# lcov-result-merger 6.0.0 and lcov-parse 1.0.0 (npm), and the three forms in which lcov's geninfo(1) has the
# functions of a trace file, here of two functions that were both called:
# - `FN:line,name`: both read the functions and their hits
# - `FN:line,last line,name` (lcov 2): lcov-parse takes the last line for the name, and has no function's hits
# - `FNL:index,line,last line` and `FNA:index,hits,name` (lcov 2.2): lcov-parse has no functions, and the merger
#   writes a file without any, with FNF:0 and FNH:0. Lines are merged, and nothing is said.
# Exit status 0: it behaves as said here; 1: that has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts lcov-result-merger@6.0.0 lcov-parse@1.0.0
trace() { # FILE RECORDS-OF-FUNCTIONS
	printf 'TN:\nSF:/a.c\n%bFNF:2\nFNH:2\nDA:1,3\nDA:10,4\nLF:2\nLH:2\nend_of_record\n' "$2" >"$1"
}
trace lines 'FN:1,open\nFN:10,close\nFNDA:3,open\nFNDA:4,close\n'
trace ends 'FN:1,5,open\nFN:10,12,close\nFNDA:3,open\nFNDA:4,close\n'
trace indices 'FNL:0,1,5\nFNA:0,3,open\nFNL:1,10,12\nFNA:1,4,close\n'
cat >parse.js <<'END_JS'
require('lcov-parse')(process.argv[2], (error, files) => {
  const functions = files[0].functions.details.map(({ name, hit }) => `${name} ${hit}`)
  console.log(functions.join(', ') || 'none')
})
END_JS
seen=$(
	for file in lines ends indices; do
		mkdir "$file-folder"
		cp $file "$file-folder/a"
		cp $file "$file-folder/b"
		merged=$(node_modules/.bin/lcov-result-merger "$file-folder/*" | grep -E '^(FN|DA:1,)' | tr '\n' ' ')
		printf '%s, parsed: %s\n%s, merged with a copy: %s\n' $file "$(node parse.js $file)" $file "$merged"
	done
)
printf '%s\n' "$seen"
[ "$seen" = 'lines, parsed: open 3, close 4
lines, merged with a copy: FN:1,open FN:10,close FNF:2 FNH:2 FNDA:6,open FNDA:8,close DA:1,6 
ends, parsed: 5 undefined, 12 undefined
ends, merged with a copy: FN:1,5,open FN:10,12,close FNF:2 FNH:2 FNDA:6,open FNDA:8,close DA:1,6 
indices, parsed: none
indices, merged with a copy: FNF:0 FNH:0 DA:1,6 ' ]
