# SPDX-License-Identifier: Apache-2.0
# What the tests of exporters run beside the agent, and what measures them. Both link
# libagent.a, as unit tests do.
DRIVERS := $(B)/tests/backends/export_driver $(B)/tests/bench/encode_bench
$(DRIVERS): %: %.o $(B)/libagent.a
	$(call msg,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: export-driver encode-bench backends
backends: ## Collector, Jaeger, Zipkin and Prometheus, built into $OTRACE_CACHE for tests of exporters
	$(Q)for name in otelcol jaeger zipkin prometheus; do \
		tests/backends/get-$$name.sh "$${OTRACE_CACHE:-$${HOME:-/var}/.cache/otrace}" || exit 1; done
export-driver: $(B)/tests/backends/export_driver ## spans through a queue, for tests/bats/export.bats
	@:
encode-bench: $(B)/tests/bench/encode_bench ## microseconds per span for encoding and gzip
	$(Q)$<
