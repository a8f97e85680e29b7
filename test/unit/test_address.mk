LINK_test_address = $(root)/bgworker/curl/address.c
$(build)/bgworker/curl/address.o $(build)/test/unit/test_address.o: ALL_CFLAGS = \
	-std=gnu11 $(WARNINGS) $(CFLAGS) -MMD -MP
