"""A user's script for the unmodified nextmv SDK, any release that knows secrets collections. After each operation it says
how that went, one JSON line, and waits for a line before the next, so that whoever started it can look into the strongroom
in between. Deliberately no word on what is stored: a client sees masks."""

import json
import logging
import re
import sys

import nextmv
from nextmv import cloud
from nextmv.cloud import Application, Client, Secret
from requests import HTTPError

VERSION = tuple(int(part) for part in nextmv.__version__.lstrip("v").split("."))

# What changed between releases, as a caller meets it.
ID_MAY_BE_ABSENT = VERSION < (0, 21) or VERSION >= (1,)
UPDATE_WANTS_EVERYTHING = VERSION < (0, 30)
APPLICATIONS_ARE_OBJECTS = VERSION >= (1,)
LISTS_HAVE_PAGES = VERSION >= (1, 9)
KEEPS_EXISTING = VERSION >= (1, 12)

# What we are told: where, which key, which application, and the sets of secrets that go in.
TOLD = json.loads(sys.stdin.readline())
CLIENT = Client(url=TOLD["url"], api_key=TOLD["api_key"])
APP = Application(client=CLIENT, id=TOLD["app"])
MANY = Application(client=CLIENT, id="many")
KEPT = "kept"

OPERATIONS = []


def operation(name, exists=True):
    """An operation, in the order of this file; one that a release does not have says so."""

    def add(act):
        OPERATIONS.append((name, act if exists else None))
        return act

    return add


def main():
    for name, act in OPERATIONS:
        line = {"op": name, "ok": None, "note": "not in this release"} if act is None else carry_out(name, act)
        print(json.dumps(line), flush=True)
        sys.stdin.readline()


def carry_out(name, act):
    try:
        return {"op": name, "ok": True, "note": act() or ""}
    except Exception as error:  # whatever a user would see
        return {"op": name, "ok": False, "note": f"{type(error).__name__}: {error}"}


def expect(holds, sentence):
    if not holds:
        raise AssertionError(sentence)


def refused(act, *statuses):
    """The service says no with one of these statuses, in a sentence, and the SDK raises what it always raises."""
    try:
        act()
    except HTTPError as error:
        response = error.__cause__.response
        expect(response.status_code in statuses, f"{response.status_code}, not {statuses}: {response.text}")
        said = response.json()
        expect(said["error"] and said["code"], f"no sentence and word in {response.text}")
        expect("canary" not in str(error), "the refusal repeats what was sent")
        return f"{response.status_code} {said['code']}"
    raise AssertionError("was accepted")


def requests_of(act):
    """What `act` returns, and the targets that it asked for: the SDK's own transport tells its log."""
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    log = logging.getLogger("urllib3.connectionpool")
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        result = act()
    finally:
        log.removeHandler(handler)
        log.setLevel(logging.NOTSET)
    return result, [found[1] for line in lines if (found := re.search(r'"GET (\S+) HTTP', line))]


def secrets(name):
    return [secret(one) for one in TOLD["sets"][name]]


def secret(one):
    return Secret(secret_type=one["type"], location=one["location"], value=one["value"])


def places(collection):
    return sorted((one.secret_type.value, one.location) for one in collection)


def update(id, **changes):
    """Changes what is named. The first releases want everything said: their users send back what they have fetched."""
    if UPDATE_WANTS_EVERYTHING:
        fetched = APP.secrets_collection(id)
        rest = {"name": fetched.name, "description": fetched.description, "secrets": fetched.secrets}
        changes = {**rest, **changes}
    return APP.update_secrets_collection(id, **changes)


def ids_of(summaries):
    return [summary.collection_id for summary in summaries]


def is_there(id):
    return id in ids_of(APP.list_secrets_collections())


@operation("app new")
def app_new():
    made = Application.new(client=CLIENT, name="Many collections", id="many")
    expect(made.id == "many", f"another id: {made.id}")
    refused(lambda: Application.new(client=CLIENT, name="Again", id="many"), 409)


@operation("app exists")
def app_exists():
    expect(Application.exists(client=CLIENT, id="many"), "what was made is not there")
    expect(not Application.exists(client=CLIENT, id="nowhere"), "what was never made is there")


@operation("app get", APPLICATIONS_ARE_OBJECTS)
def app_get():
    made = Application.get(client=CLIENT, id="many")
    expect((made.id, made.name) == ("many", "Many collections"), f"{made.id}, {made.name}")
    refused(lambda: Application.get(client=CLIENT, id="nowhere"), 404)


@operation("app update", APPLICATIONS_ARE_OBJECTS)
def app_update():
    updated = MANY.update(name="Renamed", description="A description")
    expect((updated.name, updated.description) == ("Renamed", "A description"), "the answer has other names")
    read = Application.get(client=CLIENT, id="many")
    expect((read.name, read.description) == ("Renamed", "A description"), "it reads back other names")


@operation("app list", APPLICATIONS_ARE_OBJECTS)
def app_list():
    wanted = sorted(["many", TOLD["app"]])
    listed = [app.id for app in cloud.list_applications(CLIENT)]
    expect(listed == wanted, f"{listed}")
    if LISTS_HAVE_PAGES:
        whole = [app.id for app in cloud.list_applications(CLIENT, no_pagination=True)]
        expect(whole == wanted, f"{whole} without pages")


@operation("create")
def create():
    made = APP.new_secrets_collection(secrets=secrets("first"), id=KEPT, name="Kept", description="Türen & Tore 🚪")
    expect((made.collection_id, made.name) == (KEPT, "Kept"), f"{made.collection_id}, {made.name}")
    expect(made.application_id == TOLD["app"], f"in {made.application_id}")
    expect(made.description == "Türen & Tore 🚪", f"{made.description!r}")
    return refused(lambda: APP.new_secrets_collection(secrets=secrets("extra"), id=KEPT, name="Again"), 409)


@operation("no name", ID_MAY_BE_ABSENT)
def create_without_a_name():
    made = APP.new_secrets_collection(secrets=secrets("extra"))
    expect(made.collection_id and made.name, "no id or no name was made")
    expect(made.description == "", f"a description from nowhere: {made.description!r}")
    return made.collection_id


@operation("list")
def list_collections():
    (found,) = [summary for summary in APP.list_secrets_collections() if summary.collection_id == KEPT]
    expect((found.name, found.description) == ("Kept", "Türen & Tore 🚪"), f"{found.name}, {found.description!r}")
    expect(found.created_at <= found.updated_at, "changed before it was made")


@operation("get")
def get():
    found = APP.secrets_collection(KEPT)
    expect((found.collection_id, found.application_id, found.name) == (KEPT, TOLD["app"], "Kept"), "another collection")
    expect(places(found.secrets) == places(secrets("first")), f"other places: {places(found.secrets)}")
    values = {one.value for one in secrets("first")}
    for one in found.secrets:
        expect(one.value.startswith("strongroom-masked:"), f"{one.location} is not masked")
        expect(one.value not in values, f"{one.location} is shown")


@operation("rename")
def rename():
    renamed = update(KEPT, name="Renamed")
    expect((renamed.collection_id, renamed.name) == (KEPT, "Renamed"), f"{renamed.collection_id}, {renamed.name}")
    found = APP.secrets_collection(KEPT)
    expect(found.name == "Renamed", f"reads back {found.name}")
    expect(found.description == "Türen & Tore 🚪", "the description went away")


@operation("append")
def get_append_update():
    """The pattern that Nextmv's own documentation teaches."""
    collection = APP.secrets_collection(KEPT)
    collection.secrets.extend(secrets("extra"))
    APP.update_secrets_collection(
        secrets_collection_id=KEPT,
        name=collection.name,
        description=collection.description,
        secrets=collection.secrets,
    )
    expect(places(APP.secrets_collection(KEPT).secrets) == places(secrets("first") + secrets("extra")), "other places")


@operation("replace")
def replace():
    # The first releases send the nulls on, and keep their names all the same.
    changes = {"name": None, "description": None} if UPDATE_WANTS_EVERYTHING else {}
    replaced = APP.update_secrets_collection(KEPT, secrets=secrets("replaced"), **changes)
    expect((replaced.name, replaced.description) == ("Renamed", "Türen & Tore 🚪"), "the names went away")
    expect(places(APP.secrets_collection(KEPT).secrets) == places(secrets("replaced")), "other places")


@operation("swap 100")
def swap_a_hundred():
    APP.new_secrets_collection(secrets=secrets("hundred"), id="wide", name="Wide")
    update("wide", secrets=secrets("other hundred"))
    expect(places(APP.secrets_collection("wide").secrets) == places(secrets("other hundred")), "other places")


@operation("copy")
def copy():
    fetched = APP.secrets_collection(KEPT)
    note = refused(lambda: APP.new_secrets_collection(secrets=fetched.secrets, id="copy", name="Copy"), 400, 409)
    expect(not is_there("copy"), "it was refused, and is there")
    refused(lambda: APP.secrets_collection("copy"), 404)
    return note


@operation("stale mask")
def send_back_a_stale_mask():
    fetched = APP.secrets_collection(KEPT)
    (rotated,) = secrets("rotated")
    others = [one for one in fetched.secrets if one.location != rotated.location]
    update(KEPT, secrets=[rotated, *others])
    return refused(lambda: update(KEPT, secrets=fetched.secrets), 409)


@operation("keep others", KEEPS_EXISTING)
def add_and_keep_the_others():
    APP.update_secrets_collection(KEPT, secrets=secrets("extra"), keep_existing=True)
    expect(places(APP.secrets_collection(KEPT).secrets) == places(secrets("replaced") + secrets("extra")), "other places")


@operation("bad values")
def send_what_is_refused():
    def send(*values):
        bad = [Secret(secret_type="env", location=f"N{number}", value=value) for number, value in enumerate(values)]
        note = refused(lambda: APP.new_secrets_collection(secrets=bad, id="bad", name="Bad"), 400, 413, 422)
        refused(lambda: update(KEPT, secrets=bad), 400, 413, 422)
        return note

    notes = [send("canary\0"), send("canary" * 20_000), send(*["canary"] * 101)]
    expect(not is_there("bad"), "it was refused, and is there")
    return ", ".join(notes)


@operation("wrong id")
def use_a_wrong_id():
    for act in [APP.secrets_collection, APP.delete_secrets_collection, lambda id: update(id, name="x")]:
        note = refused(lambda act=act: act("missing"), 404)
    elsewhere = Application(client=CLIENT, id="nowhere")
    refused(elsewhere.list_secrets_collections, 404)
    refused(lambda: elsewhere.secrets_collection(KEPT), 404)
    return note


@operation("odd ids")
def use_odd_ids():
    # The SDK joins an id into the path as it is, and its transport normalises that path.
    for odd in ["..", ".", "", "../x", "a/b", "a b", "ü", "a\\b", "kept/", "./kept/"]:
        refused(lambda odd=odd: APP.delete_secrets_collection(odd), 404)
    for odd in ["..", ".", "a/b", "a b", "ü", "a#b", "a?b=c", "-a", "a" * 65]:
        refused(lambda odd=odd: APP.new_secrets_collection(secrets=secrets("extra"), id=odd, name="Odd"), 400, 422)
    expect(not Application.exists(client=CLIENT, id=""), "the list of applications passes for one")
    expect(is_there(KEPT), "and one of them reached a collection")


@operation("wrong key")
def use_a_wrong_key():
    key = TOLD["api_key"]
    for wrong in [key[:-1] + ("a" if key[-1] != "a" else "b"), "nxmvv1_canary", "canary: a key"]:
        stranger = Application(client=Client(url=TOLD["url"], api_key=wrong), id=TOLD["app"])
        note = refused(stranger.list_secrets_collections, 401)
        refused(lambda app=stranger: app.secrets_collection(KEPT), 401)
    return note


@operation("list 250")
def list_many():
    wanted = [f"collection-{number:03}" for number in range(250)]
    for id in wanted:
        MANY.new_secrets_collection(secrets=secrets("extra"), id=id, name=id)
    listed, asked = requests_of(MANY.list_secrets_collections)
    ids = ids_of(listed)
    expect(sorted(ids) == wanted, f"{len(ids)} ids, {len(set(ids))} of them different")
    in_order = sorted(listed, key=lambda summary: (summary.created_at, summary.collection_id))
    expect(ids == ids_of(in_order), "not in the order of their making")
    expect(ids == ids_of(MANY.list_secrets_collections()), "asked again, another order")
    if not LISTS_HAVE_PAGES:
        expect(len(asked) == 1 and "?" not in asked[0], f"{asked}")
        return "in one answer"
    expect(len(asked) > 1 and all("pagetoken=" in target for target in asked[1:]), f"no pages: {asked}")
    whole, once = requests_of(lambda: MANY.list_secrets_collections(no_pagination=True))
    expect(ids == ids_of(whole) and len(once) == 1, "without pages it is another list")
    return f"in {len(asked)} pages"


@operation("delete")
def delete():
    APP.delete_secrets_collection(KEPT)
    expect(not is_there(KEPT), "it is still listed")
    return refused(lambda: APP.secrets_collection(KEPT), 404)


@operation("re-create")
def create_what_was_deleted():
    made = APP.new_secrets_collection(secrets=secrets("extra"), id=KEPT, name="Kept again")
    expect(made.name == "Kept again", f"{made.name}")
    expect(places(APP.secrets_collection(KEPT).secrets) == places(secrets("extra")), "other places")


@operation("app delete")
def app_delete():
    MANY.delete()
    expect(not Application.exists(client=CLIENT, id="many"), "it is still there")
    return refused(MANY.list_secrets_collections, 404)


main()
