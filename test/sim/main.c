/* main.c - sim FIRST_SEED COUNT [--bug NAME] [--trace] [--jobs N] [--marks]
 *
 * Each seed runs in a process of its own, forked from one that has a fresh store on its disk: what
 * a power cut leaves behind in memory goes with the process, and a crash is just another verdict.
 */

#include "disk.h"
#include "life.h"
#include "planted.h"
#include "trace.h"

#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { JOBS_MAX = 16, SEED_SECONDS_MAX = 1200 };

/* Under AddressSanitizer: what a power cut leaves in memory is no leak. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0:detect_stack_use_after_return=0";
}

struct options {
    uint64_t first, count;
    unsigned jobs;
    time_t seconds; /* seeds begin for so long, and failing ones do not end it; 0: while all hold */
    bool trace, hash, marks, planted, quiet;
    enum weather weather;
    const char *bug;
};

struct job {
    pid_t pid;
    uint64_t seed;
};

static struct tally *shared; /* one a job, in memory that children write */
static struct tally total;
static enum promise verdict_promise; /* of the failed seed */
static char verdict_text[1024];
static char lock_path[JOBS_MAX][64];
static char dir[32];

static void add(const struct tally *t)
{
    const uint64_t *from = &t->steps;
    uint64_t *to = &total.steps;

    for (size_t i = 0; i < MARK_COUNT; i++)
        total.mark[i] += t->mark[i];
    for (; to < &total.hash; to++, from++)
        *to += *from;
}

static void child(const struct options *o, unsigned slot, uint64_t seed)
{
    tally = &shared[slot];
    memset(tally, 0, sizeof *tally);
    tally->hash = 0xcbf29ce484222325;
    trace_to_stdout(o->trace);
    const struct itimerval limit = { .it_value.tv_sec = SEED_SECONDS_MAX };
    setitimer(ITIMER_PROF, &limit, NULL); /* of its own time, not of a busy machine's */
    sqlite3_randomness(0, NULL);
    disk_restore();
    life_run(seed, lock_path[slot]);
    fflush(stdout);
    _exit(0);
}

static void start(const struct options *o, unsigned slot, struct job *j, uint64_t seed)
{
    fflush(stdout);
    pid_t pid = fork();

    if (pid < 0)
        abort();
    if (pid == 0)
        child(o, slot, seed);
    *j = (struct job){ pid, seed };
}

/* False: the seed broke a promise. */
static bool verdict(const struct options *o, unsigned slot, uint64_t seed, int status)
{
    struct tally *t = &shared[slot];
    bool crashed = WIFSIGNALED(status) || (WEXITSTATUS(status) && !t->broken[0]);

    if (crashed)
        t->promise = PROMISE_SOUND;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF)
        snprintf(t->broken, sizeof t->broken, "no end after %d s", SEED_SECONDS_MAX);
    else if (crashed)
        snprintf(t->broken, sizeof t->broken, "the process crashed (%s %d)",
                 WIFSIGNALED(status) ? "signal" : "exit",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    add(t);
    if (t->broken[0] && !o->quiet)
        printf("seed %" PRIu64 ": %s\n", seed, t->broken);
    else if (o->hash)
        printf("seed %" PRIu64 ": %016" PRIx64 " after %" PRIu64 " steps\n", seed, t->hash,
               t->steps);
    return !t->broken[0];
}

static bool goes_on(const struct options *o, time_t began, uint64_t failed)
{
    return o->seconds ? time(NULL) - began < o->seconds : !failed;
}

/* Runs all seeds, several at a time, until one fails or the time is over. The first failed seed, or
 * 0. */
static uint64_t run(const struct options *o, uint64_t *done)
{
    time_t began = time(NULL);
    struct job job[JOBS_MAX] = { 0 };
    uint64_t next = o->first, failed = 0;
    unsigned running = 0;

    for (;;) {
        for (unsigned i = 0; i < o->jobs && goes_on(o, began, failed); i++)
            if (!job[i].pid && next < o->first + o->count) {
                start(o, i, &job[i], next++);
                running++;
            }
        if (!running)
            return failed;
        int status;
        pid_t pid = wait(&status);
        for (unsigned i = 0; i < o->jobs; i++) {
            if (job[i].pid != pid)
                continue;
            job[i].pid = 0;
            running--;
            ++*done;
            if (!verdict(o, i, job[i].seed, status) && (!failed || job[i].seed < failed)) {
                failed = job[i].seed;
                verdict_promise = shared[i].promise;
                snprintf(verdict_text, sizeof verdict_text, "%s", shared[i].broken);
            }
        }
    }
}

static void tell(uint64_t seeds, double seconds)
{
    printf("%" PRIu64 " seeds in %.1f s (%.1f a second), %.1f days of virtual time, %" PRIu64
           " steps\n",
           seeds, seconds, (double)seeds / seconds, (double)total.virtual_ms / 86400000.0,
           total.steps);
    printf("%" PRIu64 " lives and %" PRIu64 " processes beside: %" PRIu64 " power cuts, %" PRIu64
           " kills, %" PRIu64 " orderly stops; %" PRIu64 " syncs, %" PRIu64 " writes lost, %" PRIu64
           " torn\n",
           total.lives, total.beside, total.power_cuts, total.kills, total.stops, total.syncs,
           total.writes_lost, total.writes_torn);
    printf("%" PRIu64 " events in %" PRIu64 " deliveries; %" PRIu64 " requests: %" PRIu64
           " slow, %" PRIu64 " stalled, %" PRIu64 " held back, %" PRIu64 " lost before and %" PRIu64
           " behind their effect, %" PRIu64 " limited, %" PRIu64 " errors, %" PRIu64
           " HTML, %" PRIu64 " truncated, %" PRIu64 " lies, %" PRIu64 " refused\n",
           total.events, total.deliveries, total.requests, total.slow, total.stalled, total.spited,
           total.lost_before, total.lost_after, total.limited, total.errors, total.html,
           total.truncated, total.lies, total.refused);
    for (size_t i = 0; i < MARK_COUNT; i++)
        printf("  %8" PRIu64 "  %s\n", total.mark[i], mark_text[i]);
}

static bool all_reached(void)
{
    bool all = true;

    for (size_t i = 0; i < MARK_COUNT; i++)
        if (!total.mark[i]) {
            printf("never reached: %s\n", mark_text[i]);
            all = false;
        }
    return all;
}

static bool read_options(int argc, char **argv, struct options *o)
{
    *o = (struct options){ .first = 1, .jobs = 2 };
    unsigned numbers = 0;
    bool good = true;
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--trace") == 0)
            o->trace = true;
        else if (strcmp(argv[i], "--hash") == 0)
            o->hash = true;
        else if (strcmp(argv[i], "--marks") == 0)
            o->marks = true;
        else if (strcmp(argv[i], "--planted") == 0)
            o->planted = true;
        else if (strcmp(argv[i], "--bug") == 0 && more)
            o->bug = argv[++i];
        else if (strcmp(argv[i], "--weather") == 0 && more)
            good = climate_by_name(argv[++i], &o->weather);
        else if (strcmp(argv[i], "--seconds") == 0 && more)
            o->seconds = (time_t)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--jobs") == 0 && more)
            o->jobs = (unsigned)strtoul(argv[++i], NULL, 10);
        else if (argv[i][0] != '-' && numbers == 0)
            o->first = strtoull(argv[i], NULL, 10), numbers++;
        else if (argv[i][0] != '-' && numbers == 1)
            o->count = strtoull(argv[i], NULL, 10), numbers++;
        else
            return false;
    }
    return good && o->jobs >= 1 && o->jobs <= JOBS_MAX && o->first >= 1;
}

static void prepare(void)
{
    snprintf(dir, sizeof dir, "/tmp/brindle-sim-XXXXXX");
    if (!mkdtemp(dir))
        abort();
    for (unsigned i = 0; i < JOBS_MAX; i++)
        snprintf(lock_path[i], sizeof lock_path[i], "%.31s/%u", dir, i);
    json_object_seed(1); /* jansson's hashes do not depend on the hour */
    sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    disk_register();
    shared = mmap(NULL, JOBS_MAX * sizeof *shared, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        abort();
    tally = &shared[0];
    life_prepare(lock_path[0]);
}

static void clean(void)
{
    char name[80];

    for (unsigned i = 0; i < JOBS_MAX; i++) {
        snprintf(name, sizeof name, "%.63s.lock", lock_path[i]);
        unlink(name);
        snprintf(name, sizeof name, "%.63s.too.lock", lock_path[i]);
        unlink(name);
    }
    rmdir(dir);
}

/* Each bug must be found within its budget of seeds, by the check that stands for the promise it
 * breaks; else the simulator is blind to it. */
static bool find_one(struct options o, enum plant bug)
{
    const struct planting *p = &planting[bug];
    uint64_t done = 0;

    plant(bug);
    if (o.weather)
        climate_force(o.weather);
    if (!o.count)
        o.count = p->seeds;
    if (p->first)
        o.first = p->first;
    o.quiet = true;
    uint64_t failed = run(&o, &done);
    bool expected = failed && p->breaks & 1u << verdict_promise;
    printf("%-22s ", p->name);
    if (!failed)
        printf("NOT FOUND in %" PRIu64 " seeds\n", o.count);
    else
        printf("%sseed %" PRIu64 " of %" PRIu64 " (%s): %.100s\n",
               expected ? "" : "FOUND BY ANOTHER CHECK: ", failed, o.count,
               promise_text[verdict_promise], verdict_text);
    fflush(stdout);
    return expected;
}

static int find_planted(struct options o)
{
    int missed = 0;

    for (unsigned i = PLANT_NOTHING + 1; i < PLANT_COUNT; i++)
        missed += !find_one(o, (enum plant)i);
    return missed;
}

int main(int argc, char **argv)
{
    struct options o;
    struct timespec t0, t1;
    uint64_t done = 0;

    if (!read_options(argc, argv, &o) || (o.bug && !planting_by_name(o.bug))) {
        fprintf(stderr, "usage: sim [FIRST_SEED [COUNT]] [--bug NAME] [--jobs N] [--trace] "
                        "[--hash] [--marks] [--planted] [--weather NAME] [--seconds N]\n");
        return 2;
    }
    prepare();
    if (o.bug)
        plant(planting_by_name(o.bug));
    if (o.weather)
        climate_force(o.weather);
    if (o.planted) {
        int missed = find_planted(o);
        clean();
        fflush(stdout);
        _exit(missed != 0);
    }
    if (!o.count)
        o.count = 100;
    clock_gettime(CLOCK_MONOTONIC, &t0);
    uint64_t failed = run(&o, &done);
    clock_gettime(CLOCK_MONOTONIC, &t1);
    double seconds = (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9;
    if ((!failed || o.seconds) && done > 1)
        tell(done, seconds);
    if (failed)
        printf("to be told: sim %" PRIu64 " 1 --trace%s%s\n", failed, o.bug ? " --bug " : "",
               o.bug ? o.bug : "");
    clean();
    bool good = !failed && (!o.marks || all_reached());
    fflush(stdout);
    _exit(good ? 0 : 1); /* what the first life has left in memory is no leak */
}
