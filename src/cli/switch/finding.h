/* finding.h - is a switch under way, and from where? Its journal is in one of the stores. */
#pragma once

#include "cli/config.h"

/* Of what is configured only that which says where the store is: a slip in an environment's
 * settings hides no journal. To be opened with WIRE_LOOK. */
struct env_config switch_store_of(const struct config *c, str name);
/* The environment from which a switch to `name` is under way; "": none. Looks into every store that
 * is configured or lies in the data directory. Any other status than ST_OK: nobody can tell, for a
 * store in which its journal might be cannot be read. Where no switch was ever made (no switch.lock
 * in the data directory of SQLite) there is no journal. */
enum status switch_from(const struct config *c, const char *name, char from[ENV_NAME_MAX + 1],
                        struct error *e) MUST_USE;
/* Behind the first switch of a data directory a store that cannot be read keeps the others closed:
 * then none begins there. Statuses as switch_from's. */
enum status switch_may_be_first(const struct config *c, const char *name, struct error *e) MUST_USE;
/* As switch_from, and may somebody go on with it who was not asked to? Not while a process of this
 * data directory is at it, nor where it is held. */
bool switch_rests(const struct config *c, const char *name);

/* For a daemon that works for one environment while another one's journal asks for it. */
struct switch_elsewhere {
    bool (*has_store)(void *ctx, str env); /* it looks into that one itself */
    bool (*works_for)(void *ctx, const char *env);
    void *ctx;
};
/* Does the journal in a store that the daemon has not lead to one that it works for? What cannot be
 * read says nothing here: who opens an environment is told. */
bool switch_asks(const struct config *c, const struct switch_elsewhere *d);
