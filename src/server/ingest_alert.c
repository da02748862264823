/*
 * ingest_alert: the columns of a finding from one alert, Alert v1 or Falco's JSON.
 *
 * The alert is walked once per object; members with a name in a table go to numbered slots, and columns are made
 * of slots, what Hinomi says of a thing before what an output field says. Texts are slices of the batch unless
 * they have escapes. Whatever is too long for a column is cut; the whole alert is kept beside.
 */
#include "server/ingest_internal.h"
#include "server/sequence.h"

#include <openssl/sha.h>
#include <stdio.h>

enum slot {
    TOP_OUTPUT,
    TOP_FIELDS,
    TOP_PRIORITY,
    TOP_RULE,
    TOP_SOURCE,
    TOP_TAGS,
    TOP_TIME,
    TOP_HOSTNAME,
    TOP_HINOMI,
    HINOMI_ID,
    HINOMI_POLICY,
    HINOMI_SEVERITY,
    HINOMI_TYPE,
    HINOMI_LINEAGE,
    HINOMI_CONTAINER,
    HINOMI_ECS,
    HINOMI_DNS,
    HINOMI_EVIDENCE,
    CONTAINER_ID,
    CONTAINER_NAME,
    CONTAINER_IMAGE,
    CONTAINER_DIGEST,
    ECS_CLUSTER,
    ECS_ARN,
    ECS_TASK,
    ECS_FAMILY,
    ECS_REVISION,
    ECS_SERVICE,
    ECS_ACCOUNT,
    ECS_REGION,
    DNS_QUESTION,
    DNS_NAME,
    SELF_NAME,
    SELF_EXE,
    SELF_ARGS,
    SELF_PID,
    SELF_UID,
    PARENT_NAME,
    PARENT_EXE,
    EVIDENCE_LIST,
    EVIDENCE_ITEM,
    FIELD_CONTAINER_ID,
    FIELD_CONTAINER_NAME,
    FIELD_REPOSITORY,
    FIELD_TAG,
    FIELD_DIGEST,
    FIELD_PROC_NAME,
    FIELD_PROC_EXEPATH,
    FIELD_PROC_EXE,
    FIELD_PROC_CMDLINE,
    FIELD_PROC_PID,
    FIELD_PROC_PNAME,
    FIELD_PROC_PEXEPATH,
    FIELD_USER,
    FIELD_QUESTION,
    FIELD_SIP_NAME,
    FIELD_FD,
    FIELD_PATH,
    FIELD_TIME,
    SLOTS,
};

struct named {
    struct str name;
    uint8_t slot;
};

#define NAMED(text, slot)                                                                          \
    {                                                                                              \
        { text, sizeof(text) - 1 }, slot                                                           \
    }
#define TABLE(names) (names), sizeof(names) / sizeof(*(names))

static const struct named top[] = {
    NAMED("output", TOP_OUTPUT),     NAMED("output_fields", TOP_FIELDS),
    NAMED("priority", TOP_PRIORITY), NAMED("rule", TOP_RULE),
    NAMED("source", TOP_SOURCE),     NAMED("tags", TOP_TAGS),
    NAMED("time", TOP_TIME),         NAMED("hostname", TOP_HOSTNAME),
    NAMED("hinomi", TOP_HINOMI),
};

static const struct named hinomi[] = {
    NAMED("id", HINOMI_ID),
    NAMED("policy", HINOMI_POLICY),
    NAMED("severity", HINOMI_SEVERITY),
    NAMED("type", HINOMI_TYPE),
    NAMED("lineage", HINOMI_LINEAGE),
    NAMED("container", HINOMI_CONTAINER),
    NAMED("ecs", HINOMI_ECS),
    NAMED("dns", HINOMI_DNS),
    NAMED("evidence", HINOMI_EVIDENCE),
};

static const struct named container[] = {
    NAMED("id", CONTAINER_ID),
    NAMED("name", CONTAINER_NAME),
    NAMED("image", CONTAINER_IMAGE),
    NAMED("digest", CONTAINER_DIGEST),
};

static const struct named ecs[] = {
    NAMED("cluster", ECS_CLUSTER), NAMED("task_arn", ECS_ARN),      NAMED("task_id", ECS_TASK),
    NAMED("family", ECS_FAMILY),   NAMED("revision", ECS_REVISION), NAMED("service", ECS_SERVICE),
    NAMED("account", ECS_ACCOUNT), NAMED("region", ECS_REGION),
};

static const struct named dns[] = { NAMED("question", DNS_QUESTION), NAMED("name", DNS_NAME) };

static const struct named self[] = {
    NAMED("name", SELF_NAME), NAMED("exe", SELF_EXE), NAMED("args", SELF_ARGS),
    NAMED("pid", SELF_PID),   NAMED("uid", SELF_UID),
};

static const struct named parent[] = { NAMED("name", PARENT_NAME), NAMED("exe", PARENT_EXE) };

static const struct named evidence[] = { NAMED("list", EVIDENCE_LIST),
                                         NAMED("item", EVIDENCE_ITEM) };

static const struct named fields[] = {
    NAMED("container.id", FIELD_CONTAINER_ID),
    NAMED("container.name", FIELD_CONTAINER_NAME),
    NAMED("container.image.repository", FIELD_REPOSITORY),
    NAMED("container.image.tag", FIELD_TAG),
    NAMED("container.image.digest", FIELD_DIGEST),
    NAMED("proc.name", FIELD_PROC_NAME),
    NAMED("proc.exepath", FIELD_PROC_EXEPATH),
    NAMED("proc.exe", FIELD_PROC_EXE),
    NAMED("proc.cmdline", FIELD_PROC_CMDLINE),
    NAMED("proc.pid", FIELD_PROC_PID),
    NAMED("proc.pname", FIELD_PROC_PNAME),
    NAMED("proc.pexepath", FIELD_PROC_PEXEPATH),
    NAMED("user.name", FIELD_USER),
    NAMED("dns.question.name", FIELD_QUESTION),
    NAMED("fd.sip.name", FIELD_SIP_NAME),
    NAMED("fd.name", FIELD_FD),
    NAMED("fs.path.name", FIELD_PATH),
    NAMED("evt.time", FIELD_TIME),
};

struct reading {
    struct jscan slots[SLOTS];
    struct arena *arena;
};

static void take(struct reading *reading, struct jscan object, const struct named *names, size_t n)
{
    struct jscan key, value;
    if (object.type != JSCAN_OBJECT) {
        return;
    }
    for (struct jscan_walk walk = jscan_begin(object); jscan_member(&walk, &key, &value);) {
        for (size_t i = 0; i < n; i++) {
            if (jscan_is(key, names[i].name)) {
                reading->slots[names[i].slot] = value;
                break;
            }
        }
    }
}

static void take_all(struct reading *reading, struct jscan alert)
{
    struct jscan *s = reading->slots;
    take(reading, alert, TABLE(top));
    take(reading, s[TOP_HINOMI], TABLE(hinomi));
    take(reading, s[HINOMI_CONTAINER], TABLE(container));
    take(reading, s[HINOMI_ECS], TABLE(ecs));
    take(reading, s[HINOMI_DNS], TABLE(dns));
    take(reading, jscan_at(s[HINOMI_LINEAGE], 0), TABLE(self));
    take(reading, jscan_at(s[HINOMI_LINEAGE], 1), TABLE(parent));
    take(reading, jscan_at(s[HINOMI_EVIDENCE], 0), TABLE(evidence));
    take(reading, s[TOP_FIELDS], TABLE(fields));
}

struct str ingest_cut(struct str s, size_t max)
{
    if (s.n <= max) {
        return s;
    }
    while (max > 0 && ((unsigned char)s.p[max] & 0xc0) == 0x80) {
        max--;
    }
    return str_first(s, max);
}

static struct str text_max(struct reading *reading, enum slot slot, size_t max)
{
    return ingest_cut(jscan_text(reading->slots[slot], reading->arena), max);
}

static struct str text(struct reading *reading, enum slot slot)
{
    return text_max(reading, slot, INGEST_TEXT_MAX);
}

/* Falco writes what it does not know as <NA>. */
static struct str either(struct reading *reading, enum slot slot, enum slot other)
{
    struct str s = text(reading, slot);
    if (s.n == 0) {
        s = text(reading, other);
    }
    return str_eq(s, STR("<NA>")) ? (struct str){ 0 } : s;
}

static struct str joined(struct arena *arena, struct str a, const char *between, struct str b)
{
    if (a.n == 0 || b.n == 0) {
        return a;
    }
    size_t n = a.n + strlen(between) + b.n;
    char *to = arena_bytes(arena, n + 1);
    if (!to) {
        return a;
    }
    snprintf(to, n + 1, "%.*s%s%.*s", STR_ARG(a), between, STR_ARG(b));
    return str_from(to, n);
}

static void container_columns(struct reading *r, struct ingest_finding *f)
{
    f->container_id = either(r, CONTAINER_ID, FIELD_CONTAINER_ID);
    if (str_eq(f->container_id, STR("host"))) {
        f->container_id = (struct str){ 0 };
    }
    if (f->container_id.n) {
        f->container_name = either(r, CONTAINER_NAME, FIELD_CONTAINER_NAME);
    }
    f->image = text(r, CONTAINER_IMAGE);
    if (f->image.n == 0) {
        f->image = joined(r->arena, either(r, FIELD_REPOSITORY, FIELD_REPOSITORY), ":",
                          either(r, FIELD_TAG, FIELD_TAG));
    }
    f->image_digest = either(r, CONTAINER_DIGEST, FIELD_DIGEST);
    f->cluster = text(r, ECS_CLUSTER);
    f->task_arn = text(r, ECS_ARN);
    f->task_id = text(r, ECS_TASK);
    f->task_family = text(r, ECS_FAMILY);
    f->task_revision = text(r, ECS_REVISION);
    f->service = text(r, ECS_SERVICE);
    f->account = text(r, ECS_ACCOUNT);
    f->region = text(r, ECS_REGION);
}

static void process_columns(struct reading *r, struct ingest_finding *f)
{
    f->proc_name = either(r, SELF_NAME, FIELD_PROC_NAME);
    f->proc_exe = either(r, SELF_EXE, FIELD_PROC_EXEPATH);
    if (f->proc_exe.n == 0) {
        f->proc_exe = either(r, FIELD_PROC_EXE, FIELD_PROC_EXE);
    }
    f->proc_cmdline = text_max(r, FIELD_PROC_CMDLINE, INGEST_LONG_MAX);
    if (f->proc_cmdline.n == 0) {
        f->proc_cmdline =
            joined(r->arena, f->proc_name, " ", text_max(r, SELF_ARGS, INGEST_LONG_MAX));
    }
    f->proc_pid = -1;
    if (!jscan_i64(r->slots[SELF_PID], &f->proc_pid)) {
        jscan_i64(r->slots[FIELD_PROC_PID], &f->proc_pid);
    }
    f->user_name = either(r, FIELD_USER, FIELD_USER);
    if (f->user_name.n == 0 && r->slots[SELF_UID].type == JSCAN_NUMBER) {
        f->user_name = ingest_cut(r->slots[SELF_UID].raw, INGEST_TEXT_MAX);
    }
    f->parent_name = either(r, PARENT_NAME, FIELD_PROC_PNAME);
    f->parent_exe = either(r, PARENT_EXE, FIELD_PROC_PEXEPATH);
}

static void other_columns(struct reading *r, struct ingest_finding *f)
{
    f->output = text_max(r, TOP_OUTPUT, INGEST_LONG_MAX);
    f->source = text(r, TOP_SOURCE);
    f->host = text(r, TOP_HOSTNAME);
    f->policy = text(r, HINOMI_POLICY);
    f->type = text(r, HINOMI_TYPE);
    f->domain = either(r, DNS_QUESTION, DNS_NAME);
    if (f->domain.n == 0) {
        f->domain = either(r, FIELD_QUESTION, FIELD_SIP_NAME);
    }
    f->file = either(r, FIELD_FD, FIELD_PATH);
    f->list = text(r, EVIDENCE_LIST);
    f->item = text(r, EVIDENCE_ITEM);
    struct jscan tags = r->slots[TOP_TAGS];
    bool kept = tags.type == JSCAN_ARRAY && tags.raw.n <= INGEST_TAGS_MAX;
    f->tags = kept ? tags.raw : STR("[]");
}

/* A type that a rule of Falco's has among its tags. */
static void type_of_tags(struct reading *r, struct ingest_finding *f)
{
    struct jscan tag;
    if (f->type.n) {
        return;
    }
    for (struct jscan_walk walk = jscan_begin(r->slots[TOP_TAGS]); jscan_element(&walk, &tag);) {
        struct str s = jscan_text(tag, r->arena);
        if (str_find(s, STR(":Runtime/")) > 0) {
            f->type = ingest_cut(s, INGEST_TEXT_MAX);
            return;
        }
    }
}

struct band {
    struct str name;
    uint8_t tenths;
};

static const struct band bands[] = {
    { { "Emergency", 9 }, 100 },    { { "Alert", 5 }, 95 },   { { "Critical", 8 }, 90 },
    { { "Error", 5 }, 75 },         { { "Warning", 7 }, 55 }, { { "Notice", 6 }, 30 },
    { { "Informational", 13 }, 5 }, { { "Info", 4 }, 5 },     { { "Debug", 5 }, 0 },
};

static bool severity_column(struct reading *r, struct ingest_finding *f)
{
    struct str priority = text(r, TOP_PRIORITY);
    const struct band *band = NULL;
    for (size_t i = 0; i < sizeof(bands) / sizeof(*bands) && !band; i++) {
        band = str_ieq(bands[i].name, priority) ? &bands[i] : NULL;
    }
    if (!band) {
        return false;
    }
    double said;
    f->priority = band->name;
    f->severity = band->tenths;
    if (jscan_double(r->slots[HINOMI_SEVERITY], &said) && said >= 0 && said <= 10) {
        f->severity = (uint8_t)(said * 10 + 0.5);
    }
    return true;
}

static bool time_column(struct reading *r, struct ingest_finding *f)
{
    int64_t at, now = f->now_ms;
    if (!ingest_time(r->slots[TOP_TIME], &at) && !ingest_time(r->slots[FIELD_TIME], &at)) {
        return false;
    }
    f->clock = at < now - INGEST_CLOCK_MS || at > now + INGEST_CLOCK_MS;
    at = f->clock ? now : at;
    f->opened_ms = f->first_seen_ms = f->last_seen_ms = at;
    return true;
}

/* Each text with its length, so that no two lists of texts are one. */
void ingest_hash(const struct str *texts, size_t n, uint8_t ret[INGEST_KEY])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    char storage[8 * (INGEST_TEXT_MAX + 16)];
    struct buf buf;
    buf_init_fixed(&buf, storage, sizeof(storage));
    for (size_t i = 0; i < n; i++) {
        buf_u64(&buf, texts[i].n);
        buf_putc(&buf, ':');
        buf_puts(&buf, texts[i]);
    }
    SHA256((const unsigned char *)buf.p, buf.n, digest);
    memcpy(ret, digest, INGEST_KEY);
}

/* The agent is part of it: none may add to what another has found. */
static void keys(struct ingest_finding *f)
{
    struct str place = f->container_id.n ? f->container_id : f->host;
    struct str kind = f->container_id.n ? STR("container") : STR("host");
    ingest_hash(
        (struct str[]){ f->agent, f->policy, f->rule, kind, place, f->proc_exe, f->parent_exe }, 7,
        f->key);
    bool task = f->task_arn.n > 0;
    ingest_hash((struct str[]){ f->agent, task ? STR("task") : kind, task ? f->task_arn : place },
                3, f->scope);
}

bool ingest_columns(struct jscan alert, struct parse *parse, struct parsed_alert *ret,
                    struct refusal *refusal)
{
    struct ingest_finding *f = &ret->finding;
    struct reading r = { .arena = &parse->batch->arena };
    take_all(&r, alert);
    f->agent = parse->batch->agent;
    f->now_ms = parse->batch->received_ms;
    f->count = 1;
    ret->alert.id = jscan_text(r.slots[HINOMI_ID], r.arena);
    f->rule = f->title = text(&r, TOP_RULE);
    if (f->rule.n == 0) {
        snprintf(refusal->why, sizeof(refusal->why), "an alert without a rule");
        return false;
    }
    if (!severity_column(&r, f)) {
        snprintf(refusal->why, sizeof(refusal->why), "an alert without a priority that is known");
        return false;
    }
    if (!time_column(&r, f)) {
        snprintf(refusal->why, sizeof(refusal->why), "an alert without a time");
        return false;
    }
    other_columns(&r, f);
    type_of_tags(&r, f);
    container_columns(&r, f);
    process_columns(&r, f);
    keys(f);
    f->stages = sequence_stages(f->type, r.slots[TOP_TAGS]);
    f->scoped = f->stages != 0;
    f->alert = alert.raw;
    f->suppressed = ingest_is_suppressed(parse->judge, f);
    return true;
}
