/*
 * schemas: the JSON Schemas of bodies (src/server/schemas/NAME.json), built in.
 */
#pragma once

#include <stddef.h>

struct schema {
    const char *name, *text;
};

extern const struct schema schemas[]; /* sorted by name */
extern const size_t nschemas;
