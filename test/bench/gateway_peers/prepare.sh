#!/bin/bash
# prepare.sh - installs the servers that the gateway is measured beside.
#
#   test/bench/gateway_peers/prepare.sh DIRECTORY
#
# Leaves DIRECTORY/fastapi (a virtual environment) and DIRECTORY/postgraphile (node_modules), or a line
# DIRECTORY/NAME.skipped that says why not.  Registries are asked again only when the pinned versions change.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=docker/dev/lib.sh
. "$here/../../../docker/dev/lib.sh"
dir=$1
mkdir -p "$dir"
rm -f "$dir"/*.skipped

skipped() { echo "$2" >"$dir/$1.skipped"; }

# Debian's Python: the database user may be unable to read another one.
fastapi() {
	local to=$dir/fastapi
	if ! /usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null; then
		skipped fastapi "python3-venv is not installed"
		return
	fi
	if ! cmp -s "$here/requirements.txt" "$to/requirements.txt"; then
		rm -rf "$to"
		if ! { /usr/bin/python3 -m venv "$to" &&
			"$to/bin/pip" install --no-deps -r "$here/requirements.txt"; } >"$dir/fastapi.log" 2>&1; then
			skipped fastapi "pip could not install it"
			return
		fi
		cp "$here/requirements.txt" "$to/"
	fi
	cp "$here/app.py" "$to/"
}

postgraphile() {
	local to=$dir/postgraphile
	if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
		skipped postgraphile "Node.js or npm is not installed"
		return
	fi
	if ! reachable "$(readlink -f "$(command -v node)")"; then
		skipped postgraphile "the database user cannot read Node.js"
		return
	fi
	if ! cmp -s "$here/package-lock.json" "$to/package-lock.json"; then
		rm -rf "$to"
		mkdir -p "$to"
		cp "$here/package.json" "$here/package-lock.json" "$to/"
		if ! (cd "$to" && npm ci --no-audit --no-fund) >"$dir/postgraphile.log" 2>&1; then
			rm -rf "$to"
			skipped postgraphile "npm could not install it"
			return
		fi
	fi
}

fastapi
postgraphile
