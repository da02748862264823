/*
 * container_id: ids from mountinfo as runtimes leave it; a process namespace of one's own without one.
 */
#include "test.h"

#include "event/state.h"
#include "sensor/live/container_id.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void ids_in_mounts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *id;
    } cases[] = {
        { "", "" },
        { "1 2 3", "" },
        { "631 620 0:20 /docker/containers/" ID
          "/resolv.conf /etc/resolv.conf rw - ext4 /dev/x rw\n",
          ID },
        { "1 2 0:3 / / rw\n632 620 0:2 /var/lib/containers/storage/overlay-containers/" ID
          "/userdata/hostname /etc/hostname rw - tmpfs t rw",
          ID },
        /* not one of the runtime's files */
        { "631 620 0:20 /docker/containers/" ID
          "/resolv.conf /tmp/resolv.conf rw - ext4 /dev/x rw\n",
          "" },
        /* a pod's sandbox is not the container */
        { "631 620 0:20 /sandboxes/" ID "/resolv.conf /etc/resolv.conf rw - ext4 /dev/x rw\n", "" },
        { "631 620 0:20 /containers/" ID "0/hosts /etc/hosts rw\n", "" },
        { "631 620 0:20 /containers/" ID "/hosts /etc/hosts", ID },
        { "\n\n    \n /containers/" ID " ", "" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_str(container_id_in_mounts(str_of(cases[i].text)), cases[i].id);
    }
}

static _Noreturn void wait_to_be_killed(void)
{
    for (;;) {
        pause();
    }
}

static void own_process_namespace(void **state)
{
    (void)state;
    char cgroup[CONTAINER_CGROUP_MAX];
    size_t mine = container_cgroup(getpid(), cgroup);
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
    if (pid < 0) {
        print_message("skipped: may not make a process namespace\n");
        skip();
    }
    if (pid == 0) {
        wait_to_be_killed();
    }
    size_t n = container_cgroup(pid, cgroup);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    if (mine) {
        print_message("skipped: already in a container\n");
        skip();
    }
    assert_true(n > 0);
    struct str text = str_from(cgroup, n);
    ptrdiff_t equals = str_find_char(text, '=');
    assert_int_equal(cgroup_container_id(str_from_offset(text, (size_t)equals + 1)).n, 12);
}

static void nobody(void **state)
{
    (void)state;
    char cgroup[CONTAINER_CGROUP_MAX];
    assert_int_equal(container_cgroup(0x7fffffff, cgroup), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_in_mounts),
        cmocka_unit_test(own_process_namespace),
        cmocka_unit_test(nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
