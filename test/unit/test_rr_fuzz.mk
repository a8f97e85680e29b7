# the targets of test/fuzz with their corpus, without a fuzzer
LINK_test_rr_fuzz = $(recurrence) $(root)/test/fuzz/rr_parse.c $(root)/test/fuzz/rr_expand.c
CPPFLAGS_test_rr_fuzz = -D_DEFAULT_SOURCE
$(build)/test/fuzz/%.o: $(root)/test/fuzz/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(SANITIZE) -I$(root)/extension -I$(root) -c -o $@ $<
