# SPDX-License-Identifier: Apache-2.0
# What the tests of exporters run beside the agent, and what measures them. Both link
# libagent.a, as unit tests do.
DRIVERS := $(B)/tests/backends/export_driver $(B)/tests/bench/encode_bench
$(DRIVERS): %: %.o $(B)/libagent.a
	$(call msg,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: export-driver encode-bench
export-driver: $(B)/tests/backends/export_driver ## spans through a queue, for tests/bats/export.bats
	@:
encode-bench: $(B)/tests/bench/encode_bench ## microseconds per span for encoding and gzip
	$(Q)$<
