/*
 * image: how an image is started, from wherever its configuration can be had.
 *
 *     a file         the configuration itself, or what `docker inspect` prints
 *     a directory    an OCI layout
 *     a tar          of `docker save`, or of an OCI layout; compressed too
 *     a registry     the OCI distribution API, over HTTPS
 *
 * Every document is checked against the digest that named it. Nothing is guessed: what is missing, ambiguous or
 * malformed is an error.
 */
#pragma once

#include "base/arena.h"
#include "instrument/instrument.h"

#define IMAGE_DOCUMENT_MAX (4 * 1024 * 1024) /* an index, a manifest, a configuration */
#define IMAGE_SOURCES_MAX  64

struct image_source {
    struct str name; /* of a container or image; empty: any */
    const char *value;
};

struct image_sources {
    struct image_source files[IMAGE_SOURCES_MAX];      /* value: a path */
    struct image_source references[IMAGE_SOURCES_MAX]; /* value: an image */
    uint32_t nfiles, nreferences;
    const char *credentials; /* Docker's config.json; NULL */
    bool offline;            /* no registry is asked */
};

/* For struct instrument_options: context is a struct image_sources. */
int image_look_up(void *context, const struct image_query *query, struct arena *arena,
                  struct image_config *ret, struct err *err);

/* {"config": {...}} of OCI, or [{"Config": {...}}] of docker inspect. ret's texts live in the arena, or in json. */
int image_config_parse(struct str json, struct arena *arena, struct image_config *ret,
                       struct err *err);
