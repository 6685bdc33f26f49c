"""Signs a webhook as its provider does, with the provider's own software where there is any.

    sign.py twilio TOKEN URL BODY      the value of X-Twilio-Signature (Twilio's SDK)
    sign.py meta SECRET BODY           the value of X-Hub-Signature-256
"""

import hashlib
import hmac
import sys
import urllib.parse

from twilio.request_validator import RequestValidator


def main():
    provider, key, *rest = sys.argv[1:]
    if provider == "twilio":
        url, body = rest
        parameters = dict(urllib.parse.parse_qsl(body, keep_blank_values=True))
        print(RequestValidator(key).compute_signature(url, parameters))
    elif provider == "meta":
        (body,) = rest
        print("sha256=" + hmac.new(key.encode(), body.encode(), hashlib.sha256).hexdigest())
    else:
        sys.exit(f"no such provider: {provider}")


if __name__ == "__main__":
    main()
