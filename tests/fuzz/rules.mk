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
	-fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=all
FUZZ_SRC   := $(wildcard agent/proto/*.c) $(filter-out agent/base/confine.c,$(wildcard agent/base/*.c)) $(wildcard agent/span/*.c) \
	tests/fuzz/laws.c tests/fuzz/laws_describe.c tests/fuzz/conv.c \
	$(wildcard agent/source/event.c)

# All that a pipeline is made of, for the one fuzzer that drives it.
FUZZ_PIPE := $(filter-out $(FUZZ_SRC),$(wildcard agent/pipeline.c agent/base/loss.c \
	agent/stream/*.c agent/stitch/*.c agent/sample/*.c agent/resource/*.c))
$(FUZZ_B)/fuzz_pipeline: FUZZ_MORE := $(FUZZ_PIPE)
$(FUZZ_B)/fuzz_pipeline: $(FUZZ_PIPE)

$(FUZZ_B)/fuzz_ring: FUZZ_MORE := agent/source/ring_reader.c
$(FUZZ_B)/fuzz_ring: agent/source/ring_reader.c

FUZZ_CONFIG := $(wildcard agent/config/*.c)
$(FUZZ_B)/fuzz_config: FUZZ_MORE := $(FUZZ_CONFIG) -lyaml
$(FUZZ_B)/fuzz_config: $(FUZZ_CONFIG) $(wildcard agent/config/*.h)

FUZZ_CAPTURE := $(addprefix agent/source/,packet.c tcp_order.c tcp_conns.c tcp_emit.c endpoint.c) agent/resource/read.c
$(FUZZ_B)/fuzz_capture: FUZZ_MORE := $(FUZZ_CAPTURE)
$(FUZZ_B)/fuzz_capture: $(FUZZ_CAPTURE)

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

$(FUZZ_PROTO:%=$(FUZZ_B)/fuzz_%): $(FUZZ_B)/fuzz_%: tests/fuzz/fuzz_proto.c $(FUZZ_SRC) $(wildcard agent/proto/*.h tests/fuzz/*.h)
	$(call msg,FUZZ,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) $(FUZZ_FLAGS) -DOTR_FUZZ_PROTO='"$*"' -o $@ $< $(FUZZ_SRC) $(FUZZ_MORE)

$(FUZZ_B)/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_SRC) $(wildcard agent/proto/*.h tests/fuzz/*.h)
	$(call msg,FUZZ,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) $(FUZZ_FLAGS) -o $@ $< $(FUZZ_SRC) $(FUZZ_MORE)

fuzz-seeds: ## make the fuzzers' seeds of the golden conversations
	$(Q)for d in tests/golden/proto/*/; do \
		p=$$(basename $$d); \
		python3 tests/fuzz/seed.py tests/fuzz/corpus/$$p $$d*.conv; \
	done
