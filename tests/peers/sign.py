"""Signs a webhook as its provider does, with the provider's own software where there is any.

    sign.py twilio TOKEN URL BODY            the value of X-Twilio-Signature (Twilio's SDK)
    sign.py meta SECRET BODY                 the value of X-Hub-Signature-256
    sign.py vonage SECRET BODY               the form BODY with its signature, and with the time unless it has one (Vonage's SDK)
    sign.py vonage-jwt SECRET BODY [TIME]    the token for Authorization (made by PyJWT, verified by Vonage's SDK)
    sign.py sinch SECRET BODY [TIME]         signature, nonce and time, for the headers of these names (Sinch's SDK)
    sign.py standard SECRET ID BODY [TIME]   signature and time, for the headers of Standard Webhooks (standardwebhooks)

TIME is in seconds since the Unix epoch, and is now by default.
"""

import datetime
import hashlib
import hmac
import sys
import time
import urllib.parse


def parameters(body):
    return dict(urllib.parse.parse_qsl(body, keep_blank_values=True))


def twilio(token, url, body):
    from twilio.request_validator import RequestValidator

    return RequestValidator(token).compute_signature(url, parameters(body))


def meta(secret, body):
    return "sha256=" + hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()


def vonage(secret, body):
    from vonage_http_client.auth import Auth

    form = parameters(body)
    auth = Auth(api_key="abcd1234", signature_secret=secret, signature_method="sha256")
    # It adds the time.
    form["sig"] = auth.sign_params(form)
    return urllib.parse.urlencode(form)


def vonage_jwt(secret, body, at):
    import jwt
    from vonage_jwt.verify_jwt import verify_signature

    payload_hash = hashlib.sha256(body.encode()).hexdigest()
    claims = {"iat": at, "jti": "1", "iss": "Vonage", "api_key": "abcd1234", "payload_hash": payload_hash}
    token = jwt.encode(claims, secret, algorithm="HS256")
    assert verify_signature(token, secret)
    return token


def sinch(secret, body, at):
    from sinch.domains.authentication.sinch_events.v1 import authentication_validation as sdk

    nonce = "01FJA8B4A7BM43YGWSG9GBV067"
    signature = sdk.calculate_sinch_event_signature(sdk.compute_signed_data(body, nonce, str(at)), secret)
    return f"{signature} {nonce} {at}"


def standard(secret, id, body, at):
    from standardwebhooks.webhooks import Webhook

    moment = datetime.datetime.fromtimestamp(at, datetime.timezone.utc)
    return f"{Webhook(secret).sign(id, moment, body)} {at}"


# The function, and how many arguments come before the time, for those that take it.
PROVIDERS = {
    "twilio": (twilio, None),
    "meta": (meta, None),
    "vonage": (vonage, None),
    "vonage-jwt": (vonage_jwt, 2),
    "sinch": (sinch, 2),
    "standard": (standard, 3),
}


def main():
    provider, *arguments = sys.argv[1:]
    if provider not in PROVIDERS:
        sys.exit(f"no such provider: {provider}")
    sign, before = PROVIDERS[provider]
    if before is not None:
        given = arguments[before:]
        arguments = [*arguments[:before], int(given[0]) if given else int(time.time())]
    print(sign(*arguments))


if __name__ == "__main__":
    main()
