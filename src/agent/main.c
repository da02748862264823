/*
 * hinomi-agent: the command line, as arguments of the configuration.
 *
 * Every option but the three that end at once is a setting by another name, so that file, environment and
 * command line cannot disagree about what a value means.
 */
#include "agent/daemon.h"
#include "agent/options.h"
#include "base/cleanup.h"
#include "base/log.h"

#include <stdio.h>
#include <unistd.h>

#ifndef HINOMI_VERSION
#define HINOMI_VERSION "0.1.0"
#endif

static const char help[] =
    "Usage: hinomi-agent --rules FILE|DIRECTORY... [OPTION...]\n"
    "\n"
    "Watches applications that run beside it (see hinomi-shim) and prints alerts on standard\n"
    "output as they happen; what it has to say of itself goes to standard error. Stays in the\n"
    "foreground.\n"
    "\n"
    "  --rules FILE|DIRECTORY...  rule files, or directories of them; may be repeated\n"
    "  --sensor auto|notify|ptrace\n"
    "                             how to watch; auto: whatever works here (the default)\n"
    "  --output text|json         form of the alerts; text is the default\n"
    "  -o FILE                    append alerts to this file, not to standard output\n"
    "  --socket PATH              where applications are handed over;\n"
    "                             /hinomi/agent.sock is the default\n"
    "  --metrics [ADDRESS:]PORT   serve /metrics and /healthz; the loopback without ADDRESS\n"
    "  --config FILE              settings (YAML); HINOMI_SECTION_KEY of the environment is over\n"
    "                             them, the options here over both\n"
    "  --version                  print the version\n"
    "  --help                     print this\n"
    "\n"
    "SIGHUP: the configuration and its rules are read again, and take effect between two events;\n"
    "if they have errors the old ones go on. SIGTERM, SIGINT: stop, when all alerts are written.\n"
    "\n"
    "Exit status: 0 stopped as told, 1 failed, 2 wrong usage or configuration, 3 what --sensor "
    "asks\n"
    "for is not to be had here.\n";

enum option {
    OPT_RULES,
    OPT_SENSOR,
    OPT_OUTPUT,
    OPT_FILE,
    OPT_SOCKET,
    OPT_METRICS,
    OPT_SETTINGS, /* options before this one are settings */
    OPT_CONFIG = OPT_SETTINGS,
    OPT_VERSION,
    OPT_HELP,
    OPT_SHORT_HELP,
    OPT_COUNT,
};

static const struct option_spec options[OPT_COUNT] = {
    [OPT_RULES] = { "--rules", true, true },    [OPT_SENSOR] = { "--sensor", true, false },
    [OPT_OUTPUT] = { "--output", true, false }, [OPT_FILE] = { "-o", true, false },
    [OPT_SOCKET] = { "--socket", true, false }, [OPT_METRICS] = { "--metrics", true, false },
    [OPT_CONFIG] = { "--config", true, false }, [OPT_VERSION] = { "--version", false, false },
    [OPT_HELP] = { "--help", false, false },    [OPT_SHORT_HELP] = { "-h", false, false },
};

static const char *const keys[OPT_SETTINGS] = {
    [OPT_RULES] = "rules_files", [OPT_SENSOR] = "sensor", [OPT_OUTPUT] = "output",
    [OPT_FILE] = "output_file",  [OPT_SOCKET] = "socket", [OPT_METRICS] = "metrics.listen",
};

struct command_line {
    struct str values[OPT_SETTINGS]; /* the last one given */
    bool given[OPT_SETTINGS];
    struct str rules[CONFIG_LIST_MAX];
    size_t nrules;
    const char *config;
    struct settings_argument arguments[OPT_SETTINGS];
    size_t narguments;
    bool wants_help, wants_version;
};

static int usage_error(const char *message, const char *what)
{
    fprintf(stderr, "hinomi-agent: %s: %s\nTry: hinomi-agent --help\n", message, what);
    return DAEMON_USAGE;
}

static int take(struct command_line *line, int option, char *value)
{
    switch (option) {
    case OPTIONS_UNKNOWN:
        return usage_error("there is no such option", value);
    case OPTIONS_NO_VALUE:
        return usage_error("this option needs a value", value);
    case OPTIONS_WORD:
        return usage_error("a word that belongs to no option", value);
    case OPT_HELP:
    case OPT_SHORT_HELP:
        line->wants_help = true;
        return 0;
    case OPT_VERSION:
        line->wants_version = true;
        return 0;
    case OPT_CONFIG:
        line->config = value;
        return 0;
    case OPT_RULES:
        if (line->nrules == CONFIG_LIST_MAX) {
            return usage_error("too many rule files", value);
        }
        line->rules[line->nrules++] = str_of(value);
        line->given[option] = true;
        return 0;
    default:
        line->values[option] = str_of(value);
        line->given[option] = true;
        return 0;
    }
}

static int parse(int argc, char **argv, struct command_line *line)
{
    struct options reader = OPTIONS_INIT(options, argc, argv);
    char *value;
    int option, r = 0;
    while (r == 0 && (option = options_next(&reader, &value)) != OPTIONS_END) {
        r = take(line, option, value);
    }
    for (int i = 0; r == 0 && i < OPT_SETTINGS; i++) {
        if (line->given[i]) {
            line->arguments[line->narguments++] = (struct settings_argument){
                .key = keys[i],
                .values = i == OPT_RULES ? line->rules : &line->values[i],
                .n = i == OPT_RULES ? line->nrules : 1,
            };
        }
    }
    return r;
}

int main(int argc, char **argv)
{
    static struct command_line line;
    log_set_program("hinomi-agent");
    int r = parse(argc, argv, &line);
    if (r != 0) {
        return r;
    }
    if (line.wants_help || line.wants_version) {
        fputs(line.wants_help ? help : "hinomi-agent " HINOMI_VERSION "\n", stdout);
        return fflush(stdout) == 0 ? DAEMON_OK : DAEMON_FAILED;
    }
    const struct settings_source source = { .path = line.config,
                                            .environment = environ,
                                            .arguments = line.arguments,
                                            .narguments = line.narguments };
    return daemon_run(&source);
}
