"""Hands a mail over by LMTP with Python's own client, and tells the replies as a line of JSON.

    lmtp.py PORT RECIPIENT delivery ACTION STATUS DIAGNOSTIC
        a delivery status notification (RFC 3464), put together by Python's email package
    lmtp.py PORT RECIPIENT complaint KIND MAIL_FROM
        a feedback report (RFC 5965) on a mail with this envelope sender
    lmtp.py PORT RECIPIENT file PATH
        a mail as it is in a file

With `print` in the place of the port the mail is printed and not handed over.
"""

import email.policy
import json
import smtplib
import sys
from email.message import EmailMessage, MIMEPart

POLICY = email.policy.SMTP


def part(kind, *groups):
    """A part whose body is groups of fields."""
    made = MIMEPart(policy=POLICY)
    made["Content-Type"] = kind
    if kind == "message/delivery-status":
        made.set_payload([fields(group) for group in groups])
    else:
        made.set_payload("".join(fields(group).as_string() for group in groups))
    return made


def fields(group):
    made = MIMEPart(policy=POLICY)
    for name, value in group:
        made[name] = value
    return made


def report(recipient, kind, words, *parts):
    made = EmailMessage(policy=POLICY)
    made["From"] = "MAILER-DAEMON@mx.example.org"
    made["To"] = recipient
    made["Subject"] = "A report"
    made["Date"] = "Sun, 22 Nov 2026 10:00:00 +0000"
    made["Auto-Submitted"] = "auto-replied"
    made.set_content(words)
    made.make_mixed()
    made.set_type("multipart/report")
    made.set_param("report-type", kind)
    for own in parts:
        made.attach(own)
    return made.as_bytes()


def delivery(recipient, action, status, diagnostic):
    message = [("Reporting-MTA", "dns; mx.example.org")]
    person = [
        ("Final-Recipient", "rfc822; somebody-else@example.net"),
        ("Action", action),
        ("Status", status),
        ("Diagnostic-Code", diagnostic),
    ]
    returned = part("text/rfc822-headers", [("From", "shop@example.com")])
    return report(recipient, "delivery-status", "It failed.", part("message/delivery-status", message, person), returned)


def complaint(recipient, kind, mail_from):
    fields = [
        ("Feedback-Type", kind),
        ("User-Agent", "Peer/1.0"),
        ("Version", "1"),
        ("Original-Mail-From", f"<{mail_from}>"),
    ]
    returned = part("text/rfc822-headers", [("From", "shop@example.com")])
    return report(recipient, "feedback-report", "Spam.", part("message/feedback-report", fields), returned)


def from_file(_recipient, path):
    with open(path, "rb") as mail:
        return mail.read()


def hand_over(port, recipient, mail):
    with smtplib.LMTP("127.0.0.1", port) as client:
        replies = [client.ehlo("mx.example.org"), client.mail(""), client.rcpt(recipient)]
        if replies[-1][0] == 250:
            replies.append(client.data(mail))
    return [f"{code} {text.decode()}" for code, text in replies]


def main():
    port, recipient, kind, *rest = sys.argv[1:]
    mail = {"delivery": delivery, "complaint": complaint, "file": from_file}[kind](recipient, *rest)
    if port == "print":
        sys.stdout.buffer.write(mail)
    else:
        print(json.dumps(hand_over(int(port), recipient, mail)))


if __name__ == "__main__":
    main()
