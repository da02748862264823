/*
 * init: a program for containers, without arguments the pause: the first process of a task's process namespace, which waits
 * for what others leave behind. With `-- COMMAND...` a container's initProcessEnabled: it starts the command, passes
 * signals on to it, waits for what is left behind, and ends as the command does.
 *
 * Linked statically: it runs in images that have nothing.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_FOUND 127
#define NOT_RUN   126
#define SIGNALLED 128

static void reap(void)
{
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
}

static _Noreturn void pause_for_ever(void)
{
    sigset_t all;
    prctl(PR_SET_NAME, "pause");
    for (;;) {
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        sigemptyset(&all);
        sigaddset(&all, SIGCHLD);
        sigwaitinfo(&all, NULL);
        reap();
    }
}

/* The command's end, if it has come: its status as a shell's, or -1. */
static int reap_all(pid_t command)
{
    int status, found = -1;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == command) {
            found = WIFEXITED(status) ? WEXITSTATUS(status) : SIGNALLED + WTERMSIG(status);
        }
    }
    return found;
}

static int serve(pid_t command, const sigset_t *all)
{
    for (;;) {
        int signal = sigwaitinfo(all, NULL);
        if (signal == SIGCHLD) {
            int status = reap_all(command);
            if (status >= 0) {
                return status;
            }
        } else if (signal > 0) {
            kill(command, signal);
        }
    }
}

int main(int argc, char **argv)
{
    sigset_t all, before;
    if (argc < 3 || strcmp(argv[1], "--") != 0) {
        pause_for_ever();
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t command = fork();
    if (command == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        setpgid(0, 0);
        execvp(argv[2], argv + 2);
        _exit(errno == ENOENT ? NOT_FOUND : NOT_RUN);
    }
    return command < 0 ? NOT_RUN : serve(command, &all);
}
