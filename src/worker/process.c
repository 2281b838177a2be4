// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/worker/process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process_priv.h"
#include "smtpguard/base/log.h"

#define PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10) /* after conntrack and the set writes */
#define PACKETS_PER_WAKEUP 64
#define BACK_OFF_MIN (100 * USEC_PER_MSEC)
#define BACK_OFF_MAX (30 * USEC_PER_SEC)
#define GOOD_RUN (60 * USEC_PER_SEC)
#define HOLD (20 * USEC_PER_MSEC)

/*
 * The worker is running (fd >= 0), being buried (fd < 0, pid > 0: killed, not yet reaped), or
 * resting (pid 0, timer on). While `hold` is on, its packets stay in the socket and io is off.
 */
struct worker_process {
	sd_event *event;
	struct worker_program program;
	uint8_t *packet;
	size_t packet_bytes;
	struct worker_handlers handlers;
	struct worker_stats stats;
	sd_event_source *io, *child, *timer, *hold, *silence;
	int fd;
	pid_t pid;
	usec_t started, back_off;
	usec_t patience, heard; /* heard: when it last sent something, or was kept from it by us */
};

static int on_packets(sd_event_source *source, int fd, uint32_t revents, void *userdata);
static int on_child(sd_event_source *source, const siginfo_t *info, void *userdata);

static void close_socket(struct worker_process *process)
{
	process->io = sd_event_source_unref(process->io);
	if (process->fd >= 0)
		close(process->fd);
	process->fd = -1;
}

/* Ends the worker; it is started again when it has been reaped. */
static void drop(struct worker_process *process)
{
	close_socket(process);
	/* not reaped yet, so the number is still this worker's */
	if (kill(process->pid, SIGKILL) < 0)
		log_warning("cannot end %s (process %d): %s", process->program.name,
			    (int)process->pid, strerror(errno));
	process->handlers.gone(process->handlers.userdata);
}

static int set_timer(sd_event_source *timer, usec_t when)
{
	int r = sd_event_source_set_time(timer, when);

	return r < 0 ? r : sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

/* The next start, later each time. */
static int rest(struct worker_process *process)
{
	usec_t now = clock_now(), pause;

	if (process->started && now - process->started >= GOOD_RUN)
		process->back_off = BACK_OFF_MIN;
	pause = process->back_off;
	process->back_off = MIN_OF(pause * 2, BACK_OFF_MAX);
	return set_timer(process->timer, now + pause);
}

/* Takes the process that was just started into the loop. */
static int watch(struct worker_process *process)
{
	int r = sd_event_add_child(process->event, &process->child, process->pid, WEXITED, on_child,
				   process);

	if (r >= 0)
		r = sd_event_source_set_priority(process->child, PRIORITY);
	if (r >= 0)
		r = sd_event_add_io(process->event, &process->io, process->fd, EPOLLIN, on_packets,
				    process);
	if (r >= 0)
		r = sd_event_source_set_priority(process->io, PRIORITY);
	return r < 0 ? r : 0;
}

/* Kills and reaps; for the two places where the loop does not do that. */
static void bury(struct worker_process *process)
{
	process->child = sd_event_source_unref(process->child);
	close_socket(process);
	if (process->pid > 0 && kill(process->pid, SIGKILL) == 0) {
		while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	process->pid = 0;
}

/* Looks again when its time would be over. */
static int watch_silence(struct worker_process *process)
{
	return process->patience ? set_timer(process->silence, process->heard + process->patience) : 0;
}

static int on_silence(sd_event_source *source UNUSED, uint64_t usec UNUSED, void *userdata)
{
	struct worker_process *process = userdata;

	if (process->fd < 0)
		return 0;
	if (clock_now() - process->heard < process->patience)
		return watch_silence(process);
	log_warning("%s has not been heard of for %llu s, it is ended", process->program.name,
		    (unsigned long long)(process->patience / USEC_PER_SEC));
	drop(process);
	return 0;
}

static int start(struct worker_process *process)
{
	int r;

	process->started = process->heard = clock_now();
	r = worker_spawn(&process->program, &process->fd, &process->pid);
	if (r < 0)
		return r;
	process->stats.starts++;
	r = watch(process);
	if (r == 0)
		r = watch_silence(process);
	if (r == 0 && process->handlers.started)
		r = process->handlers.started(process->handlers.userdata, process);
	if (r < 0)
		bury(process);
	return r < 0 ? r : 0;
}

/* Without a worker the daemon goes on, degraded; only a loop that is broken is an error. */
static int start_or_rest(struct worker_process *process)
{
	int r = start(process);

	if (r == 0)
		return 0;
	log_warning("cannot start %s: %s", process->program.arguments[0], strerror(-r));
	return rest(process);
}

static int on_timer(sd_event_source *source UNUSED, uint64_t usec UNUSED, void *userdata)
{
	return start_or_rest(userdata);
}

static int on_child(sd_event_source *source UNUSED, const siginfo_t *info, void *userdata)
{
	struct worker_process *process = userdata;
	bool exited = info->si_code == CLD_EXITED;

	log_warning("%s ended (%s %d), it is started again", process->program.name,
		    exited ? "exit status" : "signal", info->si_status);
	process->child = sd_event_source_unref(process->child);
	process->pid = 0;
	if (process->fd >= 0) {
		close_socket(process);
		process->handlers.gone(process->handlers.userdata);
	}
	return rest(process);
}

/* The worker waits when its end of the socket is full: nothing is lost. */
static int hold_back(struct worker_process *process)
{
	int r = sd_event_source_set_enabled(process->io, SD_EVENT_OFF);

	process->heard = clock_now();
	return r < 0 ? r : set_timer(process->hold, clock_now() + HOLD);
}

static int on_hold(sd_event_source *source UNUSED, uint64_t usec UNUSED, void *userdata)
{
	struct worker_process *process = userdata;

	/* another worker's source is on already */
	return process->io ? sd_event_source_set_enabled(process->io, SD_EVENT_ON) : 0;
}

static void refuse(struct worker_process *process, int error)
{
	if (error == -EBADMSG) {
		process->stats.bad_messages++;
		log_warning("%s sent a malformed message, it is ended", process->program.name);
	} else {
		log_warning("a message of %s cannot be taken (%s), it is ended",
			    process->program.name, strerror(-error));
	}
	drop(process);
}

static int on_packets(sd_event_source *source UNUSED, int fd, uint32_t revents UNUSED,
		      void *userdata)
{
	struct worker_process *process = userdata;
	const struct worker_handlers *handlers = &process->handlers;

	for (unsigned i = 0; i < PACKETS_PER_WAKEUP; i++) {
		ssize_t n;
		int r;

		if (handlers->ready && !handlers->ready(handlers->userdata))
			return hold_back(process);
		n = recv(fd, process->packet, process->packet_bytes, MSG_DONTWAIT | MSG_TRUNC);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0) {
			drop(process);
			return 0;
		}
		process->heard = clock_now();
		if ((size_t)n > process->packet_bytes)
			r = -EBADMSG;
		else
			r = handlers->packet(handlers->userdata, process->packet, (size_t)n);
		if (r < 0) {
			refuse(process, r);
			return 0;
		}
	}
	return 0;
}

static int copy_settings(struct worker_process *process, const struct worker_settings *settings)
{
	struct worker_program *program = &process->program;
	const char *slash = strrchr(settings->program, '/');
	unsigned n = 0;

	program->capability = settings->capability;
	process->packet_bytes = settings->packet_bytes;
	process->patience = settings->patience;
	process->packet = malloc(settings->packet_bytes);
	program->arguments[0] = strdup(settings->program);
	if (!process->packet || !program->arguments[0])
		return -ENOMEM;
	program->name = slash ? program->arguments[0] + (slash + 1 - settings->program) :
				program->arguments[0];
	for (const char *const *argument = settings->arguments; *argument; argument++) {
		if (n == WORKER_ARGUMENTS_MAX)
			return -E2BIG;
		program->arguments[++n] = strdup(*argument);
		if (!program->arguments[n])
			return -ENOMEM;
	}
	return 0;
}

static int add_timer(struct worker_process *process, usec_t accuracy,
		     sd_event_time_handler_t handler, sd_event_source **ret_timer)
{
	int r = sd_event_add_time(process->event, ret_timer, CLOCK_BOOTTIME, 0, accuracy, handler,
				  process);

	if (r >= 0)
		r = sd_event_source_set_priority(*ret_timer, PRIORITY);
	return r < 0 ? r : sd_event_source_set_enabled(*ret_timer, SD_EVENT_OFF);
}

int worker_process_new(struct worker_process **ret_process, sd_event *event,
		       const struct worker_settings *settings,
		       const struct worker_handlers *handlers)
{
	struct worker_process *process = calloc(1, sizeof(*process));
	int r;

	if (!process)
		return -ENOMEM;
	process->event = sd_event_ref(event);
	process->handlers = *handlers;
	process->fd = -1;
	process->back_off = BACK_OFF_MIN;
	r = copy_settings(process, settings);
	if (r >= 0)
		r = add_timer(process, 0, on_timer, &process->timer);
	if (r >= 0)
		r = add_timer(process, USEC_PER_MSEC, on_hold, &process->hold);
	if (r >= 0)
		r = add_timer(process, USEC_PER_SEC, on_silence, &process->silence);
	if (r >= 0)
		r = start_or_rest(process);
	if (r < 0) {
		worker_process_free(process);
		return r;
	}
	*ret_process = process;
	return 0;
}

struct worker_process *worker_process_free(struct worker_process *process)
{
	if (!process)
		return NULL;
	bury(process);
	sd_event_source_unref(process->timer);
	sd_event_source_unref(process->hold);
	sd_event_source_unref(process->silence);
	sd_event_unref(process->event);
	for (unsigned i = 0; i < ARRAY_SIZE(process->program.arguments); i++)
		free(process->program.arguments[i]);
	free(process->packet);
	free(process);
	return NULL;
}

int worker_process_send(struct worker_process *process, const void *bytes, size_t size)
{
	if (process->fd < 0)
		return WORKER_ABSENT;
	if (send(process->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno == EAGAIN || errno == ENOBUFS) {
		process->stats.busy++;
		return WORKER_BUSY;
	}
	/* the loop will see the end of the worker, too, and say so */
	if (errno == EPIPE || errno == ECONNRESET)
		return WORKER_ABSENT;
	return -errno;
}

void worker_process_stats(const struct worker_process *process, struct worker_stats *ret_stats)
{
	*ret_stats = process->stats;
	ret_stats->running = process->fd >= 0;
}
