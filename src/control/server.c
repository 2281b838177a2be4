// SPDX-License-Identifier: GPL-2.0-or-later
#include "smtpguard/control/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server_priv.h"

#define ACCEPTS_PER_TURN 16
#define TICK USEC_PER_SEC
/* A client that takes nothing of its answer for this long is dropped. */
#define ANSWER_TIMEOUT (10 * USEC_PER_SEC)

/* The timer runs only while there is somebody to watch, or no descriptor to accept with. */
static int start_timer(struct control_server *server)
{
	int r = sd_event_source_set_time(server->timer, clock_now() + TICK);

	return r < 0 ? r : sd_event_source_set_enabled(server->timer, SD_EVENT_ONESHOT);
}

static bool is_slow(const struct client *client, usec_t now)
{
	/* a subscriber's measure is how much waits, not how long: it may be quiet, or paused */
	return !client->is_subscriber && client->is_waiting &&
	       now > client->waiting_since + ANSWER_TIMEOUT;
}

static int on_timer(sd_event_source *source UNUSED, uint64_t time UNUSED, void *userdata)
{
	struct control_server *server = userdata;
	usec_t now = clock_now();
	int r;

	for (unsigned i = server->stats.clients; i-- > 0;) {
		if (!is_slow(server->clients[i], now))
			continue;
		server->stats.slow_clients++;
		client_free(server->clients[i]);
	}
	r = sd_event_source_set_enabled(server->listener, SD_EVENT_ON);
	if (r < 0)
		return r;
	return server->stats.clients > 0 ? start_timer(server) : 0;
}

static void refuse(struct control_server *server, int fd)
{
	static const char text[] = "{\"ok\":false,\"code\":\"too-many-clients\",\"message\":"
				   "\"control.max_clients connections are open\"}\n";

	server->stats.refused_clients++;
	/* as far as it can be told at once: nobody waits for this */
	(void)send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static int on_listener(sd_event_source *source, int fd, uint32_t revents UNUSED, void *userdata)
{
	struct control_server *server = userdata;

	for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
		int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (peer < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (peer < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (peer < 0) {
			/* out of descriptors or memory: the connection waits until the next tick */
			int r = sd_event_source_set_enabled(source, SD_EVENT_OFF);

			return r < 0 ? r : start_timer(server);
		}
		if (server->stats.clients >= server->max_clients)
			refuse(server, peer);
		else if (client_new(server, peer) < 0)
			server->stats.refused_clients++;
		else if (server->stats.clients == 1 && start_timer(server) < 0)
			client_free(server->clients[0]);
	}
	return 0;
}

struct control_server *control_server_free(struct control_server *server)
{
	struct stat status;

	if (!server)
		return NULL;
	while (server->clients && server->stats.clients > 0)
		client_free(server->clients[server->stats.clients - 1]);
	sd_event_source_unref(server->listener);
	sd_event_source_unref(server->timer);
	sd_event_unref(server->event);
	if (server->has_file && lstat(server->path, &status) == 0 &&
	    status.st_dev == server->device && status.st_ino == server->inode)
		unlink(server->path);
	if (server->fd >= 0)
		close(server->fd);
	decision_ring_free(server->decisions);
	free(server->clients);
	free(server);
	return NULL;
}

static int add_sources(struct control_server *server, int fd)
{
	int r = sd_event_add_io(server->event, &server->listener, fd, EPOLLIN, on_listener, server);

	if (r >= 0)
		r = sd_event_source_set_priority(server->listener, CONTROL_PRIORITY);
	if (r >= 0)
		r = sd_event_add_time(server->event, &server->timer, CLOCK_BOOTTIME,
				      clock_now() + TICK, 0, on_timer, server);
	if (r >= 0)
		r = sd_event_source_set_priority(server->timer, CONTROL_PRIORITY);
	return r < 0 ? r : 0;
}

int control_server_new(struct control_server **ret_server, sd_event *event, int fd,
		       const struct control_settings *settings, const struct report_inputs *inputs)
{
	struct control_server *server = calloc(1, sizeof(*server));
	struct stat status;
	int r;

	if (!server)
		return -ENOMEM;
	server->fd = -1;
	server->event = sd_event_ref(event);
	server->settings = settings;
	server->inputs = inputs;
	server->max_clients = settings->max_clients;
	server->stats.started_wall = clock_to_wall(inputs->started);
	server->clients = calloc(MAX_OF(settings->max_clients, 1u), sizeof(*server->clients));
	r = snprintf(server->path, sizeof(server->path), "%s", settings->path);
	if (r < 0 || (size_t)r >= sizeof(server->path))
		r = -ENAMETOOLONG;
	else
		r = server->clients ? decision_ring_new(&server->decisions) : -ENOMEM;
	if (r >= 0)
		r = add_sources(server, fd);
	if (r < 0) {
		control_server_free(server);
		return r;
	}
	server->fd = fd;
	if (lstat(server->path, &status) == 0) {
		server->device = status.st_dev;
		server->inode = status.st_ino;
		server->has_file = true;
	}
	*ret_server = server;
	return 0;
}

void control_server_publish(struct control_server *server, const struct guard_op *op)
{
	json_t *document;

	if (!server)
		return;
	decision_ring_add(server->decisions, op);
	if (server->stats.subscribers == 0)
		return;
	document = report_decision(op);
	/* backwards, because a client that is dropped gives its place to the last one */
	for (unsigned i = server->stats.clients; i-- > 0;) {
		struct client *client = server->clients[i];

		if (!client->is_subscriber)
			continue;
		client_add_document(client, json_incref(document));
		client_add(client, "\n");
		if (!client->is_broken)
			client_wait(client);
		if (client->is_broken)
			client_free(client);
	}
	json_decref(document);
}
