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
    bool
        connecting; /* TCP, connect(2) not answered yet: `peer` is whom it was aimed at, if known */
    bool pending;   /* a listening socket has a connection ready */
    bool
        by_tables; /* not by a duplicate: pending is not known, nor anything of an unbound socket */
    struct sockaddr_storage local, peer;
    uint32_t local_n, peer_n; /* 0: none */
    uint64_t ino;
};

/*
 * Of a process or one of its threads. By a duplicate of the descriptor, else (no right to it) what
 * /proc/PID/net says of its inode, where pending is not known. -EBADF, -ENOTSOCK, -EACCES.
 */
int socket_facts_read(int64_t pid, int64_t fd, struct socket_facts *ret);
/* A duplicate of the descriptor here, close-on-exec; -EBADF, -EPERM, -ESRCH, -ENOSYS. */
int socket_borrow(int64_t pid, int64_t fd);
/* Of a descriptor of our own: a duplicate. The peer of a connecting one is not known this way. */
int socket_facts_of(int fd, struct socket_facts *ret);
/*
 * As the state's descriptor: type, addresses, roles. `is_server`: the connection was accepted. The name is
 * set for Unix sockets with a path only, and borrowed from facts.
 */
void socket_facts_fdinfo(const struct socket_facts *facts, bool is_server, struct fdinfo *ret);
