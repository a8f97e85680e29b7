# The envelope is server code: it is compiled with PostgreSQL's headers, under which the strictest
# warnings do not pass, and linked with PostgreSQL's common library for StringInfo.

PG_CONFIG ?= $(firstword $(wildcard /usr/lib/postgresql/15/bin/pg_config) pg_config)

$(build)/bgworker/envelope.o $(build)/test/unit/test_envelope.o: ALL_CFLAGS = \
	-std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-sign-compare \
	-Wno-missing-field-initializers $(CFLAGS) -MMD -MP \
	-I$(root)/bgworker -I$(shell $(PG_CONFIG) --includedir-server)
LINK_test_envelope = $(root)/bgworker/envelope.c
# Debian keeps it in the first directory, an installation from source in the second
LIBS_test_envelope = -L$(shell $(PG_CONFIG) --pkglibdir) -L$(shell $(PG_CONFIG) --libdir) \
	-lpgcommon -lpgport
