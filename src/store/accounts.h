/*
 * accounts: people, their sessions and tokens, agents and their credentials, and the log of what was done.
 *
 * Secrets come as their SHA-256 (32 bytes), passwords as argon2id texts; the store never sees the rest. An
 * operation that changes something takes the entry of the audit log that tells of it, and writes both or
 * neither. Times are ms since 1970 and given by the caller.
 *
 * Beside the store's usual errors: -EPERM what would leave no administrator, -EKEYEXPIRED an enrolment token
 * that is over, -EDQUOT a limit below is reached.
 */
#pragma once

#include "store/store.h"

#include <stddef.h>

#define STORE_HASH_SIZE          32
#define STORE_USERS_MAX          10000
#define STORE_USER_SESSIONS_MAX  50  /* the oldest ends */
#define STORE_REVOKED_TOKENS_MAX 256 /* of a user: the newest */
#define STORE_USER_TOKENS_MAX    64  /* that are not revoked */
#define STORE_ENROLMENTS_MAX     10000
#define STORE_AGENTS_MAX         100000
#define STORE_PAGE_MAX           1000

struct store_audit {
    int64_t id; /* of what was read */
    int64_t time_ms;
    struct str kind;    /* of the actor: user, token, agent, nobody, server */
    struct str actor;   /* its name */
    struct str action;  /* "user.create" */
    struct str object;  /* "user:alice" */
    struct str result;  /* ok, refused, failed */
    struct str address; /* of the actor */
    struct str request; /* the request's id */
    struct str detail;  /* a JSON object, or empty */
    bool left_out;      /* counted elsewhere: it is not written */
};

struct store_user {
    int64_t id;
    struct str name, display_name, role, password;
    struct str language, theme, time_zone; /* empty: as the console is set */
    bool disabled;
    int64_t created_ms, password_ms, login_ms;
    int64_t sessions; /* how many it has now */
};

/* Members whose .p is NULL, and disabled < 0, stay as they are. */
struct store_user_change {
    struct str name;
    struct str display_name, role, password, language, theme, time_zone;
    int disabled;
    int64_t now_ms;
    bool end_sessions;
};

struct store_session {
    int64_t id, user;
    const uint8_t *hash;
    int64_t created_ms, seen_ms;
    struct str address, program;
    struct store_user owner; /* of session_find */
};

struct store_token {
    int64_t id, user;
    const uint8_t *hash;
    struct str name, user_name;
    unsigned may;
    int64_t created_ms, expires_ms, revoked_ms, seen_ms;
    struct store_user owner; /* of token_find */
};

struct store_enrolment {
    int64_t id;
    const uint8_t *hash;
    struct str name, cluster, labels, maker; /* labels: a JSON object of texts */
    int64_t created_ms, expires_ms, revoked_ms;
    int64_t max_uses; /* 0: any number */
    int64_t uses;
    int64_t forget_ms; /* an agent silent for so long is removed; 0 never */
};

struct store_credential {
    const uint8_t *hash;
    struct str agent;
    int64_t created_ms, used_ms, until_ms; /* until_ms 0: until another replaces it */
};

struct store_agent {
    int64_t row;
    struct str id, name, state, cluster, labels, version, kernel, hostname, sensor, address;
    int64_t state_ms, enrolment, created_ms, seen_ms, forget_ms;
    struct str instance; /* of the process that spoke last, */
    int64_t instance_ms; /* since when */
    struct str before;   /* and of those before it, blank between, the newest first */
    struct store_credential credential; /* of agent_find */
};

/* One page of a list: what is asked, and the answer, in the arena. */
struct store_list {
    struct arena *arena;
    uint32_t limit;        /* 1 to STORE_PAGE_MAX */
    int64_t after;         /* the last id of the page before; 0: the first page */
    struct str after_name; /* of lists by name */
    void *items;           /* an array of the structs below the list's name */
    size_t n;
    int64_t total; /* on all pages; not of the audit log */
};

struct store_agent_filter {
    int64_t enrolment; /* 0 any */
    struct str state;  /* .p == NULL any */
};

struct store_audit_filter {
    struct str actor, action, object,
        result;             /* .p == NULL any; action: itself and what begins with it and '.' */
    int64_t from_ms, to_ms; /* 0 open */
};

enum store_seen_kind { STORE_SEEN_SESSION, STORE_SEEN_TOKEN, STORE_SEEN_AGENT };

struct store_seen {
    enum store_seen_kind kind;
    int64_t id; /* of an agent its row */
    int64_t seen_ms;
};

struct store_expire {
    int64_t sessions_seen_ms, sessions_created_ms; /* older ones end */
    int64_t now_ms;
};

struct store_accounts_ops {
    /* Those that add set the id. `first`: only while there is no user at all, else -EEXIST. */
    int (*user_add)(struct store *store, struct store_user *user, bool first,
                    const struct store_audit *audit, struct err *err);
    int (*user_get)(struct store *store, struct str name, struct arena *arena,
                    struct store_user *ret, struct err *err);
    int (*user_by_id)(struct store *store, int64_t id, struct arena *arena, struct store_user *ret,
                      struct err *err);
    /* store_user by name, without passwords. */
    int (*user_list)(struct store *store, struct store_list *list, struct err *err);
    int (*user_change)(struct store *store, const struct store_user_change *change,
                       const struct store_audit *audit, struct err *err);
    int (*user_remove)(struct store *store, struct str name, const struct store_audit *audit,
                       struct err *err);
    int (*user_count)(struct store *store, int64_t *ret, struct err *err);

    /* Notes the log-in of its user too. */
    int (*session_add)(struct store *store, struct store_session *session,
                       const struct store_audit *audit, struct err *err);
    int (*session_find)(struct store *store, const uint8_t *hash, struct arena *arena,
                        struct store_session *ret, struct err *err);
    int (*session_list)(struct store *store, int64_t user, struct store_list *list,
                        struct err *err);
    /* Of that user only; id 0: all of them. -ENOENT: there was none. */
    int (*session_end)(struct store *store, int64_t user, int64_t id,
                       const struct store_audit *audit, struct err *err);

    int (*token_add)(struct store *store, struct store_token *token,
                     const struct store_audit *audit, struct err *err);
    int (*token_find)(struct store *store, const uint8_t *hash, struct arena *arena,
                      struct store_token *ret, struct err *err);
    /* user 0: everybody's. */
    int (*token_list)(struct store *store, int64_t user, struct store_list *list, struct err *err);
    int (*token_revoke)(struct store *store, int64_t user, int64_t id,
                        const struct store_audit *audit, struct err *err);

    int (*enrolment_add)(struct store *store, struct store_enrolment *enrolment,
                         const struct store_audit *audit, struct err *err);
    int (*enrolment_find)(struct store *store, const uint8_t *hash, struct arena *arena,
                          struct store_enrolment *ret, struct err *err);
    int (*enrolment_get)(struct store *store, int64_t id, struct arena *arena,
                         struct store_enrolment *ret, struct err *err);
    int (*enrolment_list)(struct store *store, struct store_list *list, struct err *err);
    int (*enrolment_revoke)(struct store *store, int64_t id, const struct store_audit *audit,
                            struct err *err);

    /* Uses agent->enrolment once: its cluster, labels and forget_ms go to the agent. */
    int (*agent_add)(struct store *store, const struct store_agent *agent,
                     const struct store_audit *audit, struct err *err);
    int (*agent_find)(struct store *store, const uint8_t *hash, struct arena *arena,
                      struct store_agent *ret, struct err *err);
    int (*agent_get)(struct store *store, struct str id, struct arena *arena,
                     struct store_agent *ret, struct err *err);
    int (*agent_list)(struct store *store, const struct store_agent_filter *filter,
                      struct store_list *list, struct err *err);
    /* The state "active" forgets the instances that were. */
    int (*agent_state)(struct store *store, struct str id, struct str state,
                       const struct store_audit *audit, struct err *err);
    /* instance, instance_ms and before of it. */
    int (*agent_instance)(struct store *store, const struct store_agent *agent, struct err *err);
    int (*agent_remove)(struct store *store, struct str id, const struct store_audit *audit,
                        struct err *err);
    /* One more; those that are there end at until_ms, unless sooner already. */
    int (*credential_add)(struct store *store, const struct store_credential *credential,
                          int64_t until_ms, const struct store_audit *audit, struct err *err);
    /* Its first use: the others of the agent end at until_ms, unless sooner already. */
    int (*credential_used)(struct store *store, const struct store_credential *credential,
                           int64_t now_ms, int64_t until_ms, struct err *err);

    int (*seen)(struct store *store, const struct store_seen *items, size_t n, struct err *err);
    /* Removes what is over: sessions, credentials, silent agents that were to be forgotten (an entry of the
     * audit log each), and of the audit log what is beyond the newest million. */
    int (*expire)(struct store *store, const struct store_expire *expire, struct err *err);

    int (*audit_add)(struct store *store, const struct store_audit *audit, struct err *err);
    /* The newest first. */
    int (*audit_list)(struct store *store, const struct store_audit_filter *filter,
                      struct store_list *list, struct err *err);
};
