"""Threads with files and child processes, multiprocessing, signals, a server on the loopback."""
import concurrent.futures
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading


def files(i):
    total = 0
    for _ in range(50):
        with open(f"file-{i}", "w", encoding="ascii") as file:
            file.write("x" * i)
        with open(f"file-{i}", encoding="ascii") as file:
            total += len(file.read())
        os.unlink(f"file-{i}")
    return total


def child(i):
    done = subprocess.run(["sh", "-c", f"echo child {i}; exit {i}"], stdout=subprocess.PIPE, check=False)
    return done.stdout.decode().strip(), done.returncode


def serve(server, count):
    for _ in range(count):
        connection, _ = server.accept()
        with connection:
            connection.sendall(connection.recv(100))


def talk(address, i):
    with socket.create_connection(address) as connection:
        connection.sendall(b"line %d" % i)
        return connection.recv(100).decode()


def main():
    got = []
    signal.signal(signal.SIGUSR1, lambda number, frame: got.append(number))
    server = socket.create_server(("127.0.0.1", 0))
    server_thread = threading.Thread(target=serve, args=(server, 8))
    server_thread.start()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = [list(pool.map(files, range(8))), list(pool.map(child, range(8))),
                 list(pool.map(lambda i: talk(server.getsockname(), i), range(8)))]
    server_thread.join()
    os.kill(os.getpid(), signal.SIGUSR1)
    print(found, got)
    with multiprocessing.get_context("fork").Pool(3) as pool:
        print(pool.map(files, range(8)))
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(pool.map(abs, range(-3, 3)))
    try:
        subprocess.run(["/nonexistent"], check=True)
    except FileNotFoundError as error:
        print(error)
    sys.exit(24)


if __name__ == "__main__":
    main()
