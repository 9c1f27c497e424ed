/*
 * syscalls.h - the system calls that functions have no use for, and attackers do.
 *
 * Threads  any thread.    Fork  safe.
 */
#ifndef EN_SYSCALLS_H
#define EN_SYSCALLS_H

#include <stddef.h>

enum en_syscall_answer {
    EN_SYSCALL_KILLED,  /* the process ends with SIGSYS: nobody calls it by chance */
    EN_SYSCALL_REFUSED, /* EPERM: libraries try it, and do without */
};

struct en_syscall_rule {
    const char *name;
    int number; /* of this machine */
    enum en_syscall_answer answer;
};

/* The rule of that index, or NULL behind the last. */
const struct en_syscall_rule *en_syscall_at(size_t index);

/* NULL: it is not forbidden. */
const struct en_syscall_rule *en_syscall_find(const char *name);

/* Of a forbidden system call; NULL: it is none. */
const char *en_syscall_name(int number);

#endif
