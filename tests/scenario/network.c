/*
 * Scenarios about the network. The addresses beyond loopback are this machine's own, given to the
 * network namespace that box.sh made: nothing leaves it.
 */
#include "scenario.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PUBLIC   "203.0.113.7" /* TEST-NET-3 */
#define METADATA "169.254.169.254"

static int packet_socket(bool decisive)
{
    int fd = socket(decisive ? AF_PACKET : AF_INET, SOCK_DGRAM, decisive ? htons(ETH_P_IP) : 0);
    return fd < 0 ? failed("socket") : 0;
}

static int standard_output_moved(bool decisive)
{
    uint16_t port = 0;
    int listener = listen_at("127.0.0.1", 0, &port);
    int fd = listener < 0 ? -1 : connect_to(SOCK_STREAM, "127.0.0.1", port);
    if (fd < 0) {
        return 1;
    }
    return dup2(fd, decisive ? STDOUT_FILENO : 9) < 0 ? failed("dup2") : 0;
}

static int standard_input_moved(bool decisive)
{
    uint16_t port = 0;
    int listener = listen_at("127.0.0.1", 0, &port);
    int fd = listener < 0 ? -1 : connect_to(SOCK_STREAM, "127.0.0.1", port);
    if (fd < 0) {
        return 1;
    }
    if (decisive) {
        close(STDIN_FILENO);
        return dup(fd) != STDIN_FILENO ? failed("dup") : 0;
    }
    return dup(fd) < 3 ? failed("dup") : 0;
}

static int odd_datagrams(bool decisive)
{
    int fd = connect_to(SOCK_DGRAM, PUBLIC, decisive ? 4321 : 53);
    return fd < 0;
}

static int connect_with_listener(const char *address, uint16_t port)
{
    return listen_at(address, port, NULL) < 0 || connect_to(SOCK_STREAM, address, port) < 0;
}

static int metadata(bool decisive)
{
    return connect_with_listener(decisive ? METADATA : "127.0.0.1", 80);
}

/* A client that connects by itself: bash's, and ssh to a port that is not its own. */
static int with_client(const char *const argv[])
{
    int listener = listen_at(PUBLIC, 443, NULL);
    int other = listen_at("127.0.0.1", 443, NULL);
    if (listener < 0 || other < 0) {
        return 1;
    }
    pid_t server = fork();
    if (server == 0) {
        fd_set ready;
        FD_ZERO(&ready);
        FD_SET(listener, &ready);
        FD_SET(other, &ready);
        int high = listener > other ? listener : other;
        int from = select(high + 1, &ready, NULL, NULL, NULL) > 0 && FD_ISSET(other, &ready)
                       ? other
                       : listener;
        close(accept(from, NULL, NULL));
        _exit(0);
    }
    int status = spawn(argv, NULL);
    waitpid(server, NULL, 0);
    return status == 127 ? skipped("the client is not installed") : 0;
}

static int bash_network(bool decisive)
{
    static const char *const argv[][4] = {
        { "bash", "-c", "exec 9<>/dev/tcp/127.0.0.1/443", NULL },
        { "bash", "-c", "exec 9<>/dev/tcp/" PUBLIC "/443", NULL },
    };
    return with_client(argv[decisive]);
}

#define SSH(ADDRESS)                                                                               \
    {                                                                                              \
        "ssh", "-p", "443", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", ADDRESS, NULL \
    }

static int ssh_port(bool decisive)
{
    static const char *const argv[][9] = { SSH("127.0.0.1"), SSH(PUBLIC) };
    return with_client(argv[decisive]);
}

const struct scenario scenario_network[] = {
    { "packet-socket", packet_socket },
    { "standard-output-moved", standard_output_moved },
    { "standard-input-moved", standard_input_moved },
    { "odd-datagrams", odd_datagrams },
    { "metadata", metadata },
    { "bash-network", bash_network },
    { "ssh-port", ssh_port },
    { NULL, NULL },
};
