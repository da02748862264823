/*
 * flags: the tables that name flags and enumerated values, for those who need one by itself:
 * flags_file, flags_clone, flags_socket_families, ... as in flags.def. Each ends with a NULL name.
 */
#pragma once

#include "base/buf.h"
#include "event/kind.h"

#include <stdbool.h>
#include <stdint.h>

#define FLAGS(table) extern const struct flag_name flags_##table[];
#define FLAG(name, value)
#define FLAGS_END
#include "event/flags.def"
#undef FLAGS
#undef FLAG
#undef FLAGS_END

/*
 * Names of the bits of a value, joined by '|', or the one name of the whole value. Nothing when the
 * table names none of it.
 */
void flags_names(struct buf *buf, const struct flag_name *table, uint32_t value);
/* The first name of the value itself, as enumerations have it; NULL when the table has none. */
const char *flags_enum(const struct flag_name *table, uint32_t value);

/* Is the type an enumeration: a value has one name or none? */
static inline bool param_is_enum(uint8_t type)
{
    return type >= PARAM_ENUMFLAGS8 && type <= PARAM_ENUMFLAGS32;
}

/* "CAP_SYS_ADMIN" for 21; NULL unknown. */
const char *capability_name(unsigned number);
