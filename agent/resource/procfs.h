/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PROCFS_H
#define OTR_PROCFS_H

/*
 * procfs.h - the processes that run now, as /proc lists them: for what is traced from the start.
 * Later changes come in events.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OTR_PROCFS_MAPS (16u << 20) /* bytes of /proc/PID/maps that are read: 65,530 lines */

/* Calls `fn` for each process, except for threads of the kernel, until it returns false. */
void otr_procfs_each(bool (*fn)(void *arg, uint32_t pid), void *arg);

/* Returns the parent of the process; 0 if the process has ended. */
uint32_t otr_procfs_parent(uint32_t pid);

/* Returns the CPU time of all threads of the process so far, in steps of 10 ms; 0 if it has
 * ended. */
uint64_t otr_procfs_cpu_ns(uint32_t pid);

/* Writes the path of the executable. Returns false if it may not be read. */
bool otr_procfs_exe(uint32_t pid, char *out, size_t size);

/* Writes the arguments of the process, each ended by a NUL, cut at `size` - 1 bytes. Returns how
 * many bytes. */
size_t otr_procfs_args(uint32_t pid, char *out, size_t size);

/* Does the environment with which the process was executed hold `entry`, "NAME=VALUE"? */
bool otr_procfs_env_has(uint32_t pid, const char *entry);

/* Gives all entries of it, each ended by a NUL, to be freed with free(). Returns their bytes; 0: it
 * is empty or may not be read. */
size_t otr_procfs_environ(uint32_t pid, char **out);

/* Gives the effective uid of the process. Returns false if it has ended. */
bool otr_procfs_uid(uint32_t pid, uint32_t *uid);

/* Writes the path of the cgroup (v2) of the process. Returns false if it may not be read. */
bool otr_procfs_cgroup(uint32_t pid, char *out, size_t size);

/* Is `name` the base name of the executable, or of the script or main class that it runs? */
bool otr_procfs_is(uint32_t pid, const char *name);

/* The same, by arguments that were read before: each ended by a NUL, and one more NUL at the
 * end. */
bool otr_procfs_names(const char *exe, const char *args, size_t len, const char *name);

/* Returns how many descriptors of the process are links that begin with `kind`: "socket:",
 * "anon_inode:[io_uring]". -1: they may not be read. */
int otr_procfs_fds(uint32_t pid, const char *kind);

/* Writes the name of the TLS library that the process has mapped ("libssl.so.3"), or "". */
void otr_procfs_tls(uint32_t pid, char *out, size_t size);

/* Writes a title of the process for messages, without secrets: "python3 app.py". */
void otr_procfs_title(uint32_t pid, char *out, size_t size);

#endif /* OTR_PROCFS_H */
