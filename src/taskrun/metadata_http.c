/*
 * metadata_http: as much HTTP/1.1 as the task metadata endpoint needs: GET, one request a connection.
 *
 * Whoever is in the task may ask anything: requests have a size, connections a number and an end.
 */
#include "taskrun/run.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OWN_HOST   "169.254.170.2" /* Fargate's */
#define BACKLOG    16
#define PATIENCE   (5 * NS_PER_S)
#define ANSWER_MAX (1024 * 1024)

int metadata_listen(struct run *run)
{
    bool own = !run->options->network;
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(own ? 80 : 0) };
    socklen_t size = sizeof(address);
    address.sin_addr.s_addr = inet_addr(own ? OWN_HOST : "127.0.0.1");
    run->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (run->listener < 0 ||
        bind(run->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(run->listener, BACKLOG) < 0 ||
        getsockname(run->listener, (struct sockaddr *)&address, &size) < 0) {
        return err_set(run->err, -errno, "the metadata endpoint cannot be opened: %s",
                       strerror(errno));
    }
    if (own) {
        snprintf(run->uri, sizeof(run->uri), "http://" OWN_HOST);
    } else {
        snprintf(run->uri, sizeof(run->uri), "http://127.0.0.1:%u", ntohs(address.sin_port));
    }
    return 0;
}

static void end_client(struct client *client)
{
    close(client->fd);
    client->fd = -1;
    buf_done(&client->answer);
}

void metadata_accept(struct run *run, uint64_t now)
{
    for (uint32_t i = 0; i < RUN_CLIENTS_MAX; i++) {
        struct client *client = &run->clients[i];
        if (client->fd >= 0) {
            continue;
        }
        int fd = accept4(run->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            return;
        }
        client->fd = fd;
        client->n = client->sent = 0;
        client->deadline_ns = now + PATIENCE;
        buf_init(&client->answer, ANSWER_MAX);
    }
}

static void write_answer(struct client *client, const char *status, const struct buf *body)
{
    buf_printf(&client->answer,
               "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
               "Connection: close\r\n\r\n",
               status, body->n);
    buf_puts(&client->answer, buf_str(body));
}

/* The request line is all that counts. */
static void answer(struct run *run, struct client *client)
{
    struct str line = str_from(client->request, client->n);
    struct buf body;
    buf_init(&body, ANSWER_MAX - 1024);
    ptrdiff_t end = str_find(line, STR("\r\n"));
    line = str_first(line, end < 0 ? 0 : (size_t)end);
    bool get = str_starts(line, STR("GET /"));
    struct str path = get ? str_from_offset(line, 4) : (struct str){ 0 };
    ptrdiff_t blank = str_find_char(path, ' ');
    path = blank < 0 ? path : str_first(path, (size_t)blank);
    bool found = get && metadata_answer(run, path, &body) && !body.failed;
    if (!found) {
        buf_clear(&body);
        buf_putz(&body, "\"not found\"");
    }
    write_answer(client,
                 found ? "200 OK"
                 : get ? "404 Not Found"
                       : "405 Method Not Allowed",
                 &body);
    buf_done(&body);
}

static void read_request(struct run *run, struct client *client)
{
    ssize_t n = read(client->fd, client->request + client->n, RUN_REQUEST_MAX - client->n);
    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            end_client(client);
        }
        return;
    }
    client->n += (uint32_t)n;
    if (str_find(str_from(client->request, client->n), STR("\r\n\r\n")) >= 0) {
        answer(run, client);
    } else if (client->n == RUN_REQUEST_MAX) {
        end_client(client);
    }
}

void metadata_serve(struct run *run, struct client *client)
{
    if (client->answer.n == 0) {
        read_request(run, client);
    }
    if (client->fd < 0 || client->answer.n == 0) {
        return;
    }
    ssize_t n = send(client->fd, client->answer.p + client->sent, client->answer.n - client->sent,
                     MSG_NOSIGNAL);
    if (n > 0) {
        client->sent += (uint32_t)n;
    }
    if ((n < 0 && errno != EAGAIN && errno != EINTR) || client->sent == client->answer.n) {
        end_client(client);
    }
}

void metadata_expire(struct run *run, uint64_t now)
{
    for (uint32_t i = 0; i < RUN_CLIENTS_MAX; i++) {
        if (run->clients[i].fd >= 0 && now >= run->clients[i].deadline_ns) {
            end_client(&run->clients[i]);
        }
    }
}
