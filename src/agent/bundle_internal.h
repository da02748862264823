/*
 * bundle_internal: what the files of bundles share; nobody else includes it.
 */
#pragma once

#include "agent/bundle.h"
#include "base/arena.h"

#include <json-c/json.h>

#define BUNDLE_HASH     64 /* hex digits */
#define BUNDLE_PATH_MAX 512

struct bundle_file {
    struct str name;
    char hash[BUNDLE_HASH + 1];
    struct str content; /* .p NULL: not there yet */
};

/* What a manifest says. */
struct bundle_manifest {
    uint64_t version, parent;
    struct bundle_file *files;
    uint32_t n;
};

/* bundle_manifest.c */
int bundle_read_manifest(struct str json, struct arena *arena, struct bundle_manifest *ret,
                         struct err *err);
int bundle_write_manifest(int dir, const struct bundle_manifest *manifest, struct err *err);
/* DIR/bundle's. */
int bundle_load_manifest(const char *dir, struct arena *arena, struct bundle_manifest *ret,
                         struct err *err);
struct bundle_file *bundle_find(const struct bundle_manifest *manifest, struct str name);
void bundle_hash(struct str content, char ret[BUNDLE_HASH + 1]);
struct json_object *bundle_parse_json(struct str text, struct err *err);

/* bundle_files.c */
/* An empty DIR/bundle.new with rules/ and lists/; its descriptor. */
int bundle_make_new(const char *dir, struct err *err);
int bundle_write_file(int dir, struct str name, struct str content, struct err *err);
