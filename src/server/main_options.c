/*
 * main_options: the command line of hinomi-server, as arguments of its configuration.
 *
 * Options may stand before or after the verb. Those that are settings by another name become arguments of the
 * configuration, which checks them.
 */
#include "server/main_options.h"

#include <getopt.h>
#include <stdio.h>

const char server_help[] =
    "Usage: hinomi-server [OPTION...]\n"
    "       hinomi-server [OPTION...] backup DIRECTORY\n"
    "       hinomi-server [OPTION...] restore DIRECTORY\n"
    "\n"
    "Takes what agents report, keeps it, and serves the API. Stays in the foreground; what it\n"
    "has to say goes to standard error. Without options it serves plain HTTP on 127.0.0.1:8765\n"
    "and keeps everything in one directory; on other addresses it always uses TLS, with a CA of\n"
    "its own unless the configuration names a certificate.\n"
    "\n"
    "  --listen ADDRESS:PORT  where to serve\n"
    "  --dir DIRECTORY        where everything is kept; /var/lib/hinomi as root, else\n"
    "                         $XDG_STATE_HOME/hinomi or ~/.local/state/hinomi\n"
    "  --config FILE          settings (YAML); HINOMI_SECTION_KEY of the environment is over\n"
    "                         them, the options here over both\n"
    "  --version              print the version\n"
    "  --help                 print this\n"
    "\n"
    "  backup DIRECTORY       write a consistent copy into a new directory; the server may run\n"
    "  restore DIRECTORY      put a backup in place of an absent or empty --dir\n"
    "\n"
    "SIGHUP: certificates are read again. SIGTERM, SIGINT: stop.\n"
    "\n"
    "Exit status: 0 stopped as told, 1 failed, 2 wrong usage or configuration.\n";

static bool wrong(const char *what, const char *word)
{
    fprintf(stderr, "hinomi-server: %s%s%s\nTry: hinomi-server --help\n", what, word ? ": " : "",
            word ? word : "");
    return false;
}

static void set(struct server_options *options, const char *key, const char *value)
{
    size_t i = 0;
    while (i < options->narguments && strcmp(options->arguments[i].key, key) != 0) {
        i++;
    }
    options->values[i] = str_of(value);
    options->arguments[i] = (struct settings_argument){ key, &options->values[i], 1 };
    options->narguments = i == options->narguments ? i + 1 : options->narguments;
}

static bool take_words(int n, char **words, struct server_options *ret)
{
    if (n == 0) {
        return true;
    }
    bool backup = strcmp(words[0], "backup") == 0;
    if (!backup && strcmp(words[0], "restore") != 0) {
        return wrong("there is no such command", words[0]);
    }
    if (n != 2) {
        return wrong("this command needs one directory", words[0]);
    }
    ret->verb = backup ? SERVER_BACKUP : SERVER_RESTORE;
    ret->directory = words[1];
    return true;
}

bool server_options_parse(int argc, char **argv, struct server_options *ret)
{
    static const struct option options[] = {
        { "listen", required_argument, NULL, 'l' }, { "dir", required_argument, NULL, 'd' },
        { "config", required_argument, NULL, 'c' }, { "version", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' },         { NULL, 0, NULL, 0 }
    };
    int c;
    *ret = (struct server_options){ .verb = SERVER_RUN };
    opterr = 0;
    while ((c = getopt_long(argc, argv, ":h", options, NULL)) >= 0) {
        switch (c) {
        case 'l':
            set(ret, "listen", optarg);
            break;
        case 'd':
            set(ret, "dir", optarg);
            break;
        case 'c':
            ret->config = optarg;
            break;
        case 'v':
            ret->verb = SERVER_VERSION;
            return true;
        case 'h':
            ret->verb = SERVER_HELP;
            return true;
        case ':':
            return wrong("this option needs a value", argv[optind - 1]);
        default:
            return wrong("there is no such option", argv[optind - 1]);
        }
    }
    return take_words(argc - optind, argv + optind, ret);
}
