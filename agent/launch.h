/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_LAUNCH_H
#define OTR_LAUNCH_H

/* launch.h - starts a program with the library (preload/) in it. */

#include <stdbool.h>
#include <stddef.h>

#include "bpf/sample.h"

struct otr_err;

/* Writes the path of libotrace.so: in the folder of otrace (where it was built), else in
 * lib/otrace of its prefix. Returns 0, -ENOENT, -EACCES, or -EINVAL for a path that LD_PRELOAD
 * cannot hold; `err` names the folders. */
int otr_launch_library(char *out, size_t size, struct otr_err *err);

enum otr_launch {
	OTR_LAUNCH_YES,
	OTR_LAUNCH_STATIC,  /* no dynamic loader runs in it */
	OTR_LAUNCH_GO,	    /* its system calls do not go through libc */
	OTR_LAUNCH_SETUID,  /* the loader takes no library from the environment */
	OTR_LAUNCH_32BIT,   /* the loader prints an error on standard error */
	OTR_LAUNCH_UNKNOWN, /* neither a known kind of program nor a script */
};

/* Can the program at `path` load the library, if `user` runs it (NULL: the real user of this
 * process)? Of a script: can its interpreter? */
enum otr_launch otr_launch_can(const char *path, const char *user);

/* The ids of the program's span, made before the program starts. */
struct otr_launch_root {
	char parent[56]; /* TRACEPARENT for its environment; "": no random number could be had */
	char run[35];	 /* OTRACE_RUN up to its end time, see preload/parse/environ.h */
	/* `parent`, and behind a blank the TRACEPARENT of otrace's own environment. */
	char names[112];
	char state[OTR_SAMPLE_STATE + 1]; /* TRACESTATE of a trace that begins here; or "" */
};

/* Makes the ids of the program. A trace that begins with it is sampled at `threshold`
 * (bpf/sample.h). */
void otr_launch_root(struct otr_launch_root *root, uint64_t threshold);

/* Sets TRACEPARENT and OTRACE_RUN in the environment of this process, right before it executes
 * the program. */
void otr_launch_named(const struct otr_launch_root *root);

/* Adds `library` to LD_PRELOAD and sets OTRACE_SESSION in the environment of this process;
 * without `follow`, also that this process alone is traced. */
void otr_launch_environment(const char *library, const char *session, bool follow);

/* Sets OTRACE_SAMPLE to `rate` (--sample; or NULL: nothing) where this environment has a sampler
 * that the program would find stronger. Without one a rule may say something else for the program.
 */
void otr_launch_sample(const char *rate);

/* Changes this process to `user`: uid, gid, groups, HOME. Returns 0, or -1 with errno. */
int otr_launch_become(const char *user);

/* Can `user` read the library? True if that cannot be found out. */
bool otr_launch_readable(const char *library, const char *user);

#endif /* OTR_LAUNCH_H */
