/*
 * Managed content: the files that come with the program, read once when the server starts.
 *
 * The .yaml files of DIR/rules and DIR/policies, each in alphabetical order. They go to agents as they are; apart
 * they are what users see, override and switch off.
 */
#include "server/content_set.h"

#include "base/cleanup.h"
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <sys/stat.h>

CLEANUP_DEFINE(struct managed, managed_free);

void managed_free(struct managed *managed)
{
    if (managed) {
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

static int read_file(struct managed *m, const char *dir, const char *name, struct content_file *ret,
                     struct err *err)
{
    char path[PATH_MAX];
    struct buf text, kept;
    struct buf where;
    char name_storage[NAME_MAX + 8];
    buf_init_fixed(&where, path, sizeof(path));
    buf_printf(&where, "%s/%s", dir, name);
    buf_putc(&where, '\0');
    if (where.failed) {
        return err_set(err, -ENAMETOOLONG, "%s: the path is too long", dir);
    }
    buf_init(&text, RULES_FILE_MAX);
    buf_init_fixed(&kept, name_storage, sizeof(name_storage));
    buf_printf(&kept, "10-%s", name);
    int r = file_read(path, &text, err);
    *ret = (struct content_file){ .name = arena_str(&m->arena, buf_str(&kept)),
                                  .text = arena_str(&m->arena, buf_str(&text)) };
    buf_done(&text);
    if (r == 0 && (!ret->name.p || !ret->text.p)) {
        return err_set(err, -ENOMEM, "the managed content is too large");
    }
    return r < 0 ? r : split(m, path, ret, err);
}

static int read_folder(struct managed *m, const char *dir, struct content_file **ret, size_t *ret_n,
                       struct err *err)
{
    struct dirent **entries;
    int n = scandir(dir, &entries, is_yaml, alphasort);
    if (n < 0) {
        return errno == ENOENT ? 0 : err_set(err, -errno, "%s: %m", dir);
    }
    *ret = ARENA_ARRAY(&m->arena, struct content_file, (size_t)n);
    int r = *ret && n <= CONTENT_FILES_MAX ? 0 : err_set(err, -E2BIG, "%s: too many files", dir);
    for (int i = 0; i < n; i++) {
        r = r == 0 ? read_file(m, dir, entries[i]->d_name, &(*ret)[i], err) : r;
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

static bool below(char path[static PATH_MAX], const char *dir, const char *name)
{
    struct buf buf;
    buf_init_fixed(&buf, path, PATH_MAX);
    buf_printf(&buf, "%s/%s", dir, name);
    buf_putc(&buf, '\0');
    return !buf.failed;
}

int managed_load(const char *dir, bool required, struct managed **ret, struct err *err)
{
    CLEANUP(cleanup_managed_free) struct managed *m = mem_zalloc(sizeof(*m));
    char path[PATH_MAX];
    struct stat status;
    if (!m) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    arena_init(&m->arena, CONTENT_SET_MAX);
    m->dir = arena_str(&m->arena, str_of(dir ? dir : ""));
    bool there = dir && stat(dir, &status) == 0 && S_ISDIR(status.st_mode);
    if (!there && required) {
        return err_set(err, -ENOENT, "%s: no directory of content", dir ? dir : "content.dir");
    }
    int r = 0;
    if (there && below(path, dir, "rules")) {
        r = read_folder(m, path, &m->rules, &m->nrules, err);
    }
    if (there && r == 0 && below(path, dir, "policies")) {
        r = read_folder(m, path, &m->policies, &m->npolicies, err);
    }
    m->hash = hash_all(m);
    if (r == 0) {
        *ret = TAKE(m);
    }
    return r;
}
