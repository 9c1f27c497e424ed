#include "invoke/date.h"

#include "base/clock.h"

const char *en_date_text(struct en_date *date, uint64_t now_ms)
{
    if (now_ms >= date->until_ms) {
        uint64_t wall_ms = en_clock_wall_ns() / 1000000u;

        en_http_write_date(date->text, wall_ms / 1000u);
        date->until_ms = now_ms + 1000u - wall_ms % 1000u;
    }
    return date->text;
}
