/*
 * Reading policies: from nodes of YAML to structs, with every mistake told where it is.
 *
 *     file   := list of policy
 *     policy := { policy: NAME, enabled: BOOL, scope: CONDITION, severity: 0.0 .. 10.0,
 *                 rules: list of { name: RULE, enabled: BOOL, actions: list of ACTION },
 *                 channels: list of NAME }
 *
 * What is wrong is reported and left out, so that one run shows all of it.
 */
#include "rules/policy_internal.h"

#define SEVERITY_MAX 100 /* tenths */

static const char *const policy_keys[] = {
    "policy", "enabled", "scope", "severity", "rules", "channels", NULL,
};
static const char *const rule_keys[] = { "name", "enabled", "actions", "severity", NULL };
static const char *const action_names[] = { "deny", "kill", "stop", "pause", "capture", NULL };

const char *action_text(enum policy_action action)
{
    unsigned bit = (unsigned)__builtin_ctz((unsigned)action | 1u << POLICY_ACTIONS);
    return bit < POLICY_ACTIONS ? action_names[bit] : "none";
}

/* What is being read, for messages. */
struct place {
    struct policy_source *source;
    struct str item;
};

static void complain(const struct place *place, const struct doc_node *node, const char *message)
{
    policy_report(place->source, node->offset, place->item, (struct str){ 0 }, "%s", message);
}

static int index_in(const char *const *names, struct str name)
{
    for (int i = 0; names[i]; i++) {
        if (str_eqz(name, names[i])) {
            return i;
        }
    }
    return -1;
}

static void report_unknown(const struct place *place, const struct doc_node *node, const char *what,
                           const char *const *names)
{
    char storage[256];
    struct buf hint;
    struct diag_suggestion suggestion;
    struct str shown = str_first(node->value, POLICY_NAME_MAX);
    buf_init_fixed(&hint, storage, sizeof(storage));
    diag_suggest_init(&suggestion, shown);
    for (int i = 0; names[i]; i++) {
        diag_suggest_try(&suggestion, str_of(names[i]));
    }
    diag_suggest_text(&suggestion, &hint);
    bool near = hint.n > 0;
    for (int i = 0; names[i] && !near; i++) {
        buf_printf(&hint, "%s%s", i ? ", " : "known: ", names[i]);
    }
    policy_report(place->source, node->offset, place->item, buf_str(&hint), "unknown %s `%.*s`",
                  what, STR_ARG(shown));
}

/* Every key known, none twice. False: this is no map at all. */
static bool check_map(const struct place *place, const struct doc_node *map, const char *what,
                      const char *const *keys)
{
    uint32_t seen = 0;
    if (map->kind != DOC_MAP) {
        policy_report(place->source, map->offset, place->item, (struct str){ 0 },
                      "%s must be a map of keys and values", what);
        return false;
    }
    for (uint32_t i = 0; i + 1 < map->n; i += 2) {
        const struct doc_node *key = map->items[i];
        int k = key->kind == DOC_SCALAR ? index_in(keys, key->value) : -1;
        if (key->kind != DOC_SCALAR) {
            complain(place, key, "a key must be a text");
        } else if (k < 0) {
            report_unknown(place, key, "key", keys);
        } else if (seen & 1u << k) {
            complain(place, key, "this key is there twice");
        } else {
            seen |= 1u << k;
        }
    }
    return true;
}

static bool read_text(const struct place *place, const struct doc_node *node, const char *what,
                      struct str *ret)
{
    bool good = node->kind == DOC_SCALAR && !doc_is_null(node) && node->value.n > 0;
    if (!good || node->value.n > POLICY_NAME_MAX) {
        policy_report(place->source, node->offset, place->item, (struct str){ 0 },
                      "%s must be a text of at most %d bytes", what, POLICY_NAME_MAX);
        return false;
    }
    *ret = arena_str(&place->source->policies->arena, node->value);
    return ret->p != NULL;
}

static bool read_bool(const struct place *place, const struct doc_node *map, bool missing)
{
    const struct doc_node *node = doc_get(map, "enabled");
    bool value = missing;
    if (node && (node->kind != DOC_SCALAR || !doc_bool(node->value, &value))) {
        complain(place, node, "`enabled` must be true or false");
    }
    return value;
}

/* Digits, and maybe a point and one digit; in tenths. */
static bool parse_severity(struct str s, uint8_t *ret)
{
    unsigned tenths = 0;
    size_t i = 0;
    for (; i < s.n && i < 2 && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
        tenths = tenths * 10 + (unsigned)(s.p[i] - '0');
    }
    if (i == 0) {
        return false;
    }
    tenths *= 10;
    if (i + 2 == s.n && s.p[i] == '.' && s.p[i + 1] >= '0' && s.p[i + 1] <= '9') {
        tenths += (unsigned)(s.p[i + 1] - '0');
        i += 2;
    }
    *ret = (uint8_t)(tenths <= SEVERITY_MAX ? tenths : 0);
    return i == s.n && tenths <= SEVERITY_MAX;
}

static uint8_t read_severity(const struct place *place, const struct doc_node *map)
{
    const struct doc_node *node = doc_get(map, "severity");
    uint8_t severity = POLICY_BY_PRIORITY;
    if (node && (node->kind != DOC_SCALAR || !parse_severity(node->value, &severity))) {
        complain(place, node,
                 "`severity` must be a number from 0.0 to 10.0 with at most one decimal");
    }
    return severity;
}

/* The list under a key; an absent one has no items. */
static struct doc_node *const *read_list(const struct place *place, const struct doc_node *map,
                                         const char *key, uint32_t max, uint32_t *ret_n)
{
    const struct doc_node *node = doc_get(map, key);
    *ret_n = 0;
    if (!node || (node->kind == DOC_SEQUENCE && node->n <= max)) {
        *ret_n = node ? node->n : 0;
        return node ? node->items : NULL;
    }
    policy_report(place->source, node->offset, place->item, (struct str){ 0 },
                  "`%s` must be a list of at most %u items", key, max);
    return NULL;
}

static uint8_t read_actions(const struct place *place, const struct doc_node *map)
{
    uint32_t n;
    uint8_t actions = 0;
    struct doc_node *const *items = read_list(place, map, "actions", POLICY_ACTIONS, &n);
    for (uint32_t i = 0; i < n; i++) {
        int bit = items[i]->kind == DOC_SCALAR ? index_in(action_names, items[i]->value) : -1;
        if (items[i]->kind != DOC_SCALAR) {
            complain(place, items[i], "an action must be a text");
        } else if (bit < 0) {
            report_unknown(place, items[i], "action", action_names);
        } else {
            actions |= (uint8_t)(1u << bit);
        }
    }
    return actions;
}

static const struct rule *find_rule(const struct place *place, const struct doc_node *node)
{
    const struct policies *p = place->source->policies;
    uintptr_t index = (uintptr_t)smap_get(&p->rules, node->value);
    if (index) {
        return &p->ruleset->rules[index - 1];
    }
    char storage[256];
    struct buf hint;
    struct diag_suggestion suggestion;
    struct str shown = str_first(node->value, POLICY_NAME_MAX);
    buf_init_fixed(&hint, storage, sizeof(storage));
    diag_suggest_init(&suggestion, shown);
    for (uint32_t i = 0; i < p->ruleset->nrules; i++) {
        diag_suggest_try(&suggestion, p->ruleset->rules[i].name);
    }
    diag_suggest_text(&suggestion, &hint);
    policy_report(place->source, node->offset, place->item, buf_str(&hint),
                  "there is no rule `%.*s`", STR_ARG(shown));
    return NULL;
}

static bool read_rule_entry(const struct place *place, const struct doc_node *map,
                            struct policy_rule *ret)
{
    if (!check_map(place, map, "an item of `rules`", rule_keys)) {
        return false;
    }
    const struct doc_node *name = doc_get(map, "name");
    ret->enabled = read_bool(place, map, true);
    ret->actions = read_actions(place, map);
    ret->severity = read_severity(place, map);
    if (!name || name->kind != DOC_SCALAR || name->value.n == 0) {
        complain(place, name ? name : map, "an item of `rules` needs `name`: the rule's");
        return false;
    }
    ret->rule = find_rule(place, name);
    return ret->rule != NULL;
}

static void read_rules(const struct place *place, const struct doc_node *map, struct policy *policy)
{
    struct policies *p = place->source->policies;
    uint32_t n;
    if (!doc_get(map, "rules")) {
        complain(place, map, "a policy needs `rules`");
        return;
    }
    struct doc_node *const *items = read_list(place, map, "rules", POLICY_RULES_MAX, &n);
    struct policy_rule *rules = ARENA_ARRAY(&p->arena, struct policy_rule, n);
    if (!rules) {
        complain(place, map, "the policies take too much memory");
        return;
    }
    policy->rules = rules;
    p->nread++;
    for (uint32_t i = 0; i < n; i++) {
        if (!read_rule_entry(place, items[i], &rules[policy->nrules])) {
            continue;
        }
        uint32_t *seen = &p->seen[rules[policy->nrules++].rule->index];
        if (*seen == p->nread) {
            complain(place, items[i], "this rule is in the policy twice");
        }
        *seen = p->nread;
    }
}

static void read_channels(const struct place *place, const struct doc_node *map,
                          struct policy *policy)
{
    uint32_t n;
    struct doc_node *const *items = read_list(place, map, "channels", POLICY_CHANNELS_MAX, &n);
    struct str *channels = ARENA_ARRAY(&place->source->policies->arena, struct str, n);
    policy->channels = channels;
    for (uint32_t i = 0; i < n && channels; i++) {
        policy->nchannels += read_text(place, items[i], "a channel", &channels[policy->nchannels]);
    }
}

static void read_scope(const struct place *place, const struct doc_node *map, struct policy *policy)
{
    const struct doc_node *node = doc_get(map, "scope");
    if (!node || doc_is_null(node)) {
        return;
    }
    if (node->kind != DOC_SCALAR) {
        complain(place, node, "`scope` must be a condition");
        return;
    }
    policy->scope_text = str_trim(arena_str(&place->source->policies->arena, node->value));
    if (policy->scope_text.n) {
        policy->scope = policy_scope(place->source, node, place->item);
    }
}

/* Where a policy of this name stands already; p->n: nowhere. */
static uint32_t place_of(const struct policies *p, struct str name)
{
    uint32_t i = 0;
    while (i < p->n && !str_eq(p->items[i].name, name)) {
        i++;
    }
    return i;
}

static void keep(const struct place *place, const struct doc_node *map, const struct policy *policy)
{
    struct policies *p = place->source->policies;
    uint32_t at = place_of(p, policy->name);
    if (at < p->n && p->items[at].pos.file == place->source->file) {
        complain(place, map, "there is another policy of this name in this file");
    } else if (at == POLICIES_MAX) {
        complain(place, map, "too many policies");
    } else {
        p->n += at == p->n;
        p->items[at] = *policy;
    }
}

static void read_policy(struct policy_source *source, const struct doc_node *map)
{
    struct place place = { .source = source };
    struct policy policy = { .pos = { .file = source->file } };
    if (map->kind == DOC_MAP) {
        const struct doc_node *name = doc_get(map, "policy");
        if (!name) {
            complain(&place, map, "a policy needs `policy`: its name");
        } else if (read_text(&place, name, "the name of a policy", &policy.name)) {
            place.item = policy.name;
        }
    }
    if (!check_map(&place, map, "a policy", policy_keys)) {
        return;
    }
    policy.enabled = read_bool(&place, map, true);
    policy.severity = read_severity(&place, map);
    read_scope(&place, map, &policy);
    read_rules(&place, map, &policy);
    read_channels(&place, map, &policy);
    if (policy.name.n) {
        keep(&place, map, &policy);
    }
}

void policy_read(struct policy_source *source, const struct doc_node *root)
{
    struct place place = { .source = source };
    if (doc_is_null(root)) {
        return;
    }
    if (root->kind != DOC_SEQUENCE || root->n > POLICIES_MAX) {
        complain(&place, root, "a file of policies is a list of at most 1000 of them");
        return;
    }
    for (uint32_t i = 0; i < root->n; i++) {
        read_policy(source, root->items[i]);
    }
}
