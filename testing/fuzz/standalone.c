/*
 * standalone.c - the driver of a fuzz target without a fuzzer: runs it on every file of a folder.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_BYTES_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In a block of just its size, so that a sanitizer sees a read behind it. */
static int run_file(const char *path, char *room)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    size_t size = 0;
    int ok = 0;

    if (file == NULL)
        goto out;
    size = fread(room, 1, FILE_BYTES_MAX, file);
    if (ferror(file) != 0)
        goto out;
    data = malloc(size > 0 ? size : 1);
    if (data == NULL)
        goto out;
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)room[i];
    (void)LLVMFuzzerTestOneInput(data, size);
    ok = 1;
out:
    if (ok == 0)
        perror(path);
    free(data);
    if (file != NULL)
        (void)fclose(file);
    return ok;
}

int main(int argc, char **argv)
{
    char *room = malloc(FILE_BYTES_MAX);
    unsigned count = 0, good = 0;
    struct dirent *entry;
    DIR *folder;

    if (argc != 2 || room == NULL || (folder = opendir(argv[1])) == NULL) {
        fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
        free(room);
        return 2;
    }
    while ((entry = readdir(folder)) != NULL) {
        char path[4096];

        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
        count++;
        good += (unsigned)run_file(path, room);
    }
    (void)closedir(folder);
    free(room);
    printf("%u of %u files\n", good, count);
    return good == count && count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
