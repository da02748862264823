/*
 * Scenarios about users and tasks: ids, sessions, and the container's own first process.
 */
#include "scenario.h"

#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

/* A user that is not root asks for an id. */
static int setuid_call(bool decisive)
{
    if (become(1000)) {
        return 1;
    }
    return decisive && setuid(1000) < 0 ? failed("setuid") : 0;
}

/* What a container runs first, and nothing else. */
static int nothing(bool decisive)
{
    (void)decisive;
    return 0;
}

const struct scenario scenario_tasks[] = {
    { "setuid-call", setuid_call },
    { "nothing", nothing },
    { NULL, NULL },
};
