/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_LAUNCH_H
#define OTR_LAUNCH_H

/* launch.h - starting a program with the library (preload/) in it. */

#include <stdbool.h>
#include <stddef.h>

#include "bpf/sample.h"

struct otr_err;

/* The path of libotrace.so: beside otrace (where it was built), else under its prefix's
 * lib/otrace. Returns 0, or -ENOENT or -EACCES with the places looked at in `err`. */
int otr_launch_library(char *out, size_t size, struct otr_err *err);

enum otr_launch {
	OTR_LAUNCH_YES,
	OTR_LAUNCH_STATIC,  /* no dynamic loader runs in it */
	OTR_LAUNCH_GO,	    /* it calls the kernel itself, not by libc */
	OTR_LAUNCH_SETUID,  /* the loader takes no libraries from the environment */
	OTR_LAUNCH_32BIT,   /* the loader would complain on its standard error */
	OTR_LAUNCH_UNKNOWN, /* neither a program that is understood nor a script */
};

/* Can the program at `path` carry the library, when `user` runs it (NULL: the real user of this
 * process)? Of a script: its interpreter. */
enum otr_launch otr_launch_can(const char *path, const char *user);

/* The span of the program, made before the program starts. */
struct otr_launch_root {
	char parent[56]; /* TRACEPARENT of what it starts; "": no randomness */
	char run[35];	 /* OTRACE_RUN without its end, see preload/parse/environ.h */
	char names[112]; /* parent, and behind a blank the TRACEPARENT that was there */
	char state[OTR_SAMPLE_STATE + 1]; /* TRACESTATE of a trace that begins here; or "" */
};

/* Makes the ids of the program. A trace that begins with it is sampled at `threshold`
 * (bpf/sample.h). */
void otr_launch_root(struct otr_launch_root *root, uint64_t threshold);

/* Sets TRACEPARENT and the rest in this process's environment, right before the program is
 * executed. */
void otr_launch_named(const struct otr_launch_root *root);

/* Sets LD_PRELOAD (behind what is there) and OTRACE_SESSION in this process's environment;
 * without `follow` also that only this process is traced. */
void otr_launch_environment(const char *library, const char *session, bool follow);

/* Changes this process to that user: uid, gid, groups, HOME. Returns 0, or -1 with errno. */
int otr_launch_become(const char *user);

/* Can that user read the library? True also where this cannot be found out. */
bool otr_launch_readable(const char *library, const char *user);

#endif /* OTR_LAUNCH_H */
