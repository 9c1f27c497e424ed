#include "filter.h"

#include "config/syscalls.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

/* The leak checker of sanitized builds stops threads by ptrace. */
#ifdef __SANITIZE_ADDRESS__
#define ALLOWED_ALWAYS "ptrace"
#else
#define ALLOWED_ALWAYS ""
#endif

static bool is_in_list(const char *name, const char *list)
{
    size_t len = strlen(name);

    for (const char *at = list; *at != '\0';) {
        size_t word = strcspn(at, ",");

        if (word == len && memcmp(at, name, len) == 0)
            return true;
        at += word + (at[word] == ',' ? 1 : 0);
    }
    return false;
}

static int add_rules(scmp_filter_ctx filter, const char *allowed)
{
    const struct en_syscall_rule *rule;
    int rc = 0;

    for (size_t i = 0; rc == 0 && (rule = en_syscall_at(i)) != NULL; i++) {
        if (!is_in_list(rule->name, allowed) && !is_in_list(rule->name, ALLOWED_ALWAYS))
            rc = seccomp_rule_add(filter,
                                  rule->answer == EN_SYSCALL_KILLED ? SCMP_ACT_TRAP
                                                                    : SCMP_ACT_ERRNO(EPERM),
                                  rule->number, 0);
    }
    return rc;
}

/* Namespaces by the other way. A filter cannot read what clone3 points to: that says that it does
 * not exist, and the C library goes on with clone. */
static int add_namespaces(scmp_filter_ctx filter, const char *allowed)
{
    static const scmp_datum_t kinds[] = {CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                         CLONE_NEWUSER, CLONE_NEWPID,   CLONE_NEWNET};
    int rc = 0;

    if (is_in_list("unshare", allowed))
        return 0;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && rc == 0; i++)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, kinds[i], kinds[i]));
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    /* Types into the terminal that the node was started from. */
    if (rc == 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                              SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, TIOCSTI));
    return rc;
}

int filter_load(const char *allowed, struct enoki_error *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int rc;

    if (filter == NULL)
        return enoki_error_set(err, ENOKI_ENOMEM, "no memory for the filter of system calls");
    rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (rc == 0)
        rc = add_rules(filter, allowed);
    if (rc == 0)
        rc = add_namespaces(filter, allowed);
    if (rc == 0)
        rc = seccomp_load(filter); /* sets no_new_privs */
    seccomp_release(filter);
    if (rc != 0)
        return enoki_error_set(err, ENOKI_EIO,
                               "system calls cannot be filtered: %s: set seccomp = \"off\" if this "
                               "kernel has no seccomp",
                               strerrordesc_np(-rc));
    return 0;
}
