/*
 * arriving: findings that are not kept yet, held against filters: columns from the intake's own record, all else from
 * the alert, which is taken apart only for a filter that asks for more than columns.
 */
#include "server/arriving.h"

#include "base/cleanup.h"
#include "server/findings_internal.h"

#define SCAN_MAX ((size_t)16 << 20)

bool arriving_needs_body(const struct filter *filter, struct arena *arena)
{
    static const struct filter_dialect dialect = { "f", "holds", "f.body" };
    struct filter_sql sql;
    struct err err = { 0 };
    return filter_sql(filter, &dialect, arena, &sql, &err) < 0 || sql.uses_body;
}

static bool give_text(struct str text, struct value *ret)
{
    *ret = (struct value){ .type = TYPE_CHARBUF, .s = text };
    return text.n > 0;
}

static bool give_number(int64_t i, struct value *ret)
{
    *ret = (struct value){ .type = TYPE_UINT64, .i = i };
    return true;
}

/* Columns that have the finding's name for them. */
static const struct own_text {
    enum own_field field;
    size_t offset;
} own_texts[] = {
#define TEXT(id, member)                                                                           \
    {                                                                                              \
        OWN_##id, offsetof(struct ingest_finding, member)                                          \
    }
    TEXT(RULE, rule),
    TEXT(POLICY, policy),
    TEXT(TYPE, type),
    TEXT(PRIORITY, priority),
    TEXT(SOURCE, source),
    TEXT(OUTPUT, output),
    TEXT(HOST, host),
    TEXT(AGENT, agent),
    TEXT(DOMAIN, domain),
    TEXT(FILE, file),
    TEXT(LIST, list),
    TEXT(ITEM, item),
    TEXT(CONTAINER_IMAGE, image),
    TEXT(CONTAINER_ID, container_id),
    TEXT(CONTAINER_NAME, container_name),
    TEXT(CONTAINER_IMAGE_DIGEST, image_digest),
    TEXT(ECS_CLUSTER, cluster),
    TEXT(ECS_TASK_ARN, task_arn),
    TEXT(ECS_TASK_ID, task_id),
    TEXT(ECS_TASK_FAMILY, task_family),
    TEXT(ECS_TASK_REVISION, task_revision),
    TEXT(ECS_SERVICE, service),
    TEXT(AWS_ACCOUNT, account),
    TEXT(AWS_REGION, region),
    TEXT(PROC_NAME, proc_name),
    TEXT(PROC_EXEPATH, proc_exe),
    TEXT(PROC_CMDLINE, proc_cmdline),
    TEXT(PROC_PNAME, parent_name),
    TEXT(USER_NAME, user_name),
#undef TEXT
};

static bool own(void *data, enum own_field field, struct value *ret)
{
    const struct arriving *a = data;
    const struct ingest_finding *f = a->finding;
    for (size_t i = 0; i < sizeof(own_texts) / sizeof(own_texts[0]); i++) {
        if (own_texts[i].field == field) {
            const char *at = (const char *)f + own_texts[i].offset;
            return give_text(*(const struct str *)(const void *)at, ret);
        }
    }
    switch (field) {
    case OWN_SEVERITY:
        return give_number(a->severity, ret);
    case OWN_COUNT:
        return give_number(a->count, ret);
    case OWN_FIRST_SEEN:
        return give_number(a->first_seen_ms, ret);
    case OWN_LAST_SEEN:
        return give_number(a->last_seen_ms, ret);
    case OWN_CREATED:
    case OWN_UPDATED:
        return give_number(f->now_ms, ret);
    case OWN_SEQUENCE:
        *ret = (struct value){ .type = TYPE_BOOL, .u = f->sequence };
        return true;
    case OWN_STATUS:
        return give_text(STR("new"), ret);
    default:
        return false;
    }
}

static struct json_object *tags_of(struct str tags)
{
    struct json_object *json = NULL;
    CLEANUP(cleanup_free) char *text = tags.n ? str_dupz(tags) : NULL;
    json = text ? json_tokener_parse(text) : NULL;
    if (json && !json_object_is_type(json, json_type_array)) {
        json_object_put(json);
        json = NULL;
    }
    return json;
}

void arriving_begin(struct arriving *a, const struct ingest_finding *finding)
{
    *a = (struct arriving){ .record = { .own = own, .data = a },
                            .finding = finding,
                            .severity = finding->severity,
                            .count = 1,
                            .first_seen_ms = finding->last_seen_ms,
                            .last_seen_ms = finding->last_seen_ms };
    a->tags = a->record.tags = tags_of(finding->tags);
}

void arriving_open(struct arriving *a)
{
    struct str alert = a->finding->alert;
    struct json_object *tags = NULL;
    if (!a->opened && alert.n > 0 && alert.n <= SCAN_MAX) {
        record_open(alert, &a->alert, &a->record.fields, &tags);
    }
    a->opened = true;
}

void arriving_end(struct arriving *a)
{
    json_object_put(a->tags);
    json_object_put(a->alert);
}
