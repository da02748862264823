/*
 * load_rules: reads rule files and hands their contents to a loader.
 *
 * A file that cannot be read, or is no regular file and no pipe, becomes a diagnostic like any
 * other.
 */
#include "agent/load_rules.h"

#include "base/cleanup.h"
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

CLEANUP_DEFINE(struct loader, loader_free);
CLEANUP_DEFINE(struct ruleset, ruleset_free);

static int add_file(struct loader *loader, const char *path)
{
    struct buf content;
    struct err err = { 0 };
    buf_init(&content, RULES_FILE_MAX + 1);
    int r = file_read(path, &content, &err);
    if (r == -EFBIG) {
        loader_add_unreadable(loader, str_of(path), STR("the file is larger than 64 MiB"));
    } else if (r < 0) {
        loader_add_unreadable(loader, str_of(path), str_of(err.message));
    } else {
        r = loader_add(loader, str_of(path), buf_str(&content));
    }
    buf_done(&content);
    return r == -ENOMEM ? r : 0;
}

static int is_rules_file(const struct dirent *entry)
{
    struct str name = str_of(entry->d_name);
    return name.n > 0 && name.p[0] != '.' &&
           (str_ends(name, STR(".yaml")) || str_ends(name, STR(".yml")));
}

static int add_directory(struct loader *loader, const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, is_rules_file, alphasort);
    if (n < 0) {
        loader_add_unreadable(loader, str_of(path), str_of(strerror(errno)));
        return 0;
    }
    int r = 0;
    struct buf file;
    buf_init(&file, PATH_MAX);
    for (int i = 0; i < n; i++) {
        buf_clear(&file);
        buf_printf(&file, "%s/%s", path, entries[i]->d_name);
        buf_putc(&file, '\0');
        if (r == 0) {
            r = file.failed ? -ENOMEM : add_file(loader, file.p);
        }
        free(entries[i]);
    }
    buf_done(&file);
    free(entries);
    return r;
}

int load_rules_add(struct loader *loader, char *const *paths, size_t n)
{
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        struct stat status;
        bool is_directory = stat(paths[i], &status) == 0 && S_ISDIR(status.st_mode);
        r = is_directory ? add_directory(loader, paths[i]) : add_file(loader, paths[i]);
    }
    return r;
}

/* File names, kept: the ruleset takes them from the loader. */
static void put_errors(const struct loader *loader, const struct ruleset *ruleset, struct buf *text)
{
    const struct diag_list *diags = loader_diagnostics(loader);
    uint32_t nfiles = ruleset ? ruleset->nfiles : 0;
    for (uint32_t i = 0; i < diags->n; i++) {
        const struct diagnostic *d = &diags->items[i];
        if (diag_is_error(d->code)) {
            diag_text(d, d->pos.file < nfiles ? ruleset->files[d->pos.file] : STR("rules"), text);
        }
    }
    if (diags->dropped > 0) {
        buf_printf(text, "%u more\n", diags->dropped);
    }
}

int load_rules(char *const *paths, size_t n, struct ruleset **ret, struct buf *text,
               struct err *err)
{
    CLEANUP(cleanup_loader_free) struct loader *loader = NULL;
    CLEANUP(cleanup_ruleset_free) struct ruleset *ruleset = NULL;
    struct err why = { 0 };
    if (n == 0) {
        return err_set(err, -ENOENT, "no rule files given");
    }
    if (loader_new(NULL, &loader) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    int r = load_rules_add(loader, paths, n);
    r = r == 0 ? loader_finish(loader, true, &ruleset, &why) : r;
    if (r == 0 && ruleset->nfiles == 0) {
        return err_set(err, -ENOENT, "there are no .yaml or .yml files");
    }
    if (r == 0 && loader_diagnostics(loader)->nerrors == 0) {
        *ret = TAKE(ruleset);
        return 0;
    }
    put_errors(loader, ruleset, text);
    return r == 0
               ? err_set(err, -EINVAL, "the rules have errors")
               : err_set(err, r, "%s",
                         why.message[0] ? why.message : "the rules need more memory than allowed");
}
