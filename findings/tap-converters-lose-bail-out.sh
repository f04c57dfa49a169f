#!/bin/sh
# SPDX-License-Identifier: MIT
# tap-xunit 2.4.1 and tap-junit 5.0.4 (npm), which make JUnit's XML of TAP:
# `Bail out!` says that the run is given up, and its tests up to the plan did not run: so a program tells that
# its machine died. Neither report has a failure, an error or the reason, and both exit with 0; tap-xunit
# does so for a run that stops in the middle of its plan, too. tap-parser 18.3.4 says that both runs failed.
# Exit status 0: it behaves as said here; 1: that has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts tap-parser@18.3.4 tap-xunit@2.4.1 tap-junit@5.0.4
printf 'TAP version 13\n1..3\nok 1 - first\nBail out! Kernel panic\n' >bail-out
printf 'TAP version 13\n1..3\nok 1 - first\n' >short
export PATH="$folder/node_modules/.bin:$PATH"
look() {
	status=0
	said=$("$1" <"$2") || status=$?
	reported=$(printf '%s\n' "$said" | grep -oE '<(failure|error)|failures="[1-9]"|panic' | tr '\n' ' ')
	printf '%s, %s: status %d, reports: %s\n' "$2" "$1" $status "${reported:-no failure}"
}
seen=$(
	for file in bail-out short; do
		status=0
		tap-parser <$file >/dev/null || status=$?
		printf '%s, tap-parser: status %d\n' $file $status
		look tap-xunit $file
		look tap-junit $file
	done
)
printf '%s\n' "$seen"
[ "$seen" = 'bail-out, tap-parser: status 1
bail-out, tap-xunit: status 0, reports: no failure
bail-out, tap-junit: status 0, reports: no failure
short, tap-parser: status 1
short, tap-xunit: status 0, reports: no failure
short, tap-junit: status 0, reports: failures="1" failures="1" ' ]
