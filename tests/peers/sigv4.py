"""Signs a request with botocore, the heart of Amazon's own client for Python, at a given time.

Standard input holds the request as JSON; standard output gets the headers with which botocore would send it.
"""

import datetime
import json
import sys

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def main():
    given = json.load(sys.stdin)
    time = datetime.datetime.strptime(given["time"], "%Y%m%dT%H%M%SZ")
    botocore.auth.get_current_datetime = lambda *arguments, **options: time
    credentials = Credentials(given["access_key_id"], given["secret_access_key"], given["session_token"])
    request = AWSRequest("POST", given["url"], headers=given["headers"], data=given["body"].encode())
    botocore.auth.SigV4Auth(credentials, given["service"], given["region"]).add_auth(request)
    json.dump({name.lower(): value for name, value in request.headers.items()}, sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
