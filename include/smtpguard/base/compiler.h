/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attributes used by every contract of the project.
 *
 * Errors, everywhere: 0 is done, a negative value is -errno and is forwarded unchanged, a positive
 * value is a condition that the called API defines and that its direct caller handles.
 * Parameters named ret_x are written only on success.
 */
#pragma once

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(at, first) __attribute__((format(printf, at, first)))
#define CLEANUP(function) __attribute__((cleanup(function)))
#define UNUSED __attribute__((unused))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

/* Defines close_and_clear_TYPE() for CLEANUP(): frees *p, which may be NULL. */
#define DEFINE_CLEANUP(type, free_function)                                                       \
	static inline void free_function##_pointer(type *p)                                        \
	{                                                                                          \
		if (*p)                                                                            \
			free_function(*p);                                                         \
	}
