/*
 * add: what a task and its containers need to be watched.
 *
 * The entry point and command are the ones that ECS would use: the definition's; where it has no entry point the
 * image's, and the image's command only where it has neither. A shim before an entry point that is not there would
 * start something else, so a look-up that fails is an error.
 *
 * Changes within members that are there are asked for before new members: see edit.h.
 */
#include "instrument/taskdef.h"

#include <errno.h>

#define WANTS_MAX 4

/* A list that has to have these at its end. */
struct want {
    const char *name;
    char letter;
    int state;
    struct node *member, *values;
};

struct adding {
    struct edits *edits;
    struct taskdef *task;
    const struct instrument_options *options;
    struct buf *record;
    struct err *err;
    struct node *container;
    struct str name;
    struct want wants[WANTS_MAX];
    uint32_t nwants;
};

static int complain(const struct adding *a, const char *what)
{
    return err_set(a->err, -EINVAL, "line %u: container `%.*s`: %s",
                   document_line(a->edits->doc, a->container->start),
                   (int)(a->name.n < 64 ? a->name.n : 64), a->name.p, what);
}

static int state_of(const struct node *member)
{
    return !member                                               ? MEMBER_ABSENT
           : member->kind == NODE_SCALAR && node_is_null(member) ? MEMBER_NULL
           : member->kind == NODE_LIST && member->n == 0         ? MEMBER_EMPTY
                                                                 : MEMBER_THERE;
}

static int want(struct adding *a, const char *name, char letter, struct node *values)
{
    struct node *member = node_get(a->edits->doc, a->container, name);
    struct want *w = &a->wants[a->nwants];
    if (!values) {
        return err_set(a->err, -ENOMEM, "out of memory");
    }
    *w = (struct want){ name, letter, state_of(member), member, values };
    if (w->state == MEMBER_NULL && a->edits->doc->yaml) {
        return complain(a, "a member without a value: take it out");
    }
    if (w->state == MEMBER_THERE && (member->kind != NODE_LIST || member->tag.n)) {
        return err_set(
            a->err, -EINVAL, "line %u: container `%.*s`: %s is not a list that can be seen into",
            document_line(a->edits->doc, member->start), STR_ARG(str_first(a->name, 64)), name);
    }
    a->nwants++;
    return 0;
}

static void put_elements(struct edits *edits, struct node *list, const struct node *values)
{
    for (const struct node *at = values->first; at; at = at->next) {
        edit_append(edits, list, node_copy(edits->doc->arena, at));
    }
}

static void do_wants(struct adding *a, struct str name)
{
    struct edits *edits = a->edits;
    for (uint32_t i = 0; i < a->nwants; i++) {
        struct want *w = &a->wants[i];
        if (w->state != MEMBER_THERE) {
            taskdef_record_put(a->record, name, w->letter, w->state);
        }
        if (w->state == MEMBER_NULL) {
            edit_value(edits, w->member, w->values);
        } else if (w->state != MEMBER_ABSENT) {
            put_elements(edits, w->member, w->values);
        }
    }
    for (uint32_t i = 0; i < a->nwants; i++) {
        if (a->wants[i].state == MEMBER_ABSENT) {
            struct node *holder = node_new(edits->doc->arena, NODE_MAP);
            edit_append(edits, a->container,
                        node_put(edits->doc, holder, a->wants[i].name, a->wants[i].values));
        }
    }
    a->nwants = 0;
}

static void put_text(const struct adding *a, struct node *list, struct str text)
{
    node_append(list, (struct str){ 0 }, node_new_text(a->edits->doc->arena, text));
}

/* The shim and its options up to `--`. */
static struct node *shim_words(const struct adding *a, bool health_check)
{
    struct node *list = node_new(a->edits->doc->arena, NODE_LIST);
    const char *wait = health_check && !a->options->security ? "0" : a->options->wait;
    put_text(a, list, STR(INSTRUMENT_SHIM));
    if (a->options->security) {
        put_text(a, list, STR("--priority"));
        put_text(a, list, STR("security"));
    }
    if (wait) {
        put_text(a, list, STR("--wait"));
        put_text(a, list, str_of(wait));
    }
    if (health_check) {
        put_text(a, list, STR("--health-check"));
    }
    put_text(a, list, STR("--"));
    return list;
}

static const char *architecture(const struct document *doc, const struct taskdef *task)
{
    const struct node *platform = node_get(doc, task->node, "runtimePlatform");
    const struct node *which = node_get(doc, platform, "cpuArchitecture");
    return which && str_eqz(which->value, "ARM64") ? "arm64" : "amd64";
}

static int look_up(struct adding *a, struct image_config *ret)
{
    const struct document *doc = a->edits->doc;
    const struct node *image = node_get(doc, a->container, "image");
    struct image_query query = { .container = a->name, .architecture = architecture(doc, a->task) };
    if (node_is_text(image) && !node_is_intrinsic(image)) {
        query.image = image->value;
    }
    int r = a->options->look_up(a->options->context, &query, doc->arena, ret, a->err);
    return r < 0 ? err_wrap(a->err, "container `%.*s` has no entryPoint of its own",
                            STR_ARG(str_first(a->name, 64)))
                 : 0;
}

/* Neither the definition's entry point is there, nor can the image's be known by the definition. */
static int want_from_image(struct adding *a, const struct node *command)
{
    struct image_config *config = ARENA_NEW(a->edits->doc->arena, struct image_config);
    int r = config ? look_up(a, config) : err_set(a->err, -ENOMEM, "out of memory");
    if (r < 0) {
        return r;
    }
    bool own = state_of(command) == MEMBER_THERE;
    if (own && node_has_no_value(command)) {
        return complain(a, "a command that may be AWS::NoValue");
    }
    if (!own && config->entry_point.n == 0 && config->command.n == 0) {
        return complain(a, "neither the definition nor the image says what to run");
    }
    struct node *words = shim_words(a, false);
    for (uint32_t i = 0; i < config->entry_point.n; i++) {
        put_text(a, words, config->entry_point.items[i]);
    }
    r = want(a, "entryPoint", 'E', words);
    if (r == 0 && !own && config->command.n > 0) {
        struct node *list = node_new(a->edits->doc->arena, NODE_LIST);
        for (uint32_t i = 0; i < config->command.n; i++) {
            put_text(a, list, config->command.items[i]);
        }
        r = want(a, "command", 'C', list);
    }
    return r;
}

static int add_entry_point(struct adding *a)
{
    const struct document *doc = a->edits->doc;
    const struct node *list = node_get(doc, a->container, "entryPoint");
    const struct node *command = node_get(doc, a->container, "command");
    if (state_of(list) != MEMBER_THERE) {
        return want_from_image(a, command);
    }
    if (list->kind != NODE_LIST || list->tag.n || list->first->kind == NODE_LIST) {
        return complain(a, "an entryPoint that only CloudFormation knows: write it as a list, or "
                           "leave the container out (--skip)");
    }
    if (node_is_text(list->first) && str_ends(list->first->value, STR("hinomi-shim"))) {
        return complain(a, "its entryPoint is the shim already, by other hands");
    }
    if (list->first->kind == NODE_SCALAR && list->first->value.n == 0) {
        return complain(a, "an entryPoint that begins with an empty text");
    }
    edit_before(a->edits, list, list->first, shim_words(a, false));
    return 0;
}

/* CMD-SHELL is a shell that the runtime starts; then the shim has to start it. */
static int add_health_check(struct adding *a)
{
    const struct document *doc = a->edits->doc;
    const struct node *check = node_get(doc, a->container, "healthCheck");
    struct node *list = node_get(doc, check, "command");
    if (!list || a->options->keep_health_checks) {
        return 0;
    }
    const struct node *kind = list->first;
    if (list->kind != NODE_LIST || list->tag.n || !node_is_text(kind)) {
        return complain(a, "a health check that cannot be seen into (--keep-health-checks)");
    }
    bool shell = str_eqz(kind->value, "CMD-SHELL");
    if ((!shell && !str_eqz(kind->value, "CMD")) || list->n < 2) {
        return 0; /* NONE, or nothing that is run */
    }
    struct node *words = shim_words(a, true);
    if (shell) {
        struct str raw = str_from(doc->text.p + kind->start, kind->end - kind->start);
        ptrdiff_t at = str_find(raw, STR("-SHELL"));
        if (at < 0) {
            return complain(a, "a health check that is written with escapes");
        }
        edit_replace(a->edits, kind->start + (uint32_t)at, kind->start + (uint32_t)at + 6,
                     (struct str){ 0 });
        put_text(a, words, STR("/bin/sh"));
        put_text(a, words, STR("-c"));
        taskdef_record_put(a->record, a->name, 'S', MEMBER_ABSENT);
    }
    edit_before(a->edits, list, kind->next, words);
    return 0;
}

static struct node *put_map(const struct adding *a, struct node *list, const char *const words[4])
{
    const struct document *doc = a->edits->doc;
    struct node *map = node_new(doc->arena, NODE_MAP);
    for (int i = 0; i < 4 && words[i]; i += 2) {
        node_put(doc, map, words[i], node_new_text(doc->arena, str_of(words[i + 1])));
    }
    return node_append(list, (struct str){ 0 }, map);
}

static int want_order(struct adding *a)
{
    const char *when = a->options->security ? "HEALTHY" : "START";
    const char *const init[] = { "containerName", INSTRUMENT_INIT, "condition", "SUCCESS" };
    const char *const agent[] = { "containerName", INSTRUMENT_AGENT, "condition", when };
    struct node *list = node_new(a->edits->doc->arena, NODE_LIST);
    put_map(a, list, init);
    put_map(a, list, agent);
    return want(a, "dependsOn", 'D', list);
}

static int want_mount(struct adding *a)
{
    const struct document *doc = a->edits->doc;
    const char *const volume[] = { "sourceVolume", "hinomi", "containerPath", "/hinomi" };
    struct node *list = node_new(doc->arena, NODE_LIST);
    struct node *map = put_map(a, list, volume);
    node_put(doc, map, "readOnly", node_new_word(doc->arena, "true"));
    const struct node *mounts = node_get(doc, a->container, "mountPoints");
    for (const struct node *at = mounts ? mounts->first : NULL; at; at = at->next) {
        const struct node *path = node_get(doc, at, "containerPath");
        if (node_is_text(path) &&
            (str_eqz(path->value, "/hinomi") || str_starts(path->value, STR("/hinomi/")))) {
            return complain(a, "something else is mounted at /hinomi");
        }
    }
    return want(a, "mountPoints", 'M', list);
}

static int add_container(struct adding *a)
{
    int r = a->container->marked ? complain(a, "an anchor or a tag") : 0;
    r = r < 0 ? r : add_health_check(a);
    r = r < 0 ? r : add_entry_point(a);
    r = r < 0 ? r : want_order(a);
    r = r < 0 ? r : want_mount(a);
    if (r == 0) {
        do_wants(a, a->name);
    }
    return r;
}

static bool is_named(const struct instrument_names *names, struct str name)
{
    for (uint32_t i = 0; i < names->n; i++) {
        if (str_eqz(name, names->items[i])) {
            return true;
        }
    }
    return false;
}

/* An option is over a label. */
static bool is_chosen(const struct adding *a)
{
    const struct instrument_options *o = a->options;
    const struct node *labels = node_get(a->edits->doc, a->container, "dockerLabels");
    const struct node *label = node_find(labels, STR(INSTRUMENT_LABEL));
    if (is_named(&o->skip, a->name)) {
        return false;
    }
    if (o->only.n > 0) {
        return is_named(&o->only, a->name);
    }
    return label ? str_ieq(label->value, STR("true")) ||
                       (!o->opt_in && !str_ieq(label->value, STR("false")))
                 : !o->opt_in;
}

static bool is_value(const struct document *doc, const struct node *map, const char *name,
                     const char *value)
{
    const struct node *node = node_get(doc, map, name);
    return node && node_is_text(node) && str_eqz(node->value, value);
}

/* What the task has, and must not have, for any of it to work. */
static int check_task(struct adding *a)
{
    const struct document *doc = a->edits->doc;
    const struct node *task = a->task->node;
    const struct node *platform = node_get(doc, task, "runtimePlatform");
    const struct node *family = node_get(doc, platform, "operatingSystemFamily");
    const struct node *mode = node_get(doc, task, "pidMode");
    const struct node *volumes = node_get(doc, task, "volumes");
    if (a->task->agent) {
        return err_set(a->err, -EEXIST, "there is another container hinomi-agent");
    }
    if (family && str_starts(family->value, STR("WINDOWS"))) {
        return err_set(a->err, -EINVAL, "a task for Windows");
    }
    if (state_of(mode) == MEMBER_THERE && !is_value(doc, task, "pidMode", "task") &&
        !is_value(doc, task, "pidMode", "host")) {
        return err_set(a->err, -EINVAL, "pidMode is neither `task` nor `host`");
    }
    for (const struct node *at = volumes ? volumes->first : NULL; at; at = at->next) {
        if (is_value(doc, at, "name", "hinomi") || is_value(doc, at, "name", "hinomi-state")) {
            return err_set(a->err, -EEXIST, "there is another volume hinomi, or hinomi-state");
        }
    }
    if (a->options->token_ref && !a->task->name.n) {
        return err_set(a->err, -EINVAL,
                       "only a CloudFormation template has parameters for --token-ref to name");
    }
    bool secret = a->options->token_secret || a->options->token_ref;
    if (task && secret && state_of(node_get(doc, task, "executionRoleArn")) != MEMBER_THERE) {
        return err_set(
            a->err, -EINVAL,
            "the token is a secret, and only a task with an executionRoleArn can read one");
    }
    return taskdef_check_sizes(doc, a->task, a->options, a->err);
}

static int add_to_task(struct adding *a)
{
    const struct document *doc = a->edits->doc;
    const char *const first[4] = { "name", "hinomi" }, *const second[4] = { "name",
                                                                            "hinomi-state" };
    struct node *list = node_new(doc->arena, NODE_LIST);
    struct str none = { 0 };
    a->container = a->task->node;
    a->name = STR("the task");
    put_map(a, list, first);
    if (a->options->server) {
        put_map(a, list, second);
    }
    int r = want(a, "volumes", 'V', list);
    if (r == 0 && state_of(node_get(doc, a->task->node, "pidMode")) != MEMBER_THERE) {
        r = want(a, "pidMode", 'P', node_new_text(doc->arena, STR("task")));
    }
    if (r == 0) {
        do_wants(a, none);
    }
    return r;
}

/* The task's entry of the record comes first, so it is made before the sidecar is; its edits come last. */
static int note_task(struct adding *a)
{
    const struct document *doc = a->edits->doc;
    int volumes = state_of(node_get(doc, a->task->node, "volumes"));
    int mode = state_of(node_get(doc, a->task->node, "pidMode"));
    struct str none = { 0 };
    if (volumes != MEMBER_THERE) {
        taskdef_record_put(a->record, none, 'V', volumes);
    }
    if (mode != MEMBER_THERE) {
        taskdef_record_put(a->record, none, 'P', mode);
    }
    return 0;
}

static int add_all(struct adding *a, struct instrument_result *result)
{
    uint32_t before = result->containers;
    int r = check_task(a);
    if (r == 0 && a->task->node) {
        r = note_task(a);
    }
    for (uint32_t i = 0; r == 0 && i < a->task->n; i++) {
        a->container = a->task->containers[i];
        a->name = taskdef_container_name(a->edits->doc, a->task, i);
        if (is_chosen(a)) {
            r = add_container(a);
            result->containers++;
        } else {
            result->skipped++;
        }
    }
    if (r == 0 && result->containers > before) {
        r = a->record->failed
                ? err_set(a->err, -EFBIG, "too many containers, with long names")
                : sidecar_add(a->edits, a->task, a->options, buf_str(a->record), result);
    }
    if (r == 0 && result->containers > before && a->task->node) {
        struct buf unused;
        buf_init(&unused, RECORD_MAX);
        struct adding last = *a; /* what it would record is there already: note_task */
        last.record = &unused;
        r = add_to_task(&last);
        buf_done(&unused);
    }
    return r;
}

int taskdef_add(struct edits *edits, struct taskdef *task, const struct instrument_options *options,
                struct instrument_result *result, struct err *err)
{
    struct buf record;
    buf_init(&record, RECORD_MAX);
    struct adding a = {
        .edits = edits, .task = task, .options = options, .record = &record, .err = err
    };
    int r = add_all(&a, result);
    buf_done(&record);
    return r < 0 && task->name.n ? err_wrap(err, "%.*s", STR_ARG(str_first(task->name, 64))) : r;
}
