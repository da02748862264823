/*
 * The command: which file its name means, and its execution, as execvp(3) does both. The file is looked for
 * before the filter is there; afterwards only execve is left.
 */
#include "shim/shim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_PATH "/bin:/usr/bin"
#define SHELL        "/bin/sh"

/* 0; EACCES: there, but not to be executed; ENOENT. */
static int can_execute(const char *path)
{
    struct stat status;
    if (stat(path, &status) < 0) {
        return errno == EACCES ? EACCES : ENOENT;
    }
    return S_ISREG(status.st_mode) && access(path, X_OK) == 0 ? 0 : EACCES;
}

/* folder/name; false: too long. */
static bool join(char *ret, size_t size, const char *folder, size_t n, const char *name)
{
    size_t length = strlen(name) + 1;
    if (n + 1 + length > size) {
        return false;
    }
    memcpy(ret, folder, n);
    if (n) {
        ret[n++] = '/';
    }
    memcpy(ret + n, name, length);
    return true;
}

int shim_find(const char *name, char *ret, size_t size)
{
    const char *paths = getenv("PATH");
    bool refused = false;
    if (strchr(name, '/')) {
        return join(ret, size, "", 0, name) ? 0 : SHIM_NOT_FOUND;
    }
    for (const char *at = paths ? paths : DEFAULT_PATH; at && name[0];) {
        const char *end = strchrnul(at, ':');
        int r = join(ret, size, at, (size_t)(end - at), name) ? can_execute(ret) : ENOENT;
        if (r == 0) {
            return 0;
        }
        refused |= r == EACCES;
        at = *end ? end + 1 : NULL;
    }
    shim_say(name, refused ? "it may not be executed" : "there is no such command");
    return refused ? SHIM_CANNOT_EXECUTE : SHIM_NOT_FOUND;
}

int shim_execute(const char *path, char **command, char **shell)
{
    execv(path, command);
    if (errno == ENOEXEC) {
        execv(SHELL, shell);
        errno = errno == ENOENT ? ENOEXEC : errno;
    }
    int error = errno;
    shim_say(path, shim_why(error));
    return error == ENOENT ? SHIM_NOT_FOUND : SHIM_CANNOT_EXECUTE;
}
