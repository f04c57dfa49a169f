#!/bin/sh
# SPDX-License-Identifier: MIT
# test-results-parser 0.4.6 (npm), by which testbeats reads JUnit reports, beside junit-to-ctrf 0.0.14, and reports
# that are valid by Jenkins' schema of them (junit-10.xsd):
# - nested: a suite with tests of its own may have suites in it, too. Those are left out, and a run whose one
#   failed test is in such a suite is PASS; only what the outer suite counts as its own failures is told.
# - uncounted: a suite need not say how many of its tests failed. One that has a failed test, and does not say so, is
#   SKIP, and the run has NaN passed and NaN failed.
# Exit status 0: it behaves as said here; 1: that has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts test-results-parser@0.4.6 junit-to-ctrf@0.0.14
cat >nested.xml <<'END_XML'
<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="kernel" tests="1" failures="0" errors="0">
    <testcase classname="kernel" name="boots" time="0.1"/>
    <testsuite name="netlink" tests="1" failures="1" errors="0">
      <testcase classname="netlink" name="answers" time="0.1"><failure message="no answer"/></testcase>
    </testsuite>
  </testsuite>
</testsuites>
END_XML
cat >uncounted.xml <<'END_XML'
<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="kernel" tests="2">
    <testcase classname="kernel" name="boots" time="0.1"/>
    <testcase classname="kernel" name="answers" time="0.1"><failure message="no answer"/></testcase>
  </testsuite>
</testsuites>
END_XML
cat >look.js <<'END_JS'
const { readFileSync } = require('node:fs')
const { parse } = require('test-results-parser')

for (const name of ['nested', 'uncounted']) {
  const { tests } = JSON.parse(readFileSync(`${name}.json`, 'utf8')).results
  console.log(`${name}, junit-to-ctrf: ${tests.map(test => `${test.name} ${test.status}`).join(', ')}`)
  const { status, total, passed, failed, suites } = parse({ type: 'junit', files: [`${name}.xml`] })
  const shown = suites.map(suite => `${suite.name} ${suite.status} (${suite.cases.map(it => it.name).join(', ')})`)
  console.log(`${name}: ${status}, ${total} tests, ${passed} passed, ${failed} failed: ${shown.join('; ')}`)
}
END_JS
seen=$(
	for name in nested uncounted; do
		node_modules/.bin/junit-to-ctrf $name.xml -o $name.json >/dev/null
	done
	node look.js
)
printf '%s\n' "$seen"
[ "$seen" = 'nested, junit-to-ctrf: kernel: boots passed, netlink: answers failed
nested: PASS, 1 tests, 1 passed, 0 failed: kernel PASS (boots)
uncounted, junit-to-ctrf: kernel: boots passed, kernel: answers failed
uncounted: SKIP, 2 tests, NaN passed, NaN failed: kernel SKIP (boots, answers)' ]
