/*
 * socket: facts of another process' socket: from a duplicate (pidfd_getfd(2)) where that is allowed, else
 * from /proc/PID/net.
 */
#pragma once

#include "event/state.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct socket_facts {
    int family, type, protocol; /* as socket(2); -1 unknown */
    bool nonblocking, listening;
    bool pending; /* a listening socket has a connection ready */
    struct sockaddr_storage local, peer;
    uint32_t local_n, peer_n; /* 0: none */
    uint64_t ino;
};

/* -EBADF, -ENOTSOCK, -EPERM. */
int socket_facts_read(int64_t pid, int64_t fd, struct socket_facts *ret);
/* A duplicate of the descriptor here, close-on-exec. */
int socket_borrow(int64_t pid, int64_t fd);
int socket_facts_of(int fd, struct socket_facts *ret);
/* As the state's descriptor: type, addresses, roles. `is_server`: accepted. */
void socket_facts_fdinfo(const struct socket_facts *facts, bool is_server, struct fdinfo *ret);
