/*
 * fake_fields: the field module's interface over values that a test sets, so that conditions and outputs
 * are tested alone. Link fake_fields.c before the libraries: it takes the place of the real one.
 */
#pragma once

#include "event/field.h"

#define FAKE_VALUES_MAX 8

/* Forgets all values: every field is missing. */
void fake_clear(void);
void fake_add(enum field_id id, struct value value);
void fake_str(enum field_id id, struct str s);
void fake_strz(enum field_id id, const char *z);
void fake_u64(enum field_id id, uint64_t u);
void fake_i64(enum field_id id, int64_t i);
void fake_ip(enum field_id id, const char *text);
/* How many extractions there were. */
extern unsigned fake_extractions;
