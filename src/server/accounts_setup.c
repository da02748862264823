/*
 * The first administrator. While there is no user, the server prints a link with a secret at each start; whoever
 * follows it within a day names the first user. There is no password before.
 *
 * Who locked out every administrator can have another link: an empty file DIR/new-admin, made by somebody who may
 * write there and is therefore master of the server anyway, is taken away at the next start.
 *
 * The secret is in the link's fragment: browsers send that to nobody, so it is in no log and no Referer. It is
 * claimed by one request, and the store adds the first user only while there is none.
 */
#include "server/accounts_internal.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "server/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct setup {
    struct hash_job job;
    struct login login;
    struct str name, token;
};

static int write_link(const char *path, struct str line)
{
    unlink(path);
    CLEANUP(cleanup_close)
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -errno;
    }
    return fd_write_all(fd, line.p, line.n);
}

static int show(struct accounts *accounts, struct str line, struct err *err)
{
    if (isatty(STDOUT_FILENO)) {
        printf("\nTo make an administrator, open this within 24 hours:\n\n    %.*s\n",
               STR_ARG(line));
        fflush(stdout);
        return 0;
    }
    int r = write_link(accounts->setup_path, line);
    if (r < 0) {
        return err_set(err, r, "%s: %s", accounts->setup_path, strerror(-r));
    }
    log_info("the link to make an administrator, valid for 24 hours, is in %s",
             accounts->setup_path);
    return 0;
}

/* Removes it: what it asked for is asked for once. */
static bool is_asked_for(const char *dir)
{
    char path[PATH_MAX];
    return snprintf(path, sizeof(path), "%s/new-admin", dir) < (int)sizeof(path) &&
           unlink(path) == 0;
}

int accounts_setup_open(struct server *server, struct err *err)
{
    struct accounts *accounts = server->accounts;
    const char *dir = server_config(server)->dir;
    int64_t users = 0;
    char storage[PATH_MAX];
    struct secret secret;
    struct buf line;
    if (snprintf(accounts->setup_path, sizeof(accounts->setup_path), "%s/setup-link", dir) >=
        (int)sizeof(accounts->setup_path)) {
        return err_set(err, -ENAMETOOLONG, "%s: too long", dir);
    }
    unlink(accounts->setup_path);
    int r = accounts_ops(server)->user_count(server->store, &users, err);
    accounts->setup_again = r == 0 && users > 0 && is_asked_for(dir);
    if (r < 0 || (users > 0 && !accounts->setup_again)) {
        return r;
    }
    secret_make("hu_", &secret);
    memcpy(accounts->setup_hash, secret.hash, sizeof(secret.hash));
    accounts->setup_until_ms = server->now_ms() + SETUP_MS;
    accounts->setup_open = true;
    buf_init_fixed(&line, storage, sizeof(storage));
    accounts_url(server, &line);
    buf_printf(&line, "/setup#%s\n", secret.text);
    return show(accounts, buf_str(&line), err);
}

static bool is_open(struct server *server)
{
    struct accounts *accounts = server->accounts;
    pthread_mutex_lock(&accounts->lock);
    bool open = accounts->setup_open && server->now_ms() < accounts->setup_until_ms;
    pthread_mutex_unlock(&accounts->lock);
    return open;
}

enum http_result accounts_setup_get(struct server *server, struct request *request,
                                    struct reply *reply)
{
    (void)request;
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_bool(w, "open", is_open(server));
    jsonw_end(w);
    return HTTP_DONE;
}

static bool token_ok(struct server *server, struct str token)
{
    uint8_t hash[SECRET_HASH];
    secret_hash(token, hash);
    return secret_looks_right(token, "hu_") && is_open(server) &&
           secret_hash_equal(hash, server->accounts->setup_hash);
}

/* Of two that come at once with the link, one is the first. */
static bool claim(struct server *server)
{
    struct accounts *accounts = server->accounts;
    bool open = is_open(server);
    pthread_mutex_lock(&accounts->lock);
    open = open && accounts->setup_open;
    accounts->setup_open = accounts->setup_open && !open;
    pthread_mutex_unlock(&accounts->lock);
    return open;
}

/* The user is there, or the link counts again. */
static void settle(struct server *server, bool done)
{
    struct accounts *accounts = server->accounts;
    pthread_mutex_lock(&accounts->lock);
    accounts->setup_open = !done;
    pthread_mutex_unlock(&accounts->lock);
    if (done) {
        unlink(accounts->setup_path);
    }
}

static enum http_result setup_over(struct reply *reply)
{
    return reply_problem(
        reply, 403, "setup_over",
        "this link is not valid (any more); while there is no user, a new one is made "
        "when the server starts");
}

static struct setup *begin(struct server *server, struct request *request, struct reply *reply)
{
    struct json_object *body = request_json(request, reply);
    struct setup *setup = ARENA_NEW(request->arena, struct setup);
    if (!body || !setup) {
        return NULL;
    }
    setup->login.cookie = true;
    if (!request_members_only(request, body, "token name password cookie", reply) ||
        !request_member_text(request, body, "token", true, 256, &setup->token, reply) ||
        !request_member_text(request, body, "name", true, 256, &setup->name, reply) ||
        !request_member_text(request, body, "password", true, PASSWORD_BYTES, &setup->job.password,
                             reply) ||
        !request_member_bool(request, body, "cookie", false, &setup->login.cookie, reply)) {
        return NULL;
    }
    if (!token_ok(server, setup->token)) {
        audit_refused(server, request, "setup", STR("server"));
        setup_over(reply);
        return NULL;
    }
    const char *wrong = user_name_wrong(setup->name);
    if (wrong) {
        reply_problem(reply, 422, "bad_name", "the name %s", wrong);
        return NULL;
    }
    wrong = password_wrong(setup->job.password, setup->name);
    if (wrong) {
        reply_problem(reply, 422, "bad_password", "%s", wrong);
        return NULL;
    }
    setup->job.owner = accounts_address_key(request);
    return setup;
}

enum http_result accounts_setup_post(struct server *server, struct request *request,
                                     struct reply *reply)
{
    struct err err = { 0 };
    struct setup *setup = request->kept;
    if (!setup) {
        request->kept = setup = begin(server, request, reply);
        if (!setup) {
            return HTTP_DONE;
        }
    }
    enum hashed hashed = hasher_step(server->accounts->hasher, &setup->job, reply);
    if (hashed != HASHED_YES) {
        return hashed == HASHED_WAIT ? HTTP_WAIT : HTTP_DONE;
    }
    if (!claim(server)) {
        return setup_over(reply);
    }
    struct store_user *user = &setup->login.user;
    *user = (struct store_user){ .name = setup->name,
                                 .role = STR("admin"),
                                 .password = str_of(setup->job.text),
                                 .created_ms = server->now_ms() };
    struct store_audit audit =
        audit_of(server, request, "setup", audit_object(request, "user", setup->name));
    bool first = !server->accounts->setup_again;
    int r = accounts_ops(server)->user_add(server->store, user, first, &audit, &err);
    settle(server, r == 0 || (r == -EEXIST && first));
    return r < 0 ? accounts_failed(reply, &err)
                 : accounts_begin_session(server, request, reply, &setup->login);
}
