/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The server's clients: what client.c, command.c and server.c share. One command is worked on at a
 * time; the next one is read when the answer before it is sent. A long command (a list, `unban all`)
 * is done in pieces, one each time the loop comes round; one that needs the ledger waits for its answer,
 * and nobody else does.
 */
#pragma once

#include <sys/un.h>

#include "smtpguard/control/server.h"

#include "output_priv.h"

/* After everything else the daemon has to do. */
#define CONTROL_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 20)
#define ANSWER_BYTES_MAX (8u << 20)
#define SUBSCRIBER_BYTES_MAX (256u << 10)
#define MESSAGE_MAX 320 /* of an error */
/* Clients that wait for the ledger, or whose rows (LEDGER_ROWS_MAX, 5 to 10 MiB) are being sent. */
#define LEDGER_READERS_MAX 8
#define SOCKET_PATH_MAX sizeof(((struct sockaddr_un *)0)->sun_path)

struct control_server {
	sd_event *event;
	sd_event_source *listener, *timer;
	int fd;
	const struct control_settings *settings;
	const struct report_inputs *inputs;
	struct decision_ring *decisions;
	struct control_stats stats;
	unsigned max_clients;
	struct client **clients; /* max_clients; the first stats.clients are used */
	char path[SOCKET_PATH_MAX];
	dev_t device;		 /* of the socket file, to know it again */
	ino_t inode;
	bool has_file;
};

struct client {
	struct control_server *server;
	sd_event_source *io;
	int fd;
	unsigned index;	    /* in server->clients */
	bool may_change;    /* bans, lists, the configuration */
	bool is_subscriber; /* gets decisions, gives no more commands */
	bool at_end;	    /* the peer sends no more */
	bool is_finishing;  /* to be closed once its output is sent */
	bool is_broken;	    /* to be closed at once */
	bool is_waiting;      /* for the peer to take what it asked for */
	usec_t waiting_since; /* the last time that something was taken or done */
	struct output output;

	/* the command that is under way, at most one */
	struct ledger_question *question; /* its answer is awaited */
	struct control_command asked;
	bool reads_ledger; /* from the question until its rows are in the output */
	struct report_list *list;
	bool list_begun;
	bool is_unbanning;
	uint32_t unban_cursor;
	uint64_t unbanned;
	usec_t unban_grace;

	size_t input_used;
	char input[CONTROL_LINE_MAX + 1]; /* with the newline */
};

/* client.c */
/* Takes fd. */
int client_new(struct control_server *server, int fd) MUST_CHECK;
void client_free(struct client *client);
/* Adds text or a document to what is sent; failure marks the client broken. Steals document. */
void client_add(struct client *client, const char *text);
void client_add_document(struct client *client, json_t *document);
void client_add_error(struct client *client, const char *code, const char *message);
/* Sets what the loop waits for. */
void client_wait(struct client *client);

/* command.c */
void client_answer(struct client *client, json_t *document);
void command_run(struct client *client, const char *line, size_t length);
bool command_is_under_way(const struct client *client);
/* One bounded piece of the command under way. */
void command_continue(struct client *client);

/* command_ledger.c */
void command_ask_ledger(struct client *client, const struct control_command *command, usec_t now);
/* The answer is not wanted any more. */
void command_forget_question(struct client *client);

/* command_settings.c */
void command_reload(struct client *client);
void command_mode(struct client *client, const struct control_command *command);

/* command_change.c */
/* What the operator gave, as a source: an address stands for the prefix it belongs to. */
struct prefix command_source(const struct guard *guard, const struct prefix *given);
void command_ban(struct client *client, const struct control_command *command, usec_t now);
void command_unban(struct client *client, const struct control_command *command, usec_t now);
void command_continue_unban_all(struct client *client, usec_t now);
void command_allow(struct client *client, const struct control_command *command, usec_t now);
void command_disallow(struct client *client, const struct control_command *command, usec_t now);
void command_flush(struct client *client, const struct control_command *command, usec_t now);
