/*
 * ingest_fold: alerts into findings.
 *
 * Findings that were touched lately are remembered by their key, so that a batch asks the store only for those
 * it does not know. Within a transaction an alert goes to its day at once, with the number of its finding;
 * the finding itself is written at the end, once, whatever number of alerts it got. Numbers of new findings are
 * taken here: only the writer makes findings.
 *
 * A finding takes alerts whose time is at most INGEST_WINDOW_MS from the time of the alert that made it. What is
 * remembered is right only if the transaction was committed; otherwise all of it is forgotten.
 */
#include "base/cleanup.h"
#include "server/ingest_internal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

struct entry {
    uint32_t index; /* of the slab; first, since the slab keeps its own there when free */
    uint8_t key[INGEST_KEY];
    char id[INGEST_ID + 1];
    int64_t row, opened_ms, told_ms;
    struct entry *newer, *older;
    bool fresh, dirty, owed;

    /* of this transaction */
    struct entry *next;
    struct parsed_alert *first, *newest;
    int64_t added, first_ms, last_ms;
    uint32_t stages;
    uint8_t severity;
    bool clock, loud;

    struct ingest_result now; /* as last written */
};

struct change {
    struct ingest_change told;
    struct entry *entry; /* NULL: a sequence */
    struct ingest_finding finding;
    struct ingest_result result;
};

struct fold {
    struct fold_config config;
    struct map map; /* by the first 8 bytes of the key */
    struct slab slab;
    struct entry *newest, *oldest;
    struct chain *chains;
    struct quota *quota;
    int64_t next_row; /* 0: to be asked */
    uint32_t commit;

    struct ingest_tx *tx;
    struct arena *arena;
    int64_t now_ms;
    struct entry *dirty;
    uint32_t ndirty, nchanges;
    struct change *changes;
    struct ingest_change *list;

    struct entry *owed[INGEST_OWED_MAX];
    uint32_t nowed;
};

CLEANUP_DEFINE(struct fold, fold_free);

int fold_new(const struct fold_config *config, struct fold **ret)
{
    struct fold *fold CLEANUP(cleanup_fold_free) = mem_zalloc(sizeof(*fold));
    if (!fold) {
        return -ENOMEM;
    }
    fold->config = *config;
    slab_init(&fold->slab, sizeof(struct entry), INGEST_CACHE);
    fold->chains = mem_zalloc(INGEST_SCOPES * sizeof(*fold->chains));
    int r = fold->chains ? quota_new(config->new_max, &fold->quota) : -ENOMEM;
    if (r < 0) {
        return r;
    }
    *ret = TAKE(fold);
    return 0;
}

static void drop_memory(struct fold *fold)
{
    map_done(&fold->map);
    fold->map = (struct map){ 0 };
    slab_done(&fold->slab);
    slab_init(&fold->slab, sizeof(struct entry), INGEST_CACHE);
    fold->newest = fold->oldest = fold->dirty = NULL;
    fold->nowed = fold->ndirty = fold->nchanges = 0;
}

void fold_free(struct fold *fold)
{
    if (fold) {
        drop_memory(fold);
        slab_done(&fold->slab);
        quota_free(fold->quota);
        free(fold->chains);
        free(fold);
    }
}

void fold_forget(struct fold *fold)
{
    drop_memory(fold);
    memset(fold->chains, 0, INGEST_SCOPES * sizeof(*fold->chains));
    fold->next_row = 0;
}

void fold_begin(struct fold *fold, struct ingest_tx *tx, struct arena *arena, int64_t now_ms)
{
    fold->tx = tx;
    fold->arena = arena;
    fold->now_ms = now_ms;
    fold->dirty = NULL;
    fold->ndirty = fold->nchanges = 0;
    fold->commit++;
    quota_begin(fold->quota, now_ms);
}

static uint64_t map_key(const uint8_t key[INGEST_KEY])
{
    uint64_t v;
    memcpy(&v, key, sizeof(v));
    return v;
}

static void unlink_entry(struct fold *fold, struct entry *e)
{
    *(e->newer ? &e->newer->older : &fold->newest) = e->older;
    *(e->older ? &e->older->newer : &fold->oldest) = e->newer;
}

static void link_newest(struct fold *fold, struct entry *e)
{
    e->newer = NULL;
    e->older = fold->newest;
    *(fold->newest ? &fold->newest->newer : &fold->oldest) = e;
    fold->newest = e;
}

static void forget_owed(struct fold *fold, const struct entry *e)
{
    for (uint32_t i = 0; e->owed && i < fold->nowed; i++) {
        if (fold->owed[i] == e) {
            fold->owed[i] = fold->owed[--fold->nowed];
            return;
        }
    }
}

static void drop_entry(struct fold *fold, struct entry *e)
{
    if (map_get(&fold->map, map_key(e->key)) == e) {
        map_remove(&fold->map, map_key(e->key));
    }
    forget_owed(fold, e);
    unlink_entry(fold, e);
    slab_give(&fold->slab, e->index);
}

/* An entry for this key in the map; NULL: out of memory. */
static struct entry *new_entry(struct fold *fold, const uint8_t key[INGEST_KEY])
{
    if (fold->slab.count == INGEST_CACHE) {
        if (fold->oldest->dirty) {
            return NULL;
        }
        drop_entry(fold, fold->oldest);
    }
    uint32_t index;
    struct entry *e = slab_take(&fold->slab, &index);
    if (!e) {
        return NULL;
    }
    e->index = index;
    memcpy(e->key, key, INGEST_KEY);
    if (map_put(&fold->map, map_key(key), e) < 0) {
        slab_give(&fold->slab, index);
        return NULL;
    }
    link_newest(fold, e);
    return e;
}

static bool within(int64_t opened_ms, int64_t time_ms)
{
    int64_t apart = time_ms > opened_ms ? time_ms - opened_ms : opened_ms - time_ms;
    return apart <= INGEST_WINDOW_MS;
}

/* One that this transaction made for an earlier time of the same key, no longer in the map. */
static struct entry *among_dirty(struct fold *fold, const struct ingest_finding *f)
{
    for (struct entry *e = fold->dirty; e; e = e->next) {
        if (e->fresh && memcmp(e->key, f->key, INGEST_KEY) == 0 &&
            within(e->opened_ms, f->opened_ms)) {
            return e;
        }
    }
    return NULL;
}

void ingest_new_id(int64_t now_ms, char ret[INGEST_ID + 1])
{
    uint64_t random = 0;
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        random = hash_u64((uint64_t)now_ms ^ (uint64_t)(uintptr_t)ret);
    }
    snprintf(ret, INGEST_ID + 1, "f%012llx%012llx",
             (unsigned long long)now_ms & UINT64_C(0xffffffffffff),
             (unsigned long long)random & UINT64_C(0xffffffffffff));
}

static int take_row(struct fold *fold, int64_t *ret, struct err *err)
{
    if (fold->next_row == 0) {
        int64_t last = 0;
        int r = fold->config.store->ingest->last_row(fold->tx, &last, err);
        if (r < 0) {
            return r;
        }
        fold->next_row = last + 1;
    }
    *ret = fold->next_row++;
    return 0;
}

static int load_entry(struct fold *fold, const struct ingest_finding *f, struct entry *e,
                      struct err *err)
{
    struct ingest_open open;
    int r = fold->config.store->ingest->find(fold->tx, f->key, f->opened_ms, &open, err);
    if (r == 0) {
        e->row = open.row;
        e->opened_ms = open.opened_ms;
        memcpy(e->id, open.id, sizeof(e->id));
        return 0;
    }
    if (r != -ENOENT) {
        return r;
    }
    if (!f->too_many && !quota_take(fold->quota, f->agent)) {
        return -EDQUOT;
    }
    e->fresh = true;
    e->opened_ms = f->opened_ms;
    ingest_new_id(fold->now_ms, e->id);
    return take_row(fold, &e->row, err);
}

static int find_entry(struct fold *fold, const struct ingest_finding *f, struct entry **ret,
                      struct err *err)
{
    struct entry *e = map_get(&fold->map, map_key(f->key));
    bool same = e && memcmp(e->key, f->key, INGEST_KEY) == 0;
    if (same && within(e->opened_ms, f->opened_ms)) {
        unlink_entry(fold, e);
        link_newest(fold, e);
        *ret = e;
        return 0;
    }
    struct entry *other = e && e->dirty ? among_dirty(fold, f) : NULL;
    if (other) {
        *ret = other;
        return 0;
    }
    e = new_entry(fold, f->key);
    if (!e) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    int r = load_entry(fold, f, e, err);
    if (r == 0) {
        *ret = e;
    } else if (r == -EDQUOT) {
        drop_entry(fold, e);
    }
    return r;
}

static void count_alert(struct fold *fold, struct entry *e, struct parsed_alert *alert)
{
    const struct ingest_finding *f = &alert->finding;
    if (!e->dirty) {
        e->dirty = true;
        e->next = fold->dirty;
        fold->dirty = e;
        fold->ndirty++;
        e->first = alert;
        e->added = 0;
        e->first_ms = e->last_ms = f->opened_ms;
        e->stages = 0;
        e->severity = 0;
        e->clock = e->loud = false;
    }
    e->newest = alert;
    e->added++;
    e->first_ms = f->opened_ms < e->first_ms ? f->opened_ms : e->first_ms;
    e->last_ms = f->opened_ms > e->last_ms ? f->opened_ms : e->last_ms;
    e->stages |= f->stages;
    e->severity = f->severity > e->severity ? f->severity : e->severity;
    e->clock |= f->clock;
    e->loud |= !f->suppressed;
}

int fold_alert(struct fold *fold, struct parsed_alert *alert, struct err *err)
{
    struct entry *e = NULL;
    int r = find_entry(fold, &alert->finding, &e, err);
    if (r == -EDQUOT) {
        quota_instead(&alert->finding, fold->now_ms);
        alert->finding.suppressed = ingest_is_suppressed(fold->config.judge, &alert->finding);
        r = find_entry(fold, &alert->finding, &e, err);
    }
    if (r != 0) {
        return r;
    }
    alert->alert.finding = e->row;
    r = fold->config.store->ingest->add_alert(fold->tx, &alert->alert, err);
    if (r == -EEXIST) {
        if (e->fresh && !e->dirty) {
            drop_entry(fold, e);
        }
        return 1;
    }
    if (r == 0) {
        count_alert(fold, e, alert);
    }
    return r;
}

static void merge_columns(const struct fold *fold, const struct entry *e, struct ingest_finding *f)
{
    *f = e->newest->finding;
    memcpy(f->id, e->id, sizeof(f->id));
    f->row = e->row;
    f->opened_ms = e->opened_ms;
    f->first_seen_ms = e->first_ms;
    f->last_seen_ms = e->last_ms;
    f->now_ms = fold->now_ms;
    f->count = e->added;
    f->stages = e->stages;
    f->scoped = e->stages != 0;
    f->severity = e->severity;
    f->clock = e->clock;
    f->suppressed = !e->loud;
}

static void result_of_new(const struct ingest_finding *f, struct ingest_result *ret)
{
    *ret = (struct ingest_result){
        .count = f->count,
        .version = 1,
        .first_seen_ms = f->first_seen_ms,
        .last_seen_ms = f->last_seen_ms,
        .severity = f->severity,
    };
    snprintf(ret->status, sizeof(ret->status), "%s", f->suppressed ? "suppressed" : "new");
}

static int write_entry(struct fold *fold, struct entry *e, struct change *change, struct err *err)
{
    const struct store_ingest_ops *ops = fold->config.store->ingest;
    struct ingest_finding *f = &change->finding;
    int r;
    merge_columns(fold, e, f);
    change->entry = e;
    change->told.fresh = e->fresh;
    if (e->fresh) {
        if (e->newest != e->first) {
            f->last_body = f->body;
            f->body = e->first->finding.body;
        }
        r = ops->add_finding(fold->tx, f, err);
        result_of_new(f, &change->result);
    } else {
        struct ingest_more more = {
            .row = e->row, .count = e->added, .newest = f, .loud = e->loud
        };
        r = ops->more(fold->tx, &more, &change->result, err);
    }
    return r;
}

static int write_sequence(struct fold *fold, struct chain_found *found, struct change *change,
                          struct err *err)
{
    const struct store_ingest_ops *ops = fold->config.store->ingest;
    struct ingest_finding *f = found->finding;
    f->suppressed = ingest_is_suppressed(fold->config.judge, f);
    f->row = found->row;
    int r;
    if (found->fresh) {
        r = take_row(fold, &f->row, err);
        r = r < 0 ? r : ops->add_finding(fold->tx, f, err);
        result_of_new(f, &change->result);
    } else {
        struct ingest_more more = {
            .row = found->row, .count = found->more, .newest = f, .loud = !f->suppressed
        };
        r = ops->more(fold->tx, &more, &change->result, err);
    }
    change->finding = *f;
    change->told.fresh = found->fresh;
    return r;
}

static int look_for_sequence(struct fold *fold, const struct ingest_finding *f, struct err *err)
{
    struct chain_look look = { fold->config.store, fold->tx, fold->arena, fold->chains,
                               fold->commit };
    struct chain_found found = { 0 };
    if (f->stages == 0 || f->suppressed) {
        return 0;
    }
    int r = chain_look(&look, f, &found, err);
    if (r == 0 && found.finding) {
        r = write_sequence(fold, &found, &fold->changes[fold->nchanges], err);
        fold->nchanges += r == 0;
    }
    return r;
}

/* Of all changes, as others see them. */
static void list_changes(struct fold *fold)
{
    for (uint32_t i = 0; i < fold->nchanges; i++) {
        struct change *c = &fold->changes[i];
        c->told.finding = &c->finding;
        c->told.result = &c->result;
        fold->list[i] = c->told;
    }
}

static int ask_witness(struct fold *fold, struct err *err)
{
    struct witness_hook *hook = fold->config.witness;
    list_changes(fold);
    if (!hook || fold->nchanges == 0) {
        return 0;
    }
    pthread_rwlock_rdlock(&hook->lock);
    const struct ingest_witness *w = &hook->witness;
    int r = w->changed ? w->changed(w->data, fold->tx, fold->list, fold->nchanges, err) : 0;
    pthread_rwlock_unlock(&hook->lock);
    return r;
}

int fold_end(struct fold *fold, struct err *err)
{
    int r = 0;
    fold->changes = ARENA_ARRAY(fold->arena, struct change, 2 * (size_t)fold->ndirty);
    fold->list = ARENA_ARRAY(fold->arena, struct ingest_change, 2 * (size_t)fold->ndirty);
    if (!fold->changes || !fold->list) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    for (struct entry *e = fold->dirty; e && r == 0; e = e->next) {
        r = write_entry(fold, e, &fold->changes[fold->nchanges], err);
        fold->nchanges += r == 0;
    }
    uint32_t n = fold->nchanges;
    for (uint32_t i = 0; i < n && r == 0; i++) {
        r = look_for_sequence(fold, &fold->changes[i].finding, err);
    }
    return r == 0 ? ask_witness(fold, err) : r;
}

static void put_text(struct jsonw *w, const char *key, struct str s)
{
    if (s.n) {
        jsonw_str(w, key, ingest_cut(s, 128));
    }
}

static void put_change(struct jsonw *w, const struct change *c)
{
    const struct ingest_finding *f = &c->finding;
    jsonw_object(w, NULL);
    jsonw_strz(w, "id", f->id);
    jsonw_strz(w, "change", c->told.fresh ? "new" : "updated");
    jsonw_str(w, "rule", ingest_cut(f->rule, 128));
    put_text(w, "title", f->title);
    put_text(w, "policy", f->policy);
    put_text(w, "type", f->type);
    jsonw_double(w, "severity", c->result.severity / 10.0);
    jsonw_str(w, "priority", f->priority);
    jsonw_strz(w, "status", c->result.status);
    jsonw_i64(w, "count", c->result.count);
    jsonw_i64(w, "first_seen_ms", c->result.first_seen_ms);
    jsonw_i64(w, "last_seen_ms", c->result.last_seen_ms);
    put_text(w, "agent", f->agent);
    put_text(w, "host", f->host);
    put_text(w, "container_id", f->container_id);
    put_text(w, "container_name", f->container_name);
    put_text(w, "image", f->image);
    put_text(w, "cluster", f->cluster);
    put_text(w, "task_id", f->task_id);
    jsonw_bool(w, "sequence", f->sequence);
    jsonw_end(w);
}

static void publish_change(struct fold *fold, const struct change *c)
{
    char storage[HUB_MESSAGE_MAX];
    struct buf buf;
    buf_init_fixed(&buf, storage, sizeof(storage));
    struct jsonw w = { .buf = &buf };
    put_change(&w, c);
    if (!buf.failed) {
        hub_publish(fold->config.hub, HUB_FINDING, buf_str(&buf));
    }
}

static void publish_many(struct fold *fold, uint32_t n)
{
    char storage[128];
    struct buf buf;
    buf_init_fixed(&buf, storage, sizeof(storage));
    struct jsonw w = { .buf = &buf };
    jsonw_object(&w, NULL);
    jsonw_strz(&w, "change", "many");
    jsonw_u64(&w, "count", n);
    jsonw_end(&w);
    hub_publish(fold->config.hub, HUB_FINDING, buf_str(&buf));
}

static void owe(struct fold *fold, struct entry *e)
{
    if (!e->owed && fold->nowed < INGEST_OWED_MAX) {
        e->owed = true;
        fold->owed[fold->nowed++] = e;
    }
}

static void publish(struct fold *fold)
{
    uint32_t told = 0, rest = 0;
    for (uint32_t i = 0; i < fold->nchanges; i++) {
        struct change *c = &fold->changes[i];
        struct entry *e = c->entry;
        if (e && !c->told.fresh && fold->now_ms - e->told_ms < INGEST_TOLD_MS &&
            fold->now_ms >= e->told_ms) {
            owe(fold, e);
        } else if (told < INGEST_TELL_MAX) {
            told++;
            publish_change(fold, c);
            if (e) {
                e->told_ms = fold->now_ms;
            }
        } else {
            rest++;
        }
    }
    if (rest) {
        publish_many(fold, rest);
    }
}

static void tell_witness(struct fold *fold)
{
    struct witness_hook *hook = fold->config.witness;
    if (hook && fold->nchanges) {
        pthread_rwlock_rdlock(&hook->lock);
        if (hook->witness.kept) {
            hook->witness.kept(hook->witness.data);
        }
        pthread_rwlock_unlock(&hook->lock);
    }
}

void fold_tell(struct fold *fold)
{
    tell_witness(fold);
    for (uint32_t i = 0; i < fold->nchanges; i++) {
        struct change *c = &fold->changes[i];
        if (c->entry) {
            if (c->entry->fresh && !c->finding.too_many) {
                quota_keep(fold->quota, c->finding.agent);
            }
            c->entry->fresh = c->entry->dirty = false;
            c->entry->now = c->result;
        }
    }
    if (fold->config.listener && fold->config.listener->changed) {
        fold->config.listener->changed(fold->config.listener->data, fold->list, fold->nchanges);
    }
    if (fold->config.hub) {
        publish(fold);
    }
    fold->dirty = NULL;
    fold->ndirty = fold->nchanges = 0;
}

static void publish_entry(struct fold *fold, const struct entry *e)
{
    char storage[512];
    struct buf buf;
    buf_init_fixed(&buf, storage, sizeof(storage));
    struct jsonw w = { .buf = &buf };
    jsonw_object(&w, NULL);
    jsonw_strz(&w, "id", e->id);
    jsonw_strz(&w, "change", "updated");
    jsonw_double(&w, "severity", e->now.severity / 10.0);
    jsonw_strz(&w, "status", e->now.status);
    jsonw_i64(&w, "count", e->now.count);
    jsonw_i64(&w, "first_seen_ms", e->now.first_seen_ms);
    jsonw_i64(&w, "last_seen_ms", e->now.last_seen_ms);
    jsonw_end(&w);
    hub_publish(fold->config.hub, HUB_FINDING, buf_str(&buf));
}

bool fold_tell_owed(struct fold *fold, int64_t now_ms)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < fold->nowed; i++) {
        struct entry *e = fold->owed[i];
        if (now_ms - e->told_ms < INGEST_TOLD_MS && now_ms >= e->told_ms) {
            fold->owed[kept++] = e;
            continue;
        }
        e->owed = false;
        e->told_ms = now_ms;
        publish_entry(fold, e);
    }
    fold->nowed = kept;
    return kept > 0;
}
