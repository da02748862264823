/*
 * hinomi doctor: the arguments, and the report in one piece.
 */
#include "cli/doctor.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REPORT_MAX ((size_t)16 << 20)

#ifndef HINOMI_RULES
#define HINOMI_RULES "/usr/local/share/hinomi/rules"
#endif
#define SOURCE_RULES "content/rules"

static const char help[] =
    "Usage: hinomi doctor [--json] [--rules FILE|DIRECTORY...]\n"
    "\n"
    "Tells what this kernel and this container allow, found by trying; which sensor will be used, "
    "and\n"
    "why; and which rules cannot fire here, and why. Nothing is changed.\n"
    "\n"
    "  --json                     one object of JSON\n"
    "  --rules FILE|DIRECTORY...  the rules to ask about; may be repeated (the installed ones, or\n"
    "                             those in content/rules, when there are any)\n"
    "  --priority PRIORITY        only rules at least this severe (emergency ... debug)\n"
    "  --tag TAG                  only rules with one of these tags; may be repeated\n"
    "  --disable-tag TAG          no rules with this tag; may be repeated\n"
    "  --disable-rule NAME        no rules whose name holds this text; may be repeated\n"
    "  --help                     print this\n"
    "\n"
    "Exit status: 0 some sensor works here; 1 the rules are wrong; 2 usage; 3 no sensor works.\n";

enum option {
    OPT_JSON,
    OPT_RULES,
    OPT_PRIORITY,
    OPT_TAG,
    OPT_DISABLE_TAG,
    OPT_DISABLE_RULE,
    OPT_HELP,
    OPT_SHORT_HELP,
    OPT_COUNT,
};

static const struct option_spec options[OPT_COUNT] = {
    [OPT_JSON] = { "--json", false, false },
    [OPT_RULES] = { "--rules", true, true },
    [OPT_PRIORITY] = { "--priority", true, false },
    [OPT_TAG] = { "--tag", true, false },
    [OPT_DISABLE_TAG] = { "--disable-tag", true, false },
    [OPT_DISABLE_RULE] = { "--disable-rule", true, false },
    [OPT_HELP] = { "--help", false, false },
    [OPT_SHORT_HELP] = { "-h", false, false },
};

struct arguments {
    struct rule_choice choice;
    bool json, help;
};

static int usage_error(const char *message, const char *what)
{
    fprintf(stderr, "hinomi doctor: %s: %s\nTry: hinomi doctor --help\n", message, what);
    return EXIT_USAGE;
}

static int take_option(struct arguments *a, enum option option, char *value)
{
    switch (option) {
    case OPT_JSON:
        a->json = true;
        return 0;
    case OPT_RULES:
        return words_add(&a->choice.rules, value);
    case OPT_PRIORITY:
        return rule_choice_set_priority(&a->choice, value);
    case OPT_TAG:
        return words_add(&a->choice.tags, value);
    case OPT_DISABLE_TAG:
        return words_add(&a->choice.disabled_tags, value);
    case OPT_DISABLE_RULE:
        return words_add(&a->choice.disabled_rules, value);
    default:
        a->help = true;
        return 0;
    }
}

static int parse_words(int argc, char **argv, struct arguments *a)
{
    struct options reader = OPTIONS_INIT(options, argc, argv);
    char *value;
    int option;
    while (!a->help && (option = options_next(&reader, &value)) != OPTIONS_END) {
        switch (option) {
        case OPTIONS_UNKNOWN:
            return usage_error("there is no such option", value);
        case OPTIONS_NO_VALUE:
            return usage_error("this option needs a value", value);
        case OPTIONS_WORD:
            return usage_error("this word belongs to no option", value);
        default:
            if (take_option(a, (enum option)option, value) < 0) {
                return usage_error(option == OPT_PRIORITY ? PRIORITY_HINT : "too many values",
                                   value);
            }
        }
    }
    return EXIT_OK;
}

static int add_default_rules(struct rule_choice *choice)
{
    static char installed[] = HINOMI_RULES;
    static char source[] = SOURCE_RULES;
    if (choice->rules.n) {
        return 0;
    }
    char *found = access(installed, R_OK) == 0 ? installed
                  : access(source, R_OK) == 0  ? source
                                               : NULL;
    return found ? words_add(&choice->rules, found) : 0;
}

static void put_report(const struct doctor_facts *facts, const struct doctor_rules *rules,
                       bool json, struct buf *buf)
{
    struct jsonw w = { .buf = buf };
    if (!json) {
        doctor_text(facts, buf);
        if (rules) {
            doctor_rules_text(rules, buf);
        }
        return;
    }
    jsonw_object(&w, NULL);
    doctor_json(facts, &w);
    if (rules) {
        doctor_rules_json(rules, &w);
    }
    jsonw_end(&w);
    buf_putc(buf, '\n');
}

static int report(const struct doctor_facts *facts, const struct doctor_rules *rules, bool json)
{
    CLEANUP(buf_done) struct buf buf;
    buf_init(&buf, REPORT_MAX);
    put_report(facts, rules, json, &buf);
    int r = buf.failed ? -1 : fd_write_all(STDOUT_FILENO, buf.p, buf.n);
    if (r < 0) {
        fputs("hinomi doctor: cannot write the report\n", stderr);
        return EXIT_NEGATIVE;
    }
    return doctor_can_notify(facts) || doctor_can_ptrace(facts) ? EXIT_OK : EXIT_LACKS;
}

static void arguments_done(struct arguments *a)
{
    rule_choice_done(&a->choice);
}

int cli_doctor(int argc, char **argv)
{
    CLEANUP(arguments_done) struct arguments a = { .choice.priority = PRIORITY_DEBUG };
    struct doctor_facts facts;
    struct doctor_rules *rules = NULL;
    int r = parse_words(argc, argv, &a);
    if (r == EXIT_OK && a.help) {
        fputs(help, stdout);
        return EXIT_OK;
    }
    if (r != EXIT_OK) {
        return r;
    }
    if (a.choice.tags.n && a.choice.disabled_tags.n) {
        return usage_error("these exclude each other", "--tag, --disable-tag");
    }
    if (add_default_rules(&a.choice) < 0) {
        return EXIT_NEGATIVE;
    }
    doctor_find(&facts);
    if (a.choice.rules.n) {
        r = doctor_rules_new(&a.choice, doctor_can_notify(&facts), &rules);
    }
    r = r == EXIT_OK ? report(&facts, rules, a.json) : r;
    doctor_rules_free(rules);
    return r;
}
