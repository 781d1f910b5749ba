/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_FOREIGN_H
#define OTR_FOREIGN_H

/*
 * foreign.h - reads files that belong to others: executables, scripts, /proc/PID/..
 *
 * Their owner chooses what is there, and may change it meanwhile. So only regular files are
 * opened (a device acts when it is opened, a FIFO makes whoever opens it wait), a read is given
 * its bound by the caller, and what can wait for its owner (a file of a FUSE mount, the memory
 * map of a process that holds its own lock) is read by a thread that can be left behind.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Opens a regular file for reading, below the directory `dir` (AT_FDCWD: here). Links are
 * followed. Returns a descriptor (close-on-exec), or -errno: -EINVAL, it is no regular file. */
int otr_foreign_open(int dir, const char *path);

/* The same for a name in /proc, whose files are made by the kernel: one system call. */
int otr_foreign_open_proc(int dir, const char *name);

/* Reads at most `size` bytes from the beginning. Returns how many, or -errno. It may be a file
 * that changes while it is read. */
ssize_t otr_foreign_slurp(int fd, char *out, size_t size);

/* The file `name` of /proc/PID (cmdline, environ), below `dir`, at most `size` bytes: what it shows
 * is the process's own memory, so it may let a reader wait for ever (userfaultfd(2), a lock of its
 * memory map that waits for a file). Returns how many bytes, or -errno: -ETIMEDOUT after
 * OTR_FOREIGN_MS, -EBUSY as of otr_foreign_within(). */
ssize_t otr_foreign_memory(int dir, const char *name, char *out, size_t size);

/* The file `name` of /proc/`pid`, its memory's (cmdline, environ) as otr_foreign_memory() reads
 * them, at most `size` - 1 bytes and a NUL. Returns its length, 0 where
 * it is empty or cannot be read, or -1 where the process is gone. */
ssize_t otr_foreign_proc(uint32_t pid, const char *name, char *out, size_t size);

/* Exactly `size` bytes at `at`. */
bool otr_foreign_at(int fd, uint64_t at, void *out, size_t size);

/*
 * Calls `fn(arg, line)` for each line of a file, without its end, until it returns false.
 * No more than `max` bytes are read; of a line longer than 16 KiB the beginning is given.
 * Returns 0 or -errno.
 */
int otr_foreign_lines(int fd, size_t max, bool (*fn)(void *arg, char *line), void *arg);

/*
 * Runs `fn` on a copy of the `size` bytes at `io`, in a worker thread, and copies them back when
 * `fn` has returned. After `ms` milliseconds the worker is left behind and `io` stays as it was;
 * when `fn` returns after all, `undo` (or NULL) releases what it took. Returns 0, -ETIMEDOUT,
 * -EBUSY while OTR_FOREIGN_STUCK workers are still behind, or -errno where there can be no
 * thread.
 *
 * A worker is kept for the next call. It has the capabilities that its first caller had then.
 */
#define OTR_FOREIGN_STUCK 8
#define OTR_FOREIGN_MS	  250
int otr_foreign_within(unsigned int ms, void (*fn)(void *io), void (*undo)(void *io), void *io,
		       size_t size);

/* Ends the worker that is kept, so that the next call starts one: whoever gives up capabilities
 * calls this first (confine.c). */
void otr_foreign_end(void);

#endif /* OTR_FOREIGN_H */
