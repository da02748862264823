#!/usr/bin/env python3
"""A real SMTP server that keeps what it gets: mail.py PORT FOLDER. Each mail is N.eml, its HTML N.html to be looked at, and
N.json says when it came and for whom."""
import asyncio
import email
import email.policy
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
        html = email.message_from_bytes(envelope.content, policy=email.policy.default).get_body(("html",))
        if html:
            with open(name + ".html", "w", encoding="utf-8") as file:
                file.write(html.get_content())
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
