# Unit tests of the gateway: which of its sources a test is linked with.

gateway = $(patsubst %,$(root)/gateway/%.c,$(1))

LINK_test_gw_router  = $(call gateway,router target)
LINK_test_gw_config  = $(call gateway,config strbuf)
LINK_test_gw_jwt     = $(call gateway,auth jwt jwt_key strbuf)
LINK_test_gw_keys    = $(call gateway,jwt jwt_key strbuf)
LINK_test_gw_json    = $(call gateway,json_check strbuf)
LINK_test_gw_problem = $(call gateway,problem dberror strbuf)
LINK_test_gw_header  = $(call gateway,http_check precondition random_id problem strbuf)
LINK_test_gw_fuzz    = $(call gateway,router target http_check precondition random_id problem strbuf json_check jwt jwt_key position hosts) \
	$(wildcard $(root)/test/fuzz/gw_*.c)
LINK_test_gw_wheel   = $(call gateway,wheel)
LINK_test_gw_position = $(call gateway,position)
LINK_test_gw_hosts   = $(call gateway,hosts strbuf)

LIBS_test_gw_jwt  = -ljansson -lcrypto
LIBS_test_gw_keys = -ljansson -lcrypto
LIBS_test_gw_json = -ljansson
LIBS_test_gw_problem = -ljansson
LIBS_test_gw_fuzz = -ljansson -lcrypto -lpq
LIBS_test_gw_hosts = -lpq

gateway_flags = -D_GNU_SOURCE -isystem $(shell pg_config --includedir 2>/dev/null || echo /usr/include/postgresql) \
	-DAGENDA_VERSION=\"$(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(root)/extension/pg_agenda.control)\"
$(foreach t,router config jwt keys json problem header wheel position hosts fuzz,$(eval CPPFLAGS_test_gw_$(t) = $(gateway_flags)))

$(build)/gateway/%.o: $(root)/gateway/%.c $(root)/extension/errcodes.h
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(SANITIZE) $(gateway_flags) -I$(root)/extension -c -o $@ $<
$(build)/test/fuzz/gw_%.o: $(root)/test/fuzz/gw_%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(SANITIZE) $(gateway_flags) -I$(root)/extension -I$(root) -c -o $@ $<
$(root)/extension/errcodes.h: $(root)/extension/errcodes.txt $(root)/extension/errcodes.awk
	awk -f $(root)/extension/errcodes.awk $< > $@
