/*
 * Scenarios about miners: files with their names, programs that are new in a container, arguments, variables and
 * ports. No miner is there: what is started does nothing, or says its arguments.
 *
 * Most are for containers; the table that holds them against Hinomi's own rules is miners.t.
 */
#include "scenario.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PUBLIC "203.0.113.7" /* this machine's, see box.sh */
#define PORT   3333
#define MADE   "/tmp/made"
#define WALLET                                                                                     \
    "48edfHu7V9Z84YzzMa6fUueoELZ9ZRXq9VetWzYGzKt52XU5"                                             \
    "xvqgzYnDK9URnRoJMk1j8nLwEVsaSWJ4fhdUyZijBGUicoD"

static int say(const char *const argv[], const char *const environment[])
{
    return spawn(argv, environment) == 127 ? skipped(argv[0]) : 0;
}

static int options(bool decisive)
{
    const char *const argv[] = {
        "echo", "-o", "pool.example:443", decisive ? "--donate-level" : "--level", "1", NULL
    };
    return say(argv, NULL);
}

static int algorithm(bool decisive)
{
    const char *const argv[] = { "echo", "-a", decisive ? "rx/0" : "aes", NULL };
    return say(argv, NULL);
}

static int wallet(bool decisive)
{
    const char *const argv[] = { "echo", "-u", WALLET, decisive ? "pool.example:443" : "pool",
                                 NULL };
    return say(argv, NULL);
}

static int environment(bool decisive)
{
    static const char *const argv[] = { "true", NULL };
    const char *const variables[] = { "PATH=/usr/bin:/bin", "POOL_URL=pool.example:443",
                                      decisive ? "POOL_PASS=x" : "DB_POOL_PASS=x", NULL };
    return say(argv, variables);
}

static int file(bool decisive)
{
    return write_file(decisive ? "/opt/xmrig" : "/opt/xmrig.md", "", 0644);
}

static int file_moved(bool decisive)
{
    return write_file("/opt/page", "", 0644) ||
           (rename("/opt/page", decisive ? "/opt/ccminer" : "/opt/other") < 0 && failed("rename"));
}

static int made_by_chmod(bool decisive)
{
    return write_file(MADE, "", 0644) ||
           (chmod(MADE, decisive ? 0755 : 0600) < 0 && failed("chmod"));
}

static int made_relative(bool decisive)
{
    if (write_file(MADE, "", 0644) || chdir(decisive ? "/tmp" : "/opt") < 0) {
        return failed(MADE);
    }
    return !decisive && write_file("made", "", 0644) ? 1 : chmod("made", 0755) < 0;
}

static int made_by_descriptor(bool decisive)
{
    int fd = open(MADE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return fd < 0 || fchmod(fd, decisive ? 0711 : 0640) < 0 ? failed(MADE) : 0;
}

/* As gunicorn's workers do, on a file that has no name any more. */
static int sign_of_life(bool decisive)
{
    int fd = open(MADE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return fd < 0 || unlink(MADE) < 0 || fchmod(fd, decisive ? 0101 : 0001) < 0 || fchmod(fd, 0) < 0
               ? failed(MADE)
               : 0;
}

static int made_at_once(bool decisive)
{
    int fd = open(MADE, O_WRONLY | O_CREAT | O_CLOEXEC, decisive ? 0700 : 0600);
    return fd < 0 ? failed(MADE) : 0;
}

/* The copy is new in both; the decisive one is what runs. */
static int new_program(bool decisive)
{
    const char *const argv[] = { decisive ? "/opt/fresh" : "/bin/true", NULL };
    return copy_file("/bin/true", "/opt/fresh", 0755) || spawn(argv, NULL);
}

/* On a file system that has no layers: the time of its last change tells. */
static int new_in_volume(bool decisive)
{
    const char *const argv[] = { decisive ? "/dev/shm/fresh" : "/bin/true", NULL };
    return copy_file("/bin/true", "/dev/shm/fresh", 0755) || spawn(argv, NULL);
}

static int connects(const char *shell, const char *port)
{
    char script[64];
    snprintf(script, sizeof(script), "exec 9<>/dev/tcp/" PUBLIC "/%s", port);
    const char *const argv[] = { shell, "-c", script, NULL };
    return say(argv, NULL);
}

/* An installed shell may; a copy of it that lies where everybody may write may not. */
static int port(bool decisive)
{
    return listen_at(PUBLIC, PORT, NULL) < 0 || copy_file("/bin/bash", "/var/tmp/web", 0755) ||
           connects(decisive ? "/var/tmp/web" : "/bin/bash", "3333");
}

static int other_port(bool decisive)
{
    (void)decisive;
    return listen_at(PUBLIC, 8443, NULL) < 0 || copy_file("/bin/bash", "/var/tmp/web", 0755) ||
           connects("/var/tmp/web", "8443");
}

/* All of it: brought in, run, on its way to a pool. */
static int story(bool decisive)
{
    if (!decisive) {
        return connects("/bin/bash", "3333") && 0;
    }
    return listen_at(PUBLIC, PORT, NULL) < 0 || copy_file("/bin/bash", "/tmp/web", 0644) ||
           chmod("/tmp/web", 0755) < 0 || connects("/tmp/web", "3333");
}

const struct scenario scenario_miners[] = {
    { "miner-options", options },
    { "miner-algorithm", algorithm },
    { "miner-wallet", wallet },
    { "miner-environment", environment },
    { "miner-file", file },
    { "miner-file-moved", file_moved },
    { "made-by-chmod", made_by_chmod },
    { "made-relative", made_relative },
    { "made-by-descriptor", made_by_descriptor },
    { "sign-of-life", sign_of_life },
    { "made-at-once", made_at_once },
    { "new-program", new_program },
    { "new-in-volume", new_in_volume },
    { "mining-port", port },
    { "other-port", other_port },
    { "miner-story", story },
    { NULL, NULL },
};
