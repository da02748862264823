/*
 * field_user: the user and group that the task acts as, and the user who logged in.
 *
 * A name that is not known is the text <NA>, as in the reference, except root's.
 */
#include "event/field_extractors.h"

static struct str known_or(struct str s, bool root, struct str of_root)
{
    return s.n ? s : root && of_root.n ? of_root : STR("<NA>");
}

void extract_user(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct thread *thread = view->event->thread;
    if (!thread) {
        return;
    }
    if (field->id == FIELD_USER_UID) {
        put_u64(ret, TYPE_UINT32, thread->uid);
        return;
    }
    const struct user *user = state_user(view->state, thread->container, thread->uid);
    bool root = thread->uid == 0;
    switch (field->id) {
    case FIELD_USER_NAME:
        put_str(ret, known_or(user ? user->name : STR(""), root, STR("root")));
        return;
    case FIELD_USER_HOMEDIR:
        put_str(ret, known_or(user ? user->home : STR(""), root, STR("/root")));
        return;
    default:
        put_str(ret, known_or(user ? user->shell : STR(""), root, STR("")));
    }
}

void extract_user_login(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct thread *thread = view->event->thread;
    if (!thread) {
        return;
    }
    int64_t uid = thread->loginuid >= 0 && thread->loginuid < UINT32_MAX ? thread->loginuid : -1;
    if (field->id == FIELD_USER_LOGINUID) {
        put_i64(ret, TYPE_INT64, uid);
        return;
    }
    const struct user *user =
        uid >= 0 ? state_user(view->state, thread->container, (uint32_t)uid) : NULL;
    put_str(ret, known_or(user ? user->name : STR(""), uid == 0, STR("root")));
}

void extract_group(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct thread *thread = view->event->thread;
    if (!thread) {
        return;
    }
    if (field->id == FIELD_GROUP_GID) {
        put_u64(ret, TYPE_UINT32, thread->gid);
        return;
    }
    const struct group *group = state_group(view->state, thread->container, thread->gid);
    put_str(ret, known_or(group ? group->name : STR(""), thread->gid == 0, STR("root")));
}
