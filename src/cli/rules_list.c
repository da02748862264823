/*
 * rules list: what rules there are: name, priority, enabled, tags, source.
 */
#include "cli/cli.h"

#include "base/buf.h"
#include "cli/load_rules.h"

#include <getopt.h>
#include <stdio.h>

#define LIST_OUTPUT_MAX ((size_t)1 << 30)

static const char usage[] =
    "Usage: hinomi rules list [--json] [--tag TAG] FILE|DIRECTORY...\n\n"
    "Lists rules in the order in which they are asked: whether they are enabled, priority, name,\n"
    "tags. Rules of another source than syscall, or of unknown fields, are \"skipped\".\n\n"
    "  --json      an array of objects, with source, description, file and line\n"
    "  --tag TAG   only rules with this tag\n"
    "  --help      print this\n\n"
    "Exit status: 0 listed, 1 the rules have errors, 2 usage.\n";

static bool has_tag(const struct rule *rule, const char *tag)
{
    for (uint32_t i = 0; i < rule->ntags && tag; i++) {
        if (str_eqz(rule->tags[i], tag)) {
            return true;
        }
    }
    return tag == NULL;
}

static void put_json(const struct ruleset *ruleset, const char *tag, struct buf *buf)
{
    struct jsonw w = { .buf = buf };
    jsonw_array(&w, NULL);
    for (uint32_t i = 0; i < ruleset->nrules; i++) {
        const struct rule *rule = &ruleset->rules[i];
        if (!has_tag(rule, tag)) {
            continue;
        }
        jsonw_object(&w, NULL);
        jsonw_str(&w, "name", rule->name);
        jsonw_strz(&w, "priority", priority_text(rule->priority));
        jsonw_bool(&w, "enabled", rule->enabled);
        jsonw_bool(&w, "skipped", rule->cond == NULL);
        jsonw_str(&w, "source", rule->source);
        jsonw_array(&w, "tags");
        for (uint32_t t = 0; t < rule->ntags; t++) {
            jsonw_str(&w, NULL, rule->tags[t]);
        }
        jsonw_end(&w);
        jsonw_str(&w, "desc", rule->desc);
        jsonw_str(&w, "file", ruleset->files[rule->pos.file]);
        jsonw_u64(&w, "line", rule->pos.line);
        jsonw_end(&w);
    }
    jsonw_end(&w);
    buf_putc(buf, '\n');
}

static void put_text(const struct ruleset *ruleset, const char *tag, struct buf *buf)
{
    for (uint32_t i = 0; i < ruleset->nrules; i++) {
        const struct rule *rule = &ruleset->rules[i];
        if (!has_tag(rule, tag)) {
            continue;
        }
        buf_printf(buf, "%-8s %-13s ",
                   !rule->cond     ? "skipped"
                   : rule->enabled ? "enabled"
                                   : "disabled",
                   priority_text(rule->priority));
        buf_json_escaped(buf, rule->name);
        if (!str_eq(rule->source, STR("syscall"))) {
            buf_putz(buf, " <");
            buf_json_escaped(buf, rule->source);
            buf_putc(buf, '>');
        }
        for (uint32_t t = 0; t < rule->ntags; t++) {
            buf_putz(buf, t ? "," : " [");
            buf_json_escaped(buf, rule->tags[t]);
        }
        buf_putz(buf, rule->ntags ? "]\n" : "\n");
    }
}

static int list(char **paths, int n, bool json, const char *tag)
{
    struct ruleset *ruleset;
    int status = cli_load_rules(paths, n, &ruleset);
    if (status != EXIT_OK) {
        return status;
    }
    struct buf buf;
    buf_init(&buf, LIST_OUTPUT_MAX);
    if (json) {
        put_json(ruleset, tag, &buf);
    } else {
        put_text(ruleset, tag, &buf);
    }
    bool ok = !buf.failed && fwrite(buf.p, 1, buf.n, stdout) == buf.n && fflush(stdout) == 0;
    if (!ok) {
        fputs("hinomi: cannot write the list\n", stderr);
    }
    buf_done(&buf);
    ruleset_free(ruleset);
    return ok ? EXIT_OK : EXIT_NEGATIVE;
}

int cli_rules_list(int argc, char **argv)
{
    static const struct option options[] = { { "json", no_argument, NULL, 'j' },
                                             { "tag", required_argument, NULL, 't' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    bool json = false;
    const char *tag = NULL;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'j':
            json = true;
            break;
        case 't':
            tag = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            return EXIT_OK;
        default:
            fputs(usage, stderr);
            return EXIT_USAGE;
        }
    }
    if (optind == argc) {
        fprintf(stderr, "%s: no rule files given\n\n%s", argv[0], usage);
        return EXIT_USAGE;
    }
    return list(argv + optind, argc - optind, json, tag);
}
