/*
 * events_fixture: a world, one call being made up, and the event of it looked at.
 */
#pragma once

#include "test.h"

#include "event/field_fixture.h"

#include "sensor/live/socket.h"
#include "sensor/notify/events.h"
#include "sensor/notify/events_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

#define TID 200

static struct call_args args;
static struct call_outcome outcome;
static struct resolved at[2];
static struct socket_facts facts;
static struct made_event made;
static struct world world;

static inline int begin(void **data)
{
    (void)data;
    world = world_new();
    return 0;
}

static inline int end(void **data)
{
    (void)data;
    world_free(&world);
    return 0;
}

/* A call with nothing in it yet, that succeeded with 0. */
static inline void start(uint16_t name)
{
    memset(&args, 0, offsetof(struct call_args, storage));
    memset(&facts, 0, sizeof(facts));
    memset(at, 0, offsetof(struct resolved, storage));
    at[1] = at[0];
    args.call = call_find(name);
    assert_non_null(args.call);
    args.tid = TID;
    args.dirfd[0] = args.dirfd[1] = AT_FDCWD;
    outcome = (struct call_outcome){ .ts_ns = T0, .exact = true, .outcome = OUTCOME_REPORTED };
}

static inline void regs(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    args.reg[0] = a;
    args.reg[1] = b;
    args.reg[2] = c;
    args.reg[3] = d;
}

static inline void file_is(int i, const char *path)
{
    at[i].path = str_of(path);
    outcome.at = at;
}

/* The event, applied and looked at. */
static inline struct event *happens(void)
{
    event_of_call(&args, &outcome, &made);
    return look(&world, &made.event);
}

static inline void know_file(int fd, const char *path)
{
    struct fdinfo info = { .type = FD_FILE_V2, .name = str_of(path), .nameraw = str_of(path) };
    assert_int_equal(state_add_fd(world.state, TID, fd, &info), 0);
}

static inline void know_directory(int fd, const char *path)
{
    struct fdinfo info = { .type = FD_DIRECTORY, .name = str_of(path), .nameraw = str_of(path) };
    assert_int_equal(state_add_fd(world.state, TID, fd, &info), 0);
}

static inline void put_in(struct sockaddr_storage *to, uint32_t *ret_n, const char *ip,
                          uint16_t port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
    assert_int_equal(inet_pton(AF_INET, ip, &in.sin_addr), 1);
    memcpy(to, &in, sizeof(in));
    *ret_n = sizeof(in);
}

static inline void put_in6(struct sockaddr_storage *to, uint32_t *ret_n, const char *ip,
                           uint16_t port)
{
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    assert_int_equal(inet_pton(AF_INET6, ip, &in6.sin6_addr), 1);
    memcpy(to, &in6, sizeof(in6));
    *ret_n = sizeof(in6);
}

static inline void put_un(struct sockaddr_storage *to, uint32_t *ret_n, const char *path, size_t n)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    memcpy(un.sun_path, path, n);
    memcpy(to, &un, sizeof(un));
    *ret_n = (uint32_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

static inline void make_socket(int fd, int domain, int type)
{
    start(NAME_socket);
    regs((uint64_t)domain, (uint64_t)type, 0, 0);
    outcome.result = fd;
    happens();
}

static inline void start_connect(int fd)
{
    start(NAME_connect);
    args.reg[0] = (uint64_t)fd;
    outcome.socket = &facts;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
