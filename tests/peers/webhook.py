"""A receiver of messages that verifies them with the package standardwebhooks.

What it verifies it takes, and answers with a reference; everything else it refuses with 401. GET gives what was posted so
far, taken or not, as it came over the wire.
"""

import argparse
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


def receiver(secret):
    webhook = Webhook(secret)
    posted = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            raw = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            posted.append({"headers": headers, "body": raw.decode()})
            try:
                message = webhook.verify(raw, headers)
            except WebhookVerificationError as error:
                self.answer(401, {"outcome": "misconfigured", "code": "signature", "text": str(error)})
                return
            self.answer(200, {"reference": f"taken {message['content']['text']}"})

        def do_GET(self):
            self.answer(200, posted)

        def answer(self, status, body):
            body = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Receiver


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--secret", required=True)
    options = parser.parse_args()
    ThreadingHTTPServer(("127.0.0.1", options.port), receiver(options.secret)).serve_forever()


if __name__ == "__main__":
    sys.exit(main())
