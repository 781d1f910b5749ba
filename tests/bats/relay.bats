#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# relay.bats - the bytes that leave a program are the same with the library, by whichever call they
# leave.

load helpers

@test "random conversations by each call that sends: the same bytes, and headers where they are allowed" {
	tests/relay/run.sh "$((${TORTURE:-3000} / 15))"
}
