/*
 * Options and environment of hinomi-shim, and what it says on standard error. An option on the command line
 * wins over the environment. Texts are written with write(2): stdio would double the program's size.
 */
#include "shim/shim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_ 512

static const char help[] =
    "Usage: hinomi-shim [--socket PATH] [--priority availability|security] [--wait SECONDS]\n"
    "                   [--health-check] -- COMMAND [ARGUMENT...]\n"
    "\n"
    "Hands the command's system calls over to the hinomi-agent that listens at PATH, then becomes "
    "the\n"
    "command. Meant as the entry point of a container; needs nothing of its image.\n"
    "\n"
    "  --socket PATH      the agent's socket (HINOMI_SOCKET; /hinomi/agent.sock)\n"
    "  --priority WHICH   availability: the command runs whatever happens to the agent (default);\n"
    "                     security: without an agent it does not start, and its calls wait\n"
    "                     (HINOMI_PRIORITY)\n"
    "  --wait SECONDS     availability: so long for an agent before the start (default 2);\n"
    "                     security: so long at the start and in calls, then 125 and EPERM "
    "(default: "
    "for\n"
    "                     ever) (HINOMI_WAIT)\n"
    "  --health-check     the command is the container's health check: watched like all else, and\n"
    "                     the agent does not wonder that it came from outside\n"
    "  --help             print this\n"
    "\n"
    "Exit status: the command's. 125 hinomi-shim itself failed; 126 the command cannot be "
    "executed;\n"
    "127 it is not there.\n";

static size_t put(char *line, size_t n, const char *text)
{
    size_t length = strnlen(text, LINE_MAX_ - 2 - n);
    memcpy(line + n, text, length);
    return n + length;
}

void shim_say(const char *text, const char *more)
{
    char line[LINE_MAX_];
    size_t n = put(line, 0, "hinomi-shim: ");
    n = put(line, n, text);
    if (more) {
        n = put(line, n, ": ");
        n = put(line, n, more);
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)line[i];
        line[i] = c < ' ' || c == 0x7f ? '?' : line[i];
    }
    line[n++] = '\n';
    if (write(STDERR_FILENO, line, n) < 0) {
        /* there is nobody to tell */
    }
}

const char *shim_why(int error)
{
    switch (error) {
    case EACCES:
        return "permission denied";
    case EBUSY:
        return "its calls are notified to somebody else already";
    case ENOENT:
        return "there is no such file, or no interpreter of it";
    case ENOEXEC:
        return "not a program that can be executed";
    case ENOSYS:
    case EINVAL:
        return "this kernel or container has no seccomp user notification";
    case ENOMEM:
        return "out of memory";
    case EPERM:
        return "not permitted";
    case ETIMEDOUT:
        return "no agent answered in time";
    case EPROTO:
    case EPROTONOSUPPORT:
        return "the agent speaks another version";
    case E2BIG:
        return "the arguments are too long";
    case ENOSPC:
    case EUSERS:
        return "the agent watches as many containers as it can";
    default:
        return "it failed";
    }
}

static int usage_error(const char *text, const char *what)
{
    shim_say(text, what);
    shim_say("try hinomi-shim --help", NULL);
    return SHIM_FAILED;
}

static int take_priority(struct shim_options *o, const char *value)
{
    if (strcmp(value, "availability") == 0) {
        o->priority = WIRE_AVAILABILITY;
    } else if (strcmp(value, "security") == 0) {
        o->priority = WIRE_SECURITY;
    } else {
        return usage_error("the priority is one of availability, security; not", value);
    }
    return 0;
}

static int take_wait(struct shim_options *o, const char *value)
{
    uint32_t seconds = 0;
    const char *at = value;
    while (*at >= '0' && *at <= '9' && seconds <= SHIM_WAIT_MAX_S) {
        seconds = seconds * 10 + (uint32_t)(*at++ - '0');
    }
    if (at == value || *at || seconds > SHIM_WAIT_MAX_S) {
        return usage_error("the time to wait is a number of seconds, at most 604800; not", value);
    }
    o->wait_ms = seconds * 1000;
    return 0;
}

enum option { OPT_SOCKET, OPT_PRIORITY, OPT_WAIT, OPT_COUNT };

static const struct {
    const char *name, *variable;
} known[OPT_COUNT] = {
    [OPT_SOCKET] = { "--socket", "HINOMI_SOCKET" },
    [OPT_PRIORITY] = { "--priority", "HINOMI_PRIORITY" },
    [OPT_WAIT] = { "--wait", "HINOMI_WAIT" },
};

static int take(struct shim_options *o, enum option option, const char *value)
{
    switch (option) {
    case OPT_SOCKET:
        o->socket = value;
        return value[0] ? 0 : usage_error("the socket's path is empty", NULL);
    case OPT_PRIORITY:
        return take_priority(o, value);
    default:
        return take_wait(o, value);
    }
}

/* The value of `word` if it is this option, "--name=value" or "--name" "value"; *at moves on. */
static const char *value_of(const char *name, char **argv, int *at)
{
    size_t n = strlen(name);
    const char *word = argv[*at];
    if (strncmp(word, name, n) != 0) {
        return NULL;
    }
    if (word[n] == '=') {
        return word + n + 1;
    }
    return word[n] == '\0' && argv[*at + 1] ? argv[++*at] : NULL;
}

static int take_word(struct shim_options *o, char **argv, int *at)
{
    for (int i = 0; i < OPT_COUNT; i++) {
        const char *value = value_of(known[i].name, argv, at);
        if (value) {
            return take(o, (enum option)i, value);
        }
    }
    return usage_error("there is no such option, or it lacks its value", argv[*at]);
}

static int take_environment(struct shim_options *o)
{
    for (int i = 0; i < OPT_COUNT; i++) {
        const char *value = getenv(known[i].variable);
        int r = value && value[0] ? take(o, (enum option)i, value) : 0;
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

int shim_options_parse(int argc, char **argv, struct shim_options *ret, bool *ret_done)
{
    struct shim_options o = { .socket = SHIM_SOCKET, .wait_ms = SHIM_WAIT_FOREVER };
    int r = take_environment(&o);
    int at = 1;
    for (; r == 0 && at < argc && argv[at][0] == '-' && strcmp(argv[at], "--") != 0; at++) {
        if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0) {
            *ret_done = true;
            return write(STDOUT_FILENO, help, sizeof(help) - 1) < 0 ? SHIM_FAILED : 0;
        }
        if (strcmp(argv[at], "--health-check") == 0) {
            o.health_check = true;
        } else {
            r = take_word(&o, argv, &at);
        }
    }
    if (r != 0) {
        return r;
    }
    at += at < argc && strcmp(argv[at], "--") == 0;
    if (at >= argc) {
        return usage_error("a command is missing; it goes after --", NULL);
    }
    if (o.priority == WIRE_AVAILABILITY && o.wait_ms == SHIM_WAIT_FOREVER) {
        o.wait_ms = SHIM_WAIT_S * 1000;
    }
    o.command = argv + at;
    *ret = o;
    return 0;
}
