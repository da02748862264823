/* What a debugger looks into: a call three deep, a thread, a child, opens. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((noinline)) int inner(int depth)
{
    int fd = open("/etc/hostname", O_RDONLY);
    close(fd);
    return fd >= 0 ? depth + 1 : -1;
}

__attribute__((noinline)) int outer(int depth)
{
    return depth < 3 ? outer(depth + 1) + 1 : inner(depth);
}

static void *work(void *data)
{
    *(int *)data = outer(1);
    return NULL;
}

int main(void)
{
    int in_thread = 0, status = 0;
    pthread_t thread;
    int found = outer(0);
    pthread_create(&thread, NULL, work, &in_thread);
    pthread_join(thread, NULL);
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", "exit 9", (char *)NULL);
    }
    waitpid(pid, &status, 0);
    printf("%d %d %d\n", found, in_thread, WEXITSTATUS(status));
    return 25;
}
