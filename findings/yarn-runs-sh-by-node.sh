#!/bin/sh
# SPDX-License-Identifier: MIT
# Yarn 4.9.1 (npm: @yarnpkg/cli-dist), nodeLinker: node-modules: a package's bin is a shell script with #!/bin/sh.
# The link in node_modules/.bin runs it by sh, as npm's does. `yarn NAME` and `yarn run NAME` pass over the first
# line, and give the script to node, which ends with a SyntaxError.
# Exit status 0: it behaves as said here; 1: that has changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/tool" "$folder/project/package"
cd "$folder/tool"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts @yarnpkg/cli-dist@4.9.1
yarn=$folder/tool/node_modules/@yarnpkg/cli-dist/bin/yarn.js
cd "$folder/project"
echo '{ "name": "package", "version": "1.0.0", "bin": { "hello": "hello" } }' >package/package.json
printf '#!/bin/sh\nby=sh\necho "run by $by"\n' >package/hello
chmod +x package/hello
echo '{ "name": "project", "private": true, "dependencies": { "package": "file:./package" } }' >package.json
printf 'nodeLinker: node-modules\nenableTelemetry: false\n' >.yarnrc.yml
: >yarn.lock
export YARN_GLOBAL_FOLDER="$folder/global"
node "$yarn" install >/dev/null
say() {
	status=0
	said=$("$@" 2>&1) || status=$?
	printf 'status %d, %s\n' "$status" "$(printf '%s\n' "$said" | grep -oE 'run by sh|SyntaxError' | head -n 1)"
}
seen="the link: $(say ./node_modules/.bin/hello)
yarn hello: $(say node "$yarn" hello)
yarn run hello: $(say node "$yarn" run hello)"
expected='the link: status 0, run by sh
yarn hello: status 1, SyntaxError
yarn run hello: status 1, SyntaxError'
printf '%s\n' "$seen"
[ "$seen" = "$expected" ]
