"""probe.py PORT REQUEST EXPECTED SECONDS: waits until a server at 127.0.0.1:PORT answers REQUEST (hexadecimal) with what
begins with EXPECTED (hexadecimal); prints when that was, on the monotonic clock. Says "probing" first."""
import socket
import sys
import time


def answer(port, request, size):
    with socket.create_connection(("127.0.0.1", port), 5) as peer:
        peer.sendall(request)
        got = b""
        while len(got) < size:
            more = peer.recv(4096)
            if not more:
                break
            got += more
        return got


def main():
    port, limit = int(sys.argv[1]), float(sys.argv[4])
    request, expected = (bytes.fromhex(word) for word in sys.argv[2:4])
    print("probing", flush=True)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        try:
            if answer(port, request, len(expected)).startswith(expected):
                print(time.monotonic(), flush=True)
                return 0
        except OSError:
            pass
        time.sleep(0.002)
    return 1


if __name__ == "__main__":
    sys.exit(main())
