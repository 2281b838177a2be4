/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages between the daemon and smtpguard-resolver: fixed-size structs over one SOCK_SEQPACKET
 * socket, one message a packet, host byte order (both ends are the same build). A packet of another
 * size, an unknown type or value, a set reserved byte, a name that is not NUL-terminated with all bytes
 * behind it zero, or a set byte in an address that does not count is -EBADMSG: the receiver drops its
 * peer.
 *
 * Both ends compile this one codec. It has a fuzz target.
 */
#pragma once

#include <stddef.h>

#include "smtpguard/base/compiler.h"
#include "smtpguard/policy/reverse_dns.h"

/* The file descriptor the worker finds its socket on. */
#define RESOLVER_SOCKET_FD 3

#define RESOLVER_QUESTION_BYTES 32
#define RESOLVER_ANSWER_BYTES (56 + PTR_NAMES_MAX * PTR_NAME_TEXT_MAX + PTR_ADDRESSES_MAX * 16)

/* The whole question is the address. */
void resolver_question_encode(const struct address *address,
			      uint8_t bytes[static RESOLVER_QUESTION_BYTES]);
int resolver_question_decode(const void *bytes, size_t size,
			     struct address *ret_address) MUST_CHECK;

/* Names must already be escaped texts. */
void resolver_answer_encode(const struct name_answer *answer,
			    uint8_t bytes[static RESOLVER_ANSWER_BYTES]);
/* Refuses names with anything but printable ASCII: what leaves here can be printed as it is. */
int resolver_answer_decode(const void *bytes, size_t size,
			   struct name_answer *ret_answer) MUST_CHECK;
