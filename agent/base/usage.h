/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTR_USAGE_H
#define OTR_USAGE_H

/* usage.h - what this process has used of the machine. */

#include <stdint.h>

/* CPU time of all its threads, user and system, in ns. */
uint64_t otr_usage_cpu_ns(void);

/* CPU time of the calling thread, in ns. */
uint64_t otr_usage_thread_ns(void);

/* Memory that is resident now, in bytes; 0 where /proc is not to be had. */
uint64_t otr_usage_rss(void);

#endif /* OTR_USAGE_H */
