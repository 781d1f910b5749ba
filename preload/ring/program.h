/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_PROGRAM_H
#define OTR_PROGRAM_H

/*
 * program.h - programs that are about to be started: can they carry the library, and if not,
 * who tells the agent that they are there? Their starter does, in one message.
 *
 * Nothing here writes outside the stack, since a child made by vfork() shares our memory;
 * errno is the caller's to keep.
 */

#include <stddef.h>
#include <stdint.h>

#include "bpf/ring.h"

#pragma GCC visibility push(hidden) /* exports.map: nothing of ours gets out */

/* Finds `file` as execvp() does, in PATH of our own environment. Returns 0 or -errno. */
int otr_program_find(const char *file, char *out, size_t size);

/* Why the file at `path` (or the interpreter that its first line names) cannot carry the
 * library: OTR_UNCARRIED_STATIC, _GO, _32BIT, _SETUID; 0: it can, or that is not known. */
int otr_program_why(const char *path);

/* Tells the agent of the session that `env` names, or else of our own, why the program at
 * `path` is not seen. */
void otr_program_emit(int why, const char *path, char *const *env);

/* 1: we are in a program that the library leaves alone for what it is, and the agent was not
 * told so yet. Set before main(). */
extern uint8_t otr_program_denied;

/* In such a program `fd` was connected, accepted or listens: where that is the network's, the
 * agent is told, once. Keeps errno. */
void otr_program_denied_emit(int fd);

#pragma GCC visibility pop

#endif /* OTR_PROGRAM_H */
