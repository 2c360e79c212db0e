"""The store's file, and what people do to it while it is open."""
from place import check, until

SCENARIOS = []


def scenario(ident):
    def note(function):
        SCENARIOS.append((ident, function))
        return function
    return note


def ended_with_its_reason(place, d):
    until("the daemon ends", d.gone)
    check(d.process.returncode == 7, "it ended with", d.process.returncode)
    check("was removed or replaced while it was open" in place.text_of("daemon.log"),
          "the log does not say why")


@scenario("STORE-01")
def a_removed_database_is_noticed(place):
    e = place.emulator
    for name in "xyz":
        e.post("/v1/products", name=name)
    d = place.start()
    place.catch_up(d)
    event = e.events(type="product.created")[0]

    place.db_path.rename(place.dir / "aside.db")  # and nobody writes: who asks is told
    until("it is noticed", lambda: d.http.ask("GET", "/readyz")[0] in (0, 503))
    check(d.deliver({**event, "id": "evt_late"}) in (0, 503), "a delivery was taken")
    ended_with_its_reason(place, d)
    (place.dir / "aside.db").rename(place.db_path)
    d = place.start()
    place.check_all(d)

    place.db_path.unlink()
    count = iter(range(1000000))
    until("a delivery is refused",
          lambda: d.deliver({**event, "id": f"evt_{next(count)}"}) in (0, 503))
    ended_with_its_reason(place, d)
    d = place.start()
    place.run("sync")
    d.idle()
    place.check_all(d)
