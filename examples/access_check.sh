#!/bin/sh
# May this customer use the product? With curl alone.
#
#     BRINDLE_TOKEN=… ./access_check.sh cus_123
#
# Ends with 0 (yes), 1 (no) or 2 (nobody can tell). The token stands in no list of processes.
state=$(printf 'header = "Authorization: Bearer %s"\n' "$BRINDLE_TOKEN" |
    curl --config - --silent --show-error --fail-with-body --max-time 5 \
        "${BRINDLE_URL:-http://127.0.0.1:8420}/api/${BRINDLE_ENV:-test}/customers/$1/state") ||
    case $state in *no_such_customer*) echo no; exit 1 ;; *) echo "$state" >&2; exit 2 ;; esac

# The current subscription's status comes before those of all subscriptions.
case ${state%%\"liveSubscriptions\"*} in
*'"status":"active"'* | *'"status":"trialing"'* | *'"status":"past_due"'*) echo yes ;;
*) echo no; exit 1 ;;
esac
