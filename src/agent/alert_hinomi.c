/*
 * alert_hinomi: written with the JSON emitter into the alert's buffer; nothing is allocated.
 *
 * A uuid has 122 free bits. An alert's are its number, mixed with a random key; a process' are when it began
 * and its id, mixed with the machine's boot, so that two agents on one machine give one process one uuid.
 */
#include "agent/alert_hinomi.h"

#include "agent/alert.h"
#include "base/fd.h"
#include "event/state.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define BOOT_ID      "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_SIZE 64

static uint64_t mixed(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static void put_hex(char *at, uint64_t v, unsigned digits)
{
    static const char hex[] = "0123456789abcdef";
    while (digits--) {
        at[digits] = hex[v & 15];
        v >>= 4;
    }
}

/* RFC 9562, version 8: `high` gives 60 bits, `low` 62. */
static void put_uuid(struct buf *buf, uint64_t high, uint64_t low)
{
    char text[] = "\"00000000-0000-8000-8000-000000000000\"";
    put_hex(text + 1, high >> 28 & 0xffffffff, 8);
    put_hex(text + 10, high >> 12 & 0xffff, 4);
    put_hex(text + 16, high & 0xfff, 3);
    put_hex(text + 20, 0x8000 | (low >> 48 & 0x3fff), 4);
    put_hex(text + 25, low & 0xffffffffffff, 12);
    buf_put(buf, text, sizeof(text) - 1);
}

static void read_boot(uint64_t ret[2])
{
    char storage[BOOT_ID_SIZE];
    struct buf text;
    buf_init_fixed(&text, storage, sizeof(storage));
    unsigned n = 0;
    if (file_read(BOOT_ID, &text, NULL) == 0) {
        for (size_t i = 0; i < text.n && n < 32; i++) {
            char c = text.p[i];
            int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
            if (digit >= 0) {
                ret[n / 16] = ret[n / 16] << 4 | (uint64_t)digit;
                n++;
            }
        }
    }
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

void alert_hinomi_set_agent(struct alert_hinomi *hinomi, struct str agent)
{
    size_t n = agent.n < sizeof(hinomi->agent) - 1 ? agent.n : sizeof(hinomi->agent) - 1;
    for (size_t i = 0; i < n; i++) {
        hinomi->agent[i] = is_plain(agent.p[i]) ? agent.p[i] : '-';
    }
    hinomi->agent[n] = '\0';
}

int alert_hinomi_init(struct alert_hinomi *hinomi, struct str agent, struct err *err)
{
    uint64_t random[4];
    char host[ALERT_AGENT_MAX] = "";
    *hinomi = (struct alert_hinomi){ 0 };
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        return err_set(err, -errno, "no random numbers: %s", strerror(errno));
    }
    if (agent.n == 0 && gethostname(host, sizeof(host) - 1) == 0) {
        agent = str_of(host);
    }
    agent = agent.n ? agent : STR("agent");
    alert_hinomi_set_agent(hinomi, agent);
    put_hex(hinomi->boot, random[0], 16);
    put_hex(hinomi->boot + 16, random[1], 16);
    hinomi->key[0] = random[2];
    hinomi->key[1] = random[3];
    read_boot(hinomi->host);
    return 0;
}

/* Texts that came from outside: null when empty, cut, with their bytes beside them if not UTF-8. */
static void put_text(struct jsonw *w, const char *key, const char *key_base64, struct str s)
{
    if (s.n == 0) {
        jsonw_null(w, key);
        return;
    }
    size_t n = s.n < ALERT_TEXT_MAX ? s.n : ALERT_TEXT_MAX;
    while (n < s.n && n > ALERT_TEXT_MAX - 3 && ((unsigned char)s.p[n] & 0xc0) == 0x80) {
        n--;
    }
    s = str_first(s, n);
    jsonw_str(w, key, s);
    if (!str_is_utf8(s)) {
        jsonw_key(w, str_of(key_base64));
        jsonw_raw(w, NULL, STR("\""));
        buf_base64(w->buf, s);
        buf_putc(w->buf, '"');
    }
}

#define PUT_TEXT(w, key, s) put_text((w), (key), key ".base64", (s))

static void put_process(const struct alert_hinomi *hinomi, struct jsonw *w, const struct thread *t)
{
    jsonw_object(w, NULL);
    jsonw_raw(w, "uuid", (struct str){ 0 });
    put_uuid(w->buf, t->clone_ts_ns ^ hinomi->host[0], (uint64_t)t->pid ^ hinomi->host[1]);
    jsonw_i64(w, "pid", t->pid);
    jsonw_i64(w, "ns_pid", t->vpid);
    PUT_TEXT(w, "name", t->image->comm);
    PUT_TEXT(w, "exe", t->image->exepath.n ? t->image->exepath : t->image->exe);
    PUT_TEXT(w, "args", t->image->args_text);
    jsonw_u64(w, "uid", t->uid);
    if (t->clone_ts_ns) {
        jsonw_raw(w, "start", STR("\""));
        alert_put_utc(t->clone_ts_ns, w->buf);
        buf_putc(w->buf, '"');
    } else {
        jsonw_null(w, "start");
    }
    jsonw_end(w);
}

static void put_lineage(const struct alert_hinomi *hinomi, struct jsonw *w, const struct view *view)
{
    const struct thread *t = view->event->thread;
    jsonw_array(w, "lineage");
    t = t ? state_main(view->state, t) : NULL;
    for (unsigned i = 0; t && i < ALERT_LINEAGE_MAX; i++) {
        put_process(hinomi, w, t);
        t = state_parent(view->state, t);
    }
    jsonw_end(w);
}

static void put_limit(struct jsonw *w, const char *key, uint64_t limit)
{
    if (limit) {
        jsonw_u64(w, key, limit);
    } else {
        jsonw_null(w, key);
    }
}

static void put_container(struct jsonw *w, const struct container *c)
{
    if (!c) {
        jsonw_null(w, "container");
        return;
    }
    jsonw_object(w, "container");
    PUT_TEXT(w, "id", c->id);
    PUT_TEXT(w, "full_id", c->full_id);
    jsonw_bool(w, "pending", c->pending);
    PUT_TEXT(w, "name", c->name);
    PUT_TEXT(w, "type", c->type);
    PUT_TEXT(w, "image", c->image);
    PUT_TEXT(w, "image_id", c->image_id);
    PUT_TEXT(w, "repository", c->image_repository);
    PUT_TEXT(w, "tag", c->image_tag);
    PUT_TEXT(w, "digest", c->image_digest);
    PUT_TEXT(w, "user", c->user);
    jsonw_bool(w, "privileged", c->privileged);
    put_limit(w, "cpu_limit_milli", c->cpu_limit_milli);
    put_limit(w, "memory_limit_bytes", c->memory_limit_bytes);
    jsonw_end(w);
}

static void put_ecs(struct jsonw *w, const struct container *c)
{
    if (!c || (!c->ecs_task_arn.n && !c->ecs_cluster.n)) {
        jsonw_null(w, "ecs");
        return;
    }
    jsonw_object(w, "ecs");
    PUT_TEXT(w, "cluster", c->ecs_cluster);
    PUT_TEXT(w, "task_arn", c->ecs_task_arn);
    PUT_TEXT(w, "task_id", c->ecs_task_id);
    PUT_TEXT(w, "family", c->ecs_task_family);
    PUT_TEXT(w, "revision", c->ecs_task_revision);
    PUT_TEXT(w, "service", c->ecs_service);
    PUT_TEXT(w, "launch_type", c->ecs_launch_type);
    PUT_TEXT(w, "availability_zone", c->ecs_availability_zone);
    PUT_TEXT(w, "account", c->aws_account);
    PUT_TEXT(w, "region", c->aws_region);
    jsonw_end(w);
}

static bool extract(enum field_id id, struct view *view, struct extracted *ret)
{
    struct field_ref field = { .id = id, .type = field_table[id].type };
    field_extract(&field, view, ret);
    return ret->n > 0;
}

static void put_extracted(struct jsonw *w, const char *key, enum field_id id, struct view *view)
{
    struct extracted value;
    struct field_ref field = { .id = id, .type = field_table[id].type };
    if (extract(id, view, &value)) {
        jsonw_raw(w, key, (struct str){ 0 });
        field_json(&field, &value, view, w->buf);
    } else {
        jsonw_null(w, key);
    }
}

/* What was asked for, and answered; or the name that the address of this connection was an answer to. */
static void put_dns(struct jsonw *w, struct view *view)
{
    struct extracted value;
    bool asked = extract(FIELD_DNS_QUESTION_NAME, view, &value);
    bool connected = !asked && extract(FIELD_FD_SIP_NAME, view, &value) &&
                     value.v[0].type == TYPE_CHARBUF && value.v[0].s.n;
    if (!asked && !connected) {
        jsonw_null(w, "dns");
        return;
    }
    jsonw_object(w, "dns");
    if (asked) {
        put_extracted(w, "question", FIELD_DNS_QUESTION_NAME, view);
        put_extracted(w, "type", FIELD_DNS_QUESTION_TYPE, view);
        put_extracted(w, "answers", FIELD_DNS_ANSWERS, view);
        put_extracted(w, "rcode", FIELD_DNS_RCODE, view);
    } else {
        put_extracted(w, "name", FIELD_FD_SIP_NAME, view);
    }
    jsonw_end(w);
}

static void put_evidence(struct jsonw *w, struct matcher *matcher, const struct rule *rule,
                         struct view *view)
{
    struct evidence found[ALERT_EVIDENCE_MAX];
    uint32_t n = matcher ? matcher_evidence(matcher, view, rule, found, ALERT_EVIDENCE_MAX) : 0;
    jsonw_array(w, "evidence");
    for (uint32_t i = 0; i < n; i++) {
        jsonw_object(w, NULL);
        PUT_TEXT(w, "list", found[i].list);
        PUT_TEXT(w, "item", str_first(found[i].item, ALERT_ITEM_MAX));
        jsonw_strz(w, "field", found[i].field ? field_table[found[i].field->id].name : NULL);
        jsonw_end(w);
    }
    jsonw_end(w);
}

static struct str type_in_tags(const struct rule *rule)
{
    for (uint32_t i = 0; i < rule->ntags; i++) {
        if (str_find(rule->tags[i], STR(":Runtime/")) > 0) {
            return rule->tags[i];
        }
    }
    return (struct str){ 0 };
}

static void put_severity(struct jsonw *w, uint8_t severity)
{
    char text[] = "00.0";
    unsigned skip = severity < 100;
    text[0] = (char)('0' + severity / 100);
    text[1] = (char)('0' + severity / 10 % 10);
    text[3] = (char)('0' + severity % 10);
    jsonw_raw(w, "severity", str_from(text + skip, sizeof(text) - 1 - skip));
}

static void put_verdict(struct alert_hinomi *hinomi, struct jsonw *w, const struct rule *rule,
                        struct view *view)
{
    struct alert_verdict verdict = { .severity = ALERT_BY_PRIORITY };
    if (hinomi->judge) {
        hinomi->judge(hinomi->data, rule, view, &verdict);
    }
    hinomi->severity =
        verdict.severity <= 100 ? verdict.severity : policy_severity_of(rule->priority);
    PUT_TEXT(w, "policy", verdict.policy);
    put_severity(w, hinomi->severity);
    PUT_TEXT(w, "type", verdict.type.n ? verdict.type : type_in_tags(rule));
}

static void put_id(const struct alert_hinomi *hinomi, uint64_t seq, struct jsonw *w)
{
    jsonw_raw(w, "id", STR("\""));
    buf_putz(w->buf, hinomi->agent);
    buf_putc(w->buf, ':');
    buf_putz(w->buf, hinomi->boot);
    buf_putc(w->buf, ':');
    buf_u64(w->buf, seq);
    buf_putc(w->buf, '"');
}

void alert_hinomi_put(struct alert_hinomi *hinomi, struct matcher *matcher, const struct rule *rule,
                      struct view *view, struct buf *buf)
{
    struct jsonw w = { .buf = buf };
    const struct thread *thread = view->event->thread;
    const struct container *container = thread ? thread->container : NULL;
    hinomi->seq++;
    buf_puts(buf, STR("\"uuid\":"));
    put_uuid(buf, mixed(hinomi->seq + hinomi->key[0]), mixed(hinomi->seq ^ hinomi->key[1]));
    buf_puts(buf, STR(",\"hinomi\":"));
    jsonw_object(&w, NULL);
    jsonw_u64(&w, "v", 1);
    put_id(hinomi, hinomi->seq, &w);
    put_verdict(hinomi, &w, rule, view);
    put_extracted(&w, "outcome", FIELD_EVT_OUTCOME, view);
    put_lineage(hinomi, &w, view);
    put_container(&w, container);
    put_ecs(&w, container);
    put_dns(&w, view);
    put_evidence(&w, matcher, rule, view);
    jsonw_null(&w, "gap");
    jsonw_end(&w);
}

void alert_hinomi_put_notice(const struct alert_hinomi *hinomi, const struct alert_notice *notice,
                             struct buf *buf)
{
    static const char *const nothing[] = { "policy", "type", "outcome", "ecs", "dns" };
    static const char *const empty[] = { "lineage", "evidence" };
    struct jsonw w = { .buf = buf };
    buf_puts(buf, STR("\"uuid\":"));
    put_uuid(buf, mixed(notice->seq + hinomi->key[0]), mixed(notice->seq ^ hinomi->key[1]));
    buf_puts(buf, STR(",\"hinomi\":"));
    jsonw_object(&w, NULL);
    jsonw_u64(&w, "v", 1);
    put_id(hinomi, notice->seq, &w);
    put_severity(&w, notice->severity);
    if (notice->container.n) {
        jsonw_object(&w, "container");
        PUT_TEXT(&w, "id", notice->container);
        jsonw_end(&w);
    } else {
        jsonw_null(&w, "container");
    }
    for (size_t i = 0; i < sizeof(nothing) / sizeof(*nothing); i++) {
        jsonw_null(&w, nothing[i]);
    }
    for (size_t i = 0; i < sizeof(empty) / sizeof(*empty); i++) {
        jsonw_array(&w, empty[i]);
        jsonw_end(&w);
    }
    jsonw_raw(&w, "gap", notice->gap.n ? notice->gap : STR("null"));
    jsonw_end(&w);
}
