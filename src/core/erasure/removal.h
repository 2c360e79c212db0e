/* removal.h - for erase.c alone: what the key-value server still has of somebody who was erased.
 *
 * Whoever delivers removes users' pairs and puts the state of a customer without any in the place
 * of the former one: this process, or on PostgreSQL another one. Until then their rows stay, for
 * they alone know what is to be removed. */
#pragma once

#include "core/env.h"

/* Waits for it. ST_RETRY: the server is away, or nobody here knows it. */
enum status removal_await(struct env *env, str customer, struct error *e) MUST_USE;
