#include "planted.h"

#include <string.h>

enum plant planted_bug;

#define ONE(promise) (1u << PROMISE_##promise)

/* A bug that is found by another check than its own has shown something else. A lost commit shows
 * as a ticket that is drawn twice, too; a state that goes back may be a deletion, or go back to
 * one. */
const struct planting planting[PLANT_COUNT] = {
    [PLANT_NOTHING] = { "nothing", WEATHER_ANY, 0, 0, 0 },
    [PLANT_NO_FSYNC] = { "no_fsync", WEATHER_ANY, ONE(KEPT) | ONE(TICKETS) | ONE(SOUND), 150, 0 },
    [PLANT_FSYNC_NORMAL] = { "fsync_normal", WEATHER_ANY, ONE(KEPT) | ONE(TICKETS) | ONE(SOUND),
                             150, 0 },
    [PLANT_FAILED_COMMIT_IS_OK] = { "failed_commit_is_ok", WEATHER_ANY, ONE(KEPT) | ONE(TICKETS),
                                    150, 36 },
    [PLANT_EVENT_SWALLOWED] = { "event_swallowed", WEATHER_ECHO, ONE(EQUAL), 150, 0 },
    [PLANT_TOMBSTONE_YIELDS] = { "tombstone_yields", WEATHER_WHISPER, ONE(BURIED), 150, 0 },
    [PLANT_TOMBSTONE_OLD_TICKET] = { "tombstone_old_ticket", WEATHER_STORM, ONE(BURIED), 150, 43 },
    [PLANT_PAGE_TICKET_LATE] = { "page_ticket_late", WEATHER_WHISPER,
                                 ONE(FORWARD) | ONE(BURIED) | ONE(ALIVE), 150, 0 },
    [PLANT_INBOX_APART] = { "inbox_apart", WEATHER_MORTAL, ONE(EQUAL), 150, 50 },
    [PLANT_404_AT_ONCE] = { "404_at_once", WEATHER_ANY, ONE(ALIVE) | ONE(EQUAL), 150, 0 },
    [PLANT_MISSES_ADD_UP] = { "misses_add_up", WEATHER_BILLS, ONE(ALIVE) | ONE(EQUAL), 150, 84 },
    [PLANT_CLAIM_TICKET_LATE] = { "claim_ticket_late", WEATHER_STORM,
                                  ONE(FORWARD) | ONE(BURIED) | ONE(ALIVE), 150, 0 },
    [PLANT_STALE_TAKEN] = { "stale_taken", WEATHER_STORM, ONE(FORWARD) | ONE(BURIED) | ONE(ALIVE),
                            150, 0 },
    [PLANT_OVERLAP_TAKEN] = { "overlap_taken", WEATHER_WHISPER,
                              ONE(FORWARD) | ONE(BURIED) | ONE(ALIVE), 150, 61 },
    [PLANT_STALE_FINISHES] = { "stale_finishes", WEATHER_BILLS, ONE(EQUAL), 150, 22 },
    [PLANT_STALE_FORGOTTEN] = { "stale_forgotten", WEATHER_WHISPER, ONE(EQUAL), 150, 167 },
    [PLANT_LEASE_UNCHECKED] = { "lease_unchecked", WEATHER_TUG, ONE(TICKETS), 150, 0 },
    [PLANT_CURSOR_FIRST] = { "cursor_first", WEATHER_TUG, ONE(EQUAL) | ONE(REST), 600, 242 },
    [PLANT_NESTED_FIRST_PAGE] = { "nested_first_page", WEATHER_BILLS, ONE(EQUAL), 150, 0 },
    [PLANT_CLAIMS_SURVIVE] = { "claims_survive", WEATHER_ANY, ONE(REST), 150, 0 },
    [PLANT_BURIED_NOT_ASKED] = { "buried_not_asked", WEATHER_WHISPER, ONE(EQUAL), 150, 0 },
    [PLANT_SWEEP_BURIES] = { "sweep_buries", WEATHER_WHISPER, ONE(ALIVE) | ONE(EQUAL), 150, 0 },
    [PLANT_RING_MISSED] = { "ring_missed", WEATHER_ANY, ONE(REST), 150, 0 },
    [PLANT_FINISHED_FIRST] = { "finished_first", WEATHER_BILLS, ONE(EQUAL) | ONE(REST), 150, 11 },
    [PLANT_BUDGET_FORGOTTEN] = { "budget_forgotten", WEATHER_PLAIN, ONE(BUDGET), 150, 0 },
    [PLANT_WRONG_ACCOUNT] = { "wrong_account", WEATHER_CHAIN, ONE(APART), 150, 0 },
    [PLANT_LOCK_FORGOTTEN] = { "lock_forgotten", WEATHER_TURNS, ONE(ONE_WRITER), 150, 0 },
    [PLANT_OPEN_LISTS_FORGOTTEN] = { "open_lists_forgotten", WEATHER_BILLS, ONE(EQUAL), 150, 0 },
    [PLANT_TARGET_REQUIRED] = { "target_required", WEATHER_CHAIN, ONE(EQUAL) | ONE(REST), 150, 0 },
    [PLANT_STATE_APART] = { "state_apart", WEATHER_SHOP, ONE(STATE), 150, 0 },
    [PLANT_OUTBOX_EARLY] = { "outbox_early", WEATHER_SHOP, ONE(PROJECTED), 150, 0 },
    [PLANT_EVENTS_GT] = { "events_gt", WEATHER_DEAF, ONE(EQUAL), 150, 23 },
    [PLANT_EVENTS_CURSOR_EARLY] = { "events_cursor_early", WEATHER_DEAF, ONE(EQUAL), 150, 90 },
    [PLANT_UNSEEN_FORGOTTEN] = { "unseen_forgotten", WEATHER_ROT, ONE(EQUAL), 150, 0 },
    [PLANT_FUSE_BRIDGED] = { "fuse_bridged", WEATHER_CULL, ONE(FUSE), 150, 0 },
    [PLANT_FUSE_COUNTS_ALL] = { "fuse_counts_all", WEATHER_CULL, ONE(FUSE), 150, 0 },
    [PLANT_CHASE_UNBOUND] = { "chase_unbound", WEATHER_CHAIN, ONE(BOUND), 150, 0 },
    [PLANT_BLIND_PROJECTION] = { "blind_projection", WEATHER_SHOP, ONE(PROJECTED), 150, 0 },
    [PLANT_LOG_NOT_RENEWED] = { "log_not_renewed", WEATHER_FRAIL,
                                ONE(KEPT) | ONE(TICKETS) | ONE(SOUND), 300, 15 },
    [PLANT_ARCHIVE_FIRST] = { "archive_first", WEATHER_TRADE, ONE(SELLS), 60, 0 },
    [PLANT_DEFAULT_CLEARED] = { "default_cleared", WEATHER_TRADE, ONE(SELLS), 60, 0 },
    [PLANT_KEY_OF_CONTENT] = { "key_of_content", WEATHER_TRADE, ONE(KEYS), 60, 0 },
    [PLANT_NEW_KEY_UNKNOWN] = { "new_key_unknown", WEATHER_TRADE, ONE(WHOLE), 60, 0 },
    [PLANT_MARKER_LOST] = { "marker_lost", WEATHER_TRADE, ONE(WHOLE), 100, 0 },
    [PLANT_404_UNPROVEN] = { "404_unproven", WEATHER_PAIR, ONE(ALIVE) | ONE(EQUAL), 100, 0 },
    [PLANT_KEY_UNBOUND] = { "key_unbound", WEATHER_PAIR, ONE(APART) | ONE(ALIVE), 100, 0 },
    [PLANT_SECRET_FALLS_BACK] = { "secret_falls_back", WEATHER_PAIR, ONE(APART), 100, 0 },
    [PLANT_QUARANTINE_SKIPPED] = { "quarantine_skipped", WEATHER_PAIR, ONE(APART), 100, 0 },
    [PLANT_SWITCH_UNDRAINED] = { "switch_undrained", WEATHER_MOVE, ONE(APART), 100, 0 },
    [PLANT_HEADER_FORGOTTEN] = { "header_forgotten", WEATHER_GUESTS, ONE(APART), 60, 0 },
    [PLANT_BLOCK_FORGOTTEN] = { "block_forgotten", WEATHER_FORGET, ONE(GONE), 60, 0 },
    [PLANT_NEW_OF_ERASED] = { "new_of_erased", WEATHER_FORGET, ONE(GONE), 60, 0 },
    [PLANT_LATE_BODY_KEPT] = { "late_body_kept", WEATHER_FORGET, ONE(GONE), 60, 0 },
    [PLANT_INBOX_REMEMBERS] = { "inbox_remembers", WEATHER_FORGET, ONE(GONE), 60, 0 },
    [PLANT_RESUME_BELIEVES] = { "resume_believes", WEATHER_FORGET, ONE(GONE), 60, 0 },
    [PLANT_PAIR_KEPT] = { "pair_kept", WEATHER_FORGET, ONE(GONE), 60, 0 },
    [PLANT_DISK_REMEMBERS] = { "disk_remembers", WEATHER_FORGET, ONE(GONE), 60, 0 },
};

void plant(enum plant bug)
{
    planted_bug = bug;
    climate_force(planting[bug].weather);
}

enum plant planting_by_name(const char *name)
{
    for (unsigned i = PLANT_NOTHING + 1; i < PLANT_COUNT; i++)
        if (strcmp(name, planting[i].name) == 0)
            return (enum plant)i;
    return PLANT_NOTHING;
}
