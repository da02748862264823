/*
 * runtime, real: a container that Podman started, as Podman's own service describes it to the agent.
 */
#include "test.h"

#include "agent/metadata.h"
#include "base/buf.h"
#include "base/fd.h"
#include "sensor/live/proc_text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 15000
#define SKIP    77

static char folder[] = "/tmp/hinomi-podman-XXXXXX";
static char name[64];

static pid_t start(const char *const *argv)
{
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return pid;
}

static int run(const char *const *argv)
{
    int status = -1;
    waitpid(start(argv), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const char *in_folder(const char *file)
{
    static char text[4][128];
    static unsigned next;
    char *ret = text[next++ % 4];
    snprintf(ret, sizeof(text[0]), "%s/%s", folder, file);
    return ret;
}

static bool make_image(void)
{
    const char *const copy[] = { "cp", "/bin/busybox", in_folder("root/busybox"), NULL };
    const char *const pack[] = { "tar", "-C", in_folder("root"), "-cf", in_folder("i.tar"),
                                 ".",   NULL };
    const char *const import[] = { "podman", "import", in_folder("i.tar"), name, NULL };
    return mkdir(in_folder("root"), 0755) == 0 && run(copy) == 0 && run(pack) == 0 &&
           run(import) == 0;
}

static bool make_container(void)
{
    const char *const command[] = { "podman",    "--runtime",
                                    "runc",      "--cgroup-manager",
                                    "cgroupfs",  "run",
                                    "-d",        "--name",
                                    name,        "--network=none",
                                    "--ulimit",  "nofile=1024:1024",
                                    "--ulimit",  "nproc=4096:4096",
                                    "--memory",  "64m",
                                    "--user",    "7",
                                    "--label",   "tier=front",
                                    "--pidfile", in_folder("pid"),
                                    name,        "/busybox",
                                    "sleep",     "120",
                                    NULL };
    return run(command) == 0;
}

static void clean_up(void)
{
    const char *const remove[] = { "podman", "rm", "-f", "-t", "0", name, NULL };
    const char *const forget[] = { "podman", "rmi", "-f", name, NULL };
    const char *const erase[] = { "rm", "-rf", folder, NULL };
    run(remove);
    run(forget);
    run(erase);
}

static void read_file(const char *path, char *text, size_t size)
{
    struct buf buf;
    buf_init_fixed(&buf, text, size - 1);
    file_read(path, &buf, NULL);
    text[buf.n] = '\0';
}

static void add(struct state *state, int64_t pid)
{
    char path[64], text[8192], groups[8192];
    struct buf buf;
    snprintf(path, sizeof(path), "/proc/%lld/cgroup", (long long)pid);
    read_file(path, text, sizeof(text));
    buf_init_fixed(&buf, groups, sizeof(groups));
    proc_cgroups(str_of(text), &buf);
    struct thread_init init = { .t = { .tid = pid, .pid = pid, .loginuid = -1 },
                                .comm = STR("busybox"),
                                .cgroups = buf_str(&buf) };
    assert_int_equal(state_add_thread(state, &init), 0);
}

static void look(const struct container *c)
{
    char image[128];
    snprintf(image, sizeof(image), "localhost/%s:latest", name);
    assert_str(c->name, name);
    assert_str(c->type, "podman");
    assert_str(c->image, image);
    assert_str(c->image_tag, "latest");
    assert_int_equal(c->image_digest.n, 71);
    assert_int_equal(c->full_id.n, 64);
    assert_str(c->user, "7");
    assert_int_equal(c->memory_limit_bytes, 64 << 20);
    assert_false(c->privileged);
    assert_true(c->created_ns > 0);
    assert_int_equal(c->nlabels, 1);
    assert_str(c->labels[0].value, "front");
}

static void asked(int64_t pid)
{
    struct state *s = NULL;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct metadata *m = NULL;
    const char *const sockets[] = { "/nowhere.sock", in_folder("api") };
    struct metadata_config config = {
        .lock = &lock, .ecs_url = "", .sockets = sockets, .nsockets = 2, .refresh_ms = 500
    };
    assert_int_equal(state_new(&(struct state_config){ 0 }, &s), 0);
    config.state = s;
    assert_int_equal(metadata_new(&config, &m, NULL), 0);
    bool known = false;
    pthread_mutex_lock(&lock);
    add(s, pid);
    const struct container *c = state_thread(s, pid)->container;
    assert_non_null(c);
    metadata_met(m, state_thread(s, pid));
    for (int i = 0; i < WAIT_MS / 10 && !known; i++) {
        pthread_mutex_unlock(&lock);
        usleep(10000);
        pthread_mutex_lock(&lock);
        known = !c->pending;
    }
    pthread_mutex_unlock(&lock);
    struct metadata_stats stats;
    metadata_get_stats(m, &stats);
    const char *socket = metadata_socket_of(m, c->full_id);
    if (!known) {
        fail_msg("not known: %s", stats.runtime_error.message);
    }
    assert_string_equal(socket, sockets[1]);
    look(c);
    metadata_free(m);
    state_free(s);
}

static void podman(void **state)
{
    (void)state;
    char pid[32] = "";
    read_file(in_folder("pid"), pid, sizeof(pid));
    asked(strtol(pid, NULL, 10));
}

int main(void)
{
    char address[128];
    const char *const version[] = { "podman", "--version", NULL };
    if (geteuid() != 0 || access("/bin/busybox", X_OK) < 0 || run(version) != 0 ||
        !mkdtemp(folder)) {
        print_message("skipped: needs root, podman and a static busybox\n");
        return SKIP;
    }
    snprintf(name, sizeof(name), "hinomi-metadata-%d", getpid());
    snprintf(address, sizeof(address), "unix://%s/api", folder);
    if (!make_image() || !make_container()) {
        clean_up();
        print_message("skipped: podman cannot start a container here\n");
        return SKIP;
    }
    const char *const serve[] = { "podman", "system", "service", "--time=0", address, NULL };
    pid_t service = start(serve);
    const struct CMUnitTest tests[] = { cmocka_unit_test(podman) };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kill(service, SIGTERM);
    waitpid(service, NULL, 0);
    clean_up();
    return failed;
}
