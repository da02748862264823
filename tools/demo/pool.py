#!/usr/bin/env python3
"""What stands for a mining pool: takes connections, says nothing. pool.py ADDRESS:PORT"""
import socket
import sys
import threading


def swallow(client):
    with client:
        while client.recv(4096):
            pass


def main():
    host, _, port = sys.argv[1].rpartition(":")
    listener = socket.create_server((host, int(port)))
    print("ready", flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=swallow, args=(client,), daemon=True).start()


if __name__ == "__main__":
    main()
