#include "fibre.h"

#include "seed.h"
#include "trace.h"
#include "world/tx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

enum {
    STACK_BYTES = 1 << 20,
    GUARD_BYTES = 4096,
    NAME_MAX_BYTES = 24,
};

struct fibre {
    ucontext_t context;
    char *stack;
    bool live;
    msec wake;
    struct gate *waits, *wants; /* sleeps at this gate; wants its lock */
    unsigned life, side;
    uint64_t note;
    unsigned writing; /* its share of world/tx.c's count */
    char name[NAME_MAX_BYTES];
    void (*run)(void *);
    void *arg;
#ifdef WITH_ASAN
    void *fake;
#endif
};

struct gate {
    struct fibre *holder;
    unsigned n_waiting, n_wanting;
};

static struct fibre fibre[FIBRES_MAX];
static struct fibre *running;
static ucontext_t scheduler;
static unsigned harness_side;
static msec now;
static unsigned preempt_per_mille;
#ifdef WITH_ASAN
static void *scheduler_fake;
static const void *scheduler_stack;
static size_t scheduler_size;
#endif

msec fibre_now(void)
{
    return now;
}

const char *fibre_name(void)
{
    return running ? running->name : "-";
}

unsigned fibre_life(void)
{
    return running ? running->life : OUTSIDE;
}

unsigned fibre_side(void)
{
    return running ? running->side : harness_side;
}

void fibre_go_to(unsigned side)
{
    *(running ? &running->side : &harness_side) = side;
}

bool fibre_inside(void)
{
    return running != NULL;
}

void fibre_note(uint64_t n)
{
    if (running)
        running->note = n;
}

uint64_t fibre_noted(void)
{
    return running ? running->note : 0;
}

void fibre_preempt(unsigned per_mille)
{
    preempt_per_mille = per_mille;
}

/* ---- switching ---------------------------------------------------------------------------- */

static void to_scheduler(bool for_good)
{
    struct fibre *f = running;

    f->writing = tx_writing_swap(0);
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(for_good ? NULL : &f->fake, scheduler_stack, scheduler_size);
#endif
    swapcontext(&f->context, &scheduler);
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(f->fake, &scheduler_stack, &scheduler_size);
#endif
    (void)for_good;
    tx_writing_swap(f->writing);
}

static void begin(void)
{
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(NULL, &scheduler_stack, &scheduler_size);
#endif
    running->run(running->arg);
    fibre_exit();
}

void fibre_exit(void)
{
    running->live = false;
    to_scheduler(true);
    abort(); /* a dead fibre is never resumed */
}

static char *stack_new(void)
{
    char *p = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED || mprotect(p, GUARD_BYTES, PROT_NONE))
        abort();
    return p;
}

void fibre_spawn(unsigned life, const char *name, void (*run)(void *), void *arg)
{
    struct fibre *f = fibre;

    while (f < fibre + FIBRES_MAX && (f->live || f == running))
        f++;
    if (f == fibre + FIBRES_MAX)
        abort();
    char *stack = f->stack ? f->stack : stack_new();
#ifdef WITH_ASAN
    __asan_unpoison_memory_region(stack + GUARD_BYTES, STACK_BYTES - GUARD_BYTES);
#endif
    *f = (struct fibre){ .stack = stack,
                         .live = true,
                         .wake = now,
                         .life = life,
                         .side = fibre_side(),
                         .run = run,
                         .arg = arg };
    snprintf(f->name, sizeof f->name, "%s", name);
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = stack + GUARD_BYTES;
    f->context.uc_stack.ss_size = STACK_BYTES - GUARD_BYTES;
    makecontext(&f->context, begin, 0);
}

void fibre_pause(msec span)
{
    assert(running);
    running->wake = now + (span > 0 ? span : 0);
    to_scheduler(false);
}

void fibre_end_life(unsigned life)
{
    bool mine = running && running->life == life;

    for (struct fibre *f = fibre; f < fibre + FIBRES_MAX; f++)
        if (f->live && f->life == life)
            f->live = false;
    if (mine) {
        to_scheduler(true);
        abort();
    }
}

static struct fibre *pick(msec until)
{
    struct fibre *best = NULL;
    unsigned ties = 0;

    for (struct fibre *f = fibre; f < fibre + FIBRES_MAX; f++) {
        if (!f->live || f->wake > until)
            continue;
        if (!best || f->wake < best->wake) {
            best = f;
            ties = 1;
        } else if (f->wake == best->wake && seed_draw() % ++ties == 0) {
            best = f;
        }
    }
    return best;
}

bool fibre_step(msec until)
{
    struct fibre *f = pick(until);

    if (!f)
        return false;
    if (f->wake > now)
        now = f->wake;
    f->wake = now; /* those who were woken earlier stand in one row with the rest */
    running = f;
    tally->steps++;
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(&scheduler_fake, f->stack + GUARD_BYTES,
                                   STACK_BYTES - GUARD_BYTES);
#endif
    swapcontext(&scheduler, &f->context);
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(scheduler_fake, NULL, NULL);
#endif
    running = NULL;
    return true;
}

void fibre_pass_to(msec when)
{
    if (when > now)
        now = when;
}

void fibre_begin_at(msec when)
{
    now = when;
}

/* ---- gates -------------------------------------------------------------------------------- */

static struct gate *sim_gate_new(struct sched *s)
{
    (void)s;
    struct gate *g = calloc(1, sizeof *g);
    if (!g)
        abort();
    return g;
}

static void sim_gate_free(struct sched *s, struct gate *g)
{
    (void)s;
    free(g);
}

/* Outside of fibres (the harness itself looks into a store) nobody else can hold it. */
static void sim_lock(struct sched *s, struct gate *g)
{
    (void)s;
    if (running && preempt_per_mille && seed_draw() % 1000 < preempt_per_mille)
        fibre_pause(0);
    while (g->holder) {
        assert(running && g->holder != running);
        running->wants = g;
        g->n_wanting++;
        running->wake = INT64_MAX;
        to_scheduler(false);
        g->n_wanting--;
        running->wants = NULL;
    }
    g->holder = running ? running : fibre;
}

static void sim_unlock(struct sched *s, struct gate *g)
{
    (void)s;
    assert(g->holder);
    g->holder = NULL;
    for (struct fibre *f = fibre; g->n_wanting && f < fibre + FIBRES_MAX; f++)
        if (f->live && f->wants == g)
            f->wake = now;
}

static void sim_wake(struct sched *s, struct gate *g)
{
    (void)s;
    for (struct fibre *f = fibre; g->n_waiting && f < fibre + FIBRES_MAX; f++)
        if (f->live && f->waits == g)
            f->wake = now;
}

static msec mono_now(void);

static msec wake_at(msec deadline)
{
    if (deadline == NO_DEADLINE)
        return INT64_MAX;
    msec left = deadline - mono_now();
    if (now > 0 && left > INT64_MAX - now)
        return INT64_MAX;
    return left > 0 ? now + left : now;
}

static void sim_wait(struct sched *s, struct gate *g, msec deadline)
{
    assert(running && g->holder == running);
    sim_unlock(s, g);
    running->waits = g;
    g->n_waiting++;
    running->wake = wake_at(deadline);
    to_scheduler(false);
    g->n_waiting--;
    running->waits = NULL;
    sim_lock(s, g);
}

static const struct sched_ops sched_ops = { sim_gate_new, sim_gate_free, sim_lock,
                                            sim_unlock,   sim_wait,      sim_wake };
struct sched sim_sched = { &sched_ops };

/* ---- clocks ------------------------------------------------------------------------------- */

static const msec DAY_ONE = 1790000000000; /* wall time at the beginning of each seed */
static msec skew, mono_base;

static msec mono_now(void)
{
    return mono_base + now;
}

static msec node_wall(struct clock *c)
{
    (void)c;
    return DAY_ONE + now + skew;
}

static msec node_mono(struct clock *c)
{
    (void)c;
    return mono_now();
}

static msec right_wall(struct clock *c)
{
    (void)c;
    return DAY_ONE + now;
}

static void node_sleep(struct clock *c, msec span)
{
    (void)c;
    if (running)
        fibre_pause(span);
    else
        now += span;
}

static const struct clock_ops clock_ops = { node_wall, node_mono, node_sleep };
static const struct clock_ops stripe_clock_ops = { right_wall, right_wall, node_sleep };
struct clock sim_clock = { &clock_ops };
struct clock stripe_clock = { &stripe_clock_ops };

void clock_boot(msec mono)
{
    mono_base = mono - now;
}

void clock_skew(msec span)
{
    skew = span;
}

msec clock_skew_now(void)
{
    return skew;
}
