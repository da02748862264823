/*
 * config: the agent's settings: defaults, one YAML file, HINOMI_SECTION_KEY of the environment, the command
 * line; each over those before it.
 *
 * A key is one line of config_keys.def. Keys not in there are errors, with a hint. Values are texts until they
 * are set, so that all four sources are checked by the same code.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "rules/ruleset.h"
#include "settings/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_MEMORY_MAX SETTINGS_MEMORY_MAX
#define CONFIG_LIST_MAX   SETTINGS_LIST_MAX
#define CONFIG_ERRORS_MAX SETTINGS_ERRORS_MAX
#define CONFIG_VALUE_MAX  SETTINGS_VALUE_MAX

enum config_sensor { CONFIG_SENSOR_AUTO, CONFIG_SENSOR_NOTIFY, CONFIG_SENSOR_PTRACE };
enum config_output { CONFIG_OUTPUT_TEXT, CONFIG_OUTPUT_JSON };
enum config_matching { CONFIG_MATCH_FIRST, CONFIG_MATCH_ALL };
enum config_calls { CONFIG_CALLS_ALL, CONFIG_CALLS_RULES };
enum config_priority { CONFIG_AVAILABILITY, CONFIG_SECURITY };

/* Texts are the configuration's own, or NULL: not set. Numbers: 0 is the default of whom they are for. */
struct config {
    struct arena arena;
#define CONFIG_TEXT(name, member, later)                const char *member;
#define CONFIG_LIST(name, member, later)                struct setting_list member;
#define CONFIG_BOOL(name, member, later)                bool member;
#define CONFIG_NUMBER(name, member, later, least, most) uint32_t member;
#define CONFIG_SIZE(name, member, later, least, most)   uint64_t member;
#define CONFIG_CHOICE(name, member, later, type, words) enum type member;
#include "agent/config_keys.def"
};

int config_init(struct config *config); /* defaults. -ENOMEM */
void config_done(struct config *config);

/*
 * Reads a file. Everything that is wrong is appended to `text`, a line each: `FILE:LINE:COLUMN: what is wrong;
 * did you mean ...?`. -EINVAL: something was; -ENOENT and others: it cannot be read (err says so).
 */
int config_read(struct config *config, const char *path, struct buf *text, struct err *err);
/* The same of contents. */
int config_parse(struct config *config, struct str name, struct str content, struct buf *text,
                 struct err *err);
/*
 * Takes HINOMI_* from an environment (as environ). Values of lists are separated by commas. -EINVAL: one has a
 * value that its key does not take (err names it). Names that nearly are one of ours are appended to `text` as
 * a line each; others are somebody else's.
 */
int config_environment(struct config *config, char *const *environment, struct buf *text,
                       struct err *err);
/* One key, by its whole name ("metrics.listen"); values of a list replace what it was. -ENOENT: no such
 * key; -EINVAL, -ENOMEM. The message does not name the key. */
int config_set(struct config *config, struct str name, const struct str *values, size_t n,
               struct err *err);
/* Settings that differ and that a running agent does not take over: their names, separated by ", ". */
void config_not_reloaded(const struct config *old, const struct config *fresh, struct buf *names);

/* ADDRESS:PORT, [ADDRESS]:PORT, or PORT alone on the loopback. -EINVAL. */
struct sockaddr_storage;
int config_address(struct str text, struct sockaddr_storage *ret);

/* All four into `ret`, which is to be config_done(), whatever comes of it. Complaints as of config_read(). */
int config_load(const struct settings_source *source, struct config *ret, struct buf *text,
                struct err *err);
