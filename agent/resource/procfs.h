/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PROCFS_H
#define OTR_PROCFS_H

/*
 * procfs.h - the processes of the machine, as /proc lists them now: to find what is traced at
 * start. What happens later comes in events.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OTR_PROCFS_MAPS (16u << 20) /* of /proc/PID/maps no more is read: 65,530 lines */

/* Calls `fn` for each process until it returns false. Kernel threads are left out where
 * they have no command line. */
void otr_procfs_each(bool (*fn)(void *arg, uint32_t pid), void *arg);

/* The parent of a process; 0 if the process has ended. */
uint32_t otr_procfs_parent(uint32_t pid);

/* CPU of all its threads so far, in steps of 10 ms; 0 if it is gone. */
uint64_t otr_procfs_cpu_ns(uint32_t pid);

/* Path of its executable into `out`. Returns false if it may not be read. */
bool otr_procfs_exe(uint32_t pid, char *out, size_t size);

/* Its arguments, each ended by a NUL, cut at `size` - 1. Returns how many bytes. */
size_t otr_procfs_args(uint32_t pid, char *out, size_t size);

/* Does its environment, as it was when it was executed, hold this entry, "NAME=VALUE"? */
bool otr_procfs_env_has(uint32_t pid, const char *entry);

/* Its cgroup (v2 path). */
bool otr_procfs_cgroup(uint32_t pid, char *out, size_t size);

/* Is `name` the base name of its executable, or of the script its interpreter runs? */
bool otr_procfs_is(uint32_t pid, const char *name);

/* The same with arguments that were read before: each ended by a NUL, and one more NUL at the
 * end. */
bool otr_procfs_names(const char *exe, const char *args, size_t len, const char *name);

/* How many of its descriptors are `kind`, as their link begins: "socket:",
 * "anon_inode:[io_uring]". -1: may not be read. */
int otr_procfs_fds(uint32_t pid, const char *kind);

/* The TLS library it has mapped ("libssl.so.3"), or "" where there is none. */
void otr_procfs_tls(uint32_t pid, char *out, size_t size);

/* Writes a title of the process for messages, without secrets: "python3 app.py". */
void otr_procfs_title(uint32_t pid, char *out, size_t size);

#endif /* OTR_PROCFS_H */
