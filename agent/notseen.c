/* SPDX-License-Identifier: Apache-2.0 */
/* notseen.c - traffic that was not understood, and why; see notseen.h. protocol_name.c names its
 * protocol, if the first bytes show it. */

#include "agent/notseen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/clock.h"
#include "agent/base/own.h"
#include "agent/pipeline.h"
#include "agent/protocol_name.h"
#include "agent/resource/procfs.h"
#include "agent/resource/resource.h"
#include "agent/stream/stream.h"
#include "agent/uncarried.h"
#include "bpf/ring.h"

#define FIRST_NS (10 * OTR_NS_PER_S) /* time of the first notice, if no request was understood */
#define EACH_NS	 (60 * OTR_NS_PER_S) /* between notices */
#define ROWS_MAX 32

struct row { /* connections of one process to one peer that were not understood */
	uint32_t tgid;
	bool no_pid;   /* it is an address in a capture */
	char name[64]; /* of the service */
	char peer[64];
	const char *why;
	uint64_t bytes, conns;
	uint8_t head[8];
	uint8_t head_len;
};

struct table {
	struct row rows[ROWS_MAX];
	size_t n;
};

struct otr_notseen {
	struct table ended; /* connections that are over */
	struct table all;   /* these and the open ones, as last printed */
	struct otr_uncarried_table programs;
	uint64_t next_ns;
	struct otr_buf text;
};

int otr_notseen_new(struct otr_notseen **out)
{
	struct otr_notseen *ns = calloc(1, sizeof(*ns));

	if (!ns)
		return -ENOMEM;
	ns->next_ns = FIRST_NS;
	*out = ns;
	return 0;
}

void otr_notseen_free(struct otr_notseen **np)
{
	struct otr_notseen *ns = OTR_TAKE(*np);

	if (!ns)
		return;
	otr_buf_fini(&ns->text);
	free(ns);
}

static struct otr_slice slice_of(const struct otr_stream_head *head)
{
	return (struct otr_slice){(const char *)head->bytes, head->len};
}

static const char *reason_of(const struct otr_stream_stat *stat)
{
	const char *why;

	/* What moves inside a call of a TLS library that is probed is not copied. */
	if (!stat->first.len && stat->conn->seen_open)
		return "nothing was read: inside TLS, or left out to keep --cpu-budget";
	if (!stat->first.len)
		return "opened before attach, waiting for a request to begin";
	why = otr_protocol_unread(slice_of(&stat->first), slice_of(&stat->answer));
	if (why)
		return why;
	return stat->proto ? "its bytes are not valid in their protocol" : "unknown protocol";
}

static void peer_name(const struct otr_ev_conn *cn, char *out, size_t size)
{
	const struct otr_addr *a = cn->role == OTR_ROLE_SERVER ? &cn->local : &cn->remote;
	char ip[INET6_ADDRSTRLEN] = "?";

	if (a->family == AF_UNIX) {
		snprintf(out, size, "unix:%.50s", cn->path[0] ? cn->path : cn->path + 1);
		return;
	}
	inet_ntop(a->family == AF_INET ? AF_INET : AF_INET6, a->ip, ip, sizeof(ip));
	snprintf(out, size, a->family == AF_INET ? "%s:%u" : "[%s]:%u", ip, a->port);
}

static struct row *row_of(struct table *tb, uint32_t tgid, const char *peer, const char *why)
{
	struct row *at;

	for (at = tb->rows; at < tb->rows + tb->n; at++)
		if (at->tgid == tgid && at->why == why && !strcmp(at->peer, peer))
			return at;
	if (tb->n == ROWS_MAX)
		return NULL;
	memset(at, 0, sizeof(*at));
	at->tgid = tgid;
	at->why = why;
	snprintf(at->peer, sizeof(at->peer), "%s", peer);
	tb->n++;
	return at;
}

static struct row *name_row(struct table *tb, struct otr_pipeline *pl,
			    const struct otr_stream_stat *stat, const char *why, uint64_t bytes)
{
	struct otr_resource *res;
	char peer[64];
	struct row *at;

	peer_name(stat->conn, peer, sizeof(peer));
	at = row_of(tb, stat->tgid, peer, why);
	if (!at)
		return NULL;
	res = otr_procs_resource(otr_pipeline_procs(pl), stat->tgid);
	if (!at->name[0])
		snprintf(at->name, sizeof(at->name), "%.*s",
			 OTR_SLICE_ARG(res ? res->service : OTR_SLICE("process")));
	at->no_pid = stat->conn->hdr.hook == OTR_HOOK_CAPTURE;
	at->bytes += bytes;
	at->conns++;
	return at;
}

void otr_notseen_program(struct otr_notseen *ns, uint32_t tgid, int why, const char *path)
{
	otr_uncarried_add(&ns->programs, tgid, why, path);
}

/* A capture has both ends of each connection: one of them is reported. */
static bool is_second_end(const struct otr_ev_conn *cn)
{
	return cn->hdr.hook == OTR_HOOK_CAPTURE && cn->hdr.conn & 1;
}

static void add_stat(struct otr_notseen *ns, struct table *tb, struct otr_pipeline *pl,
		     const struct otr_stream_stat *stat)
{
	static const char how[] = "bypassed the library (stdio, direct system calls, io_uring)";
	struct row *at;

	if (is_second_end(stat->conn))
		return;
	if (stat->bypassed)
		name_row(tb, pl, stat, how, stat->bypassed);
	if (stat->messages || stat->read || stat->bytes <= stat->bypassed ||
	    otr_uncarried_is(&ns->programs, stat->tgid, OTR_UNCARRIED_32BIT))
		return;
	at = name_row(tb, pl, stat, reason_of(stat), stat->bytes - stat->bypassed);
	if (!at || at->head_len)
		return;
	at->head_len = stat->first.len < sizeof(at->head) ? stat->first.len : sizeof(at->head);
	memcpy(at->head, stat->first.bytes, at->head_len);
}

void otr_notseen_ended(struct otr_notseen *ns, struct otr_pipeline *pl,
		       const struct otr_stream_stat *stat)
{
	add_stat(ns, &ns->ended, pl, stat);
}

struct open_conns {
	struct otr_notseen *ns;
	struct otr_pipeline *pl;
};

static void add_open(void *arg, const struct otr_stream_stat *stat)
{
	const struct open_conns *oc = arg;

	add_stat(oc->ns, &oc->ns->all, oc->pl, stat);
}

static void collect(struct otr_notseen *ns, struct otr_pipeline *pl)
{
	struct open_conns oc = {ns, pl};

	ns->all = ns->ended;
	otr_streams_each(otr_pipeline_streams(pl), add_open, &oc);
	otr_buf_reset(&ns->text);
}

static void print_bytes(struct otr_buf *out, uint64_t bytes)
{
	if (bytes >= 1000000)
		otr_buf_printf(out, "%.1f MB", (double)bytes / 1e6);
	else if (bytes >= 1000)
		otr_buf_printf(out, "%.0f kB", (double)bytes / 1e3);
	else
		otr_buf_printf(out, "%llu B", (unsigned long long)bytes);
}

static void print_row(struct otr_buf *out, const struct row *at)
{
	otr_buf_str(out, at->name);
	if (!at->no_pid)
		otr_buf_printf(out, " (pid %u)", at->tgid);
	otr_buf_printf(out, ": %llu connection%s to %s, ", (unsigned long long)at->conns,
		       at->conns == 1 ? "" : "s", at->peer);
	print_bytes(out, at->bytes);
	otr_buf_printf(out, ", %s", at->why);
	if (at->head_len && strstr(at->why, "unknown")) {
		otr_buf_str(out, " (first bytes");
		for (int i = 0; i < at->head_len; i++)
			otr_buf_printf(out, " %02x", at->head[i]);
		otr_buf_str(out, ")");
	}
}

static void print_rows(struct otr_notseen *ns)
{
	for (size_t i = 0; i < ns->all.n; i++) {
		if (i)
			otr_buf_byte(&ns->text, '\n');
		print_row(&ns->text, &ns->all.rows[i]);
	}
	if (ns->all.n && ns->programs.n)
		otr_buf_byte(&ns->text, '\n');
	otr_uncarried_print(&ns->text, &ns->programs, geteuid() == 0);
	otr_buf_byte(&ns->text, '\0');
}

const char *otr_notseen_watch(struct otr_notseen *ns, struct otr_pipeline *pl, uint64_t elapsed_ns)
{
	struct otr_stitch_stats stats;

	otr_stitch_stats(otr_pipeline_stitch(pl), &stats);
	if (elapsed_ns < ns->next_ns || stats.requests)
		return NULL;
	ns->next_ns = elapsed_ns + EACH_NS;
	collect(ns, pl);
	otr_buf_printf(&ns->text, "no request was understood in %llu s\n",
		       (unsigned long long)(elapsed_ns / OTR_NS_PER_S));
	if (!ns->all.n && !ns->programs.n)
		otr_buf_str(&ns->text, "no traffic at all: the program is idle, or another process "
				       "serves; try  otrace attach :PORT");
	print_rows(ns);
	return ns->text.rc ? NULL : ns->text.data;
}

const char *otr_notseen_lines(struct otr_notseen *ns, struct otr_pipeline *pl)
{
	collect(ns, pl);
	print_rows(ns);
	return ns->text.rc ? "" : ns->text.data;
}

bool otr_notseen_ring(uint32_t tgid, char *out, size_t size)
{
	char title[64];

	if (otr_procfs_fds(tgid, "anon_inode:[io_uring]") <= 0)
		return false;
	otr_procfs_title(tgid, title, sizeof(title));
	snprintf(out, size,
		 "%.60s (pid %u) uses io_uring: bytes that it moves by io_uring are "
		 "counted, not read\nall other traffic is traced",
		 title, tgid);
	return true;
}
