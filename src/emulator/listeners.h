/* listeners.h - who listens to events as `stripe listen` does: a session is asked for by the API,
 * and its events are read from a websocket (listen.c). They are neither kept over a restart nor
 * counted as pending: a listener is somebody's terminal. */
#pragma once

#include "emulator/call.h"

handler listen_session;
#define LISTEN_PATH "/_emulator/listen" /* where the websocket is */

/* A copy of the event for each listener of its space that is connected. */
void listeners_event(struct emulator *e, struct record *event);
/* All sessions end. */
void listeners_forget(struct emulator *e);
void listeners_free(struct emulator *e);

/* The session of this websocket id is connected; 0: there is none. What it has not acknowledged
 * yet is told again. */
uint64_t listener_connect(struct emulator *e, str websocket_id);
void listener_disconnect(struct emulator *e, uint64_t session);
/* The next message to send. ST_NONE: nothing now. ST_REFUSED: the session has ended. ST_LIMIT: the
 * message does not fit into the arena. */
enum status listener_next(struct emulator *e, uint64_t session, struct arena *a, str *message);
/* What the other side says: acknowledgements, and what came of forwarding. */
void listener_hears(struct emulator *e, uint64_t session, str message);
