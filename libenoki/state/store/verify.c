#include "state/store/verify.h"

#include "base/checked.h"
#include "wire/record.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOUND 'S'
#define DAMAGED 'D'
#define UNKNOWN 'U'

static bool is_sound(const MDB_val *key, const MDB_val *bytes)
{
    const char *name = key->mv_data;

    if (key->mv_size > 0 && name[0] == '\0')
        return true;
    return key->mv_size >= 2 && name[key->mv_size - 1] == '|' &&
           en_is_name(name, key->mv_size - 1) &&
           en_record_verify(bytes->mv_data, bytes->mv_size) == 0;
}

static char walk(MDB_txn *txn, MDB_dbi dbi)
{
    MDB_cursor *cursor;
    MDB_val key, bytes;
    MDB_stat stat;
    size_t count = 0;
    int rc = mdb_cursor_open(txn, dbi, &cursor);

    if (rc != 0 || mdb_stat(txn, dbi, &stat) != 0)
        return UNKNOWN;
    while ((rc = mdb_cursor_get(cursor, &key, &bytes, MDB_NEXT)) == 0) {
        if (!is_sound(&key, &bytes))
            return DAMAGED;
        count++;
    }
    return rc == MDB_NOTFOUND && count == stat.ms_entries ? SOUND : DAMAGED;
}

/* In the child, which ends right after: nothing is released. */
static char look(const char *folder)
{
    const struct rlimit no_core = {0, 0};
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    int rc;

    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)signal(SIGSEGV, SIG_DFL);
    (void)signal(SIGBUS, SIG_DFL);
    (void)signal(SIGABRT, SIG_DFL);
    rc = mdb_env_create(&env);
    if (rc == 0)
        rc = mdb_env_open(env, folder, MDB_RDONLY | MDB_NOLOCK, 0600);
    if (rc == 0)
        rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (rc == 0)
        rc = mdb_dbi_open(txn, NULL, 0, &dbi);
    if (rc == ENOENT)
        return SOUND; /* never written */
    if (rc == ENOMEM || rc == EMFILE || rc == ENFILE || rc == EACCES)
        return UNKNOWN;
    return rc == 0 ? walk(txn, dbi) : DAMAGED;
}

int en_verify(const char *folder, struct enoki_error *err)
{
    char answer = DAMAGED; /* what a child that crashed on the way would have said */
    int fds[2];
    ssize_t len;
    pid_t child;

    if (pipe2(fds, O_CLOEXEC) != 0)
        return enoki_error_set(err, ENOKI_EIO, "store '%.200s' cannot be verified: %s", folder,
                               strerror(errno));
    child = fork();
    if (child == 0) {
        answer = look(folder);
        _exit(write(fds[1], &answer, 1) == 1 ? 0 : 1);
    }
    (void)close(fds[1]);
    if (child > 0) {
        do
            len = read(fds[0], &answer, 1);
        while (len < 0 && errno == EINTR);
        /* Somebody else's handler may have reaped it: the answer came through the pipe. */
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
            continue;
    } else {
        answer = UNKNOWN;
    }
    (void)close(fds[0]);
    if (answer == SOUND)
        return 0;
    if (answer == UNKNOWN)
        return enoki_error_set(err, ENOKI_EIO, "store '%.200s' cannot be verified: %s", folder,
                               "not enough memory, files or rights");
    return enoki_error_set(
        err, ENOKI_EFORMAT,
        "store '%.200s' was damaged when the machine stopped: restore a copy, or "
        "remove the folder to begin anew",
        folder);
}
