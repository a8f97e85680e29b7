# the targets of test/fuzz with their corpus, without a fuzzer
LINK_test_rr_fuzz = $(recurrence) $(wildcard $(root)/test/fuzz/rr_*.c)
CPPFLAGS_test_rr_fuzz = -D_DEFAULT_SOURCE
$(build)/test/fuzz/%.o: $(root)/test/fuzz/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(SANITIZE) -I$(root)/extension -I$(root) -c -o $@ $<
