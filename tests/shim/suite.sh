# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# suite.sh - shared by the scripts that run the test suites of other projects; they source it.
#
# Each test of a suite runs without the library (raw) and with it (shim), and must have
# the same outcome; a test that fails in both is ignored. A test that differs is run again, three
# times with and without the library: one that has one of its raw outcomes with the library, too, is
# reported as unsteady; any other difference, and any crash that occurs with the library alone, is a
# fault. A test that asserts each header that its server received sees the injected one: the script
# names these tests (sees_header, a pattern), and they must have the same outcome under --no-inject.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck disable=SC2034 # for the scripts that source this file
top=$PWD
cache=${OTRACE_CACHE:-/var/cache/otrace}/suites
dir=$(mktemp -d "${TMPDIR:-/tmp}/otrace-suite.XXXXXX")
trap 'rm -rf "$dir"' EXIT
# A build at the same time does not change the files that are tested.
mkdir "$dir/bin"
cp "${OTRACE:-build/otrace}" "$(dirname "${OTRACE:-build/otrace}")/libotrace.so" "$dir/bin/"
otrace=$dir/bin/otrace
sees_header='^$'
mkdir -p "$cache"

suite_apt() { # SUITE: apt's configuration for the source packages of a Debian suite
	local apt=$cache/apt-$1 file
	[ ! -e "$apt/done" ] || return 0
	rm -rf "$apt"
	mkdir -p "$apt/parts" "$apt/lists/partial"
	# The deb lines of this machine, with another type and suite.
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.*; do
		case $file in
		*.sources) sed "s/^Types:.*/Types: deb-src/; s/^Suites: bookworm\b.*/Suites: $1/
			s/^Suites: bookworm-security.*/Suites: $1-security/" "$file" \
				>"$apt/parts/$(basename "$file")" ;;
		*.list) [ ! -e "$file" ] || sed -n "s/^deb \(.*\) bookworm /deb-src \1 $1 /p" "$file" \
			>"$apt/parts/$(basename "$file")" ;;
		esac
	done
	printf '%s\n' 'Dir::Etc::SourceList "/dev/null";' \
		"Dir::Etc::SourceParts \"$apt/parts\";" "Dir::State::Lists \"$apt/lists\";" \
		'Dir::Cache::pkgcache "";' 'Dir::Cache::srcpkgcache "";' \
		'APT::Sandbox::User "root";' >"$apt/conf"
	# A suite that lacks one of the archives (backports, security) still has the others.
	APT_CONFIG=$apt/conf timeout 300 apt-get update -qq >"$apt/log" 2>&1 || true
	touch "$apt/done"
}

# Prints the directory of the sources of a package, without Debian's patches.
suite_source() { # PACKAGE SUITE
	local to=$cache/$2/$1
	if [ ! -e "$to/done" ]; then
		suite_apt "$2"
		rm -rf "$to"
		mkdir -p "$to/tars" "$to/src"
		(cd "$to/tars" && APT_CONFIG=$cache/apt-$2/conf timeout 300 apt-get source -qq \
			--download-only --tar-only "$1") >"$to/log" 2>&1 || {
			echo "suite.sh: no sources of $1 in $2:" >&2
			tail -n 3 "$cache/apt-$2/log" "$to/log" >&2
			return 1
		}
		tar -xf "$(echo "$to"/tars/*.orig.tar.*)" -C "$to/src" --strip-components=1
		touch "$to/done"
	fi
	echo "$to/src"
}

# Runs a command raw or shim, in a network namespace of its own: the ports that suites
# write into their tests are free there.
suite_under() { # HOW CMD..
	local how=$1 under=()
	shift
	case $how in
	shim) under=("$otrace" run --no-bpf -o "$dir/spans" --) ;;
	no-inject) under=("$otrace" run --no-bpf --no-inject -o "$dir/spans" --) ;;
	esac
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare -n sh -c 'ip link set lo up && exec "$@"' netns "${under[@]}" "$@"
}

# Runs the commands of a list, SUITE_JOBS at a time, each in an empty directory of its own, and
# writes `NAME STATUS` lines, sorted. A line of the list is a name, a tab, a command. A
# command that is many tests writes such lines to the file $OUTCOMES itself.
suite_statuses() { # HOW LIST OUT
	# shellcheck disable=SC2016 # expanded by the inner shell
	suite_under "$1" bash -c '
		[ "$2" = raw ] || grep -q libotrace /proc/self/maps || exit 9
		one() {
			local status=0 name=${1%%$'"'\\t'"'*} cwd
			cwd=$(mktemp -d "$3/cwd.XXXXXX") && cd "$cwd" || exit 1
			export OUTCOMES=$cwd.outcomes
			timeout -k 5 "${SUITE_SECONDS:-60}" bash -c "${1#*$'"'\\t'"'}" \
				>"$3/log.$2.${name//\//_}" 2>&1 </dev/null || status=$?
			cd / && rm -rf "$cwd"
			[ ! -s "$OUTCOMES" ] || [ "$status" = 124 ] || {
				cat "$OUTCOMES"
				[ "$status" -ge 128 ] || return 0
			}
			printf "%s %s\n" "$name" "$status"
		}
		export -f one
		xargs -r -d "\n" -P "${SUITE_JOBS:-2}" -I @ bash -c "one \"\$1\" \"\$2\" \"\$3\"" one @ "$2" "$3" <"$1"
	' suite "$2" "$1" "$dir" >"$3.unsorted" 2>"$3.err" || {
		echo "$1: status $?"
		tail -n 5 "$3.err"
		return 1
	}
	sort "$3.unsorted" >"$3"
}

# Runs a list with and without the library; prints how many outcomes are the same, and the name of
# each test whose outcome differs.
suite_compare() { # TITLE LIST
	local title=$1 list=$2 name rc=0
	unsteady=0 headers=0
	suite_statuses raw "$list" "$dir/raw" || return 1
	suite_statuses shim "$list" "$dir/shim" || return 1
	comm -3 "$dir/raw" "$dir/shim" | tr -d '\t' | sed 's/ [^ ]*$//' | sort -u >"$dir/differ"
	while read -r name; do
		suite_again "$name" "$list" || rc=1
	done <"$dir/differ"
	printf '%s: %d tests, %d skipped, %d failed without the library, %d see our header, %d unsteady: %s\n' \
		"$title" "$(wc -l <"$dir/raw")" "$(grep -c ' skipped$' "$dir/raw" || true)" \
		"$(grep -vcE ' (0|ok|skipped)$' "$dir/raw" || true)" \
		"$headers" "$unsteady" \
		"$([ $rc = 0 ] && echo "the same" || echo "NOT the same")"
	[ "$(wc -l <"$dir/raw")" -gt 0 ] || rc=1
	return $rc
}

suite_one() { # NAME LIST: the line that runs one test
	awk -F '\t' -v name="$1" '$1 == name' "$2"
}

suite_again() { # NAME LIST: 0 if an outcome with the library is one of those without
	local name=$1 how=shim
	[[ ! $name =~ $sees_header ]] || how=no-inject
	suite_one "$name" "$2" >"$dir/one"
	grep -F "$name " "$dir/raw" >"$dir/seen.raw" || true
	grep -F "$name " "$dir/shim" >"$dir/seen.shim" || true
	for _ in 1 2 3; do
		suite_statuses raw "$dir/one" "$dir/again.raw"
		suite_statuses $how "$dir/one" "$dir/again.shim"
		cat "$dir/again.raw" >>"$dir/seen.raw"
		cat "$dir/again.shim" >>"$dir/seen.shim"
	done
	sort -u -o "$dir/seen.raw" "$dir/seen.raw"
	sort "$dir/seen.shim" | uniq -c >"$dir/seen.counts"
	# A crash that is seen with the library alone is a fault, however rare.
	if grep -E ' 1[3-9][0-9]$' "$dir/seen.shim" | sort -u | comm -13 "$dir/seen.raw" - |
		grep -qv ' 137$'; then
		echo "CRASHED:"
	elif sort -u "$dir/seen.shim" | comm -12 "$dir/seen.raw" - | grep -q .; then
		[ $how = shim ] || { headers=$((headers + 1)) && return 0; }
		unsteady=$((unsteady + 1))
		echo "unsteady: $name: raw $(tr '\n' ' ' <"$dir/seen.raw")" \
			"with the library (times, outcome) $(tr -s ' \n' ' ' <"$dir/seen.counts")"
		return 0
	fi
	echo "NOT THE SAME: $name: raw $(tr '\n' ' ' <"$dir/seen.raw")" \
		"with the library (times, outcome) $(tr -s ' \n' ' ' <"$dir/seen.counts")"
	tail -n 20 "$dir/log.$how.${name//\//_}"
	return 1
}
