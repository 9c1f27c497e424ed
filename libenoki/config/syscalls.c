#include "config/syscalls.h"

#include <string.h>
#include <sys/syscall.h>

#define KILLED(name_)                                                                              \
    {                                                                                              \
        .name = #name_, .number = SYS_##name_, .answer = EN_SYSCALL_KILLED                         \
    }
#define REFUSED(name_)                                                                             \
    {                                                                                              \
        .name = #name_, .number = SYS_##name_, .answer = EN_SYSCALL_REFUSED                        \
    }

static const struct en_syscall_rule rules[] = {
    /* Other processes' memory and registers. */
    KILLED(ptrace),
    KILLED(process_vm_readv),
    KILLED(process_vm_writev),
    REFUSED(kcmp),
    REFUSED(process_madvise),
    /* The kernel itself. */
    KILLED(kexec_load),
    KILLED(kexec_file_load),
    KILLED(init_module),
    KILLED(finit_module),
    KILLED(delete_module),
    KILLED(reboot),
    KILLED(syslog),
    REFUSED(bpf),
    REFUSED(perf_event_open),
    REFUSED(userfaultfd),
    REFUSED(io_uring_setup),
    REFUSED(io_uring_enter),
    REFUSED(io_uring_register),
#ifdef SYS_iopl
    KILLED(iopl),
    KILLED(ioperm),
#endif
#ifdef SYS_modify_ldt
    REFUSED(modify_ldt),
#endif
    /* What is mounted, and in which namespace. Namespaces in clone are refused too. */
    KILLED(mount),
    KILLED(umount2),
    KILLED(pivot_root),
    KILLED(move_mount),
    KILLED(open_tree),
    KILLED(fsopen),
    KILLED(fsconfig),
    KILLED(fsmount),
    KILLED(fspick),
    KILLED(mount_setattr),
    KILLED(swapon),
    KILLED(swapoff),
    KILLED(quotactl),
    KILLED(quotactl_fd),
    REFUSED(chroot),
    REFUSED(unshare),
    REFUSED(setns),
    REFUSED(open_by_handle_at),
    REFUSED(name_to_handle_at),
    REFUSED(fanotify_init),
    /* The machine's time, name and books. */
    KILLED(settimeofday),
    KILLED(clock_settime),
    REFUSED(clock_adjtime),
    REFUSED(adjtimex),
    KILLED(sethostname),
    KILLED(setdomainname),
    KILLED(acct),
    KILLED(vhangup),
    /* Keys of others; they are not kept apart by namespaces. */
    REFUSED(add_key),
    REFUSED(request_key),
    REFUSED(keyctl),
    REFUSED(lookup_dcookie),
};

#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

const struct en_syscall_rule *en_syscall_at(size_t index)
{
    return index < RULE_COUNT ? &rules[index] : NULL;
}

const struct en_syscall_rule *en_syscall_find(const char *name)
{
    for (size_t i = 0; i < RULE_COUNT; i++) {
        if (strcmp(rules[i].name, name) == 0)
            return &rules[i];
    }
    return NULL;
}

const char *en_syscall_name(int number)
{
    for (size_t i = 0; i < RULE_COUNT; i++) {
        if (rules[i].number == number)
            return rules[i].name;
    }
    return NULL;
}
