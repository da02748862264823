/*
 * definition_read: members of a document as values.
 *
 * The first error is kept and everything after it reads as absent; so what reads a container is a list of members. A
 * value that only CloudFormation knows is an error where it is needed, and passed over where it is not.
 */
#include "taskrun/definition_internal.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBER_SIZE 32

void reader_fail(struct reader *r, const struct node *node, const char *format, ...)
{
    char text[ERR_MESSAGE_MAX];
    va_list arguments;
    if (r->code) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    r->code =
        node ? err_set(r->err, -EINVAL, "line %u: %s", document_line(&r->doc, node->start), text)
             : err_set(r->err, -EINVAL, "%s", text);
}

const struct node *reader_get(struct reader *r, const struct node *map, const char *name)
{
    const struct node *node = r->code ? NULL : node_get(&r->doc, map, name);
    if (!node || node_is_null(node) || (node_is_intrinsic(node) && node_has_no_value(node))) {
        return NULL;
    }
    if (node_is_intrinsic(node) || node->kind == NODE_ALIAS) {
        reader_fail(r, node, "%s: a value that is not known here", name);
        return NULL;
    }
    return node;
}

struct str reader_text_of(struct reader *r, const struct node *node, const char *name)
{
    if (r->code || !node) {
        return (struct str){ 0 };
    }
    if (!node_is_text(node) || (node->value.n && memchr(node->value.p, '\0', node->value.n))) {
        reader_fail(r, node, "%s: not a text, or one that is not known here", name);
        return (struct str){ 0 };
    }
    struct str copy = arena_str(r->doc.arena, node->value);
    if (!copy.p) {
        reader_fail(r, NULL, "the definition is too large");
    }
    return copy;
}

struct str reader_text(struct reader *r, const struct node *map, const char *name)
{
    return reader_text_of(r, reader_get(r, map, name), name);
}

bool reader_bool(struct reader *r, const struct node *map, const char *name, bool absent)
{
    const struct node *node = reader_get(r, map, name);
    if (!node) {
        return absent;
    }
    bool yes = str_eqz(node->value, "true") || str_eqz(node->value, "True");
    if (node->kind != NODE_SCALAR ||
        (!yes && !str_eqz(node->value, "false") && !str_eqz(node->value, "False"))) {
        reader_fail(r, node, "%s: neither true nor false", name);
    }
    return yes;
}

uint32_t reader_number(struct reader *r, const struct node *map, const char *name, uint32_t most,
                       uint32_t absent)
{
    const struct node *node = reader_get(r, map, name);
    uint64_t n = 0;
    if (!node) {
        return absent;
    }
    for (size_t i = 0; i < node->value.n && n <= most; i++) {
        n = isdigit((unsigned char)node->value.p[i]) ? n * 10 + (uint64_t)(node->value.p[i] - '0')
                                                     : UINT64_MAX / 2;
    }
    if (node->kind != NODE_SCALAR || node->value.n == 0 || n > most) {
        reader_fail(r, node, "%s: not a whole number up to %u", name, most);
        return absent;
    }
    return (uint32_t)n;
}

const struct node *reader_list(struct reader *r, const struct node *map, const char *name,
                               uint32_t most)
{
    const struct node *node = reader_get(r, map, name);
    if (node && (node->kind != NODE_LIST || node->n > most)) {
        reader_fail(r, node, "%s: not a list of at most %u", name, most);
        return NULL;
    }
    return node && node->n > 0 ? node : NULL;
}

struct task_words reader_words(struct reader *r, const struct node *map, const char *name)
{
    const struct node *list = reader_list(r, map, name, TASK_ITEMS_MAX);
    struct task_words words = { 0 };
    if (!list) {
        return words;
    }
    words.items = ARENA_ARRAY(r->doc.arena, struct str, list->n);
    if (!words.items) {
        reader_fail(r, NULL, "the definition is too large");
    }
    for (const struct node *at = list->first; at && !r->code; at = at->next) {
        struct str empty = STR("");
        bool none = at->kind == NODE_SCALAR && at->quoted && at->value.n == 0;
        words.items[words.n++] = none ? empty : reader_text_of(r, at, name);
    }
    return r->code ? (struct task_words){ 0 } : words;
}

static struct task_pairs room_for(struct reader *r, const struct node *node)
{
    struct task_pairs pairs = { .items = ARENA_ARRAY(r->doc.arena, struct task_pair, node->n) };
    if (!pairs.items) {
        reader_fail(r, NULL, "the definition is too large");
    }
    return pairs;
}

struct task_pairs reader_pairs(struct reader *r, const struct node *map, const char *name,
                               const char *key, const char *value)
{
    const struct node *list = reader_list(r, map, name, TASK_ITEMS_MAX);
    struct task_pairs pairs = { 0 };
    if (!list) {
        return pairs;
    }
    pairs = room_for(r, list);
    for (const struct node *at = list->first; at && !r->code; at = at->next) {
        struct task_pair *pair = &pairs.items[pairs.n++];
        pair->name = reader_text(r, at, key);
        pair->value = reader_text(r, at, value);
        if (!pair->name.n) {
            reader_fail(r, at, "%s: one without a %s", name, key);
        } else if (memchr(pair->name.p, '=', pair->name.n)) {
            reader_fail(r, at, "%s: a %s with `=` in it", name, key);
        }
    }
    return r->code ? (struct task_pairs){ 0 } : pairs;
}

struct task_pairs reader_map(struct reader *r, const struct node *map, const char *name)
{
    const struct node *node = reader_get(r, map, name);
    struct task_pairs pairs = { 0 };
    if (!node || node->n == 0) {
        return pairs;
    }
    if (node->kind != NODE_MAP || node->n > TASK_ITEMS_MAX) {
        reader_fail(r, node, "%s: not a map of at most %d", name, TASK_ITEMS_MAX);
        return pairs;
    }
    pairs = room_for(r, node);
    for (const struct node *at = node->first; at && !r->code; at = at->next) {
        /* These are told, not acted upon: what only CloudFormation knows is left out. */
        if (node_is_text(at)) {
            struct task_pair *pair = &pairs.items[pairs.n++];
            pair->name = arena_str(r->doc.arena, at->key);
            pair->value = reader_text_of(r, at, name);
        }
    }
    return r->code ? (struct task_pairs){ 0 } : pairs;
}

uint32_t reader_size(struct reader *r, const struct node *map, const char *name)
{
    const struct node *node = reader_get(r, map, name);
    char text[NUMBER_SIZE] = "", *end = text;
    if (!node) {
        return 0;
    }
    if (node->kind == NODE_SCALAR && node->value.n < sizeof(text)) {
        memcpy(text, node->value.p, node->value.n);
    }
    double number = strtod(text, &end);
    bool some = end != text;
    while (isspace((unsigned char)*end)) {
        end++;
    }
    bool large = str_ieq(str_of(end), STR("vcpu")) || str_ieq(str_of(end), STR("gb"));
    if (!some || (*end && !large) || !isfinite(number) || number < 0 || number > 1e6) {
        reader_fail(r, node, "%s: not a size", name);
        return 0;
    }
    return (uint32_t)((large ? number * 1024 : number) + 0.5);
}
