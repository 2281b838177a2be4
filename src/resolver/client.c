// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/resolver/client.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "smtpguard/base/log.h"
#include "smtpguard/wire/resolver_message.h"

#define PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10) /* after conntrack and the set writes */
#define ANSWERS_PER_WAKEUP 64
#define BACK_OFF_MIN (100 * USEC_PER_MSEC)
#define BACK_OFF_MAX (30 * USEC_PER_SEC)
#define GOOD_RUN (60 * USEC_PER_SEC)
#define SEND_BUFFER_BYTES (1 << 20)

/*
 * The worker is running (fd >= 0), being buried (fd < 0, pid > 0: killed, not yet reaped), or
 * resting (pid 0, timer on).
 */
struct resolver_client {
	sd_event *event;
	struct resolver_settings settings;
	struct resolver_handlers handlers;
	struct resolver_stats stats;
	sd_event_source *io, *child, *timer;
	int fd;
	pid_t pid;
	usec_t started, back_off;
};

static int on_answer(sd_event_source *source, int fd, uint32_t revents, void *userdata);
static int on_child(sd_event_source *source, const siginfo_t *info, void *userdata);

/* Ends the worker; it is started again when it has been reaped. */
static void drop(struct resolver_client *client)
{
	client->io = sd_event_source_unref(client->io);
	close(client->fd);
	client->fd = -1;
	/* not reaped yet, so the number is still this worker's */
	if (kill(client->pid, SIGKILL) < 0)
		log_warning("cannot end smtpguard-resolver (process %d): %s", (int)client->pid,
			    strerror(errno));
	client->handlers.gone(client->handlers.userdata);
}

/* The next start, later each time. */
static int rest(struct resolver_client *client)
{
	usec_t now = clock_now();
	int r;

	if (client->started && now - client->started >= GOOD_RUN)
		client->back_off = BACK_OFF_MIN;
	r = sd_event_source_set_time(client->timer, now + client->back_off);
	if (r < 0)
		return r;
	client->back_off = MIN_OF(client->back_off * 2, BACK_OFF_MAX);
	return sd_event_source_set_enabled(client->timer, SD_EVENT_ONESHOT);
}

/* Two ends: ours in *ret_ours, the worker's never numbered RESOLVER_SOCKET_FD itself. */
static int make_sockets(int *ret_ours, int *ret_theirs)
{
	int pair[2], theirs, size = SEND_BUFFER_BYTES;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	/* glibc 2.28 leaves FD_CLOEXEC set when posix_spawn's dup2 has nothing to do */
	theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, RESOLVER_SOCKET_FD + 1);
	close(pair[1]);
	/* the default holds fewer questions than max_in_flight */
	if (theirs < 0 || setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0) {
		int error = errno;

		close(pair[0]);
		if (theirs >= 0)
			close(theirs);
		return -error;
	}
	*ret_ours = pair[0];
	*ret_theirs = theirs;
	return 0;
}

static int fill_actions(posix_spawn_file_actions_t *actions, int fd)
{
	int r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

	if (r == 0)
		r = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY,
						     0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, fd, RESOLVER_SOCKET_FD);
	return r;
}

/*
 * The daemon blocks and ignores signals for its own ends. A process group of its own keeps Ctrl-C
 * from ending the worker before the daemon, which would start it again.
 */
static int fill_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	r = posix_spawnattr_setsigmask(attributes, &none);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(attributes, &all);
	if (r == 0)
		r = posix_spawnattr_setpgroup(attributes, 0);
	if (r == 0)
		r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK |
								 POSIX_SPAWN_SETSIGDEF |
								 POSIX_SPAWN_SETPGROUP);
	return r;
}

/* Of the environment only what leads its messages to the journal. */
static void fill_environment(char *text, size_t size, char *environment[static 2])
{
	const char *stream = getenv("JOURNAL_STREAM");

	environment[0] = environment[1] = NULL;
	if (stream && snprintf(text, size, "JOURNAL_STREAM=%s", stream) < (int)size)
		environment[0] = text;
}

static int spawn_with(struct resolver_client *client, const posix_spawn_file_actions_t *actions,
		      const posix_spawnattr_t *attributes, pid_t *ret_pid)
{
	const struct resolver_settings *settings = &client->settings;
	char deadline[24], tries[24], max_in_flight[24], journal[96], *environment[2];
	const char *arguments[] = {
		settings->program, "--deadline-ms", deadline, "--tries", tries,
		"--max-in-flight", max_in_flight, NULL, NULL, NULL,
	};
	int r;

	snprintf(deadline, sizeof(deadline), "%" PRIu64,
		 MAX_OF(settings->deadline / USEC_PER_MSEC, (usec_t)1));
	snprintf(tries, sizeof(tries), "%u", settings->tries);
	snprintf(max_in_flight, sizeof(max_in_flight), "%u", settings->max_in_flight);
	if (settings->servers && settings->servers[0]) {
		arguments[7] = "--servers";
		arguments[8] = settings->servers;
	}
	fill_environment(journal, sizeof(journal), environment);
	/* what is inheritable must not reach a program that needs none of it */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	r = posix_spawn(ret_pid, settings->program, actions, attributes,
			(char **)(uintptr_t)arguments, environment);
	return -r;
}

static int spawn(struct resolver_client *client, int fd, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int r = posix_spawn_file_actions_init(&actions);

	if (r)
		return -r;
	r = posix_spawnattr_init(&attributes);
	if (r) {
		posix_spawn_file_actions_destroy(&actions);
		return -r;
	}
	r = fill_actions(&actions, fd);
	if (r == 0)
		r = fill_attributes(&attributes);
	r = r ? -r : spawn_with(client, &actions, &attributes, ret_pid);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

/* Takes the process that was just started into the loop. */
static int watch(struct resolver_client *client)
{
	int r = sd_event_add_child(client->event, &client->child, client->pid, WEXITED, on_child,
				   client);

	if (r >= 0)
		r = sd_event_source_set_priority(client->child, PRIORITY);
	if (r >= 0)
		r = sd_event_add_io(client->event, &client->io, client->fd, EPOLLIN, on_answer,
				    client);
	if (r >= 0)
		r = sd_event_source_set_priority(client->io, PRIORITY);
	return r < 0 ? r : 0;
}

/* Kills and reaps; for the two places where the loop does not do that. */
static void bury(struct resolver_client *client)
{
	client->io = sd_event_source_unref(client->io);
	client->child = sd_event_source_unref(client->child);
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	if (client->pid > 0 && kill(client->pid, SIGKILL) == 0) {
		while (waitpid(client->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	client->pid = 0;
}

static int start(struct resolver_client *client)
{
	int theirs = -1, r = make_sockets(&client->fd, &theirs);

	if (r < 0)
		return r;
	client->started = clock_now();
	r = spawn(client, theirs, &client->pid);
	close(theirs);
	if (r == 0)
		r = watch(client);
	if (r < 0) {
		bury(client);
		return r;
	}
	client->stats.starts++;
	return 0;
}

/* Without a worker the daemon goes on, degraded; only a loop that is broken is an error. */
static int start_or_rest(struct resolver_client *client)
{
	int r = start(client);

	if (r == 0)
		return 0;
	log_warning("cannot start %s: %s", client->settings.program, strerror(-r));
	return rest(client);
}

static int on_timer(sd_event_source *source UNUSED, uint64_t usec UNUSED, void *userdata)
{
	return start_or_rest(userdata);
}

static int on_child(sd_event_source *source UNUSED, const siginfo_t *info, void *userdata)
{
	struct resolver_client *client = userdata;
	bool exited = info->si_code == CLD_EXITED;

	log_warning("smtpguard-resolver ended (%s %d), it is started again",
		    exited ? "exit status" : "signal", info->si_status);
	client->child = sd_event_source_unref(client->child);
	client->pid = 0;
	if (client->fd >= 0) {
		client->io = sd_event_source_unref(client->io);
		close(client->fd);
		client->fd = -1;
		client->handlers.gone(client->handlers.userdata);
	}
	return rest(client);
}

static int on_answer(sd_event_source *source UNUSED, int fd, uint32_t revents UNUSED,
		     void *userdata)
{
	struct resolver_client *client = userdata;
	uint8_t bytes[RESOLVER_ANSWER_BYTES];
	struct name_answer answer;

	for (unsigned i = 0; i < ANSWERS_PER_WAKEUP; i++) {
		ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0) {
			drop(client);
			return 0;
		}
		if (resolver_answer_decode(bytes, (size_t)n, &answer) < 0) {
			client->stats.bad_messages++;
			log_warning("smtpguard-resolver sent a malformed message, it is ended");
			drop(client);
			return 0;
		}
		client->handlers.answer(client->handlers.userdata, &answer);
	}
	return 0;
}

static int copy_settings(struct resolver_client *client, const struct resolver_settings *settings)
{
	client->settings = *settings;
	client->settings.program = strdup(settings->program);
	client->settings.servers = strdup(settings->servers ? settings->servers : "");
	return client->settings.program && client->settings.servers ? 0 : -ENOMEM;
}

int resolver_client_new(struct resolver_client **ret_client, sd_event *event,
			const struct resolver_settings *settings,
			const struct resolver_handlers *handlers)
{
	struct resolver_client *client = calloc(1, sizeof(*client));
	int r;

	if (!client)
		return -ENOMEM;
	client->event = sd_event_ref(event);
	client->handlers = *handlers;
	client->fd = -1;
	client->back_off = BACK_OFF_MIN;
	r = copy_settings(client, settings);
	if (r >= 0)
		r = sd_event_add_time(event, &client->timer, CLOCK_BOOTTIME, 0, 0, on_timer,
				      client);
	if (r >= 0)
		r = sd_event_source_set_priority(client->timer, PRIORITY);
	if (r >= 0)
		r = sd_event_source_set_enabled(client->timer, SD_EVENT_OFF);
	if (r >= 0)
		r = start_or_rest(client);
	if (r < 0) {
		resolver_client_free(client);
		return r;
	}
	*ret_client = client;
	return 0;
}

struct resolver_client *resolver_client_free(struct resolver_client *client)
{
	if (!client)
		return NULL;
	bury(client);
	sd_event_source_unref(client->timer);
	sd_event_unref(client->event);
	free((char *)(uintptr_t)client->settings.program);
	free((char *)(uintptr_t)client->settings.servers);
	free(client);
	return NULL;
}

int resolver_client_ask(struct resolver_client *client, const struct address *address)
{
	uint8_t bytes[RESOLVER_QUESTION_BYTES];

	if (client->fd < 0)
		return RESOLVER_ABSENT;
	resolver_question_encode(address, bytes);
	if (send(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno == EAGAIN || errno == ENOBUFS) {
		client->stats.busy++;
		return RESOLVER_BUSY;
	}
	/* the loop will see the end of the worker, too, and say so */
	if (errno == EPIPE || errno == ECONNRESET)
		return RESOLVER_ABSENT;
	return -errno;
}

void resolver_client_stats(const struct resolver_client *client, struct resolver_stats *ret_stats)
{
	*ret_stats = client->stats;
	ret_stats->running = client->fd >= 0;
}
