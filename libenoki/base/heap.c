#include "base/heap.h"

#include <malloc.h>

#define OWN_MAPPING_BYTES (2 << 20)
#define KEEP_BYTES (4 << 20)

void en_heap_keep(void)
{
    /* Both: a threshold that is set is not adapted any more. A refusal leaves all as it was. */
    (void)mallopt(M_MMAP_THRESHOLD, OWN_MAPPING_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
}

void en_heap_rest(void)
{
    (void)malloc_trim(0);
}
