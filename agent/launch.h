/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_LAUNCH_H
#define OTR_LAUNCH_H

/* launch.h - starting a program with the library (preload/) in it. */

#include <stdbool.h>
#include <stddef.h>

struct otr_err;

/* The path of libotrace.so: beside otrace (where it was built), else under its prefix's
 * lib/otrace. Returns 0, or -ENOENT or -EACCES with the places looked at in `err`. */
int otr_launch_library(char *out, size_t size, struct otr_err *err);

enum otr_launch {
	OTR_LAUNCH_YES,
	OTR_LAUNCH_STATIC,  /* no dynamic loader runs in it */
	OTR_LAUNCH_GO,	    /* it loads the library, and calls the kernel itself */
	OTR_LAUNCH_SETUID,  /* the loader takes no libraries from the environment */
	OTR_LAUNCH_32BIT,   /* the loader would say so on its standard error */
	OTR_LAUNCH_UNKNOWN, /* not a program we can read: a script, or foreign */
};

/* Can the program at `path` carry the library, run by `user` (NULL: by our real user)? Of a
 * script: its interpreter. */
enum otr_launch otr_launch_can(const char *path, const char *user);

/* The span that the program is, made before it starts. */
struct otr_launch_root {
	char parent[56]; /* TRACEPARENT of what it starts; "": no randomness */
	char run[35];	 /* OTRACE_RUN without its end, see preload/parse/environ.h */
	char names[112]; /* parent, and behind a blank the TRACEPARENT that was there */
};

void otr_launch_root(struct otr_launch_root *root);

/* Sets it in our environment, right before the program is executed. */
void otr_launch_named(const struct otr_launch_root *root);

/* Sets LD_PRELOAD (behind what is there) and OTRACE_SESSION in our environment; without
 * `follow` also that this process alone is meant. */
void otr_launch_environment(const char *library, const char *session, bool follow);

/* Makes this process that user's: uid, gid, groups, HOME. Returns 0, or -1 with errno. */
int otr_launch_become(const char *user);

/* Can that user read it? True also where that cannot be told. */
bool otr_launch_readable(const char *library, const char *user);

#endif /* OTR_LAUNCH_H */
