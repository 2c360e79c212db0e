/* fuzz_config.c - any bytes as brindle.conf. It is read whole or refused with a sentence, and no
 * key that stands in it is ever part of that sentence. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/config.h"
#include "fuzz.h"

enum { KEY_BYTES_MIN = 16 }; /* shorter ones are words of the sentence itself */

static int file_of(const uint8_t *data, size_t size)
{
    int fd = memfd_create("brindle.conf", MFD_CLOEXEC);

    must(fd >= 0, "a file in memory");
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, data + done, size - done);
        must(n > 0, "room for it");
        done += (size_t)n;
    }
    return fd;
}

static size_t times_in(str where, str what)
{
    size_t n = 0;

    for (size_t i = 0; i + what.n <= where.n; i++)
        n += memcmp(where.p + i, what.p, what.n) == 0;
    return n;
}

/* "secret_key = sk_…": the value of a line whose name is that of a secret. What stands in another
 * place, too, is no secret any more. */
static void check_line(str line, str file, str said)
{
    static const char *const secret[] = { "secret_key", "webhook_secret", "token" };
    str name, value = str_cut(line, '=', &name);

    value = str_trim(value);
    if (!value.p || value.n < KEY_BYTES_MIN || str_starts(value, S("env:")) ||
        str_starts(value, S("file:")) || memchr(value.p, ' ', value.n))
        return;
    for (size_t i = 0; i < COUNT(secret); i++)
        if (str_eqz(str_trim(name), secret[i]) && times_in(file, value) == 1)
            must(!times_in(said, value), "a refusal does not repeat a secret");
}

static void check_secrets(str file, str said)
{
    for (str rest = file; rest.n;) {
        str line;
        rest = str_cut(rest, '\n', &line);
        check_line(line, file, said);
    }
}

static void check_envs(struct config *c)
{
    must(c->n_envs <= CONFIG_ENVS_MAX, "a limit holds");
    for (size_t i = 0; i < c->n_envs; i++) {
        struct env_config *found = NULL;
        struct error e = { 0 };
        must(c->env[i].name[0] != '\0', "an environment has a name");
        enum status st = config_env(c, c->env[i].name, &found, &e);
        if (c->env[i].fault[0])
            must(st == ST_INVALID && strcmp(e.text, c->env[i].fault) == 0, "a fault is told");
        else
            must(st == ST_OK && found == &c->env[i], "an environment is found by its name");
        must(c->env[i].n_webhook_secrets <= VERIFY_SECRETS_MAX, "a limit holds");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config c = { 0 };
    struct error e = { 0 };
    char path[64];

    if (size > CONFIG_FILE_BYTES_MAX + 1)
        return 0;
    clearenv();
    int fd = file_of(data, size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const struct config_flags f = { .path = path };
    enum status st = config_load(&c, &f, &e);
    must(st == ST_OK || st == ST_INVALID || st == ST_LIMIT, "a status that is promised");
    must((st == ST_OK) == (e.text[0] == '\0'), "a refusal has a reason");
    check_secrets((str){ (const char *)data, size }, str_of(e.text));
    if (st == ST_OK)
        check_envs(&c);
    config_free(&c);
    close(fd);
    return 0;
}
