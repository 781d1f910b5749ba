/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_TLS_ATTACH_H
#define OTR_TLS_ATTACH_H

/*
 * tls_attach.h - finds the TLS libraries that a process has loaded, and attaches the probes in
 * them, for this process alone.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OTR_TLS_LINKS 32 /* descriptors of one process */
#define OTR_TLS_FILES 4	 /* files of one process that have probes */

enum otr_tls_program { /* of bpf/tls_openssl.bpf.c */
	OTR_TLS_ENTER,
	OTR_TLS_READ_RET,
	OTR_TLS_WRITE_RET,
	OTR_TLS_SHOOK_RET,
	OTR_TLS_FREED,
	OTR_TLS_BIO_ENTER,
	OTR_TLS_BIO_RET,
	OTR_TLS_PROGRAMS,
};

struct otr_tls_attached {
	uint32_t pid;
	int programs[OTR_TLS_PROGRAMS]; /* descriptors, by enum otr_tls_program; -1: only look */
	bool has_multi;			/* otr_tls_has_multi() */
	/* It has moved TLS that nobody reads. If not, a process that carries otrace's own library
	 * gets no probes, as that library reads for it. */
	bool is_unread;
	/* Some of its sessions move no bytes of sockets: attach to what reads their ciphertext. */
	bool is_off_sockets;
	bool is_found; /* gives: there is a TLS library, but no `programs` */
	bool is_gone;  /* gives: the process cannot be read any more */
	/* Files that have their probes, from earlier calls and this one. */
	struct otr_tls_file {
		uint64_t dev, ino;
	} files[OTR_TLS_FILES];
	size_t n_files;
	int links[OTR_TLS_LINKS]; /* gives: their probes, one descriptor each */
	size_t n_links;
	size_t max_links; /* at most OTR_TLS_LINKS; a file that needs more is refused: ENOSPC */
	int error;	  /* gives: the errno that the kernel refused a probe with; or 0 */
	char path[256];	  /* gives: the file in which it did */
};

#define OTR_UPROBE_MULTI 48 /* BPF_TRACE_UPROBE_MULTI, as what the programs are loaded */

/* Does the kernel have links with several uprobes, for all threads of a process (Linux 6.10, and 6.6
 * to 6.9 with a fix)? They need no more rights than the programs; those of a single uprobe may need
 * CAP_SYS_ADMIN. Programs for them are loaded as OTR_UPROBE_MULTI, others are not. */
bool otr_tls_has_multi(void);

/* Would a probe at a return kill a process that filters its system calls (seccomp)? */
bool otr_tls_return_kills(void);

/* Attaches to each file that the process has loaded and that is not in `files` yet. What may block
 * for as long as another user likes is left behind after OTR_FOREIGN_MS. Returns how many links
 * there are more, or -errno. */
int otr_tls_attach(struct otr_tls_attached *at);

/* Is this line of /proc/PID/maps code of a file whose name is that of a TLS library, or begins with
 * `other`? Then `range` gets the name of its link in /proc/PID/map_files, and `path` the rest of
 * the line. */
bool otr_tls_maps_line(const char *line, const char *other, char range[40], const char **path);

#endif /* OTR_TLS_ATTACH_H */
