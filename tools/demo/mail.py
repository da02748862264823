#!/usr/bin/env python3
"""A real SMTP server that keeps what it gets: mail.py PORT FOLDER. Each mail is N.eml, with N.json saying when it came and
for whom."""
import asyncio
import json
import os
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP


class Keeper:
    def __init__(self, folder):
        self.folder, self.count = folder, 0

    async def handle_DATA(self, server, session, envelope):  # pylint: disable=invalid-name
        del server, session
        self.count += 1
        name = os.path.join(self.folder, str(self.count))
        with open(name + ".eml", "wb") as file:
            file.write(envelope.content)
        with open(name + ".part", "w", encoding="ascii") as file:
            json.dump({"received": time.time(), "to": envelope.rcpt_tos}, file)
        os.rename(name + ".part", name + ".json")
        return "250 OK"


def main():
    os.makedirs(sys.argv[2], exist_ok=True)
    keeper = Keeper(sys.argv[2])
    controller = Controller(keeper, hostname="127.0.0.1", port=int(sys.argv[1]))
    controller.factory = lambda: SMTP(keeper, hostname="mail.example", enable_SMTPUTF8=True)
    controller.start()
    print("ready", flush=True)
    asyncio.new_event_loop().run_forever()


if __name__ == "__main__":
    main()
