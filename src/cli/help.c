#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/nearest.h"
#include "cli/output.h"

/* Every text fits a screen of 24 lines and has one example; test_help.sh checks both. */

#define COMMON "Also: --config FILE, --data DIR, --env NAME, --json, --help.\n"
/* Of those that may be about a connected account. */
#define COMMON_ACCOUNT \
    "Also: --config FILE, --data DIR, --env NAME, --account ACCT, --json, --help.\n"

const char help_serve[] =
    "Usage: brindle serve [--listen ADDR]\n"
    "\n"
    "The daemon. Takes webhooks at POST /webhooks/NAME, stores each before it answers 2xx,\n"
    "fetches what they speak of from Stripe and keeps the mirror exact. Serves the API,\n"
    "/metrics, /livez and /readyz. Ends on SIGTERM or ^C, and loses nothing when killed.\n"
    "\n"
    "  --listen ADDR   address and port (default 127.0.0.1:8420); TLS is for a proxy in front\n"
    "\n"
    "Needs a key and a webhook secret for each environment: STRIPE_SECRET_KEY and\n"
    "STRIPE_WEBHOOK_SECRET, or brindle.conf. The API's token is made in DIR/token.\n"
    "\n"
    "Example:\n"
    "  brindle serve --listen 127.0.0.1:8420\n"
    "\n" COMMON;

const char help_demo[] =
    "Usage: brindle demo [--listen ADDR] [--speed N] [--duration SECONDS]\n"
    "\n"
    "A Stripe emulator, the daemon and a small shop whose customers subscribe, pay, fail to\n"
    "pay, change their minds, get refunds and cancel. Nothing to set up; no key of yours is\n"
    "used. Its environment is named \"test\" and is kept: a second run goes on with it.\n"
    "\n"
    "  --speed N       actions of the shop a second (default 4)\n"
    "  --duration S    end by itself after S seconds (default: at ^C)\n"
    "  --listen ADDR   the daemon's address (default 127.0.0.1:8420, else any free port)\n"
    "\n"
    "Example, and in a second terminal `brindle status`:\n"
    "  brindle demo --speed 10\n"
    "\n" COMMON;

const char help_sync[] =
    "Usage: brindle sync [TYPE|ID]... [--again] [--detach]\n"
    "       brindle sync --projections\n"
    "\n"
    "Fills the mirror from Stripe's API: everything, the lists of some types (customers,\n"
    "invoices, ...), or single objects by id. Resumes where it was interrupted. When the\n"
    "daemon runs, it does the work and this command watches.\n"
    "\n"
    "  --again    start lists anew that are half done or were complete\n"
    "  --detach   ask for it and do not wait (while the daemon runs)\n"
    "  --projections  make all customers' states anew, and deliver them to Redis again\n"
    "  --account ACCT  of a connected account; the daemon walks them all by itself\n"
    "\n"
    "Shows a bar for each type on a terminal, else one JSON object a line (--json: always).\n"
    "Exit: 0 done, 1 something failed and is named, 4 a core type is not permitted, 6 Stripe\n"
    "is away.\n"
    "\n"
    "Example:\n"
    "  brindle sync customers prices sub_1MowQVLkdIwHu7ixeRlqHVzs\n"
    "\n" COMMON_ACCOUNT;

const char help_status[] =
    "Usage: brindle status [--types] [--accounts]\n"
    "\n"
    "For each environment: how fresh and complete the mirror is, what waits, what is dead,\n"
    "and the command that mends it. Reads beside a running daemon; needs no key.\n"
    "\n"
    "  --types     a line for each type of object, too\n"
    "  --accounts  a line for each connected account, too; --account ACCT: that one as a whole\n"
    "\n"
    "Example:\n"
    "  brindle status --types\n"
    "\n" COMMON_ACCOUNT;

const char help_price[] =
    "Usage: brindle price replace PRICE [--amount N] [--interval month] [...] [--own]\n"
    "       brindle price archive PRICE [--default OTHER | --clear-default] [--own]\n"
    "                     [--allow-unsellable]\n"
    "       brindle price activate PRICE\n"
    "       brindle price create PRODUCT --amount N --currency C [--interval month]\n"
    "                     [--lookup-key KEY [--take-key]] [--make-default]\n"
    "       brindle price update PRICE [--nickname TEXT] [--lookup-key KEY [--take-key]]\n"
    "                     [--metadata NAME=VALUE]... [--tax-behavior B]\n"
    "\n"
    "Each ends whole or not at all, also when it is killed. `replace` copies everything but\n"
    "what is asked; default price and lookup key move before the old price is archived.\n"
    "\n"
    "  --dry-run         show the exact requests; send nothing\n"
    "  --set NAME=VALUE  any parameter of Stripe's: --set 'currency_options[eur][unit_amount]=9'\n"
    "  --own             set the default again when somebody else moves it meanwhile\n"
    "  --idempotency-key KEY   the same order again is the same operation\n"
    "\n"
    "Example:\n"
    "  brindle price replace price_1Mo --amount 1200 --dry-run\n"
    "\n" COMMON_ACCOUNT;

const char help_catalog[] =
    "Usage: brindle catalog export [--archived] [--out FILE]\n"
    "       brindle catalog plan FILE [--prune --owner NAME=VALUE] [--out PLAN]\n"
    "       brindle catalog apply FILE|PLAN [--yes]\n"
    "       brindle catalog promote FROM TO [--dry-run] [--out MAP] [--yes]\n"
    "\n"
    "`export` writes products and prices as JSON (docs/catalog.schema.json). `plan` compares\n"
    "such a file with Stripe and writes what would be done, in the safe order; `apply` does it.\n"
    "What the file does not say stays. A price is known by its lookup key, a product by its id.\n"
    "Each change is an operation: whole or not at all (`brindle op list`). A second apply does\n"
    "nothing. A plan whose world has moved is refused with 5; `plan` ends with 3 when there is\n"
    "something to do. `promote` carries what is on sale from one environment to another, adopts\n"
    "what is there and the same, and prints which id became which.\n"
    "\n"
    "  --prune         archive what the file does not name, if it is yours by --owner and\n"
    "                  older than --min-age HOURS (24)\n"
    "  --no-sync       compare with the mirror as it is; else products and prices are read anew\n"
    "\n"
    "Example:\n"
    "  brindle catalog plan catalog.json --out plan.json\n"
    "\n" COMMON_ACCOUNT;

const char help_product[] =
    "Usage: brindle product create --name NAME [--amount N --currency C [--interval month]]\n"
    "                       [--id ID] [--description TEXT] [--metadata NAME=VALUE]...\n"
    "       brindle product update PRODUCT [--name NAME] [--default PRICE | --clear-default]\n"
    "                       [--description TEXT] [--metadata NAME=VALUE]...\n"
    "       brindle product archive PRODUCT\n"
    "       brindle product activate PRODUCT\n"
    "       brindle product delete PRODUCT\n"
    "\n"
    "Archiving leaves the prices as they are and takes them all off sale. A product that ever\n"
    "had a price cannot be deleted.\n"
    "\n"
    "  --dry-run         show the exact requests; send nothing\n"
    "  --set NAME=VALUE  any parameter of Stripe's: --set shippable=true\n"
    "\n"
    "Example:\n"
    "  brindle product create --name Pro --amount 1000 --currency usd --interval month\n"
    "\n" COMMON_ACCOUNT;

const char help_op[] =
    "Usage: brindle op list [--open] [--limit N]\n"
    "       brindle op show OPERATION\n"
    "       brindle op resume OPERATION\n"
    "       brindle op abort OPERATION\n"
    "\n"
    "Every change to the catalogue is an operation. `list` has the latest first; --open those\n"
    "that are under way or stuck. `show` has its plan and each request: when, under which\n"
    "idempotency key, and what Stripe answered. `resume` goes on at once with one that waits\n"
    "or is stuck; `abort` undoes it, until the old price is archived.\n"
    "\n"
    "Exit code 5: it gave way to somebody else's change, or an abort came too late;\n"
    "3: something is left to be mended; 6: it waits for Stripe.\n"
    "\n"
    "Example:\n"
    "  brindle op list --open\n"
    "\n" COMMON_ACCOUNT;

const char help_get[] =
    "Usage: brindle get ID [--type TYPE] [--at TIME] [--history] [--meta]\n"
    "\n"
    "Prints an object exactly as Stripe sent it. Exit code 1 when the mirror does not have\n"
    "it; a deleted one is printed in its last known state, and stderr says so.\n"
    "\n"
    "  --type TYPE   where one id has two types (a plan and a price): which one\n"
    "  --at TIME     as it was then: 2026-11-22, 2026-11-22T10:30:05Z (UTC), seconds since\n"
    "                1970, or a span ago: 15min, 2h, 7d\n"
    "  --history     its versions, newest first: since when, what brought it, what changed\n"
    "  --meta        wrap it: type, revision, fetched_at, api_version, source, deleted\n"
    "\n"
    "Example:\n"
    "  brindle get cus_NffrFeUfNV2Hib --at 2h\n"
    "\n" COMMON_ACCOUNT;

const char help_list[] =
    "Usage: brindle list TYPE [--FIELD=VALUE]... [--limit N] [--deleted]\n"
    "\n"
    "The objects of a type from the mirror in the order of their ids: on a terminal a table,\n"
    "else (and with --json) one JSON object a line, as Stripe sent it. TYPE is a plural or\n"
    "singular name: subscriptions, checkout_sessions, price.\n"
    "\n"
    "  --FIELD=VALUE   only those whose member has this value; a.b for one inside another\n"
    "  --limit N       stop after N objects\n"
    "  --deleted       deleted objects, too\n"
    "\n"
    "For joins and sums open the store itself: sqlite3 -readonly DIR/NAME.db\n"
    "\n"
    "Example:\n"
    "  brindle list subscriptions --status=active --limit 10\n"
    "\n" COMMON_ACCOUNT;

const char help_state[] =
    "Usage: brindle state CUSTOMER\n"
    "       brindle state --user ID\n"
    "\n"
    "The customer's subscription state from the mirror: the current subscription's status,\n"
    "price, period and payment method, and every other subscription. JSON unless on a\n"
    "terminal. Of several subscriptions the current one has the best status: active,\n"
    "trialing, past_due, unpaid, paused, incomplete, canceled, incomplete_expired; then the\n"
    "one created last. Status none: the customer has no subscription. Exit code 1: the\n"
    "customer was never synced, or Stripe has no such; 6: it could not be fetched yet.\n"
    "\n"
    "Example:\n"
    "  brindle state cus_NffrFeUfNV2Hib --json\n"
    "  brindle state --user user_42\n"
    "\n" COMMON_ACCOUNT;

const char help_inbox[] =
    "Usage: brindle inbox list [--outcome NAME] [--type EVENT_TYPE] [--limit N]\n"
    "       brindle inbox show EVENT\n"
    "       brindle inbox replay EVENT\n"
    "       brindle inbox dead [--revive] [ID]\n"
    "\n"
    "What webhooks arrived and what became of each. `replay` makes what an event speaks of\n"
    "due once more; that is always safe, for events are signals and Stripe's API is the\n"
    "truth. `dead` lists work that used up its attempts; --revive brings it back.\n"
    "\n"
    "  --outcome NAME   due, unknown, unfetchable, quarantined or erased\n"
    "  --type TYPE      invoice.paid, ...\n"
    "  --limit N        newest N (default 20)\n"
    "\n"
    "Example:\n"
    "  brindle inbox list --outcome quarantined\n"
    "\n" COMMON_ACCOUNT;

const char help_trace[] =
    "Usage: brindle trace EVENT|ID [--type TYPE]\n"
    "\n"
    "The story of an event or of an object, with times: what arrived, what Stripe was asked and\n"
    "answered, what was stored or dropped, and how it stands now. Calls show up within a second\n"
    "or two; how far the story goes back is a matter of what is kept (brindle help settings).\n"
    "\n"
    "  --type TYPE   where one id has two types (a plan and a price): which one\n"
    "\n"
    "Example:\n"
    "  brindle trace evt_1MqqbKLt4dXK03v5qaIbiNCC\n"
    "\n" COMMON_ACCOUNT;

const char help_refs[] =
    "Usage: brindle refs ID [--type TYPE] [--all]\n"
    "\n"
    "What hangs on an object: by type and field how many alive and deleted objects refer to\n"
    "it, and what it refers to itself: resolved, deleted, wanted (not in the mirror yet),\n"
    "absent (Stripe says 404), foreign (another mode or account). A price's subscription\n"
    "items count for their subscriptions, too.\n"
    "\n"
    "  --type TYPE   where one id has two types (a plan and a price): which one\n"
    "  --all         every object that refers to it, one JSON object a line\n"
    "\n"
    "Example:\n"
    "  brindle refs price_1MowQULkdIwHu7ixraBm864M\n"
    "\n" COMMON_ACCOUNT;

const char help_check[] =
    "Usage: brindle check refs [--repair]\n"
    "       brindle check drift [TYPE]... [--repair [--yes]]\n"
    "       brindle check derived [--repair]\n"
    "       brindle check duplicates\n"
    "       brindle check catalog [--repair [--yes]] [--owner NAME=VALUE]\n"
    "       brindle check leftovers [--discover | --sql | --apply | --undo] [--unknown]\n"
    "\n"
    "refs: references whose target is not here: wanted, absent, foreign.\n"
    "drift: walks the lists at Stripe and names what is otherwise here; the daemon does it daily.\n"
    "derived: references, states, users, made once more of what is here, without Stripe.\n"
    "duplicates: several customers of one user or address, several live subscriptions.\n"
    "catalog: products whose default price is archived, gone, or without its lookup key.\n"
    "leftovers: ids of another mode or account in your application's own database, by the\n"
    "settings application_database and application_columns.\n"
    "\n"
    "  --repair    fetches what was found, and waits\n"
    "  --yes       what is gone at Stripe goes here, too, however much; or: ask nothing\n"
    "  --discover  proposes columns that hold Stripe's ids\n"
    "  --sql       prints what mends them; --apply does it and keeps the old values\n"
    "  --undo      puts the latest mending back\n"
    "  --unknown   what nobody knows counts, too; --offline: ask the mirrors, not Stripe\n"
    "\n"
    "Exit: 0 nothing was found, 3 something is missing still.\n"
    "\n"
    "Example:\n"
    "  brindle check leftovers --env live --sql\n"
    "\n" COMMON_ACCOUNT;

const char help_schema[] =
    "Usage: brindle schema [TYPE]\n"
    "\n"
    "The views that every mirror has, one for each type of Stripe's objects, or one view with\n"
    "its columns: their types on SQLite and PostgreSQL, what they refer to, where they stand in\n"
    "Stripe's object, and whether a filter on them uses an index. Needs no store.\n"
    "Every view has a twin named ..._all that shows deleted objects, too. On PostgreSQL the same\n"
    "stands in the comments of views and columns (\\d+ in psql). examples/ has reports.\n"
    "\n"
    "Example:\n"
    "  brindle schema subscriptions\n"
    "\n" COMMON;

const char help_erase[] =
    "Usage: brindle erase CUSTOMER [--dry-run] [--yes] [--server-gone]\n"
    "\n"
    "Forgets a person: the customer and what hangs on it (payment methods, charges, invoices,\n"
    "...), their former versions and the bodies of events about them. Their ids are blocked, so\n"
    "that neither a sync nor an event brings them back. Nothing is changed at Stripe. On SQLite\n"
    "the file is then made anew, which takes room for a copy; on PostgreSQL tables are vacuumed.\n"
    "\n"
    "  --dry-run      say what would be forgotten\n"
    "  --yes          do not ask; needed where there is no terminal\n"
    "  --server-gone  the key-value server that was delivered to is no more: forget it, too\n"
    "\n"
    "Exit: 6 when all is forgotten here, but a program that reads the database keeps former\n"
    "pages in the write-ahead log, or the key-value server is away: run this again later.\n"
    "\n"
    "Example:\n"
    "  brindle erase cus_NffrFeUfNV2Hib --dry-run\n"
    "\n" COMMON_ACCOUNT;

const char help_copy[] =
    "Usage: brindle copy FROM TO\n"
    "\n"
    "Moves an environment's mirror to another database without asking Stripe again: objects,\n"
    "references, history, events, pending work. FROM and TO are sqlite:DIR or postgresql://…,\n"
    "as in DATABASE_URL; env:NAME takes one from that variable, so that no password stands in\n"
    "the list of processes. TO must be empty. Stop the daemon first. A copy that was broken\n"
    "off goes on when it is started again. At the end both are compared by a hash of all\n"
    "objects; then set DATABASE_URL to TO.\n"
    "\n"
    "Example:\n"
    "  brindle copy sqlite:./brindle-data postgresql://me@localhost/shop --env test\n"
    "\n" COMMON;

const char help_env[] =
    "Usage: brindle env list | show [NAME] | check [NAME] | purge [NAME] [--yes]\n"
    "       brindle env switch NAME [--from NAME] [--dry-run] [--url URL] [OPTION]...\n"
    "\n"
    "list: every environment, its account and mode, open or sealed. show: one of them, with its\n"
    "connected accounts and what befell it. check: what the mirror holds of another mode or\n"
    "account; exit 3 if anything. purge: removes what is proven foreign; --yes does it,\n"
    "--max-percent N is how much of the mirror may go (5).\n"
    "switch: ends the work for one environment and begins it for another, as one operation:\n"
    "drain, seal, prove the identity, open the store, look at endpoint and secrets, resume. If\n"
    "it is killed, or Stripe is away, a running daemon goes on; after ^C or --until it rests till\n"
    "the same command goes on, or `brindle env switch` back. The old mirror stays readable.\n"
    "\n"
    "  --dry-run           look at everything, change nothing\n"
    "  --url URL           make a webhook endpoint that leads there, if there is none\n"
    "  --drain-seconds N   how long what is due may be worked off before (30)\n"
    "  --until STEP        stop behind a step, for instance sealed, and rest there\n"
    "\n"
    "Example:\n"
    "  brindle env switch live --from test --dry-run\n"
    "\n" COMMON;

const char help_emulate[] =
    "Usage: brindle emulate [--listen ADDR] [--data DIR] [--webhook URL] [OPTION]...\n"
    "       brindle emulate --coverage\n"
    "\n"
    "A stateful Stripe: objects, rules, events and signed webhooks. Takes any well-formed key;\n"
    "sk_test_X and sk_live_X are the two modes of one account. Set STRIPE_API_BASE to its "
    "address.\n"
    "\n"
    "  --listen ADDR    default 127.0.0.1:12111; port 0 picks a free one\n"
    "  --data DIR       keep the state there; without it, it ends with the process\n"
    "  --webhook URL    deliver all events there, signed with $STRIPE_WEBHOOK_SECRET\n"
    "  --seed N         of ids; same seed and requests, same answers (default: drawn, printed)\n"
    "  --fault SPEC     for instance \"lock_timeout;method=POST;path=/v1/prices;count=2\"\n"
    "  --assume POINT   for instance P-5=no: how Stripe does what nobody has proven. All faults\n"
    "                   and points: man brindle\n"
    "  --rate N, --rate-endpoint N   answer 429 beyond N requests a second (default 0: no limit)\n"
    "  --retry-ms N     first pause before a delivery is repeated (default: as Stripe, minutes)\n"
    "  --coverage       print which operations are answered and which events come\n"
    "\n"
    "`stripe listen --no-wss --api-base http://127.0.0.1:12111 --forward-to URL` and\n"
    "`stripe trigger EVENT --api-base http://127.0.0.1:12111` work with it.\n"
    "\n"
    "Example:\n"
    "  brindle emulate --data ./stripe --webhook http://127.0.0.1:8420/webhooks\n";

const char help_doctor[] =
    "Usage: brindle doctor [--offline] [--fix [--url URL]] [--list]\n"
    "\n"
    "Looks at the configuration, this machine, keys and secrets, Stripe's side, the webhook\n"
    "endpoint, the daemon, stores and servers, and names every mistake that it can find, with\n"
    "the command ($) or the step (>) that mends it. Exit code 0: all is well, apart from notes;\n"
    "3: there are errors (it does not work) or warnings (it works, but will hurt).\n"
    "\n"
    "  --offline   do not ask Stripe\n"
    "  --fix       enable the webhook endpoint at Stripe and let it send all events; asks before\n"
    "              (--yes: does not). Needs a key that may write webhook endpoints\n"
    "  --url URL   with --fix: make an endpoint that leads there, if there is none. Its signing\n"
    "              secret goes into a file of the data directory\n"
    "  --list      print everything that can be found, and look at nothing\n"
    "\n"
    "Example:\n"
    "  brindle doctor --env live\n"
    "\n" COMMON;

const char help_help[] =
    "Usage: brindle help [COMMAND|settings]\n"
    "\n"
    "Lists the commands, explains one, or prints every setting with its environment\n"
    "variable and default.\n"
    "\n"
    "Example:\n"
    "  brindle help settings\n";

const char help_version[] = "Usage: brindle version\n"
                            "\n"
                            "Prints the version of Brindle and of Stripe's API that it speaks.\n"
                            "\n"
                            "Example:\n"
                            "  brindle version --json\n";

static void print_commands(void)
{
    printf("Brindle keeps an exact, queryable copy of your Stripe accounts in a database of your "
           "own.\n\nUsage: brindle COMMAND [ARGUMENTS]\n\n");
    for (size_t i = 0; i < command_count; i++)
        printf("  %-9s %s\n", command_table[i].name, command_table[i].summary);
    printf("\nEvery command: --config FILE, --data DIR, --env NAME, --json, --yes, --help.\n"
           "Exit codes: 0 done, 1 failed, 2 usage, 3 found something, 4 key or permission,\n"
           "5 conflict, 6 Stripe is away, 7 data damaged.\n\n"
           "Example:\n  brindle demo\n");
}

static void print_section(enum setting_section section, const char *title)
{
    printf("%s\n", title);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *s = &setting_table[i];
        if (s->section != section)
            continue;
        printf("  %s (%s)%s%s\n      %s.\n", s->name, s->variables,
               *s->fallback ? ", default " : "", s->fallback, s->help);
    }
}

static void print_settings(void)
{
    printf("Flags win over the environment, the environment over brindle.conf, which is\n"
           "--config, $BRINDLE_CONFIG, ./brindle.conf or /etc/brindle/brindle.conf. A value\n"
           "env:NAME or file:PATH is read from there. Secrets are never taken as flags.\n\n");
    print_section(SECTION_BRINDLE, "[brindle]");
    print_section(SECTION_ENV, "\n[env NAME], one for each account and mode; without a file, the "
                               "variables make one\nenvironment named live or test after its key");
}

enum status cmd_help(struct cli *cli, struct error *e)
{
    struct words words = { 0 };
    enum status st = flags_read(cli, NULL, 0, &words, e);

    if (st == ST_OK)
        st = words_check(cli, &words, 0, 1, e);
    if (st != ST_OK)
        return st;
    if (words.n_words == 0) {
        print_commands();
        return ST_OK;
    }
    if (strcmp(words.word[0], "settings") == 0) {
        print_settings();
        return ST_OK;
    }
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(words.word[0], command_table[i].name) == 0) {
            fputs(command_table[i].help, stdout);
            return ST_OK;
        }
    return fail(e, ST_INVALID, "There is no help about \"%s\"; see `brindle help`.", words.word[0]);
}

enum status cmd_version(struct cli *cli, struct error *e)
{
    struct words words = { 0 };
    enum status st = flags_read(cli, NULL, 0, &words, e);

    if (st == ST_OK)
        st = words_check(cli, &words, 0, 0, e);
    if (st != ST_OK)
        return st;
    printf(cli->json ? "{\"version\":\"%s\",\"stripe_version\":\"%s\"}\n"
                     : "brindle %s (Stripe API %s)\n",
           BRINDLE_VERSION, STRIPE_API_VERSION);
    return ST_OK;
}
