/*
 * uplink_process: the process that talks to the server; it has the network, and nothing else.
 *
 *     agent ── socket pair ── keeper ── fork ── worker (libcurl, TLS, zstd)
 *
 * The keeper starts another worker when one ends. Both have a user of their own where the agent is root, no
 * capabilities, no_new_privs, no file system but what resolving names and verifying certificates needs
 * (Landlock, where the kernel has it), and no calls that make programs or look into others (seccomp).
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>
#include <sys/types.h>

#define UPLINK_UID 65531

/* Copied by the fork; texts may be NULL. */
struct uplink_settings {
    const char *url; /* https://HOST[:PORT]; http:// on the loopback only */
    const char *proxy;
    const char *ca_sha256; /* hex, of the certificate that the server shows at /v1/ca */
    struct str ca;         /* PEM; empty: none */
    char instance[17];     /* of this start of the agent */
};

/* url is one that may be used; -EINVAL. */
int uplink_check_url(const char *url, struct err *err);
/* Before any thread is made. The socket is the agent's side. */
int uplink_fork(const struct uplink_settings *settings, int *ret_socket, pid_t *ret_pid,
                struct err *err);

/* uplink_worker.c: serves until the socket ends. */
void uplink_work(const struct uplink_settings *settings, int socket);
