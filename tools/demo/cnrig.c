/*
 * cnrig: a miner's name and manners, and nothing else. It asks for the pool's address, connects, logs in as miners
 * do, and sleeps until it is stopped. It computes nothing and goes nowhere but to the address it was given.
 *
 *     cnrig -o POOL:PORT -u WALLET
 */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST_MAX 256

static const char *option(char **argv, const char *name)
{
    for (; argv[0] && argv[1]; argv++) {
        if (strcmp(argv[0], name) == 0) {
            return argv[1];
        }
    }
    return NULL;
}

static int dial(const char *host, const char *port)
{
    const struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found;
    int s = -1;
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        return -1;
    }
    for (const struct addrinfo *a = found; a && s < 0; a = a->ai_next) {
        s = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
        if (s >= 0 && connect(s, a->ai_addr, a->ai_addrlen) < 0) {
            close(s);
            s = -1;
        }
    }
    freeaddrinfo(found);
    return s;
}

int main(int argc, char **argv)
{
    const char *pool = option(argv, "-o"), *wallet = option(argv, "-u");
    const char *colon = pool ? strrchr(pool, ':') : NULL;
    char host[HOST_MAX], line[512];
    if (argc < 3 || !colon || colon - pool >= HOST_MAX) {
        fputs("usage: cnrig -o POOL:PORT -u WALLET\n", stderr);
        return 2;
    }
    snprintf(host, sizeof(host), "%.*s", (int)(colon - pool), pool);
    int s = dial(host, colon + 1);
    if (s < 0) {
        fprintf(stderr, "cnrig: no way to %s\n", pool);
    }
    int n = snprintf(line, sizeof(line),
                     "{\"id\":1,\"method\":\"login\",\"params\":{\"login\":\"%.200s\",\"pass\":"
                     "\"x\",\"agent\":\"cnrig\"}}\n",
                     wallet ? wallet : "nobody");
    if (s >= 0 && send(s, line, (size_t)n, MSG_NOSIGNAL) == n) {
        puts("cnrig: logged in; pretends to mine");
        fflush(stdout);
    }
    for (;;) {
        pause();
    }
}
