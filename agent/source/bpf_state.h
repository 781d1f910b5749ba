/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_BPF_STATE_H
#define OTR_BPF_STATE_H

/* bpf_state.h - the state of the kernel source, for bpf.c, bpf_load.c, bpf_arm.c and price.c
 * alone. */

#include "agent/base/buf.h"
#include "agent/source/probes.h"
#include "agent/source/source.h"
#include "agent/source/watch.h"
#include "bpf/shared.h"

struct bpf_link;
struct bpf_program;
struct otr_bpf_tls;
struct otrace_bpf;
struct ring_buffer;
struct otr_tls_probes;

#define OTR_CPUS_MAX   1024
#define OTR_PROBES_MAX 8
#define OTR_LOSSES_NS  200000000ull

struct otr_bpf {
	struct otrace_bpf *skel;
	struct ring_buffer *rings;
	struct otr_ctl *ctl; /* the block that the agent and the programs share */
	int cpus;
	int types; /* the kernel's types that the programs need, or -1 */

	/* By row of otr_probes: the choice that is used, or -1; and why none is. */
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
	struct otr_tls_probes *tls; /* NULL: this kernel has none */
	struct otr_bpf_tls *tls_load;
	bool is_tls_told;     /* it was said that no process gets such probes */
	uint64_t tls_wake_ns; /* when ctl->tls_wake is set next */
	const char *btf;      /* of the configuration, as these two */
	void (*notice)(void *arg, const char *text);
	void *notice_arg;
	struct otr_buf log;
	_Alignas(16) unsigned char copy[sizeof(struct otr_ev_data) + OTR_DATA_MAX];
};

/* Takes one record of a ring, as the callback of ring_buffer__consume(). */
int otr_bpf_record(void *arg, void *data, size_t len);

uint64_t otr_bpf_hits(const struct otr_bpf *b, enum otr_hit hook);

/* bpf_arm.c: attaches the programs of the row's choice. Returns 0 or -errno; what is attached
 * then stays so. */
int otr_bpf_attach(struct otr_bpf *b, size_t row);

/* bpf_arm.c: attaches the probes that traced processes have turned out to need. */
void otr_bpf_arm(struct otr_bpf *b);

/* bpf_tls.c: the probes in TLS libraries. Their programs take as long to load as all others, and
 * are loaded by a thread. */
int otr_bpf_tls_open(struct otr_bpf *b, bool now);
void otr_bpf_tls_close(struct otr_bpf *b);
bool otr_bpf_is_tls(const struct bpf_program *prog);
/* Looks at the processes whose time has come; `wait`: returns when the programs are loaded. */
void otr_bpf_tls_step(struct otr_bpf *b, uint64_t now_ns, bool wait);
/* The same at the start of a session: when it returns, processes that were named have probes. */
void otr_bpf_tls_start(struct otr_bpf *b);
/* Looks at each record of the kernel: has a process moved TLS that nobody reads, or ended? */
void otr_bpf_tls_record(struct otr_bpf *b, const struct otr_event *ev);

/* price.c: measures what the probes add to a socket call, in ns. */
uint64_t otr_bpf_measure(struct otr_bpf *b);

/* Finds the depth of the agent's pid namespace, by an iterator: from then on the numbers of
 * processes in records are those of that namespace. */
int otr_bpf_names(struct otr_bpf *b);

#endif /* OTR_BPF_STATE_H */
