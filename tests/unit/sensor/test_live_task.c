/*
 * Living tasks: threads, changed ids, roots and mount namespaces of their own, deleted and memory
 * executables, names that try to look like something else, overlays, and the state they make.
 */
#include "live_fixture.h"

#include "sensor/live/proc_text.h"
#include "sensor/live/process.h"
#include "sensor/live/task.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static const char *const cat = "/bin/cat";

static struct live_task *task_of(int64_t tid)
{
    struct live_task *task = NULL;
    assert_int_equal(live_task_new(&task), 0);
    assert_int_equal(live_task_read(task, tid, LIVE_ALL), 0);
    return task;
}

static void test_self(void **state)
{
    (void)state;
    struct live_task *task = task_of(getpid());
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    assert_int_equal(task->tid, getpid());
    assert_int_equal(task->pid, getpid());
    assert_int_equal(task->ptid, getppid());
    assert_int_equal(task->sid, getsid(0));
    assert_int_equal(task->pgid, getpgid(0));
    assert_int_equal(task->uid, getuid());
    assert_int_equal(task->euid, geteuid());
    assert_int_equal(task->fsuid, geteuid());
    assert_int_equal(task->egid, getegid());
    assert_int_equal(task->nthreads, 1);
    assert_int_equal(task->tracer, 0);
    assert_int_equal(task->fdlimit, limit.rlim_cur);
    assert_true(task->readable && task->exe_facts.exe_known && !task->exe_deleted);
    assert_true(task->start_ticks > 0 && task->vmsize_kb > 0 && task->vmrss_kb > 0);
    char link[PATHS_MAX];
    ssize_t n = readlink("/proc/self/exe", link, sizeof(link) - 1);
    link[n] = '\0';
    assert_str(task->exepath, link);
    struct stat st;
    assert_int_equal(stat(link, &st), 0);
    assert_int_equal(task->exe_facts.exe_ino, st.st_ino);
    assert_non_null(getcwd(link, sizeof(link)));
    assert_str(task->cwd, link);
    assert_true(task->argv.n > 0 && task->argv.p[task->argv.n - 1] == '\0');
    live_task_free(task);
    live_task_free(NULL);
}

static void test_gone(void **state)
{
    (void)state;
    struct live_task *task = NULL;
    assert_int_equal(live_task_new(&task), 0);
    struct subject subject = subject_start(NULL, NULL);
    subject_end(&subject);
    assert_int_equal(live_task_read(task, subject.pid, LIVE_ALL), -ESRCH);
    assert_int_equal(live_task_read(task, 0, LIVE_ALL), -ESRCH);
    assert_int_equal(live_task_read(task, -5, LIVE_IDS), -ESRCH);
    live_task_free(task);
}

struct second_thread {
    pthread_barrier_t barrier;
    int64_t tid;
};

static void *second(void *data)
{
    struct second_thread *thread = data;
    thread->tid = syscall(SYS_gettid);
    prctl(PR_SET_NAME, "sec) 0 (ond");
    pthread_barrier_wait(&thread->barrier);
    pthread_barrier_wait(&thread->barrier);
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct second_thread thread;
    pthread_t id;
    pthread_barrier_init(&thread.barrier, NULL, 2);
    assert_int_equal(pthread_create(&id, NULL, second, &thread), 0);
    pthread_barrier_wait(&thread.barrier);
    struct live_task *task = task_of(thread.tid);
    assert_int_equal(task->tid, thread.tid);
    assert_int_equal(task->vtid, thread.tid);
    assert_int_equal(task->pid, getpid());
    assert_int_equal(task->nthreads, 2);
    assert_str(task->comm, "sec) 0 (ond");
    struct state *s;
    assert_int_equal(state_new(&(struct state_config){ 0 }, &s), 0);
    assert_int_equal(live_lineage_add(s, task, thread.tid), 0);
    struct thread *t = state_thread(s, thread.tid);
    assert_non_null(t);
    assert_ptr_equal(state_main(s, t), state_thread(s, getpid()));
    pthread_barrier_wait(&thread.barrier);
    pthread_join(id, NULL);
    state_free(s);
    live_task_free(task);
}

static void test_lineage(void **state)
{
    (void)state;
    struct state *s;
    struct live_task *task = NULL;
    assert_int_equal(live_task_new(&task), 0);
    assert_int_equal(state_new(&(struct state_config){ 0 }, &s), 0);
    struct subject subject = subject_start(NULL, NULL);
    assert_int_equal(live_lineage_add(s, task, subject.pid), 0);
    struct thread *t = state_thread(s, subject.pid);
    assert_non_null(t);
    assert_int_equal(t->uid, geteuid());
    assert_ptr_equal(state_parent(s, t), state_thread(s, getpid()));
    assert_non_null(state_thread(s, getppid()));
    assert_true(t->image->exepath.n > 0 && t->image->exe.n > 0 && t->image->exe_known);
    char cwd[PATHS_MAX];
    assert_non_null(getcwd(cwd, sizeof(cwd)));
    assert_str(state_cwd(s, t), cwd);
    subject_end(&subject);
    assert_int_equal(live_lineage_add(s, task, subject.pid), -ESRCH);
    state_free(s);
    live_task_free(task);
}

static int drop(const void *data)
{
    (void)data;
    gid_t groups[70];
    for (unsigned i = 0; i < 70; i++) {
        groups[i] = 1000 + i;
    }
    umask(027);
    return syscall(SYS_setgroups, *(const int *)data, groups) || setregid(44, 45) ||
                   setreuid(33, 34)
               ? -errno
               : 0;
}

static void test_ids(void **state)
{
    (void)state;
    SKIP_UNLESS(is_root(), "changing ids needs root");
    for (int n = 63; n <= 66; n++) {
        struct subject subject = subject_start(drop, &n);
        struct live_task *task = task_of(subject.pid);
        assert_int_equal(task->uid, 33);
        assert_int_equal(task->euid, 34);
        assert_int_equal(task->fsuid, 34);
        assert_int_equal(task->gid, 44);
        assert_int_equal(task->egid, 45);
        assert_int_equal(task->umask, 027);
        assert_int_equal(task->ngroups, n <= LIVE_GROUPS_MAX ? n : LIVE_GROUPS_MAX + 1);
        assert_int_equal(task->groups[62], 1062);
        assert_int_equal(task->cap_effective, 0);
        assert_false(task->exe_facts.exe_writable);
        live_task_free(task);
        subject_end(&subject);
    }
}

static int many_groups(const void *data)
{
    (void)data;
    static gid_t groups[65536];
    for (unsigned i = 0; i < 65536; i++) {
        groups[i] = 4000000000u + i;
    }
    return syscall(SYS_setgroups, 65536, groups) ? -errno : 0;
}

/* The line of groups is far longer than any buffer; what follows it counts all the same. */
static void test_many_groups(void **state)
{
    (void)state;
    SKIP_UNLESS(is_root(), "changing groups needs root");
    struct subject subject = subject_start(many_groups, NULL);
    assert_int_equal(subject.code, 0);
    struct live_task *task = task_of(subject.pid);
    assert_int_equal(task->ngroups, LIVE_GROUPS_MAX + 1);
    assert_int_equal(task->groups[0], 4000000000u);
    assert_true(task->cap_effective != 0 && task->nthreads == 1 && task->vmsize_kb > 0);
    live_task_free(task);
    subject_end(&subject);
}

/* Another user's eyes: ids are seen, links and environment are not. */
static int look_without_rights(const void *data)
{
    struct live_task *task = NULL;
    if (syscall(SYS_setgroups, 0, NULL) || setgid(65534) || setuid(65534) || live_task_new(&task)) {
        return 10;
    }
    if (live_task_read(task, *(const pid_t *)data, LIVE_ALL) < 0) {
        return 11;
    }
    bool right = !task->readable && task->euid == 0 && task->pid == *(const pid_t *)data &&
                 task->exepath.n == 0 && task->env.n == 0 && task->argv.n > 0 && task->fdlimit > 0;
    return right ? 0 : 12;
}

static void test_unreadable(void **state)
{
    (void)state;
    SKIP_UNLESS(is_root(), "changing ids needs root");
    struct subject subject = subject_start(NULL, NULL);
    struct subject looker = subject_start(look_without_rights, &subject.pid);
    assert_int_equal(looker.code, 0);
    subject_end(&looker);
    subject_end(&subject);
}

static int run_path(const void *path)
{
    char *argv[] = { "a", "-", "", "b c", NULL }; /* waits for its standard input first */
    char *env[] = { "K=V", "L=", NULL };
    execve(path, argv, env);
    return -errno;
}

static void test_image(void **state)
{
    (void)state;
    char folder[64], path[PATHS_MAX];
    folder_new(folder);
    file_copy(cat, path_in(path, folder, "line\nname (x) (deleted)"));
    struct subject subject = subject_exec(run_path, path);
    struct live_task *task = task_of(subject.pid);
    assert_str(task->exepath, path);
    assert_false(task->exe_deleted);
    assert_true(str_eq(task->argv, str_from("a\0-\0\0b c", 9)));
    assert_true(str_eq(task->env, str_from("K=V\0L=", 7)));
    assert_str(task->comm, "line\nname (x) (");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(live_task_read(task, subject.pid, LIVE_IMAGE), 0);
    assert_str(task->exepath, path);
    assert_true(task->exe_deleted);
    file_copy(cat, path); /* another file by that name does not undo it */
    assert_int_equal(live_task_read(task, subject.pid, LIVE_IMAGE), 0);
    assert_str(task->exepath, path);
    assert_true(task->exe_deleted);
    subject_end(&subject);
    live_task_free(task);
    folder_remove(folder);
}

/* Removed, with another link left: the count of links does not tell. */
static void test_removed_link(void **state)
{
    (void)state;
    char folder[64], path[PATHS_MAX], other[PATHS_MAX];
    folder_new(folder);
    file_copy(cat, path_in(path, folder, "one"));
    assert_int_equal(link(path, path_in(other, folder, "two")), 0);
    struct subject subject = subject_exec(run_path, path);
    assert_int_equal(unlink(path), 0);
    struct live_task *task = task_of(subject.pid);
    assert_str(task->exepath, path);
    assert_true(task->exe_deleted);
    assert_false(task->exe_facts.exe_from_memfd);
    subject_end(&subject);
    live_task_free(task);
    folder_remove(folder);
}

static int run_memfd(const void *path)
{
    char fd_path[64], *argv[] = { "m", NULL };
    int fd = memfd_create("image", 0);
    snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", fd);
    file_copy(path, fd_path);
    int readable = open(fd_path, O_RDONLY | O_CLOEXEC);
    close(fd);
    fexecve(readable, argv, environ);
    return -errno;
}

static void test_memfd(void **state)
{
    (void)state;
    struct subject subject = subject_exec(run_memfd, cat);
    struct live_task *task = task_of(subject.pid);
    assert_true(task->exe_facts.exe_from_memfd);
    assert_true(task->exe_deleted);
    assert_str(task->exepath, "/memfd:image");
    subject_end(&subject);
    live_task_free(task);
}

/* A root with what a dynamically linked program needs to run: the machine's own, bound into it. */
struct place {
    const char *root;
    const char *program; /* within it */
    const char *lower;   /* overlay: copied here; NULL none */
};

static int bind_folder(const char *root, const char *name)
{
    char path[PATHS_MAX], from[64];
    snprintf(from, sizeof(from), "/%s", name);
    path_in(path, root, name);
    if (access(from, F_OK) < 0) {
        return 0;
    }
    return (mkdir(path, 0755) < 0 && errno != EEXIST) ||
                   mount(from, path, NULL, MS_BIND | MS_REC, NULL) < 0
               ? -errno
               : 0;
}

static int run_in(const void *data)
{
    const struct place *place = data;
    static const char *const needed[] = { "lib", "lib64", "usr" };
    if (unshare(CLONE_NEWNS) || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
        return -errno;
    }
    if (place->lower) {
        char options[PATHS_MAX];
        snprintf(options, sizeof(options), "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work",
                 place->lower, place->lower, place->lower);
        char made[PATHS_MAX];
        if (mount("overlay", place->root, "overlay", 0, options)) {
            return -errno;
        }
        file_copy(cat, path_in(made, place->root, "dir/made"));
        path_in(made, place->root, "dir/changed");
        if (chmod(made, 0777)) {
            return -errno;
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
        int r = bind_folder(place->root, needed[i]);
        if (r < 0) {
            return r;
        }
    }
    if (chroot(place->root) || chdir("/dir")) {
        return -errno;
    }
    return run_path(place->program);
}

static void test_own_root(void **state)
{
    (void)state;
    SKIP_UNLESS(is_root(), "mount namespaces need root");
    char folder[64], path[PATHS_MAX];
    folder_new(folder);
    assert_int_equal(mkdir(path_in(path, folder, "dir"), 0755), 0);
    file_copy(cat, path_in(path, folder, "dir/prog"));
    struct place place = { .root = folder, .program = "/dir/prog" };
    struct subject subject = subject_exec(run_in, &place);
    if (subject.code == -EPERM) {
        subject_end(&subject);
        folder_remove(folder);
        SKIP_UNLESS(false, "no mount namespaces here");
    }
    assert_int_equal(subject.code, 0);
    struct live_task *task = task_of(subject.pid);
    assert_str(task->exepath, "/dir/prog");
    assert_str(task->cwd, "/dir");
    assert_str(task->root, folder);
    assert_false(task->exe_deleted);
    assert_int_equal(rename(path, path_in((char[PATHS_MAX]){ 0 }, folder, "dir/x (deleted)")), 0);
    assert_int_equal(live_task_read(task, subject.pid, LIVE_IMAGE), 0);
    assert_str(task->exepath, "/dir/x (deleted)");
    assert_false(task->exe_deleted);
    subject_end(&subject);
    live_task_free(task);
    folder_remove(folder);
}

static void check_layer(const struct place *place, bool upper, bool lower)
{
    struct subject subject = subject_exec(run_in, place);
    assert_int_equal(subject.code, 0);
    struct live_task *task = task_of(subject.pid);
    assert_str(task->exepath, place->program);
    print_message("%s: upper %d lower %d\n", place->program, task->exe_facts.exe_upper_layer,
                  task->exe_facts.exe_lower_layer);
    assert_int_equal(task->exe_facts.exe_upper_layer, upper);
    assert_int_equal(task->exe_facts.exe_lower_layer, lower);
    live_task_free(task);
    subject_end(&subject);
}

static void make_layers(const char *folder)
{
    static const char *const folders[] = { "lower", "lower/dir", "upper", "work", "merged" };
    char path[PATHS_MAX];
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        assert_int_equal(mkdir(path_in(path, folder, folders[i]), 0755), 0);
        if (strcmp(folders[i], "lower/dir") == 0) {
            file_copy(cat, path_in(path, folder, "lower/dir/image"));
            file_copy(cat, path_in(path, folder, "lower/dir/changed"));
            usleep(20000); /* the clock of birth times has ticks */
        }
    }
}

static void test_overlay(void **state)
{
    (void)state;
    SKIP_UNLESS(is_root(), "overlays need root");
    static const struct {
        const char *program;
        bool upper, lower;
    } rows[] = {
        { "/dir/image", false, true },
        { "/dir/made", true, false },
        { "/dir/changed", true, false },
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char folder[64], merged[PATHS_MAX];
        folder_new(folder);
        make_layers(folder);
        struct place place = { .root = path_in(merged, folder, "merged"),
                               .program = rows[i].program,
                               .lower = folder };
        struct subject probe = subject_exec(run_in, &place);
        subject_end(&probe);
        if (probe.code == -EPERM || probe.code == -ENODEV || probe.code == -EINVAL) {
            folder_remove(folder);
            SKIP_UNLESS(false, "no overlays here");
        }
        check_layer(&place, rows[i].upper, rows[i].lower);
        folder_remove(folder);
    }
}

static int own_pid_namespace(const void *data)
{
    (void)data;
    if (unshare(CLONE_NEWPID)) {
        return -errno;
    }
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, "the init");
        pause();
        _exit(0);
    }
    return 0;
}

/* The child of a process whose children have a pid namespace of their own. */
static int64_t child_of(pid_t pid)
{
    char path[64], text[64] = { 0 };
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
    FILE *file = fopen(path, "re");
    size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    if (file) {
        fclose(file);
    }
    return n ? strtol(text, NULL, 10) : -1;
}

static void test_pid_namespace(void **state)
{
    (void)state;
    SKIP_UNLESS(is_root(), "pid namespaces need root");
    struct subject subject = subject_start(own_pid_namespace, NULL);
    int64_t init = subject.code == 0 ? child_of(subject.pid) : -1;
    if (init < 0) {
        subject_end(&subject);
        SKIP_UNLESS(false, "no pid namespaces here");
    }
    struct live_task *task = task_of(init);
    assert_int_equal(task->tid, init);
    assert_int_equal(task->vtid, 1);
    assert_int_equal(task->vpid, 1);
    assert_int_equal(task->ptid, subject.pid);
    assert_true(task->is_init);
    assert_true(task->pidns_init_start_ns == task->start_ns);
    assert_int_equal(live_task_read(task, subject.pid, LIVE_ALL), 0);
    assert_false(task->is_init);
    kill((pid_t)init, SIGKILL);
    subject_end(&subject);
    live_task_free(task);
}

static void test_sharers(void **state)
{
    (void)state;
    struct live_sharers *sharers = NULL;
    assert_int_equal(live_sharers_new(&sharers), 0);
    assert_false(live_sharers_has(sharers, 1));
    assert_int_equal(live_sharers_cloned(sharers, 1, 2), 0);
    assert_true(live_sharers_has(sharers, 1) && live_sharers_has(sharers, 2));
    assert_int_equal(live_sharers_cloned(sharers, 2, 3), 0);
    live_sharers_left(sharers, 1);
    assert_false(live_sharers_has(sharers, 1));
    assert_true(live_sharers_has(sharers, 2) && live_sharers_has(sharers, 3));
    live_sharers_left(sharers, 3);
    assert_false(live_sharers_has(sharers, 2));
    live_sharers_left(sharers, 9);
    assert_int_equal(live_sharers_cloned(sharers, 5, 6), 0);
    live_sharers_free(sharers);
    live_sharers_free(NULL);
}

static void check_cgroups(const char *text, const char *want, size_t n)
{
    char storage[4096];
    struct buf buf;
    buf_init_fixed(&buf, storage, sizeof(storage));
    proc_cgroups(str_of(text), &buf);
    assert_int_equal(buf.n, n);
    assert_memory_equal(storage, want, n);
}

#define CGROUPS(text, want) check_cgroups(text, want "\0", sizeof(want))

static void test_cgroups(void **state)
{
    (void)state;
    CGROUPS("0::/a:b\n", "cpuset=/a:b\0cpu=/a:b\0cpuacct=/a:b\0io=/a:b\0memory=/a:b");
    CGROUPS("3:cpu,cpuacct:/x\n2:name=systemd:/y\n1:pids:/z\n0::/u\n",
            "cpu=/x\0cpuacct=/x\0pids=/z");
    CGROUPS("1:pids:/\n0::/\n", "pids=/");
    CGROUPS("1:pids:/\n0::/u\n", "pids=/\0cpuset=/u\0cpu=/u\0cpuacct=/u\0io=/u\0memory=/u");
    check_cgroups("", "", 0);
    check_cgroups("nonsense\n:\n\n", "", 0);
}

static void test_texts(void **state)
{
    (void)state;
    struct live_task task = { 0 };
    struct str comm;
    assert_int_equal(proc_stat(&task,
                               STR("5 (a) R (b) S 1 2 3 34816 5 6 7 8 9 10 11 12 13 14 15 16 "
                                   "1 18 99 20"),
                               &comm),
                     0);
    assert_str(comm, "a) R (b");
    assert_int_equal(task.ptid, 1);
    assert_int_equal(task.pgid, 2);
    assert_int_equal(task.sid, 3);
    assert_int_equal(task.tty, 34816);
    assert_int_equal(task.start_ticks, 99);
    assert_int_equal(proc_stat(&task, STR("5 (a) S 1 2"), &comm), -EINVAL);
    assert_int_equal(proc_stat(&task, STR("5 )a( S 1 2"), &comm), -EINVAL);
    assert_int_equal(proc_stat(&task, STR(""), &comm), -EINVAL);
    assert_int_equal(proc_limits(STR("x\nMax open files            1024  4096  files\n")), 1024);
    assert_true(proc_limits(STR("Max open files   unlimited  unlimited\n")) == INT64_MAX);
    assert_int_equal(proc_limits(STR("Max open files")), -1);
    assert_int_equal(proc_limits(STR("")), -1);
    assert_true(proc_id_is_mapped(STR("         0     100000      65536\n"), 165535));
    assert_false(proc_id_is_mapped(STR("         0     100000      65536\n"), 165536));
    assert_false(proc_id_is_mapped(STR("0 100000"), 100000));
    uint64_t v;
    struct str s = STR("18446744073709551615 18446744073709551616");
    assert_true(proc_number(&s, &v) && v == UINT64_MAX);
    assert_false(proc_number(&s, &v));
    int64_t i;
    s = STR("-9223372036854775807 - -1");
    assert_true(proc_integer(&s, &i) && i == -INT64_MAX);
    assert_false(proc_integer(&s, &i));
}

static bool never(void *data, int64_t tid)
{
    unsigned *asked = data;
    (*asked)++;
    return tid == getppid();
}

/* In one look: parent, filters, start; a later process of its number is another one. */
static void test_process(void **state)
{
    (void)state;
    struct live_process process, again;
    struct live_task *task = task_of(getpid());
    assert_int_equal(live_process_read(getpid(), &process), 0);
    assert_int_equal(process.pid, getpid());
    assert_int_equal(process.ppid, getppid());
    assert_int_equal(process.filters, task->seccomp_filters);
    assert_int_equal(process.start_ticks, task->start_ticks);
    struct stat status;
    assert_int_equal(stat("/proc/self/ns/mnt", &status), 0);
    assert_int_equal(process.mounts, status.st_ino);
    pid_t child = fork();
    if (child == 0) {
        /* What is asked for stands behind them. */
        static gid_t groups[60000];
        for (size_t i = 0; i < 60000; i++) {
            groups[i] = (gid_t)(4000000000u + i);
        }
        raise(syscall(SYS_setgroups, 60000, groups) < 0 && errno != EPERM ? SIGKILL : SIGSTOP);
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, WUNTRACED), child);
    int pidfd = live_process_open(child);
    assert_true(pidfd >= 0 && !live_process_ended(pidfd));
    assert_int_equal(live_process_read(child, &again), 0);
    assert_int_equal(again.ppid, getpid());
    assert_int_equal(again.filters, process.filters);
    assert_true(again.start_ticks >= process.start_ticks);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_true(live_process_ended(pidfd));
    assert_int_equal(live_process_read(child, &again), -ESRCH);
    assert_int_equal(live_process_read(0, &again), -ESRCH);
    close(pidfd);
    live_task_free(task);
}

/* Up to one that is known, which is not among them. */
static void test_unknown(void **state)
{
    (void)state;
    struct live_task *task = task_of(getpid());
    int64_t unknown[LIVE_UNKNOWN_MAX];
    unsigned asked = 0;
    assert_int_equal(live_unknown(task, getpid(), never, &asked, unknown), 1);
    assert_int_equal(unknown[0], getpid());
    assert_int_equal(asked, getppid() > 1);
    assert_int_equal(live_unknown(task, INT32_MAX, never, &asked, unknown), 0);
    live_task_free(task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_process),       cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_self),          cmocka_unit_test(test_gone),
        cmocka_unit_test(test_threads),       cmocka_unit_test(test_lineage),
        cmocka_unit_test(test_ids),           cmocka_unit_test(test_many_groups),
        cmocka_unit_test(test_unreadable),    cmocka_unit_test(test_image),
        cmocka_unit_test(test_removed_link),  cmocka_unit_test(test_memfd),
        cmocka_unit_test(test_own_root),      cmocka_unit_test(test_overlay),
        cmocka_unit_test(test_pid_namespace), cmocka_unit_test(test_sharers),
        cmocka_unit_test(test_cgroups),       cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
