"""`brindle doctor`: each mistake that it knows is planted, found by itself, and gone when the command
that it names was run. The mistakes are in doctor_plants.py, those of PostgreSQL are played there."""
import doctor_plants  # noqa: F401
from doctor_ward import PLANTS, Ward, check
from place import free_port
from scenarios_redis import Redis

SCENARIOS = []


def scenario(ident):
    return lambda function: SCENARIOS.append((ident, function)) or function


@scenario("DOCTOR-01")
def every_mistake_that_the_doctor_knows_is_planted(place):
    known = set(Ward(place).table)
    check(known == set(PLANTS), "without a plant:", sorted(known - set(PLANTS)), "without a row:", sorted(set(PLANTS) - known))


def play(place, group, prepare=None):
    w = Ward(place)
    w.build()
    w.well()
    if prepare:
        prepare(w)
    w.play(group)
    w.base = {"quarantine"} if group == "work" else set()
    w.well()


@scenario("DOCTOR-02")
def mistakes_of_the_configuration_and_the_machine(place):
    play(place, "machine")


@scenario("DOCTOR-03")
def mistakes_at_stripe(place):
    place.written = ["/v1/webhook_endpoints"]
    play(place, "stripe")


@scenario("DOCTOR-04")
def mistakes_with_the_daemon(place):
    play(place, "daemon")


@scenario("DOCTOR-05")
def what_is_wrong_with_the_store(place):
    play(place, "store")


@scenario("DOCTOR-07")
def what_is_wrong_with_the_work(place):
    play(place, "work")


@scenario("DOCTOR-06")
def what_is_wrong_with_the_key_value_server(place):
    def with_redis(w):
        w.redis_port = free_port()
        w.redis = Redis(place, "--port", str(w.redis_port), "--save", "3600 1")
        w.well("--offline", env={"REDIS_URL": f"redis://127.0.0.1:{w.redis_port}"})
    play(place, "redis", with_redis)
