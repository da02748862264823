/*
 * scene: words of a line become key and value; values become parameters by the kind table, or members of
 * threads, descriptors, containers.
 */
#include "scene.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#define SCENE_TIME_NS UINT64_C(1700000000123456789)

struct pair {
    struct str key, value;
};

int scene_init(struct scene *scene)
{
    memset(scene, 0, sizeof(*scene));
    scene->view.event = &scene->event;
    scene->view.source = STR("syscall");
    scene->view.hostname = STR("testhost");
    scene->view.first_ts_ns = SCENE_TIME_NS;
    return scratch_init(&scene->view.scratch);
}

void scene_done(struct scene *scene)
{
    state_free(scene->state);
    scene->state = NULL;
    scratch_done(&scene->view.scratch);
}

int scene_reset(struct scene *scene)
{
    state_free(scene->state);
    scene->state = NULL;
    scene->has_event = false;
    scene->is_applied = false;
    const struct state_config config = { .threads_max = 1024 };
    int r = state_new(&config, &scene->state);
    scene->view.state = scene->state;
    return r;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One escape behind a backslash; returns how many bytes it had. */
static size_t unescape(struct str rest, char *ret)
{
    switch (rest.n ? rest.p[0] : '\\') {
    case 'n':
        *ret = '\n';
        return 1;
    case 't':
        *ret = '\t';
        return 1;
    case 'x':
        if (rest.n >= 3 && hex_digit(rest.p[1]) >= 0 && hex_digit(rest.p[2]) >= 0) {
            *ret = (char)(hex_digit(rest.p[1]) << 4 | hex_digit(rest.p[2]));
            return 3;
        }
        *ret = 'x';
        return 1;
    default:
        *ret = rest.n ? rest.p[0] : '\\';
        return rest.n ? 1 : 0;
    }
}

/* The text up to the closing quote, unescaped into the scene's storage. *rest moves behind it. */
static struct str unquote(struct scene *scene, struct str *rest)
{
    size_t start = scene->text_n;
    size_t i = 0;
    while (i < rest->n && rest->p[i] != '"' && scene->text_n < sizeof(scene->text)) {
        char c = rest->p[i++];
        if (c == '\\') {
            i += unescape(str_from_offset(*rest, i), &c);
        }
        scene->text[scene->text_n++] = c;
    }
    *rest = str_from_offset(*rest, i + 1);
    return str_from(scene->text + start, scene->text_n - start);
}

static struct str take_bare(struct str *rest, const char *stop)
{
    size_t n = 0;
    while (n < rest->n && !strchr(stop, rest->p[n])) {
        n++;
    }
    struct str word = str_first(*rest, n);
    *rest = str_from_offset(*rest, n);
    return word;
}

/* The next key=value, or word (key). False at the end of the line. */
static bool next_pair(struct scene *scene, struct str *rest, struct pair *ret)
{
    *rest = str_trim(*rest);
    if (rest->n == 0) {
        return false;
    }
    ret->key = take_bare(rest, " \t=");
    ret->value = (struct str){ 0 };
    if (rest->n && rest->p[0] == '=') {
        *rest = str_from_offset(*rest, 1);
        if (rest->n && rest->p[0] == '"') {
            *rest = str_from_offset(*rest, 1);
            ret->value = unquote(scene, rest);
        } else {
            ret->value = take_bare(rest, " \t");
        }
    }
    return true;
}

static int64_t number_of(struct str s)
{
    char z[64];
    size_t n = s.n < sizeof(z) - 1 ? s.n : sizeof(z) - 1;
    memcpy(z, s.p ? s.p : "", n);
    z[n] = '\0';
    return z[0] == '-' ? strtoll(z, NULL, 0) : (int64_t)strtoull(z, NULL, 0);
}

/* "-ENOENT" or a number. */
static int64_t result_of(struct str s)
{
    if (s.n > 2 && s.p[0] == '-' && s.p[1] == 'E') {
        for (int e = 1; e < 200; e++) {
            const char *name = errno_name(e);
            if (name && str_eqz(str_from_offset(s, 1), name)) {
                return -e;
            }
        }
    }
    return number_of(s);
}

static bool flag_value(const struct param *param, struct str name, uint64_t *ret)
{
    for (const struct flag_name *f = param->flags; f && f->name; f++) {
        if (str_eqz(name, f->name)) {
            *ret = f->value;
            return true;
        }
    }
    return false;
}

/* Names of flags joined by '|', and numbers. */
static uint64_t flags_of(const struct param *param, struct str s)
{
    uint64_t all = 0;
    while (s.n) {
        struct str name = take_bare(&s, "|");
        uint64_t value = 0;
        all |= flag_value(param, name, &value) ? value : (uint64_t)number_of(name);
        s = str_from_offset(s, 1);
    }
    return all;
}

/* An event's bytes being written. */
struct writer {
    struct scene *scene;
    size_t n;
};

static void put(struct writer *w, const void *p, size_t n)
{
    if (n <= sizeof(w->scene->data) - w->n) {
        memcpy(w->scene->data + w->n, p, n);
        w->n += n;
    }
}

static void put_number(struct writer *w, uint64_t v, size_t n)
{
    put(w, &v, n);
}

/* "10.0.0.1:80" or "[::1]:80" → address in network order, port. */
static bool endpoint_of(struct str s, struct ip *ret_ip, uint16_t *ret_port)
{
    ptrdiff_t colon = str_find_last(s, ':');
    if (colon < 0) {
        return false;
    }
    struct str host = str_first(s, (size_t)colon);
    if (host.n >= 2 && host.p[0] == '[') {
        host = str_from(host.p + 1, host.n - 2);
    }
    char z[64];
    size_t n = host.n < sizeof(z) - 1 ? host.n : sizeof(z) - 1;
    memcpy(z, host.p, n);
    z[n] = '\0';
    *ret_ip = (struct ip){ .family = strchr(z, ':') ? 6 : 4 };
    *ret_port = (uint16_t)number_of(str_from_offset(s, (size_t)colon + 1));
    return inet_pton(ret_ip->family == 4 ? AF_INET : AF_INET6, z, ret_ip->bytes) == 1;
}

/* "a->b" */
static bool tuple_of(struct str s, struct fdinfo *ret)
{
    ptrdiff_t arrow = str_find(s, STR("->"));
    return arrow >= 0 && endpoint_of(str_first(s, (size_t)arrow), &ret->sip, &ret->sport) &&
           endpoint_of(str_from_offset(s, (size_t)arrow + 2), &ret->dip, &ret->dport);
}

static void put_endpoint(struct writer *w, const struct ip *ip, uint16_t port)
{
    put(w, ip->bytes, ip->family == 4 ? 4 : 16);
    put_number(w, port, 2);
}

static void put_address(struct writer *w, uint8_t type, struct str s)
{
    struct fdinfo fd = { 0 };
    if (type == PARAM_SOCKTUPLE && tuple_of(s, &fd)) {
        put_number(w, fd.sip.family == 4 ? AF_INET : AF_INET6, 1);
        put_endpoint(w, &fd.sip, fd.sport);
        put_endpoint(w, &fd.dip, fd.dport);
    } else if (type == PARAM_SOCKADDR && endpoint_of(s, &fd.sip, &fd.sport)) {
        put_number(w, fd.sip.family == 4 ? AF_INET : AF_INET6, 1);
        put_endpoint(w, &fd.sip, fd.sport);
    } else if (s.n) {
        put_number(w, AF_UNIX, 1);
        put(w, s.p, s.n);
        put(w, "", 1);
    }
}

/* Words become NUL-terminated strings. */
static void put_words(struct writer *w, struct str s)
{
    struct str word;
    while ((s = str_trim(s)).n) {
        word = take_bare(&s, " ");
        put(w, word.p, word.n);
        put(w, "", 1);
    }
}

static bool is_signal_named(struct str s, uint64_t *ret)
{
    for (unsigned i = 1; i < 65; i++) {
        const char *name = signal_name(i);
        if (name && str_eqz(s, name)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static uint64_t param_number(const struct param *param, struct str s)
{
    uint64_t v = 0;
    if (param->type == PARAM_SYSCALLID && name_find(s) != NAME_NONE) {
        return name_find(s);
    }
    if (param->type == PARAM_SIGTYPE && is_signal_named(s, &v)) {
        return v;
    }
    if (param->flags) {
        return flags_of(param, s);
    }
    return (uint64_t)result_of(s);
}

static void put_param(struct writer *w, const struct param *param, struct str s, bool is_given)
{
    switch (param->type) {
    case PARAM_CHARBUF:
    case PARAM_FSPATH:
    case PARAM_FSRELPATH:
        if (is_given) {
            put(w, s.p, s.n);
            put(w, "", 1);
        }
        return;
    case PARAM_BYTEBUF:
        if (str_eqz(str_of(param->name), "args") || str_eqz(str_of(param->name), "env") ||
            str_eqz(str_of(param->name), "cgroups")) {
            put_words(w, s);
        } else {
            put(w, s.p, s.n);
        }
        return;
    case PARAM_CHARBUFARRAY:
        put_words(w, s);
        return;
    case PARAM_SOCKADDR:
    case PARAM_SOCKTUPLE:
        put_address(w, param->type, s);
        return;
    case PARAM_FDLIST:
        put_number(w, 0, 2);
        return;
    case PARAM_DYN:
        return;
    default:
        put_number(w, param_number(param, s), param_number_size(param->type));
        return;
    }
}

static uint16_t find_kind(struct str name, bool is_exit)
{
    for (uint16_t k = KIND_MAX; k-- > 0;) {
        const struct kind *kind = &kind_table[k];
        if (kind->name && str_eqz(name, kind->name) && kind_is_exit(k) == is_exit && k > 1 &&
            !(kind->flags & (KIND_OLD_VERSION | KIND_UNUSED))) {
            return k;
        }
    }
    return KIND_MAX;
}

static void event_header(struct event *event, struct pair pair)
{
    int64_t n = number_of(pair.value);
    if (str_eqz(pair.key, "@tid")) {
        event->tid = n;
    } else if (str_eqz(pair.key, "@ts")) {
        event->ts_ns = (uint64_t)n;
    } else if (str_eqz(pair.key, "@cpu")) {
        event->cpu = (uint16_t)n;
    } else if (str_eqz(pair.key, "@num")) {
        event->num = (uint64_t)n;
    }
}

static int event_line(struct scene *scene, struct str rest, struct err *err)
{
    struct pair pairs[KIND_PARAMS_MAX] = { 0 };
    struct pair pair;
    struct pair name = { 0 };
    struct pair direction = { 0 };
    next_pair(scene, &rest, &name);
    next_pair(scene, &rest, &direction);
    uint16_t k = find_kind(name.key, str_eqz(direction.key, "exit"));
    bool is_generic = k == KIND_MAX && name_find(name.key) != NAME_NONE;
    if (is_generic) {
        k = str_eqz(direction.key, "exit");
    } else if (k == KIND_MAX) {
        return err_set(err, -EINVAL, "no event kind %.*s", STR_ARG(name.key));
    }
    const struct kind *kind = &kind_table[k];
    struct event *event = &scene->event;
    *event = (struct event){ .ts_ns = SCENE_TIME_NS,
                             .num = 1,
                             .tid = 1,
                             .kind = k,
                             .fd_num = -1,
                             .name = kind->name_id,
                             .exact = true,
                             .data = scene->data };
    while (next_pair(scene, &rest, &pair)) {
        if (pair.key.p[0] == '@') {
            event_header(event, pair);
            continue;
        }
        int i = kind_param(k, pair.key);
        if (i < 0) {
            return err_set(err, -EINVAL, "%s has no parameter %.*s", kind->name, STR_ARG(pair.key));
        }
        pairs[i] = pair;
    }
    if (is_generic) {
        pairs[0] = (struct pair){ STR("ID"), name.key };
        event->name = name_find(name.key);
    }
    struct writer w = { .scene = scene };
    for (unsigned i = 0; i < kind->nparams; i++) {
        event->at[i] = (uint32_t)w.n;
        put_param(&w, &kind->params[i], pairs[i].value, pairs[i].key.p != NULL);
    }
    event->nparams = kind->nparams;
    event->at[kind->nparams] = (uint32_t)w.n;
    scene->has_event = true;
    return 0;
}

static struct str words_of(struct scene *scene, struct str s)
{
    size_t start = scene->text_n;
    while ((s = str_trim(s)).n) {
        struct str word = take_bare(&s, " ");
        if (word.n + 1 > sizeof(scene->text) - scene->text_n) {
            break;
        }
        memcpy(scene->text + scene->text_n, word.p, word.n);
        scene->text_n += word.n;
        scene->text[scene->text_n++] = '\0';
    }
    return str_from(scene->text + start, scene->text_n - start);
}

/* The 64 digits that a cgroup's path holds of a container with this short id, as "cpu=/docker/..." */
static struct str cgroups_of(struct scene *scene, struct str id)
{
    size_t start = scene->text_n;
    struct buf buf;
    buf_init_fixed(&buf, scene->text + start, sizeof(scene->text) - start);
    buf_putz(&buf, "cpu=/docker/");
    buf_puts(&buf, id);
    for (size_t i = id.n; i < 64; i++) {
        buf_putc(&buf, '0');
    }
    buf_putc(&buf, '\0');
    scene->text_n += buf.n;
    return buf_str(&buf);
}

static bool proc_text(struct scene *scene, struct thread_init *init, struct pair pair)
{
    if (str_eqz(pair.key, "name")) {
        init->comm = pair.value;
    } else if (str_eqz(pair.key, "exe")) {
        init->exe = pair.value;
    } else if (str_eqz(pair.key, "exepath")) {
        init->exepath = pair.value;
    } else if (str_eqz(pair.key, "args")) {
        init->args = words_of(scene, pair.value);
    } else if (str_eqz(pair.key, "env")) {
        init->env = words_of(scene, pair.value);
    } else if (str_eqz(pair.key, "cwd")) {
        init->cwd = pair.value;
    } else if (str_eqz(pair.key, "container")) {
        init->cgroups = cgroups_of(scene, pair.value);
    } else {
        return false;
    }
    return true;
}

static bool proc_number(struct thread_init *init, struct pair pair)
{
    int64_t n = number_of(pair.value);
    const struct {
        const char *key;
        int64_t *i;
        uint64_t *u;
        uint32_t *u32;
        bool *b;
    } members[] = {
        { .key = "tid", .i = &init->t.tid },
        { .key = "pid", .i = &init->t.pid },
        { .key = "parent", .i = &init->t.ptid },
        { .key = "vpid", .i = &init->t.vpid },
        { .key = "vtid", .i = &init->t.vtid },
        { .key = "sid", .i = &init->t.sid },
        { .key = "pgid", .i = &init->t.pgid },
        { .key = "vpgid", .i = &init->t.vpgid },
        { .key = "loginuid", .i = &init->t.loginuid },
        { .key = "fdlimit", .i = &init->t.fdlimit },
        { .key = "uid", .u32 = &init->t.uid },
        { .key = "gid", .u32 = &init->t.gid },
        { .key = "tty", .u32 = &init->t.tty },
        { .key = "cap_permitted", .u = &init->t.cap_permitted },
        { .key = "cap_effective", .u = &init->t.cap_effective },
        { .key = "clone_ts", .u = &init->t.clone_ts_ns },
        { .key = "exec_ts", .u = &init->t.exec_ts_ns },
        { .key = "vmsize", .u = &init->t.vmsize_kb },
        { .key = "vmrss", .u = &init->t.vmrss_kb },
        { .key = "exe_ino", .u = &init->exe_facts.exe_ino },
        { .key = "upper", .b = &init->exe_facts.exe_upper_layer },
        { .key = "writable", .b = &init->exe_facts.exe_writable },
        { .key = "memfd", .b = &init->exe_facts.exe_from_memfd },
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
        if (!str_eqz(pair.key, members[i].key)) {
            continue;
        }
        if (members[i].i) {
            *members[i].i = n;
        } else if (members[i].u) {
            *members[i].u = (uint64_t)n;
        } else if (members[i].u32) {
            *members[i].u32 = (uint32_t)n;
        } else {
            *members[i].b = n != 0;
            init->exe_facts.exe_known = true;
        }
        return true;
    }
    return false;
}

static int proc_line(struct scene *scene, struct str rest, struct err *err)
{
    struct thread_init init = { .t = { .loginuid = -1, .ptid = 0, .fdlimit = 1024 } };
    struct pair pair;
    init.exe_facts.exe_known = true;
    while (next_pair(scene, &rest, &pair)) {
        if (!proc_text(scene, &init, pair) && !proc_number(&init, pair)) {
            return err_set(err, -EINVAL, "proc has no %.*s", STR_ARG(pair.key));
        }
    }
    struct thread *t = &init.t;
    t->tid = t->tid ? t->tid : t->pid;
    t->vpid = t->vpid ? t->vpid : t->pid;
    t->vtid = t->vtid ? t->vtid : t->tid;
    t->sid = t->sid ? t->sid : t->pid;
    t->pgid = t->pgid ? t->pgid : t->pid;
    t->vpgid = t->vpgid ? t->vpgid : t->pgid;
    t->flags = t->tid == t->pid ? THREAD_MAIN : 0;
    t->clone_ts_ns = t->clone_ts_ns ? t->clone_ts_ns : SCENE_TIME_NS - 5 * NS_PER_S;
    if (!init.exe.p) {
        init.exe = init.comm;
    }
    return state_add_thread(scene->state, &init);
}

static int fd_type_of(struct str s)
{
    static const struct {
        const char *name;
        enum fd_type type;
    } types[] = {
        { "file", FD_FILE_V2 },
        { "directory", FD_DIRECTORY },
        { "ipv4", FD_IPV4_SOCK },
        { "ipv6", FD_IPV6_SOCK },
        { "ipv4server", FD_IPV4_SERVSOCK },
        { "ipv6server", FD_IPV6_SERVSOCK },
        { "unix", FD_UNIX_SOCK },
        { "pipe", FD_FIFO },
        { "event", FD_EVENT },
        { "inotify", FD_INOTIFY },
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        if (str_eqz(s, types[i].name)) {
            return types[i].type;
        }
    }
    return FD_UNSUPPORTED;
}

static void fd_member(struct fdinfo *info, struct pair pair)
{
    if (str_eqz(pair.key, "type")) {
        info->type = (uint8_t)fd_type_of(pair.value);
    } else if (str_eqz(pair.key, "name")) {
        info->name = pair.value;
    } else if (str_eqz(pair.key, "raw")) {
        info->nameraw = pair.value;
    } else if (str_eqz(pair.key, "l4")) {
        info->l4proto = str_eqz(pair.value, "udp") ? IPPROTO_UDP : IPPROTO_TCP;
    } else if (str_eqz(pair.key, "role")) {
        bool is_client = str_eqz(pair.value, "client");
        info->flags |= (uint16_t)(FD_CONNECTED | (is_client ? FD_ROLE_CLIENT : FD_ROLE_SERVER));
    } else if (str_eqz(pair.key, "ino")) {
        info->ino = (uint64_t)number_of(pair.value);
    } else if (str_eqz(pair.key, "dev")) {
        info->dev = (uint32_t)number_of(pair.value);
    }
}

static int fd_line(struct scene *scene, struct str rest)
{
    struct fdinfo info = { .opener_uid = -1 };
    struct pair pair;
    int64_t pid = 1;
    int64_t num = 0;
    while (next_pair(scene, &rest, &pair)) {
        if (str_eqz(pair.key, "pid")) {
            pid = number_of(pair.value);
        } else if (str_eqz(pair.key, "num")) {
            num = number_of(pair.value);
        } else {
            fd_member(&info, pair);
        }
    }
    if (info.type == FD_IPV4_SOCK || info.type == FD_IPV6_SOCK) {
        tuple_of(info.name, &info);
    } else if (info.type == FD_IPV4_SERVSOCK || info.type == FD_IPV6_SERVSOCK) {
        endpoint_of(info.name, &info.sip, &info.sport);
    }
    if (!info.nameraw.p) {
        info.nameraw = info.name;
    }
    return state_add_fd(scene->state, pid, num, &info);
}

static int user_line(struct scene *scene, struct str rest, bool is_group)
{
    struct user user = { 0 };
    struct str container = { 0 };
    struct pair pair;
    while (next_pair(scene, &rest, &pair)) {
        if (str_eqz(pair.key, "uid")) {
            user.uid = (uint32_t)number_of(pair.value);
        } else if (str_eqz(pair.key, "gid")) {
            user.gid = (uint32_t)number_of(pair.value);
        } else if (str_eqz(pair.key, "name")) {
            user.name = pair.value;
        } else if (str_eqz(pair.key, "home")) {
            user.home = pair.value;
        } else if (str_eqz(pair.key, "shell")) {
            user.shell = pair.value;
        } else if (str_eqz(pair.key, "container")) {
            container = pair.value;
        }
    }
    const struct group group = { .gid = user.gid, .name = user.name };
    return is_group ? state_add_group(scene->state, container, &group)
                    : state_add_user(scene->state, container, &user);
}

#define SCENE_MOUNTS 8

struct container_draft {
    struct container c;
    struct container_mount mounts[SCENE_MOUNTS];
    struct container_label labels[SCENE_MOUNTS];
};

static void container_mount(struct container_draft *draft, struct str s)
{
    if (draft->c.nmounts == SCENE_MOUNTS) {
        return;
    }
    struct container_mount *mount = &draft->mounts[draft->c.nmounts++];
    mount->source = take_bare(&s, ":");
    s = str_from_offset(s, 1);
    mount->dest = take_bare(&s, ":");
    mount->mode = str_from_offset(s, 1);
    mount->rdwr = str_starts(mount->mode, STR("rw"));
    mount->propagation = STR("private");
}

static void container_label(struct container_draft *draft, struct str s)
{
    if (draft->c.nlabels < SCENE_MOUNTS) {
        struct container_label *label = &draft->labels[draft->c.nlabels++];
        label->key = take_bare(&s, ":");
        label->value = str_from_offset(s, 1);
    }
}

static int container_line(struct scene *scene, struct str rest, struct err *err)
{
    struct container_draft draft = { 0 };
    struct container *c = &draft.c;
    struct pair pair;
    c->mounts = draft.mounts;
    c->labels = draft.labels;
    c->type = STR("docker");
    const struct {
        const char *key;
        struct str *s;
    } texts[] = {
        { "id", &c->id },         { "name", &c->name },
        { "image", &c->image },   { "repository", &c->image_repository },
        { "tag", &c->image_tag }, { "digest", &c->image_digest },
        { "type", &c->type },     { "ip", &c->ip },
    };
    while (next_pair(scene, &rest, &pair)) {
        bool found = true;
        if (str_eqz(pair.key, "privileged")) {
            c->privileged = str_eqz(pair.value, "true");
        } else if (str_eqz(pair.key, "mount")) {
            container_mount(&draft, pair.value);
        } else if (str_eqz(pair.key, "label")) {
            container_label(&draft, pair.value);
        } else {
            found = false;
        }
        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
            if (str_eqz(pair.key, texts[i].key)) {
                *texts[i].s = pair.value;
                found = true;
            }
        }
        if (!found) {
            return err_set(err, -EINVAL, "container has no %.*s", STR_ARG(pair.key));
        }
    }
    return state_add_container(scene->state, c);
}

int scene_line(struct scene *scene, struct str line, struct err *err)
{
    struct pair verb = { 0 };
    struct str rest = line;
    scene->text_n = 0;
    next_pair(scene, &rest, &verb);
    if (str_eqz(verb.key, "event")) {
        return event_line(scene, rest, err);
    }
    if (str_eqz(verb.key, "proc")) {
        return proc_line(scene, rest, err);
    }
    if (str_eqz(verb.key, "fd")) {
        return fd_line(scene, rest);
    }
    if (str_eqz(verb.key, "user") || str_eqz(verb.key, "group")) {
        return user_line(scene, rest, str_eqz(verb.key, "group"));
    }
    if (str_eqz(verb.key, "container")) {
        return container_line(scene, rest, err);
    }
    return err_set(err, -EINVAL, "unknown line %.*s", STR_ARG(verb.key));
}

struct view *scene_view(struct scene *scene)
{
    if (!scene->has_event) {
        return NULL;
    }
    if (!scene->is_applied) {
        state_apply(scene->state, &scene->event);
        scene->is_applied = true;
    }
    scene->view.scratch.n = 0;
    return &scene->view;
}
