/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpf_load.c - loads the programs into the kernel.
 *
 * The best choice of every row is tried. When the kernel refuses a program, its row moves to the
 * next choice, and all is tried again. So the result is what this kernel can do, not what its
 * version promises.
 */

#include "agent/source/bpf.h"
#include "agent/source/bpf_state.h"
#include "agent/source/btf_small.h"

#include "agent/source/otrace.skel.h" /* uses types of bpf/shared.h */

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/base/err.h"
#include "agent/base/own.h"
#include "agent/base/secret.h"
#include "agent/resource/procfs.h"

#define RING_PER_CORE (1u << 20)
#define RING_MIN      (4u << 20)
#define RING_MAX      (64u << 20)
#define KEEP_LOG      6000 /* bytes of one message */
#define VMLINUX	      "/sys/kernel/btf/vmlinux"

static struct otr_buf *log_to; /* libbpf has one print function for the process */

/* The log of the verifier is one message, and the reason is at its end. */
static int keep_log(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char *text;
	int n;

	if (level == LIBBPF_DEBUG || !log_to)
		return 0;
	n = vasprintf(&text, fmt, ap);
	if (n < 0)
		return 0;
	otr_buf_str(log_to, n > KEEP_LOG ? text + n - KEEP_LOG : text);
	free(text);
	return n;
}

/* The choice of a row that is tried now, or NULL where the row was given up. */
static const char *const *programs_of(const struct otr_bpf *b, size_t row)
{
	return b->choice[row] < 0 ? NULL : otr_probes[row].choices[b->choice[row]].programs;
}

/* `name` ends where the row's entry does, or where its "@CALL" begins. */
static bool in_row(const struct otr_bpf *b, size_t row, const char *name)
{
	const char *const *programs = programs_of(b, row);
	size_t len = strlen(name);

	for (size_t i = 0; programs && i < OTR_PROBE_PROGRAMS && programs[i]; i++)
		if (!strncmp(programs[i], name, len) && strchr("@", programs[i][len]))
			return true;
	return false;
}

static bool is_loaded(const struct otr_bpf *b, const char *name)
{
	for (size_t row = 0; otr_probes[row].name; row++)
		if (in_row(b, row, name))
			return true;
	return false;
}

/* 4 MiB for up to 4 cores, 1 MiB for each further core, at most 64 MiB: a power of two. */
static uint32_t ring_bytes(int cpus)
{
	uint32_t want = (uint32_t)cpus * RING_PER_CORE, size = RING_MIN;

	while (size < want && size < RING_MAX)
		size *= 2;
	return size;
}

/* Which program did the kernel, or libbpf, refuse? Its name comes last in the log. */
static bool refused_name(const struct otr_buf *log, char *name, size_t size)
{
	const char *at, *last = NULL;
	size_t len;

	if (!log->data || log->rc)
		return false;
	for (at = log->data; (at = strstr(at, "prog '")); at++)
		last = at + strlen("prog '");
	if (!last)
		return false;
	len = strcspn(last, "'\n");
	if (len >= size)
		return false;
	memcpy(name, last, len);
	name[len] = 0;
	return true;
}

/* The last line of the kernel's log about it, for `otrace doctor`. */
static void keep_why(struct otr_bpf *b, size_t row, const char *name, int rc)
{
	snprintf(b->why[row], sizeof(b->why[row]), "%s (%s): %s",
		 otr_probes[row].choices[b->choice[row]].what, name, strerror(-rc));
}

/* Moves the row of a refused program to its next choice. Returns false where there is none and
 * the row is required. */
static bool next_choice(struct otr_bpf *b, const char *name, int rc)
{
	for (size_t row = 0; otr_probes[row].name; row++) {
		if (!in_row(b, row, name))
			continue;
		keep_why(b, row, name, rc);
		b->choice[row]++;
		if (b->choice[row] < 2 && otr_probes[row].choices[b->choice[row]].what)
			return true;
		b->choice[row] = -1;
		return !otr_probes[row].required;
	}
	return false;
}

static struct btf *find_btf(Elf *elf)
{
	Elf_Scn *part = NULL;
	const char *name;
	Elf_Data *data;
	size_t names;

	if (!elf || elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((part = elf_nextscn(elf, part))) {
		name = elf_strptr(elf, names, elf64_getshdr(part)->sh_name);
		data = name && !strcmp(name, ".BTF") ? elf_rawdata(part, NULL) : NULL;
		if (data)
			return btf__new(data->d_buf, (uint32_t)data->d_size);
	}
	return NULL;
}

/* The type information of our own programs. */
static struct btf *own_btf(void)
{
	size_t size;
	const void *bytes = otrace_bpf__elf_bytes(&size);
	struct btf *own = NULL;
	Elf *elf = NULL;

	if (elf_version(EV_CURRENT) != EV_NONE)
		elf = elf_memory((char *)bytes, size);
	own = find_btf(elf);
	elf_end(elf);
	return own;
}

/* Makes the copy of the kernel's types that is searched instead of all of them, or leaves it: then
 * all are searched. */
static int small_btf(const struct otr_bpf_config *cfg)
{
	struct btf *own;
	int fd;

	if (cfg->btf)
		return -1;
	own = own_btf();
	fd = own ? otr_btf_small(VMLINUX, own) : -1;
	btf__free(own);
	return fd;
}

static int open_skel(struct otr_bpf *b, const struct otr_bpf_config *cfg)
{
	DECLARE_LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = cfg->btf);
	struct bpf_program *prog;
	char path[32];

	if (b->types >= 0) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", b->types);
		opts.btf_custom_path = path;
	}
	b->skel = otrace_bpf__open_opts(&opts);
	if (!b->skel)
		return -errno;
	bpf_object__for_each_program(prog, b->skel->obj) bpf_program__set_autoload(
		prog, is_loaded(b, bpf_program__name(prog)) && !otr_bpf_is_tls(prog));
	bpf_map__set_max_entries(b->skel->maps.otr_data, ring_bytes(b->cpus));
	if (!b->choice[0])
		bpf_map__set_max_entries(b->skel->maps.otr_conns_by_sk, 1);
	b->ctl = &b->skel->bss->otr_ctl;
	b->ctl->agent = (uint32_t)getpid();
	b->ctl->follow = cfg->follow;
	b->ctl->policy_gen = 1;
	b->ctl->by_sk = b->choice[0] > 0;
	return 0;
}

static int try_load(struct otr_bpf *b, const struct otr_bpf_config *cfg)
{
	int rc;

	otr_buf_reset(&b->log);
	rc = open_skel(b, cfg);
	if (!rc)
		rc = otrace_bpf__load(b->skel);
	otr_buf_byte(&b->log, '\0');
	if (!rc) {
		b->ctl = &b->skel->bss->otr_ctl; /* mapped again by load */
		return 0;
	}
	if (b->skel)
		otrace_bpf__destroy(b->skel);
	b->skel = NULL;
	return rc;
}

static void force_out(struct otr_bpf *b, const char *what)
{
	for (size_t row = 0; what && otr_probes[row].name; row++)
		if (!strcmp(otr_probes[row].choices[0].what, what)) {
			b->choice[row] = 1;
			snprintf(b->why[row], sizeof(b->why[row]), "%s: left out by OTRACE_PROBES",
				 what);
		}
}

static int no_privilege(struct otr_err *err, int rc)
{
	char call[120];

	otr_err_set(err,
		    "cannot load the kernel probes: uid %u lacks CAP_BPF and "
		    "CAP_PERFMON (bpf: %s)",
		    getuid(), strerror(-rc));
	/* The command, to be pasted; where it was long or a secret is hidden in it, only its
	 * beginning. */
	otr_procfs_title((uint32_t)getpid(), call, sizeof(call));
	otr_err_hint(err, "try  sudo %s",
		     strlen(call) + 1 < sizeof(call) && !strstr(call, OTR_SECRET_HIDDEN)
			     ? call
			     : "otrace ..");
	otr_err_hint(err, "or, with no privilege and from its start:  otrace run "
			  "--no-bpf -- CMD");
	return -EPERM;
}

static int no_btf(struct otr_err *err, const char *path, int rc)
{
	struct utsname host;

	uname(&host);
	otr_err_set(err, "no type information for kernel %s: %s: %s", host.release, path,
		    strerror(rc));
	otr_err_hint(err, "needs a kernel built with CONFIG_DEBUG_INFO_BTF=y "
			  "(usual since 5.8) or --btf FILE");
	otr_err_hint(err, "try  otrace run --no-bpf -- CMD");
	return -ENOENT;
}

static int no_way(struct otr_bpf *b, struct otr_err *err, const char *name, int rc)
{
	struct utsname host;

	uname(&host);
	otr_err_set(err, "kernel %s cannot run a probe that otrace needs: %s: %s", host.release,
		    name, strerror(-rc));
	for (size_t row = 0; otr_probes[row].name; row++)
		if (b->choice[row] < 0 && otr_probes[row].required)
			otr_err_hint(err, "without it %s", otr_probes[row].means);
	otr_err_hint(err, "try  otrace doctor      it lists what this kernel supports; "
			  "-v shows the kernel's own messages");
	return -EOPNOTSUPP;
}

static int load(struct otr_bpf *b, const struct otr_bpf_config *cfg, struct otr_err *err)
{
	const char *btf = cfg->btf ? cfg->btf : VMLINUX;
	char name[64];
	int rc;

	if (access(btf, R_OK))
		return no_btf(err, btf, errno);
	force_out(b, cfg->force);
	b->types = small_btf(cfg);
	while ((rc = try_load(b, cfg))) {
		if (rc == -EPERM || rc == -EACCES || geteuid() != 0)
			if (!refused_name(&b->log, name, sizeof(name)) || rc == -EPERM)
				return no_privilege(err, rc);
		if (!refused_name(&b->log, name, sizeof(name)))
			return no_way(b, err, "a map", rc);
		if (!next_choice(b, name, rc))
			return no_way(b, err, name, rc);
	}
	return 0;
}

static int open_rings(struct otr_bpf *b)
{
	int facts = bpf_map__fd(b->skel->maps.otr_facts);
	int data = bpf_map__fd(b->skel->maps.otr_data);

	/* The order in which they are drained: facts of a connection come before its bytes. */
	b->rings = ring_buffer__new(facts, otr_bpf_record, b, NULL);
	if (!b->rings)
		return -errno;
	return ring_buffer__add(b->rings, data, otr_bpf_record, b);
}

static int attach_start(struct otr_bpf *b, struct otr_err *err)
{
	int rc;

	for (size_t row = 0; otr_probes[row].name; row++) {
		if (otr_probes[row].when != OTR_PROBE_START)
			continue;
		rc = otr_bpf_attach(b, row);
		if (!rc)
			continue;
		otr_buf_printf(&b->log, "%s: %s\n", otr_probes[row].name, b->why[row]);
		return no_way(b, err, otr_probes[row].name, rc);
	}
	return 0;
}

static int load_and_attach(struct otr_bpf *b, const struct otr_bpf_config *cfg, struct otr_err *err)
{
	int rc = load(b, cfg, err);

	if (rc)
		return rc;
	rc = open_rings(b);
	if (rc) {
		otr_err_set(err, "cannot map the ring buffers of the probes: %s", strerror(-rc));
		return rc;
	}
	otr_buf_reset(&b->log);
	return attach_start(b, err);
}

static void print_log(const struct otr_bpf *b)
{
	const char *text = b->log.data;

	if (text)
		fwrite(text, 1, strnlen(text, b->log.len), stderr);
}

int otr_bpf_open(struct otr_bpf **out, const struct otr_bpf_config *cfg, struct otr_err *err)
{
	OTR_AUTO(otr_bpf_close) struct otr_bpf *b = calloc(1, sizeof(*b));
	int rc;

	if (!b) {
		otr_err_set(err, "cannot load the kernel probes: out of memory");
		return -ENOMEM;
	}
	b->log.max = 1 << 20;
	b->cpus = libbpf_num_possible_cpus();
	if (b->cpus < 1 || b->cpus > OTR_CPUS_MAX) {
		otr_err_set(err, "this machine has %d CPUs; the probes support at most %d", b->cpus,
			    OTR_CPUS_MAX);
		return -EOPNOTSUPP;
	}
	libbpf_set_print(keep_log);
	log_to = &b->log;
	b->types = -1;
	rc = load_and_attach(b, cfg, err);
	log_to = NULL;
	if (rc && cfg->verbose)
		print_log(b);
	if (rc)
		return rc;
	rc = otr_bpf_names(b);
	if (rc) {
		otr_err_set(err, "cannot list the running processes: %s", strerror(-rc));
		return rc;
	}
	/* Records are dropped while the price of a call is measured, so no process is on trial
	 * before: the agent would not see its exec, and would take its bytes for those of a
	 * traced process. `trials` is set first, since exec is not looked at without `host`. */
	b->price_ns = otr_bpf_measure(b);
	b->btf = cfg->btf;
	b->notice = cfg->notice;
	b->notice_arg = cfg->arg;
	rc = otr_bpf_tls_open(b, cfg->tls_now);
	if (rc) {
		otr_err_set(err, "cannot prepare the probes of TLS: %s", strerror(-rc));
		return rc;
	}
	__atomic_store_n(&b->ctl->trials, cfg->trials, __ATOMIC_RELEASE);
	__atomic_store_n(&b->ctl->host, cfg->host, __ATOMIC_RELEASE);
	*out = OTR_TAKE(b);
	return 0;
}

void otr_bpf_close(struct otr_bpf **bp)
{
	struct otr_bpf *b = OTR_TAKE(*bp);

	if (!b)
		return;
	otr_bpf_tls_close(b);
	while (b->n_links)
		bpf_link__destroy(b->links[--b->n_links]);
	if (b->types >= 0)
		close(b->types);
	ring_buffer__free(b->rings);
	if (b->skel)
		otrace_bpf__destroy(b->skel);
	otr_buf_fini(&b->log);
	free(b);
}

void otr_bpf_each(const struct otr_bpf *b,
		  void (*fn)(void *arg, const struct otr_probe *row, const char *used,
			     const char *why),
		  void *arg)
{
	for (size_t row = 0; otr_probes[row].name; row++)
		fn(arg, &otr_probes[row],
		   b->choice[row] < 0 ? NULL : otr_probes[row].choices[b->choice[row]].what,
		   b->why[row]);
}
