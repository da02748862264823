/*
 * config: keys by name, values from texts, defaults, the environment, and which changes need a restart.
 *
 * The table is made from config_keys.def. A value of any source comes to config_set() as texts; there a key's
 * kind decides what they mean. Texts that are kept lie in the configuration's arena, whose budget is the limit
 * of all of them.
 */
#include "agent/config_internal.h"

#include "base/clock.h"
#include "rules/doc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define ENV_PREFIX "HINOMI_"

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

const struct config_key config_keys[] = {
#define CONFIG_TEXT(name_, member, later)                                                          \
    { .name = name_, .kind = KEY_TEXT, .at = AT(member), .reloads = later },
#define CONFIG_LIST(name_, member, later)                                                          \
    { .name = name_, .kind = KEY_LIST, .at = AT(member), .reloads = later },
#define CONFIG_BOOL(name_, member, later)                                                          \
    { .name = name_, .kind = KEY_BOOL, .at = AT(member), .reloads = later },
#define CONFIG_NUMBER(name_, member, later, least_, most_)                                         \
    { .name = name_,                                                                               \
      .kind = KEY_NUMBER,                                                                          \
      .at = AT(member),                                                                            \
      .reloads = later,                                                                            \
      .least = least_,                                                                             \
      .most = most_ },
#define CONFIG_CHOICE(name_, member, later, type, words_)                                          \
    { .name = name_, .kind = KEY_CHOICE, .at = AT(member), .reloads = later, .words = words_ },
#include "agent/config_keys.def"
};
const size_t config_nkeys = sizeof(config_keys) / sizeof(*config_keys);

const struct config_key *config_key(struct str name)
{
    for (size_t i = 0; i < config_nkeys; i++) {
        if (str_eqz(name, config_keys[i].name)) {
            return &config_keys[i];
        }
    }
    return NULL;
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

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "the configuration needs more memory than allowed");
}

static int set_text(struct config *config, const char **at, struct str value, struct err *err)
{
    struct str kept = arena_str(&config->arena, value);
    if (!kept.p) {
        return no_memory(err);
    }
    *at = kept.n ? kept.p : NULL;
    return 0;
}

static int set_list(struct config *config, struct config_list *at, const struct str *values,
                    size_t n, struct err *err)
{
    char **items = ARENA_ARRAY(&config->arena, char *, n);
    if (!items) {
        return no_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        char *copy = arena_bytes(&config->arena, values[i].n + 1);
        if (!copy) {
            return no_memory(err);
        }
        memcpy(copy, values[i].p, values[i].n);
        copy[values[i].n] = '\0';
        items[i] = copy;
    }
    *at = (struct config_list){ items, n };
    return 0;
}

static int set_number(const struct config_key *key, uint32_t *at, struct str value, struct err *err)
{
    uint32_t number;
    if (!doc_u32(value, &number) || number < key->least || number > key->most) {
        return err_set(err, -EINVAL, "takes a number from %u to %u, not `%.*s`", key->least,
                       key->most, STR_ARG(str_first(value, 64)));
    }
    *at = number;
    return 0;
}

/* Falco's longer word is taken too. */
static bool is_word(struct str value, const char *word)
{
    return str_ieq(value, str_of(word)) ||
           (strcmp(word, "info") == 0 && str_ieq(value, STR("informational")));
}

static int set_choice(const struct config_key *key, unsigned *at, struct str value, struct err *err)
{
    char storage[160];
    struct buf words;
    buf_init_fixed(&words, storage, sizeof(storage) - 1);
    for (unsigned i = 0; key->words[i]; i++) {
        if (is_word(value, key->words[i])) {
            *at = i;
            return 0;
        }
        buf_printf(&words, "%s%s", i ? ", " : "", key->words[i]);
    }
    storage[words.n] = '\0';
    bool other =
        key->words == priority_words
            ? is_word(value, "availability") || is_word(value, "security")
            : key->words == availability_words && priority_parse(value, &(enum priority){ 0 }) == 0;
    return err_set(err, -EINVAL, "is one of %s; not `%.*s`%s", storage,
                   STR_ARG(str_first(value, 64)),
                   !other                         ? ""
                   : key->words == priority_words ? "; did you mean the key `priority`?"
                                                  : "; did you mean the key `rule_priority`?");
}

static int set_one(struct config *config, const struct config_key *key, struct str value,
                   struct err *err)
{
    void *at = (char *)config + key->at;
    switch (key->kind) {
    case KEY_BOOL:
        return doc_bool(value, at) ? 0
                                   : err_set(err, -EINVAL, "is true or false, not `%.*s`",
                                             STR_ARG(str_first(value, 64)));
    case KEY_NUMBER:
        return set_number(key, at, value, err);
    case KEY_CHOICE:
        return set_choice(key, at, value, err);
    default:
        return set_text(config, at, value, err);
    }
}

int config_set_key(struct config *config, const struct config_key *key, const struct str *values,
                   size_t n, struct err *err)
{
    if (n > CONFIG_LIST_MAX) {
        return err_set(err, -EINVAL, "has more than %d values", CONFIG_LIST_MAX);
    }
    for (size_t i = 0; i < n; i++) {
        if (values[i].n > CONFIG_VALUE_MAX || str_find_char(values[i], '\0') >= 0) {
            return err_set(err, -EINVAL, "has a value of more than %d bytes, or with a NUL byte",
                           CONFIG_VALUE_MAX);
        }
    }
    if (key->kind == KEY_LIST) {
        return set_list(config, (struct config_list *)((char *)config + key->at), values, n, err);
    }
    return n == 1 ? set_one(config, key, values[0], err) : err_set(err, -EINVAL, "takes one value");
}

int config_set(struct config *config, struct str name, const struct str *values, size_t n,
               struct err *err)
{
    const struct config_key *key = config_key(name);
    return key ? config_set_key(config, key, values, n, err)
               : err_set(err, -ENOENT, "there is no such setting");
}

/* HINOMI_METRICS_LISTEN of metrics.listen; ret has room for CONFIG_NAME_MAX. */
static void env_name(const struct config_key *key, char *ret)
{
    struct buf name;
    buf_init_fixed(&name, ret, CONFIG_NAME_MAX - 1);
    buf_puts(&name, STR(ENV_PREFIX));
    for (const char *c = key->name; *c; c++) {
        buf_putc(&name, *c == '.' ? '_' : *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c);
    }
    ret[name.n] = '\0';
}

static const struct config_key *key_of_env(struct str name)
{
    char own[CONFIG_NAME_MAX];
    for (size_t i = 0; i < config_nkeys; i++) {
        env_name(&config_keys[i], own);
        if (str_eqz(name, own)) {
            return &config_keys[i];
        }
    }
    return NULL;
}

static void hint_env(struct str name, struct buf *text)
{
    struct diag_suggestion near;
    char own[sizeof(config_keys) / sizeof(*config_keys)][CONFIG_NAME_MAX];
    diag_suggest_init(&near, name);
    for (size_t i = 0; i < config_nkeys; i++) {
        env_name(&config_keys[i], own[i]);
        diag_suggest_try(&near, str_of(own[i]));
    }
    if (near.best.n) {
        buf_printf(text, "%.*s in the environment is not a setting; ",
                   STR_ARG(str_first(name, 64)));
        diag_suggest_text(&near, text);
        buf_putc(text, '\n');
    }
}

static int set_env(struct config *config, const struct config_key *key, struct str value,
                   struct err *err)
{
    struct str values[CONFIG_LIST_MAX + 1];
    size_t n = 0;
    if (key->kind != KEY_LIST) {
        return config_set_key(config, key, &value, 1, err);
    }
    while (value.n && n <= CONFIG_LIST_MAX) {
        ptrdiff_t comma = str_find_char(value, ',');
        struct str item = comma < 0 ? value : str_first(value, (size_t)comma);
        value = str_from_offset(value, comma < 0 ? value.n : (size_t)comma + 1);
        item = str_trim(item);
        if (item.n) {
            values[n++] = item;
        }
    }
    return config_set_key(config, key, values, n, err);
}

int config_environment(struct config *config, char *const *environment, struct buf *text,
                       struct err *err)
{
    for (size_t i = 0; environment[i]; i++) {
        struct str entry = str_of(environment[i]);
        ptrdiff_t equals = str_find_char(entry, '=');
        if (equals < 0 || !str_starts(entry, STR(ENV_PREFIX))) {
            continue;
        }
        struct str name = str_first(entry, (size_t)equals);
        const struct config_key *key = key_of_env(name);
        if (!key) {
            hint_env(name, text);
            continue;
        }
        int r = set_env(config, key, str_from_offset(entry, (size_t)equals + 1), err);
        if (r < 0) {
            err_wrap(err, "%.*s in the environment", STR_ARG(name));
            return r;
        }
    }
    return 0;
}

static bool same_text(const char *a, const char *b)
{
    return str_eq(str_of(a), str_of(b));
}

static bool same_list(const struct config_list *a, const struct config_list *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; i < a->n && same; i++) {
        same = same_text(a->items[i], b->items[i]);
    }
    return same;
}

static bool same(const struct config_key *key, const struct config *a, const struct config *b)
{
    const char *x = (const char *)a + key->at, *y = (const char *)b + key->at;
    switch (key->kind) {
    case KEY_TEXT:
        return same_text(*(const char *const *)x, *(const char *const *)y);
    case KEY_LIST:
        return same_list((const struct config_list *)x, (const struct config_list *)y);
    case KEY_BOOL:
        return *(const bool *)x == *(const bool *)y;
    default:
        return memcmp(x, y, sizeof(uint32_t)) == 0;
    }
}

void config_not_reloaded(const struct config *old, const struct config *fresh, struct buf *names)
{
    for (size_t i = 0; i < config_nkeys; i++) {
        if (!config_keys[i].reloads && !same(&config_keys[i], old, fresh)) {
            buf_printf(names, "%s%s", names->n ? ", " : "", config_keys[i].name);
        }
    }
}

static int set_address(const char *address, uint16_t port, struct sockaddr_storage *ret)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    *ret = (struct sockaddr_storage){ 0 };
    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
        memcpy(ret, &v4, sizeof(v4));
        return 0;
    }
    if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1) {
        memcpy(ret, &v6, sizeof(v6));
        return 0;
    }
    return -EINVAL;
}

int config_address(struct str text, struct sockaddr_storage *ret)
{
    char address[INET6_ADDRSTRLEN + 2] = "127.0.0.1";
    uint32_t port;
    ptrdiff_t colon = str_find_last(text, ':');
    struct str host = colon < 0 ? (struct str){ 0 } : str_first(text, (size_t)colon);
    bool bracketed = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    if (bracketed) {
        host = str_first(str_from_offset(host, 1), host.n - 2);
    }
    if (!doc_u32(str_from_offset(text, (size_t)(colon + 1)), &port) || port > UINT16_MAX ||
        host.n >= sizeof(address) || bracketed != (str_find_char(host, ':') >= 0)) {
        return -EINVAL;
    }
    if (host.n) {
        memcpy(address, host.p, host.n);
        address[host.n] = '\0';
    }
    return set_address(address, (uint16_t)port, ret);
}
