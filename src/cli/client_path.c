/*
 * client_path: paths and queries of requests, percent-encoded; files and secrets that verbs are given; what `login`
 * keeps.
 *
 * The login is one file, $XDG_CONFIG_HOME/hinomi/login.json: 0600, replaced as a whole, and refused when others may
 * read it.
 */
#include "cli/client.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "cli/client_show.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define SAVED_MAX  ((size_t)1 << 20)
#define SAVED_PATH 4096

/* ---- paths */

void client_path(struct client_path *path, const char *text)
{
    buf_init_fixed(&path->buf, path->text, sizeof(path->text));
    path->asks = path->whole = false;
    path->amend = NULL;
    buf_putz(&path->buf, text);
}

void client_path_word(struct client_path *path, const char *word)
{
    for (const char *p = word; *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     (*p >= '0' && *p <= '9') || *p == '-' || *p == '_' || *p == '~' ||
                     (*p == '.' && p != word);
        if (plain) {
            buf_putc(&path->buf, *p);
        } else {
            buf_printf(&path->buf, "%%%02X", (unsigned char)*p);
        }
    }
}

void client_path_text(struct client_path *path, const char *text)
{
    buf_putz(&path->buf, text);
}

void client_path_query(struct client_path *path, const char *key, const char *value)
{
    if (value) {
        buf_printf(&path->buf, "%c%s=", path->asks ? '&' : '?', key);
        client_path_word(path, value);
        path->asks = true;
    }
}

const char *client_path_end(struct client_path *path)
{
    buf_putc(&path->buf, '\0');
    return path->buf.failed ? "/too-long" : path->text;
}

/* ---- files and secrets */

int client_file(const char *path, struct buf *ret)
{
    struct err err = { 0 };
    bool input = strcmp(path, "-") == 0;
    int r = input ? fd_read_all(STDIN_FILENO, ret) : file_read(path, ret, &err);
    if (r < 0) {
        fprintf(stderr, "hinomi: %s\n", input ? strerror(-r) : err.message);
        return EXIT_NEGATIVE;
    }
    return EXIT_OK;
}

static int take_line(struct buf *text, char *ret, size_t size, const char *what)
{
    ptrdiff_t end = str_find_char(buf_str(text), '\n');
    struct str line = str_trim(end < 0 ? buf_str(text) : str_first(buf_str(text), (size_t)end));
    if (line.n == 0 || line.n >= size) {
        fprintf(stderr, "hinomi: this is no %s\n", what);
        return EXIT_USAGE;
    }
    memcpy(ret, line.p, line.n);
    ret[line.n] = '\0';
    return EXIT_OK;
}

static int ask(const char *prompt, bool visible, struct buf *text)
{
    struct termios before, silent;
    CLEANUP(cleanup_close) int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0 || tcgetattr(tty, &before) < 0) {
        fprintf(stderr, "hinomi: there is no terminal to ask for the %s; say in which file it is\n",
                prompt);
        return EXIT_USAGE;
    }
    silent = before;
    silent.c_lflag &= visible ? ~(tcflag_t)0 : ~(tcflag_t)ECHO;
    dprintf(tty, "%s: ", prompt);
    tcsetattr(tty, TCSAFLUSH, &silent);
    char c = '\0';
    while (c != '\n' && read(tty, &c, 1) == 1) {
        buf_putc(text, c);
    }
    tcsetattr(tty, TCSAFLUSH, &before);
    if (!visible) {
        dprintf(tty, "\n");
    }
    return EXIT_OK;
}

int client_secret(const char *file, const char *prompt, bool visible, char *ret, size_t size)
{
    char storage[8192];
    struct buf text;
    buf_init_fixed(&text, storage, sizeof(storage));
    int status = file ? client_file(file, &text) : ask(prompt, visible, &text);
    status = status == EXIT_OK ? take_line(&text, ret, size, prompt) : status;
    explicit_bzero(storage, sizeof(storage));
    return status;
}

/* ---- the login */

static bool saved_path(char *ret, bool make)
{
    const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    bool xdg = base && *base == '/';
    char folder[SAVED_PATH / 2];
    int n = snprintf(folder, sizeof(folder), "%s%s",
                     xdg    ? base
                     : home ? home
                            : "/",
                     xdg ? "" : "/.config");
    if (n < 0 || (size_t)n >= sizeof(folder)) {
        return false;
    }
    if (make) {
        mkdir(folder, 0700);
    }
    snprintf(ret, SAVED_PATH, "%s/hinomi", folder);
    if (make && mkdir(ret, 0700) < 0 && errno != EEXIST) {
        return false;
    }
    snprintf(ret, SAVED_PATH, "%s/hinomi/login.json", folder);
    return true;
}

static bool take_member(struct json_object *saved, const char *key, char *ret, size_t size)
{
    const char *text = client_text(saved, key);
    bool good = strlen(text) < size;
    memcpy(ret, good ? text : "", good ? strlen(text) + 1 : 1);
    return good && *text;
}

int client_saved_read(struct client *ret, bool *ret_there)
{
    char path[SAVED_PATH];
    struct stat stat;
    struct buf text;
    *ret_there = false;
    CLEANUP(cleanup_close) int fd = saved_path(path, false) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) {
        return EXIT_OK;
    }
    if (fstat(fd, &stat) < 0 || stat.st_uid != geteuid() || stat.st_mode & 077) {
        fprintf(
            stderr,
            "hinomi: %s belongs to, or may be read by, others; log in again after removing it\n",
            path);
        return EXIT_LACKS;
    }
    buf_init(&text, SAVED_MAX);
    int r = fd_read_all(fd, &text);
    buf_putc(&text, '\0');
    struct json_object *saved = r < 0 || text.failed ? NULL : json_tokener_parse(text.p);
    explicit_bzero(text.p, text.n);
    buf_done(&text);
    *ret_there = take_member(saved, "url", ret->url, sizeof(ret->url)) &&
                 take_member(saved, "token", ret->token, sizeof(ret->token));
    buf_putz(&ret->ca, client_text(saved, "ca"));
    json_object_put(saved);
    if (!*ret_there) {
        fprintf(stderr, "hinomi: %s is no login; remove it and log in again\n", path);
    }
    return *ret_there ? EXIT_OK : EXIT_LACKS;
}

static int write_saved(const char *path, struct str text)
{
    char temporary[SAVED_PATH + 8];
    snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
    CLEANUP(cleanup_close) int fd = mkostemp(temporary, O_CLOEXEC);
    int r = fd < 0 ? -errno : fd_write_all(fd, text.p, text.n);
    if (r == 0 && (fchmod(fd, 0600) < 0 || fsync(fd) < 0 || rename(temporary, path) < 0)) {
        r = -errno;
    }
    if (r < 0 && fd >= 0) {
        unlink(temporary);
    }
    return r;
}

int client_saved_write(const struct client *client, char *ret_path, size_t size)
{
    char path[SAVED_PATH];
    struct buf buf;
    buf_init(&buf, SAVED_MAX);
    struct jsonw w = { .buf = &buf };
    jsonw_object(&w, NULL);
    jsonw_strz(&w, "url", client->url);
    jsonw_strz(&w, "token", client->token);
    jsonw_str(&w, "ca", buf_str(&client->ca));
    jsonw_end(&w);
    bool good = saved_path(path, true);
    int r = !good ? -errno : buf.failed ? -ENOMEM : write_saved(path, buf_str(&buf));
    explicit_bzero(buf.p, buf.n);
    buf_done(&buf);
    if (r < 0) {
        fprintf(stderr, "hinomi: cannot keep the login in %s: %s\n", path, strerror(-r));
        return EXIT_NEGATIVE;
    }
    snprintf(ret_path, size, "%s", path);
    return EXIT_OK;
}

int client_saved_remove(void)
{
    char path[SAVED_PATH];
    return saved_path(path, false) && unlink(path) == 0 ? EXIT_OK : EXIT_NEGATIVE;
}
