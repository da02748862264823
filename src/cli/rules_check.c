/*
 * rules check: everything that is wrong in rule files, as text with carets or as Falco's JSON.
 */
#include "agent/load_rules.h"
#include "base/buf.h"
#include "base/map.h"
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#define CHECK_OUTPUT_MAX ((size_t)1 << 30)

static const char usage[] =
    "Usage: hinomi rules check [--json] FILE|DIRECTORY...\n\n"
    "Says everything that is wrong in rule files, each with place, source line and, where there "
    "is\n"
    "one, a hint. Files are read in the order given, those of a directory (.yaml, .yml)\n"
    "alphabetically; a file can refer to earlier ones.\n\n"
    "  --json      an array: per file name, successful, errors, warnings\n"
    "  --help      print this\n\n"
    "Exit status: 0 no errors (warnings do not count), 1 errors, 2 usage.\n";

/* Diagnostics of one file, errors or warnings. */
static void put_some(const struct diag_list *diags, const struct ruleset *ruleset, uint32_t file,
                     bool errors, struct jsonw *w)
{
    jsonw_array(w, errors ? "errors" : "warnings");
    for (uint32_t i = 0; i < diags->n; i++) {
        const struct diagnostic *d = &diags->items[i];
        if (d->pos.file == file && diag_is_error(d->code) == errors) {
            diag_json(d, ruleset->files[file], w);
        }
    }
    jsonw_end(w);
}

static void put_json(const struct diag_list *diags, const struct ruleset *ruleset, struct buf *buf)
{
    struct jsonw w = { .buf = buf };
    jsonw_array(&w, NULL);
    for (uint32_t file = 0; file < ruleset->nfiles; file++) {
        bool successful = true;
        for (uint32_t i = 0; i < diags->n && successful; i++) {
            successful = diags->items[i].pos.file != file || !diag_is_error(diags->items[i].code);
        }
        jsonw_object(&w, NULL);
        jsonw_str(&w, "name", ruleset->files[file]);
        jsonw_bool(&w, "successful", successful);
        put_some(diags, ruleset, file, true, &w);
        put_some(diags, ruleset, file, false, &w);
        jsonw_end(&w);
    }
    jsonw_end(&w);
    buf_putc(buf, '\n');
}

/* Is it the first with that code and text at that place? A macro's fault comes up in each rule. */
static bool is_first(struct map *places, const struct diagnostic *d)
{
    uint64_t place = hash_u64((uint64_t)d->pos.file << 32 | (uint64_t)d->code) ^
                     ((uint64_t)d->pos.line << 32 | d->pos.column);
    uint64_t key = hash_u64(place ^ str_hash(d->message));
    bool first = d->pos.line == 0 || !map_get(places, key);
    map_put(places, key, places); /* out of memory: printed twice */
    return first;
}

static void put_text(const struct diag_list *diags, const struct ruleset *ruleset, struct buf *buf)
{
    struct map places = { 0 };
    uint32_t warnings = 0;
    for (uint32_t i = 0; i < diags->n; i++) {
        const struct diagnostic *d = &diags->items[i];
        struct str file =
            d->pos.file < ruleset->nfiles ? ruleset->files[d->pos.file] : STR("rules");
        if (is_first(&places, d)) {
            diag_text(d, file, buf);
        }
        warnings += !diag_is_error(d->code);
    }
    map_done(&places);
    buf_printf(buf, "%u file%s, %u rule%s, %u error%s, %u warning%s", ruleset->nfiles,
               ruleset->nfiles == 1 ? "" : "s", ruleset->nrules, ruleset->nrules == 1 ? "" : "s",
               diags->nerrors, diags->nerrors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
    if (diags->dropped > 0) {
        buf_printf(buf, ", %u more not shown", diags->dropped);
    }
    buf_putc(buf, '\n');
}

static int print(const struct loader *loader, const struct ruleset *ruleset, bool json)
{
    const struct diag_list *diags = loader_diagnostics(loader);
    struct buf buf;
    buf_init(&buf, CHECK_OUTPUT_MAX);
    if (json) {
        put_json(diags, ruleset, &buf);
    } else {
        put_text(diags, ruleset, &buf);
    }
    bool ok = !buf.failed && fwrite(buf.p, 1, buf.n, stdout) == buf.n && fflush(stdout) == 0;
    buf_done(&buf);
    if (!ok) {
        fputs("hinomi: cannot write the result\n", stderr);
    }
    return ok && diags->nerrors == 0 ? EXIT_OK : EXIT_NEGATIVE;
}

/* What cannot be said of the files, of which nothing is left. */
static void print_failure(const char *path, const char *why)
{
    struct buf buf;
    struct jsonw w = { .buf = &buf };
    const struct diagnostic d = { .code = LOAD_ERR_VALIDATE, .message = str_of(why) };
    buf_init(&buf, CHECK_OUTPUT_MAX);
    jsonw_array(&w, NULL);
    jsonw_object(&w, NULL);
    jsonw_strz(&w, "name", path);
    jsonw_bool(&w, "successful", false);
    jsonw_array(&w, "errors");
    diag_json(&d, str_of(path), &w);
    jsonw_end(&w);
    jsonw_array(&w, "warnings");
    jsonw_end(&w);
    jsonw_end(&w);
    jsonw_end(&w);
    buf_putc(&buf, '\n');
    fwrite(buf.p, 1, buf.n, stdout);
    buf_done(&buf);
}

static int check(char **paths, int n, bool json)
{
    struct loader *loader;
    struct ruleset *ruleset = NULL;
    struct err err = { 0 };
    if (loader_new(NULL, &loader) < 0) {
        fputs("hinomi: out of memory\n", stderr);
        return EXIT_NEGATIVE;
    }
    int status = EXIT_NEGATIVE;
    int r = load_rules_add(loader, paths, (size_t)n);
    if (r == 0) {
        r = loader_finish(loader, true, &ruleset, &err);
    }
    if (r == 0 && ruleset->nfiles == 0) {
        r = err_set(&err, -ENOENT, "there are no .yaml or .yml files");
    }
    if (r == 0) {
        status = print(loader, ruleset, json);
    } else {
        const char *why = err.message[0] ? err.message : "the rules need more memory than allowed";
        fprintf(stderr, "hinomi: %s\n", why);
        if (json && r == -ENOMEM) {
            print_failure(paths[n - 1], why);
        }
    }
    ruleset_free(ruleset);
    loader_free(loader);
    return status;
}

int cli_rules_check(int argc, char **argv)
{
    static const struct option options[] = { { "json", no_argument, NULL, 'j' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    bool json = false;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(usage, stdout);
            return EXIT_OK;
        }
        if (c != 'j') {
            fputs(usage, stderr);
            return EXIT_USAGE;
        }
        json = true;
    }
    if (optind == argc) {
        fprintf(stderr, "%s: no rule files given\n\n%s", argv[0], usage);
        return EXIT_USAGE;
    }
    return check(argv + optind, argc - optind, json);
}
