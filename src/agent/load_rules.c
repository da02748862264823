/*
 * load_rules: reads rule files and hands their contents to a loader.
 *
 * A file that cannot be read, or is no regular file and no pipe, becomes a diagnostic like any
 * other. Lists come after all rules, since items are appended to what rules declare.
 */
#include "agent/load_rules.h"

#include "base/cleanup.h"
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

CLEANUP_DEFINE(struct loader, loader_free);
CLEANUP_DEFINE(struct ruleset, ruleset_free);

/* What becomes of one file of a directory, in alphabetical order; -ENOMEM ends it. */
struct visitor {
    int (*visit)(void *data, const char *path);
    int (*wanted)(const struct dirent *entry);
    void *data;
};

static int visit_directory(const char *path, const struct visitor *visitor)
{
    struct dirent **entries;
    int n = scandir(path, &entries, visitor->wanted, alphasort);
    if (n < 0) {
        return -errno;
    }
    int r = 0;
    struct buf file;
    buf_init(&file, PATH_MAX);
    for (int i = 0; i < n; i++) {
        buf_clear(&file);
        buf_printf(&file, "%s/%s", path, entries[i]->d_name);
        buf_putc(&file, '\0');
        if (r == 0) {
            r = file.failed ? -ENOMEM : visitor->visit(visitor->data, file.p);
        }
        free(entries[i]);
    }
    buf_done(&file);
    free(entries);
    return r;
}

static bool has_ending(const struct dirent *entry, struct str ending)
{
    struct str name = str_of(entry->d_name);
    return name.n > ending.n && name.p[0] != '.' && str_ends(name, ending);
}

static int is_yaml(const struct dirent *entry)
{
    return has_ending(entry, STR(".yaml")) || has_ending(entry, STR(".yml"));
}

static int is_list(const struct dirent *entry)
{
    return has_ending(entry, STR(".txt"));
}

static bool is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* A file below a directory; false: the path is too long. */
static bool below(char path[static PATH_MAX], const char *directory, const char *name)
{
    struct buf buf;
    buf_init_fixed(&buf, path, PATH_MAX);
    buf_printf(&buf, "%s/%s", directory, name);
    buf_putc(&buf, '\0');
    return !buf.failed;
}

static int add_file(struct loader *loader, const char *path, struct str list)
{
    struct buf content;
    struct err err = { 0 };
    buf_init(&content, RULES_FILE_MAX + 1);
    int r = file_read(path, &content, &err);
    if (r == -EFBIG) {
        loader_add_unreadable(loader, str_of(path), STR("the file is larger than 64 MiB"));
    } else if (r < 0) {
        loader_add_unreadable(loader, str_of(path), str_of(err.message));
    } else if (list.n > 0) {
        r = loader_add_items(loader, str_of(path), list, buf_str(&content));
    } else {
        r = loader_add(loader, str_of(path), buf_str(&content));
    }
    buf_done(&content);
    return r == -ENOMEM ? r : 0;
}

static int add_rules_file(void *loader, const char *path)
{
    return add_file(loader, path, STR(""));
}

static int add_items_file(void *loader, const char *path)
{
    const char *name = strrchr(path, '/') + 1;
    return add_file(loader, path, str_first(str_of(name), strlen(name) - strlen(".txt")));
}

bool load_rules_is_bundle(const char *path)
{
    char rules[PATH_MAX];
    return below(rules, path, "rules") && is_directory(rules);
}

static int add_directory(struct loader *loader, const char *path)
{
    const struct visitor visitor = { add_rules_file, is_yaml, loader };
    char rules[PATH_MAX];
    bool bundle = below(rules, path, "rules") && is_directory(rules);
    int r = visit_directory(bundle ? rules : path, &visitor);
    if (r < 0 && r != -ENOMEM) {
        loader_add_unreadable(loader, str_of(path), str_of(strerror(-r)));
        r = 0;
    }
    return r;
}

static int add_lists(struct loader *loader, const char *path)
{
    const struct visitor visitor = { add_items_file, is_list, loader };
    char lists[PATH_MAX];
    if (!below(lists, path, "lists") || !is_directory(lists)) {
        return 0;
    }
    int r = visit_directory(lists, &visitor);
    if (r < 0 && r != -ENOMEM) {
        loader_add_unreadable(loader, str_of(lists), str_of(strerror(-r)));
        r = 0;
    }
    return r;
}

int load_rules_add(struct loader *loader, char *const *paths, size_t n)
{
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        r = is_directory(paths[i]) ? add_directory(loader, paths[i])
                                   : add_file(loader, paths[i], STR(""));
    }
    for (size_t i = 0; i < n && r == 0; i++) {
        r = is_directory(paths[i]) ? add_lists(loader, paths[i]) : 0;
    }
    return r;
}

static int add_policy_file(void *data, const char *path)
{
    struct policies *policies = data;
    struct buf text;
    struct err err = { 0 };
    buf_init(&text, POLICY_FILE_MAX + 1);
    int r = file_read(path, &text, &err);
    if (r == 0 || r == -EFBIG) {
        r = policies_add(policies, str_of(path), buf_str(&text));
    } else {
        policies_add_unreadable(policies, str_of(path), str_of(err.message));
    }
    buf_done(&text);
    return r == -ENOMEM ? r : 0;
}

int load_policies_add(struct policies *policies, const char *path)
{
    const struct visitor visitor = { add_policy_file, is_yaml, policies };
    if (!is_directory(path)) {
        return add_policy_file(policies, path);
    }
    int r = visit_directory(path, &visitor);
    if (r < 0 && r != -ENOMEM) {
        policies_add_unreadable(policies, str_of(path), str_of(strerror(-r)));
        r = 0;
    }
    return r;
}

int load_policies_of_bundle(struct policies *policies, const char *path)
{
    char file[PATH_MAX];
    bool there =
        load_rules_is_bundle(path) && below(file, path, "policies.yaml") && access(file, F_OK) == 0;
    return there ? add_policy_file(policies, file) : 0;
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
