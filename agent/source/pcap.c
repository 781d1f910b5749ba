/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcap.c - a capture of tcpdump or Wireshark (pcap, pcapng) as a source of events.
 *
 * libpcap reads the file. It is loaded when a capture is opened and not before: it brings D-Bus and
 * others with it, which an agent that traces live would carry for nothing.
 *
 * Time is that of the capture: CLOCK_REALTIME, which the events take for both clocks. Between
 * packets a tick lets time pass for the stages.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/source/packet.h"
#include "agent/source/pcap.h"
#include "agent/source/source.h"
#include "agent/source/synthetic.h"
#include "agent/source/tcp_conns.h"

#define LIBRARY "libpcap.so.0.8"
#define PART	256 /* packets of one drain */
#define TICK_NS (100 * OTR_NS_PER_MS)

/* The functions of libpcap that are called. */
struct libpcap {
	__typeof__(&pcap_fopen_offline_with_tstamp_precision) fopen_offline;
	__typeof__(&pcap_next_ex) next_ex;
	__typeof__(&pcap_datalink) datalink;
	__typeof__(&pcap_datalink_val_to_name) datalink_name;
	__typeof__(&pcap_geterr) geterr;
	__typeof__(&pcap_close) close;
};

struct capture {
	const char *path; /* borrowed */
	void *handle;
	struct libpcap lib;
	pcap_t *pcap;
	int link;
	bool over;
	uint64_t now_ns;  /* of the packet that was read last; 0: none yet */
	uint64_t tick_ns; /* of the last tick */
	uint64_t unread;  /* packets that could not be read */
	struct otr_tcp_conns *conns;
	struct otr_err err;

	/* Of the drain that runs. */
	otr_event_fn fn;
	void *arg;
};

bool otr_pcap_is_capture(const char *path)
{
	static const uint32_t magics[] = {0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1,
					  0x0a0d0d0a, 0xa1b2cd34, 0x34cdb2a1};
	uint32_t magic = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	bool is_file =
		fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode); /* a pipe loses what is read */
	ssize_t got = is_file ? read(fd, &magic, sizeof(magic)) : -1;

	if (fd >= 0)
		close(fd);
	for (size_t i = 0; got == sizeof(magic) && i < OTR_ARRAY_SIZE(magics); i++)
		if (magic == magics[i])
			return true;
	return false;
}

static void close_capture(void *src)
{
	struct capture *cap = src;

	otr_tcp_conns_free(&cap->conns);
	if (cap->pcap)
		cap->lib.close(cap->pcap);
	if (cap->handle)
		dlclose(cap->handle);
	free(cap);
}

static int give(void *arg, const struct otr_event *ev)
{
	const struct capture *cap = arg;

	return cap->fn(cap->arg, ev);
}

static int load(struct capture *cap, struct otr_err *err)
{
	struct {
		const char *name;
		void *to;
	} wanted[] = {
		{"pcap_fopen_offline_with_tstamp_precision", &cap->lib.fopen_offline},
		{"pcap_next_ex", &cap->lib.next_ex},
		{"pcap_datalink", &cap->lib.datalink},
		{"pcap_datalink_val_to_name", &cap->lib.datalink_name},
		{"pcap_geterr", &cap->lib.geterr},
		{"pcap_close", &cap->lib.close},
	};
	void *found;

	cap->handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; i < OTR_ARRAY_SIZE(wanted); i++) {
		found = cap->handle ? dlsym(cap->handle, wanted[i].name) : NULL;
		if (!found) {
			otr_err_set(err, "cannot read %s: a capture needs " LIBRARY ": %s",
				    cap->path, dlerror());
			otr_err_hint(err, "apt install libpcap0.8");
			return -ENOENT;
		}
		memcpy(wanted[i].to, &found, sizeof(found));
	}
	return 0;
}

/* libpcap reads, and closes, the stream that it is given. */
static int open_file(struct capture *cap, struct otr_err *err)
{
	char why[PCAP_ERRBUF_SIZE] = "";
	FILE *file = fopen(cap->path, "rbe");
	int rc = -errno;

	if (!file) {
		otr_err_set(err, "cannot read %s: %s", cap->path, strerror(-rc));
		return rc;
	}
	cap->pcap = cap->lib.fopen_offline(file, PCAP_TSTAMP_PRECISION_NANO, why);
	if (!cap->pcap) {
		fclose(file);
		otr_err_set(err, "cannot read the capture %s: %s", cap->path, why);
		return -EINVAL;
	}
	return 0;
}

static int check_link(struct capture *cap, struct otr_err *err)
{
	const char *name;

	cap->link = cap->lib.datalink(cap->pcap);
	if (otr_packet_has_link(cap->link))
		return 0;
	name = cap->lib.datalink_name(cap->link);
	otr_err_set(err, "%s was captured on a link of type %s (%d), which otrace does not read",
		    cap->path, name ? name : "unknown", cap->link);
	otr_err_hint(err, "it reads Ethernet, Linux cooked, loopback and raw IP: "
			  "tcpdump -i any -w FILE tcp");
	return -EINVAL;
}

static int open_capture(void **out, const void *config, struct otr_err *err)
{
	struct capture *cap = calloc(1, sizeof(*cap));
	int rc = cap ? otr_tcp_conns_new(&cap->conns, give, cap) : -ENOMEM;

	if (rc) {
		otr_err_set(err, "cannot read %s: out of memory", (const char *)config);
		free(cap);
		return rc;
	}
	cap->path = config;
	rc = load(cap, err);
	if (!rc)
		rc = open_file(cap, err);
	if (!rc)
		rc = check_link(cap, err);
	if (rc)
		close_capture(cap);
	else
		*out = cap;
	return rc;
}

/* Time of the capture is that of all clocks. The ids of spans depend on the first packet alone:
 * the same capture gives the same ids. */
static int begin_clock(struct capture *cap)
{
	struct otr_ev_clock clock = otr_synthetic_clock(cap->now_ns, cap->now_ns);

	clock.realtime_ns = clock.boottime_ns = cap->now_ns;
	return give(cap, &clock.hdr);
}

static int pass_time(struct capture *cap, uint64_t time_ns)
{
	bool first = !cap->now_ns;
	struct otr_event tick;
	int rc;

	if (time_ns > cap->now_ns) /* a capture of several queues may go back a little */
		cap->now_ns = time_ns;
	rc = first ? begin_clock(cap) : 0;
	if (rc || (!first && cap->now_ns - cap->tick_ns < TICK_NS))
		return rc;
	cap->tick_ns = cap->now_ns;
	tick = otr_synthetic_tick(cap->now_ns);
	return give(cap, &tick);
}

static uint64_t time_of(const struct pcap_pkthdr *head)
{
	uint64_t s = head->ts.tv_sec > 0 ? (uint64_t)head->ts.tv_sec : 0;
	uint64_t ns = head->ts.tv_usec > 0 ? (uint64_t)head->ts.tv_usec : 0;

	return s * OTR_NS_PER_S + ns % OTR_NS_PER_S; /* the precision asked for is ns */
}

static int take(struct capture *cap, const struct pcap_pkthdr *head, const uint8_t *bytes)
{
	struct otr_slice frame = {(const char *)bytes, head->caplen};
	struct otr_packet pk;
	int rc = pass_time(cap, time_of(head));

	if (rc)
		return rc;
	switch (otr_packet_read(cap->link, frame, head->len, &pk)) {
	case OTR_PACKET_TCP:
		return otr_tcp_conns_take(cap->conns, &pk, cap->now_ns);
	case OTR_PACKET_OTHER:
		return 0;
	case OTR_PACKET_FRAGMENT:
	case OTR_PACKET_CUT:
	case OTR_PACKET_BAD:
		cap->unread++;
	}
	return 0;
}

static int finish(struct capture *cap)
{
	struct otr_ev_lost lost = {
		.hdr = {.kind = OTR_EV_LOST,
			.hook = OTR_HOOK_CAPTURE,
			.size = sizeof(lost),
			.time_ns = cap->now_ns},
		.n = cap->unread,
		.cause = OTR_LOSS_PACKET,
	};
	int rc = cap->over ? 0 : otr_tcp_conns_finish(cap->conns);

	cap->over = true;
	if (rc || !cap->unread)
		return rc;
	cap->unread = 0;
	return give(cap, &lost.hdr);
}

static int drain(void *src, uint64_t now_ns, otr_event_fn fn, void *arg)
{
	struct pcap_pkthdr *head;
	struct capture *cap = src;
	const uint8_t *bytes;
	int n = 0, got, rc;

	(void)now_ns;
	cap->fn = fn;
	cap->arg = arg;
	for (; n < PART; n++) {
		got = cap->lib.next_ex(cap->pcap, &head, &bytes);
		rc = got == 1 ? take(cap, head, bytes) : finish(cap);
		if (rc)
			return rc;
		if (got == 1)
			continue;
		if (got == PCAP_ERROR_BREAK)
			return n;
		otr_err_set(&cap->err, "%s: %s", cap->path, cap->lib.geterr(cap->pcap));
		return -EINVAL;
	}
	return n;
}

static const struct otr_err *error(const void *src)
{
	const struct capture *cap = src;

	return &cap->err;
}

const struct otr_source_ops otr_pcap_source = {
	.name = "capture",
	.open = open_capture,
	.close = close_capture,
	.drain = drain,
	.error = error,
};
