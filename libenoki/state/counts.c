#include "state/counts.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Of the process: state is opened in many places, and a front door wants the sum. */
static struct en_counts *attached;

int en_counts_new(int *fd_out)
{
    int fd = memfd_create("enoki-counts", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    /* Without the seals a runtime that shortens it would kill who looks at it. */
    if (fd >= 0 && ftruncate(fd, sizeof(struct en_counts)) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
        *fd_out = fd;
        return 0;
    }
    if (fd >= 0)
        (void)close(fd);
    return ENOKI_EIO;
}

const struct en_counts *en_counts_map(int fd)
{
    void *at = mmap(NULL, sizeof(struct en_counts), PROT_READ, MAP_SHARED, fd, 0);

    return at == MAP_FAILED ? NULL : at;
}

void en_counts_unmap(const struct en_counts *counts)
{
    if (counts != NULL)
        (void)munmap((void *)(uintptr_t)counts, sizeof(*counts));
}

void en_counts_sum(const struct en_counts *counts, struct en_counts_total *total)
{
    if (counts == NULL)
        return;
    for (size_t i = 0; i < EN_COUNTS_STRIPES; i++) {
        const struct en_counts_stripe *stripe = &counts->stripes[i];

        for (size_t what = 0; what < EN_COUNT_KINDS; what++) {
            total->calls[what] += atomic_load_explicit(&stripe->calls[what], memory_order_relaxed);
            total->errors[what] +=
                atomic_load_explicit(&stripe->errors[what], memory_order_relaxed);
        }
    }
}

int en_counts_attach(int fd)
{
    void *at = mmap(NULL, sizeof(struct en_counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    (void)close(fd);
    if (at == MAP_FAILED)
        return ENOKI_EIO;
    attached = at;
    return 0;
}

struct en_counts_stripe *en_counts_stripe(void)
{
    return attached == NULL ? NULL
                            : &attached->stripes[(unsigned)gettid() % EN_COUNTS_STRIPES];
}

const char *en_count_name(enum en_count what)
{
    static const char *const names[EN_COUNT_KINDS] = {"read",   "scan",   "keys",
                                                      "update", "remove", "append"};

    return names[what];
}
