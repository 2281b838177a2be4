// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server_priv.h"

#define PEER_GROUPS_FIRST 64

void client_free(struct client *client)
{
	struct control_server *server = client->server;
	unsigned last = server->stats.clients - 1;

	server->clients[client->index] = server->clients[last];
	server->clients[client->index]->index = client->index;
	server->stats.clients--;
	server->stats.subscribers -= client->is_subscriber;
	command_forget_question(client);
	sd_event_source_unref(client->io);
	close(client->fd);
	output_done(&client->output);
	report_list_free(client->list);
	free(client);
}

/* --- what goes out --- */

static int add_bytes(const char *bytes, size_t length, void *userdata)
{
	struct client *client = userdata;
	size_t bound = client->is_subscriber ? SUBSCRIBER_BYTES_MAX : ANSWER_BYTES_MAX;
	int r;

	r = output_add(&client->output, bytes, length, bound);
	if (r == OUTPUT_FULL && !client->is_broken)
		client->server->stats.slow_clients++;
	if (r != 0)
		client->is_broken = true;
	return r == 0 ? 0 : -1;
}

void client_add(struct client *client, const char *text)
{
	(void)add_bytes(text, strlen(text), client); /* failure is kept in is_broken */
}

void client_add_document(struct client *client, json_t *document)
{
	if (!document ||
	    json_dump_callback(document, add_bytes, client, JSON_COMPACT | JSON_ENSURE_ASCII) < 0)
		client->is_broken = true;
	json_decref(document);
}

void client_add_error(struct client *client, const char *code, const char *message)
{
	client_add_document(client, report_error(code, message));
	client_add(client, "\n");
}

static void flush(struct client *client)
{
	bool progress;

	if (output_send(&client->output, client->fd, &progress) < 0)
		client->is_broken = true;
	else if (progress)
		client->waiting_since = clock_now();
}

/* --- what comes in --- */

static void receive(struct client *client)
{
	ssize_t n;

	if (client->is_subscriber)
		client->input_used = 0;
	if (client->at_end || client->input_used == sizeof(client->input))
		return;
	n = recv(client->fd, client->input + client->input_used,
		 sizeof(client->input) - client->input_used, MSG_DONTWAIT);
	if (n > 0)
		client->input_used += (size_t)n;
	else if (n == 0)
		client->at_end = true;
	else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		client->is_broken = true;
}

static void run_line(struct client *client, size_t length, size_t taken)
{
	size_t used = length > 0 && client->input[length - 1] == '\r' ? length - 1 : length;

	command_run(client, client->input, used);
	client->input_used -= taken;
	memmove(client->input, client->input + taken, client->input_used);
}

/* Runs the next line, if one is complete. */
static bool take_line(struct client *client)
{
	const char *newline = memchr(client->input, '\n', client->input_used);

	if (newline) {
		size_t length = (size_t)(newline - client->input);

		run_line(client, length, length + 1);
		return true;
	}
	if (client->input_used == sizeof(client->input)) {
		client->server->stats.long_lines++;
		client_add_error(client, "line-too-long", "a line is at most 1024 bytes");
		client->is_finishing = true;
		return true;
	}
	if (!client->at_end)
		return false;
	/* printf 'status' | nc: the last line needs no newline */
	if (client->input_used > 0)
		run_line(client, client->input_used, client->input_used);
	client->is_finishing = !client->is_subscriber && !command_is_under_way(client);
	return true;
}

/* One turn: at most one command, or one piece of a long one. */
static void work(struct client *client)
{
	flush(client);
	if (client->is_broken || client->is_subscriber || client->question ||
	    output_pending(&client->output) > 0)
		return;
	if (client->is_finishing) {
		client->is_broken = true;
		return;
	}
	if (command_is_under_way(client))
		command_continue(client);
	else if (!take_line(client))
		return;
	if (!client->is_broken)
		flush(client);
}

void client_wait(struct client *client)
{
	/* the peer of one that waits for the ledger is only watched for its end */
	bool asking = client->question;
	bool busy = !asking && (output_pending(&client->output) > 0 ||
				command_is_under_way(client) || client->is_finishing);
	uint32_t events = 0;

	/* complete lines left over from this turn, or the end after them */
	if (!asking && !busy && !client->is_subscriber)
		busy = client->at_end || memchr(client->input, '\n', client->input_used);
	client->is_waiting = busy;
	if (busy)
		events |= EPOLLOUT;
	if (!client->at_end && !asking && (client->is_subscriber || !busy))
		events |= EPOLLIN;
	if (sd_event_source_set_io_events(client->io, events) < 0)
		client->is_broken = true;
}

static int on_client(sd_event_source *source UNUSED, int fd UNUSED, uint32_t revents,
		     void *userdata)
{
	struct client *client = userdata;

	/* a peer that is gone still gets done what it sent before: only its answer is lost */
	if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR))
		receive(client);
	if (client->is_subscriber && revents & (EPOLLHUP | EPOLLERR))
		client->is_broken = true;
	if (revents & (EPOLLHUP | EPOLLERR))
		command_forget_question(client);
	work(client);
	if (!client->is_broken)
		client_wait(client);
	if (client->is_broken)
		client_free(client);
	return 0;
}

/* --- who it is --- */

static bool has_group(const gid_t *groups, size_t n, gid_t wanted)
{
	for (size_t i = 0; i < n; i++)
		if (groups[i] == wanted)
			return true;
	return false;
}

/* Supplementary groups of the peer when it connected. Before Linux 4.13: unknown, so false. */
static bool peer_has_group(int fd, gid_t wanted)
{
	gid_t first[PEER_GROUPS_FIRST], *more;
	socklen_t bytes = sizeof(first);
	bool found;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, first, &bytes) == 0)
		return has_group(first, bytes / sizeof(*first), wanted);
	if (errno != ERANGE)
		return false;
	more = malloc(bytes);
	if (!more)
		return false;
	found = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, more, &bytes) == 0 &&
		has_group(more, bytes / sizeof(*more), wanted);
	free(more);
	return found;
}

static bool peer_may_change(int fd, gid_t group)
{
	struct ucred peer;
	socklen_t bytes = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) < 0)
		return false;
	if (peer.uid == 0)
		return true;
	if (group == (gid_t)-1)
		return false;
	return peer.gid == group || peer_has_group(fd, group);
}

int client_new(struct control_server *server, int fd)
{
	struct client *client = calloc(1, sizeof(*client));
	int r;

	if (!client) {
		close(fd);
		return -ENOMEM;
	}
	client->server = server;
	client->fd = fd;
	client->waiting_since = clock_now();
	client->may_change = peer_may_change(fd, server->settings->group);
	client->index = server->stats.clients;
	server->clients[server->stats.clients++] = client;
	r = sd_event_add_io(server->event, &client->io, fd, EPOLLIN, on_client, client);
	if (r >= 0)
		r = sd_event_source_set_priority(client->io, CONTROL_PRIORITY);
	if (r < 0) {
		client_free(client);
		return r;
	}
	return 0;
}
