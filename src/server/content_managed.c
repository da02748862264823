/*
 * Managed content: the files that come with the program, read once when the server starts.
 *
 * The .yaml files of DIR/rules and DIR/policies, each in alphabetical order. They go to agents as they are; apart
 * they are what users see, override and switch off. DIR/texts/LANGUAGE.yaml says in words what a rule means.
 */
#include "server/content_set.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "report/report.h"
#include "rules/doc.h"

#include <dirent.h>
#include <errno.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <sys/stat.h>

CLEANUP_DEFINE(struct managed, managed_free);

void managed_free(struct managed *managed)
{
    if (managed) {
        report_texts_free(managed->report);
        arena_done(&managed->arena);
        free(managed);
    }
}

static int is_yaml(const struct dirent *entry)
{
    struct str name = str_of(entry->d_name);
    return name.p[0] != '.' && (str_ends(name, STR(".yaml")) || str_ends(name, STR(".yml")));
}

static int split(struct managed *m, const char *path, struct content_file *file, struct err *err)
{
    uint32_t offset = 0;
    size_t first = m->documents.n;
    int r = documents_split(&m->arena, file->text, &m->documents, &offset, err);
    for (size_t i = first; i < m->documents.n; i++) {
        struct document *d = &m->documents.items[i];
        d->part = PART_MANAGED;
        d->file = file->name;
        d->base = content_hash(&m->arena, d->text);
    }
    return r < 0 ? err_wrap(err, "%s", path) : 0;
}

static bool below(char path[static PATH_MAX], const char *dir, const char *name)
{
    struct buf buf;
    buf_init_fixed(&buf, path, PATH_MAX);
    buf_printf(&buf, "%s/%s", dir, name);
    buf_putc(&buf, '\0');
    return !buf.failed;
}

/* What is kept of one folder's files. */
struct folder {
    const char *name, *prefix; /* of the files' names */
    bool documents;            /* they are taken apart */
};

static int read_file(struct managed *m, const struct folder *folder, const char *path,
                     const char *name, struct content_file *ret, struct err *err)
{
    struct buf text, kept;
    char name_storage[NAME_MAX + 8];
    struct str base = str_of(name);
    base = folder->documents ? base : str_first(base, (size_t)str_find_last(base, '.'));
    buf_init(&text, RULES_FILE_MAX);
    buf_init_fixed(&kept, name_storage, sizeof(name_storage));
    buf_printf(&kept, "%s%.*s", folder->prefix, STR_ARG(base));
    int r = file_read(path, &text, err);
    *ret = (struct content_file){ .name = arena_str(&m->arena, buf_str(&kept)),
                                  .text = arena_str(&m->arena, buf_str(&text)) };
    buf_done(&text);
    if (r == 0 && (!ret->name.p || !ret->text.p)) {
        return err_set(err, -ENOMEM, "the managed content is too large");
    }
    return r == 0 && folder->documents ? split(m, path, ret, err) : r;
}

static int read_folder(struct managed *m, const struct folder *folder, struct content_file **ret,
                       size_t *ret_n, struct err *err)
{
    struct dirent **entries;
    char dir[PATH_MAX], path[PATH_MAX];
    if (!below(dir, m->dir.p, folder->name)) {
        return err_set(err, -ENAMETOOLONG, "%s: the path is too long", m->dir.p);
    }
    int n = scandir(dir, &entries, is_yaml, alphasort);
    if (n < 0) {
        return errno == ENOENT ? 0 : err_set(err, -errno, "%s: %m", dir);
    }
    *ret = ARENA_ARRAY(&m->arena, struct content_file, (size_t)n);
    int r = *ret && n <= CONTENT_FILES_MAX ? 0 : err_set(err, -E2BIG, "%s: too many files", dir);
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        if (r == 0 && !below(path, dir, name)) {
            r = err_set(err, -ENAMETOOLONG, "%s: the path is too long", dir);
        }
        r = r == 0 ? read_file(m, folder, path, name, &(*ret)[i], err) : r;
        free(entries[i]);
    }
    free(entries);
    *ret_n = r == 0 ? (size_t)n : 0;
    return r;
}

static struct str hash_all(struct managed *m)
{
    struct buf all;
    buf_init(&all, CONTENT_SET_MAX);
    for (size_t i = 0; i < m->nrules + m->npolicies; i++) {
        const struct content_file *f = i < m->nrules ? &m->rules[i] : &m->policies[i - m->nrules];
        buf_printf(&all, "%.*s\n%zu\n", STR_ARG(f->name), f->text.n);
        buf_puts(&all, f->text);
    }
    struct str hash = content_hash(&m->arena, buf_str(&all));
    buf_done(&all);
    return hash;
}

/* ---- texts for people */

static void put_value(const struct doc_node *node, struct jsonw *w, const char *key)
{
    if (node->kind == DOC_SCALAR) {
        jsonw_str(w, key, str_trim(node->value));
        return;
    }
    jsonw_array(w, key);
    for (uint32_t i = 0; node->kind == DOC_SEQUENCE && i < node->n; i++) {
        if (node->items[i]->kind == DOC_SCALAR) {
            jsonw_str(w, NULL, str_trim(node->items[i]->value));
        }
    }
    jsonw_end(w);
}

static void put_language(const struct content_file *file, struct str rule, struct jsonw *w)
{
    static const char *const keys[] = { "title", "summary", "why", "next", "respond" };
    struct arena tree;
    struct doc_documents documents = { 0 };
    struct err err = { 0 };
    uint32_t offset;
    arena_init(&tree, CONTENT_SET_MAX);
    const struct doc_node *root =
        doc_parse(&tree, file->text, &documents, &offset, &err) == 0 && documents.n == 1
            ? documents.roots[0]
            : NULL;
    for (uint32_t i = 0; root && root->kind == DOC_SEQUENCE && i < root->n; i++) {
        const struct doc_node *map = root->items[i];
        const struct doc_node *name = map->kind == DOC_MAP ? doc_get(map, "rule") : NULL;
        if (!name || name->kind != DOC_SCALAR || !str_eq(name->value, rule)) {
            continue;
        }
        jsonw_key(w, file->name);
        jsonw_object(w, NULL);
        for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++) {
            const struct doc_node *value = doc_get(map, keys[k]);
            if (value) {
                put_value(value, w, keys[k]);
            }
        }
        jsonw_end(w);
        break;
    }
    arena_done(&tree);
}

void managed_put_texts(const struct managed *managed, struct str rule, struct jsonw *w)
{
    for (size_t i = 0; i < managed->ntexts; i++) {
        put_language(&managed->texts[i], rule, w);
    }
}

static void put_titles_of(const struct content_file *file, struct jsonw *w)
{
    struct arena tree;
    struct doc_documents documents = { 0 };
    struct err err = { 0 };
    uint32_t offset;
    arena_init(&tree, CONTENT_SET_MAX);
    bool good = doc_parse(&tree, file->text, &documents, &offset, &err) == 0 && documents.n == 1;
    const struct doc_node *root = good ? documents.roots[0] : NULL;
    jsonw_key(w, file->name);
    jsonw_object(w, NULL);
    for (uint32_t i = 0; root && root->kind == DOC_SEQUENCE && i < root->n; i++) {
        const struct doc_node *map = root->items[i];
        const struct doc_node *name = map->kind == DOC_MAP ? doc_get(map, "rule") : NULL;
        const struct doc_node *title = name ? doc_get(map, "title") : NULL;
        if (title && name->kind == DOC_SCALAR && title->kind == DOC_SCALAR) {
            jsonw_key(w, name->value);
            jsonw_str(w, NULL, str_trim(title->value));
        }
    }
    jsonw_end(w);
    arena_done(&tree);
}

void managed_put_titles(const struct managed *managed, struct jsonw *w)
{
    for (size_t i = 0; i < managed->ntexts; i++) {
        put_titles_of(&managed->texts[i], w);
    }
}

/* What is not sound is shown as it is, and told of; findings are then reported without it. */
static void make_report(struct managed *m)
{
    struct report_file files[REPORT_LANGUAGES_MAX];
    struct err err = { 0 };
    size_t n = m->ntexts < REPORT_LANGUAGES_MAX ? m->ntexts : REPORT_LANGUAGES_MAX;
    for (size_t i = 0; i < n; i++) {
        files[i] = (struct report_file){ m->texts[i].name, m->texts[i].text };
    }
    if (n > 0 && report_texts_new(files, n, &m->report, &err) < 0) {
        log_warning("content: %s", err.message);
    }
}

/* ---- all of it */

int managed_load(const char *dir, bool required, struct managed **ret, struct err *err)
{
    static const struct folder rules = { "rules", "10-", true };
    static const struct folder policies = { "policies", "10-", true };
    static const struct folder texts = { "texts", "", false };
    CLEANUP(cleanup_managed_free) struct managed *m = mem_zalloc(sizeof(*m));
    struct stat status;
    if (!m) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    arena_init(&m->arena, CONTENT_SET_MAX);
    m->dir = arena_str(&m->arena, str_of(dir ? dir : ""));
    bool there = dir && m->dir.p && stat(dir, &status) == 0 && S_ISDIR(status.st_mode);
    if (!there && required) {
        return err_set(err, -ENOENT, "%s: no directory of content", dir ? dir : "content.dir");
    }
    int r = there ? read_folder(m, &rules, &m->rules, &m->nrules, err) : 0;
    r = r == 0 && there ? read_folder(m, &policies, &m->policies, &m->npolicies, err) : r;
    r = r == 0 && there ? read_folder(m, &texts, &m->texts, &m->ntexts, err) : r;
    m->hash = hash_all(m);
    if (r == 0) {
        make_report(m);
        *ret = TAKE(m);
    }
    return r;
}
