/*
 * load_rules: reads rule files and hands their contents to a loader.
 *
 * A file that cannot be read, or is no regular file and no pipe, becomes a diagnostic like any
 * other.
 */
#include "cli/load_rules.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "cli/cli.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

int cli_add_rules(struct loader *loader, char **paths, int n)
{
    int r = 0;
    for (int i = 0; i < n && r == 0; i++) {
        struct stat status;
        bool is_directory = stat(paths[i], &status) == 0 && S_ISDIR(status.st_mode);
        r = is_directory ? add_directory(loader, paths[i]) : add_file(loader, paths[i]);
    }
    return r;
}

/* File names, kept: the ruleset takes them from the loader. */
static void print_errors(const struct loader *loader, const struct str *files, uint32_t nfiles)
{
    const struct diag_list *diags = loader_diagnostics(loader);
    struct buf text;
    buf_init(&text, (size_t)1 << 20);
    for (uint32_t i = 0; i < diags->n; i++) {
        const struct diagnostic *d = &diags->items[i];
        if (!diag_is_error(d->code)) {
            continue;
        }
        buf_clear(&text);
        diag_text(d, d->pos.file < nfiles ? files[d->pos.file] : STR("rules"), &text);
        fwrite(text.p, 1, text.n, stderr);
    }
    if (diags->dropped > 0) {
        fprintf(stderr, "hinomi: %u more\n", diags->dropped);
    }
    buf_done(&text);
}

int cli_load_rules(char **paths, int n, struct ruleset **ret)
{
    struct loader *loader;
    struct err err = { 0 };
    if (n == 0) {
        fputs("hinomi: no rule files given\n", stderr);
        return EXIT_USAGE;
    }
    if (loader_new(NULL, &loader) < 0) {
        fputs("hinomi: out of memory\n", stderr);
        return EXIT_NEGATIVE;
    }
    struct ruleset *ruleset = NULL;
    int r = cli_add_rules(loader, paths, n);
    if (r == 0) {
        r = loader_finish(loader, true, &ruleset, &err);
    }
    if (r == 0 && ruleset->nfiles == 0) {
        r = err_set(&err, -ENOENT, "there are no .yaml or .yml files");
    }
    bool wrong = r < 0 || loader_diagnostics(loader)->nerrors > 0;
    if (wrong) {
        print_errors(loader, ruleset ? ruleset->files : NULL, ruleset ? ruleset->nfiles : 0);
        fprintf(stderr, "hinomi: %s\n",
                r < 0 ? err.message[0] ? err.message : "the rules need more memory than allowed"
                      : "the rules have errors");
    }
    loader_free(loader);
    if (wrong) {
        ruleset_free(ruleset);
        return EXIT_NEGATIVE;
    }
    *ret = ruleset;
    return EXIT_OK;
}
