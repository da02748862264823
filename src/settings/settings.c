/*
 * settings: values from texts, by the kinds of their keys; the environment; which changes need a restart.
 *
 * A value of any source comes to settings_set_key() as texts; there a key's kind decides what they mean. Texts
 * that are kept lie in the program's arena, whose budget is the limit of all of them.
 */
#include "settings/settings.h"

#include "rules/diag.h"
#include "rules/doc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#define ENV_PREFIX "HINOMI_"

const struct setting *settings_find(const struct settings_table *table, struct str name)
{
    for (size_t i = 0; i < table->n; i++) {
        if (str_eqz(name, table->items[i].name)) {
            return &table->items[i];
        }
    }
    return NULL;
}

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "the configuration needs more memory than allowed");
}

static int set_text(const struct settings *settings, const char **at, struct str value,
                    struct err *err)
{
    struct str kept = arena_str(settings->arena, value);
    if (!kept.p) {
        return no_memory(err);
    }
    *at = kept.n ? kept.p : NULL;
    return 0;
}

static int set_list(const struct settings *settings, struct setting_list *at,
                    const struct str *values, size_t n, struct err *err)
{
    char **items = ARENA_ARRAY(settings->arena, char *, n);
    if (!items) {
        return no_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        char *copy = arena_bytes(settings->arena, values[i].n + 1);
        if (!copy) {
            return no_memory(err);
        }
        memcpy(copy, values[i].p, values[i].n);
        copy[values[i].n] = '\0';
        items[i] = copy;
    }
    *at = (struct setting_list){ items, n };
    return 0;
}

static int set_number(const struct setting *key, uint32_t *at, struct str value, struct err *err)
{
    uint32_t number;
    if (!doc_u32(value, &number) || number < key->least || number > key->most) {
        return err_set(err, -EINVAL, "takes a number from %llu to %llu, not `%.*s`",
                       (unsigned long long)key->least, (unsigned long long)key->most,
                       STR_ARG(str_first(value, 64)));
    }
    *at = number;
    return 0;
}

/* How far a unit shifts; -1: there is no such unit. */
static int unit_shift(struct str unit)
{
    static const char *const units[] = { "", "KiB", "MiB", "GiB", "TiB" };
    for (int i = 0; i < 5; i++) {
        if (str_ieq(unit, str_of(units[i]))) {
            return 10 * i;
        }
    }
    return -1;
}

static int set_size(const struct setting *key, uint64_t *at, struct str value, struct err *err)
{
    uint64_t number = 0;
    size_t n = 0;
    bool fits = true;
    for (; n < value.n && value.p[n] >= '0' && value.p[n] <= '9'; n++) {
        fits = fits && number <= (UINT64_MAX - 9) / 10;
        number = fits ? number * 10 + (uint64_t)(value.p[n] - '0') : 0;
    }
    int shift = unit_shift(str_trim(str_from_offset(value, n)));
    fits = fits && n && shift >= 0 && number <= UINT64_MAX >> (shift > 0 ? shift : 0);
    if (!fits || number << shift < key->least || number << shift > key->most) {
        return err_set(err, -EINVAL, "takes a size such as 10GiB, not `%.*s`",
                       STR_ARG(str_first(value, 64)));
    }
    *at = number << shift;
    return 0;
}

/* Falco's longer word is taken too. */
static bool is_word(struct str value, const char *word)
{
    return str_ieq(value, str_of(word)) ||
           (strcmp(word, "info") == 0 && str_ieq(value, STR("informational")));
}

static int set_choice(const struct settings_table *table, const struct setting *key, unsigned *at,
                      struct str value, struct err *err)
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
    const char *hint = table->hint ? table->hint(key, value) : "";
    return err_set(err, -EINVAL, "is one of %s; not `%.*s`%s", storage,
                   STR_ARG(str_first(value, 64)), hint);
}

static int set_one(const struct settings *settings, const struct setting *key, struct str value,
                   struct err *err)
{
    void *at = (char *)settings->into + key->at;
    switch (key->kind) {
    case SETTING_BOOL:
        return doc_bool(value, at) ? 0
                                   : err_set(err, -EINVAL, "is true or false, not `%.*s`",
                                             STR_ARG(str_first(value, 64)));
    case SETTING_NUMBER:
        return set_number(key, at, value, err);
    case SETTING_SIZE:
        return set_size(key, at, value, err);
    case SETTING_CHOICE:
        return set_choice(settings->table, key, at, value, err);
    default:
        return set_text(settings, at, value, err);
    }
}

int settings_set_key(const struct settings *settings, const struct setting *key,
                     const struct str *values, size_t n, struct err *err)
{
    if (n > SETTINGS_LIST_MAX) {
        return err_set(err, -EINVAL, "has more than %d values", SETTINGS_LIST_MAX);
    }
    for (size_t i = 0; i < n; i++) {
        if (values[i].n > SETTINGS_VALUE_MAX || str_find_char(values[i], '\0') >= 0) {
            return err_set(err, -EINVAL, "has a value of more than %d bytes, or with a NUL byte",
                           SETTINGS_VALUE_MAX);
        }
    }
    if (key->kind == SETTING_LIST) {
        return set_list(settings, (struct setting_list *)((char *)settings->into + key->at), values,
                        n, err);
    }
    return n == 1 ? set_one(settings, key, values[0], err)
                  : err_set(err, -EINVAL, "takes one value");
}

int settings_set(const struct settings *settings, struct str name, const struct str *values,
                 size_t n, struct err *err)
{
    const struct setting *key = settings_find(settings->table, name);
    return key ? settings_set_key(settings, key, values, n, err)
               : err_set(err, -ENOENT, "there is no such setting");
}

/* HINOMI_METRICS_LISTEN of metrics.listen; ret has room for SETTINGS_NAME_MAX. */
static void env_name(const struct setting *key, char *ret)
{
    struct buf name;
    buf_init_fixed(&name, ret, SETTINGS_NAME_MAX - 1);
    buf_puts(&name, STR(ENV_PREFIX));
    for (const char *c = key->name; *c; c++) {
        buf_putc(&name, *c == '.' ? '_' : *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c);
    }
    ret[name.n] = '\0';
}

static const struct setting *key_of_env(const struct settings_table *table, struct str name)
{
    char own[SETTINGS_NAME_MAX];
    for (size_t i = 0; i < table->n; i++) {
        env_name(&table->items[i], own);
        if (str_eqz(name, own)) {
            return &table->items[i];
        }
    }
    return NULL;
}

static void hint_env(const struct settings_table *table, struct str name, struct buf *text)
{
    struct diag_suggestion near;
    char own[SETTINGS_KEYS_MAX][SETTINGS_NAME_MAX];
    diag_suggest_init(&near, name);
    for (size_t i = 0; i < table->n; i++) {
        env_name(&table->items[i], own[i]);
        diag_suggest_try(&near, str_of(own[i]));
    }
    if (near.best.n) {
        buf_printf(text, "%.*s in the environment is not a setting; ",
                   STR_ARG(str_first(name, 64)));
        diag_suggest_text(&near, text);
        buf_putc(text, '\n');
    }
}

static int set_env(const struct settings *settings, const struct setting *key, struct str value,
                   struct err *err)
{
    struct str values[SETTINGS_LIST_MAX + 1];
    size_t n = 0;
    if (key->kind != SETTING_LIST) {
        return settings_set_key(settings, key, &value, 1, err);
    }
    while (value.n && n <= SETTINGS_LIST_MAX) {
        ptrdiff_t comma = str_find_char(value, ',');
        struct str item = comma < 0 ? value : str_first(value, (size_t)comma);
        value = str_from_offset(value, comma < 0 ? value.n : (size_t)comma + 1);
        item = str_trim(item);
        if (item.n) {
            values[n++] = item;
        }
    }
    return settings_set_key(settings, key, values, n, err);
}

int settings_environment(const struct settings *settings, char *const *environment,
                         struct buf *text, struct err *err)
{
    for (size_t i = 0; environment[i]; i++) {
        struct str entry = str_of(environment[i]);
        ptrdiff_t equals = str_find_char(entry, '=');
        if (equals < 0 || !str_starts(entry, STR(ENV_PREFIX))) {
            continue;
        }
        struct str name = str_first(entry, (size_t)equals);
        const struct setting *key = key_of_env(settings->table, name);
        if (!key) {
            hint_env(settings->table, name, text);
            continue;
        }
        int r = set_env(settings, key, str_from_offset(entry, (size_t)equals + 1), err);
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

static bool same_list(const struct setting_list *a, const struct setting_list *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; i < a->n && same; i++) {
        same = same_text(a->items[i], b->items[i]);
    }
    return same;
}

static bool same(const struct setting *key, const void *a, const void *b)
{
    const char *x = (const char *)a + key->at, *y = (const char *)b + key->at;
    switch (key->kind) {
    case SETTING_TEXT:
        return same_text(*(const char *const *)x, *(const char *const *)y);
    case SETTING_LIST:
        return same_list((const struct setting_list *)x, (const struct setting_list *)y);
    case SETTING_BOOL:
        return *(const bool *)x == *(const bool *)y;
    case SETTING_SIZE:
        return memcmp(x, y, sizeof(uint64_t)) == 0;
    default:
        return memcmp(x, y, sizeof(uint32_t)) == 0;
    }
}

void settings_not_reloaded(const struct settings_table *table, const void *old, const void *fresh,
                           struct buf *names)
{
    for (size_t i = 0; i < table->n; i++) {
        if (!table->items[i].reloads && !same(&table->items[i], old, fresh)) {
            buf_printf(names, "%s%s", names->n ? ", " : "", table->items[i].name);
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

int settings_address(struct str text, struct sockaddr_storage *ret)
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
