/* replay_main.c - runs a fuzz target over every file of the folders given, once.
 *
 * Each input stands in a block of exactly its size, so that AddressSanitizer and valgrind see a
 * read past its end. An empty folder is a failure: a corpus that went missing tests nothing. */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

static bool replay_file(const char *path)
{
    struct stat st;
    FILE *f = fopen(path, "rb");

    if (!f || fstat(fileno(f), &st) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        if (f)
            fclose(f);
        return false;
    }
    size_t size = (size_t)st.st_size;
    uint8_t *data = malloc(size ? size : 1);
    bool whole = data && fread(data, 1, size, f) == size;
    fclose(f);
    if (whole) {
        printf("%s\n", path);
        fflush(stdout); /* the last name printed is the one that crashed */
        LLVMFuzzerTestOneInput(data, size);
    }
    free(data);
    return whole;
}

/* The number of files, -1 when one could not be read. */
static long replay_folder(const char *folder)
{
    long n = 0;
    DIR *dir = opendir(folder);

    if (!dir) {
        fprintf(stderr, "%s: %s\n", folder, strerror(errno));
        return -1;
    }
    for (struct dirent *entry = readdir(dir); entry && n >= 0; entry = readdir(dir)) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        int len = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        bool fits = len > 0 && (size_t)len < sizeof path;
        n = fits && replay_file(path) ? n + 1 : -1;
    }
    closedir(dir);
    return n;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "use: %s FOLDER...\n", argv[0]);
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        long n = replay_folder(argv[i]);
        if (n <= 0) {
            fprintf(stderr, "%s: %s\n", argv[i], n == 0 ? "no inputs there" : "not replayed");
            return 1;
        }
    }
    return 0;
}
