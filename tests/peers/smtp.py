"""An SMTP server on aiosmtpd that answers as the addresses ask, and keeps a journal of what it took.

Addresses script the answers by their local part:
  mail-550-5.1.8@  as sender: this reply to MAIL FROM
  rcpt-550-5.1.1@  as recipient: this reply to RCPT TO
  text-554-5.6.0@  as recipient: this reply to the message
  hang@            as recipient: no reply to the message, ever
  late@            as recipient: the message is taken, and the reply comes after the seconds of --late
  drop@            as recipient: the connection is cut instead of a reply to the message
  leave@           as recipient: the message is taken, and the connection closed after the reply

The journal has a line of JSON for each message taken, written before the reply: what the session was like, what
Python's email parser makes of the message, and what dkimpy says of its signature. There is also a line for
each message that hangs and for each QUIT.
"""

import argparse
import asyncio
import base64
import email
import email.policy
import itertools
import json
import re
import ssl
import sys

import dkim
from aiosmtpd.smtp import SMTP, AuthResult

SCRIPTED = re.compile(r"(?P<stage>mail|rcpt|text)-(?P<code>\d{3})(-(?P<enhanced>\d\.\d+\.\d+))?@")


def scripted(stage, address):
    """The reply that the address asks for at this stage, if any."""
    found = SCRIPTED.match(address)
    if not found or found["stage"] != stage:
        return None
    words = [found["code"], found["enhanced"], f"as asked by <{address}>"]
    return " ".join(word for word in words if word)


def parsed(raw):
    """The message as Python's own parser sees it."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    parts = {}
    for part in message.walk():
        if part.get_content_maintype() == "text":
            parts[part.get_content_subtype()] = part.get_content()
    defects = [repr(defect) for part in message.walk() for defect in part.defects]
    headers = {name.lower(): str(value) for name, value in message.items()}
    return {"headers": headers, "type": message.get_content_type(), "parts": parts, "defects": defects}


class Handler:
    sessions = itertools.count(1)

    def __init__(self, options):
        self.options = options
        self.journal = open(options.journal, "a", encoding="utf-8")

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        if self.options.pipelining:
            responses.insert(1, "250-PIPELINING")
        if self.options.dsn:
            responses.insert(1, "250-DSN")
        return responses

    async def handle_MAIL(self, server, session, envelope, address, options):
        reply = scripted("mail", address)
        if reply:
            return reply
        if not hasattr(session, "number"):
            session.number = next(self.sessions)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        reply = scripted("rcpt", address)
        if reply:
            return reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        recipient = envelope.rcpt_tos[0]
        reply = scripted("text", recipient)
        if reply:
            return reply
        if recipient.startswith("hang@"):
            self.write({"hangs": session.number})
            await asyncio.Event().wait()
        if recipient.startswith("drop@"):
            server.transport.abort()
            return "451 never seen"
        self.keep(server, session, envelope)
        if recipient.startswith("late@"):
            await asyncio.sleep(self.options.late)
        if recipient.startswith("leave@"):
            asyncio.get_running_loop().call_soon(server.transport.close)
        return "250 2.0.0 OK: taken"

    async def handle_QUIT(self, server, session, envelope):
        self.write({"quit": getattr(session, "number", None)})
        return "221 2.0.0 Bye"

    async def auth_XOAUTH2(self, server, args):
        """Google's description of XOAUTH2: a token that is refused is refused in a challenge."""
        if len(args) == 2 and base64.b64decode(args[1]).decode() == self.options.token:
            return AuthResult(success=True, auth_data=args[1])
        await server.challenge_auth('{"status":"401","schemes":"bearer mac"}')
        return AuthResult(success=False, handled=False)

    def keep(self, server, session, envelope):
        raw = envelope.content
        entry = {
            "session": session.number,
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "options": envelope.mail_options,
            "notices": server.notices,
            "encrypted": self.options.tls == "implicit" or session.ssl is not None,
            "authenticated": session.authenticated,
            "hello": session.host_name,
            "raw": base64.b64encode(raw).decode(),
            "parsed": parsed(raw),
        }
        if self.options.dkim_record:
            record = self.options.dkim_record.encode()
            asked = []
            def dns(name, timeout=5):
                asked.append(name.decode())
                return record
            entry["dkim"] = {"verified": dkim.verify(raw, dnsfunc=dns), "asked": asked}
        self.write(entry)

    def write(self, entry):
        print(json.dumps(entry), file=self.journal, flush=True)


class Peer(SMTP):
    """aiosmtpd that takes the parameters of RFC 3461, which it does not know, where DSN is offered."""

    notices = None

    async def smtp_MAIL(self, arg):
        self.notices = []
        await super().smtp_MAIL(self.without_notices(arg, "RET=", "ENVID="))

    async def smtp_RCPT(self, arg):
        await super().smtp_RCPT(self.without_notices(arg, "NOTIFY=", "ORCPT="))

    def without_notices(self, arg, *keywords):
        if not self.event_handler.options.dsn:
            return arg
        words = arg.split(" ")
        self.notices += [word for word in words if word.startswith(keywords)]
        return " ".join(word for word in words if not word.startswith(keywords))


class Careless(Peer):
    """A server that asks for the text of a message to nobody, as RFC 2920 (section 3.1) warns that some do."""

    async def smtp_DATA(self, arg):
        if self.envelope.rcpt_tos:
            return await super().smtp_DATA(arg)
        await self.push("354 End data with <CR><LF>.<CR><LF>")


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--journal", required=True)
    parser.add_argument("--tls", choices=["none", "starttls", "implicit"], default="none")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--user", help="LOGIN:PASSWORD, required of every client")
    parser.add_argument("--token", help="what a client that uses XOAUTH2 has to say")
    parser.add_argument("--late", type=float, default=1.0, help="how late a reply is, in seconds")
    parser.add_argument("--dsn", action="store_true", help="report on deliveries as asked")
    parser.add_argument("--size", type=int, default=33554432, help="the largest message, in bytes")
    parser.add_argument("--dkim-record")
    parser.add_argument("--no-smtputf8", action="store_true")
    parser.add_argument("--pipelining", action="store_true", help="take commands together")
    parser.add_argument("--careless", action="store_true", help="ask for the text of a message to nobody")
    return parser.parse_args()


def main():
    chosen = options()
    context = None
    if chosen.certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(chosen.certificate, chosen.key)
    handler = Handler(chosen)

    def authenticate(server, session, envelope, mechanism, data):
        given = f"{data.login.decode()}:{data.password.decode()}"
        return AuthResult(success=given == chosen.user, handled=False)

    def session():
        return (Careless if chosen.careless else Peer)(
            handler,
            data_size_limit=chosen.size,
            auth_exclude_mechanism=[] if chosen.token else ["XOAUTH2"],
            hostname="peer.example",
            enable_SMTPUTF8=not chosen.no_smtputf8,
            tls_context=context if chosen.tls == "starttls" else None,
            require_starttls=chosen.tls == "starttls",
            authenticator=authenticate if chosen.user else None,
            auth_required=bool(chosen.user or chosen.token),
            auth_require_tls=chosen.tls == "starttls",
        )

    async def serve():
        loop = asyncio.get_running_loop()
        implicit = context if chosen.tls == "implicit" else None
        server = await loop.create_server(session, "127.0.0.1", chosen.port, ssl=implicit)
        await server.serve_forever()

    asyncio.run(serve())


if __name__ == "__main__":
    sys.exit(main())
