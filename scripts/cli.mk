# SPDX-License-Identifier: Apache-2.0
# cli.mk - files that are made from the tables (version, man page, completions); install.

# The file is written only when it changes, so that main.o is rebuilt only then.
$(B)/agent/build_id.h: $(if $(BPF_SRC),$(B)/otrace.bpf.o) FORCE
	$(Q)mkdir -p $(@D) && { \
		echo '#define OTR_GIT "$(GIT)"'; \
		echo "#define OTR_BPF_HASH \"$$(sha256sum $(B)/otrace.bpf.o \
			2>/dev/null | cut -c1-16 | grep . || echo none)\""; \
	} > $@.tmp && if cmp -s $@.tmp $@; then rm $@.tmp; else mv $@.tmp $@; fi
$(B)/agent/main.o: $(B)/agent/build_id.h

.PHONY: man completions install compdb deb
compdb: ## compile_commands.json, for clangd and clang-tidy
	$(Q)scripts/compdb.py

man: $(B)/otrace.1 ## the manual page, from the tables
$(B)/otrace.1: $(B)/otrace
	$(Q)$(B)/otrace help man-page > $@.tmp && mv $@.tmp $@

completions: $(B)/otrace ## completions of bash, zsh and fish
	$(Q)for s in bash zsh fish; do \
		$(B)/otrace completion $$s > $(B)/otrace.$$s || exit 1; done

# The folders of Debian; /usr/bin when PREFIX is /usr.
install: $(B)/otrace $(B)/libotrace.so man completions ## DESTDIR= PREFIX=
	install -Dm755 $(B)/otrace $(DESTDIR)$(PREFIX)/bin/otrace
	install -Dm755 $(B)/libotrace.so $(DESTDIR)$(PREFIX)/lib/otrace/libotrace.so
	install -Dm644 $(B)/otrace.1 $(DESTDIR)$(PREFIX)/share/man/man1/otrace.1
	install -Dm644 $(B)/otrace.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/otrace
	install -Dm644 $(B)/otrace.zsh $(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_otrace
	install -Dm644 $(B)/otrace.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/otrace.fish
	install -Dm644 LICENSE $(DESTDIR)$(PREFIX)/share/doc/otrace/copyright
	$(Q)test ! -f README.md || install -Dm644 README.md $(DESTDIR)$(PREFIX)/share/doc/otrace/README.md

deb: all ## the Debian package, in build/deb
	@scripts/deb.sh
