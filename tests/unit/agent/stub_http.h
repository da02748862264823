/*
 * stub_http: a strict server for one test: HTTP/1.1 GET of known paths over loopback or a Unix socket; whatever
 * else it is asked counts as a complaint. A thread of its own.
 */
#pragma once

#include "base/buf.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define STUB_PATHS 12

enum stub_mode { STUB_OK, STUB_SILENT, STUB_GARBAGE, STUB_REDIRECT, STUB_HUGE, STUB_HEADERS };

struct stub_path {
    const char *path;
    const char *_Atomic body; /* NULL: 404 */
    atomic_uint asked;
};

struct stub {
    int fd;
    uint16_t port;
    pthread_t thread;
    atomic_bool stopping;
    atomic_int mode;
    atomic_uint requests, complaints;
    struct stub_path paths[STUB_PATHS];
};

static inline void stub_send(int fd, const char *head, const char *body, size_t n)
{
    if (send(fd, head, strlen(head), MSG_NOSIGNAL) > 0) {
        while (n) {
            ssize_t sent = send(fd, body, n, MSG_NOSIGNAL);
            if (sent <= 0) {
                return;
            }
            body += sent;
            n -= (size_t)sent;
        }
    }
}

static inline void stub_answer(struct stub *s, int fd, const char *path)
{
    char head[256];
    for (int i = 0; i < STUB_PATHS && s->paths[i].path; i++) {
        const char *body = s->paths[i].body;
        if (strcmp(path, s->paths[i].path) == 0) {
            s->paths[i].asked++;
            if (!body) {
                break;
            }
            snprintf(head, sizeof(head),
                     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: Docker/24\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     strlen(body));
            stub_send(fd, head, body, strlen(body));
            return;
        }
        s->complaints += i + 1 == STUB_PATHS || !s->paths[i + 1].path;
    }
    stub_send(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "", 0);
}

static inline void stub_misbehave(struct stub *s, int fd)
{
    static const char filler[65536];
    char text[128];
    switch (s->mode) {
    case STUB_GARBAGE:
        stub_send(fd, "SSH-2.0-OpenSSH\r\n", "", 0);
        return;
    case STUB_REDIRECT:
        snprintf(text, sizeof(text),
                 "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%u/evil\r\n"
                 "Content-Length: 0\r\n\r\n",
                 s->port);
        stub_send(fd, text, "", 0);
        return;
    case STUB_HUGE: /* without a length, without an end */
        stub_send(fd, "HTTP/1.1 200 OK\r\n\r\n{", "", 0);
        while (!s->stopping && send(fd, filler, sizeof(filler), MSG_NOSIGNAL) > 0) {
        }
        return;
    case STUB_HEADERS:
        stub_send(fd, "HTTP/1.1 200 OK\r\n", "", 0);
        while (!s->stopping && send(fd, "X: yyyyyyyyyyyyyyyyyyyyyyyy\r\n", 29, MSG_NOSIGNAL) > 0) {
        }
        return;
    default: { /* says nothing until the client gives up */
        struct pollfd pfd = { .fd = fd, .events = POLLIN };
        while (!s->stopping && poll(&pfd, 1, 20) == 0) {
        }
    }
    }
}

/* Only what a plain GET has. */
static inline bool stub_is_good(const char *request)
{
    return strstr(request, "\r\nHost: ") && strstr(request, "\r\nAccept: */*\r\n") &&
           strstr(request, "\r\nUser-Agent: hinomi-agent\r\n") && !strstr(request, "Cookie") &&
           !strstr(request, "Authorization") && !strstr(request, "Proxy") &&
           !strstr(request, "Transfer-Encoding") && !strstr(request, "Content-Length");
}

static inline void stub_serve(struct stub *s, int fd)
{
    char request[4096], path[512];
    size_t n = 0;
    struct timeval limit = { .tv_sec = 10 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    do {
        ssize_t got = read(fd, request + n, sizeof(request) - 1 - n);
        if (got <= 0) {
            return;
        }
        n += (size_t)got;
        request[n] = '\0';
    } while (!strstr(request, "\r\n\r\n") && n < sizeof(request) - 1);
    s->requests++;
    if (sscanf(request, "GET %511s HTTP/1.1\r\n", path) != 1 || !stub_is_good(request)) {
        s->complaints++;
        return;
    }
    if (s->mode == STUB_OK) {
        stub_answer(s, fd, path);
    } else {
        stub_misbehave(s, fd);
    }
}

static inline void *stub_run(void *data)
{
    struct stub *s = data;
    struct pollfd pfd = { .fd = s->fd, .events = POLLIN };
    while (!s->stopping) {
        int fd = poll(&pfd, 1, 20) > 0 ? accept4(s->fd, NULL, NULL, SOCK_CLOEXEC) : -1;
        if (fd >= 0) {
            stub_serve(s, fd);
            close(fd);
        }
    }
    return NULL;
}

/* path NULL: loopback. False: may not. */
static inline bool stub_start(struct stub *s, const char *path)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    socklen_t size = sizeof(in);
    inet_pton(AF_INET, "127.0.0.1", &in.sin_addr);
    snprintf(un.sun_path, sizeof(un.sun_path), "%s", path ? path : "");
    s->fd = socket(path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const void *address = path ? (const void *)&un : &in;
    if (s->fd < 0 || bind(s->fd, address, path ? sizeof(un) : sizeof(in)) < 0 ||
        listen(s->fd, 16) < 0) {
        return false;
    }
    if (!path && getsockname(s->fd, (struct sockaddr *)(void *)&in, &size) == 0) {
        s->port = ntohs(in.sin_port);
    }
    return pthread_create(&s->thread, NULL, stub_run, s) == 0;
}

static inline void stub_stop(struct stub *s)
{
    s->stopping = true;
    pthread_join(s->thread, NULL);
    close(s->fd);
}
