/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PROGRAM_H
#define OTR_PROGRAM_H

/*
 * program.h - programs into which the library cannot be loaded. The process that starts one reports
 * it to the agent, in one message.
 *
 * The functions write on the stack alone, since a child made by vfork() shares our memory. They may
 * change errno.
 */

#include <stddef.h>
#include <stdint.h>

#include "bpf/ring.h"

#pragma GCC visibility push(hidden) /* not exported: see exports.map */

/* Finds `file` as execvp() does, by the PATH of this process, and writes its path to `out`. Returns
 * 0 or -errno. */
int otr_program_find(const char *file, char *out, size_t size);

/* Returns why the library cannot be loaded into the program at `path`, or the interpreter of that
 * script: OTR_UNCARRIED_STATIC, _GO, _32BIT or _SETUID; 0: it can, or that is not known. */
int otr_program_why(const char *path);

/* Reports to the agent why the program at `path` is not traced. The session is that of `env` (may
 * be NULL), or else that of this process. */
void otr_program_emit(int why, const char *path, char *const *env);

/* 1: this program is one that is never traced (`never_traced` in load.c), and the agent does not
 * know that it runs. Set before main(). */
extern uint8_t otr_program_denied;

/* In such a program `fd` was connected, accepted or listens: reports the program, once, if `fd` is
 * a TCP socket. errno stays as it is. */
void otr_program_denied_emit(int fd);

#pragma GCC visibility pop

#endif /* OTR_PROGRAM_H */
