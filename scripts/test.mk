# SPDX-License-Identifier: Apache-2.0
# test.mk - the tests that people and CI run. Each is a script, so that it can be read and run
# alone.
.PHONY: setup demo lint test test-all vm
setup: ## install the packages that lack
	@scripts/setup.sh

demo: ## nginx -> Flask -> Node and PostgreSQL, traced
	@scripts/demo.sh

lint: ## sizes, shell scripts, licences, READMEs
	@scripts/lint.sh

test: ## everything CI runs
	@scripts/test.sh

test-all: ## the same, fuzzed and measured for longer
	@scripts/test.sh all

vm: $(B)/otrace ## the probes in Debian's kernels 6.1 and 6.12, in QEMU
	@tests/vm/run.sh
