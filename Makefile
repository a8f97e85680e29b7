# pg_agenda: the one entry.  Plain make builds pg_agenda.so by PGXS and needs neither librdkafka
# nor libcurl, libical or libmicrohttpd; "make world" adds the Kafka publisher, the sender of webhooks
# and mails, the iCalendar format and the gateway by their own Makefiles.

here       := $(dir $(firstword $(MAKEFILE_LIST)))
EXTENSION   = extension/pg_agenda
# the only version number of the repository stands in the control file
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(here)extension/pg_agenda.control)

MODULE_big    = pg_agenda
SHLIB_EXPORTS = extension/exports.txt
OBJS = \
	extension/init.o \
	extension/settings.o \
	extension/identity.o \
	extension/user.o \
	extension/engine_lock.o \
	extension/clock.o \
	extension/time_text.o \
	extension/uuid7.o \
	extension/event_log.o \
	extension/emit.o \
	extension/table.o \
	extension/table_write.o \
	extension/sql_call.o \
	extension/json_text.o \
	extension/jsonb_write.o \
	extension/row_json.o \
	extension/preferences.o \
	extension/timer.o \
	extension/notification.o \
	extension/task_row.o \
	extension/task_valid.o \
	extension/task_state.o \
	extension/task_json.o \
	extension/task_trigger.o \
	extension/task_create.o \
	extension/reminder_input.o \
	extension/task_gateway.o \
	extension/json_member.o \
	extension/table_default.o \
	extension/task_policy.o \
	extension/silence.o \
	extension/backlog.o \
	extension/owner.o \
	extension/wake.o \
	extension/shmem.o \
	extension/health.o \
	extension/metrics.o \
	extension/ical.o \
	extension/database_hook.o \
	extension/rrule_type.o \
	extension/rrule_func.o \
	extension/rrule_zone.o \
	extension/rrule_set.o \
	extension/rrule_support.o \
	extension/rrule_json.o \
	extension/rrule_phrase.o \
	extension/recurrence/civil.o \
	extension/recurrence/parse.o \
	extension/recurrence/format.o \
	extension/recurrence/plain.o \
	extension/recurrence/plan.o \
	extension/recurrence/count.o \
	extension/recurrence/expand.o \
	extension/recurrence/fill.o \
	extension/recurrence/subday.o \
	extension/recurrence/classes.o \
	extension/recurrence/clocks.o \
	extension/recurrence/sieve.o \
	extension/recurrence/sparse.o \
	extension/recurrence/search.o \
	extension/recurrence/subcount.o \
	extension/recurrence/zone.o \
	extension/recurrence/set.o \
	extension/recurrence/set_left.o \
	extension/recurrence/elapsed.o \
	extension/recurrence/pattern.o \
	extension/recurrence/describe.o \
	extension/recurrence/phrase.o \
	extension/recurrence/phrase_days.o \
	extension/recurrence/phrase_end.o \
	extension/recurrence/phrase_except.o \
	extension/recurrence/phrase_note.o \
	extension/recurrence/phrase_times.o \
	extension/recurrence/phrase_words.o \
	extension/recurrence/phrase_english.o \
	bgworker/worker.o \
	bgworker/launcher.o \
	bgworker/scan.o \
	bgworker/scanner.o \
	bgworker/extra_scanner.o \
	bgworker/drainer.o \
	bgworker/drainer_publisher.o \
	bgworker/standbys.o \
	bgworker/table_mark.o \
	bgworker/log_leaves.o \
	bgworker/log_routes.o \
	bgworker/log_reader.o \
	bgworker/event.o \
	bgworker/share.o \
	bgworker/window.o \
	bgworker/dead_letters.o \
	bgworker/delivery.o \
	bgworker/envelope.o \
	bgworker/deliverer.o \
	bgworker/properties.o

# the install script is these files in this order; OR REPLACE stays out of it, so that nobody
# can put an object in place beforehand and have it adopted
SQL_PARTS = sql/header.sql \
	$(sort $(wildcard $(srcdir)/sql/schema/*.sql)) \
	$(sort $(wildcard $(srcdir)/sql/api/*.sql)) \
	sql/triggers.sql sql/row_security.sql sql/grants.sql sql/config_dump.sql
DATA_built = sql/pg_agenda--$(EXTVERSION).sql

PG_CPPFLAGS = -I$(srcdir)/extension -I$(srcdir)/bgworker -Iextension \
	-DAGENDA_VERSION=\"$(EXTVERSION)\"
PG_CFLAGS   = -MMD -MP -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers -Wno-cast-function-type
EXTRA_CLEAN = $(OBJS:.o=.d) extension/errcodes.h sql/pg_agenda--*.sql
# for VPATH builds
$(shell mkdir -p $(sort $(dir $(OBJS))) sql)

PG_CONFIG ?= $(firstword $(wildcard /usr/lib/postgresql/15/bin/pg_config) pg_config)
export PG_CONFIG
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(PGXS),)
include $(PGXS)
else
all install:
	@echo "pg_config of PostgreSQL's development files was not found; make deps installs them" >&2
	@false
endif
-include $(OBJS:.o=.d)

$(OBJS): extension/errcodes.h
# bitcode follows headers through its object file
$(OBJS:.o=.bc): %.bc: %.o

extension/errcodes.h: extension/errcodes.txt extension/errcodes.awk
	awk -f $(srcdir)/extension/errcodes.awk $< > $@

sql/pg_agenda--$(EXTVERSION).sql: $(SQL_PARTS) $(srcdir)/extension/pg_agenda.control
	cat $(filter %.sql,$^) | sed -E 's/^create or replace /create /' > $@

# ---- everything else: one verb, one script -------------------------------------------------
.PHONY: world install-world uninstall-world kafka delivery ical gateway clean-world
world: all kafka delivery ical gateway
kafka: extension/errcodes.h
	$(MAKE) -C bgworker/kafka
delivery: extension/errcodes.h
	$(MAKE) -C bgworker/curl
ical:
	$(MAKE) -C extension/ical
gateway: extension/errcodes.h
	$(MAKE) -C gateway
install-world: world install
	$(MAKE) -C bgworker/kafka install
	$(MAKE) -C bgworker/curl install
	$(MAKE) -C extension/ical install
	$(MAKE) -C gateway install
uninstall-world: uninstall
	$(MAKE) -C bgworker/kafka uninstall
	$(MAKE) -C bgworker/curl uninstall
	$(MAKE) -C extension/ical uninstall
	$(MAKE) -C gateway uninstall
clean: clean-world
clean-world:
	$(MAKE) -C bgworker/kafka clean
	$(MAKE) -C bgworker/curl clean
	$(MAKE) -C extension/ical clean
	$(MAKE) -C gateway clean
	rm -rf build

.PHONY: deps run stop status token psql test check-fast bench torture fuzz valgrind check-valgrind lint format dist
# DESTDIR, PG_CONFIG and friends reach the scripts through the environment
deps:
	./docker/dev/deps.sh build run test
run:
	@./docker/dev/run.sh
stop:
	@./docker/dev/stop.sh
status:
	@./docker/dev/status.sh
# the name verbatim: make would expand a dollar in it
token: export AGENDA_SUBJECT = $(value USER)
token: export AGENDA_USER_ORIGIN = $(origin USER)
token:
	@./docker/dev/token.sh
psql:
	@./docker/dev/psql.sh
test:
	@./test/run
check-fast:
	@./test/run --fast
# ARGS='rrule get': these parts only
bench:
	@./test/bench/run $(ARGS)
torture:
	@MINUTES='$(MINUTES)' ./test/torture/run
# MINUTES=n for each target
fuzz:
	@MINUTES='$(MINUTES)' ./test/fuzz/run
valgrind:
	@./test/valgrind/run
check-valgrind:
	@./test/valgrind/server
lint:
	@./test/lint/run
format:
	clang-format-14 -i $$(git ls-files '*.c' '*.h')
dist:
	git archive --prefix=pg_agenda-$(EXTVERSION)/ -o pg_agenda-$(EXTVERSION).tar.gz HEAD
