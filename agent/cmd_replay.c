/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_replay.c - `otrace replay`: makes traces of recordings, and of captures of packets.
 *
 * Time is the one in the recording: a file that was recorded over an hour is replayed in a moment,
 * and gives the same traces as the session that recorded it, byte for byte.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/loss.h"
#include "agent/base/out_file.h"
#include "agent/base/own.h"
#include "agent/cmd.h"
#include "agent/config/settings.h"
#include "agent/progress.h"
#include "agent/sink/sink.h"
#include "agent/sinks.h"
#include "agent/source/pcap.h"
#include "agent/source/source.h"
#include "bpf/event.h"

struct replay {
	const struct otr_settings *cfg;
	struct otr_sinks *sinks;
	const char *path;
	const struct otr_source_ops *ops; /* what `path` is */
	int fd;
	uint64_t events, bytes;
	struct otr_progress progress;
	uint64_t first_ns, last_ns;
};

/* Counts the losses that the recording reports. A live source counts its own. */
static void count_lost(const void *ev)
{
	const struct otr_ev_lost *lost = ev;

	otr_loss_add((enum otr_loss)lost->cause, lost->n);
}

static int on_event(void *arg, const struct otr_event *ev)
{
	struct replay *re = arg;

	re->bytes += ev->size;
	if (otr_progress_due(&re->progress))
		otr_progress_report(&re->progress, re->bytes, otr_sinks_spans(re->sinks));
	if (!re->events++)
		otr_sinks_start_line(re->sinks, re->path, re->ops->name);
	if (!re->first_ns)
		re->first_ns = ev->time_ns;
	if (ev->time_ns > re->last_ns)
		re->last_ns = ev->time_ns;
	if (ev->kind == OTR_EV_LOST)
		count_lost(ev);
	otr_sinks_event(re->sinks, ev);
	if (ev->kind == OTR_EV_TICK)
		otr_sinks_tick(re->sinks, ev->time_ns);
	return 0;
}

static void report_summary(struct replay *re, const char *path)
{
	char what[512];
	struct otr_summary sum = {
		.what = what,
		.elapsed_ns = re->last_ns - re->first_ns,
	};

	snprintf(what, sizeof(what), "%s: %llu events", path, (unsigned long long)re->events);
	otr_sinks_summary(re->sinks, &sum);
}

static uint64_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : (uint64_t)st.st_size;
}

/* True if the traces go to the terminal on which progress is shown. */
static bool is_shared(const struct replay *re)
{
	return !re->cfg->no_live && !re->cfg->quiet && isatty(re->fd);
}

static int replay_file(struct replay *re, const char *path, struct otr_err *err)
{
	struct otr_sinks_config sinks = {
		.cfg = re->cfg,
		.fd = re->fd,
		.notice_fd = STDERR_FILENO,
		.blocking = true,
	};
	int rc = otr_sinks_open(&re->sinks, &sinks, err);

	if (rc)
		return rc;
	re->path = path;
	re->ops = otr_pcap_is_capture(path) ? &otr_pcap_source : &otr_replay_source;
	re->events = re->bytes = re->first_ns = re->last_ns = 0;
	otr_progress_begin(&re->progress, "replay", path, size_of(path), is_shared(re));
	rc = otr_source_read(re->ops, path, on_event, re, err);
	if (rc && re->events) {
		otr_loss_add(OTR_LOSS_RECORDING, 1);
		otr_loss_because(OTR_LOSS_RECORDING, "%s", err->text);
	}
	if (re->events) { /* a damaged file gives what precedes the damage */
		otr_sinks_flush(re->sinks);
		otr_sinks_tick(re->sinks, re->last_ns);
	}
	otr_progress_end(&re->progress, otr_sinks_spans(re->sinks));
	otr_sinks_drain(re->sinks, 5 * OTR_NS_PER_S);
	if (re->events)
		report_summary(re, path);
	if (!rc)
		otr_sinks_report_losses(re->sinks);
	otr_sinks_close(&re->sinks);
	return rc;
}

static int open_output(const struct otr_settings *cfg, struct otr_err *err)
{
	return cfg->output ? otr_out_open("-o ", cfg->output, 0, err) : STDOUT_FILENO;
}

static int replay_all(struct replay *re, char **paths)
{
	struct otr_err err = {.text = ""};
	int status = OTR_EXIT_OK;

	re->fd = open_output(re->cfg, &err);
	if (re->fd < 0) {
		otr_err_print(&err, "replay");
		return OTR_EXIT_FAILED;
	}
	for (; *paths; paths++) {
		if (!replay_file(re, *paths, &err))
			continue;
		otr_err_print(&err, "replay");
		status = OTR_EXIT_FAILED;
	}
	if (re->cfg->output)
		close(re->fd);
	if (re->cfg->strict && otr_loss_any())
		return OTR_EXIT_STRICT;
	return status;
}

static int cmd_replay(const struct otr_settings *cfg, char **args)
{
	struct replay re = {.cfg = cfg};
	struct otr_err err = {.text = ""};

	if (args[0])
		return replay_all(&re, args);
	otr_err_set(&err, "no recording given");
	otr_err_hint(&err, "make one with  otrace run --record FILE -- CMD  or  "
			   "tcpdump -i any -w FILE tcp");
	otr_err_print(&err, "replay");
	return OTR_EXIT_USAGE;
}

const struct otr_cmd otr_cmd_replay = {
	.name = "replay",
	.bit = OTR_CMD_REPLAY,
	.synopsis = "[OPTIONS] FILE..",
	.summary = "make traces of recordings, or of captures of packets",
	.usual = "output,format,export,errors,slow,hold",
	.examples = {"otrace replay bug.otr\tthe same trees as then",
		     "otrace replay --format jsonl bug.otr\tone span a line",
		     "otrace replay --export http://127.0.0.1:4318 bug.otr\t"
		     "send them",
		     "otrace replay prod.pcap\tof a capture by tcpdump or Wireshark"},
	.exit_status = "0 done, 1 failed, 2 usage, 5 --strict",
	.run = cmd_replay,
};
