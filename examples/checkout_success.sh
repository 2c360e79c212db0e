#!/bin/sh
# What a customer has right after Checkout, even before any webhook. With curl alone.
#
#     BRINDLE_TOKEN=… ./checkout_success.sh cus_123
#
# Prints the state as JSON; it is not older than this call. Ends with 1 when Stripe could not be
# asked in time: then what was known last is in "state", and marked as stale.
printf 'header = "Authorization: Bearer %s"\n' "$BRINDLE_TOKEN" |
    curl --config - --silent --show-error --fail-with-body --max-time 15 --request POST \
        "${BRINDLE_URL:-http://127.0.0.1:8420}/api/${BRINDLE_ENV:-test}/sync/$1?wait=1&timeout=10" || exit 1
echo
