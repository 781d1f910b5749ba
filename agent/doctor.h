/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_DOCTOR_H
#define OTR_DOCTOR_H

/*
 * doctor.h - what one check of `otrace doctor` found.
 */

#include <stddef.h>
#include <stdint.h>

struct otr_settings;

enum otr_health {
	OTR_HEALTH_OK,
	OTR_HEALTH_LIMITED,
	OTR_HEALTH_MISSING,
};

struct otr_check {
	const char *id; /* stable: scripts read it */
	enum otr_health state;
	char found[200];
	char consequence[200]; /* what it means for tracing; "" if ok */
	char fix[200];
};

#define OTR_DOCTOR_WIDTH 59 /* columns of `found` on a terminal */

struct otr_selftest {
	int ok;
	uint64_t ns;	   /* from the first byte of the request to the spans */
	uint64_t price_ns; /* what probes add to a call */
	char why[300];	   /* "" if ok */
};

/* Checks what otrace would see of one process. Fills at most `max` rows and returns how many; 0:
 * there is no such process. In doctor_pid.c. */
size_t otr_doctor_pid(uint32_t pid, struct otr_check *checks, size_t max);

/* Loads and attaches the probes, and lets a child process request one page from itself over
 * loopback: both ends have to come out as spans that are joined by the wire. Fills `checks` with
 * one row for each of otr_probes, at most `max`; returns how many. */
size_t otr_selftest_run(const struct otr_settings *cfg, struct otr_selftest *st,
			struct otr_check *checks, size_t max);

/* Tries to load the library into a program, as `otrace run` does without privilege. In
 * doctor_shim.c. */
void otr_doctor_shim(struct otr_check *ck);

#endif /* OTR_DOCTOR_H */
