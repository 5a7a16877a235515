"""Makes the known answers beside it: a second implementation of the formats, from their description alone.

It shares no code with the crate and is not needed to build or test it. Run it (with the PyPI package `cryptography`)
when a format changes before formats bind; afterwards add files, and change none.
"""

import base64, hashlib, hmac, json, pathlib
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HERE = pathlib.Path(__file__).parent
FORMAT, SUITE = b"\x01", b"\x01"


def fixed(name, length=32):
    """Bytes that look random and are the same in every run."""
    return hashlib.sha256(b"strongroom vector " + name.encode()).digest()[:length]


def u64(number):
    return number.to_bytes(8, "big")


def lp(field):
    return u64(len(field)) + field


def hkdf(key, salt, info, length):
    pseudo_random = hmac.digest(salt, key, "sha256")
    out, block, count = b"", b"", 1
    while len(out) < length:
        block = hmac.digest(pseudo_random, block + info + bytes([count]), "sha256")
        out, count = out + block, count + 1
    return out[:length]


def key_id(key):
    return hkdf(key, bytes(32), b"strongroom key-id", 16)


def derive(key, label):
    return hkdf(key, bytes(32), label.encode(), 32)


def mac(key, label, *fields):
    return hmac.digest(key, b"".join(map(lp, (label.encode(), *fields))), "sha256")


def padded(plaintext):
    length = max(len(plaintext) + 1, 64)
    exponent = length.bit_length() - 1
    step = 1 << (exponent - exponent.bit_length())
    return (plaintext + b"\x80").ljust(-(-length // step) * step, b"\0")


def record(label, key, ident, salt, plaintext, instance="instance-1", application="", collection="", object="",
           version=0, generation=""):
    text = [part.encode() for part in (instance, application, collection, object)]
    fields = [label.encode(), FORMAT, SUITE, *text, u64(version), generation.encode(), ident]
    context = b"".join(map(lp, fields))
    derived = hkdf(key, salt, context, 64)
    sealed = AESGCM(derived[:32]).encrypt(bytes(12), padded(plaintext), context)
    return {
        "label": label, "instance": instance, "application": application, "collection": collection, "object": object,
        "version": version, "generation": generation, "key": key.hex(), "key_id": ident.hex(), "salt": salt.hex(),
        "plaintext": plaintext.hex(), "context": context.hex(),
        "record": (FORMAT + SUITE + ident + salt + derived[32:] + sealed).hex(),
    }


def derived_record(label, parent, key_label, *rest, **context):
    case = record(label, derive(parent, key_label), key_id(parent), *rest, **context)
    return {"parent_key": parent.hex(), "key_label": key_label, **case}


def write(name, about, cases):
    text = json.dumps({"about": about, "cases": cases}, indent=2, ensure_ascii=False)
    (HERE / f"{name}.json").write_text(text + "\n", encoding="utf-8")


slot, root, collection_key = fixed("slot key"), fixed("root key"), fixed("collection key")
named = {name: fixed(name) for name in ("audit", "digest", "mask", "master")}


def entries(keys):
    return b"".join(bytes([len(name)]) + name.encode() + (1).to_bytes(4, "big") + key_id(key) + key
                    for name, key in keys.items())


token, idempotency = fixed("token"), fixed("idempotency")
born = {"application": "application-born", "collection": "collection-born", "object": "licences"}

line = f"strongroom-root-key 1 {key_id(slot).hex()} {base64.urlsafe_b64encode(slot).decode().rstrip('=')}\n"
write("key-file", "a slot's key and its line of text", [{"key": slot.hex(), "key_id": key_id(slot).hex(), "line": line}])
write("slot-root-key", "the root key, wrapped for a slot",
      [record("strongroom slot-root-key", slot, key_id(slot), fixed("salt 1"), root)])
write("keyring", "the keyring, sealed under the root key: version 1 of each name",
      [record("strongroom keyring", root, key_id(root), fixed("salt 2"), entries(named), version=1)])
write("keyring-with-token", "the same keyring as its next version, with version 1 of `token`",
      [record("strongroom keyring", root, key_id(root), fixed("salt 8"), entries({**named, "token": token}), version=2)])
write("keyring-with-idempotency", "the same keyring as the version after that, with version 1 of `idempotency`",
      [record("strongroom keyring", root, key_id(root), fixed("salt 10"),
              entries(dict(sorted({**named, "token": token, "idempotency": idempotency}.items()))), version=3)])
write("collection-key", "a collection's key, wrapped under master",
      [record("strongroom collection-key", named["master"], key_id(named["master"]), fixed("salt 3"), collection_key,
              version=1, **born)])
write("application-face", "an application's face, under a key derived from master",
      [derived_record("strongroom application-face", named["master"], "strongroom application-face-key",
                      fixed("salt 4"), "Routing · name".encode(), application="application-born", object="routing")])
write("face", "faces of versions, under a key derived from the collection key",
      [derived_record("strongroom face", collection_key, "strongroom face-key", fixed(f"salt 5 {n}"), plain,
                      version=n, generation="1-abcdefgh", **born)
       for n, plain in [(1, b""), (2, b"what may be shown"), (3, bytes(range(256)) * 5)]])


def contents(values):
    return len(values).to_bytes(4, "big") + b"".join(len(v).to_bytes(4, "big") + v for v in values)


VALUES = [[], ["hunter2"], ["", "-----BEGIN KEY-----\nAAAA\n-----END KEY-----\n", "schlüssel"]]
values = [[value.encode() for value in of_one] for of_one in VALUES]
write("contents", "values of versions, under a key derived from the collection key; `values` is what they open to",
      [{"values": VALUES[n - 1],
        **derived_record("strongroom contents", collection_key, "strongroom contents-key", fixed(f"salt 6 {n}"),
                         contents(values[n - 1]), version=n, generation="1-abcdefgh", **born)}
       for n in (1, 2, 3)])
write("audit-record", "an audit record at its place in a ledger: object is the ledger, version is seq",
      [record("strongroom audit-record", named["audit"], key_id(named["audit"]), fixed("salt 7"), b"who did what",
              object="0", version=41, generation="1-abcdefgh")])


def mask(application, collection, kind, location, value_id):
    made = mac(named["mask"], "strongroom mask", *(p.encode() for p in (application, collection, kind, location, value_id)))
    return {"key": named["mask"].hex(), "application": application, "collection": collection, "type": kind,
            "location": location, "value_id": value_id, "mask": f"strongroom-masked:{value_id}:{made[:16].hex()}"}


value_ids = [base64.b32encode(fixed(f"value id {n}", 10)).decode().lower() for n in (1, 2)]
write("mask", "masks of stored values, under the mask key",
      [mask("routing", "licences", "env", "API_KEY", value_ids[0]),
       mask("routing", "licences", "file", "/mnt/secrets/config.json", value_ids[1])])


write("grant", "grants of API keys, under a key derived from master: object is the key's id, version is the grant's epoch",
      [derived_record("strongroom grant", named["master"], "strongroom grant-key", fixed(f"salt 9 {n}"), plain,
                      object="q7h2m4k8x1c9", version=n)
       for n, plain in [(1, b"what an API key may do"), (2, b"")]])


def token_verifier(ident, secret):
    made = mac(token, "strongroom token-verifier", ident.encode(), secret.encode())
    return {"key": token.hex(), "id": ident, "secret": secret, "verifier": made.hex()}


write("token-verifier", "what is stored of tokens, under the token key",
      [token_verifier("q7h2m4k8x1c9", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"),
       token_verifier("a1b2c3d4e5f6", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"),
       token_verifier("q7h2m4k8x1c9", "")])


def repeatable(caller, chosen, method, target, if_match, body, place, time):
    name = mac(idempotency, "strongroom repeatable-name", caller.encode(), chosen.encode())
    condition = [] if if_match is None else [if_match.encode()]
    request = mac(idempotency, "strongroom repeatable-request", method.encode(), target.encode(), body, *condition)
    deed = mac(idempotency, "strongroom repeatable-deed", name, request, u64(place), time.to_bytes(8, "big", signed=True))
    return {"key": idempotency.hex(), "caller": caller, "chosen": chosen, "method": method, "target": target,
            "if_match": if_match, "body": body.hex(), "name": name.hex(), "request": request.hex(), "record": place,
            "time": time, "deed": deed.hex()}


TARGET = "/v1/applications/routing/secrets"
write("repeatable", "what is kept of requests that may be sent twice, under the idempotency key",
      [repeatable("key:q7h2m4k8x1c9", "7f3c", "POST", TARGET, None, b'{"secrets":[]}', 41, 1_700_000_000_000_000),
       repeatable("key:q7h2m4k8x1c9", "7f3c", "PATCH", TARGET + "/licences?x=1", '"7.2"', bytes(range(256)), 0, 0),
       repeatable("uid:1000", "~!", "DELETE", TARGET + "/licences", "", b"", 2**63 - 1, -1)])


def value_digest(application, value):
    return mac(named["digest"], "strongroom value-digest", application.encode(), value.encode())


write("digest", "keyed digests of values, under the digest key; application is its born id",
      [{"key": named["digest"].hex(), "application": application, "value": value,
        "digest": value_digest(application, value).hex()}
       for application, value in [("application-born", ""), ("application-born", "hunter2"), ("other-born", "hunter2")]])

chain, cases = b"", []
for n, face in [(1, b""), (2, b"what may be shown"), (3, bytes(range(256)) * 5)]:
    face_digest = mac(named["digest"], "strongroom face-digest", face)
    contents_digest = mac(named["digest"], "strongroom contents-digest", *values[n - 1])
    previous = chain.hex() or None
    chain = mac(named["digest"], "strongroom chain", chain, u64(n), face_digest, contents_digest)
    cases.append({"key": named["digest"].hex(), "previous": previous, "version": n, "face": face.hex(),
                  "values": VALUES[n - 1], "face_digest": face_digest.hex(), "contents_digest": contents_digest.hex(),
                  "chain": chain.hex()})
write("chain", "chain values of the versions in face.json and contents.json, under the digest key", cases)

def manifest(live):
    state = {"collection_id": "licences", "born": "collection-born", "live": live, "epoch": 9, "key_version": 1,
             "version": 3, "face_commitment": fixed("face commitment").hex(),
             "contents_commitment": fixed("contents commitment").hex(), "chain": fixed("chain").hex(),
             "oldest_version": 2, "oldest_chain": fixed("oldest chain").hex()}
    text, flags = ("collection_id", "born"), ("live",)
    fields = [v.encode() if k in text else bytes([v]) if k in flags else u64(v) if isinstance(v, int) else bytes.fromhex(v)
              for k, v in state.items()]
    key = derive(collection_key, "strongroom manifest-key")
    return {"parent_key": collection_key.hex(), "key": key.hex(), **state,
            "mac": mac(key, "strongroom manifest", *fields).hex()}


write("manifest", "the manifest MAC of a collection, under a key derived from the collection key",
      [manifest(True), manifest(False)])
