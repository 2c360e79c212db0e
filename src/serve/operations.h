/* operations.h - operations on the catalogue as commands of the control socket: asked for, watched
 * until they are over. */
#pragma once

#include "serve/control.h"

enum {
    OPERATION_BYTES_MAX = CONTROL_LINE_BYTES_MAX,
    OPERATION_PATIENCE_MS = 60 * 1000, /* how long one that does not move is watched */
};

/* "catalog" (kind, input, dry_run, actor, key): asks for an operation, and tells of it with the
 * lines of op_write whenever it has moved. ST_OK: it is over, in whatever way: the last line says
 * how. ST_RETRY: Stripe is away, or the environment stops; the operation stays due. */
enum status operation_order(struct env *env, str line, control_emit *emit, void *ctx,
                            struct error *e) MUST_USE;
/* "op_resume", "op_abort" (id): the same for one that is there. */
enum status operation_resume(struct env *env, str line, control_emit *emit, void *ctx,
                             struct error *e) MUST_USE;
enum status operation_abort(struct env *env, str line, control_emit *emit, void *ctx,
                            struct error *e) MUST_USE;
