# SPDX-License-Identifier: Apache-2.0
# What the tests of exporters run beside the agent, and what measures them. They link
# what they name in a line `needs:`, as unit tests do.
drive_needs = $(patsubst %.c,$(B)/%.o,$(shell sed -n 's|^// needs: ||p' $(1)))

define drive_rule
$(B)/$(1): $(B)/$(1).o $(call drive_needs,$(1).c)
	$$(call msg,LD,$$@)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LIBS)
endef
$(foreach t,tests/backends/export_driver tests/bench/encode_bench,$(eval $(call drive_rule,$(t))))

.PHONY: export-driver encode-bench
export-driver: $(B)/tests/backends/export_driver ## spans through a queue, for tests/bats/export.bats
	@:
encode-bench: $(B)/tests/bench/encode_bench ## microseconds per span for encoding and gzip
	$(Q)$<
