# shellcheck shell=bash
# stage.sh - what test/run and test/bench/run do before anything is run: install, build, stage.
#
# prepare_tests leaves: SOURCE (the tree as the database user can read it), PREFIX (the private
# PostgreSQL), OUT (an empty directory of that user), KAFKA (class path of a real Kafka, or empty).
# exec_in_test_environment then becomes a command under that user.  Sourced after lib.sh.

# The tree that the tests see: this one, or a copy if the database user cannot read this one.
stage_source() {
	local copy
	if reachable "$AGENDA_ROOT/test/lib/run_tests.pl"; then
		printf '%s\n' "$AGENDA_ROOT"
		return
	fi
	copy=$1/src
	rm -rf "$copy"
	mkdir -p "$copy"
	tar -C "$AGENDA_ROOT" --exclude=./.git --exclude=./.run --exclude=./build -cf - . |
		tar -C "$copy" --no-same-permissions -xf -
	chmod -R a+rX "$copy"
	printf '%s\n' "$copy"
}

# The class path of a real Kafka, empty (with the reason on stderr) where there is none.
kafka_lib() {
	local answer
	if answer=$(AGENDA_STAGING="$1" "$AGENDA_ROOT/test/kafka/fetch.sh" 2>"$1/log/kafka_fetch.log"); then
		printf '%s\n' "$answer"
	else
		say "no real Kafka: $(tail -n 1 "$1/log/kafka_fetch.log")"
	fi
}

# prepare_tests NAME: NAME is the folder of the output below the staging directory.
prepare_tests() {
	local stage
	"$AGENDA_ROOT/docker/dev/deps.sh" build run test
	say "building (log in build/log/)"
	build_world
	logged "$AGENDA_ROOT/build/log/unit.log" \
		make -C "$AGENDA_ROOT/test/unit" --no-print-directory -j2 all ||
		die "the unit tests do not build, see build/log/unit.log"
	stage=$(staging_dir)
	mkdir -p "$stage/log"
	# not the copy of make run: its server goes on with the build that it has
	PREFIX=$stage/prefix-test
	stage_prefix "$PREFIX"
	SOURCE=$(stage_source "$stage")
	KAFKA=$(kafka_lib "$stage")
	OUT=$stage/$1
	rm -rf "$OUT"
	own_dir "$OUT"
}

exec_in_test_environment() {
	local pgxs
	pgxs=$("$PG_CONFIG" --pgxs)
	pgxs=${pgxs%/src/makefiles/pgxs.mk}
	exec_as_db_user env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL \
		-u AGENDA_KAFKA_BROKERS -u AGENDA_URL -u AGENDA_PORT -u AGENDA_PGPORT \
		-u PGTZ -u PGDATESTYLE HOME="$OUT" LANG=C.UTF-8 LC_ALL=C.UTF-8 TZ=UTC \
		PATH="$(prefix_bindir "$PREFIX"):$PATH" \
		AGENDA_ROOT="$SOURCE" \
		AGENDA_GATEWAY="$(prefix_gateway "$PREFIX")" \
		AGENDA_DEVBROKER="$(prefix_devbroker "$PREFIX")" \
		AGENDA_KAFKA_LIB="$KAFKA" \
		PGXS="$pgxs" \
		PG_REGRESS="$pgxs/src/test/regress/pg_regress" \
		PERL5LIB="$pgxs/src/test/perl:$SOURCE/test/lib" \
		TESTDIR="$OUT" \
		PG_TEST_TIMEOUT_DEFAULT="${PG_TEST_TIMEOUT_DEFAULT:-60}" \
		"$@"
}
