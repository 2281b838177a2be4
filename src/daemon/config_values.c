// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "smtpguard/base/parse.h"

#include "config_priv.h"

bool reader_integer(struct config_reader *reader, const config_setting_t *setting, uint64_t minimum,
		    uint64_t maximum, const char *also, uint64_t *ret_value)
{
	int type = config_setting_type(setting);
	const char *wrong = "is not an integer";

	if (type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64) {
		long long value = config_setting_get_int64(setting);

		if (value >= 0 && (uint64_t)value >= minimum && (uint64_t)value <= maximum) {
			*ret_value = (uint64_t)value;
			return true;
		}
		wrong = "is out of range";
	}
	reader_refuse(reader, setting, wrong, "%" PRIu64 " to %" PRIu64 "%s", minimum, maximum,
		      also);
	return false;
}

void reader_fraction(struct config_reader *reader, const config_setting_t *setting, double minimum,
		     double maximum, double *value)
{
	int type = config_setting_type(setting);
	bool whole = type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
	double given = whole ? (double)config_setting_get_int64(setting) :
			       config_setting_get_float(setting);

	if (!whole && type != CONFIG_TYPE_FLOAT)
		reader_refuse(reader, setting, "is not a number", "%g to %g", minimum, maximum);
	else if (given >= minimum && given <= maximum)
		*value = given;
	else
		reader_refuse(reader, setting, "is out of range", "%g to %g", minimum, maximum);
}

void reader_boolean(struct config_reader *reader, const config_setting_t *setting, bool *value)
{
	if (config_setting_type(setting) == CONFIG_TYPE_BOOL)
		*value = config_setting_get_bool(setting);
	else
		reader_refuse(reader, setting, "is not a boolean", "true, false");
}

bool reader_duration(struct config_reader *reader, const config_setting_t *setting, usec_t minimum,
		     usec_t maximum, usec_t *ret_value)
{
	char low[DURATION_TEXT_MAX], high[DURATION_TEXT_MAX];
	const char *wrong = "is not a duration";
	const char *string = reader_string(setting);
	usec_t value;

	if (string) {
		int r = parse_duration(string, &value);

		if (r == 0 && value >= minimum && value <= maximum) {
			*ret_value = value;
			return true;
		}
		if (r != -EINVAL)
			wrong = "is out of range";
	}
	reader_refuse(reader, setting, wrong, "\"%s\" to \"%s\", units ms s m h d",
		      duration_format(minimum, low), duration_format(maximum, high));
	return false;
}

bool reader_choice(struct config_reader *reader, const config_setting_t *setting,
		   const char *const *choices, unsigned n_choices, unsigned *ret_index)
{
	const char *value = reader_string(setting);
	char allowed[128] = "";
	size_t used = 0;

	for (unsigned i = 0; i < n_choices; i++) {
		if (value && strcmp(value, choices[i]) == 0) {
			*ret_index = i;
			return true;
		}
		if (used < sizeof(allowed))
			used += (size_t)snprintf(allowed + used, sizeof(allowed) - used,
						 "%s\"%s\"", i ? ", " : "", choices[i]);
	}
	reader_refuse(reader, setting, "is not known", "%s", allowed);
	return false;
}

static bool is_off(const config_setting_t *setting)
{
	const char *value = reader_string(setting);

	return value && strcmp(value, "off") == 0;
}

void reader_limit(struct config_reader *reader, const config_setting_t *setting, unsigned minimum,
		  unsigned maximum, uint32_t *limit)
{
	uint64_t value;

	if (is_off(setting))
		*limit = 0;
	else if (reader_integer(reader, setting, minimum, maximum, ", or \"off\"", &value))
		*limit = (uint32_t)value;
}

void reader_window(struct config_reader *reader, const config_setting_t *setting, unsigned maximum,
		   usec_t longest, uint32_t *limit, usec_t *window)
{
	const char *text = reader_string(setting), *wrong = "is not a window";
	char longest_text[DURATION_TEXT_MAX];
	uint32_t count;
	usec_t duration;
	int r;

	if (is_off(setting)) {
		*limit = 0;
		return;
	}
	r = text ? parse_window(text, &count, &duration) : -EINVAL;
	if (r == 0 && count <= maximum && duration >= SECOND && duration <= longest) {
		*limit = count;
		*window = duration;
		return;
	}
	if (r != -EINVAL)
		wrong = "is out of range";
	reader_refuse(reader, setting, wrong,
		      "\"COUNT/DURATION\" with a count of 1 to %u and a duration of \"1s\" to "
		      "\"%s\", or \"off\"", maximum, duration_format(longest, longest_text));
}

void reader_path(struct config_reader *reader, const config_setting_t *setting, const char *wrong,
		 const char *also, char *path, size_t size)
{
	const char *given = reader_string(setting);
	size_t length = given ? strlen(given) : 0;

	if (length < 2 || length >= size || *given != '/' || given[length - 1] == '/')
		reader_refuse(reader, setting, wrong, "an absolute path of at most %zu bytes%s",
			      size - 1, also);
	else
		memcpy(path, given, length + 1);
}

int reader_array(struct config_reader *reader, const config_setting_t *setting, const char *what,
		 int maximum)
{
	int n = config_setting_length(setting);

	if (!config_setting_is_array(setting))
		reader_refuse(reader, setting, "is not an array", "[ \"...\", ... ]");
	else if (n > maximum)
		reader_problem(reader, setting, "%d %s, allowed: 0 to %d", n, what, maximum);
	else
		return n;
	return -1;
}

static bool was_taken(const config_setting_t *group, const char *name, usec_t value)
{
	const config_setting_t *setting = config_setting_get_member(group, name);
	const char *text = setting ? reader_string(setting) : NULL;
	usec_t given;

	return !setting || (text && parse_duration(text, &given) == 0 && given == value);
}

void reader_check_order(struct config_reader *reader, const config_setting_t *group,
			const char *low_name, usec_t low, const char *high_name, usec_t high)
{
	const config_setting_t *place = config_setting_get_member(group, low_name);
	char low_text[DURATION_TEXT_MAX], high_text[DURATION_TEXT_MAX];

	if (low <= high || !was_taken(group, low_name, low) || !was_taken(group, high_name, high))
		return;
	if (!place)
		place = config_setting_get_member(group, high_name);
	reader_problem(reader, place, "%s \"%s\" is more than %s \"%s\", allowed: at most %s",
		       low_name, duration_format(low, low_text), high_name,
		       duration_format(high, high_text), high_name);
}
