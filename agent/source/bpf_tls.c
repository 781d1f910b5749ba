/* SPDX-License-Identifier: Apache-2.0 */
/* bpf_tls.c - loads the programs for TLS libraries, and says when processes get them; see
 * tls_probes.h. */

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/own.h"
#include "agent/resource/procfs.h"
#include "agent/source/bpf.h"
#include "agent/source/bpf_state.h"
#include "agent/source/tls_probes.h"

#include "agent/source/otrace.skel.h" /* uses types of bpf/shared.h */

#define TLS_HANDSHAKE 22
#define TLS_DATA      23
#define WAKE_NS	      (100 * OTR_NS_PER_MS)

static const char *why_of(int error)
{
	switch (error) {
	case EMFILE:
		return "too many processes have such probes already, for the limit of open files "
		       "(ulimit -n)";
	case ENOSPC:
		return "the process has TLS libraries in more places than otrace probes in one "
		       "process";
	case EACCES:
	case EPERM:
		return "the kernel does not permit it";
	}
	return strerror(error);
}

/* Has the process ended? Its files are gone then, also while it is not reaped yet. */
static bool has_ended(uint32_t tgid)
{
	char path[32], to[8];

	snprintf(path, sizeof(path), "/proc/%u/exe", tgid);
	return readlink(path, to, sizeof(to)) < 0 && (errno == ENOENT || errno == ESRCH);
}

/* Said once for a process. A short one may end before its probes are set: nothing is to be said of
 * that. */
static void refused(void *arg, uint32_t tgid, const char *path, int error)
{
	const struct otr_bpf *b = arg;
	char title[64], text[640];

	if (!b->notice || has_ended(tgid))
		return;
	otr_procfs_title(tgid, title, sizeof(title));
	snprintf(text, sizeof(text),
		 "%.60s (pid %u): its requests inside TLS are not seen: cannot probe %s: %s\n"
		 "all other traffic is traced",
		 title, tgid, path, why_of(error));
	b->notice(b->notice_arg, text);
}

static const char *const names[OTR_TLS_PROGRAMS] = {
	[OTR_TLS_ENTER] = "otr_tls_enter",     [OTR_TLS_READ_RET] = "otr_tls_read",
	[OTR_TLS_WRITE_RET] = "otr_tls_wrote", [OTR_TLS_SHOOK_RET] = "otr_tls_shook",
	[OTR_TLS_FREED] = "otr_tls_free",      [OTR_TLS_BIO_ENTER] = "otr_tls_bio",
	[OTR_TLS_BIO_RET] = "otr_tls_biord",
};

bool otr_bpf_is_tls(const struct bpf_program *prog)
{
	return !strncmp(bpf_program__name(prog), "otr_tls_", 8);
}

/* The programs, while a thread loads them, and then. */
struct otr_bpf_tls {
	const struct otr_bpf *b; /* not changed by the thread */
	pthread_t thread;
	int is_done; /* atomic */
	int rc;
	bool is_joined;
	bool has_multi;
	int programs[OTR_TLS_PROGRAMS]; /* descriptors, or -1 */
};

/* The same maps as the programs that are loaded already. */
static int share_maps(struct bpf_object *obj, const struct bpf_object *with)
{
	struct bpf_map *map, *from;
	int rc = 0;

	bpf_object__for_each_map(map, obj)
	{
		from = bpf_object__find_map_by_name(with, bpf_map__name(map));
		if (!rc)
			rc = from ? bpf_map__reuse_fd(map, bpf_map__fd(from)) : -ENOENT;
	}
	return rc;
}

/* Keeps the descriptors; the rest of the object is not needed any more. */
static int keep_programs(struct otr_bpf_tls *tl, const struct bpf_object *obj)
{
	const struct bpf_program *prog;

	for (size_t i = 0; i < OTR_TLS_PROGRAMS; i++) {
		prog = bpf_object__find_program_by_name(obj, names[i]);
		tl->programs[i] = prog ? fcntl(bpf_program__fd(prog), F_DUPFD_CLOEXEC, 0) : -1;
		if (tl->programs[i] < 0)
			return -EBADF;
	}
	return 0;
}

static int load_object(struct otr_bpf_tls *tl, struct bpf_object *obj)
{
	struct bpf_program *prog;
	int rc = share_maps(obj, tl->b->skel->obj);

	bpf_object__for_each_program(prog, obj)
	{
		bpf_program__set_autoload(prog, otr_bpf_is_tls(prog));
		if (tl->has_multi && otr_bpf_is_tls(prog))
			bpf_program__set_expected_attach_type(prog, OTR_UPROBE_MULTI);
	}
	if (!rc)
		rc = bpf_object__load(obj);
	return rc ? rc : keep_programs(tl, obj);
}

static void *load(void *arg)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "otrace_bpf");
	struct otr_bpf_tls *tl = arg;
	struct bpf_object *obj;
	const void *bytes;
	char types[32];
	size_t size;

	tl->has_multi = otr_tls_has_multi();
	opts.btf_custom_path = tl->b->btf;
	if (tl->b->types >= 0) {
		snprintf(types, sizeof(types), "/proc/self/fd/%d", tl->b->types);
		opts.btf_custom_path = types;
	}
	bytes = otrace_bpf__elf_bytes(&size);
	obj = bpf_object__open_mem(bytes, size, &opts);
	tl->rc = obj ? load_object(tl, obj) : -errno;
	bpf_object__close(obj);
	__atomic_store_n(&tl->is_done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static bool is_supported(const struct otr_bpf *b, size_t *row)
{
	for (*row = 0; otr_probes[*row].name; ++*row)
		if (otr_probes[*row].when == OTR_PROBE_TLS)
			return !b->choice[*row];
	return false;
}

static int start_loading(struct otr_bpf *b)
{
	struct otr_bpf_tls *tl = calloc(1, sizeof(*tl));
	int rc;

	if (!tl)
		return -ENOMEM;
	tl->b = b;
	for (size_t i = 0; i < OTR_TLS_PROGRAMS; i++)
		tl->programs[i] = -1;
	rc = -pthread_create(&tl->thread, NULL, load, tl);
	if (rc) {
		free(tl);
		return rc;
	}
	b->tls_load = tl;
	return 0;
}

/* No process gets probes: the row says why. */
static void give_up(struct otr_bpf *b, const char *why)
{
	size_t row;

	otr_tls_probes_free(&b->tls);
	if (!is_supported(b, &row))
		return;
	b->choice[row] = -1;
	snprintf(b->why[row], sizeof(b->why[row]), "%s: %s", otr_probes[row].choices[0].what, why);
}

int otr_bpf_tls_open(struct otr_bpf *b, bool now)
{
	size_t row;
	int rc;

	if (is_supported(b, &row) && otr_tls_return_kills())
		give_up(b, "this kernel would kill a process that filters its system calls "
			   "(seccomp); Linux 6.14 does not");
	rc = is_supported(b, &row) ? otr_tls_probes_new(&b->tls, refused, b) : 0;
	/* Where programs carry no library, the first one may be over before the programs are loaded
	 * on need. */
	if (!rc && b->tls && now)
		otr_bpf_tls_step(b, otr_now(), true);
	return rc;
}

static void join(struct otr_bpf_tls *tl)
{
	if (!tl->is_joined)
		pthread_join(tl->thread, NULL);
	tl->is_joined = true;
}

/* The thread has ended: processes may get probes, or the row says why not. */
static void take_programs(struct otr_bpf *b)
{
	struct otr_bpf_tls *tl = b->tls_load;

	join(tl);
	if (tl->rc)
		give_up(b, strerror(-tl->rc));
	else
		otr_tls_probes_ready(b->tls, tl->programs, tl->has_multi);
}

/* The first handshake that nobody reads wakes the agent, since its process may have just loaded its
 * library. Where none can be read (a server in Go) a thousand a second would. */
static void arm_wake(struct otr_bpf *b, uint64_t now_ns)
{
	if (!b->tls || now_ns < b->tls_wake_ns)
		return;
	b->tls_wake_ns = now_ns + WAKE_NS;
	__atomic_store_n(&b->ctl->tls_wake, 1, __ATOMIC_RELEASE);
}

void otr_bpf_tls_step(struct otr_bpf *b, uint64_t now_ns, bool wait)
{
	struct otr_bpf_tls *tl;
	int rc = 0;

	arm_wake(b, now_ns);
	if (b->tls && !b->tls_load && (wait || otr_tls_probes_wanted(b->tls)))
		rc = start_loading(b);
	if (rc)
		give_up(b, strerror(-rc));
	tl = b->tls_load;
	if (tl && !tl->is_joined && (wait || __atomic_load_n(&tl->is_done, __ATOMIC_ACQUIRE)))
		take_programs(b);
	if (b->tls)
		otr_tls_probes_step(b->tls, now_ns);
}

void otr_bpf_tls_start(struct otr_bpf *b)
{
	otr_bpf_tls_step(b, otr_now(), false);
	if (b->tls && otr_tls_probes_wanted(b->tls))
		otr_bpf_tls_step(b, otr_now(), true);
}

void otr_bpf_tls_close(struct otr_bpf *b)
{
	struct otr_bpf_tls *tl = OTR_TAKE(b->tls_load);

	otr_tls_probes_free(&b->tls);
	if (!tl)
		return;
	join(tl);
	for (size_t i = 0; i < OTR_TLS_PROGRAMS; i++)
		if (tl->programs[i] >= 0)
			close(tl->programs[i]);
	free(tl);
}

void otr_bpf_begun(struct otr_bpf *b, uint32_t tgid, bool forked)
{
	if (!b->tls)
		return;
	if (!forked)
		otr_tls_probes_drop(b->tls, tgid);
	otr_tls_probes_want(b->tls, tgid, forked ? OTR_TLS_FORKED : OTR_TLS_BEGINS, otr_now());
}

static bool is_unread_tls(const struct otr_event *ev)
{
	const struct otr_ev_data *data = (const void *)ev;

	return ev->kind == OTR_EV_DATA && data->layer == OTR_LAYER_SOCKET && data->first &&
	       data->cap >= 3 && (data->data[0] == TLS_HANDSHAKE || data->data[0] == TLS_DATA) &&
	       data->data[1] == 3 && data->data[2] <= 4;
}

/* Said once: no process gets probes. */
static void tell_why_none(struct otr_bpf *b)
{
	char text[sizeof(b->why[0]) + 128];
	size_t row;

	b->is_tls_told = true;
	if (!b->notice || is_supported(b, &row) || !otr_probes[row].name)
		return;
	snprintf(text, sizeof(text), "requests inside TLS are seen by the library alone: %s",
		 b->why[row]);
	b->notice(b->notice_arg, text);
}

void otr_bpf_tls_record(struct otr_bpf *b, const struct otr_event *ev)
{
	if (!b->tls) {
		if (!b->is_tls_told && is_unread_tls(ev))
			tell_why_none(b);
		return;
	}
	if (is_unread_tls(ev))
		otr_tls_probes_want(b->tls, ev->tgid, OTR_TLS_RECORDS, otr_now());
	else if (ev->kind == OTR_EV_PROC_EXIT)
		otr_tls_probes_drop(b->tls, ev->tgid);
}

int otr_bpf_rest_ms(const struct otr_bpf *b, int ms)
{
	return b->tls ? otr_tls_probes_rest_ms(b->tls, ms) : ms;
}
