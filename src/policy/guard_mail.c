// SPDX-License-Identifier: GPL-2.0-or-later
/* Whose a line of a mail log is: only what concerns a connection of ours counts for or against a source. */
#include "guard_priv.h"

/* --- connections --- */

int guard_mail_new(struct guard *guard, const struct siphash_key *key)
{
	int r = connection_memory_new(&guard->connections, CONNECTIONS_REMEMBERED, key);

	return r < 0 ? r : auth_table_new(&guard->auth, AUTH_SOURCES_MAX, key);
}

void guard_mail_free(struct guard *guard)
{
	connection_memory_free(guard->connections);
	auth_table_free(guard->auth);
}

void guard_follow_connection(struct guard *guard, const struct flow *flow, bool was_established,
			     bool is_established, usec_t now)
{
	if (!guard->connections || was_established == is_established)
		return;
	if (is_established)
		connection_memory_begin(guard->connections, &flow->key.client, flow->key.client_port,
					flow->local_port);
	else
		connection_memory_end(guard->connections, &flow->key.client, flow->key.client_port,
				      flow->local_port, now);
}

/* --- readings --- */

/* MAIL_PROTOCOLS: nobody's in particular. */
static enum mail_protocol protocol_of_port(uint16_t port)
{
	switch (port) {
	case 25:
	case 465:
	case 587:
		return MAIL_PROTOCOL_SMTP;
	case 143:
	case 993:
		return MAIL_PROTOCOL_IMAP;
	case 110:
	case 995:
		return MAIL_PROTOCOL_POP3;
	case 4190:
		return MAIL_PROTOCOL_SIEVE;
	case 2082:
	case 2083:
		return MAIL_PROTOCOL_CPANEL;
	case 2086:
	case 2087:
		return MAIL_PROTOCOL_WHM;
	case 2095:
	case 2096:
		return MAIL_PROTOCOL_WEBMAIL;
	case 2077:
	case 2078:
		return MAIL_PROTOCOL_WEBDISK;
	default:
		return MAIL_PROTOCOLS;
	}
}

static bool is_guarded(const struct guard *guard, uint16_t port)
{
	return guard->service_of_port[port] != NO_SERVICE;
}

/* The guarded port of the connection with this client's port; 0: there is none. */
static uint16_t find_connection(const struct guard *guard, enum mail_protocol protocol,
				const struct mail_reading *reading, usec_t since)
{
	uint16_t port = connection_memory_find(guard->connections, &reading->address, reading->port,
					       since);
	enum mail_protocol known = protocol_of_port(port);

	if (!port || !is_guarded(guard, port))
		return 0;
	/* a port is used again, for another service: a line of IMAP is not about a connection to port 25 */
	if (protocol != MAIL_PROTOCOL_SMTP && known != protocol && known != MAIL_PROTOCOLS)
		return 0;
	return port;
}

/* A guarded port of the protocol that the address is, or was, connected to. */
static uint16_t find_by_address(const struct guard *guard, enum mail_protocol protocol,
				const struct mail_reading *reading, usec_t since)
{
	for (unsigned i = 0; i < guard->settings->n_services; i++) {
		const struct service_settings *service = &guard->settings->services[i];

		for (unsigned k = 0; k < service->n_ports; k++) {
			uint16_t port = service->ports[k];

			/* Exim listens where it is told to, and there is no other line of it about the client */
			if ((protocol == MAIL_PROTOCOL_SMTP || protocol_of_port(port) == protocol) &&
			    connection_memory_has(guard->connections, &reading->address, port, since))
				return port;
		}
	}
	return 0;
}

static enum mail_match match_single(const struct guard *guard, const struct mail_fact *fact,
				    usec_t since, uint16_t *ret_local_port)
{
	const struct mail_reading *reading = &fact->readings[0];

	*ret_local_port = reading->port ?
				  find_connection(guard, fact->protocol, reading, since) :
				  find_by_address(guard, fact->protocol, reading, since);
	return *ret_local_port ? MAIL_MATCH_TRACKED : MAIL_MATCH_UNTRACKED;
}

/*
 * The one reading that is a connection of ours, if there is exactly one; or several of the same source: who
 * names his other connections must not get away with it.
 */
static enum mail_match match_several(struct guard *guard, const struct mail_fact *fact, usec_t since,
				     usec_t now, unsigned *ret_reading, uint16_t *ret_local_port)
{
	usec_t distrusted_until = guard->mail_stats.distrusted_until;
	unsigned n_sources = 0, n_ports = 0;
	struct prefix source, first = { .length = 0 };

	for (unsigned i = 0; i < fact->n_readings; i++) {
		const struct mail_reading *reading = &fact->readings[i];
		uint16_t port = reading->port ?
					find_connection(guard, fact->protocol, reading, since) : 0;

		n_ports += reading->port != 0;
		if (!port)
			continue;
		source = guard_prefix_of(guard, &reading->address);
		if (n_sources && prefix_equal(&source, &first))
			continue;
		first = source;
		n_sources++;
		*ret_reading = i;
		*ret_local_port = port;
	}
	/* without ports nobody is hit: such lines never count */
	if (!n_sources && n_ports && fact->kind == MAIL_FACT_AUTH_FAILURE)
		guard->mail_stats.distrusted_until = now + MAIL_RECENT;
	return n_sources == 1 && distrusted_until <= now ? MAIL_MATCH_TRACKED : MAIL_MATCH_AMBIGUOUS;
}

static void note_tracked(struct guard *guard, const struct mail_fact *fact, unsigned reading,
			 uint16_t local_port, usec_t now)
{
	/* who can write several readings can write an address that is to be spared into them */
	if (fact->kind == MAIL_FACT_AUTH_SUCCESS && fact->n_readings == 1)
		guard_auth_succeeded(guard, &fact->readings[0], fact->count, now);
	else if (fact->kind == MAIL_FACT_AUTH_FAILURE)
		guard_auth_failed(guard, &fact->readings[reading], local_port, fact->count, now);
}

/* What was written while nobody listened: it informs. */
static enum mail_match match_old(struct guard *guard, const struct mail_fact *fact,
				 unsigned *ret_reading)
{
	guard->mail_stats.old += fact->count;
	if (fact->n_readings != 1)
		return MAIL_MATCH_AMBIGUOUS;
	*ret_reading = 0;
	return MAIL_MATCH_UNTRACKED;
}

enum mail_match guard_mail_fact(struct guard *guard, const struct mail_fact *fact, usec_t now,
				unsigned *ret_reading)
{
	usec_t since = now > MAIL_RECENT ? now - MAIL_RECENT : 0;
	struct mail_stats *stats = &guard->mail_stats;
	enum mail_match match = MAIL_MATCH_AMBIGUOUS;
	uint16_t local_port = 0;
	unsigned reading = 0;

	stats->facts[fact->kind] += fact->count;
	if (!fact->recent)
		return match_old(guard, fact, ret_reading);
	if (fact->n_readings == 1)
		match = match_single(guard, fact, since, &local_port);
	else if (fact->n_readings > 1)
		match = match_several(guard, fact, since, now, &reading, &local_port);
	if (match == MAIL_MATCH_AMBIGUOUS) {
		stats->ambiguous += fact->count;
		if (fact->kind == MAIL_FACT_AUTH_FAILURE) {
			stats->forged += fact->count;
			stats->last_forged = now;
		}
		return match;
	}
	*ret_reading = reading;
	if (match == MAIL_MATCH_UNTRACKED) {
		stats->untracked += fact->count;
		return match;
	}
	stats->tracked += fact->count;
	note_tracked(guard, fact, reading, local_port, now);
	return match;
}

static uint32_t count_authenticated(const struct guard *guard, usec_t now)
{
	const struct auth_source *source;
	uint32_t cursor = 0, n = 0;

	while ((source = auth_table_walk(guard->auth, &cursor)))
		n += source->authenticated_until > now;
	return n;
}

void guard_mail_stats(const struct guard *guard, usec_t now, struct mail_stats *ret_stats)
{
	*ret_stats = guard->mail_stats;
	if (!guard->connections)
		return;
	if (ret_stats->distrusted_until <= now)
		ret_stats->distrusted_until = 0;
	ret_stats->sources = auth_table_count(guard->auth);
	ret_stats->sources_evicted = auth_table_evicted(guard->auth);
	ret_stats->authenticated = count_authenticated(guard, now);
	connection_memory_stats(guard->connections, &ret_stats->connections);
}
