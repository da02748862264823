/*
 * bundle: rules, policies and lists as a server sends them, from bytes to a directory that an engine can load.
 *
 *     DIR/bundle       the one in force, as `hinomi-agent --rules` takes it; survives restarts
 *     DIR/bundle.new   one that is being tried
 *
 * A bundle is a zstd tar of manifest.json and the files that it names, with the SHA-256 of each; a delta is JSON
 * that appends items to lists of the one in force. Both are signed. What is in the tar and not in the manifest,
 * or not as it says, makes the whole worthless.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "rules/ruleset.h"

#include <stdbool.h>
#include <stdint.h>

#define BUNDLE_TYPE       "application/vnd.hinomi.bundle"
#define BUNDLE_TYPE_DELTA "application/vnd.hinomi.delta+json"
#define BUNDLE_TYPE_ORDER "application/vnd.hinomi.orders+json"
#define BUNDLE_FILES_MAX  4096
#define BUNDLE_NAME_MAX   256
#define BUNDLE_FILE_MAX   ((size_t)64 << 20)
#define BUNDLE_PLAIN_MAX  ((size_t)256 << 20)
#define BUNDLE_DELTA_MAX  ((size_t)16 << 20)
#define BUNDLE_ITEMS_MAX  100000 /* of one delta */
#define BUNDLE_WINDOW_LOG 27     /* of zstd: 128 MiB */
#define BUNDLE_KEY        32

/* Ed25519 over "hinomi-1\n" type "\n" version "\n" body. -EBADMSG. */
int bundle_verify(const uint8_t key[BUNDLE_KEY], const char *type, uint64_t version,
                  const char *signature, struct str body, struct err *err);
/* Into DIR/bundle.new. -EINVAL: it is not as it must be. */
int bundle_unpack(const char *dir, uint64_t version, struct str body, struct err *err);

/* What a delta appends to lists. */
struct bundle_changes {
    uint64_t from, to; /* versions */
    struct list_changes lists;
    uint32_t items; /* in all */
    struct arena arena;
};

/* from, to: as they have to be. -ESTALE: it is for another version than `from`; -EINVAL: it is none. */
int bundle_changes_read(struct bundle_changes *changes, struct str body, struct err *err);
void bundle_changes_done(struct bundle_changes *changes); /* also after a failure */
/* DIR/bundle with the changes into DIR/bundle.new. -ESTALE: it is another version. */
int bundle_delta(const char *dir, const struct bundle_changes *changes, struct err *err);
/* DIR/bundle.new becomes DIR/bundle. */
int bundle_keep(const char *dir, struct err *err);
void bundle_forget(const char *dir);
/* The newest version of that server (its key) that was in force, in DIR/bundle.newest: what is older is never taken
 * again, whatever becomes of the files. 0: none; *ret_other: it is another server's. */
uint64_t bundle_newest(const char *dir, const uint8_t key[BUNDLE_KEY], bool *ret_other);
int bundle_note_newest(const char *dir, const uint8_t key[BUNDLE_KEY], uint64_t version,
                       struct err *err);
/* Of DIR/bundle. -ENOENT: there is none. */
int bundle_version(const char *dir, uint64_t *ret);

/* May a file of a bundle be called that? manifest.json, policies.yaml, rules/NAME.yaml, lists/NAME.txt. */
bool bundle_name_good(struct str name);
