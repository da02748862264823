/*
 * The content module: its routes, and how it starts.
 *
 * Starting reads the managed content and the users' documents, makes the set, and makes a new version when the
 * managed content is another than that of the last one. An update of the program must not stop the server, so
 * documents of users that no longer fit are left out of what is in force, kept, and told of, one after the
 * other until the engine takes the rest.
 */
#include "server/content_internal.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "server/config.h"

#include <errno.h>
#include <stdlib.h>

#ifndef HINOMI_DATADIR
#define HINOMI_DATADIR "/usr/share/hinomi"
#endif

int64_t content_version(const struct server *server)
{
    struct content *content = server->content;
    if (!content) {
        return 0;
    }
    pthread_mutex_lock(&content->lock);
    int64_t version = content->version;
    pthread_mutex_unlock(&content->lock);
    return version;
}

static bool copy_channels(const struct policy *policy, struct arena *arena,
                          struct content_told *ret)
{
    *ret = (struct content_told){ .policy = arena_str(arena, policy->name),
                                  .channels = ARENA_ARRAY(arena, struct str, policy->nchannels) };
    for (uint32_t i = 0; ret->channels && i < policy->nchannels; i++) {
        ret->channels[ret->nchannels++] = arena_str(arena, policy->channels[i]);
    }
    return ret->policy.p && ret->channels;
}

int content_told_policies(const struct server *server, struct arena *arena,
                          struct content_told **ret, size_t *ret_n)
{
    *ret = NULL;
    *ret_n = 0;
    struct content_set *set = server->content ? content_hold(server->content, NULL) : NULL;
    if (!set) {
        return 0;
    }
    uint32_t n = set->policies ? policies_count(set->policies) : 0;
    bool good = (*ret = ARENA_ARRAY(arena, struct content_told, n)) != NULL;
    for (uint32_t i = 0; good && i < n; i++) {
        const struct policy *policy = policies_at(set->policies, i);
        if (policy->enabled && policy->nchannels) {
            good = copy_channels(policy, arena, &(*ret)[*ret_n]);
            *ret_n += good;
        }
    }
    set_drop(set);
    return good ? 0 : -ENOMEM;
}

void content_sign_key(const struct server *server, struct buf *buf)
{
    if (server->content) {
        buf_base64(buf, str_from(server->content->bundles.key.public_key,
                                 sizeof(server->content->bundles.key.public_key)));
    }
}

const struct report_texts *content_report_texts(const struct server *server)
{
    return server->content && server->content->managed ? server->content->managed->report : NULL;
}

/* ---- starting */

static int add_documents(struct content *content, struct content_set *set, struct arena *arena,
                         struct err *err)
{
    struct store_document *documents = NULL;
    size_t n = 0;
    int r =
        content->ops->documents(content->store, STORE_VERSION_NEWEST, arena, &documents, &n, err);
    for (size_t i = 0; i < n && r == 0; i++) {
        struct document d = { .name = documents[i].name,
                              .text = documents[i].text,
                              .base = documents[i].base,
                              .place = documents[i].place,
                              .added = documents[i].added };
        if (content_kind_of(documents[i].kind, &d.kind) &&
            content_part_of(documents[i].part, &d.part)) {
            r = set_put(set, &d);
        }
    }
    return r == -ENOMEM ? err_set(err, r, "the content is too large") : r;
}

static int add_taken(struct content *content, struct content_set *set, struct arena *arena,
                     struct err *err)
{
    struct str *lists = NULL;
    size_t nlists = 0;
    int r = content->ops->items_lists(content->store, STORE_VERSION_NEWEST, -1, arena, &lists,
                                      &nlists, err);
    for (size_t i = 0; i < nlists && r == 0; i++) {
        const struct store_items_filter filter = {
            .list = lists[i], .at = STORE_VERSION_NEWEST, .limit = UINT32_MAX, .sign = -1
        };
        struct store_item *items = NULL;
        size_t n = 0;
        r = content->ops->items(content->store, &filter, arena, &items, &n, err);
        for (size_t k = 0; k < n && r == 0; k++) {
            r = set_take(set, lists[i], items[k].item, true);
        }
    }
    return r == -ENOMEM ? err_set(err, r, "the content is too large") : r;
}

/* What became of what the document was made for. */
static void compare_base(struct content_set *set, struct document *d)
{
    const struct document *managed =
        documents_find(&set->managed->documents, d->kind, d->name, PART_MANAGED);
    const struct document *own = documents_find(&set->documents, d->kind, d->name, PART_OWN);
    if (d->part == PART_OWN) {
        d->conflict = managed ? STR("name_taken") : STR("");
    } else if (!managed && !own) {
        d->conflict = STR("managed_gone");
        d->excluded = true;
    } else if (managed && d->base.n > 0 && !str_eq(d->base, managed->base)) {
        d->conflict = STR("managed_changed");
    }
}

/* A document of a user that the engine complains of; NULL: none. */
static struct document *find_culprit(struct content_set *set, struct arena *arena)
{
    struct content_diag *diags = NULL;
    size_t n = 0;
    if (set_diags(set, arena, true, &diags, &n) < 0) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        const struct document *d = diags[i].document;
        if (d && d->part != PART_MANAGED) {
            return documents_find(&set->documents, d->kind, d->name, d->part);
        }
    }
    /* Nobody's: the last one may have been what others rest on. */
    for (size_t i = set->documents.n; i-- > 0;) {
        if (!set->documents.items[i].excluded) {
            return &set->documents.items[i];
        }
    }
    return NULL;
}

static int make_what_fits(struct content_set **set, struct arena *arena, struct err *err)
{
    for (;;) {
        int r = set_make(*set, err);
        if (r < 0 || (*set)->nerrors == 0) {
            return r;
        }
        struct document *culprit = find_culprit(*set, arena);
        if (!culprit) {
            return err_set(err, -EINVAL, "the managed content has %u errors", (*set)->nerrors);
        }
        log_warning("content: %s \"%.*s\" does not fit the managed content and is not in force",
                    content_kind_text(culprit->kind), STR_ARG(culprit->name));
        culprit->conflict = STR("does_not_compile");
        culprit->excluded = true;
        struct content_set *again = NULL;
        r = set_copy(*set, &again);
        if (r < 0) {
            return err_set(err, r, "out of memory");
        }
        set_drop(*set);
        *set = again;
    }
}

static int load_set(struct content *content, struct err *err)
{
    struct arena arena;
    struct content_set *set = NULL;
    arena_init(&arena, CONTENT_SET_MAX);
    int r = set_new(content->managed, &set);
    r = r == 0 ? add_documents(content, set, &arena, err) : r;
    r = r == 0 ? add_taken(content, set, &arena, err) : r;
    for (size_t i = 0; r == 0 && i < set->documents.n; i++) {
        compare_base(set, &set->documents.items[i]);
    }
    r = r == 0 ? make_what_fits(&set, &arena, err) : r;
    arena_done(&arena);
    if (r < 0) {
        set_drop(set);
        return r;
    }
    content->set = set;
    return 0;
}

/* The newest version, after one was made for managed content that is new. */
static int settle_version(struct content *content, struct err *err)
{
    struct arena arena;
    struct store_version latest = { 0 };
    arena_init(&arena, (size_t)1 << 20);
    int r = content->ops->latest(content->store, &arena, &latest, err);
    content->version = latest.version;
    if (r == 0 && (latest.version == 0 || !str_eq(latest.managed, content->managed->hash))) {
        const struct store_content_commit commit = {
            .expected = latest.version,
            .time_ms = content->server->now_ms(),
            .author = STR("hinomi"),
            .comment = latest.version ? STR("managed content updated") : STR("managed content"),
            .managed = content->managed->hash,
        };
        r = content->ops->commit(content->store, &commit, &content->version, err);
    }
    arena_done(&arena);
    bundles_note(&content->bundles, content->version, STR(""));
    return r;
}

static void content_free(struct content *content)
{
    if (content) {
        set_drop(content->set);
        bundles_done(&content->bundles);
        bell_free(content->bell);
        managed_free(content->managed);
        pthread_mutex_destroy(&content->change);
        pthread_mutex_destroy(&content->lock);
        free(content);
    }
}

static int begin(struct content *content, struct err *err)
{
    const struct server_config *config = server_config(content->server);
    const char *dir = config->content_dir ? config->content_dir : HINOMI_DATADIR;
    int r = bell_new(&content->bell);
    if (r < 0) {
        return err_set(err, r, "out of memory");
    }
    r = signing_load(config->dir, &content->bundles.key, err);
    r = r == 0 ? managed_load(dir, config->content_dir, &content->managed, err) : r;
    r = r == 0 ? content->ops->recover(content->store, err) : r;
    r = r == 0 ? load_set(content, err) : r;
    r = r == 0 ? settle_version(content, err) : r;
    return r == 0 ? content->ops->orders_open(content->store, content->server->now_ms(),
                                              &content->orders, err)
                  : r;
}

static int start(struct server *server, struct err *err)
{
    if (!server->store || !server->store->content) {
        return err_set(err, -ENOSYS, "this store keeps no content");
    }
    struct content *content = mem_zalloc(sizeof(*content));
    if (!content) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    content->server = server;
    content->store = server->store;
    content->ops = server->store->content;
    pthread_mutex_init(&content->lock, NULL);
    pthread_mutex_init(&content->change, NULL);
    int r = begin(content, err);
    if (r < 0) {
        content_free(content);
        return r;
    }
    server->content = content;
    return 0;
}

/*
 * The store came from a backup, and agents have versions that were made after it: the next one is beyond theirs, so
 * that they take it. Seldom, since an agent may say what it likes.
 */
static void overtake_agents(struct content *content)
{
    struct err err = { 0 };
    int64_t now = content->server->now_ms();
    pthread_mutex_lock(&content->lock);
    int64_t ahead = content->ahead, version = content->version;
    pthread_mutex_unlock(&content->lock);
    bool may = ahead > version && ahead - version <= CONTENT_JUMP_MAX &&
               (!content->jumped_ms || now - content->jumped_ms > CONTENT_JUMP_MS);
    if (!may || pthread_mutex_trylock(&content->change) != 0) {
        return;
    }
    const struct store_content_commit commit = {
        .expected = version,
        .least = ahead + 1,
        .time_ms = now,
        .author = STR("hinomi"),
        .comment = STR("agents have newer versions than this store: it came from a backup"),
        .managed = content->managed->hash,
    };
    if (content->ops->commit(content->store, &commit, &version, &err) == 0) {
        pthread_mutex_lock(&content->lock);
        content->version = version;
        content->ahead = 0;
        content->jumped_ms = now;
        bundles_note(&content->bundles, version, STR(""));
        pthread_mutex_unlock(&content->lock);
        bell_ring(content->bell);
    }
    pthread_mutex_unlock(&content->change);
}

/* Orders whose time is over, and how many are left. */
static void tick(struct server *server)
{
    struct content *content = server->content;
    overtake_agents(content);
    struct err err = { 0 };
    int64_t before = __atomic_load_n(&content->orders, __ATOMIC_ACQUIRE), open = before;
    if (before > 0 &&
        content->ops->orders_open(content->store, server->now_ms(), &open, &err) == 0) {
        /* An order that came meanwhile counts on. */
        __atomic_compare_exchange_n(&content->orders, &before, open, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_RELAXED);
    }
}

static void stop(struct server *server)
{
    content_free(server->content);
    server->content = NULL;
}

/* lint: table */
static const struct route routes[] = {
    { HTTP_GET, "/v1/agents/{id}/bundle", MAY_AGENT, 0, content_poll, "agents",
      "Waits for newer content or orders", "after orders wait", NULL, NULL, 0 },
    { HTTP_GET, "/v1/agents/{id}/orders", MAY_READ, 0, content_get_orders, "agents",
      "Orders to an agent and what became of them", "finding limit", NULL, NULL, 0 },
    { HTTP_POST, "/v1/agents/{id}/orders/{order}", MAY_AGENT, 0, content_finish_order, "agents",
      "Tells what became of an order", NULL, "order-result", NULL, 0 },
    { HTTP_POST, "/v1/agents/{id}/test", MAY_RESPOND, 0, content_test_agent, "agents",
      "Has the agent make a harmless detection", NULL, NULL, "agent-test", 0 },
#define ALL      "policies"
#define ONE      "policy"
#define NEW_BODY "content-text"
#define SWITCHES 1
#include "server/content_routes.def"
#define ALL      "rules"
#define ONE      "rule"
#define NEW_BODY "content-text"
#define SWITCHES 1
#include "server/content_routes.def"
#define ALL      "macros"
#define ONE      "macro"
#define NEW_BODY "content-text"
#define SWITCHES 0
#include "server/content_routes.def"
#define ALL      "lists"
#define ONE      "list"
#define NEW_BODY "content-list-new"
#define SWITCHES 0
#include "server/content_routes.def"
    { HTTP_GET, "/v1/lists/{name}/items", MAY_READ, 0, content_get_items, "lists",
      "Items of the list", "search limit cursor", NULL, NULL, 0 },
    { HTTP_PUT, "/v1/lists/{name}/items", MAY_CONTENT, ROUTE_AUDIT, content_replace_items, "lists",
      "These items and no others", NULL, "content-items", "content-counts", 0 },
    { HTTP_POST, "/v1/lists/{name}/append", MAY_CONTENT, ROUTE_AUDIT, content_append_items, "lists",
      "Appends items", NULL, "content-items", "content-counts", 0 },
    { HTTP_POST, "/v1/lists/{name}/remove", MAY_CONTENT, ROUTE_AUDIT, content_remove_items, "lists",
      "Takes items out", NULL, "content-items", "content-counts", 0 },
    { HTTP_POST, "/v1/lists/{name}/import", MAY_CONTENT, ROUTE_AUDIT | ROUTE_RAW,
      content_import_items, "lists", "Imports items, plain or CSV",
      "format kind column delimiter header mode invalid comment", NULL, NULL, CONTENT_IMPORT_MAX },
    { HTTP_POST, "/v1/lists/{name}/check", MAY_READ, 0, content_check_items, "lists",
      "What appending these items would do", NULL, "content-items-check", "content-items-checked",
      0 },
    { HTTP_GET, "/v1/lists/{name}/export", MAY_READ, 0, content_export_items, "lists",
      "All items as a file, plain or CSV", "format", NULL, NULL, 0 },
    { HTTP_GET, "/v1/content", MAY_READ, 0, content_overview, "content",
      "The newest version, and conflicts with managed content", NULL, NULL, NULL, 0 },
    { HTTP_POST, "/v1/content/check", MAY_READ, 0, content_check_text, "content",
      "What the engine says of a text", NULL, "content-check", NULL, CONTENT_TEXT_MAX * 2 },
    { HTTP_POST, "/v1/content/import", MAY_CONTENT, ROUTE_AUDIT | ROUTE_RAW, content_import_files,
      "content", "Imports a file of rules", "name comment conflicts dry", NULL, NULL,
      CONTENT_TEXT_MAX * 4 },
    { HTTP_GET, "/v1/content/complete", MAY_READ, 0, content_complete, "content",
      "What editors complete: fields, operators, macros, lists", NULL, NULL, NULL, 0 },
    { HTTP_GET, "/v1/content/versions", MAY_READ, 0, content_get_versions, "content",
      "All versions", "limit cursor", NULL, NULL, 0 },
    { HTTP_GET, "/v1/content/diff", MAY_READ, 0, content_get_diff, "content",
      "What differs between two versions", "from to", NULL, NULL, 0 },
    { HTTP_POST, "/v1/content/revert", MAY_CONTENT, ROUTE_AUDIT, content_revert, "content",
      "All content as it was", NULL, "content-revert", "content-version", 0 },
    { HTTP_GET, "/v1/content/rollout", MAY_READ, 0, content_get_rollout, "content",
      "On which agents a version is in force", "version limit cursor lagging", NULL, NULL, 0 },
};

const struct server_module content_module = {
    .name = "content",
    .routes = routes,
    .nroutes = sizeof(routes) / sizeof(*routes),
    .start = start,
    .tick = tick,
    .stop = stop,
};
