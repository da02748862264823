/*
 * instrument: puts the agent into ECS task definitions: files, standard input, or Terraform's external data source.
 *
 * The result goes to standard output, or to a file that it replaces only when it is whole. What was done is said on
 * standard error. As an external data source (--terraform) it reads {"container_definitions": "[...]"} and answers
 * with the same member; nothing but that is on standard output.
 */
#include "instrument/instrument.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/jscan.h"
#include "cli/cli.h"
#include "instrument/image.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sys/stat.h>

#define IN_MAX           (2 * 1024 * 1024)
#define MEMORY_MIN       32 /* MiB of the agent */
#define DEFAULT_PORT     9464
#define DEFAULT_RULES    "/usr/share/hinomi/rules"
#define DEFAULT_POLICIES "/usr/share/hinomi/policies" /* of the default rules */

static const char help[] =
    "Usage: hinomi instrument --agent-image IMAGE [OPTION...] FILE\n"
    "       hinomi instrument --remove [-o FILE | --in-place] FILE\n"
    "       hinomi instrument --agent-image IMAGE [OPTION...] --terraform\n"
    "\n"
    "Puts hinomi-agent beside the containers of an ECS task definition (JSON of\n"
    "register-task-definition or CodeDeploy, CloudFormation in JSON or YAML, a list of container\n"
    "definitions; - is standard input) and changes nothing else. Doing it again changes nothing.\n"
    "\n"
    "  --agent-image IMAGE  the image that has hinomi-agent and hinomi-shim\n"
    "  --server URL         hinomi-server; without one the agent prints alerts\n"
    "  --server-ca SHA256   of the server's certificate authority\n"
    "  --token-secret ARN   the secret that holds the enrolment token\n"
    "  --token-ref NAME     the template's parameter or resource that is this ARN\n"
    "  --rules PATH         in the image (" DEFAULT_RULES "); with a server they\n"
    "                       hold until the server's are there\n"
    "  --priority WHICH     availability (default) or security: without an agent nothing starts\n"
    "  --wait SECONDS       how long applications wait for the agent; see hinomi-shim(1)\n"
    "  --only NAME          only this container; may be repeated\n"
    "  --skip NAME          not this container; may be repeated\n"
    "  --opt-in             only containers labelled hinomi.instrument=true; otherwise all that "
    "are\n"
    "                       not labelled false\n"
    "  --keep-health-checks leave health checks as they are\n"
    "  --resource NAME      only this task definition of a template\n"
    "  --image-config [NAME=]PATH  how the image of a container, or an image, is started: its\n"
    "                       configuration, docker inspect's, an OCI layout, docker save's tar\n"
    "  --image NAME=IMAGE   ask a registry for this one instead\n"
    "  --credentials FILE   for registries (~/.docker/config.json)\n"
    "  --offline            ask no registry\n"
    "  --agent-cpu UNITS    reserved for the agent (0: none)\n"
    "  --agent-memory MIB   reserved for the agent (128)\n"
    "  --health-port PORT   of the agent's health check, on the loopback (9464)\n"
    "  --log-group GROUP    where the agent's log goes, with --log-region; otherwise where the "
    "first\n"
    "                       container's awslogs goes\n"
    "  --log-region REGION\n"
    "  --remove             take everything out again\n"
    "  --terraform          be Terraform's external data source\n"
    "  -o FILE              write there\n"
    "  --in-place           write to FILE itself\n"
    "  --help               print this\n"
    "\n"
    "Exit status: 0 done, 1 it cannot be done, and nothing was written, 2 wrong usage.\n";

enum {
    OPT_AGENT_IMAGE = 256,
    OPT_SERVER,
    OPT_SERVER_CA,
    OPT_TOKEN_SECRET,
    OPT_TOKEN_REF,
    OPT_RULES,
    OPT_PRIORITY,
    OPT_WAIT,
    OPT_ONLY,
    OPT_SKIP,
    OPT_OPT_IN,
    OPT_KEEP,
    OPT_RESOURCE,
    OPT_CONFIG,
    OPT_IMAGE,
    OPT_CREDENTIALS,
    OPT_OFFLINE,
    OPT_CPU,
    OPT_MEMORY,
    OPT_PORT,
    OPT_LOG_GROUP,
    OPT_LOG_REGION,
    OPT_REMOVE,
    OPT_TERRAFORM,
    OPT_IN_PLACE,
};

static const struct option options[] = {
    { "agent-image", required_argument, NULL, OPT_AGENT_IMAGE },
    { "server", required_argument, NULL, OPT_SERVER },
    { "server-ca", required_argument, NULL, OPT_SERVER_CA },
    { "token-secret", required_argument, NULL, OPT_TOKEN_SECRET },
    { "token-ref", required_argument, NULL, OPT_TOKEN_REF },
    { "rules", required_argument, NULL, OPT_RULES },
    { "priority", required_argument, NULL, OPT_PRIORITY },
    { "wait", required_argument, NULL, OPT_WAIT },
    { "only", required_argument, NULL, OPT_ONLY },
    { "skip", required_argument, NULL, OPT_SKIP },
    { "opt-in", no_argument, NULL, OPT_OPT_IN },
    { "keep-health-checks", no_argument, NULL, OPT_KEEP },
    { "resource", required_argument, NULL, OPT_RESOURCE },
    { "image-config", required_argument, NULL, OPT_CONFIG },
    { "image", required_argument, NULL, OPT_IMAGE },
    { "credentials", required_argument, NULL, OPT_CREDENTIALS },
    { "offline", no_argument, NULL, OPT_OFFLINE },
    { "agent-cpu", required_argument, NULL, OPT_CPU },
    { "agent-memory", required_argument, NULL, OPT_MEMORY },
    { "health-port", required_argument, NULL, OPT_PORT },
    { "log-group", required_argument, NULL, OPT_LOG_GROUP },
    { "log-region", required_argument, NULL, OPT_LOG_REGION },
    { "remove", no_argument, NULL, OPT_REMOVE },
    { "terraform", no_argument, NULL, OPT_TERRAFORM },
    { "in-place", no_argument, NULL, OPT_IN_PLACE },
    { "help", no_argument, NULL, 'h' },
    { 0 },
};

struct asked {
    const char *name; /* of the verb */
    struct instrument_options what;
    struct image_sources images;
    const char *file, *out;
    bool remove, terraform, in_place, help;
};

static int wrong(const struct asked *a, const char *text)
{
    fprintf(stderr, "%s: %s\nTry: %s --help\n", a->name, text, a->name);
    return EXIT_USAGE;
}

static int take_number(const struct asked *a, const char *text, uint32_t most, uint32_t *ret)
{
    uint32_t n = 0;
    const char *at = text;
    while (isdigit((unsigned char)*at) && n <= most) {
        n = n * 10 + (uint32_t)(*at++ - '0');
    }
    if (at == text || *at || n > most) {
        fprintf(stderr, "%s: `%s` is not a whole number up to %u\n", a->name, text, most);
        return EXIT_USAGE;
    }
    *ret = n;
    return 0;
}

static int take_name(const struct asked *a, struct instrument_names *names, const char *name)
{
    if (names->n == INSTRUMENT_NAMES_MAX) {
        return wrong(a, "too many names");
    }
    names->items[names->n++] = name;
    return 0;
}

static int take_source(const struct asked *a, struct image_source *sources, uint32_t *n,
                       const char *text)
{
    const char *equals = strchr(text, '=');
    if (*n == IMAGE_SOURCES_MAX) {
        return wrong(a, "too many images");
    }
    sources[(*n)++] = (struct image_source){
        .name = equals ? str_from(text, (size_t)(equals - text)) : (struct str){ 0 },
        .value = equals ? equals + 1 : text,
    };
    return 0;
}

static int take_priority(struct asked *a, const char *text)
{
    a->what.security = strcmp(text, "security") == 0;
    return a->what.security || strcmp(text, "availability") == 0
               ? 0
               : wrong(a, "the priority is availability or security");
}

/* Options that are a text, as it is. */
static const char **text_of(struct asked *a, int option)
{
    switch (option) {
    case OPT_AGENT_IMAGE:
        return &a->what.image;
    case OPT_SERVER:
        return &a->what.server;
    case OPT_SERVER_CA:
        return &a->what.ca;
    case OPT_TOKEN_SECRET:
        return &a->what.token_secret;
    case OPT_TOKEN_REF:
        return &a->what.token_ref;
    case OPT_RULES:
        return &a->what.rules;
    case OPT_RESOURCE:
        return &a->what.resource;
    case OPT_LOG_GROUP:
        return &a->what.log_group;
    case OPT_LOG_REGION:
        return &a->what.log_region;
    case OPT_CREDENTIALS:
        return &a->images.credentials;
    case 'o':
        return &a->out;
    default:
        return NULL;
    }
}

static bool *switch_of(struct asked *a, int option)
{
    switch (option) {
    case OPT_OPT_IN:
        return &a->what.opt_in;
    case OPT_KEEP:
        return &a->what.keep_health_checks;
    case OPT_OFFLINE:
        return &a->images.offline;
    case OPT_REMOVE:
        return &a->remove;
    case OPT_TERRAFORM:
        return &a->terraform;
    case OPT_IN_PLACE:
        return &a->in_place;
    case 'h':
        return &a->help;
    default:
        return NULL;
    }
}

static int take_option(struct asked *a, int option, const char *value)
{
    uint32_t seconds;
    switch (option) {
    case OPT_PRIORITY:
        return take_priority(a, value);
    case OPT_WAIT:
        a->what.wait = value;
        return take_number(a, value, 604800, &seconds);
    case OPT_ONLY:
        return take_name(a, &a->what.only, value);
    case OPT_SKIP:
        return take_name(a, &a->what.skip, value);
    case OPT_CONFIG:
        return take_source(a, a->images.files, &a->images.nfiles, value);
    case OPT_IMAGE:
        return strchr(value, '=')
                   ? take_source(a, a->images.references, &a->images.nreferences, value)
                   : wrong(a, "--image is NAME=IMAGE");
    case OPT_CPU:
        return take_number(a, value, 16384, &a->what.cpu);
    case OPT_MEMORY:
        return take_number(a, value, 122880, &a->what.memory);
    case OPT_PORT:
        return take_number(a, value, 65535, &a->what.port);
    default:
        return EXIT_USAGE;
    }
}

static bool is_arn(const char *text)
{
    return strncmp(text, "arn:", 4) == 0;
}

static int check_usage(const struct asked *a)
{
    const struct instrument_options *w = &a->what;
    bool token = w->token_secret || w->token_ref;
    return !a->terraform && !a->file             ? wrong(a, "a file is missing")
           : a->terraform && (a->file || a->out) ? wrong(a, "--terraform reads standard input only")
           : a->in_place && (a->out || a->terraform || strcmp(a->file, "-") == 0)
               ? wrong(a, "--in-place needs a file, and no other to write to")
           : a->remove                       ? 0
           : !w->image || !*w->image         ? wrong(a, "--agent-image is missing")
           : (w->ca || token) && !w->server  ? wrong(a, "what a server needs, without --server")
           : w->server && !token             ? wrong(a, "--token-secret or --token-ref is missing")
           : w->token_secret && w->token_ref ? wrong(a, "--token-secret and --token-ref are one")
           : w->token_secret && !is_arn(w->token_secret)
               ? wrong(a, "--token-secret is the ARN of a secret, not the token")
           : !w->log_group != !w->log_region ? wrong(a, "--log-group and --log-region go together")
           : w->memory < MEMORY_MIN          ? wrong(a, "the agent needs 32 MiB at the least")
           : w->port == 0                    ? wrong(a, "0 is not a port")
                                             : 0;
}

static int take_arguments(struct asked *a, int argc, char **argv)
{
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
        const char **text = text_of(a, option);
        bool *on = switch_of(a, option);
        int r = 0;
        if (text) {
            *text = optarg;
        } else if (on) {
            *on = true;
        } else {
            r = take_option(a, option, optarg);
        }
        if (r != 0) {
            return r;
        }
    }
    if (a->help) {
        return 0;
    }
    a->file = optind < argc ? argv[optind] : NULL;
    return optind + 1 < argc ? wrong(a, "one file at a time") : check_usage(a);
}

static int failed(const struct asked *a, const struct err *err)
{
    bool named = a->file && strcmp(a->file, "-") != 0;
    fprintf(stderr, "%s: %s%s%s\n", a->name, named ? a->file : "", named ? ": " : "", err->message);
    return EXIT_NEGATIVE;
}

static void tell(const struct asked *a, const struct instrument_result *result)
{
    if (result->no_log) {
        fprintf(stderr,
                "%s: no container logs to awslogs, so the agent's own output goes nowhere: "
                "--log-group, --log-region\n",
                a->name);
    }
    if (result->list && !a->terraform) {
        fprintf(stderr,
                "%s: a list of containers: pidMode `task` and the volumes have to be set "
                "where it is used\n",
                a->name);
    }
    if (!a->terraform) {
        fprintf(stderr, "%s: %u container%s watched, %u left out\n", a->name, result->containers,
                result->containers == 1 ? "" : "s", result->skipped);
    }
}

static int work(const struct asked *a, struct str text, struct buf *out, struct err *err)
{
    struct instrument_result result = { 0 };
    if (a->remove) {
        return instrument_remove(text, out, err);
    }
    int r = instrument_text(text, &a->what, out, &result, err);
    if (r == 0) {
        tell(a, &result);
    }
    return r;
}

/* Beside the file, then in its place, with its mode. */
static int replace_file(const char *path, struct str text, struct err *err)
{
    char beside[4096];
    struct stat old;
    mode_t mode = stat(path, &old) == 0 ? old.st_mode & 0777 : 0644;
    if (snprintf(beside, sizeof(beside), "%s.hinomi-new", path) >= (int)sizeof(beside)) {
        return err_set(err, -ENAMETOOLONG, "the name is too long");
    }
    CLEANUP(cleanup_close) int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set(err, -errno, "%s cannot be written: %s", beside, strerror(errno));
    }
    int r = fd_write_all(fd, text.p, text.n);
    r = r == 0 && fchmod(fd, mode) < 0 ? -errno : r;
    r = r == 0 && fsync(fd) < 0 ? -errno : r;
    r = r == 0 && rename(beside, path) < 0 ? -errno : r;
    if (r < 0) {
        unlink(beside);
        return err_set(err, r, "%s cannot be written: %s", path, strerror(-r));
    }
    return 0;
}

static int write_out(const struct asked *a, struct str text, struct err *err)
{
    const char *path = a->in_place ? a->file : a->out;
    if (path) {
        return replace_file(path, text, err);
    }
    return fwrite(text.p, 1, text.n, stdout) == text.n
               ? 0
               : err_set(err, -EIO, "standard output cannot be written");
}

static int read_in(const struct asked *a, struct buf *text, struct err *err)
{
    if (a->file && strcmp(a->file, "-") != 0) {
        return file_read(a->file, text, err);
    }
    int r = fd_read_all(STDIN_FILENO, text);
    return r < 0 ? err_set(err, r, "standard input cannot be read: %s", strerror(-r)) : 0;
}

/* The query's one member. Others are refused: they would be options that do nothing. */
static int terraform_query(struct str text, struct arena *arena, struct str *ret, struct err *err)
{
    struct jscan root, key, value;
    const char *why;
    size_t at;
    if (jscan_check(text, &root, &why, &at) < 0 || root.type != JSCAN_OBJECT) {
        return err_set(err, -EINVAL, "the query is not a JSON object");
    }
    struct jscan_walk walk = jscan_begin(root);
    while (jscan_member(&walk, &key, &value)) {
        if (!jscan_is(key, STR("container_definitions"))) {
            return err_set(err, -EINVAL, "the query has another member than container_definitions");
        }
    }
    struct str inner = jscan_text(jscan_get(root, STR("container_definitions")), arena);
    if (!inner.p) {
        return err_set(err, -EINVAL, "the query has no text container_definitions");
    }
    *ret = inner;
    return 0;
}

static int run_terraform(const struct asked *a, struct str text, struct buf *out, struct err *err)
{
    struct arena arena;
    struct str query;
    struct buf result;
    arena_init(&arena, IN_MAX + 65536);
    buf_init(&result, INSTRUMENT_OUT_MAX);
    int r = terraform_query(text, &arena, &query, err);
    r = r == 0 ? work(a, query, &result, err) : r;
    if (r == 0) {
        struct jsonw w = { .buf = out };
        jsonw_object(&w, NULL);
        jsonw_str(&w, "container_definitions", buf_str(&result));
        jsonw_end(&w);
        buf_putc(out, '\n');
        r = out->failed ? err_set(err, -EFBIG, "the result is too large") : 0;
    }
    buf_done(&result);
    arena_done(&arena);
    return r;
}

/* Where Docker keeps its configuration; nothing when that cannot be told. */
static void find_credentials(struct asked *a, char *storage, size_t size)
{
    const char *folder = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
    int n = folder ? snprintf(storage, size, "%s/config.json", folder)
            : home ? snprintf(storage, size, "%s/.docker/config.json", home)
                   : 0;
    if (!a->images.credentials && n > 0 && (size_t)n < size) {
        a->images.credentials = storage;
    }
}

int cli_instrument(int argc, char **argv)
{
    char credentials[4096];
    struct asked asked = { .name = argv[0] };
    asked.what = (struct instrument_options){ .rules = DEFAULT_RULES,
                                              .policies = DEFAULT_POLICIES,
                                              .memory = 128,
                                              .port = DEFAULT_PORT,
                                              .look_up = image_look_up };
    asked.what.context = &asked.images;
    int status = take_arguments(&asked, argc, argv);
    if (status != 0 || asked.help) {
        fputs(status == 0 ? help : "", stdout);
        return status;
    }
    find_credentials(&asked, credentials, sizeof(credentials));
    if (strcmp(asked.what.rules, DEFAULT_RULES) != 0) {
        asked.what.policies = NULL; /* they are of other rules */
    }
    struct buf text, out;
    struct err err = { 0 };
    buf_init(&text, IN_MAX);
    buf_init(&out, 2 * INSTRUMENT_OUT_MAX);
    int r = read_in(&asked, &text, &err);
    if (r == 0) {
        r = asked.terraform ? run_terraform(&asked, buf_str(&text), &out, &err)
                            : work(&asked, buf_str(&text), &out, &err);
    }
    r = r == 0 ? write_out(&asked, buf_str(&out), &err) : r;
    buf_done(&text);
    buf_done(&out);
    return r < 0 ? failed(&asked, &err) : EXIT_OK;
}
