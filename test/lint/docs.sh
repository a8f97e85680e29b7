#!/bin/bash
# docs.sh - what the code offers and the documentation does not mention: settings, environment
# variables, errors, events, SQL functions, REST paths, metrics; links and files that are not there.
set -eu

# missing DOCUMENT: names on stdin that do not stand in it
missing() {
	local name
	while read -r name; do
		[ -n "$name" ] || continue
		grep -qF -e "$name" "$1" 2>/dev/null || echo "$1:1: does not mention $name"
	done
}

grep -oE '"agenda\.[a-z_]+"' extension/settings.c | tr -d '"' | sort -u | missing docs/settings.md
# a gateway setting jwt-key-file is the environment variable AGENDA_JWT_KEY_FILE
sed -nE 's/^\t(TEXT|NUMBER)\("([a-z-]+)".*/\2/p; s/^\t\{ "([a-z-]+)", KIND.*/\1/p' gateway/config.c |
	tr 'a-z-' 'A-Z_' | sed 's/^/AGENDA_/' | missing docs/settings.md
grep -ohE '^#   AGENDA_[A-Z_]+' docker/dev/run.sh | tr -d '# ' | missing docs/settings.md

# the row of an error: state, HTTP status, name, and the title, which may be explained further
sed -nE 's/^([0-9A-Z]+)[[:space:]]+[A-Z_-]+[[:space:]]+([0-9]+)[[:space:]]+([a-z-]+)[[:space:]]+(.*)/| \1 | \2 | \3 | \4/p' extension/errcodes.txt |
	missing docs/errors.md
grep -ohE "'(task|recurring_task|reminder|notification|preferences)\.[a-z_]+'" sql/*.sql sql/*/*.sql |
	tr -d "'" | sort -u | missing docs/events.md
grep -ohE '^create (or replace )?function agenda\.[a-z][a-z0-9_]*' sql/api/*.sql sql/schema/*.sql |
	sed 's/.*agenda\.//' | grep -vE '^gw_|^rrule_(in|out|recv|send|cmp|eq|ne|lt|le|gt|ge|hash.*)$' |
	sort -u | missing docs/sql.md
tr "\n" " " <gateway/metrics.c | grep -oE '"[a-z_]+",[[:space:]]*"(counter|gauge|histogram)"' | sed 's/^"\([a-z_]*\)".*/agenda_gateway_\1/' |
	sort -u | missing docs/metrics.md
grep -oE '^ROUTE\([a-z_]+, [A-Z]+, "[^"]+"' gateway/routes.def | sed 's/.*"\(.*\)"/\x60\1\x60/' |
	sort -u | missing docs/rest.md

git ls-files '*.md' | xargs python3 test/lint/links.py
