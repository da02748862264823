/*
 * content_parts: what other modules do with content: items put beside rules, and rules tried without being saved.
 *
 * An item is a part of the rule's override document, which may hold several, users' own among them; it is found again
 * by its mark. A trial is a set of its own with the items that were appended to lists, which sets do not have.
 */
#include "server/content_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>

#define TRIAL_NAME "hinomi dry run of a condition"

/* ---- items beside rules */

static bool say(struct change *change, struct err *err)
{
    if (err && change->err.code) {
        *err = change->err;
    }
    return false;
}

/* The rule's override document with this text; empty: without any. */
static bool put_override(struct change *change, struct str rule, struct str text)
{
    const struct document d = { .kind = CONTENT_RULE,
                                .part = PART_OVERRIDE,
                                .name = rule,
                                .text = text.n ? text : (struct str){ 0 },
                                .changes = true };
    return change_put(change, &d);
}

static bool finish(struct change *change, const struct content_part_of_rule *part,
                   const char *action, int64_t *ret_version)
{
    const struct store_content_note note = { .kind = STR("rule"),
                                             .name = part->rule,
                                             .action = str_of(action) };
    change->comment = part->comment.p ? str_first(part->comment, CONTENT_COMMENT_MAX) : STR("");
    if (!change_note(change, &note) || !change_check(change) || !change_commit(change)) {
        return false;
    }
    *ret_version = change->version;
    return true;
}

bool content_add_to_rule(struct server *server, struct request *request,
                         const struct content_part_of_rule *part, int64_t *ret_version,
                         struct reply *reply)
{
    CLEANUP(change_end) struct change change = { 0 };
    struct buf text;
    if (!server->content) {
        reply_problem(reply, 503, "no_content", "There is no content.");
        return false;
    }
    if (!change_begin(&change, server->content, request, reply)) {
        return false;
    }
    if (!set_document(change.old, CONTENT_RULE, part->rule)) {
        reply_problem(reply, 404, "no_such_rule",
                      "There is no such rule here; the alert came from elsewhere, or the rule is "
                      "gone.");
        return false;
    }
    const struct document *there =
        documents_find(&change.old->documents, CONTENT_RULE, part->rule, PART_OVERRIDE);
    buf_init(&text, CONTENT_TEXT_MAX);
    buf_puts(&text, there ? there->text : (struct str){ 0 });
    buf_puts(&text, part->item);
    struct str all = text.failed ? (struct str){ 0 } : arena_str(change.arena, buf_str(&text));
    buf_done(&text);
    if (!all.p) {
        reply_memory(reply);
        return false;
    }
    return put_override(&change, part->rule, all) &&
           finish(&change, part, "exception", ret_version);
}

/* The document without items that have the mark. False: there is none. */
static bool without(struct change *change, struct str text, struct str mark, struct str *ret)
{
    struct documents parts = { 0 };
    struct buf rest;
    uint32_t offset;
    bool found = false;
    if (documents_split(change->arena, text, &parts, &offset, &change->err) < 0) {
        return false;
    }
    buf_init(&rest, CONTENT_TEXT_MAX);
    for (size_t i = 0; i < parts.n; i++) {
        if (str_find(parts.items[i].text, mark) >= 0) {
            found = true;
        } else {
            buf_puts(&rest, parts.items[i].text);
        }
    }
    *ret = rest.n ? arena_str(change->arena, buf_str(&rest)) : STR("");
    buf_done(&rest);
    return found && ret->p;
}

bool content_take_from_rule(struct server *server, struct request *request, struct arena *arena,
                            const struct content_part_of_rule *part, int64_t *ret_version,
                            struct reply *reply, struct err *err)
{
    CLEANUP(change_end) struct change change = { 0 };
    struct str rest;
    *ret_version = 0;
    if (!change_begin(&change, server->content, request, reply)) {
        err_set(err, -EBUSY, "somebody else is changing the content");
        return false;
    }
    change.arena = arena;
    const struct document *there =
        documents_find(&change.old->documents, CONTENT_RULE, part->rule, PART_OVERRIDE);
    if (!there || !without(&change, there->text, part->mark, &rest)) {
        return true;
    }
    return (put_override(&change, part->rule, rest) &&
            finish(&change, part, "exception_end", ret_version)) ||
           say(&change, err);
}

/* ---- trials */

struct content_trial {
    struct arena arena;
    struct content_set *set;
    struct loader *loader;
    struct ruleset *ruleset;
    const struct rule *rule;
};

void content_trial_free(struct content_trial *trial)
{
    if (trial) {
        ruleset_free(trial->ruleset);
        loader_free(trial->loader);
        set_drop(trial->set);
        arena_done(&trial->arena);
        free(trial);
    }
}

const struct cond *content_trial_cond(const struct content_trial *trial)
{
    return trial->rule->cond;
}

struct str content_trial_rule(const struct content_trial *trial)
{
    return trial->rule->name;
}

static struct str rule_of_condition(struct arena *arena, struct str condition)
{
    struct buf text;
    buf_init(&text, 2 * CONTENT_TEXT_MAX);
    buf_putz(&text, "- rule: " TRIAL_NAME "\n  desc: d\n  output: o\n  priority: INFO\n"
                    "  condition: ");
    buf_json_str(&text, condition);
    buf_putc(&text, '\n');
    struct str kept = text.failed ? (struct str){ 0 } : arena_str(arena, buf_str(&text));
    buf_done(&text);
    return kept;
}

/* The text's documents in the set: what changes a rule adds to what is there. */
static bool put_text(struct content_trial *trial, struct request *request, struct str text,
                     struct str *first_rule, struct reply *reply)
{
    struct documents all = { 0 };
    if (!content_split_text(request, reply, text, &all)) {
        return false;
    }
    for (size_t i = 0; i < all.n; i++) {
        struct document d = all.items[i];
        bool policy = d.kind == CONTENT_POLICY;
        d.part = d.changes ? PART_OVERRIDE : PART_OWN;
        d.conflict = d.base = d.file = STR("");
        if (!policy && set_put(trial->set, &d) < 0) {
            reply_memory(reply);
            return false;
        }
        if (d.kind == CONTENT_RULE && first_rule->n == 0) {
            *first_rule = d.name;
        }
    }
    return true;
}

/* Diagnostics of the set are of its own compilation. */
static bool check(struct content_trial *trial, struct request *request, struct reply *reply)
{
    struct err err = { 0 };
    struct content_diag *diags = NULL;
    size_t n = 0;
    if (set_make(trial->set, &err) < 0) {
        reply_memory(reply);
        return false;
    }
    if (trial->set->nerrors == 0) {
        return true;
    }
    if (set_diags(trial->set, request->arena, true, &diags, &n) < 0) {
        reply_memory(reply);
    } else {
        reply_diags(reply, request->arena, diags, n);
    }
    return false;
}

static int add_lists(struct content *content, struct content_trial *trial, const struct rule *rule,
                     struct err *err)
{
    int r = 0;
    for (uint32_t i = 0; i < rule->nlists && r == 0; i++) {
        struct buf lines;
        buf_init(&lines, CONTENT_IMPORT_MAX * 2);
        r = content_list_lines(content, rule->lists[i], STORE_VERSION_NEWEST, &lines, err);
        if (r == 0 && lines.n > 0) {
            r = loader_add_items(trial->loader, rule->lists[i], rule->lists[i], buf_str(&lines));
            r = r == -ENOMEM ? r : 0;
        }
        buf_done(&lines);
    }
    return r;
}

/* Again, with the items of the lists that the rule uses. */
static int compile(struct content *content, struct content_trial *trial, struct str name,
                   struct err *err)
{
    const struct rule *rule = ruleset_find(trial->set->ruleset, name);
    int r =
        rule ? loader_new(NULL, &trial->loader) : err_set(err, -ENOENT, "there is no such rule");
    for (size_t i = 0; r == 0 && i < trial->set->nfiles; i++) {
        r = loader_add(trial->loader, trial->set->files[i].name, trial->set->files[i].text);
        r = r == -ENOMEM ? r : 0;
    }
    r = r == 0 ? add_lists(content, trial, rule, err) : r;
    r = r == 0 ? loader_finish(trial->loader, true, &trial->ruleset, err) : r;
    trial->rule = r == 0 ? ruleset_find(trial->ruleset, name) : NULL;
    if (r == 0 && (!trial->rule || !trial->rule->cond)) {
        return err_set(err, -EINVAL, "the rule is about other sources than system calls");
    }
    return r == -ENOMEM ? err_set(err, r, "the rules need more memory than allowed") : r;
}

static bool prepare(struct server *server, struct request *request,
                    const struct content_trial_of *of, struct content_trial *trial,
                    struct reply *reply)
{
    struct err err = { 0 };
    struct content_set *now = content_hold(server->content, NULL);
    int r = set_copy(now, &trial->set);
    set_drop(now);
    struct str text = of->condition.n ? rule_of_condition(request->arena, of->condition) : of->text;
    struct str name = of->condition.n ? STR(TRIAL_NAME) : of->rule;
    if (r < 0 || (of->condition.n && !text.p)) {
        reply_memory(reply);
        return false;
    }
    if ((text.n > 0 && !put_text(trial, request, text, &name, reply)) ||
        !check(trial, request, reply)) {
        return false;
    }
    if (name.n == 0) {
        reply_problem(reply, 422, "no_rule", "There is no rule in the text.");
        return false;
    }
    if (compile(server->content, trial, name, &err) < 0) {
        reply_error(reply, &err);
        return false;
    }
    return true;
}

bool content_trial_new(struct server *server, struct request *request,
                       const struct content_trial_of *of, struct content_trial **ret,
                       struct reply *reply)
{
    if (!server->content) {
        reply_problem(reply, 503, "no_content", "There is no content.");
        return false;
    }
    struct content_trial *trial = mem_zalloc(sizeof(*trial));
    if (!trial) {
        reply_memory(reply);
        return false;
    }
    arena_init(&trial->arena, CONTENT_SET_MAX);
    if (!prepare(server, request, of, trial, reply)) {
        content_trial_free(trial);
        return false;
    }
    *ret = trial;
    return true;
}
