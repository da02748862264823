/*
 * settings: a program's configuration from a table: defaults, one YAML file, HINOMI_SECTION_KEY of the
 * environment, the command line; each over those before it.
 *
 * A setting is one row: its name and where its value lies in the program's own struct. Names not in the table are
 * errors, with a hint. Values are texts until they are set, so that all sources are checked by the same code.
 * The file is read by the loader of rule files, with its limits.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define SETTINGS_FILE_MAX   ((size_t)1 << 20)
#define SETTINGS_MEMORY_MAX ((size_t)16 << 20)
#define SETTINGS_LIST_MAX   1000 /* values of one list */
#define SETTINGS_ERRORS_MAX 50   /* told of one file */
#define SETTINGS_VALUE_MAX  4096 /* bytes of one value */
#define SETTINGS_NAME_MAX   64   /* of a key with its sections */
#define SETTINGS_KEYS_MAX   256

enum setting_kind {
    SETTING_TEXT,   /* const char *; NULL: not set */
    SETTING_LIST,   /* struct setting_list */
    SETTING_BOOL,   /* bool */
    SETTING_NUMBER, /* uint32_t */
    SETTING_SIZE,   /* uint64_t; bytes, also with KiB, MiB, GiB, TiB */
    SETTING_CHOICE, /* an enum */
};

struct setting_list {
    char **items; /* NUL-terminated */
    size_t n;
};

struct setting {
    const char *name; /* "metrics.listen" */
    enum setting_kind kind;
    size_t at; /* in the struct */
    bool reloads;
    uint64_t least, most;     /* of numbers and sizes */
    const char *const *words; /* of a choice, by value; NULL at the end */
};

struct settings_table {
    const struct setting *items;
    size_t n; /* at most SETTINGS_KEYS_MAX */
    /* More words for values a choice does not take ("; did you mean the key ...?"); may be NULL, may return "". */
    const char *(*hint)(const struct setting *setting, struct str value);
};

/* Where values go. */
struct settings {
    const struct settings_table *table;
    void *into;
    struct arena *arena; /* of the texts; its budget is their limit */
};

const struct setting *settings_find(const struct settings_table *table, struct str name);

/*
 * Reads a file. Everything that is wrong is appended to `text`, a line each: `FILE:LINE:COLUMN: what is wrong;
 * did you mean ...?`. -EINVAL: something was; -ENOENT and others: it cannot be read (err says so).
 */
int settings_read(const struct settings *settings, const char *path, struct buf *text,
                  struct err *err);
/* The same of contents. */
int settings_parse(const struct settings *settings, struct str name, struct str content,
                   struct buf *text, struct err *err);
/*
 * Takes HINOMI_* from an environment (as environ). Values of lists are separated by commas. -EINVAL: one has a
 * value that its key does not take (err names it). Names that nearly are one of ours are appended to `text` as
 * a line each; others are somebody else's.
 */
int settings_environment(const struct settings *settings, char *const *environment,
                         struct buf *text, struct err *err);
/* One key; values of a list replace what it was. -EINVAL, -ENOMEM. The message does not name the key. */
int settings_set_key(const struct settings *settings, const struct setting *key,
                     const struct str *values, size_t n, struct err *err);
/* The same by its whole name. -ENOENT: no such key. */
int settings_set(const struct settings *settings, struct str name, const struct str *values,
                 size_t n, struct err *err);
/* Settings that differ and that a running program does not take over: their names, separated by ", ". */
void settings_not_reloaded(const struct settings_table *table, const void *old, const void *fresh,
                           struct buf *names);

/* ADDRESS:PORT, [ADDRESS]:PORT, or PORT alone on the loopback. -EINVAL. */
int settings_address(struct str text, struct sockaddr_storage *ret);

/* Where settings come from, but for the defaults; all borrowed. */
struct settings_argument { /* of the command line */
    const char *key;
    const struct str *values;
    size_t n;
};
struct settings_source {
    const char *path; /* NULL: no file */
    char *const *environment;
    const struct settings_argument *arguments;
    size_t narguments;
};
/* All of them, over the defaults that are there. Complaints as of settings_read(). */
int settings_load(const struct settings *settings, const struct settings_source *source,
                  struct buf *text, struct err *err);
