#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# lint.sh - checks of the sources that need no build. Prints TAP.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
n=0 bad=0
files() { git ls-files -- "$@"; }

check() { # WHAT FUNCTION: prints what is wrong, or nothing
	local output
	n=$((n + 1))
	if output=$("$2" 2>&1) && [ -z "$output" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf '%s\n' "$output" | sed 's/^/# /'
		bad=1
	fi
}

sizes() {
	local output
	# shellcheck disable=SC2046 # no name has a blank
	output=$(python3 scripts/check_size.py $(files '*.c' '*.h')) || echo "$output"
}

shell() { # variables of the sourcing script are not checked
	files '*.sh' '*.bash' .ci/run | xargs shellcheck -x -S warning -e SC2034,SC2048,SC2154
}

# The shell continues after `! cmd`, and after the first of several commands joined by && that
# fails: in a test neither asserts anything.
asserted() {
	files '*.bats' '*.bash' | xargs grep -nE '^[[:space:]]*(! |\[ .* \] && \[)' | grep -v '||'
	true
}

alone() { # pages link only to files of the project
	local page link
	files '*.md' | while read -r page; do
		grep -oE '\]\([^)#]+' "$page" | sed 's/^](//' | grep -vE '^[a-z]+:' |
			while read -r link; do
				case $(realpath -m "$(dirname "$page")/$link") in
				"$PWD"/*) [ -e "$(dirname "$page")/$link" ] && continue ;;
				esac
				echo "$page: $link: not in the project"
			done
	done
	true # a page without links
}

licences() {
	local file
	files '*.c' '*.h' '*.mk' '*.sh' '*.bash' '*.bats' '*.py' '*.js' '*.go' |
		while read -r file; do
			head -n 3 "$file" | grep -q SPDX-License-Identifier ||
				echo "$file: no SPDX-License-Identifier in its first lines"
		done
}

readmes() { # each folder has a README.md of at most 20 lines, or is mentioned in the one above
	local folder
	files '*/README.md' | xargs wc -l | awk '$1 > 20 && $2 != "total" { print $2 ": " $1 " lines, 20 at most" }'
	files '*.c' '*.h' '*.sh' '*.py' '*.bats' '*.md' | xargs -n 1 dirname | sort -u | grep -v '^\.$' |
		while read -r folder; do
			[ -e "$folder/README.md" ] ||
				grep -qs "\`$(basename "$folder")/" "$(dirname "$folder")/README.md" ||
				echo "$folder: no README.md, and no word of it in the one above"
		done
}

keyed() { # tables whose keys come from others have a keyed hash: agent/base/keyed.h
	files 'agent/*.[ch]' 'agent/*/*.[ch]' 'exporters/*.[ch]' | grep -v '^agent/base/keyed.h$' |
		xargs grep -n '#include <uthash.h>'
	true
}

# clang-format 14, of Debian 12: other versions format differently.
formatted() {
	command -v clang-format >/dev/null || {
		echo "clang-format is missing: run scripts/setup.sh test"
		return
	}
	files '*.c' '*.h' | xargs clang-format --dry-run 2>&1 | grep -E 'warning|error' | head -20
	true
}

layers() { # no include goes upward or round in a circle: scripts/layers.txt
	python3 scripts/check_layers.py
	true
}

# A commit of all that lies about may bring what a build or a test has left.
top_level() {
	files | cut -d / -f 1 | sort -u |
		grep -vxE '\..*|LICENSE|Makefile|README\.md|agent|bpf|deploy|docs|exporters|preload|scripts|tests'
	files '*.o' '*.so' '*.a' '*.skel.h'
}

check "sources as clang-format lays them out" formatted
check "functions and files within their budgets" sizes
check "shell scripts" shell
check "no assertion of a test is passed over" asserted
check "nothing refers to what is outside" alone
check "no table without a keyed hash" keyed
check "no include goes upward or round" layers
check "licences" licences
check "nothing built, and nothing new at the top" top_level
check "every folder says what it is for, in 20 lines" readmes
echo "1..$n"
exit $bad
