/*
 * remove: takes out what add.c put in, by what it looks like and by the record in the agent's label.
 *
 * A container is instrumented when its entry point begins with the shim; so a definition is understood also after ECS,
 * or a person, has written it anew. A task without our two containers is left as it is.
 */
#include "instrument/taskdef.h"

#include <errno.h>

static bool is_word(const struct node *node, const char *word)
{
    return node_is_text(node) && str_eqz(node->value, word);
}

/* Takes the whole member out, or makes it what it was. Yields false when it was there with something in it. */
static bool restore(struct edits *edits, struct node *member, int state)
{
    struct node *at;
    switch (state) {
    case MEMBER_ABSENT:
        member->gone = true;
        return true;
    case MEMBER_NULL:
        edit_value(edits, member, node_new_word(edits->doc->arena, "null"));
        return true;
    case MEMBER_EMPTY:
        for (at = member->first; at; at = at->next) {
            at->gone = true;
        }
        edit_sweep(edits, member);
        return true;
    default:
        return false;
    }
}

/* Elements that are maps whose `name` is one of two words. */
static void remove_elements(struct edits *edits, struct node *list, const char *name,
                            const char *const words[2])
{
    uint32_t left = 0;
    for (struct node *at = list->first; at; at = at->next) {
        const struct node *value = node_get(edits->doc, at, name);
        at->gone = value && (is_word(value, words[0]) || is_word(value, words[1]));
        left += !at->gone;
    }
    if (left == 0 && list->n > 0) {
        list->gone = true;
    } else {
        edit_sweep(edits, list);
    }
}

static void restore_list(struct edits *edits, struct node *list, int state, const char *name,
                         const char *const words[2])
{
    if (list && list->kind == NODE_LIST && !restore(edits, list, state)) {
        remove_elements(edits, list, name, words);
    }
}

/* From the shim to the `--`, and `more` after it. */
static bool remove_prefix(struct edits *edits, struct node *list, struct node *shim, uint32_t more)
{
    struct node *at = shim;
    while (at && !is_word(at, "--")) {
        at->gone = true;
        at = at->next;
    }
    for (uint32_t i = 0; i <= more && at; i++) {
        at->gone = true;
        at = at->next;
    }
    edit_sweep(edits, list);
    return at;
}

static void restore_health_check(struct edits *edits, struct node *container, bool shell)
{
    struct node *check = node_get(edits->doc, container, "healthCheck");
    struct node *list = node_get(edits->doc, check, "command");
    if (!list || list->kind != NODE_LIST || list->n < 3 ||
        !is_word(list->first->next, INSTRUMENT_SHIM)) {
        return;
    }
    if (shell) {
        struct str raw = str_from(edits->doc->text.p + list->first->start,
                                  list->first->end - list->first->start);
        ptrdiff_t at = str_find(raw, STR("CMD"));
        uint32_t end = list->first->start + (at < 0 ? 0 : (uint32_t)at + 3);
        edit_replace(edits, end, end, STR("-SHELL"));
    }
    remove_prefix(edits, list, list->first->next, shell ? 2 : 0);
}

static void remove_from(struct edits *edits, struct node *container, struct str record,
                        struct str name)
{
    static const char *const ours[] = { INSTRUMENT_INIT, INSTRUMENT_AGENT };
    static const char *const volumes[] = { "hinomi", "hinomi-state" };
    const struct document *doc = edits->doc;
    struct node *entry_point = node_get(doc, container, "entryPoint");
    if (!entry_point || entry_point->kind != NODE_LIST || !entry_point->first ||
        !is_word(entry_point->first, INSTRUMENT_SHIM)) {
        return;
    }
    if (!restore(edits, entry_point, taskdef_record_get(record, name, 'E')) &&
        !remove_prefix(edits, entry_point, entry_point->first, 0)) {
        entry_point->gone = true;
    }
    struct node *command = node_get(doc, container, "command");
    if (command) {
        restore(edits, command, taskdef_record_get(record, name, 'C'));
    }
    restore_list(edits, node_get(doc, container, "dependsOn"),
                 taskdef_record_get(record, name, 'D'), "containerName", ours);
    restore_list(edits, node_get(doc, container, "mountPoints"),
                 taskdef_record_get(record, name, 'M'), "sourceVolume", volumes);
    restore_health_check(edits, container, taskdef_record_get(record, name, 'S') != MEMBER_THERE);
    edit_sweep(edits, container);
}

static void remove_from_task(struct edits *edits, const struct taskdef *task, struct str record)
{
    static const char *const volumes[] = { "hinomi", "hinomi-state" };
    const struct document *doc = edits->doc;
    struct node *mode = node_get(doc, task->node, "pidMode");
    struct str none = { 0 };
    if (mode) {
        restore(edits, mode, taskdef_record_get(record, none, 'P'));
    }
    restore_list(edits, node_get(doc, task->node, "volumes"), taskdef_record_get(record, none, 'V'),
                 "name", volumes);
    edit_sweep(edits, task->node);
}

int taskdef_remove(struct edits *edits, const struct taskdef *task, struct err *err)
{
    const struct document *doc = edits->doc;
    if (!task->agent) {
        return 0;
    }
    const struct node *labels = node_get(doc, task->agent, "dockerLabels");
    const struct node *label = node_find(labels, STR(INSTRUMENT_LABEL));
    if (!node_is_text(label)) {
        return err_set(
            err, -EINVAL,
            "line %u: this hinomi-agent was not put here by `hinomi instrument`: it has no "
            "label %s",
            document_line(doc, task->agent->start), INSTRUMENT_LABEL);
    }
    for (uint32_t i = 0; i < task->n; i++) {
        remove_from(edits, task->containers[i], label->value, taskdef_container_name(doc, task, i));
    }
    task->init->gone = task->agent->gone = true;
    edit_sweep(edits, task->definitions);
    if (task->node) {
        remove_from_task(edits, task, label->value);
    }
    return 0;
}
