"""The upload of the benchmark `federation upload`, by grpcio: client streaming of 256 KiB messages over mutual TLS.

Handlers take raw bytes, so no protobuf is measured. `bare` throws away what comes; `kept` does what a coordinator does:
writes to a file, flushes it every 8 MiB, hashes the whole, renames it.

A server prints {"listening": ADDRESS}. A client prints {"ready": true}, then reads lines {"kind": KIND, "file": PATH} and
answers each with {"seconds": WALL}.
"""

import environment

environment.enter("grpcio", ["grpcio"])

import argparse
import hashlib
import json
import os
import re
import sys
import time
from concurrent import futures
from pathlib import Path

import grpc

CHUNK_BYTES = 256 * 1024
SYNC_EVERY_BYTES = 8 * 1024 * 1024
HASH_BUFFER_BYTES = 1024 * 1024
BLOCK = re.compile(rb"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----\n?", re.DOTALL)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["server", "client"])
    parser.add_argument("--identity", type=Path, required=True, help="private key and certificate, PEM")
    parser.add_argument("--authority", type=Path, required=True, help="certificate of the authority, PEM")
    parser.add_argument("--scratch", type=Path, required=True, help="where a server keeps uploads")
    parser.add_argument("--address", help="where a client dials")
    arguments = parser.parse_args()
    serve(arguments) if arguments.role == "server" else send(arguments)


def serve(arguments):
    key, chain = identity(arguments.identity)
    authority = arguments.authority.read_bytes()
    credentials = grpc.ssl_server_credentials([(key, chain)], authority, require_client_auth=True)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    handlers = {
        "bare": grpc.stream_unary_rpc_method_handler(bare),
        "kept": grpc.stream_unary_rpc_method_handler(lambda chunks, _: kept(chunks, arguments.scratch)),
    }
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("peer", handlers)])
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    say(listening=f"127.0.0.1:{port}")
    server.wait_for_termination()


def bare(chunks, _context):
    return str(sum(len(chunk) for chunk in chunks)).encode()


def kept(chunks, scratch):
    part, flushed, received = scratch / "part", 0, 0
    with open(part, "wb", buffering=0) as file:
        for chunk in chunks:
            file.write(chunk)
            received += len(chunk)
            if received - flushed >= SYNC_EVERY_BYTES:
                os.fdatasync(file.fileno())
                flushed = received
        os.fdatasync(file.fileno())
    hasher = hashlib.sha256()
    with open(part, "rb", buffering=0) as file:
        while block := file.read(HASH_BUFFER_BYTES):
            hasher.update(block)
    os.rename(part, scratch / "whole")
    return hasher.hexdigest().encode()


def send(arguments):
    key, chain = identity(arguments.identity)
    credentials = grpc.ssl_channel_credentials(arguments.authority.read_bytes(), key, chain)
    with grpc.secure_channel(arguments.address, credentials) as channel:
        grpc.channel_ready_future(channel).result(timeout=30)
        say(ready=True)
        for line in sys.stdin:
            order = json.loads(line)
            path = Path(order["file"])
            begun = time.perf_counter()
            answer = channel.stream_unary(f"/peer/{order['kind']}")(chunks_of(path))
            seconds = time.perf_counter() - begun
            expected = str(path.stat().st_size) if order["kind"] == "bare" else path.name
            if answer.decode() != expected:
                sys.exit(f"the server answered {answer!r} instead of {expected}")
            say(seconds=seconds)


def chunks_of(path):
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def identity(path):
    """Key and certificate chain, which Wardround keeps in one file."""
    blocks = [(match.group(1), match.group(0)) for match in BLOCK.finditer(path.read_bytes())]
    key = b"".join(text for name, text in blocks if name.endswith(b"PRIVATE KEY"))
    chain = b"".join(text for name, text in blocks if name == b"CERTIFICATE")
    return key, chain


def say(**what):
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
