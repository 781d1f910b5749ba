# make            build otrace                        make V=1    show commands
# make test       everything CI runs                  make SAN=1  ASan + UBSan; SAN=thread
# make demo       nginx -> Flask -> Node, PostgreSQL: see a trace
# make help       list every target
SHELL  := /bin/bash
B      ?= build$(if $(SAN),$(if $(filter thread,$(SAN)),-tsan,-san))
CLANG  ?= clang
BPFTOOL ?= $(or $(shell command -v bpftool),/usr/sbin/bpftool)
ARCH   ?= $(shell uname -m)
BPF_ARCH := $(patsubst x86_64,x86,$(patsubst aarch64,arm64,$(ARCH)))
PREFIX ?= /usr

CSTD   := -std=gnu11
WARN   := -Wall -Wextra -Werror -Wshadow -Wformat=2 -Wundef -Wvla \
          -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
          -Wwrite-strings -Wimplicit-fallthrough
PKGS   := libbpf libelf zlib libprotobuf-c libcurl libcap-ng libseccomp libmicrohttpd yaml-0.1
GIT    := $(shell git describe --always --dirty 2>/dev/null || echo none)
CFLAGS ?= -O2 -g -fno-omit-frame-pointer
# What is compiled in against faults that are still in there; tests/bats/built.bats reads it from
# the binaries. FLOW: jumps and returns go where the program sent them (Intel CET, Arm BTI, PAC).
MACHINE := $(shell $(CC) -dumpmachine 2>/dev/null)
FLOW    := $(if $(filter x86_64-%,$(MACHINE)),-fcf-protection=full)$(if \
          $(filter aarch64-%,$(MACHINE)),-mbranch-protection=standard)
HARDEN  := -fPIE -fstack-protector-strong -fstack-clash-protection $(FLOW) \
          $(if $(SAN),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
HARD_LD := -Wl,-z,relro,-z,now,-z,noexecstack
# uthash would end the agent where it finds no memory; so it leaves hh.tbl NULL.
ALL_CFLAGS := $(CSTD) $(WARN) -D_GNU_SOURCE -DXXH_INLINE_ALL -DHASH_NONFATAL_OOM=1 -I. -I$(B) \
          $(shell pkg-config --cflags $(PKGS) 2>/dev/null) $(CFLAGS) $(HARDEN)
LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lpthread -lm
ifdef SAN
SANITIZERS := $(if $(filter thread,$(SAN)),thread,address,undefined)
SANFLAGS   := -fsanitize=$(SANITIZERS) $(if $(filter thread,$(SAN)),-Wno-tsan,-fno-sanitize-recover=all)
ALL_CFLAGS += $(SANFLAGS)
LDFLAGS    += -fsanitize=$(SANITIZERS)
endif

ifneq ($(V),1)
Q   := @
msg  = @printf '  %-8s %s\n' '$(1)' '$(patsubst $(B)/%,%,$(2))';
endif

BPF_SRC := $(wildcard bpf/*.bpf.c)
BPF_OBJ := $(BPF_SRC:%.bpf.c=$(B)/%.bpf.o)
SRC     := $(filter-out agent/main.c,$(wildcard agent/*.c agent/*/*.c exporters/*.c))
PROTO_O := $(B)/exporters/otlp.pb-c.o
LIB_OBJ := $(SRC:%.c=$(B)/%.o) $(if $(wildcard exporters/otlp.proto),$(PROTO_O))
UNIT    := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/*_test.c))

.PHONY: all help clean bench bench-instructions bench-parsers bpf preload unit FORCE
all: $(B)/otrace $(B)/libotrace.so
FORCE:

# The library lives in other people's programs: libc alone, any libc, and no thread-local
# storage but what the loader has room for at once. So neither stack protector nor FORTIFY: both
# call into glibc, which other libcs have not, and would end a program that is not ours. It is
# optimised as a whole (-flto), since a call passes through twenty small functions; the objects have
# machine code as well, for unit tests. Files that name a version of a symbol (.symver) stay apart.
SHIM_SRC := $(wildcard preload/*/*.c)
SHIM_CFLAGS := -O3 -fconserve-stack -g -fPIC -fno-plt -fno-stack-protector -U_FORTIFY_SOURCE -fstack-clash-protection $(FLOW) \
          -ftls-model=initial-exec -fasynchronous-unwind-tables
SHIM_LTO := -flto=auto -ffat-lto-objects
SHIM_APART := $(B)/preload/base/next.o $(B)/preload/base/real.o
$(SHIM_APART): SHIM_LTO :=
$(B)/preload/%.o: preload/%.c $(B)/flags
	$(call msg,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CSTD) $(WARN) -D_GNU_SOURCE -I. $(SHIM_CFLAGS) $(SHIM_LTO) -MMD -MP -c $< -o $@
$(B)/libotrace.so: $(SHIM_SRC:%.c=$(B)/%.o) preload/hooks/exports.map
	$(call msg,LD,$@)
	$(Q)$(CC) -shared $(SHIM_CFLAGS) $(SHIM_LTO) $(HARD_LD) -Wl,--version-script=preload/hooks/exports.map \
		-o $@ $(filter %.o,$^)

# The way from an event to an encoded span passes through a hundred small functions. They are optimised
# as a whole, too: a tenth of the instructions of a span, and six seconds more of each link.
HOT := agent/stream/% agent/stitch/% agent/proto/% agent/span/% agent/sink/% agent/view/tree% \
       agent/view/label.c agent/console/console.c agent/console/pending.c agent/console/stats.c \
       agent/base/% agent/resource/procs.c \
       agent/source/event.c agent/source/merge.c agent/source/replay.c agent/pipeline.c agent/sinks.c \
       exporters/otlp_encode.c exporters/otlp_group.c exporters/queue.c exporters/sink.c
HOT_LTO := $(if $(SAN),,-O3 -flto=auto -ffat-lto-objects)
$(patsubst %.c,$(B)/%.o,$(filter $(HOT),$(SRC))): ALL_CFLAGS += $(HOT_LTO)
$(B)/otrace: $(B)/agent/main.o $(LIB_OBJ)
	$(call msg,LD,$@)
	$(Q)$(CC) -pie $(if $(HOT_LTO),$(CFLAGS) $(HARDEN) $(HOT_LTO)) $(HARD_LD) $(LDFLAGS) -o $@ $^ $(LIBS)

# On a bare machine: say what to do before the compiler misses a header.
$(B)/packages:
	$(Q)mkdir -p $(@D); pkg-config --exists $(PKGS) && command -v $(CLANG) >/dev/null || { \
		echo 'missing packages: run scripts/setup.sh build' >&2; exit 1; }; touch $@

# Other flags, other objects. Written only when they change.
$(B)/flags: FORCE
	$(Q)mkdir -p $(@D); printf '%s\n' '$(ALL_CFLAGS)' '$(SHIM_CFLAGS) $(SHIM_LTO)' '$(HOT) $(HOT_LTO)' '$(HARD_LD)' | \
		if cmp -s - $@; then :; else printf '%s\n' '$(ALL_CFLAGS)' '$(SHIM_CFLAGS) $(SHIM_LTO)' '$(HOT) $(HOT_LTO)' '$(HARD_LD)' > $@; fi

# Objects wait for what is generated; after that the .d files know.
GEN := $(if $(BPF_SRC),$(B)/agent/source/otrace.skel.h) $(if $(wildcard exporters/otlp.proto),$(B)/exporters/otlp.pb-c.h)
$(B)/%.o: %.c $(B)/flags | $(B)/packages $(GEN)
	$(call msg,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(B)/exporters/otlp.pb-c.c $(B)/exporters/otlp.pb-c.h &: exporters/otlp.proto | $(B)/packages
	$(call msg,PROTOC,$@)
	$(Q)mkdir -p $(B)/exporters && protoc-c --c_out=$(B)/exporters -Iexporters $<
$(PROTO_O): $(B)/exporters/otlp.pb-c.c
	$(call msg,CC,$@)
	$(Q)$(CC) $(CSTD) -D_GNU_SOURCE -I$(B)/exporters $(CFLAGS) $(HARDEN) $(SANFLAGS) -c $< -o $@

# One object per probe file, linked into one skeleton: maps in bpf/maps.bpf.h
# are __weak, so every file may include it and the linker keeps one of each.
$(B)/bpf/%.bpf.o: bpf/%.bpf.c | $(B)/packages
	$(call msg,BPF,$@)
	$(Q)mkdir -p $(@D) && $(CLANG) -g -O2 -mcpu=v3 -target bpf -Wall -Werror -Wno-unused-function \
		-D__TARGET_ARCH_$(BPF_ARCH) -Ibpf -I. -MMD -MP -c $< -o $@

$(B)/otrace.bpf.o: $(BPF_OBJ)
	$(call msg,BPFLD,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

# bpftool writes to stdout even when it fails: never straight into the target.
$(B)/agent/source/otrace.skel.h: $(B)/otrace.bpf.o
	$(call msg,SKEL,$@)
	$(Q)mkdir -p $(@D) && $(BPFTOOL) gen skeleton $< name otrace_bpf > $@.tmp && mv $@.tmp $@

bpf: $(B)/otrace.bpf.o ## the kernel side alone; ARCH=arm64 B=build-arm64 for another machine

preload: $(B)/libotrace.so ## the library alone; CC=aarch64-linux-gnu-gcc B=build-arm64 for another machine

# All of the agent but main(), for tests and benchmarks. The archive is made anew, so that it
# holds no object whose source is gone.
$(B)/libagent.a: $(LIB_OBJ)
	$(call msg,AR,$@)
	$(Q)rm -f $@ && ar rcsT $@ $^

# A unit test links libagent.a, and before it what it names in its first lines:
# // needs: preload/parse/inject.c ..; see tests/unit/README.md.
# // links: -lnghttp2
needs = $(patsubst %.c,$(B)/%.o,$(shell sed -n 's|^// needs: ||p' $(1)))
links = $(shell sed -n 's|^// links: ||p' $(1))
define unit_rule
$(B)/tests/unit/$(1): $(B)/tests/unit/$(1).o $(call needs,tests/unit/$(1).c) $(B)/libagent.a
	$$(call msg,LD,$$@)
	$$(Q)$$(CC) -fno-lto $$(LDFLAGS) -o $$@ $$^ -lcmocka $(call links,tests/unit/$(1).c) $$(LIBS)
endef
$(foreach t,$(notdir $(UNIT)),$(eval $(call unit_rule,$(t))))

unit: $(UNIT) ## unit tests (cmocka)
	$(Q)rc=0; for t in $(UNIT); do $$t || rc=1; done; exit $$rc

bench-instructions: all ## instructions a span costs the agent, against their ceilings
	$(Q)scripts/instructions.sh

bench-parsers: $(B)/tests/bench/parsers_bench ## bytes and messages a second of each parser
	$(Q)$<

$(B)/tests/bench/parsers_bench: $(B)/tests/bench/parsers_bench.o $(B)/tests/fuzz/conv.o $(B)/libagent.a
	$(call msg,LD,$@)
	$(Q)$(CC) -fno-lto $(LDFLAGS) -o $@ $^ $(LIBS)

bench: all ## what it costs, budget by budget (root)
	$(Q)scripts/bench.sh

-include scripts/cli.mk
-include scripts/test.mk
-include tests/backends/rules.mk

help: ## list every target
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST)

clean: ## remove what was built
	$(Q)rm -rf build build-*

-include tests/fuzz/rules.mk
-include tests/stress/rules.mk
-include $(shell find $(B) -name '*.d' -type f 2>/dev/null)
.DELETE_ON_ERROR:
.SECONDARY:
