"""Amazon's services as moto plays them, with access checked: who may call is decided by the signature.

There is one user, who may do anything, and one verified sender, shop@example.com. GET /taken gives the user's access key and
what was sent so far.
"""

import argparse
import json
import os
import sys

# How many calls pass unchecked. moto reads it when it is imported.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "0"

from moto.backends import get_backend
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

ACCOUNT = "123456789012"
REGION = "eu-west-1"
ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def access_key():
    iam = get_backend("iam")[ACCOUNT]["aws"]
    iam.create_user(region_name=REGION, user_name="relevo")
    iam.put_user_policy("relevo", "anything", json.dumps(ANYTHING))
    return iam.create_access_key("relevo")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()

    key = access_key()
    ses = get_backend("ses")[ACCOUNT][REGION]
    sns = get_backend("sns")[ACCOUNT][REGION]
    ses.verify_email_identity("shop@example.com")
    services = DomainDispatcherApplication(create_backend_app)

    def taken():
        emails = [
            {"id": own.id, "from": own.source, "to": own.destinations["ToAddresses"], "subject": own.subject, "body": own.body}
            for own in ses.sent_messages
        ]
        sms = [list(message) for message in sns.sms_messages.values()]
        return {
            "access_key_id": key.access_key_id,
            "secret_access_key": key.secret_access_key,
            "emails": emails,
            "sms": sms,
        }

    def application(environ, start_response):
        if environ["PATH_INFO"] != "/taken":
            return services(environ, start_response)
        start_response("200 OK", [("content-type", "application/json")])
        return [json.dumps(taken()).encode()]

    run_simple("127.0.0.1", options.port, application, threaded=True)


if __name__ == "__main__":
    sys.exit(main())
