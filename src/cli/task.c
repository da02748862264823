/*
 * task: runs a task definition on this machine, and removes what such a run left that was killed.
 *
 * What the containers print goes to standard output and standard error, each line with its container's name; what
 * happens to them is told on standard error.
 */
#include "base/fd.h"
#include "cli/cli.h"
#include "instrument/node.h"
#include "taskrun/taskrun.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char run_help[] =
    "Usage: hinomi task run [OPTION...] TASKDEF\n"
    "\n"
    "Runs an ECS task definition (JSON of register-task-definition, CloudFormation, a list of\n"
    "container definitions; - is standard input) on this machine, under Fargate's restrictions:\n"
    "its capabilities, Docker's seccomp profile, one network namespace, one process namespace "
    "with\n"
    "pidMode `task`. SIGINT and SIGTERM stop the task in order; a second one ends it at once.\n"
    "Needs root and runc.\n"
    "\n"
    "  --image NAME=PATH    where the image of a container, or an image, is: a root directory, an\n"
    "                       OCI layout, docker save's tar; repeat it\n"
    "  --image-config [NAME=]PATH  how it is started, where the image does not say (a root\n"
    "                       directory), or over what it says: see instrument\n"
    "  --secret NAME=FILE   a secret's value: NAME is the variable, CONTAINER:VARIABLE or "
    "valueFrom\n"
    "  --volume NAME=PATH   a folder of this machine as this volume\n"
    "  --network FILE       join this network namespace (/run/netns/NAME, /proc/PID/ns/net);\n"
    "                       otherwise the task has one with a loopback only\n"
    "  --resolv-conf FILE   the containers' name servers (none; this machine's with --network)\n"
    "  --resource NAME      the task definition of a template\n"
    "  --no-limits          do not limit CPU and memory\n"
    "  --cluster NAME       what the metadata endpoint says (local)\n"
    "  --region NAME        (the definition's, or us-east-1)\n"
    "  --no-prefix          lines without the container's name\n"
    "  --quiet              do not tell what happens to containers\n"
    "  --runtime PROGRAM    (runc)\n"
    "  --state DIR          (" TASKRUN_STATE ")\n"
    "  --help               print this\n"
    "\n"
    "Exit status: 0, or what the first essential container to end ended with; 125 the task could\n"
    "not be run, 2 wrong usage.\n";

static const char clean_help[] =
    "Usage: hinomi task clean [--state DIR]\n"
    "\n"
    "Removes the folders and control groups of task runs that were killed. The next task run does "
    "it\n"
    "too.\n"
    "\n"
    "  --state DIR  (" TASKRUN_STATE ")\n"
    "  --help       print this\n"
    "\n"
    "Exit status: 0 done, 1 something could not be removed, 2 wrong usage.\n";

enum {
    OPT_IMAGE = 256,
    OPT_CONFIG,
    OPT_SECRET,
    OPT_VOLUME,
    OPT_NETWORK,
    OPT_RESOLVER,
    OPT_RESOURCE,
    OPT_NO_LIMITS,
    OPT_CLUSTER,
    OPT_REGION,
    OPT_NO_PREFIX,
    OPT_QUIET,
    OPT_RUNTIME,
    OPT_STATE,
};

static const struct option options[] = {
    { "image", required_argument, NULL, OPT_IMAGE },
    { "image-config", required_argument, NULL, OPT_CONFIG },
    { "secret", required_argument, NULL, OPT_SECRET },
    { "volume", required_argument, NULL, OPT_VOLUME },
    { "network", required_argument, NULL, OPT_NETWORK },
    { "resolv-conf", required_argument, NULL, OPT_RESOLVER },
    { "resource", required_argument, NULL, OPT_RESOURCE },
    { "no-limits", no_argument, NULL, OPT_NO_LIMITS },
    { "cluster", required_argument, NULL, OPT_CLUSTER },
    { "region", required_argument, NULL, OPT_REGION },
    { "no-prefix", no_argument, NULL, OPT_NO_PREFIX },
    { "quiet", no_argument, NULL, OPT_QUIET },
    { "runtime", required_argument, NULL, OPT_RUNTIME },
    { "state", required_argument, NULL, OPT_STATE },
    { "help", no_argument, NULL, 'h' },
    { 0 },
};

static int wrong(const char *name, const char *text)
{
    fprintf(stderr, "%s: %s\nTry: %s --help\n", name, text, name);
    return EXIT_USAGE;
}

static int take_source(const struct taskrun_options *o, struct image_sources *sources,
                       const char *text, bool named)
{
    const char *equals = strchr(text, '=');
    if (sources->nfiles == IMAGE_SOURCES_MAX) {
        return wrong(o->name, "too many images");
    }
    if (named && !equals) {
        return wrong(o->name, "--image is NAME=PATH");
    }
    sources->files[sources->nfiles++] = (struct image_source){
        .name = equals ? str_from(text, (size_t)(equals - text)) : (struct str){ 0 },
        .value = equals ? equals + 1 : text,
    };
    return 0;
}

/* The last `=` parts them: names of secrets and images may have one, names of files that are given so do not. */
static int take_file(const struct taskrun_options *o, struct taskrun_files *files, const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1]) {
        return wrong(o->name, "--secret and --volume are NAME=PATH");
    }
    if (files->n == TASKRUN_FILES_MAX) {
        return wrong(o->name, "too many secrets or volumes");
    }
    files->items[files->n++] =
        (struct taskrun_file){ str_from(text, (size_t)(equals - text)), equals + 1 };
    return 0;
}

static const char **text_of(struct taskrun_options *o, int option)
{
    return option == OPT_NETWORK    ? &o->network
           : option == OPT_RESOLVER ? &o->resolver
           : option == OPT_RESOURCE ? &o->resource
           : option == OPT_CLUSTER  ? &o->cluster
           : option == OPT_REGION   ? &o->region
           : option == OPT_RUNTIME  ? &o->runtime
           : option == OPT_STATE    ? &o->state
                                    : NULL;
}

static bool *switch_of(struct taskrun_options *o, int option, bool *help)
{
    return option == OPT_NO_LIMITS   ? &o->no_limits
           : option == OPT_NO_PREFIX ? &o->no_prefix
           : option == OPT_QUIET     ? &o->quiet
           : option == 'h'           ? help
                                     : NULL;
}

static int take_option(struct taskrun_options *o, int option, const char *value)
{
    switch (option) {
    case OPT_IMAGE:
        return take_source(o, &o->images.roots, value, true);
    case OPT_CONFIG:
        return take_source(o, &o->images.configs, value, false);
    case OPT_SECRET:
        return take_file(o, &o->secrets, value);
    case OPT_VOLUME:
        return take_file(o, &o->volumes, value);
    default:
        return EXIT_USAGE;
    }
}

static int take_arguments(struct taskrun_options *o, int argc, char **argv, bool *help)
{
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        const char **text = text_of(o, option);
        bool *on = switch_of(o, option, help);
        int r = 0;
        if (text) {
            *text = optarg;
        } else if (on) {
            *on = true;
        } else {
            r = take_option(o, option, optarg);
        }
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

static int run(const struct taskrun_options *o, const char *file)
{
    struct err err = { 0 };
    struct buf text;
    buf_init(&text, NODE_TEXT_MAX + 1);
    int r = strcmp(file, "-") != 0 ? file_read(file, &text, &err) : fd_read_all(0, &text);
    if (r < 0 && !err.code) {
        err_set(&err, r, "standard input cannot be read: %s", strerror(-r));
    }
    r = r == 0 ? taskrun(buf_str(&text), o, &err) : r;
    buf_done(&text);
    if (r < 0) {
        fprintf(stderr, "%s: %s: %s\n", o->name, file, err.message);
    }
    return r < 0 ? TASKRUN_FAILED : r;
}

int cli_task_run(int argc, char **argv)
{
    static struct taskrun_options o;
    bool help = false;
    o = (struct taskrun_options){
        .name = argv[0], .state = TASKRUN_STATE, .runtime = "runc", .cluster = "local"
    };
    int r = take_arguments(&o, argc, argv, &help);
    if (r != 0 || help) {
        fputs(r == 0 ? run_help : "", stdout);
        return r;
    }
    if (optind + 1 != argc) {
        return wrong(argv[0], optind == argc ? "a task definition is missing" : "one at a time");
    }
    if (geteuid() != 0) {
        fprintf(stderr, "%s: needs root\n", argv[0]);
        return TASKRUN_FAILED;
    }
    return run(&o, argv[optind]);
}

int cli_task_clean(int argc, char **argv)
{
    static struct taskrun_options o;
    struct err err = { 0 };
    bool help = false;
    uint32_t removed = 0;
    o = (struct taskrun_options){ .name = argv[0], .state = TASKRUN_STATE };
    int r = take_arguments(&o, argc, argv, &help);
    if (r != 0 || help) {
        fputs(r == 0 ? clean_help : "", stdout);
        return r;
    }
    if (optind != argc) {
        return wrong(argv[0], "it has no arguments");
    }
    r = taskrun_clean(o.state, &removed, &err);
    if (removed) {
        printf("%u removed\n", removed);
    }
    if (r < 0) {
        fprintf(stderr, "%s: %s\n", argv[0], err.message);
    }
    return r < 0 ? EXIT_NEGATIVE : EXIT_OK;
}
