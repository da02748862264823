/*
 * hinomi replay: the arguments, and what both ways of replaying share.
 *
 * --rules takes all words up to the next option. The capture is the word that belongs to no option or,
 * when there is none, the last one given to --rules.
 */
#include "cli/cli.h"
#include "cli/replay_run.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FLUSH_SIZE     ((size_t)64 << 10)
#define LARGE_CAPTURE  (UINT64_C(64) << 20)
#define PROGRESS_EVERY (200 * NS_PER_MS)

static const char help[] =
    "Usage: hinomi replay --rules FILE|DIRECTORY... [OPTION...] CAPTURE\n"
    "       hinomi replay --filter CONDITION [--format FORMAT] CAPTURE\n"
    "\n"
    "Runs rules over a capture (.scap, plain or gzip; - for standard input) and prints alerts on\n"
    "standard output, a summary on standard error. Or prints the events that fit a condition.\n"
    "\n"
    "  --rules FILE|DIRECTORY...  rule files, or directories of them; may be repeated\n"
    "  --json                     alerts as lines of JSON\n"
    "  --all                      alerts of all rules that match an event, not only the first\n"
    "  --priority PRIORITY        only rules at least this severe (emergency ... debug)\n"
    "  --tag TAG                  only rules with one of these tags; may be repeated\n"
    "  --disable-tag TAG          no rules with this tag; may be repeated\n"
    "  --disable-rule NAME        no rules whose name holds this text; may be repeated\n"
    "  --stats                    more figures in the summary\n"
    "  --filter CONDITION         print the events for which this is true; no rules, no macros\n"
    "  --format FORMAT            how: text with %fields (else number, time, CPU, process,\n"
    "                             thread, direction, type, arguments)\n"
    "  --help                     print this\n"
    "\n"
    "The capture is the last word, also right after --rules FILE.\n"
    "\n"
    "Exit status: 0 all read, with or without alerts; 1 the rules are wrong, or the capture is\n"
    "damaged (alerts up to the damage are printed); 2 usage.\n";

enum option {
    OPT_RULES,
    OPT_JSON,
    OPT_ALL,
    OPT_PRIORITY,
    OPT_TAG,
    OPT_DISABLE_TAG,
    OPT_DISABLE_RULE,
    OPT_STATS,
    OPT_FILTER,
    OPT_FORMAT,
    OPT_HELP,
    OPT_SHORT_HELP,
    OPT_COUNT,
};

static const struct option_spec options[OPT_COUNT] = {
    [OPT_RULES] = { "--rules", true, true },
    [OPT_JSON] = { "--json", false, false },
    [OPT_ALL] = { "--all", false, false },
    [OPT_PRIORITY] = { "--priority", true, false },
    [OPT_TAG] = { "--tag", true, false },
    [OPT_DISABLE_TAG] = { "--disable-tag", true, false },
    [OPT_DISABLE_RULE] = { "--disable-rule", true, false },
    [OPT_STATS] = { "--stats", false, false },
    [OPT_FILTER] = { "--filter", true, false },
    [OPT_FORMAT] = { "--format", true, false },
    [OPT_HELP] = { "--help", false, false },
    [OPT_SHORT_HELP] = { "-h", false, false },
};

static int usage_error(const char *message, const char *what)
{
    fprintf(stderr, "hinomi replay: %s%s%s\nTry: hinomi replay --help\n", message, what ? ": " : "",
            what ? what : "");
    return EXIT_USAGE;
}

static int take_option(struct replay_arguments *a, enum option option, char *value)
{
    switch (option) {
    case OPT_RULES:
        return words_add(&a->choice.rules, value);
    case OPT_TAG:
        return words_add(&a->choice.tags, value);
    case OPT_DISABLE_TAG:
        return words_add(&a->choice.disabled_tags, value);
    case OPT_DISABLE_RULE:
        return words_add(&a->choice.disabled_rules, value);
    case OPT_PRIORITY:
        return rule_choice_set_priority(&a->choice, value);
    case OPT_JSON:
        a->json = true;
        return 0;
    case OPT_ALL:
        a->all = true;
        return 0;
    case OPT_STATS:
        a->stats = true;
        return 0;
    case OPT_FILTER:
        a->filter = value;
        return 0;
    case OPT_FORMAT:
        a->format = value;
        return 0;
    default:
        return -EINVAL;
    }
}

/* EXIT_OK, or EXIT_USAGE having said why. --help sets *ret_help. */
static int parse_words(int argc, char **argv, struct replay_arguments *a, bool *ret_help)
{
    struct options reader = OPTIONS_INIT(options, argc, argv);
    char *value;
    int option;
    while ((option = options_next(&reader, &value)) != OPTIONS_END) {
        if (option == OPTIONS_UNKNOWN) {
            return usage_error("there is no such option", value);
        }
        if (option == OPTIONS_NO_VALUE) {
            return usage_error("this option needs a value", value);
        }
        if (option == OPTIONS_WORD) {
            if (a->capture) {
                return usage_error("more than one capture", value);
            }
            a->capture = value;
            continue;
        }
        if (option == OPT_HELP || option == OPT_SHORT_HELP) {
            *ret_help = true;
            return EXIT_OK;
        }
        if (take_option(a, (enum option)option, value) < 0) {
            return usage_error(option == OPT_PRIORITY ? PRIORITY_HINT
                               : option == OPT_RULES  ? "too many rule files"
                                                      : "this value cannot be used",
                               value);
        }
    }
    return EXIT_OK;
}

static int check_arguments(struct replay_arguments *a)
{
    if (!a->capture && a->choice.rules.n > 1) {
        a->capture = a->choice.rules.items[--a->choice.rules.n];
    }
    if (!a->capture) {
        return usage_error("a capture is missing", NULL);
    }
    if (!a->filter && a->choice.rules.n == 0) {
        return usage_error("rules are missing: --rules FILE", NULL);
    }
    if (a->filter && a->choice.rules.n) {
        return usage_error("--filter and --rules exclude each other", NULL);
    }
    if (a->filter &&
        (a->json || a->all || a->stats || a->choice.tags.n || a->choice.disabled_tags.n ||
         a->choice.disabled_rules.n || a->choice.has_priority)) {
        return usage_error("with --filter there are no rules to choose from", NULL);
    }
    if (a->format && !a->filter) {
        return usage_error("--format goes with --filter", NULL);
    }
    if (a->choice.tags.n && a->choice.disabled_tags.n) {
        return usage_error("--tag and --disable-tag exclude each other", NULL);
    }
    return EXIT_OK;
}

int replay_output_flush(struct replay_output *output, bool all, struct err *err)
{
    struct buf *buf = &output->buf;
    if (buf->failed) {
        return err_set(err, -ENOMEM, "out of memory for output");
    }
    if (buf->n == 0 || (!all && !output->at_once && buf->n < FLUSH_SIZE)) {
        return 0;
    }
    int r = fd_write_all(STDOUT_FILENO, buf->p, buf->n);
    buf_clear(buf);
    return r < 0 ? err_set(err, r, "cannot write to standard output: %s", strerror(-r)) : 0;
}

void replay_report_losses(const struct state *state)
{
    struct state_stats s;
    state_get_stats(state, &s);
    if (s.threads_evicted || s.fds_refused || s.containers_refused || s.users_refused ||
        s.out_of_memory) {
        fprintf(stderr,
                "hinomi replay: more than the tables hold, so fields may be empty: %llu threads "
                "evicted; refused: %llu descriptors, %llu containers, %llu users or groups; %llu "
                "changes lost for memory\n",
                (unsigned long long)s.threads_evicted, (unsigned long long)s.fds_refused,
                (unsigned long long)s.containers_refused, (unsigned long long)s.users_refused,
                (unsigned long long)s.out_of_memory);
    }
}

void replay_progress_start(struct replay_progress *p, const struct sensor *sensor)
{
    struct sensor_stats stats;
    sensor->ops->stats(sensor, &stats);
    p->wanted = stats.bytes_total >= LARGE_CAPTURE && isatty(STDERR_FILENO);
    p->start_ns = clock_boot_ns();
    p->next_ns = p->start_ns + PROGRESS_EVERY;
}

void replay_progress_tick(struct replay_progress *p, const struct sensor *sensor)
{
    if (!p->wanted) {
        return;
    }
    uint64_t now = clock_boot_ns();
    if (now < p->next_ns) {
        return;
    }
    struct sensor_stats stats;
    sensor->ops->stats(sensor, &stats);
    p->next_ns = now + PROGRESS_EVERY;
    p->shown = true;
    fprintf(stderr, "\r%3.0f %%  %.1f M events  %.2f M events/s ",
            100.0 * (double)stats.bytes_in / (double)stats.bytes_total, (double)stats.events / 1e6,
            (double)stats.events * 1e3 / (double)(now - p->start_ns));
}

void replay_progress_end(struct replay_progress *p)
{
    if (p->shown) {
        fputs("\r\033[K", stderr);
    }
}

static void free_arguments(struct replay_arguments *a)
{
    rule_choice_done(&a->choice);
}

int cli_replay(int argc, char **argv)
{
    CLEANUP(free_arguments) struct replay_arguments a = { .choice.priority = PRIORITY_DEBUG };
    bool wants_help = false;
    int r = parse_words(argc, argv, &a, &wants_help);
    if (r == EXIT_OK && wants_help) {
        fputs(help, stdout);
        return EXIT_OK;
    }
    r = r == EXIT_OK ? check_arguments(&a) : r;
    if (r != EXIT_OK) {
        return r;
    }
    return a.filter ? replay_filter(&a) : replay_rules(&a);
}
