"""Signs a webhook as its provider does, with the provider's own software where there is any.

    sign.py twilio TOKEN URL BODY            the value of X-Twilio-Signature (Twilio's SDK)
    sign.py twilio-json TOKEN URL BODY       the URL with bodySHA256, and the value of X-Twilio-Signature (Twilio's SDK)
    sign.py meta SECRET BODY                 the value of X-Hub-Signature-256
    sign.py vonage SECRET BODY               the form BODY with its signature, and with the time unless it has one (Vonage's SDK)
    sign.py vonage-md5hash SECRET BODY       the same by MD5 without HMAC (the last of Vonage's SDKs that can)
    sign.py vonage-jwt SECRET BODY [TIME]    the token for Authorization (made by PyJWT, verified by Vonage's SDK)
    sign.py sinch SECRET BODY [TIME]         signature, nonce and time, for the headers of these names (Sinch's SDK)
    sign.py standard SECRET ID BODY [TIME]   signature and time, for the headers of Standard Webhooks (standardwebhooks)
    sign.py svix SECRET ID TIME BODY         the value of svix-signature (Svix's SDK)
    sign.py sendgrid-key SECRET              the public key of a pair that follows from SECRET
    sign.py sendgrid SECRET TIME BODY        the value of X-Twilio-Email-Event-Webhook-Signature (verified by SendGrid's SDK)
    sign.py sns-certificate KEYFILE          a certificate in PEM; its private key goes to the file
    sign.py sns KEYFILE MESSAGE              the message of SNS with its Signature

TIME is in seconds since the Unix epoch, and is now by default.
"""

import base64
import datetime
import hashlib
import hmac
import json
import sys
import time
import urllib.parse


def parameters(body):
    return dict(urllib.parse.parse_qsl(body, keep_blank_values=True))


def twilio(token, url, body):
    from twilio.request_validator import RequestValidator

    return RequestValidator(token).compute_signature(url, parameters(body))


def twilio_json(token, url, body):
    from twilio.request_validator import RequestValidator

    validator = RequestValidator(token)
    url = f"{url}?bodySHA256={validator.compute_hash(body)}"
    signature = validator.compute_signature(url, {})
    assert validator.validate(url, body, signature)
    return f"{url} {signature}"


def meta(secret, body):
    return "sha256=" + hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()


def vonage(secret, body):
    from vonage_http_client.auth import Auth

    form = parameters(body)
    auth = Auth(api_key="abcd1234", signature_secret=secret, signature_method="sha256")
    # It adds the time.
    form["sig"] = auth.sign_params(form)
    return urllib.parse.urlencode(form)


def vonage_md5hash(secret, body):
    import vonage

    form = parameters(body)
    client = vonage.Client(key="abcd1234", signature_secret=secret)
    # It adds the time.
    form["sig"] = client.signature(form)
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


def svix(secret, id, at, body):
    from svix.webhooks import Webhook

    moment = datetime.datetime.fromtimestamp(int(at), datetime.timezone.utc)
    return Webhook(secret).sign(id, moment, body)


def sendgrid_pair(secret):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    number = int.from_bytes(hashlib.sha256(secret.encode()).digest()[1:], "big")
    private = ec.derive_private_key(number, ec.SECP256R1())
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = private.public_key().public_bytes(serialization.Encoding.DER, form)
    return private, base64.b64encode(public).decode()


def sendgrid_key(secret):
    return sendgrid_pair(secret)[1]


def sendgrid(secret, at, body):
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from sendgrid.helpers.eventwebhook import EventWebhook

    private, public = sendgrid_pair(secret)
    signed = private.sign((at + body).encode(), ec.ECDSA(hashes.SHA256()))
    signature = base64.b64encode(signed).decode()
    webhook = EventWebhook()
    assert webhook.verify_signature(body, signature, at, webhook.convert_public_key_to_ecdsa(public))
    return signature


def sns_certificate(path):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with open(path, "wb") as file:
        file.write(key.private_bytes(*form))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now, day = datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(days=1)
    certificate = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    certificate = certificate.not_valid_before(now - day).not_valid_after(now + day)
    certificate = certificate.public_key(key.public_key()).sign(key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def sns(path, message):
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding

    message = json.loads(message)
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    signed = "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
    with open(path, "rb") as file:
        key = serialization.load_pem_private_key(file.read(), None)
    algorithm = {"1": hashes.SHA1, "2": hashes.SHA256}[message["SignatureVersion"]]()
    message["Signature"] = base64.b64encode(key.sign(signed.encode(), padding.PKCS1v15(), algorithm)).decode()
    return json.dumps(message)


# The function, and how many arguments come before the time, for those that take it.
PROVIDERS = {
    "twilio": (twilio, None),
    "twilio-json": (twilio_json, None),
    "meta": (meta, None),
    "vonage": (vonage, None),
    "vonage-md5hash": (vonage_md5hash, None),
    "vonage-jwt": (vonage_jwt, 2),
    "sinch": (sinch, 2),
    "standard": (standard, 3),
    "svix": (svix, None),
    "sendgrid-key": (sendgrid_key, None),
    "sendgrid": (sendgrid, None),
    "sns-certificate": (sns_certificate, None),
    "sns": (sns, None),
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
