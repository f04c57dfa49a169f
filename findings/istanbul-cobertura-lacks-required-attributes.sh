#!/bin/sh
# SPDX-License-Identifier: MIT
# istanbul-reports 3.2.0 (npm): its `cobertura` report names http://cobertura.sourceforge.net/xml/coverage-04.dtd as
# its document type, and is not valid by it: `package` and `class` lack `complexity`, `method` lacks `line-rate`,
# `branch-rate` and `complexity`, which are all #REQUIRED there. coverage 7.16.2 (PyPI), which names the same, has
# `complexity` in both.
# Exit status 0: it behaves as said here; 1: that has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts \
	istanbul-reports@3.2.0 istanbul-lib-coverage@3.2.2 istanbul-lib-report@3.0.1
cat >report.js <<'END_JS'
const { createCoverageMap } = require('istanbul-lib-coverage')
const { createContext } = require('istanbul-lib-report')
const at = line => ({ start: { line, column: 0 }, end: { line, column: 9 } })
const file = {
  path: `${__dirname}/a.c`,
  statementMap: { 0: at(1), 1: at(2) },
  s: { 0: 1, 1: 0 },
  fnMap: { 0: { name: 'open', line: 1, decl: at(1), loc: at(1) } },
  f: { 0: 1 },
  branchMap: {},
  b: {},
}
const coverageMap = createCoverageMap({ [file.path]: file })
require('istanbul-reports').create('cobertura').execute(createContext({ dir: __dirname, coverageMap }))
END_JS
node report.js
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check coverage==7.16.2
echo 'print(1)' >b.py
venv/bin/coverage run b.py >/dev/null
venv/bin/coverage xml -q -o python.xml
seen=$(
	for file in cobertura-coverage.xml python.xml; do
		echo "$file names $(grep -o 'coverage-04.dtd' $file | head -n 1)"
		for element in package class method; do
			tag=$(grep -o "<$element [^>]*>" $file | head -n 1)
			for attribute in line-rate branch-rate complexity; do
				case $tag in
				'') ;;
				*" $attribute="*) echo "  $element has $attribute" ;;
				*) echo "  $element lacks $attribute" ;;
				esac
			done
		done
	done
)
printf '%s\n' "$seen"
[ "$seen" = 'cobertura-coverage.xml names coverage-04.dtd
  package has line-rate
  package has branch-rate
  package lacks complexity
  class has line-rate
  class has branch-rate
  class lacks complexity
  method lacks line-rate
  method lacks branch-rate
  method lacks complexity
python.xml names coverage-04.dtd
  package has line-rate
  package has branch-rate
  package has complexity
  class has line-rate
  class has branch-rate
  class has complexity' ]
