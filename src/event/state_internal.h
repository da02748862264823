/*
 * state_internal: what the files of the state share; nobody else includes it.
 *
 * A `struct task` is a thread with its links. Every task has a `main` (itself for a process' first
 * thread) that lives in the same table; a main task is linked to its parent's main task, or waits
 * in the list of its parent's id until that appears. Unlinking is always exact: no look-up by id
 * ever finds a task that took over another's number.
 */
#pragma once

#include "event/field.h"
#include "event/path.h"
#include "event/state.h"

#include "base/arena.h"
#include "base/map.h"
#include "base/slab.h"

#define STATE_FDS_MAX       (1u << 21)        /* descriptors of all processes together */
#define CALL_BYTES_MAX      8192              /* an enter event's parameters, kept until its exit */
#define IMAGE_TEXT_MAX      ((size_t)1 << 20) /* of one string; limits of kernels are far lower */
#define CALL_PARAMS_MAX     6
#define CPUS_MAX            4096
#define SID_BITS            65536
#define NO_CALL             0xffff
#define CONTAINER_BYTES_MAX ((size_t)4 << 20) /* metadata of one */
#define CAPS_ALL            ((UINT64_C(1) << 41) - 1)

/* PPM_O_* and PPM_CL_* of the format, as far as the state looks at them. */
#define O_DIRECTORY_FLAG  (1u << 10)
#define O_CLOEXEC_FLAG    (1u << 12)
#define O_KERNEL_FLAGS    (~((1u << 14) - 1)) /* set by the kernel's side, not by the caller */
#define O_UPPER_LAYER     (1u << 15)
#define O_LOWER_LAYER     (1u << 16)
#define CL_FILES          (1u << 0)
#define CL_NEWPID         (1u << 6)
#define CL_PARENT         (1u << 8)
#define CL_THREAD         (1u << 13)
#define CL_NEWUSER        (1u << 20)
#define CL_CHILD_IN_PIDNS (1u << 29)
#define AT_CWD_FD         (-100)

/* The call a thread is in, from its enter event. */
struct thread_call {
    uint16_t kind;    /* NO_CALL: none */
    uint16_t nparams; /* kept ones */
    bool cut;         /* there were too many bytes to keep */
    uint32_t capacity;
    uint64_t ts_ns;
    int64_t fd;
    uint64_t fd_id; /* of the descriptor, to see it replaced meanwhile */
    uint32_t at[CALL_PARAMS_MAX + 1];
    uint8_t *data;
};

struct task {
    struct thread t; /* first: a struct thread * is a struct task * */
    struct task *main;
    struct task *parent;      /* main task; NULL unknown */
    struct task *first_child; /* of a main task */
    struct task *next_sibling, *prev_sibling;
    struct task *first_thread; /* of a main task: its other threads */
    struct task *next_thread, *prev_thread;
    struct task *next_exited, *prev_exited;
    struct task *next_inmate, *prev_inmate; /* of the same container */
    struct thread_call call;
    int64_t reaper; /* who gets the children; from procexit; -1 not told */
    bool used;      /* this slot of the slab is alive */
    bool mapped;    /* found by its id */
    bool waiting;   /* in the list of its unknown parent */
    bool queued;    /* in the list of exited processes */
    bool pinned;    /* its group must not be evicted now */
};

struct fd_entry {
    struct fdinfo info; /* first */
    uint64_t id;        /* never reused */
    uint32_t refs;      /* by sets */
    uint32_t capacity;  /* of bytes, kept when the entry is recycled */
    char *bytes;        /* name and nameraw */
    struct fd_entry *next_free;
};

/*
 * Memory whose size the input decides (texts, descriptor sets, kept parameters, metadata): all of it
 * together stays below a limit.
 */
struct ledger {
    size_t used, limit;
};

struct past {
    uint32_t serial, generations;
};

struct container_slot {
    struct container c;      /* first */
    struct arena arena;      /* strings, mounts, labels */
    struct task *first_task; /* those in it */
    uint32_t scope;          /* of its users; 0: it has none */
};

typedef void state_handler(struct state *state, struct task *task, struct event *event);

/* How apply treats a kind. */
enum how {
    HOW_CALL = 1 << 0,   /* an enter event that its exit event refers to */
    HOW_KEEP = 1 << 1,   /* its parameters too */
    HOW_META = 1 << 2,   /* not of a task */
    HOW_LOOKUP = 1 << 3, /* of a task, but no reason to make one up */
    HOW_FD = 1 << 4,     /* about a descriptor */
    HOW_EXIT = 1 << 5,   /* ends a call */
    HOW_FDS = 1 << 6,    /* its handler changes nothing but descriptors */
};

struct state {
    struct state_config config;
    struct ledger ledger;
    uint64_t epoch;
    uint64_t now_ns, previous_ns;
    int64_t last_tid;
    struct task *last_task; /* of last_tid; NULL: look it up */
    uint8_t how[KIND_MAX];
    state_handler *handlers[KIND_MAX];

    struct slab tasks;
    struct past *past;            /* by index */
    uint64_t sids[SID_BITS / 64]; /* may this number (modulo) be some task's session? */
    uint32_t npast;
    struct map by_tid;
    struct map waiting; /* parent's id -> first of its children */
    struct task *first_exited, *last_exited;
    uint32_t hand;       /* where eviction looks next */
    struct task *herald; /* whom events about containers are said to be of; NULL: none needed yet */
    struct image *nobody; /* of tasks never seen being born */

    char **fd_chunks;
    uint32_t nfd_chunks;
    uint32_t nfds;
    struct fd_entry *free_fds;
    uint64_t next_fd_id;

    struct slab container_slots;
    struct smap containers; /* id -> struct container_slot */
    uint32_t container_hand;
    struct smap scopes; /* container id -> number of its users' scope (never 0, the host's) */
    uint32_t nscopes;
    struct map users, groups; /* scope << 32 | id */
    struct names *names;      /* of addresses */
    struct interface *interfaces;
    uint32_t ninterfaces;

    /* state_preview(): the descriptor that an open would make. */
    bool previewing;
    struct fdinfo previewed;
    char previewed_name[PATH_TEXT_MAX];
    struct thread before_exec; /* image NULL: none is previewed */
    bool copied_fds;           /* the previewed task has a copy of its descriptors: */
    struct fdtable *before_fds;

    struct state_stats stats;
    uint64_t switched_ns[CPUS_MAX];

    /* Until settle. */
    struct task *ending;
    struct fdtable *closing;
    int64_t closing_fd;
};

/* ledger.c */
bool ledger_charge(struct ledger *ledger, size_t n);
void ledger_credit(struct ledger *ledger, size_t n);
/* Charged blocks, which know their ledger. NULL: at the limit, or memory is out. */
void *ledger_alloc(struct ledger *ledger, size_t n);
void *ledger_zalloc(struct ledger *ledger, size_t n);
void ledger_free(void *p); /* NULL allowed */

/* image.c */
struct image_text {
    struct str comm, exe, exepath, args, env;
};
/* Exe facts are copied from `facts` (NULL: unknown). NULL when memory is out. */
struct image *image_new(struct ledger *ledger, const struct image_text *text,
                        const struct image *facts);
struct image *image_ref(struct image *image);
void image_unref(struct image *image);
struct shared_str *shared_str_new(struct ledger *ledger, struct str s);
struct shared_str *shared_str_ref(struct shared_str *s);
void shared_str_unref(struct shared_str *s);

/* task.c */
int tasks_init(struct state *state);
void tasks_done(struct state *state);
struct task *task_find(const struct state *state, int64_t tid);
/* A new task with this id, in the table, in its group (its main task is made up when unknown).
 * Whoever had the id loses it. The image is `nobody`'s, there are no descriptors. NULL: no memory.
 */
struct task *task_new(struct state *state, int64_t tid, int64_t pid, uint64_t clone_ts_ns);
/* A task outside the look-up by id, never evicted. */
struct task *task_new_herald(struct state *state);
/* Descriptors and image of a task made up because an event names it. NULL: no memory. */
struct task *task_make_up(struct state *state, int64_t tid);
void task_set_parent(struct state *state, struct task *task, int64_t ptid);
void task_set_image(struct state *state, struct task *task, struct image *image); /* takes it */
/* The process (or thread) is over: visible for the grace time. */
void task_end(struct state *state, struct task *task);
void task_revive(struct state *state, struct task *task);
/* Out of the tables at once, with the threads of its group if it is a main task. */
void task_remove(struct state *state, struct task *task);
void tasks_reap(struct state *state, uint64_t now_ns);
/* A kept class of this thread changed. */
void task_changed(struct task *task, enum volatility volatility);
void task_changed_all(struct task *task);
/* Would others' lineage or session fields notice a change of this task? */
bool task_is_seen(struct state *state, const struct task *task);
/* The only way to give it a session: the state remembers which numbers are sessions'. */
void task_set_sid(struct state *state, struct task *task, int64_t sid);

/* fd_table.c */
struct fdtable *fds_new(void);
struct fdtable *fds_ref(struct fdtable *table);
struct fdtable *fds_fork(const struct fdtable *table); /* a lazy copy */
bool fds_is_shared(const struct fdtable *table);
void fds_unref(struct state *state, struct fdtable *table);
struct fd_entry *fds_get(const struct fdtable *table, int64_t fd);
/* A new descriptor in place of whatever had the number; names are copied. NULL: refused, counted.
 */
struct fd_entry *fds_put(struct state *state, struct fdtable *table, int64_t fd,
                         const struct fdinfo *info);
/* The descriptor, alone in this table, to be changed. NULL: none, or no memory. */
struct fd_entry *fds_edit(struct state *state, struct fdtable *table, int64_t fd);
/* 0 or -ENOMEM (then the names are empty). */
int fd_set_names(struct state *state, struct fd_entry *entry, struct str name, struct str nameraw);
void fds_remove(struct state *state, struct fdtable *table, int64_t fd);
void fds_pool_done(struct state *state);

/* Handlers, by kind; NULL: nothing but finding thread and descriptor. */
struct handled {
    uint16_t kind;
    state_handler *handler; /* NULL ends the list */
};
extern const struct handled state_process_handlers[], state_clone_handlers[], state_file_handlers[],
    state_socket_handlers[], state_meta_handlers[];

/* Of an event that opens: shows its descriptor without making it. Others: nothing. */
void open_preview(struct state *state, struct task *task, struct event *event);
/* Of other calls about descriptors: their effect, on a copy of the table; and back. */
void fds_preview(struct state *state, struct task *task, struct event *event);
void fds_preview_end(struct state *state, struct task *task);
/* Of an exec: gives the task the new image, and back. Of others: nothing. */
void exec_preview(struct state *state, struct task *task, struct event *event);
void exec_preview_end(struct state *state, struct task *task);

/* Shared by handlers. */
/* Parameter of this exit event, or, where its layout lacks it, of the enter event. */
struct str call_param(const struct task *task, const struct event *event, int exit_param,
                      int enter_param);
uint64_t call_u64(const struct task *task, const struct event *event, int exit_param,
                  int enter_param, uint64_t missing);
/* The directory that `path` is relative to; "<UNKNOWN>" for a descriptor never heard of. */
struct str task_dir(const struct task *task, int64_t dirfd, struct str path);
/* Makes a descriptor of the thread's table, known or not, the event's. */
void event_attach_fd(const struct task *task, struct event *event, int64_t fd);
/* Puts a descriptor into the thread's table and makes it the event's. */
struct fd_entry *event_put_fd(struct state *state, struct task *task, struct event *event,
                              int64_t fd, struct fdinfo *info);
/* All threads of the process. */
void task_set_cwd(struct state *state, struct task *task, struct str path);
/* Also finds the container; empty: no change. */
void state_set_cgroups(struct state *state, struct task *task, struct str cgroups);
void task_assign_container(struct state *state, struct task *task);

/* socket_name.c: text of addresses as in fd.name. Returns bytes written. */
#define UNIX_PATH_MAX   108
#define SOCKET_NAME_MAX 256
size_t socket_name(const struct fdinfo *info, char text[SOCKET_NAME_MAX]);
size_t unix_name(uint64_t source, uint64_t dest, struct str path, char text[SOCKET_NAME_MAX]);

/* container.c */
void containers_init(struct state *state);
void containers_done(struct state *state);
struct container_slot *container_find(const struct state *state, struct str id);
int container_add_json(struct state *state, struct str json, struct container_slot **ret);
/* NULL: the host's. */
void task_set_container(struct task *task, struct container_slot *slot);
/* Short form of a container's id: ids of 64 hexadecimal digits are known by their first 12. */
struct str container_short_id(struct str id);
/* container_json.c */
/* Strings and arrays are allocated from the arena. -EINVAL, -ENOMEM. */
int container_from_json(struct str json, struct container *ret, struct arena *arena);
/* "docker" for 0, as the format numbers them; empty unknown. */
struct str container_type_text(int64_t type);

/* names.c */
int names_init(struct state *state);
void names_done(struct state *state);
void names_clear(struct state *state);
/* A socket got this peer: remembered if it is asked about names. */
void names_asked(struct state *state, const struct task *task, const struct fdinfo *info);

/* user.c */
void users_done(struct state *state);
uint32_t scope_find(const struct state *state, struct str container_id);
