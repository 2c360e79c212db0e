/* arrival.h - what comes of somebody who was erased (erase_on_arrival, erase_on_event) is not
 * stored. Most stores have erased nobody: then nothing that arrives is looked at. */
#pragma once

#include "core/env.h"

/* Was anybody erased, as far as this process has looked (erase_look)? */
bool erase_any(struct env *env);
/* Somebody was: from now on what arrives is looked at. */
void erase_note(struct env *env);
