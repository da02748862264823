/*
 * config: the agent's settings as a table, and its defaults.
 *
 * The table is made from config_keys.def; src/settings does the rest.
 */
#include "agent/config_internal.h"

#include <errno.h>

static const char *const priority_words[] = { "emergency", "alert", "critical", "error", "warning",
                                              "notice",    "info",  "debug",    NULL };
static const char *const matching_words[] = { "first", "all", NULL };
static const char *const sensor_words[] = { "auto", "notify", "ptrace", NULL };
static const char *const availability_words[] = { "availability", "security", NULL };
static const char *const calls_words[] = { "all", "rules", NULL };
static const char *const output_words[] = { "text", "json", NULL };

#define PRIORITY_WORDS     priority_words
#define MATCHING_WORDS     matching_words
#define SENSOR_WORDS       sensor_words
#define AVAILABILITY_WORDS availability_words
#define CALLS_WORDS        calls_words
#define OUTPUT_WORDS       output_words
#define RELOAD             true
#define RESTART            false

#define AT(member) offsetof(struct config, member)

const struct setting config_keys[] = {
#define CONFIG_TEXT(name_, member, later)                                                          \
    { .name = name_, .kind = SETTING_TEXT, .at = AT(member), .reloads = later },
#define CONFIG_LIST(name_, member, later)                                                          \
    { .name = name_, .kind = SETTING_LIST, .at = AT(member), .reloads = later },
#define CONFIG_BOOL(name_, member, later)                                                          \
    { .name = name_, .kind = SETTING_BOOL, .at = AT(member), .reloads = later },
#define CONFIG_NUMBER(name_, member, later, least_, most_)                                         \
    { .name = name_,                                                                               \
      .kind = SETTING_NUMBER,                                                                      \
      .at = AT(member),                                                                            \
      .reloads = later,                                                                            \
      .least = least_,                                                                             \
      .most = most_ },
#define CONFIG_SIZE(name_, member, later, least_, most_)                                           \
    { .name = name_,                                                                               \
      .kind = SETTING_SIZE,                                                                        \
      .at = AT(member),                                                                            \
      .reloads = later,                                                                            \
      .least = least_,                                                                             \
      .most = most_ },
#define CONFIG_CHOICE(name_, member, later, type, words_)                                          \
    { .name = name_, .kind = SETTING_CHOICE, .at = AT(member), .reloads = later, .words = words_ },
#include "agent/config_keys.def"
};
const size_t config_nkeys = sizeof(config_keys) / sizeof(*config_keys);

/* `priority` and `rule_priority` are taken for one another. */
static const char *other_key(const struct setting *key, struct str value)
{
    enum priority priority;
    if (key->words == priority_words) {
        return str_ieq(value, STR("availability")) || str_ieq(value, STR("security"))
                   ? "; did you mean the key `priority`?"
                   : "";
    }
    return key->words == availability_words && priority_parse(value, &priority) == 0
               ? "; did you mean the key `rule_priority`?"
               : "";
}

static const struct settings_table table = { config_keys,
                                             sizeof(config_keys) / sizeof(*config_keys),
                                             other_key };

static struct settings settings_of(struct config *config)
{
    return (struct settings){ &table, config, &config->arena };
}

int config_init(struct config *config)
{
    *config =
        (struct config){ .rule_priority = PRIORITY_DEBUG, .dns = true, .activity_enabled = true };
    arena_init(&config->arena, CONFIG_MEMORY_MAX);
    config->socket = "/hinomi/agent.sock";
    config->spool_dir = "/var/lib/hinomi-agent";
    return 0;
}

void config_done(struct config *config)
{
    arena_done(&config->arena);
}

int config_set_key(struct config *config, const struct setting *key, const struct str *values,
                   size_t n, struct err *err)
{
    const struct settings settings = settings_of(config);
    return settings_set_key(&settings, key, values, n, err);
}

int config_set(struct config *config, struct str name, const struct str *values, size_t n,
               struct err *err)
{
    const struct settings settings = settings_of(config);
    return settings_set(&settings, name, values, n, err);
}

int config_parse(struct config *config, struct str name, struct str content, struct buf *text,
                 struct err *err)
{
    const struct settings settings = settings_of(config);
    return settings_parse(&settings, name, content, text, err);
}

int config_read(struct config *config, const char *path, struct buf *text, struct err *err)
{
    const struct settings settings = settings_of(config);
    return settings_read(&settings, path, text, err);
}

int config_environment(struct config *config, char *const *environment, struct buf *text,
                       struct err *err)
{
    const struct settings settings = settings_of(config);
    return settings_environment(&settings, environment, text, err);
}

void config_not_reloaded(const struct config *old, const struct config *fresh, struct buf *names)
{
    settings_not_reloaded(&table, old, fresh, names);
}

int config_address(struct str text, struct sockaddr_storage *ret)
{
    return settings_address(text, ret);
}

int config_load(const struct settings_source *source, struct config *ret, struct buf *text,
                struct err *err)
{
    const struct settings settings = settings_of(ret);
    int r = config_init(ret);
    return r == 0 ? settings_load(&settings, source, text, err) : r;
}
