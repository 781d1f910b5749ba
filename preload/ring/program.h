/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PROGRAM_H
#define OTR_PROGRAM_H

/*
 * program.h - programs that are about to be started and cannot carry the library. The process
 * that starts one reports it to the agent, in one message.
 *
 * Nothing here writes outside the stack, since a child made by vfork() shares our memory. errno
 * may change.
 */

#include <stddef.h>
#include <stdint.h>

#include "bpf/ring.h"

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* Finds `file` as execvp() does, in the PATH of our own environment. Returns 0 or -errno. */
int otr_program_find(const char *file, char *out, size_t size);

/* Why can the file at `path` (or the interpreter that its first line names) not carry the
 * library? OTR_UNCARRIED_STATIC, _GO, _32BIT, _SETUID; 0: it can, or that is not known. */
int otr_program_why(const char *path);

/* Reports to the agent of the session that `env` names, or else of our own, why the program at
 * `path` is not traced. */
void otr_program_emit(int why, const char *path, char *const *env);

/* 1: this program is on the list of programs that are never traced, and the agent does not know
 * that it is there. Set before main(). */
extern uint8_t otr_program_denied;

/* In such a program `fd` was connected, accepted or listens: reports it once, where `fd` is a
 * socket of the network. errno stays as it is. */
void otr_program_denied_emit(int fd);

#pragma GCC visibility pop

#endif /* OTR_PROGRAM_H */
