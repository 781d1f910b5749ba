/* SPDX-License-Identifier: Apache-2.0 */
/* probes.c - the table of capabilities; see probes.h. */

#include "agent/source/probes.h"

#include <stddef.h>

const struct otr_probe otr_probes[] = {
	{
		.name = "bytes",
		.means = "no traffic is seen at all",
		.required = true,
		.when = OTR_PROBE_START,
		.choices =
			{
				{"socket lengths",
				 {"otr_sent", "otr_received", "otr_state", "otr_destroyed"}},
				{"system-call exits",
				 {"otr_x_in@read", "otr_x_out@write", "otr_x_in@recvfrom",
				  "otr_x_out@sendto", "otr_x_in@recvmsg", "otr_x_out@sendmsg",
				  "otr_x_in@readv", "otr_x_out@writev", "otr_x_out@sendfile64",
				  "otr_x_state", "otr_x_destroyed"}},
			},
	},
	{
		.name = "processes",
		.means = "children and new programs are not followed",
		.required = true,
		.when = OTR_PROBE_START,
		.choices = {{"scheduler", {"otr_fork", "otr_exec", "otr_exit"}}},
	},
	{
		.name = "existing",
		.means = "processes that already run cannot be traced",
		.required = true,
		.when = OTR_PROBE_LIST,
		.choices =
			{
				{"task and file iterators", {"otr_list_tasks", "otr_list_files"}},
				{"task iterator; sockets from their next bytes on",
				 {"otr_list_tasks"}},
			},
	},
	{
		.name = "waits",
		.means = "requests of event loops (nginx, Node) have no parents",
		.when = OTR_PROBE_WAITS,
		.choices =
			{
				{"system-call exits",
				 {"otr_epoll@epoll_wait", "otr_epoll@epoll_pwait",
				  "otr_epoll@epoll_pwait2", "otr_poll@poll", "otr_poll@ppoll",
				  "otr_select@select", "otr_select@pselect6", "otr_accept@accept",
				  "otr_accept@accept4", "otr_token@read", "otr_token@write",
				  "otr_epoll_ctl"}},
			},
	},
	{
		.name = "wake-ups",
		.means = "requests of thread pools have no parents",
		.when = OTR_PROBE_WAKES,
		.choices = {{"scheduler", {"otr_waking"}}},
	},
	{
		.name = "TLS",
		.means = "requests inside TLS are not seen, unless the program carries the library",
		.when = OTR_PROBE_TLS,
		.choices = {{"uprobes",
			     {"otr_tls_enter", "otr_tls_read", "otr_tls_wrote", "otr_tls_shook",
			      "otr_tls_free", "otr_tls_bio", "otr_tls_biord"}}},
	},
	{0},
};
