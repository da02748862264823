/*
 * socket_net: a socket by its inode in the tables of /proc/PID/net.
 */
#pragma once

#include "sensor/live/socket.h"

#define SOCKET_TABLE_MAX (8 << 20) /* bytes of a table that are searched */

/*
 * Looks for facts->ino; the tables of facts->family only, or (-1) all. Fills addresses, type, protocol,
 * listening, connecting where found; else leaves all as it is.
 */
void socket_net_find(int64_t pid, struct socket_facts *facts);

/* One line of a table: `inet` (tcp, tcp6, udp, ..., of this family) or unix. True: it is this socket. */
bool socket_net_inet_line(struct str line, int family, struct socket_facts *facts);
bool socket_net_unix_line(struct str line, struct socket_facts *facts);
