"""Secure aggregation once more, from the specification alone: every message of secagg/testdata/sessions.json.

Standard library and `cryptography`. Prints what it reproduced; anything that differs ends it with an error.
"""

import hashlib
import hmac
import json
import struct
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

VECTORS = Path(__file__).resolve().parents[2] / "secagg" / "testdata" / "sessions.json"
ORDER = 2**252 + 27742317777372353535851937790883648493
KINDS = ["KeyAdvert", "KeySet", "EncryptedShares", "ShareSet", "MaskedHeader", "Survivors", "Consistency",
         "SignatureSet", "Unmask", "Abort", "Outcome", "Chunk", "MaskedTrailer"]


def u32(value):
    return struct.pack("<I", value)


def sha256(data):
    return hashlib.sha256(data).digest()


def label(purpose, *parts):
    return b"wardround-secagg-v1/" + purpose.encode() + b"\0" + b"".join(parts)


def blob(data):
    return u32(len(data)) + data


def bitmap(indices, count):
    bits = bytearray((count + 7) // 8)
    for index in indices:
        bits[(index - 1) // 8] |= 1 << ((index - 1) % 8)
    return blob(bytes(bits))


def hkdf(salt, secret, info, length):
    key, out, block = hmac.digest(salt, secret, "sha256"), b"", b""
    for number in range(1, length // 32 + 2):
        block = hmac.digest(key, block + info + bytes([number]), "sha256")
        out += block
    return out[:length]


def x25519_public(secret):
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def x25519(secret, public):
    return X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(public))


class Randomness:
    def __init__(self, name):
        self.name, self.blocks, self.left = name.encode(), 0, b""

    def take(self, count):
        while len(self.left) < count:
            self.left += sha256(self.name + struct.pack("<Q", self.blocks))
            self.blocks += 1
        taken, self.left = self.left[:count], self.left[count:]
        return taken

    def scalar(self):
        return int.from_bytes(self.take(64), "little") % ORDER


class Site:
    """One site's secrets and what follows from them."""

    def __init__(self, session, index, description):
        self.session, self.index, self.weight = session, index, description["weight"]
        self.signer = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(description["signing_secret"]))
        self.randomness = Randomness(description["randomness"])
        self.sigma, self.beta = self.randomness.scalar(), self.randomness.scalar()
        self.share_secret = self.randomness.take(32)
        sid = session.sid
        self.mask_secret = hkdf(sid, self.sigma.to_bytes(32, "little"), label("mask-sk", u32(index)), 32)
        self.mask_public, self.share_public = x25519_public(self.mask_secret), x25519_public(self.share_secret)
        commitment = sha256(label("beta-com", sid, u32(index), self.beta.to_bytes(32, "little")))
        self.keys = self.mask_public + self.share_public + commitment

    def message(self, kind, *parts):
        return self.session.header(kind, self.index) + b"".join(parts)

    def signed(self, purpose, kind, body):
        return self.signer.sign(label(purpose, self.message(kind, body)))

    def advert(self):
        return self.keys + self.signed("advert", "KeyAdvert", self.keys)

    def share(self, sites, threshold):
        """Draws both polynomials and keeps their values, the own one first."""
        self.polynomials = []
        for secret in (self.sigma, self.beta):
            self.polynomials.append([secret] + [self.randomness.scalar() for _ in range(threshold - 1)])
        self.sealed = {peer.index: self.seal(peer) for peer in sites if peer is not self}

    def value(self, which, point):
        return sum(c * pow(point, power, ORDER) for power, c in enumerate(self.polynomials[which])) % ORDER

    def seal(self, peer):
        sid, first = self.session.sid, self.session.first_hash
        ends = u32(self.index) + u32(peer.index)
        info = label("share", first, ends, self.share_public, peer.share_public)
        key = hkdf(sid, x25519(self.share_secret, peer.share_public), info, 32)
        plain = b"".join(self.value(which, peer.index).to_bytes(32, "little") for which in (0, 1))
        return AESGCM(key).encrypt(bytes(12), plain, sid + first + ends)

    def self_mask(self):
        key = hkdf(self.session.sid, self.beta.to_bytes(32, "little"), label("self", u32(self.index)), 48)
        return self.session.mask(key)

    def pair_mask(self, peer):
        low, high = sorted([self, peer], key=lambda site: site.index)
        info = label("pair", u32(low.index), u32(high.index), low.mask_public, high.mask_public)
        return self.session.mask(hkdf(self.session.sid, x25519(self.mask_secret, peer.mask_public), info, 48))

    def words(self):
        """The update with its tail, before masks."""
        s = self.session
        limit, part = s.scale * s.clip, self.weight / s.weight_max
        reals = [((37 * place + 11 * self.index) % 129) / 64 - 1 for place in range(s.coordinates)]
        return [round(max(-limit, min(limit, real * s.scale)) * part) for real in reals] + [1, self.weight, 0, 0]

    def masked(self, sites):
        words = [word + mask for word, mask in zip(self.words(), self.self_mask())]
        for peer in sites:
            if peer is not self:
                sign = 1 if self.index < peer.index else -1
                words = [word + sign * mask for word, mask in zip(words, self.pair_mask(peer))]
        return [word % self.session.modulus for word in words]


class Session:
    def __init__(self, given):
        self.given, self.lane = given, given["lane"]
        self.coordinates, self.modulus = given["coordinates"], 1 << given["lane"]
        self.scale, self.clip, self.weight_max = given["scale"], given["clip_linf"], given["weight_max"]
        self.params = self.encode_params()
        self.sid = sha256(label("sid", self.params))
        check("parameters", self.params.hex(), given["params"])
        check("session", self.sid.hex(), given["session"])
        self.sites = [Site(self, place + 1, site) for place, site in enumerate(given["sites"])]

    def encode_params(self):
        g = self.given
        fixed = [bytes.fromhex(g[name]) for name in ("model", "plan", "roster")]
        ids = [bytes.fromhex(site["client_id"]) for site in g["sites"]]
        return b"".join([
            struct.pack("<H", 1), bytes.fromhex(g["federation"]), bytes.fromhex(g["study"]),
            struct.pack("<QI", g["round"], g["attempt"]), *fixed, u32(len(ids)), *ids,
            struct.pack("<III", g["threshold"], g["corrupt"], g["honest_min"]), b"\0",
            struct.pack("<BQI", self.lane, self.coordinates, g["chunk_words"]),
            struct.pack("<dddI", self.scale, self.clip, g["clip_l2"], self.weight_max), b"\0", b"\4"])

    def header(self, kind, sender):
        return self.sid + bytes([KINDS.index(kind) + 1]) + u32(sender)

    def mask(self, key):
        """Words of AES-256 over a 64-bit little-endian counter in the first half of the block."""
        size, start = self.lane // 8, int.from_bytes(key[32:40], "little")
        count = ((self.coordinates + 4) * size + 15) // 16
        counters = [struct.pack("<Q", (start + block) % 2**64) + key[40:48] for block in range(count)]
        stream = Cipher(algorithms.AES(key[:32]), modes.ECB()).encryptor().update(b"".join(counters))
        return [int.from_bytes(stream[at * size:][:size], "little") for at in range(self.coordinates + 4)]

    def run(self):
        g, sites, count = self.given, self.sites, len(self.sites)
        survivors = [site for site in sites if site.index != g["dropout"]]
        adverts = u32(count) + b"".join(u32(site.index) + site.advert() for site in sites)
        self.first_hash = sha256(label("u1", self.sid, adverts))
        second, third = bitmap(range(1, count + 1), count), bitmap([site.index for site in survivors], count)
        sets = self.first_hash + sha256(label("u2", self.sid, second)) + sha256(label("u3", self.sid, third))
        for site in sites:
            site.share(sites, g["threshold"])
        consistency = {site.index: site.signed("consistency", "Consistency", sets) for site in survivors}
        signatures = u32(len(survivors)) + b"".join(u32(index) + s for index, s in sorted(consistency.items()))
        total = [0] * (self.coordinates + 4)
        for site in sites:
            sends = [site.message("KeyAdvert", site.advert())]
            sealed = b"".join(u32(peer) + text for peer, text in sorted(site.sealed.items()))
            sends.append(site.message("EncryptedShares", self.first_hash, u32(count - 1), sealed))
            chunks = self.chunks(site.masked(sites))
            sends.append(site.message("MaskedHeader", sets[:64], u32(len(chunks))))
            sends += [site.message("Chunk", u32(at), blob(chunk)) for at, chunk in enumerate(chunks)]
            told = [self.params, self.header("KeySet", 0) + adverts, self.shares_for(site, second)]
            if site in survivors:
                digest = sha256(b"".join(chunks))
                sends.append(site.message("MaskedTrailer", digest, site.signed("masked", "MaskedTrailer", digest)))
                sends.append(site.message("Consistency", sets, consistency[site.index]))
                sends.append(site.message("Unmask", self.revealed(site, survivors)))
                told += [self.header("Survivors", 0) + third, self.header("SignatureSet", 0) + signatures]
                total = [(sum + word) % self.modulus for sum, word in zip(total, site.masked(sites))]
            self.compare(site, sends, told)
        self.check_sum(total, survivors)

    def chunks(self, words):
        size, per_chunk = self.lane // 8, self.given["chunk_words"]
        pieces = [words[first:first + per_chunk] for first in range(0, len(words), per_chunk)]
        return [b"".join(word.to_bytes(size, "little") for word in piece) for piece in pieces]

    def shares_for(self, site, second):
        sealed = [u32(peer.index) + peer.sealed[site.index] for peer in self.sites if peer is not site]
        return self.header("ShareSet", 0) + second + u32(len(sealed)) + b"".join(sealed)

    def revealed(self, holder, survivors):
        parts = []
        for owner in self.sites:
            share = owner.value(1 if owner in survivors else 0, holder.index)
            parts.append(u32(owner.index) + share.to_bytes(32, "little"))
        return u32(len(parts)) + b"".join(parts)

    def compare(self, site, sends, told):
        given = self.given["sites"][site.index - 1]
        check("number of messages", len(sends), len(given["sends"]))
        for mine, theirs in zip(sends, given["sends"]):
            found = mine.hex() if "hex" in theirs else sha256(mine).hex()
            check(f"{theirs['kind']} of site {site.index}", found, theirs.get("hex") or theirs["sha256"])
        check(f"what site {site.index} is told", [message.hex() for message in told], given["is_told"])

    def check_sum(self, total, survivors):
        """Takes the masks off with secrets put together from t shares, and compares with the plain sum."""
        points = [site.index for site in survivors][:self.given["threshold"]]
        for owner in self.sites:
            which = 1 if owner in survivors else 0
            found = sum(lagrange(points, x) * owner.value(which, x) for x in points) % ORDER
            check(f"secret of site {owner.index}", found, (owner.sigma, owner.beta)[which])
        for site in survivors:
            total = [word - mask for word, mask in zip(total, site.self_mask())]
            for gone in self.sites:
                if gone not in survivors:
                    sign = 1 if site.index < gone.index else -1
                    total = [word - sign * mask for word, mask in zip(total, gone.pair_mask(site))]
        half = self.modulus // 2
        total = [(word + half) % self.modulus - half for word in total]
        check("sum", total, [sum(words) for words in zip(*(site.words() for site in survivors))])
        check("first words", total[:8], self.given["sum_begins"])
        check("last words", total[-4:], self.given["sum_ends"])
        words = b"".join(word.to_bytes(self.lane // 8, "little", signed=True) for word in total)
        check("digest of the sum", sha256(words).hex(), self.given["sum_sha256"])


def lagrange(points, x):
    value = 1
    for other in points:
        if other != x:
            value = value * other * pow(other - x, -1, ORDER) % ORDER
    return value


def check(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: found {str(found)[:200]}, expected {str(expected)[:200]}")


def main():
    for given in json.loads(VECTORS.read_text())["sessions"]:
        Session(given).run()
        count = sum(len(site["sends"]) + len(site["is_told"]) for site in given["sites"])
        print(f"{given['lane']} bits: {count} messages and the sum are the same")


main()
