#include "climate.h"

#include "seed.h"
#include "side.h"
#include "trace.h"

#include <string.h>

static bool often(void)
{
    return seed_chance(60);
}

static void draw_node(struct climate *c)
{
    c->workers = (unsigned)seed_between(1, 6);
    c->set = env_defaults;
    c->set.lease_ms = seed_between(2, 60) * 1000;
    c->keeper_sleeps = 97;
    c->set.settle_ms = seed_chance(50) ? 100 : seed_between(0, 3000);
    c->set.attempts_max = seed_chance(30) ? (unsigned)seed_between(1, 4) : 60;
    c->set.backoff_ms = seed_between(100, 1000);
    c->set.backoff_ms_max = seed_between(1, 120) * 1000;
    c->set.confirm_ms = seed_between(100, 3000);
    if (seed_chance(20)) {
        msec unit = seed_chance(50) ? 3600000 : 60000;
        c->set.inbox_body_ms = seed_between(1, 48) * unit;
        c->set.history_ms = seed_between(1, 48) * unit;
        c->set.calls_ms = seed_between(1, 48) * unit;
    }
    c->requests_per_second = seed_chance(50) ? 100 : (unsigned)seed_between(2, 25);
    c->batch_max = seed_chance(50) ? 64 : (size_t)seed_between(1, 6);
    c->checkpoint_pages = seed_chance(50) ? 768 : (int)seed_between(2, 60);
    c->preempt = seed_chance(50) ? 0 : (unsigned)seed_between(1, 200);
    c->from_nothing = seed_chance(5);
}

static void draw_stripe(struct climate *c)
{
    c->answer_ms_max = seed_between(10, 400);
    c->slow = seed_rate(20);
    c->stall_before = seed_rate(8);
    c->stall_after = seed_rate(8);
    c->lost_before = seed_rate(10);
    c->lost_after = seed_rate(10);
    c->limited = seed_rate(10);
    c->errors = seed_rate(10);
    c->html = seed_rate(6);
    c->truncated = seed_rate(6);
    c->lies = seed_rate(10);
    c->key_refused = seed_rate(3);
    c->forbidden = seed_chance(20) ? 1 : 0;
    c->ghosts = seed_rate(30);
    c->omissions = seed_rate(20);
    c->page_limit = often() ? (unsigned)seed_between(1, 5) : 100;
}

static void draw_rest(struct climate *c)
{
    c->late = seed_rate(30);
    c->delivery_ms_max = 5000;
    c->late_ms_max = seed_chance(40) ? 3LL * 86400000 : seed_between(1, 600) * 1000;
    c->doubled = seed_rate(30);
    c->lost_answers = seed_rate(10);
    c->dropped = seed_rate(20);

    c->objects = (unsigned)seed_between(1, 8);
    c->actions = (unsigned)seed_between(5, 45);
    c->action_pause_ms = seed_chance(50) ? seed_between(10, 500) : seed_between(500, 20000);
    c->behind_back = seed_rate(20);
    c->money = seed_chance(40);
    c->kv = c->money && seed_chance(50);
    c->asks = c->money && seed_chance(50) ? (unsigned)seed_between(1, 40) : 0;

    c->life_ms_max = seed_chance(15) ? 0 : seed_between(1, seed_chance(50) ? 10 : 100) * 1000;
    c->down_ms_max = 8000;
    c->cuts = (unsigned)seed_between(20, 100);
    c->kills = 50;
    c->violent_lives = 10;
    c->disk.write_slow = seed_chance(50) ? 0 : (unsigned)seed_between(1, 100);
    c->disk.sync_ms_max = seed_chance(30) ? 0 : seed_between(1, 60);
    c->disk.read_fails = seed_chance(20) ? (unsigned)seed_between(1, 60) : 0;
    c->disk.write_fails = seed_chance(20) ? (unsigned)seed_between(1, 300) : 0;
    c->disk.sync_fails = seed_chance(20) ? (unsigned)seed_between(1, 800) : 0;
    c->full_spells = seed_chance(20) ? (unsigned)seed_between(20, 400) : 0;
    c->clock_jumps = seed_rate(50) * 10;
    c->syncs = seed_rate(80) * 10;
    c->wrong_keys = !c->from_nothing && seed_chance(15) ? (unsigned)seed_between(20, 300) : 0;
    c->syncs_max = 5;
    c->full_syncs = 60;
    c->people_ms_max = 2000;
    c->seconds = 3;
    c->commands = seed_rate(20);
    c->ends_beside = seed_rate(30);
    c->last_sync = seed_chance(50);
    c->early_sync = c->last_sync && seed_chance(50);
    if (c->early_sync)
        c->omissions = c->ghosts = c->forbidden =
            0; /* what it lacks is not told by anything else */
}

/* Few objects, much news, answers that overtake each other. */
static void draw_storm(struct climate *c)
{
    c->workers = (unsigned)seed_between(3, 6);
    c->set.lease_ms = seed_between(300, 3000);
    c->set.settle_ms = seed_between(0, 100);
    c->stall_before = (unsigned)seed_between(0, 30);
    c->stall_after = (unsigned)seed_between(5, 40);
    c->objects = (unsigned)seed_between(1, 3);
    c->action_pause_ms = seed_between(50, 1500);
    c->actions = (unsigned)seed_between(30, 80);
    c->churn = seed_chance(50);
    c->late = seed_rate(10);
    c->syncs = (unsigned)seed_between(0, 900);
    c->full_syncs = c->churn ? 3 : 60;
    c->requests_per_second = 100;
}

/* Lists of which each page is another one, slow enough for news to overtake them. */
static void draw_churn(struct climate *c)
{
    c->churn = true;
    c->workers = (unsigned)seed_between(3, 6);
    c->set.lease_ms = seed_between(10, 60) * 1000;
    c->set.settle_ms = seed_between(0, 100);
    c->objects = (unsigned)seed_between(2, 8);
    c->page_limit = (unsigned)seed_between(1, 3);
    c->answer_ms_max = seed_between(50, 400);
    c->slow = (unsigned)seed_between(10, 60);
    c->action_pause_ms = seed_between(20, 500);
    c->actions = (unsigned)seed_between(40, 120);
    c->ghosts = seed_chance(50) ? (unsigned)seed_between(10, 50) : 0;
    c->burst = seed_chance(50) ? (unsigned)seed_between(3, 15) : 0;
    c->late = seed_rate(5);
    c->syncs = 900;
    c->full_syncs = 3;
    c->requests_per_second = 100;
    if (c->life_ms_max && c->life_ms_max < 10000)
        c->life_ms_max += 10000;
}

/* A sync that must survive everything, and is the only one to tell of what was changed. */
static void draw_tug(struct climate *c)
{
    c->churn = true;
    c->objects = (unsigned)seed_between(8, 24); /* most of them nobody has seen before */
    c->page_limit = (unsigned)seed_between(1, 2);
    c->set.lease_ms = seed_between(1, 4) * 1000;
    c->answer_ms_max = seed_between(5, 60);
    c->disk.sync_ms_max = seed_between(0, 60);
    c->stall_before = (unsigned)seed_between(0, 10);
    c->stall_after = (unsigned)seed_between(0, 30);
    c->behind_back = (unsigned)seed_between(20, 70);
    c->dropped = (unsigned)seed_between(0, 60);
    c->actions = (unsigned)seed_between(20, 60);
    c->action_pause_ms = seed_between(20, seed_chance(50) ? 300 : 3000);
    c->burst = (unsigned)seed_between(3, 15);
    c->down_ms_max = 500;
    c->life_ms_max = seed_between(500, 4000);
    c->cuts = (unsigned)seed_between(30, 100);
    c->violent_lives = 50;
    c->syncs = 900;
    c->full_syncs = 3;
    c->last_sync = c->early_sync = true;
    c->omissions = c->ghosts = c->forbidden = 0;
}

/* Slow answers and quick news: what is asked for changes while one asks. */
static void draw_echo(struct climate *c)
{
    c->workers = (unsigned)seed_between(3, 6);
    c->set.lease_ms = seed_between(30, 60) * 1000;
    c->set.settle_ms = seed_between(0, 50);
    c->objects = (unsigned)seed_between(2, 5);
    c->churn = true;
    c->answer_ms_max = seed_between(10, 400);
    c->spite_after = (unsigned)seed_between(20, 60);
    c->slow = (unsigned)seed_between(0, 50);
    c->stall_before = c->stall_after = 0;
    c->action_pause_ms = seed_between(100, 2000);
    c->actions = (unsigned)seed_between(30, 80);
    c->burst = (unsigned)seed_between(2, 8);
    c->delivery_ms_max = seed_between(5, 100);
    c->late = c->doubled = 0;
    c->lost_answers = seed_chance(50) ? 0 : c->lost_answers;
    c->life_ms_max = 0;
    c->syncs = seed_chance(50) ? 0 : 900;
    c->full_syncs = 0;
    c->last_sync = c->early_sync = false;
    c->requests_per_second = 100;
}

/* Hardly an event: lists and single looks meet at the same few objects, and take so long that these
 * change meanwhile. */
static void draw_whisper(struct climate *c)
{
    c->churn = true;
    c->workers = (unsigned)seed_between(4, 6);
    c->set.lease_ms = 60000;
    c->set.settle_ms = seed_between(0, 50);
    c->objects = (unsigned)seed_between(1, 3);
    c->page_limit = seed_chance(50) ? 100 : 2;
    c->answer_ms_max = seed_between(10, 60);
    c->spite_before = (unsigned)seed_between(10, 50);
    c->spite_after = (unsigned)seed_between(10, 50);
    c->slow = c->stall_before = c->stall_after = c->omissions = 0;
    c->lost_before = c->lost_after = c->limited = c->errors = c->html = c->truncated = 0;
    c->behind_back = (unsigned)seed_between(60, 100);
    c->burst = (unsigned)seed_between(2, 6);
    c->ghosts = (unsigned)seed_between(0, 50);
    c->action_pause_ms = seed_between(100, 1500);
    c->actions = (unsigned)seed_between(60, 150);
    c->delivery_ms_max = seed_between(5, 200);
    c->late = 0;
    c->life_ms_max = 0;
    c->syncs = 900;
    c->syncs_max = 300;
    c->full_syncs = 0;
    c->people_ms_max = seed_between(100, 500);
    c->last_sync = c->early_sync = false;
    c->requests_per_second = 100;
}

/* Dead before it is done: what belongs together must be together on the disk. */
static void draw_mortal(struct climate *c)
{
    c->churn = true;
    c->answer_ms_max = seed_between(5, 50);
    c->slow = c->stall_before = c->stall_after = 0;
    c->action_pause_ms = seed_between(50, 500);
    c->objects = (unsigned)seed_between(8, 20); /* each has its last word soon */
    c->actions = (unsigned)seed_between(20, 50);
    c->delivery_ms_max = seed_between(5, 500);
    c->late = 0;
    c->lost_answers = (unsigned)seed_between(0, 30);
    c->burst = (unsigned)seed_between(2, 8);
    c->down_ms_max = 500;
    c->life_ms_max = seed_between(300, 2000);
    c->violent_lives = 50;
    c->cuts = (unsigned)seed_between(0, 100);
    c->kills = 90;
    c->disk.sync_ms_max = seed_between(10, 60);
    c->syncs = 0;
    c->last_sync = c->early_sync = false;
    c->requests_per_second = 100;
}

/* Invoices with many lines, looked at by several at once who may die behind it. */
static void draw_bills(struct climate *c)
{
    c->money = c->bills = true;
    c->workers = (unsigned)seed_between(3, 6);
    c->set.lease_ms = seed_between(500, 3000);
    c->set.settle_ms = seed_between(0, 100);
    c->answer_ms_max = seed_between(20, 300);
    c->stall_before = (unsigned)seed_between(5, 30);
    c->stall_after = (unsigned)seed_between(5, 40);
    c->lost_before = (unsigned)seed_between(0, 20);
    c->lost_after = (unsigned)seed_between(0, 20);
    c->errors = (unsigned)seed_between(0, 15);
    c->burst = (unsigned)seed_between(2, 8);
    c->action_pause_ms = seed_between(100, 1500);
    c->actions = (unsigned)seed_between(20, 50);
    c->delivery_ms_max = seed_between(10, 1000);
    c->lies = (unsigned)seed_between(0, 20);
    c->down_ms_max = 1000;
    c->life_ms_max = seed_chance(50) ? 0 : seed_between(2, 10) * 1000;
    c->violent_lives = 30;
    c->requests_per_second = 100;
}

static void draw_kv(struct climate *c)
{
    c->kv_lost_before = seed_rate(20);
    c->kv_lost_after = seed_rate(20);
    c->kv_torn = seed_rate(20);
    c->kv_late = seed_rate(30);
    c->kv_restarts = seed_rate(60);
    c->kv_emptied = seed_rate(50);
    c->kv_rewound = seed_rate(80);
}

/* Subscriptions that change all the time, and who asks for them; a key-value server that fails. */
static void draw_shop(struct climate *c)
{
    c->money = c->shop = c->kv = true;
    c->workers = (unsigned)seed_between(2, 6);
    c->set.lease_ms = seed_between(5, 60) * 1000;
    c->set.settle_ms = seed_between(0, 200);
    c->objects = (unsigned)seed_between(1, 3);
    c->actions = (unsigned)seed_between(15, 45);
    c->action_pause_ms = seed_chance(50) ? seed_between(100, 3000) : seed_between(3000, 20000);
    c->burst = (unsigned)seed_between(2, 8);
    c->asks = (unsigned)seed_between(0, 80);
    c->spite_before = seed_rate(30);
    c->spite_after = seed_rate(30);
    c->page_limit = seed_chance(50) ? 100 : (unsigned)seed_between(1, 3);
    c->life_ms_max = seed_chance(50) ? 0 : seed_between(1, 20) * 1000;
    c->violent_lives = 30;
    c->down_ms_max = 1000;
    c->disk.sync_ms_max = seed_between(0, 60);
    c->kv_late = (unsigned)seed_between(0, 30);
    c->kv_restarts = (unsigned)seed_between(0, 60);
    c->delivery_ms_max = seed_between(10, 2000);
    c->syncs = seed_rate(20) * 10;
    c->requests_per_second = 100;
}

/* Short lives and long gaps between them, in which people do it themselves. */
static void draw_turns(struct climate *c)
{
    c->workers = (unsigned)seed_between(2, 6);
    c->objects = (unsigned)seed_between(3, 8);
    c->page_limit = (unsigned)seed_between(1, 3);
    c->answer_ms_max = seed_between(10, 400);
    c->action_pause_ms = seed_between(100, 2000);
    c->actions = (unsigned)seed_between(10, 30);
    c->life_ms_max = seed_between(2, 20) * 1000;
    c->down_ms_max = seed_between(2, 20) * 1000;
    c->violent_lives = 12;
    c->cuts = (unsigned)seed_between(0, 40);
    c->wrong_keys = 0;
    c->people_ms_max = seed_between(500, 2000);
    c->seconds = (unsigned)seed_between(0, 40);
    c->commands = (unsigned)seed_between(20, 80);
    c->ends_beside = (unsigned)seed_between(0, 40);
    c->requests_per_second = 100;
}

/* Hardly anything is delivered: lists must show it all, the hidden ones, too. */
static void draw_hush(struct climate *c)
{
    c->money = c->shop = true;
    c->asks = 0;
    c->dropped = (unsigned)seed_between(60, 100);
    c->toggles = (unsigned)seed_between(20, 60);
    c->last_sync = true;
    c->early_sync = seed_chance(50);
    c->actions = (unsigned)seed_between(10, 30);
    c->action_pause_ms = seed_between(100, 2000);
    c->requests_per_second = 100;
    if (!c->early_sync)
        return;
    c->omissions = c->ghosts = c->forbidden = 0; /* it is the only one to tell, and dies often */
    c->page_limit = (unsigned)seed_between(1, 2);
    c->answer_ms_max = seed_between(5, 60);
    c->disk.sync_ms_max = seed_between(10, 60);
    c->life_ms_max = seed_between(500, 3000);
    c->down_ms_max = 500;
    c->violent_lives = 50;
}

/* Days without a single delivery. Events show up late in their list, by less than Brindle reaches
 * back. */
static void draw_deaf(struct climate *c)
{
    bool hurried = seed_chance(30);

    c->days = c->deaf = true;
    c->set.catch_up_ms = seed_between(1, 60) * 60000;
    c->tick_ms = seed_between(10, 120) * 1000;
    c->list_lag_ms = seed_chance(50) ? 0 : seed_between(1, 290) * 1000;
    c->page_limit = seed_chance(50) ? 100 : (unsigned)seed_between(1, 3);
    c->action_pause_ms = seed_between(1, 90) * (hurried ? 1000 : 60000);
    c->lost_before = seed_rate(30);
    c->errors = seed_rate(40);
    c->stall_after = seed_rate(20);
    c->actions = (unsigned)seed_between(10, 30);
    c->burst = seed_chance(50) ? (unsigned)seed_between(2, 8) : 0;
    c->behind_back = c->dropped = c->syncs = 0;
    c->asks = 0;
    c->last_sync = c->early_sync = c->from_nothing = false;
    c->late_ms_max = 60000;
    c->life_ms_max = seed_chance(50) ? 0 : seed_between(1, 720) * 60000;
    c->down_ms_max = 3600000;
    c->people_ms_max = 3600000;
    c->clock_jumps = 0;
    c->kv_restarts = 0;
}

/* Edits behind the back and no sync: sooner or later the check comes by. */
static void draw_rot(struct climate *c)
{
    c->rot = c->churn = true;
    c->set.check_ms = seed_between(60, 120) * 60000;
    c->tick_ms = 5000;
    c->behind_back = (unsigned)seed_between(30, 80);
    c->actions = (unsigned)seed_between(5, 20);
    c->action_pause_ms = seed_between(1, 120) * 1000;
    c->money = c->kv = false;
    c->asks = c->syncs = 0;
    c->last_sync = c->early_sync = c->from_nothing = false;
    c->late_ms_max = 60000;
    c->life_ms_max = seed_chance(50) ? 0 : seed_between(1, 60) * 60000;
    c->people_ms_max = 600000;
    c->clock_jumps = 0;
    c->requests_per_second = 100;
}

/* All is deleted at once. Unannounced, the fuse must hold it; announced, it must not. */
static void draw_cull(struct climate *c)
{
    c->cull = true;
    c->cull_told = seed_chance(35);
    c->money = c->kv = false;
    c->asks = 0;
    c->objects = (unsigned)seed_between(6, 14);
    c->actions = c->objects + (unsigned)seed_between(1, 10);
    c->action_pause_ms = seed_between(100, 3000);
    c->set.fuse_max = seed_between(1, 4);
    c->set.parents_max = 0; /* the merchant has nothing in such lists */
    c->set.confirm_ms = seed_between(1000, 3000);
    c->set.attempts_max = 60;
    c->behind_back = c->dropped = c->late = c->lies = 0;
    c->delivery_ms_max = 50;
    c->syncs = 900;
    c->full_syncs = 3;
    c->last_sync = true;
    c->early_sync = c->from_nothing = false;
    c->clock_jumps = 0;
    c->wrong_keys = 0;
    if (!c->cull_told)
        return;
    c->lost_answers = c->doubled = 0; /* what announces it must come before anybody looks */
    c->life_ms_max = 0;
    c->full_spells = 0;
    c->disk.read_fails = c->disk.write_fails = c->disk.sync_fails = 0;
    c->disk.sync_ms_max = 0;
}

/* Objects that nobody has told of refer to each other in a row far longer than a chase may be. */
static void draw_chain(struct climate *c)
{
    c->chain = true;
    c->money = c->kv = false;
    c->asks = 0;
    c->objects = (unsigned)seed_between(3, 16);
    c->actions = (unsigned)seed_between(4, 12);
    c->action_pause_ms = seed_between(500, 10000);
    c->wrong_keys = c->from_nothing ? 0 : (unsigned)seed_between(0, 300);
    c->requests_per_second = 100;
    c->last_sync = c->early_sync = false;
    c->syncs = 0;
}

/* A disk that fails, and soon behind it the power. */
static void draw_frail(struct climate *c)
{
    draw_mortal(c);
    c->life_ms_max = seed_between(300, 6000);
    c->disk.sync_fails = (unsigned)seed_between(500, 4000);
    c->checkpoint_pages = (int)seed_between(20, 400);
    c->cuts = (unsigned)seed_between(30, 100);
    c->down_ms_max = seed_between(10, 500);
}

/* Operations on the catalogue, with lives that end in the middle of them, and somebody in the
 * Dashboard. A 404 for what is there, or a list that lacks something, is none of Stripe's ways with
 * what one has just written. */
static void draw_trade(struct climate *c)
{
    c->orders = (unsigned)seed_between(40, 100);
    c->money = c->kv = false;
    c->asks = 0;
    c->lies = c->ghosts = c->omissions = 0;
    c->workers = (unsigned)seed_between(2, 5);
    c->set.lease_ms = seed_between(2, 20) * 1000;
    c->set.settle_ms = seed_between(0, 100);
    c->answer_ms_max = seed_between(10, 200);
    c->lost_before = (unsigned)seed_between(0, 15);
    c->lost_after = (unsigned)seed_between(0, 15);
    c->errors = (unsigned)seed_between(0, 15);
    c->limited = (unsigned)seed_between(0, 15);
    c->objects = (unsigned)seed_between(1, 3);
    c->actions = (unsigned)seed_between(15, 30);
    c->action_pause_ms = seed_between(300, 3000);
    c->people_ms_max = seed_between(300, 1500);
    c->commands = (unsigned)seed_between(0, 3);
    c->wrong_keys = 0;
    c->disk.read_fails = c->disk.write_fails = c->disk.sync_fails = 0;
    c->full_spells = 0;
    c->life_ms_max = seed_chance(20) ? 0 : seed_between(1, 12) * 1000;
    c->down_ms_max = 2000;
    c->violent_lives = 20;
    c->late_ms_max = 60000;
    c->behind_back = c->dropped = c->syncs = 0;
    c->last_sync = c->early_sync = false;
    c->requests_per_second = 100;
}

/* Two environments, each with keys, a secret, a store and a shop of its own, and much that would
 * like to mix them. */
static void draw_pair(struct climate *c)
{
    c->pair = true;
    c->modes = seed_chance(50);
    c->exchanged = seed_chance(60) ? (unsigned)seed_between(1, 25) : 0;
    c->swaps = seed_chance(60) ? (unsigned)seed_between(5, 40) : 0;
    c->misled = seed_rate(30);
    c->strays = seed_rate(30);
    c->restricted = seed_chance(30);
    c->losses = c->restricted ? (unsigned)seed_between(0, 30) : 0;
    c->switches = seed_chance(30) ? (unsigned)seed_between(5, 30) : 0;
    c->switch_pause_ms_max = 20000;
    c->drain_ms_max = 15000;
    c->switch_deaths = c->switches && seed_chance(70) ? (unsigned)seed_between(5, 80) : 0;
    c->from_nothing = false;
    c->workers = (unsigned)seed_between(1, 3);
    c->tick_ms = seed_chance(50) ? seed_between(2, 20) * 1000 : 0;
    c->set.catch_up_ms = c->tick_ms ? seed_between(20, 300) * 1000 : 0;
    c->objects = (unsigned)seed_between(1, 4);
    c->actions = (unsigned)seed_between(8, 25);
    c->action_pause_ms = seed_between(100, 3000);
    c->behind_back = seed_rate(10);
    c->late_ms_max = 60000;
    c->life_ms_max = seed_chance(50) ? 0 : seed_between(2, 30) * 1000;
    c->down_ms_max = 2000;
    c->wrong_keys = 0; /* a swap is that, and more */
    c->seconds = c->commands = c->ends_beside = 0;
    c->requests_per_second = 100;
}

/* Switches, one after the other, while much is due and many die. Keys are exchanged elsewhere. */
static void draw_move(struct climate *c)
{
    draw_pair(c);
    c->exchanged = c->swaps = c->losses = 0;
    c->restricted = false;
    c->switches = (unsigned)seed_between(30, 90);
    c->switch_deaths = seed_chance(60) ? (unsigned)seed_between(2, 50) : 0;
    c->switch_pause_ms_max = 6000;
    c->drain_ms_max = seed_chance(50) ? 2000 : 10000;
    c->actions = (unsigned)seed_between(15, 40);
    c->action_pause_ms = seed_between(100, 1500);
    c->syncs = (unsigned)seed_between(50, 500);
    c->people_ms_max = 3000;
}

/* An environment with connected accounts: the same ids in all of them, events of strangers. */
static void draw_guests(struct climate *c)
{
    c->guests = GUESTS;
    c->leaves = seed_chance(40);
    c->strays = seed_rate(30);
    c->from_nothing = false;
    c->tick_ms = seed_between(2, 20) * 1000;
    c->set.catch_up_ms = seed_between(20, 300) * 1000;
    c->objects = (unsigned)seed_between(1, 4);
    c->actions = (unsigned)seed_between(8, 25);
    c->action_pause_ms = seed_between(100, 3000);
    c->behind_back = 0;
    c->late_ms_max = 60000;
    c->life_ms_max = seed_chance(50) ? 0 : seed_between(2, 30) * 1000;
    c->down_ms_max = 2000;
    c->wrong_keys = 0;
    c->syncs = 0;
    c->last_sync = c->early_sync = false;
    c->dropped = 0;
    c->deaf = c->rot = c->days = false;
    c->seconds = c->commands = c->ends_beside = 0;
    c->orders = c->asks = 0;
    c->requests_per_second = 100;
}

/* People who are to be forgotten, while lists and late events speak of them, and much dies in the
 * middle of it. What reaches the key-value server late, or is set back there, may be a pair that
 * was removed (forget.h). */
static void draw_forget(struct climate *c)
{
    c->erasures = (unsigned)seed_between(10, 40);
    c->erasure_deaths = seed_chance(70) ? (unsigned)seed_between(2, 30) : 0;
    c->money = true;
    c->kv = seed_chance(60);
    c->kv_late = c->kv_rewound = 0;
    c->asks = 0;
    c->workers = (unsigned)seed_between(2, 5);
    c->set.lease_ms = seed_between(2, 30) * 1000;
    c->set.settle_ms = seed_between(0, 100);
    c->answer_ms_max = seed_between(10, 400);
    c->page_limit = seed_chance(50) ? 100 : (unsigned)seed_between(1, 3);
    c->objects = (unsigned)seed_between(2, 6);
    c->actions = (unsigned)seed_between(12, 30);
    c->action_pause_ms = seed_between(100, 3000);
    c->burst = seed_chance(50) ? (unsigned)seed_between(2, 8) : 0;
    c->late = (unsigned)seed_between(0, 50);
    c->late_ms_max = seed_between(1, 120) * 1000;
    c->behind_back = c->dropped = 0;
    c->syncs = (unsigned)seed_between(100, 900);
    c->full_syncs = 60;
    c->people_ms_max = seed_between(1000, 5000);
    c->life_ms_max = seed_chance(40) ? 0 : seed_between(2, 30) * 1000;
    c->down_ms_max = 2000;
    c->violent_lives = 20;
    c->wrong_keys = 0;
    c->full_spells = 0;
    c->disk.read_fails = c->disk.write_fails = c->disk.sync_fails = 0;
    c->requests_per_second = 100;
}

static enum weather forced;

void climate_force(enum weather w)
{
    forced = w;
}

static const char *const weather_name[] = {
#define WEATHER(w, text) text,
    WEATHERS(WEATHER)
#undef WEATHER
};

bool climate_by_name(const char *name, enum weather *out)
{
    for (size_t i = 0; i < COUNT(weather_name); i++)
        if (strcmp(name, weather_name[i]) == 0) {
            *out = (enum weather)i;
            return true;
        }
    return false;
}

static enum weather drawn;

static enum weather draw_weather(void)
{
    enum { FORGET_IN = 24 };
    static const enum weather odds[] = {
        WEATHER_PLAIN,  WEATHER_PLAIN, WEATHER_TRADE, WEATHER_STORM,   WEATHER_STORM,
        WEATHER_CHURN,  WEATHER_TUG,   WEATHER_ECHO,  WEATHER_WHISPER, WEATHER_BILLS,
        WEATHER_MORTAL, WEATHER_SHOP,  WEATHER_SHOP,  WEATHER_TURNS,   WEATHER_HUSH,
        WEATHER_DEAF,   WEATHER_ROT,   WEATHER_CULL,  WEATHER_CULL,    WEATHER_CHAIN,
        WEATHER_FRAIL,  WEATHER_PAIR,  WEATHER_MOVE,  WEATHER_GUESTS,
    };
    uint64_t dice = seed_draw();
    enum weather w = odds[dice % COUNT(odds)];

    if (dice >> 32 < UINT32_MAX / FORGET_IN) /* in seeds of any other weather */
        w = WEATHER_FORGET;
    drawn = forced == WEATHER_ANY ? w : forced;
    return drawn;
}

void climate_draw(struct climate *c)
{
    *c = (struct climate){ 0 };
    draw_node(c);
    draw_stripe(c);
    draw_rest(c);
    draw_kv(c);
    switch (draw_weather()) {
    case WEATHER_STORM: draw_storm(c); break;
    case WEATHER_CHURN: draw_churn(c); break;
    case WEATHER_TUG: draw_tug(c); break;
    case WEATHER_ECHO: draw_echo(c); break;
    case WEATHER_WHISPER: draw_whisper(c); break;
    case WEATHER_BILLS: draw_bills(c); break;
    case WEATHER_MORTAL: draw_mortal(c); break;
    case WEATHER_SHOP: draw_shop(c); break;
    case WEATHER_TURNS: draw_turns(c); break;
    case WEATHER_HUSH: draw_hush(c); break;
    case WEATHER_DEAF: draw_deaf(c); break;
    case WEATHER_ROT: draw_rot(c); break;
    case WEATHER_CULL: draw_cull(c); break;
    case WEATHER_CHAIN: draw_chain(c); break;
    case WEATHER_FRAIL: draw_frail(c); break;
    case WEATHER_TRADE: draw_trade(c); break;
    case WEATHER_PAIR: draw_pair(c); break;
    case WEATHER_MOVE: draw_move(c); break;
    case WEATHER_GUESTS: draw_guests(c); break;
    case WEATHER_FORGET: draw_forget(c); break;
    case WEATHER_ANY:
    case WEATHER_PLAIN: break;
    }
}

void climate_calm(struct climate *c)
{
    c->spite_before = c->spite_after = 0;
    c->slow = c->stall_before = c->stall_after = c->lost_before = c->lost_after = c->limited =
        c->ghosts = c->omissions = c->errors = c->html = c->truncated = c->lies = c->key_refused =
            c->forbidden = c->keeper_sleeps = 0;
    if (c->answer_ms_max > c->set.lease_ms / 20) /* a lease must be longer than ordinary work */
        c->answer_ms_max = c->set.lease_ms / 20;
    if (c->disk.sync_ms_max > 5)
        c->disk.sync_ms_max = 5;
    c->late = c->doubled = c->lost_answers = 0;
    c->kv_lost_before = c->kv_lost_after = c->kv_torn = c->kv_late = c->kv_restarts = 0;
    c->exchanged = c->swaps = c->losses = c->misled = c->strays = c->switches = 0;
    c->switch_deaths = 0;
    c->erasure_deaths = 0;
    c->asks = 0;
    c->life_ms_max = 0;
    c->disk.read_fails = c->disk.write_fails = c->disk.sync_fails = 0;
    c->disk.full = false;
    c->full_spells = c->clock_jumps = c->syncs = c->wrong_keys = 0;
}

void climate_tell(const struct climate *c)
{
    trace("climate: the weather is %s", weather_name[drawn]);
    trace("climate: %u workers, lease %lld ms, settle %lld ms, at most %u attempts, %u requests a "
          "second, batches of %zu, pages of %u",
          c->workers, (long long)c->set.lease_ms, (long long)c->set.settle_ms, c->set.attempts_max,
          c->requests_per_second, c->batch_max, c->page_limit);
    trace("climate: in 100 answers %u slow, %u+%u stalled, %u lost before and %u behind the "
          "effect, %u limited, %u errors, %u HTML, %u truncated, %u lies",
          c->slow, c->stall_before, c->stall_after, c->lost_before, c->lost_after, c->limited,
          c->errors, c->html, c->truncated, c->lies);
    trace("climate: %u objects, %u actions%s%s; deliveries %u late (up to %lld s), %u doubled, %u "
          "unheard; lives of up to %lld s%s",
          c->objects, c->actions, c->money ? ", subscriptions" : "",
          c->behind_back ? ", edits behind the back" : "", c->late,
          (long long)(c->late_ms_max / 1000), c->doubled, c->lost_answers,
          (long long)(c->life_ms_max / 1000), c->last_sync ? "; a sync at the end" : "");
    if (c->pair)
        trace(
            "climate: two environments, %s; in 100 requests %u carry another's key, in 100 rounds "
            "%u swaps of keys, %u losses of rights, %u switches (%u of 1000 calls kill them); in "
            "100 "
            "deliveries %u misled, %u astray",
            c->modes ? "one account in both modes" : "two accounts", c->exchanged, c->swaps,
            c->losses, c->switches, c->switch_deaths, c->misled, c->strays);
}
