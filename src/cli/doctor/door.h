/* door.h - the daemon's HTTP address, as a command on the same machine knocks at it. */
#pragma once

#include "base/buf.h"
#include "cli/config.h"
#include "emulator/server.h"

enum {
    DOOR_URL_MAX = 256,
    DOOR_MS = 5 * 1000, /* for a whole answer */
    DOOR_ANSWER_BYTES_MAX = 256 << 10,
};

/* Where the daemon takes the webhooks of `env`: the address it listens at, seen from here.
 * ST_INVALID: `listen` is no address. */
enum status door_webhooks(const struct config *c, const char *env, char url[DOOR_URL_MAX],
                          struct error *e) MUST_USE;

/* What it answers to a ping (core/verify.h) that is signed with this secret, as Stripe would;
 * 0: none listens. */
int door_ping(const struct emulator_sender *sender, const struct secret *secret, const char *env,
              const char *url);

/* GET of what needs no token. ST_OK: `*status` and the body. ST_NONE: nobody listens. ST_RETRY: it
 * is no HTTP, or too slow. ST_INVALID: `listen` is no address. */
enum status door_get(const struct config *c, const char *path, int *status, struct buf *body,
                     struct error *e) MUST_USE;
