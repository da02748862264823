/*
 * constant: the text of a constant in a condition, as a value of its field's type.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "event/value.h"

/*
 * Numbers are decimal or 0x hexadecimal, with a sign; a negative one for an unsigned type wraps, so that
 * `user.uid = -1` means the greatest. Ports take service names too, booleans true and false, networks
 * address/bits. -EINVAL: not of that form, or out of range.
 */
int constant_parse(enum field_type type, struct str text, struct value *ret, struct err *err);

/* "12ab" as the two bytes. -EINVAL when it is not an even number of hexadecimal digits. */
int constant_unhex(struct arena *arena, struct str text, struct str *ret, struct err *err);

/* "CHARBUF", "UINT64", ...: the type's name in messages. */
const char *type_text(enum field_type type);
