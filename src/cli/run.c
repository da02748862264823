/*
 * hinomi run: the arguments, and the processes in the order in which they have to be made.
 *
 * The holder comes first, while this process is small. Nothing of the environment that the command will
 * inherit is changed but by what CMD's process undoes (signal mask, SIGCHLD) or closes by exec.
 */
#include "cli/run.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "sensor/notify/feature.h"

#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char help[] =
    "Usage: hinomi run --rules FILE|DIRECTORY... [OPTION...] -- COMMAND [ARGUMENT...]\n"
    "\n"
    "Runs a command, watches it and all processes it starts, and prints alerts on standard error "
    "(or\n"
    "to a file) as they happen. The command's input, output, terminal, signals and exit status "
    "are\n"
    "its own. Needs no privilege, but seccomp user notification (Linux 5.5), or ptrace; see\n"
    "`hinomi doctor`.\n"
    "\n"
    "  --rules FILE|DIRECTORY...  rule files, or directories of them; may be repeated\n"
    "  --json                     alerts as lines of JSON\n"
    "  -o FILE                    append alerts to this file\n"
    "  --deny                     refuse (EPERM) what an enabled rule matches, and say so\n"
    "  -w FILE                    write all events to a capture (.scap)\n"
    "  --calls rules|all          watch the calls that the rules need (the default), or all known\n"
    "  --sensor auto|notify|ptrace  what watches: notify where it works, else ptrace (auto)\n"
    "  --no-filter                with ptrace: stop at every call, so that sudo, su and ping keep\n"
    "                             their rights; slower\n"
    "  --compat 5.10              use nothing that Linux 5.10 lacks\n"
    "  --without FEATURE          do without this, as `hinomi doctor` names it; may be repeated\n"
    "  --all                      alerts of all rules that match an event, not only the first\n"
    "  --priority PRIORITY        only rules at least this severe (emergency ... debug)\n"
    "  --tag TAG                  only rules with one of these tags; may be repeated\n"
    "  --disable-tag TAG          no rules with this tag; may be repeated\n"
    "  --disable-rule NAME        no rules whose name holds this text; may be repeated\n"
    "  --stats                    figures on standard error when the command has ended\n"
    "  --help                     print this\n"
    "\n"
    "Without CAP_SYS_ADMIN the command runs with no_new_privs: sudo, su and ping do not gain "
    "rights.\n"
    "Processes that outlive the command are watched until they end.\n"
    "\n"
    "Exit status: 0 or whatever the command's is; when a signal killed it, the same signal kills\n"
    "hinomi. 125 hinomi itself failed; 126 the command cannot be executed; 127 it is not there.\n";

enum option {
    OPT_RULES,
    OPT_JSON,
    OPT_OUTPUT,
    OPT_DENY,
    OPT_CAPTURE,
    OPT_CALLS,
    OPT_SENSOR,
    OPT_NO_FILTER,
    OPT_COMPAT,
    OPT_WITHOUT,
    OPT_ALL,
    OPT_PRIORITY,
    OPT_TAG,
    OPT_DISABLE_TAG,
    OPT_DISABLE_RULE,
    OPT_STATS,
    OPT_HELP,
    OPT_SHORT_HELP,
    OPT_COUNT,
};

static const struct option_spec options[OPT_COUNT] = {
    [OPT_RULES] = { "--rules", true, true },
    [OPT_JSON] = { "--json", false, false },
    [OPT_OUTPUT] = { "-o", true, false },
    [OPT_DENY] = { "--deny", false, false },
    [OPT_CAPTURE] = { "-w", true, false },
    [OPT_CALLS] = { "--calls", true, false },
    [OPT_SENSOR] = { "--sensor", true, false },
    [OPT_NO_FILTER] = { "--no-filter", false, false },
    [OPT_COMPAT] = { "--compat", true, false },
    [OPT_WITHOUT] = { "--without", true, false },
    [OPT_ALL] = { "--all", false, false },
    [OPT_PRIORITY] = { "--priority", true, false },
    [OPT_TAG] = { "--tag", true, false },
    [OPT_DISABLE_TAG] = { "--disable-tag", true, false },
    [OPT_DISABLE_RULE] = { "--disable-rule", true, false },
    [OPT_STATS] = { "--stats", false, false },
    [OPT_HELP] = { "--help", false, false },
    [OPT_SHORT_HELP] = { "-h", false, false },
};

static int usage_error(const char *message, const char *what)
{
    fprintf(stderr, "hinomi run: %s%s%s\nTry: hinomi run --help\n", message, what ? ": " : "",
            what ? what : "");
    return RUN_FAILED;
}

static int sensor_named(const char *name, enum run_sensor *ret)
{
    static const char *const names[] = { "auto", "notify", "ptrace" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret = (enum run_sensor)i;
            return 0;
        }
    }
    return -EINVAL;
}

/* -EINVAL: not a value of this option. */
static int take_option(struct run_arguments *a, enum option option, char *value)
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
    case OPT_OUTPUT:
        a->output = value;
        return 0;
    case OPT_CAPTURE:
        a->capture = value;
        return 0;
    case OPT_CALLS:
        a->all_calls = strcmp(value, "all") == 0;
        return a->all_calls || strcmp(value, "rules") == 0 ? 0 : -EINVAL;
    case OPT_COMPAT:
        a->old_kernel = strcmp(value, "5.10") == 0;
        return a->old_kernel ? 0 : -EINVAL;
    case OPT_WITHOUT: {
        uint32_t feature = feature_named(value);
        a->without |= feature;
        return feature ? 0 : -EINVAL;
    }
    case OPT_SENSOR:
        return sensor_named(value, &a->sensor);
    case OPT_NO_FILTER:
        a->no_filter = true;
        return 0;
    case OPT_JSON:
        a->json = true;
        return 0;
    case OPT_DENY:
        a->deny = true;
        return 0;
    case OPT_ALL:
        a->all = true;
        return 0;
    default:
        a->stats = true;
        return 0;
    }
}

static const char *why_not(enum option option)
{
    switch (option) {
    case OPT_PRIORITY:
        return PRIORITY_HINT;
    case OPT_CALLS:
        return "--calls is one of rules, all; not";
    case OPT_SENSOR:
        return "--sensor is one of auto, notify, ptrace; not";
    case OPT_COMPAT:
        return "--compat knows 5.10 only; not";
    case OPT_WITHOUT:
        return "--without takes what `hinomi doctor` lists of user notification; not";
    default:
        return "too many values";
    }
}

/* 0, or RUN_FAILED having said why. --help sets *ret_help. */
static int parse_words(int argc, char **argv, struct run_arguments *a, bool *ret_help)
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
            a->command = argv + reader.at - 1;
            return 0;
        }
        if (option == OPT_HELP || option == OPT_SHORT_HELP) {
            *ret_help = true;
            return 0;
        }
        if (take_option(a, (enum option)option, value) < 0) {
            return usage_error(why_not((enum option)option), value);
        }
    }
    return 0;
}

static int check_arguments(const struct run_arguments *a)
{
    if (a->choice.rules.n == 0) {
        return usage_error("rules are missing: --rules FILE", NULL);
    }
    if (!a->command) {
        return usage_error("a command is missing; it goes after --", NULL);
    }
    if (a->no_filter && a->sensor == RUN_SENSOR_NOTIFY) {
        return usage_error("--no-filter and --sensor notify exclude each other", NULL);
    }
    if (a->choice.tags.n && a->choice.disabled_tags.n) {
        return usage_error("--tag and --disable-tag exclude each other", NULL);
    }
    return 0;
}

static int fail(const char *what, int error)
{
    fprintf(stderr, "hinomi run: %s: %s\n", what, strerror(error));
    return RUN_FAILED;
}

static int find_command(struct run *run, char *path, size_t size)
{
    char **command = run->arguments->command;
    int r = run_find_command(command[0], path, size);
    if (r != 0) {
        fprintf(stderr, "hinomi run: %s: %s\n", command[0],
                r == RUN_NOT_FOUND ? "there is no such command" : "it may not be executed");
        return r;
    }
    size_t n = 0;
    while (command[n]) {
        n++;
    }
    static char shell[] = "/bin/sh";
    run->origin.path = path;
    run->origin.shell = mem_resize(NULL, n + 2, sizeof(char *));
    if (!run->origin.shell) {
        return fail("cannot start", ENOMEM);
    }
    run->origin.shell[0] = shell;
    run->origin.shell[1] = path;
    memcpy(run->origin.shell + 2, command + 1, n * sizeof(char *));
    return 0;
}

/* Everything is blocked from here on; what it was, the command gets back. */
static void take_signals(struct run_origin *origin)
{
    struct sigaction action = { .sa_handler = SIG_DFL };
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &origin->mask);
    sigaction(SIGCHLD, &action, &origin->child_action);
    origin->front = getpid();
    origin->group = getpgrp();
}

static int open_link(struct run *run, enum run_link link)
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, run->links[link]) < 0 ? -errno : 0;
}

void run_holder(struct run *run)
{
    int agent = run->links[LINK_HOLDER][0];
    struct run_message message;
    int listener;
    holder_detach();
    if (agent > 3) {
        syscall(SYS_close_range, 3, agent - 1, 0);
    }
    syscall(SYS_close_range, agent + 1, ~0U, 0);
    if (run_message_receive(agent, &message, &listener) && listener >= 0) {
        struct holder_config config = { .listener = listener,
                                        .agent = { .socket = agent },
                                        .shared = run->shared };
        holder_serve(&config);
    }
}

static int start_holder(struct run *run)
{
    int fd;
    int r = holder_shared_new(&fd, &run->shared);
    if (r < 0) {
        return r;
    }
    close(fd);
    r = open_link(run, LINK_HOLDER);
    if (r < 0) {
        return r;
    }
    run->holder = fork();
    if (run->holder == 0) {
        run_holder(run);
        _exit(0);
    }
    close(run->links[LINK_HOLDER][0]);
    return run->holder < 0 ? -errno : 0;
}

static int start_supervisor(struct run *run)
{
    void *program =
        mmap(NULL, sizeof *run->program, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (program == MAP_FAILED) {
        return -errno;
    }
    run->program = program;
    for (enum run_link link = LINK_FRONT_KEEPER; link <= LINK_SUPERVISOR_KEEPER; link++) {
        int r = open_link(run, link);
        if (r < 0) {
            return r;
        }
    }
    run->supervisor = fork();
    if (run->supervisor == 0) {
        close(run->links[LINK_FRONT_KEEPER][0]);
        close(run->links[LINK_FRONT_SUPERVISOR][0]);
        _exit(run_supervisor(run));
    }
    close(run->links[LINK_FRONT_KEEPER][1]);
    close(run->links[LINK_FRONT_SUPERVISOR][1]);
    close(run->links[LINK_SUPERVISOR_KEEPER][0]);
    close(run->links[LINK_SUPERVISOR_KEEPER][1]);
    close(run->links[LINK_HOLDER][1]);
    return run->supervisor < 0 ? -errno : 0;
}

static void run_done(struct run *run)
{
    if (run->program) {
        munmap(run->program, sizeof *run->program);
    }
    holder_shared_free(run->shared);
    free(run->origin.shell);
}

static void arguments_done(struct run_arguments *a)
{
    rule_choice_done(&a->choice);
}

static int run_command(const struct run_arguments *a)
{
    CLEANUP(run_done) struct run run = { .arguments = a };
    char path[PATH_MAX];
    int r = run_guard_stdio();
    if (r < 0) {
        return RUN_FAILED;
    }
    r = find_command(&run, path, sizeof(path));
    if (r != 0) {
        return r;
    }
    take_signals(&run.origin);
    r = start_holder(&run);
    r = r == 0 ? start_supervisor(&run) : r;
    return r < 0 ? fail("cannot start", -r) : run_front(&run);
}

int cli_run(int argc, char **argv)
{
    CLEANUP(arguments_done) struct run_arguments a = { .choice.priority = PRIORITY_DEBUG };
    bool wants_help = false;
    int r = parse_words(argc, argv, &a, &wants_help);
    if (r == 0 && wants_help) {
        fputs(help, stdout);
        return EXIT_OK;
    }
    r = r == 0 ? check_arguments(&a) : r;
    return r == 0 ? run_command(&a) : r;
}
