/*
 * rules fields: the reference of all fields: a table for people, JSON, or the page docs/fields.md.
 *
 * All three come from the one table of fields (event/fields.def). "Kept" says how long a value can be
 * kept for a thread; a rule that only looks at kept values can be decided without its events.
 */
#include "cli/cli.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "event/field.h"

#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#define PAGE_MAX ((size_t)4 << 20)

static const char *const type_names[TYPE_COUNT] = {
    [TYPE_CHARBUF] = "text",  [TYPE_BYTEBUF] = "bytes", [TYPE_BOOL] = "bool",
    [TYPE_INT16] = "int16",   [TYPE_INT32] = "int32",   [TYPE_INT64] = "int64",
    [TYPE_UINT32] = "uint32", [TYPE_UINT64] = "uint64", [TYPE_RELTIME] = "duration",
    [TYPE_ABSTIME] = "time",  [TYPE_PORT] = "port",     [TYPE_IPADDR] = "address",
    [TYPE_IPNET] = "network", [TYPE_DOUBLE] = "double", [TYPE_DYN] = "as declared",
};

static const char *const volatility_names[VOLATILE_COUNT] = {
    [VOLATILE_EVENT] = "event",         [VOLATILE_EXEC] = "exec", [VOLATILE_CRED] = "cred",
    [VOLATILE_SESSION] = "session",     [VOLATILE_CWD] = "cwd",   [VOLATILE_LINEAGE] = "lineage",
    [VOLATILE_CONTAINER] = "container",
};

static const struct {
    uint16_t flag;
    const char *name;
} flag_names[] = {
    { FIELD_LIST, "list" },
    { FIELD_TABLE_ONLY, "output only" },
    { FIELD_FILTER_ONLY, "condition only" },
    { FIELD_PRINT_ONLY, "print only" },
    { FIELD_DEPRECATED, "deprecated" },
    { FIELD_OWN, "own" },
    { FIELD_EMPTY, "empty" },
};
#define FLAGS (sizeof(flag_names) / sizeof(flag_names[0]))

/* "[index]", "[key]", "[index or key]", in parentheses when it may be left out. */
static const char *argument_form(uint16_t flags)
{
    bool allowed = flags & FIELD_ARG_ALLOWED;
    bool index = flags & FIELD_ARG_INDEX;
    bool key = flags & FIELD_ARG_KEY;
    if (!(flags & (FIELD_ARG_REQUIRED | FIELD_ARG_ALLOWED))) {
        return "";
    }
    if (index && key) {
        return allowed ? "([number or name])" : "[number or name]";
    }
    if (index) {
        return allowed ? "([number])" : "[number]";
    }
    return allowed ? "([name])" : "[name]";
}

static void put_flags(struct buf *buf, uint16_t flags)
{
    const char *separator = "";
    for (size_t i = 0; i < FLAGS; i++) {
        if (flags & flag_names[i].flag) {
            buf_putz(buf, separator);
            buf_putz(buf, flag_names[i].name);
            separator = ", ";
        }
    }
}

static void put_table(struct buf *buf)
{
    for (int i = 0; i < FIELD_COUNT; i++) {
        const struct field_desc *desc = &field_table[i];
        struct buf flags;
        char storage[128];
        buf_init_fixed(&flags, storage, sizeof(storage));
        put_flags(&flags, desc->flags);
        buf_printf(buf, "%-42s %-19s %-11s %-9s %s%s%.*s%s\n", desc->name,
                   argument_form(desc->flags), type_names[desc->type],
                   volatility_names[desc->volatility], desc->doc, flags.n ? " (" : "",
                   STR_ARG(buf_str(&flags)), flags.n ? ")" : "");
    }
}

static void put_json(struct buf *buf)
{
    struct jsonw w = { .buf = buf };
    jsonw_array(&w, NULL);
    for (int i = 0; i < FIELD_COUNT; i++) {
        const struct field_desc *desc = &field_table[i];
        jsonw_object(&w, NULL);
        jsonw_strz(&w, "name", desc->name);
        jsonw_strz(&w, "class", desc->class);
        jsonw_strz(&w, "type", type_names[desc->type]);
        jsonw_strz(&w, "argument",
                   desc->flags & FIELD_ARG_REQUIRED  ? "required"
                   : desc->flags & FIELD_ARG_ALLOWED ? "allowed"
                                                     : "none");
        jsonw_bool(&w, "argument_is_index", desc->flags & FIELD_ARG_INDEX);
        jsonw_bool(&w, "argument_is_key", desc->flags & FIELD_ARG_KEY);
        jsonw_array(&w, "flags");
        for (size_t f = 0; f < FLAGS; f++) {
            if (desc->flags & flag_names[f].flag) {
                jsonw_strz(&w, NULL, flag_names[f].name);
            }
        }
        jsonw_end(&w);
        jsonw_strz(&w, "kept", volatility_names[desc->volatility]);
        jsonw_strz(&w, "doc", desc->doc);
        jsonw_end(&w);
    }
    jsonw_end(&w);
    buf_putc(buf, '\n');
}

/* '|' and '<' mean something in tables of Markdown. */
static void put_cell(struct buf *buf, const char *text)
{
    for (; *text; text++) {
        if (*text == '|' || *text == '<' || *text == '*' || *text == '_') {
            buf_putc(buf, '\\');
        }
        buf_putc(buf, *text);
    }
}

static void put_class(struct buf *buf, const char *class)
{
    buf_printf(buf, "\n## %s\n\n| field | type | kept | |\n|---|---|---|---|\n", class);
    for (int i = 0; i < FIELD_COUNT; i++) {
        const struct field_desc *desc = &field_table[i];
        if (!str_eqz(str_of(desc->class), class)) {
            continue;
        }
        buf_printf(buf, "| `%s%s` | %s | %s | ", desc->name, argument_form(desc->flags),
                   type_names[desc->type], volatility_names[desc->volatility]);
        put_cell(buf, desc->doc);
        struct buf flags;
        char storage[128];
        buf_init_fixed(&flags, storage, sizeof(storage));
        put_flags(&flags, desc->flags);
        if (flags.n) {
            buf_printf(buf, " *%.*s*", STR_ARG(buf_str(&flags)));
        }
        buf_puts(buf, STR(" |\n"));
    }
}

static const char page_head[] =
    "# Fields\n"
    "\n"
    "What conditions and outputs of rules can name. Made by `hinomi rules fields --markdown`.\n"
    "\n"
    "*kept* says what ends a value that is kept for a thread: **event** nothing is kept; **exec** "
    "an\n"
    "exec or the creation of the task; **cred** a change of ids or capabilities; **session** a "
    "new\n"
    "session; **cwd** a change of directory; **lineage** an exec, exit or change of an ancestor;\n"
    "**container** a change of the container's metadata.\n"
    "\n"
    "*list*: several values, of which a rule asks for one or all; *own*: Hinomi's, not Falco's;\n"
    "*empty*: known, so that rules load, but only sources that Hinomi does not have carry it;\n"
    "*deprecated*: use draws a warning. An argument in parentheses may be left out.\n";

static void put_markdown(struct buf *buf)
{
    buf_putz(buf, page_head);
    for (int i = 0; i < FIELD_COUNT; i++) {
        bool first = true;
        for (int before = 0; before < i && first; before++) {
            first = !str_eqz(str_of(field_table[before].class), field_table[i].class);
        }
        if (first) {
            put_class(buf, field_table[i].class);
        }
    }
}

static int usage(FILE *out, int code)
{
    fputs("Usage: hinomi rules fields [--json | --markdown]\n\n"
          "Lists all fields that rules can use: name, argument, type, what ends a value that is "
          "kept\n"
          "for a thread (event: nothing is kept), and what it is.\n\n"
          "  --json      as an array of objects\n"
          "  --markdown  as the page docs/fields.md\n"
          "  --help      print this\n\n"
          "Exit status: 0 listed, 1 standard output cannot be written, 2 usage.\n",
          out);
    return code;
}

int cli_rules_fields(int argc, char **argv)
{
    static const struct option options[] = { { "json", no_argument, NULL, 'j' },
                                             { "markdown", no_argument, NULL, 'm' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    void (*put)(struct buf *) = put_table;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        switch (option) {
        case 'j':
            put = put_json;
            break;
        case 'm':
            put = put_markdown;
            break;
        case 'h':
            return usage(stdout, EXIT_OK);
        default:
            return usage(stderr, EXIT_USAGE);
        }
    }
    if (optind < argc) {
        return usage(stderr, EXIT_USAGE);
    }
    struct buf buf;
    buf_init(&buf, PAGE_MAX);
    put(&buf);
    int r = buf.failed ? -1 : fd_write_all(STDOUT_FILENO, buf.p, buf.n);
    buf_done(&buf);
    if (r < 0) {
        log_error("cannot write the list of fields");
        return EXIT_NEGATIVE;
    }
    return EXIT_OK;
}
