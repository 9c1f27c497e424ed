#include "calls.h"

#include <stdlib.h>

void outcome_fini(struct outcome *outcome)
{
    free(outcome->body);
    *outcome = (struct outcome){.ok = false};
}
