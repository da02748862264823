/*
 * The link: the holder's connection with the agent.
 *
 * The socket is reached by its name from its folder, which stays open, so that one that was deleted and made
 * again is found; a folder that was itself deleted is opened anew. What the agent sends is checked: its memory
 * may not shrink under the holder, its filter is of the stated length. The agent's process is whom the kernel
 * names as the other end, not whom a message names.
 */
#include "shim/shim.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#define ANSWER_MS 5000 /* that an agent has for one, before another connection is tried */

static void fill(char *to, size_t size, const char *from, size_t n)
{
    memcpy(to, from, n < size - 1 ? n : size - 1);
}

/* The longest line: with cgroup v1 there are several, and those of no container are short. */
static void fill_cgroup(struct wire_hello *hello)
{
    char text[4096];
    int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    const char *longest = text;
    size_t length = 0;
    for (const char *at = text; n > 0 && at < text + n;) {
        const char *end = memchr(at, '\n', (size_t)(text + n - at));
        end = end ? end : text + n;
        if ((size_t)(end - at) > length) {
            longest = at;
            length = (size_t)(end - at);
        }
        at = end + 1;
    }
    fill(hello->cgroup, sizeof(hello->cgroup), longest, length);
    if (fd >= 0) {
        close(fd);
    }
}

/* http://169.254.170.2/v4/ID: what comes after the address. */
static void fill_task(struct wire_hello *hello)
{
    const char *uri = getenv("ECS_CONTAINER_METADATA_URI_V4");
    const char *at = uri ? strstr(uri, "://") : NULL;
    at = at ? strchr(at + 3, '/') : NULL;
    if (at) {
        fill(hello->task, sizeof(hello->task), at, strlen(at));
    }
}

static void fill_args(struct wire_hello *hello, char **command)
{
    size_t n = 0;
    for (; *command && n < sizeof(hello->args) - 1; command++) {
        size_t length = strlen(*command);
        fill(hello->args + n, sizeof(hello->args) - n, *command, length);
        n += length + 1;
        hello->nargs++;
    }
}

void link_init(struct link *link, const struct shim_options *options)
{
    struct wire_hello *hello = &link->hello;
    struct utsname name;
    memset(link, 0, sizeof *link);
    link->options = options;
    link->folder = -1;
    link->socket = -1;
    link->listener = -1;
    link->record = -1;
    hello->head = (struct wire_head){ WIRE_MAGIC, WIRE_VERSION, WIRE_HELLO, sizeof *hello,
                                      options->health_check ? WIRE_HEALTH_CHECK : 0 };
    syscall(SYS_getrandom, hello->nonce, sizeof(hello->nonce), 1 /* does not wait */);
    hello->pid = getppid();
    hello->uid = getuid();
    hello->priority = options->priority;
    hello->wait_ms = options->wait_ms;
    if (uname(&name) == 0) {
        fill(hello->host, sizeof(hello->host), name.nodename, strlen(name.nodename));
    }
    fill_cgroup(hello);
    fill_task(hello);
    fill_args(hello, options->command);
}

static bool is_deleted(int folder)
{
    struct stat status;
    return fstat(folder, &status) < 0 || status.st_nlink == 0;
}

/* Into the socket's folder; the socket's name there. NULL: there is none. */
static const char *enter_folder(struct link *link)
{
    char path[SHIM_PATH_MAX];
    const char *slash = strrchr(link->options->socket, '/');
    size_t n = slash ? (size_t)(slash - link->options->socket) + 1 : 0;
    if (n >= sizeof(path)) {
        return NULL;
    }
    memcpy(path, n ? link->options->socket : ".", n ? n : 1);
    path[n ? n : 1] = '\0';
    if (link->folder >= 0 && is_deleted(link->folder)) {
        close(link->folder);
        link->folder = -1;
    }
    if (link->folder < 0) {
        link->folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    return link->folder >= 0 && fchdir(link->folder) == 0 ? link->options->socket + n : NULL;
}

int link_connect(struct link *link)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const char *name = enter_folder(link);
    if (!name || strlen(name) >= sizeof(address.sun_path)) {
        return -EAGAIN;
    }
    memcpy(address.sun_path, name, strlen(name) + 1);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -EAGAIN;
    }
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return -EAGAIN;
    }
    link->socket = fd;
    link->asked = false;
    return 0;
}

void link_close(struct link *link)
{
    if (link->socket >= 0) {
        close(link->socket);
    }
    link->socket = -1;
    link->asked = false;
}

union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(WIRE_DESCRIPTORS * sizeof(int))];
};

static int send_with(const struct link *link, const void *p, size_t n, bool descriptors)
{
    union control control;
    struct iovec part = { (void *)p, n };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    if (descriptors) {
        int fds[WIRE_DESCRIPTORS] = { link->listener, link->record };
        memset(&control, 0, sizeof(control));
        message.msg_control = &control;
        message.msg_controllen = sizeof(control.space);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(fds));
        memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
    }
    return sendmsg(link->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n ? 0 : -EPIPE;
}

int link_send_word(const struct link *link, enum wire_kind kind, int64_t value)
{
    struct wire_word word = { { WIRE_MAGIC, WIRE_VERSION, (uint16_t)kind, sizeof(word), 0 },
                              value };
    return send_with(link, &word, sizeof(word), kind == WIRE_LISTENER);
}

int link_send_listener(struct link *link)
{
    link->asked = true;
    link->asked_ns = clock_ns(CLOCK_MONOTONIC);
    return link_send_word(link, WIRE_LISTENER, link->flags);
}

/* A message's size; -EAGAIN: none yet; -EPIPE: no more come, or it is none of ours. */
static ssize_t receive(const struct link *link, void *p, size_t size, int *ret_fd)
{
    union control control;
    struct iovec part = { p, size };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    const struct wire_head *head = p;
    message.msg_control = &control;
    message.msg_controllen = sizeof(control.space);
    ssize_t n = recvmsg(link->socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return -EAGAIN;
    }
    *ret_fd = -1;
    const struct cmsghdr *item = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (item && item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_RIGHTS) {
        memcpy(ret_fd, CMSG_DATA(item), sizeof(*ret_fd));
    }
    bool ours = n >= (ssize_t)sizeof *head && head->magic == WIRE_MAGIC && head->size == n;
    if (!ours && *ret_fd >= 0) {
        close(*ret_fd);
    }
    return ours ? n : -EPIPE;
}

static bool is_whole(const struct wire_filter *filter, ssize_t n)
{
    return n > (ssize_t)offsetof(struct wire_filter, code) && filter->n > 0 &&
           filter->n <= WIRE_CODE_MAX && filter->id != 0 &&
           offsetof(struct wire_filter, code) + filter->n * sizeof(*filter->code) == (size_t)n;
}

static int understand(struct link *link, const struct wire_filter *answer, ssize_t n,
                      bool *ret_local)
{
    struct wire_word word = { 0 };
    if (n >= (ssize_t)sizeof(word)) {
        memcpy(&word, answer, sizeof(word));
    }
    if (answer->head.kind == WIRE_FILTER && is_whole(answer, n)) {
        link->hello.filter = answer->id;
        return 0;
    }
    if (answer->head.kind == WIRE_LOCAL) {
        *ret_local = true;
        return 0;
    }
    return answer->head.kind == WIRE_REFUSED && word.value > 0 && word.value < 4096
               ? -(int)word.value
               : -EPROTO;
}

int link_ask(struct link *link, struct wire_filter *ret, bool *ret_local)
{
    struct pollfd item = { .fd = link->socket, .events = POLLIN };
    int fd = -1;
    int r = send_with(link, &link->hello, sizeof(link->hello), false);
    if (r == 0 && poll(&item, 1, ANSWER_MS) <= 0) {
        r = -EPIPE;
    }
    ssize_t n = r < 0 ? r : receive(link, ret, sizeof *ret, &fd);
    if (n < 0) {
        return -EPIPE;
    }
    if (fd >= 0) {
        close(fd);
    }
    return understand(link, ret, n, ret_local);
}

static uint32_t peer_of(int socket)
{
    struct ucred peer = { 0 };
    socklen_t size = sizeof(peer);
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 0
               ? (uint32_t)peer.pid
               : 0;
}

static int take_ready(struct link *link, struct holder_agent *ret)
{
    struct wire_word word = { 0 };
    const struct holder_shared *slots = NULL;
    int fd = -1;
    ssize_t n = receive(link, &word, sizeof(word), &fd);
    if (n < 0) {
        return (int)n;
    }
    int r = n == sizeof(word) && word.head.kind == WIRE_READY && fd >= 0
                ? holder_shared_view(fd, &slots)
                : -EPIPE;
    if (fd >= 0) {
        close(fd);
    }
    if (r == 0) {
        holder_shared_free((struct holder_shared *)link->former);
        link->former = link->slots;
        link->slots = slots;
        *ret = (struct holder_agent){ link->socket, slots, peer_of(link->socket) };
    }
    return r;
}

static int resume(struct link *link)
{
    link_close(link);
    int r = link_connect(link);
    if (r == 0) {
        link->hello.head.kind = WIRE_RESUME;
        link->hello.flags = link->flags;
        link->asked = true;
        link->asked_ns = clock_ns(CLOCK_MONOTONIC);
        r = send_with(link, &link->hello, sizeof(link->hello), true);
    }
    if (r < 0) {
        link_close(link);
    }
    return r < 0 ? -EAGAIN : -EINPROGRESS;
}

/* Of the agent that this link led to until now, nothing is left but its slots. */
int link_find(void *data, struct holder_agent *ret)
{
    struct link *link = data;
    if (!link->asked) {
        return resume(link);
    }
    int r = take_ready(link, ret);
    if (r == 0) {
        link->asked = false;
        return 0;
    }
    bool late = clock_ns(CLOCK_MONOTONIC) > link->asked_ns + ANSWER_MS * NS_PER_MS;
    if (r == -EAGAIN && !late) {
        return -EINPROGRESS;
    }
    link_close(link);
    return -EAGAIN;
}
