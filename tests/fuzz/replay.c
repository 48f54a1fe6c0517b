/* replay.c - runs a fuzz target over the files of its corpus, as a plain test. */
#include <dirent.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return 1;
    enum { MOST = 1 << 20 };
    uint8_t *data = malloc(MOST);
    size_t size = fread(data, 1, MOST, file);
    fclose(file);
    /* The exact size, so that the address sanitizer sees a read past the end. */
    uint8_t *exact = malloc(size ? size : 1);
    memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    int files = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (!folder)
            return fprintf(stderr, "%s: no corpus\n", argv[i]), 1;
        for (struct dirent *entry; (entry = readdir(folder));) {
            char path[4096];
            snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
            if (entry->d_name[0] == '.')
                continue;
            if (replay(path))
                return fprintf(stderr, "%s: cannot read\n", path), 1;
            files++;
        }
        closedir(folder);
    }
    printf("%d inputs\n", files);
    return files ? 0 : 1;
}
