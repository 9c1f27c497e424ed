#include "table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2u

void table_add(struct table *table, enum colour colour, const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    int len;

    if (table->cell_count == table->cell_room) {
        size_t room = table->cell_room == 0 ? 64 : table->cell_room * 2;
        struct cell *cells = reallocarray(table->cells, room, sizeof(*cells));

        if (cells == NULL) {
            table->failed = true;
            return;
        }
        table->cells = cells;
        table->cell_room = room;
    }
    va_start(arguments, format);
    len = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (len < 0) {
        table->failed = true;
        return;
    }
    make_printable(text, (size_t)len);
    table->cells[table->cell_count++] = (struct cell){text, colour};
}

/* How many columns fit; their widths. */
static size_t measure(const struct table *table, size_t width, size_t *widths)
{
    size_t sum = 0;

    for (size_t c = 0; c < table->column_count; c++)
        widths[c] = strlen(table->columns[c].title);
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t len = strlen(table->cells[i].text), c = i % table->column_count;

        if (len > widths[c])
            widths[c] = len;
    }
    for (size_t c = 0; c < table->column_count; c++) {
        sum += widths[c] + (c > 0 ? GAP : 0);
        if (width > 0 && sum > width && c > 0)
            return c;
    }
    return table->column_count;
}

static void print_cell(FILE *out, const struct column *column, const char *text, size_t width,
                       enum colour colour, bool is_last)
{
    const char *before = colour == PLAIN ? "" : terminal_colour(stdout, colour);
    const char *after = colour == PLAIN ? "" : terminal_colour(stdout, PLAIN);
    size_t fill = width - strlen(text);

    (void)fprintf(out, "%*s%s%s%s", column->is_number ? (int)fill : 0, "", before, text, after);
    if (is_last)
        (void)fputc('\n', out);
    else
        (void)fprintf(out, "%*s", (int)(GAP + (column->is_number ? 0 : fill)), "");
}

void table_print(const struct table *table, FILE *out, size_t width, size_t lines)
{
    size_t widths[TABLE_COLUMNS_MAX];
    size_t shown = measure(table, width, widths);
    size_t rows = table->cell_count / table->column_count;

    for (size_t c = 0; c < shown; c++)
        print_cell(out, &table->columns[c], table->columns[c].title, widths[c], BOLD,
                   c + 1 == shown);
    if (lines > 0 && rows > lines - 1)
        rows = lines - 1;
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < shown; c++) {
            const struct cell *cell = &table->cells[r * table->column_count + c];

            print_cell(out, &table->columns[c], cell->text, widths[c], cell->colour,
                       c + 1 == shown);
        }
    }
}

void table_fini(struct table *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i].text);
    free(table->cells);
    *table = (struct table){.columns = table->columns, .column_count = table->column_count};
}
