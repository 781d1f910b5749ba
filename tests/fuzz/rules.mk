# SPDX-License-Identifier: Apache-2.0
# rules.mk - fuzzers, by libFuzzer. Included by the Makefile.
#
#	make fuzz T=60 [P=http1]	each for T seconds, in turn
#
# Seeds are in tests/fuzz/corpus/NAME; what is found goes to $(FUZZ_B)/NAME.corpus, and
# a crash to $(FUZZ_B)/NAME-crash-..: run the fuzzer with that file to see it again.
FUZZ_B     := build-fuzz
# One fuzzer a row of the table of protocols, all of fuzz_proto.c: &otr_NAME, is the row's line.
FUZZ_PROTO := $(shell sed -n 's/^\t&otr_\([a-z0-9_]*\),$$/\1/p' agent/proto/table.c)
FUZZ_NAMES := $(filter-out proto,$(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))) $(FUZZ_PROTO)
ifeq ($(wildcard agent/source/event.c),)
FUZZ_NAMES := $(filter-out event,$(FUZZ_NAMES))
endif
P ?= $(FUZZ_NAMES)
T ?= 60

FUZZ_FLAGS := $(CSTD) $(WARN) -Wno-implicit-fallthrough -D_GNU_SOURCE -DXXH_INLINE_ALL -DHASH_NONFATAL_OOM=1 -I. -O1 -g \
	-fno-omit-frame-pointer -fno-sanitize-recover=all
FUZZ_SAN   := address,undefined
FUZZ_SRC   := $(wildcard agent/proto/*.c) $(filter-out agent/base/confine.c,$(wildcard agent/base/*.c)) $(wildcard agent/span/*.c) \
	tests/fuzz/laws.c tests/fuzz/laws_describe.c tests/fuzz/conv.c \
	$(wildcard agent/source/event.c)

# Each source is compiled once, for all fuzzers.
obj = $(patsubst %.c,$(FUZZ_B)/obj/%.o,$(1))
$(FUZZ_B)/obj/%.o: %.c $(FUZZ_B)/flags
	$(Q)mkdir -p $(@D) && $(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,$(FUZZ_SAN) -MMD -MP -c -o $@ $<
$(FUZZ_B)/flags: FORCE
	$(Q)mkdir -p $(@D); echo '$(CLANG) $(FUZZ_FLAGS) $(FUZZ_SAN)' | { cmp -s - $@ || echo '$(CLANG) $(FUZZ_FLAGS) $(FUZZ_SAN)' >$@; }
-include $(shell find $(FUZZ_B)/obj -name '*.d' 2>/dev/null)

# All that a pipeline is made of, for the one fuzzer that drives it.
FUZZ_PIPE := $(filter-out $(FUZZ_SRC),$(wildcard agent/pipeline.c agent/base/loss.c \
	agent/stream/*.c agent/stitch/*.c agent/sample/*.c agent/resource/*.c))
$(FUZZ_B)/fuzz_pipeline: $(call obj,$(FUZZ_PIPE))

$(FUZZ_B)/fuzz_ring: $(call obj,agent/source/ring_reader.c)

$(FUZZ_B)/fuzz_config: $(call obj,$(wildcard agent/config/*.c))
$(FUZZ_B)/fuzz_config: FUZZ_LIBS := -lyaml

$(FUZZ_B)/fuzz_capture: $(call obj,$(addprefix agent/source/,packet.c tcp_order.c tcp_conns.c tcp_emit.c \
	endpoint.c) agent/resource/read.c)

.PHONY: fuzz fuzz-seeds
fuzz: $(P:%=$(FUZZ_B)/fuzz_%) ## fuzzers, each T=60 seconds; P=http1 for one
	$(Q)set -e -o pipefail; for p in $(P); do \
		mkdir -p $(FUZZ_B)/$$p.corpus tests/fuzz/corpus/$$p; \
		$(FUZZ_B)/fuzz_$$p -max_total_time=$(T) -max_len=8192 -timeout=10 \
			-rss_limit_mb=1024 -print_final_stats=1 -verbosity=0 \
			-artifact_prefix=$(FUZZ_B)/$$p- \
			$(FUZZ_B)/$$p.corpus tests/fuzz/corpus/$$p 2>&1 | \
			{ grep -E '^==.*ERROR|^law |SUMMARY|Test unit|executed_units' || true; } | \
			sed "s/^/  $$p: /"; \
	done

$(FUZZ_PROTO:%=$(FUZZ_B)/obj/fuzz_%.o): $(FUZZ_B)/obj/fuzz_%.o: tests/fuzz/fuzz_proto.c $(FUZZ_B)/flags
	$(Q)mkdir -p $(@D) && $(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,$(FUZZ_SAN) -DOTR_FUZZ_PROTO='"$*"' -MMD -MP -c -o $@ $<
$(FUZZ_B)/obj/fuzz_%.o: $(FUZZ_B)/obj/tests/fuzz/fuzz_%.o
	$(Q)cp $< $@

$(FUZZ_B)/fuzz_%: $(FUZZ_B)/obj/fuzz_%.o $(call obj,$(FUZZ_SRC))
	$(call msg,FUZZ,$@)
	$(Q)$(CLANG) -fsanitize=fuzzer,$(FUZZ_SAN) -o $@ $(sort $^) $(FUZZ_LIBS)

fuzz-seeds: ## make the fuzzers' seeds of the golden conversations
	$(Q)for d in tests/golden/proto/*/; do \
		p=$$(basename $$d); \
		python3 tests/fuzz/seed.py tests/fuzz/corpus/$$p $$d*.conv; \
	done
