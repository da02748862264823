/*
 * feature: what the probe finds is what can be used, its caller is left as it was, and a feature that is
 * masked is not used. Kernels that lack one are played by a filter that refuses it.
 */
#include "test.h"

#include "base/cleanup.h"
#include "sensor/notify/feature.h"
#include "sensor/notify/filter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#define SET_FLAGS _IOW('!', 4, uint64_t)

#define USER 1000

/* In a child: a failed check ends it. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void in_child(void (*function)(void))
{
    pid_t child = fork();
    if (child == 0) {
        function();
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static bool can_notify(void)
{
    if (feature_probe() & FEATURE_NOTIFY) {
        return true;
    }
    print_message("skipped: no user notification here\n");
    return false;
}

static bool is_root(void)
{
    if (geteuid() == 0) {
        return true;
    }
    print_message("skipped: not root\n");
    return false;
}

static void become_user(void)
{
    CHECK(setresgid(USER, USER, USER) == 0 && setresuid(USER, USER, USER) == 0);
    /* As after an exec. */
    CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
}

static size_t count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t n = 0;
    while (dir && readdir(dir)) {
        n++;
    }
    if (dir) {
        closedir(dir);
    }
    return n;
}

/* From now on such a call fails with this: the low half of the argument & mask == value. */
static void refuse(int nr, unsigned argument, uint32_t mask, uint32_t value, int error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + 8 * argument),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };
    long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
    if (r < 0 && errno == EACCES) {
        CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
    }
    CHECK(r == 0);
}

static void refuse_always(int nr, int error)
{
    refuse(nr, 0, 0, 0, error);
}

/* setsid is notified, nothing else. */
static const struct filter *a_filter(void)
{
    static struct filter filter;
    struct filter_options options = { .test_arguments = true, .foreign = true };
    CHECK(callset_add_name(&options.calls, NAME_setsid));
    CHECK(filter_build(&options, &filter, NULL) == 0);
    return &filter;
}

static bool nnp_is_set(void)
{
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

static void caller_is_unchanged(void)
{
    size_t descriptors = count_descriptors();
    int mode = prctl(PR_GET_SECCOMP);
    bool nnp = nnp_is_set();
    uint32_t first = feature_probe();
    CHECK(feature_probe() == first);
    CHECK(count_descriptors() == descriptors);
    CHECK(prctl(PR_GET_SECCOMP) == mode);
    CHECK(nnp_is_set() == nnp);
    CHECK(waitpid(-1, NULL, 0) < 0 && errno == ECHILD);
}

static void test_caller_is_unchanged(void **state)
{
    (void)state;
    in_child(caller_is_unchanged);
}

/* What one needs, the other has. */
static void check_relations(uint32_t found)
{
    CHECK(!(found & FEATURE_CONTINUE) || found & FEATURE_NOTIFY);
    CHECK(!(found & FEATURE_ADDFD) || found & FEATURE_NOTIFY);
    CHECK(!(found & FEATURE_ADDFD_SEND) || found & FEATURE_ADDFD);
    CHECK(!(found & FEATURE_SYNC_WAKE_UP) || found & FEATURE_WAIT_KILLABLE);
}

static void found_by_root(void)
{
    uint32_t found = feature_probe();
    check_relations(found);
    CHECK(nnp_is_set() || found & FEATURE_WITHOUT_NNP);
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK((feature_probe() | FEATURE_WITHOUT_NNP) == (found | FEATURE_WITHOUT_NNP));
    CHECK(!(feature_probe() & FEATURE_WITHOUT_NNP));
}

static void found_by_user(void)
{
    uint32_t root = feature_probe();
    become_user();
    uint32_t found = feature_probe();
    check_relations(found);
    CHECK(!(found & FEATURE_WITHOUT_NNP));
    CHECK(found == (root & ~(uint32_t)FEATURE_WITHOUT_NNP));
}

static void test_root(void **state)
{
    (void)state;
    if (!is_root()) {
        skip();
    }
    in_child(found_by_root);
}

static void test_user(void **state)
{
    (void)state;
    if (!is_root()) {
        skip();
    }
    in_child(found_by_user);
}

/* Kernels and profiles that lack something. */

static uint32_t lost_by(uint32_t before)
{
    uint32_t after = feature_probe();
    CHECK((after & ~before) == 0);
    return before & ~after;
}

static void no_seccomp(void)
{
    uint32_t before = feature_probe();
    refuse_always(SYS_seccomp, ENOSYS);
    uint32_t lost = lost_by(before);
    CHECK(lost & FEATURE_NOTIFY && lost & FEATURE_SPEC_ALLOW);
    CHECK(!(lost & FEATURE_OPENAT2));
    int listener = 77;
    CHECK(filter_install(a_filter(), before, &listener) == -ENOSYS && listener == 77);
}

static void no_listener(void)
{
    uint32_t before = feature_probe();
    refuse(SYS_seccomp, 1, SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
           EINVAL);
    uint32_t lost = lost_by(before);
    CHECK(lost & FEATURE_NOTIFY && lost & FEATURE_CONTINUE);
    CHECK(!(lost & FEATURE_SPEC_ALLOW));
}

static void no_wait_killable(void)
{
    uint32_t before = feature_probe();
    uint32_t flag = SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    refuse(SYS_seccomp, 1, flag, flag, EINVAL);
    uint32_t lost = lost_by(before);
    CHECK((lost | FEATURE_WITHOUT_NNP) == (FEATURE_WAIT_KILLABLE | FEATURE_WITHOUT_NNP));
}

static void no_sync_wake_up(void)
{
    uint32_t before = feature_probe();
    refuse(SYS_ioctl, 1, UINT32_MAX, SET_FLAGS, EINVAL);
    CHECK((lost_by(before) | FEATURE_WITHOUT_NNP) == (FEATURE_SYNC_WAKE_UP | FEATURE_WITHOUT_NNP));
}

static void no_addfd(void)
{
    uint32_t before = feature_probe();
    refuse(SYS_ioctl, 1, UINT32_MAX, (uint32_t)SECCOMP_IOCTL_NOTIF_ADDFD, EINVAL);
    CHECK((lost_by(before) | FEATURE_WITHOUT_NNP) ==
          (FEATURE_ADDFD | FEATURE_ADDFD_SEND | FEATURE_WITHOUT_NNP));
}

static void no_send(void)
{
    uint32_t before = feature_probe();
    refuse(SYS_ioctl, 1, UINT32_MAX, (uint32_t)SECCOMP_IOCTL_NOTIF_SEND, EINVAL);
    CHECK(lost_by(before) & FEATURE_CONTINUE);
}

static void no_other_processes(void)
{
    uint32_t before = feature_probe();
    refuse_always(SYS_ptrace, EPERM);
    refuse_always(SYS_process_vm_readv, EPERM);
    refuse_always(SYS_pidfd_getfd, ENOSYS);
    refuse_always(SYS_openat2, ENOSYS);
    uint32_t lost = lost_by(before) & ~(uint32_t)FEATURE_WITHOUT_NNP;
    CHECK(lost == (before & (FEATURE_PTRACE_SEIZE | FEATURE_PROCESS_VM_READV | FEATURE_PIDFD_GETFD |
                             FEATURE_OPENAT2)));
}

static void test_lacking(void **state)
{
    (void)state;
    uint32_t need = FEATURE_WAIT_KILLABLE | FEATURE_SYNC_WAKE_UP | FEATURE_ADDFD_SEND;
    if (!can_notify()) {
        skip();
    }
    in_child(no_seccomp);
    in_child(no_listener);
    in_child(no_send);
    in_child(no_other_processes);
    if ((feature_probe() & need) != need) {
        print_message("skipped: this kernel lacks what others are to lack\n");
        skip();
    }
    in_child(no_wait_killable);
    in_child(no_sync_wake_up);
    in_child(no_addfd);
}

/* Masked features are not used. */

static void install_masked(uint32_t features, int expected)
{
    int listener = -1;
    int r = filter_install(a_filter(), features, &listener);
    CHECK(r == expected);
    CHECK((r == 0) == (listener >= 0));
    if (r == 0) {
        CHECK(fcntl(listener, F_GETFD) == FD_CLOEXEC);
        CHECK(filter_install(a_filter(), features, &listener) == -EBUSY);
        CHECK(!(feature_probe() & FEATURE_NOTIFY));
    }
}

static void install_all(void)
{
    uint32_t found = feature_probe();
    bool nnp = nnp_is_set();
    install_masked(found, 0);
    CHECK(nnp_is_set() == (nnp || !(found & FEATURE_WITHOUT_NNP)));
}

static void install_as_user(void)
{
    become_user();
    install_masked(feature_probe(), 0);
    CHECK(nnp_is_set());
}

/* It was probed elsewhere: what cannot be done without is set all the same. */
static void install_as_user_claiming_root(void)
{
    become_user();
    install_masked(feature_probe() | FEATURE_WITHOUT_NNP, 0);
    CHECK(nnp_is_set());
}

static void install_with_nnp(void)
{
    install_masked(feature_probe() & ~(uint32_t)FEATURE_WITHOUT_NNP, 0);
    CHECK(nnp_is_set());
}

static void install_without_notify(void)
{
    bool nnp = nnp_is_set();
    int mode = prctl(PR_GET_SECCOMP);
    install_masked(FEATURES_ALL & ~(uint32_t)FEATURE_NOTIFY, -ENOSYS);
    CHECK(nnp_is_set() == nnp && prctl(PR_GET_SECCOMP) == mode);
}

static void trap_flag(uint32_t flag)
{
    refuse(SYS_seccomp, 1, flag, flag, EXDEV);
}

static void install_without_killable(void)
{
    trap_flag(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
    install_masked(FEATURES_5_10 | FEATURE_WAIT_KILLABLE, -EXDEV);
    install_masked(FEATURES_5_10, 0);
}

static void install_without_spec_allow(void)
{
    trap_flag(SECCOMP_FILTER_FLAG_SPEC_ALLOW);
    install_masked(FEATURES_5_10, -EXDEV);
    install_masked(FEATURES_5_10 & ~(uint32_t)FEATURE_SPEC_ALLOW, 0);
}

static void install_nothing(void)
{
    static struct filter filter;
    int listener = -1;
    CHECK(filter_install(&filter, FEATURES_5_10, &listener) == -EINVAL && listener == -1);
}

static void setup_masked(void)
{
    uint32_t found = feature_probe();
    int listener = -1;
    CHECK(filter_install(a_filter(), found, &listener) == 0);
    CHECK(listener_setup(listener, found) == 0);
    CHECK(listener_setup(-1, FEATURES_5_10) == 0);
    CHECK(listener_setup(-1, FEATURE_SYNC_WAKE_UP) == -EBADF);
    refuse(SYS_ioctl, 1, UINT32_MAX, SET_FLAGS, EXDEV);
    CHECK(listener_setup(listener, FEATURES_5_10) == 0);
    CHECK(listener_setup(listener, FEATURE_SYNC_WAKE_UP) == -EXDEV);
}

static void test_install(void **state)
{
    (void)state;
    if (!can_notify()) {
        skip();
    }
    in_child(install_all);
    in_child(install_with_nnp);
    in_child(install_without_notify);
    in_child(install_without_killable);
    in_child(install_without_spec_allow);
    in_child(install_nothing);
    in_child(setup_masked);
}

static void test_install_as_user(void **state)
{
    (void)state;
    if (!is_root() || !can_notify()) {
        skip();
    }
    in_child(install_as_user);
    in_child(install_as_user_claiming_root);
}

static void test_texts(void **state)
{
    (void)state;
    uint32_t all = (FEATURE_WITHOUT_NNP << 1) - 1;
    assert_int_equal(FEATURES_5_10 & ~all, 0);
    for (uint32_t a = 1; a <= FEATURE_WITHOUT_NNP; a <<= 1) {
        assert_string_not_equal(feature_text(a), "unknown");
        assert_int_equal(feature_named(feature_text(a)), a);
        for (uint32_t b = 1; b < a; b <<= 1) {
            assert_string_not_equal(feature_text(a), feature_text(b));
        }
    }
    assert_string_equal(feature_text(FEATURE_WITHOUT_NNP << 1), "unknown");
    assert_int_equal(feature_named("sync_wake_up"), FEATURE_SYNC_WAKE_UP);
    assert_int_equal(feature_named("unknown"), 0);
    assert_int_equal(feature_named(""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_caller_is_unchanged),
        cmocka_unit_test(test_root),
        cmocka_unit_test(test_user),
        cmocka_unit_test(test_lacking),
        cmocka_unit_test(test_install),
        cmocka_unit_test(test_install_as_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
