/*
 * ingest_chain: the findings of one scope made into a sequence, if they are one.
 *
 * For each scope it is remembered, in a table without chains where the newest takes the place, which stages were
 * seen in it. Only when a sequence could be among them are its findings read, at most once per scope and commit.
 * A scope that is not remembered (long ago, a restart) is read once. Suppressed findings take no part.
 *
 * There is one sequence per scope and window: what was there when it was found, and what joins later. Its members
 * stay as they are.
 */
#include "server/ingest_internal.h"
#include "server/sequence.h"

#include <errno.h>
#include <stdio.h>

#define RULE   "Attack sequence"
#define POLICY "Attack sequences"

#define MEMBERS_SIZE 16384
#define OUTPUT_MAX   1024

static uint64_t scope_of(const struct ingest_finding *f)
{
    uint64_t v;
    memcpy(&v, f->scope, sizeof(v));
    return v;
}

/* True: the scope's findings have to be read. */
static bool worth_reading(const struct chain_look *look, const struct ingest_finding *f,
                          struct chain **ret)
{
    uint64_t scope = scope_of(f);
    struct chain *c = &look->chains[scope % INGEST_SCOPES];
    *ret = c;
    if (c->scope != scope || c->until_ms < f->last_seen_ms) {
        *c = (struct chain){ .scope = scope,
                             .looked = look->commit,
                             .until_ms = f->last_seen_ms + INGEST_WINDOW_MS };
        return true;
    }
    c->stages |= f->stages;
    if (c->looked == look->commit || !sequence_possible(c->stages)) {
        return false;
    }
    c->looked = look->commit;
    return true;
}

static int by_time(const void *a, const void *b)
{
    const struct ingest_member *x = a, *y = b;
    return x->first_seen_ms < y->first_seen_ms   ? -1
           : x->first_seen_ms > y->first_seen_ms ? 1
           : x->row < y->row                     ? -1
                                                 : x->row > y->row;
}

/* The newest sequence that is still open, and the others in order of time. */
static void sort_out(struct ingest_members *members, const struct ingest_finding *f,
                     struct ingest_member *ret_sequence)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < members->n; i++) {
        const struct ingest_member *m = &members->v[i];
        if (m->sequence) {
            bool open = f->last_seen_ms - m->opened_ms <= INGEST_WINDOW_MS;
            if (open && m->opened_ms >= ret_sequence->opened_ms) {
                *ret_sequence = *m;
            }
        } else if (!m->quiet) {
            members->v[kept++] = *m;
        }
    }
    members->n = kept;
    qsort(members->v, kept, sizeof(*members->v), by_time);
}

static void put_member(struct jsonw *w, const struct ingest_member *m)
{
    jsonw_object(w, NULL);
    jsonw_strz(w, "id", m->id);
    jsonw_str(w, "rule", ingest_cut(m->rule, 128));
    jsonw_array(w, "stages");
    for (uint32_t bit = 1; bit <= STAGE_LAST; bit <<= 1) {
        if (m->stages & bit) {
            jsonw_strz(w, NULL, sequence_stage_name(bit));
        }
    }
    jsonw_end(w);
    jsonw_i64(w, "first_seen_ms", m->first_seen_ms);
    jsonw_end(w);
}

/* The members that were there and those that are not among them; *ret_more of these. */
static struct str members_json(const struct ingest_members *members, struct str before,
                               struct arena *arena, int64_t *ret_more)
{
    char *storage = arena_bytes(arena, MEMBERS_SIZE);
    struct buf buf;
    *ret_more = 0;
    if (!storage) {
        return before;
    }
    buf_init_fixed(&buf, storage, MEMBERS_SIZE);
    buf_puts(&buf, before.n > 2 ? str_first(before, before.n - 1) : STR("["));
    bool first = before.n <= 2;
    for (uint32_t i = 0; i < members->n; i++) {
        const struct ingest_member *m = &members->v[i];
        struct buf mark = buf;
        struct jsonw w = { .buf = &buf };
        if (str_find(before, str_of(m->id)) >= 0) {
            continue;
        }
        if (!first) {
            buf_putc(&buf, ',');
        }
        put_member(&w, m);
        if (buf.failed || buf.n + 1 >= MEMBERS_SIZE) {
            buf = mark;
            break;
        }
        first = false;
        ++*ret_more;
    }
    buf_putc(&buf, ']');
    return buf_str(&buf);
}

static struct str output_of(const struct sequence_match *match,
                            const struct ingest_members *members, struct arena *arena)
{
    char *storage = arena_bytes(arena, OUTPUT_MAX);
    if (!storage) {
        return str_of(match->title);
    }
    struct buf buf;
    buf_init_fixed(&buf, storage, OUTPUT_MAX);
    buf_putz(&buf, match->title);
    for (uint32_t i = 0; i < match->nsteps; i++) {
        buf_puts(&buf, i ? STR(" → ") : STR(": "));
        buf_puts(&buf, ingest_cut(members->v[match->items[i]].rule, 128));
    }
    return buf_str(&buf);
}

static void sequence_columns(struct ingest_finding *s, const struct ingest_members *members)
{
    s->rule = STR(RULE);
    s->policy = STR(POLICY);
    s->type = STR(SEQUENCE_TYPE);
    s->priority = STR("Critical");
    s->tags = STR("[\"attack_sequence\"]");
    s->list = s->item = s->last_body = (struct str){ 0 };
    s->stages = 0;
    s->scoped = s->sequence = true;
    s->clock = false;
    s->first_seen_ms = members->v[0].first_seen_ms;
    for (uint32_t i = 0; i < members->n; i++) {
        int64_t last = members->v[i].last_seen_ms;
        s->last_seen_ms = last > s->last_seen_ms ? last : s->last_seen_ms;
    }
    ingest_hash((struct str[]){ STR(RULE), str_from(s->scope, INGEST_KEY) }, 2, s->key);
}

static bool match_members(const struct ingest_members *members, struct arena *arena,
                          struct sequence_match *ret)
{
    struct sequence_item *items =
        ARENA_ARRAY(arena, struct sequence_item, members->n ? members->n : 1);
    for (uint32_t i = 0; items && i < members->n; i++) {
        const struct ingest_member *m = &members->v[i];
        items[i] = (struct sequence_item){ m->stages, m->first_seen_ms, m->last_seen_ms };
    }
    return items && sequence_find(items, members->n, ret);
}

static int make(const struct chain_look *look, const struct ingest_finding *f,
                const struct ingest_members *members, const struct ingest_member *there,
                struct chain_found *ret)
{
    struct sequence_match match;
    struct chain_found found = { .row = there->row, .fresh = there->row == 0 };
    if (!match_members(members, look->arena, &match)) {
        return 0;
    }
    struct ingest_finding *s = ARENA_NEW(look->arena, struct ingest_finding);
    if (!s) {
        return -ENOMEM;
    }
    *s = *f;
    sequence_columns(s, members);
    s->severity = match.severity;
    s->title = str_of(match.title);
    s->output = output_of(&match, members, look->arena);
    s->members = members_json(members, there->members, look->arena, &found.more);
    if (found.more == 0) {
        return 0;
    }
    s->count = found.more;
    s->opened_ms = found.fresh ? f->last_seen_ms : there->opened_ms;
    if (found.fresh) {
        ingest_new_id(f->now_ms, s->id);
    } else {
        memcpy(s->id, there->id, sizeof(s->id));
    }
    found.finding = s;
    *ret = found;
    return 0;
}

int chain_look(const struct chain_look *look, const struct ingest_finding *finding,
               struct chain_found *ret, struct err *err)
{
    struct ingest_members members = { 0 };
    struct ingest_member sequence = { 0 };
    struct chain *chain;
    if (!worth_reading(look, finding, &chain)) {
        return 0;
    }
    int r = look->store->ingest->members(look->tx, finding, look->arena, &members, err);
    if (r < 0) {
        return r;
    }
    sort_out(&members, finding, &sequence);
    for (uint32_t i = 0; i < members.n; i++) {
        chain->stages |= members.v[i].stages;
    }
    r = sequence_possible(chain->stages) ? make(look, finding, &members, &sequence, ret) : 0;
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}
