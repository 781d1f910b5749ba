/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_BPF_STATE_H
#define OTR_BPF_STATE_H

/* bpf_state.h - the state of the kernel source, for bpf.c, bpf_load.c, bpf_arm.c and price.c alone. */

#include "agent/base/buf.h"
#include "agent/source/probes.h"
#include "agent/source/source.h"
#include "agent/source/watch.h"
#include "bpf/shared.h"

struct bpf_link;
struct otrace_bpf;
struct ring_buffer;

#define OTR_CPUS_MAX   1024
#define OTR_PROBES_MAX 8
#define OTR_LOSSES_NS  200000000ull

struct otr_bpf {
	struct otrace_bpf *skel;
	struct ring_buffer *rings;
	struct otr_ctl *ctl; /* shared with the programs */
	int cpus;

	/* By row of otr_probes: the choice used, -1 none; and why not. */
	int choice[OTR_PROBES_MAX];
	char why[OTR_PROBES_MAX][256];
	struct bpf_link *links[64];
	size_t n_links;

	otr_event_fn fn; /* during a drain */
	void *fn_arg;
	uint64_t losses_ns; /* when losses were read last */
	uint64_t lost[OTR_LOSS_MAX];
	uint64_t percpu[OTR_CPUS_MAX];
	struct otr_watch watch;
	uint64_t price_ns;
	struct otr_buf log;
	_Alignas(16) unsigned char copy[sizeof(struct otr_ev_data) + OTR_DATA_MAX];
};

/* ring_buffer's callback. */
int otr_bpf_record(void *arg, void *data, size_t len);

uint64_t otr_bpf_hits(const struct otr_bpf *b, enum otr_hit hook);

/* Attaches the programs of one row's choice. Returns 0 or -errno; what was attached
 * stays. bpf_arm.c */
int otr_bpf_attach(struct otr_bpf *b, size_t row);

/* Attaches what traced processes turned out to need. bpf_arm.c */
void otr_bpf_arm(struct otr_bpf *b);

/* Measures what a socket call costs with and without us. price.c */
uint64_t otr_bpf_measure(struct otr_bpf *b);

/* Has the kernel find out how deep our pid namespace lies: from then on all records name
 * processes as we see them. */
int otr_bpf_names(struct otr_bpf *b);

#endif /* OTR_BPF_STATE_H */
