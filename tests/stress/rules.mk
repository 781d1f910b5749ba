# SPDX-License-Identifier: Apache-2.0
# rules.mk - the library's objects under ThreadSanitizer and AddressSanitizer, in a program that
# plays many (stress.c). Included by the Makefile.
#
#	make stress T=60 [S=7]		each for T seconds, with that seed; a failure prints its line
#
# The library keeps away from programs under a sanitizer, whose functions it must not stand
# before; here these are its own, so it is made to look for other names. Its calls go to libc
# itself (no dlsym), not to the sanitizer's functions, which would order threads that are not.
S ?= $(shell date +%s)
STRESS_SRC   := $(wildcard preload/*/*.c) tests/stress/stress.c
STRESS_FLAGS := $(CSTD) $(WARN) -Wno-tsan -Wno-address -D_GNU_SOURCE -I. -O1 -g -fno-omit-frame-pointer \
	-fno-stack-protector -fno-sanitize-address-use-after-scope -fexceptions -U_FORTIFY_SOURCE '-DOTR_YIELD()=otr_test_yield()' \
	-D__asan_init=otr_no_asan -D__tsan_init=otr_no_tsan -Ddlsym=otr_no_dlsym
build-stress/%/stress: $(STRESS_SRC) $(wildcard preload/*/*.h bpf/*.h) tests/stress/rules.mk
	$(call msg,STRESS,$@)
	$(Q)mkdir -p $(@D) && for f in $(STRESS_SRC); do \
		gcc $(STRESS_FLAGS) -fsanitize=$* -c $$f -o $(@D)/$$(basename $$f .c).o || exit 1; done; \
		gcc -fsanitize=$* -o $@ $(@D)/*.o -lpthread

.PHONY: stress
stress: build-stress/thread/stress build-stress/address/stress ## the library under TSan and ASan, T=60 seconds each
	$(Q)for how in thread address; do \
		TSAN_OPTIONS=halt_on_error=1:exitcode=66:die_after_fork=0:report_signal_unsafe=0 \
		ASAN_OPTIONS=detect_leaks=0:use_sigaltstack=0:verify_asan_link_order=0 \
		build-stress/$$how/stress $(T) $(S) || { \
			echo "stress: status $$?: build-stress/$$how/stress $(T) $(S)"; exit 1; }; done
