#!/usr/bin/env python3
"""A way from one network to another, for TCP: forward.py NETWORK ADDRESS:PORT NETWORK ADDRESS:PORT

Listens at the first and connects to the second. Networks are names of network namespaces; "-" is the one it was started in:
how containers that have no network but their own reach the demo's server, and the browser an application."""
import socket
import sys
import threading

from place import enter_network

CHUNK = 65536


def address(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


def pump(source, target):
    try:
        while data := source.recv(CHUNK):
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client, network, where):
    with client:
        try:
            if network != "-":
                enter_network(network)
            with socket.create_connection(where, timeout=10) as server:
                server.settimeout(None)
                back = threading.Thread(target=pump, args=(server, client), daemon=True)
                back.start()
                pump(client, server)
                back.join()
        except OSError as error:
            print(f"forward: {where}: {error}", flush=True)


def listen_in(network, where):
    """In a thread of its own: a network namespace is a thread's."""
    made = []

    def listen():
        if network != "-":
            enter_network(network)
        made.append(socket.create_server(where, backlog=64))
    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    return made[0]


def main():
    listener = listen_in(sys.argv[1], address(sys.argv[2]))
    print("ready", flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, sys.argv[3], address(sys.argv[4])), daemon=True).start()


if __name__ == "__main__":
    main()
