/*
 * probe: what the programs of one executable share. Each prints what must be the same with and without a
 * sensor, and nothing else: no ids, no addresses, no times.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef int (*probe_main)(int argc, char **argv);

/* How much heavier than usual: TRANSPARENCY_SCALE, 1 by default. */
long probe_scale(void);
_Noreturn void probe_fail(const char *what); /* with errno */
pid_t probe_fork(void);
/* One byte through a pipe. */
void probe_put(int fd, char byte);
char probe_get(int fd); /* 0 at its end */
/* Waits for it, and prints the name and how it ended. */
void probe_wait(const char *name, pid_t pid);

/* families by file */
int statuses(int argc, char **argv);
int spawns(int argc, char **argv);
int shorts(int argc, char **argv);
int daemons(int argc, char **argv);
int groups(int argc, char **argv);
int parents(int argc, char **argv);
int environment(int argc, char **argv);
int descriptors(int argc, char **argv);
int storm(int argc, char **argv);
int own_filter(int argc, char **argv);
int own_listener(int argc, char **argv);
int opener(int argc, char **argv);
int load(int argc, char **argv);
