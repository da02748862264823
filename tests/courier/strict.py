"""Stand-ins of AWS that take nothing wrong: each signature is made again by botocore, and each input has to be one that
botocore's model of the service takes. Importing it fails where botocore is not installed."""
import datetime
import json
import re
import urllib.parse

import place  # noqa: F401 -- where Debian's packages are
import botocore.loaders
import botocore.model
import botocore.validate
from botocore import auth, awsrequest, credentials

KEY, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a+session/token=="
MODELS = {name: botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model(name, "service-2"))
          for name in ("sns", "events", "ecs")}


def complaints(service, operation, parameters):
    shape = MODELS[service].operation_model(operation).input_shape
    return botocore.validate.ParamValidator().validate(parameters, shape).generate_report()


def wrong_signature(handler, body, service, region="eu-central-1", token=None):
    found = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
                         r"SignedHeaders=(\S+), Signature=([0-9a-f]{64})", handler.headers["Authorization"] or "")
    if not found or (found[1], found[3], found[4]) != (KEY, region, service):
        return "another scope"
    names = found[5].split(";")
    wanted = {"host", "x-amz-date", "content-type"} | {n.lower() for n in handler.headers if n.lower().startswith("x-amz-")}
    if names != sorted(names) or not wanted <= set(names):
        return "headers are not signed"
    if handler.headers["X-Amz-Security-Token"] != token:
        return "another session"
    request = awsrequest.AWSRequest("POST", f"http://{handler.headers['Host']}{handler.path}", data=body,
                                    headers={n: handler.headers[n] for n in names})
    request.context["timestamp"] = handler.headers["X-Amz-Date"]
    signer = auth.SigV4Auth(credentials.Credentials(KEY, SECRET, token), service, region)
    theirs = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return None if theirs == found[6] else "not as botocore signs"


def publish_problem(handler, body, region="eu-central-1", token=None):
    """(what is wrong or None, the parameters of SNS Publish)"""
    problem = wrong_signature(handler, body, "sns", region, token)
    form = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
    if handler.path != "/" or not handler.headers["Content-Type"].startswith("application/x-www-form-urlencoded"):
        problem = problem or "not a form"
    if form.pop("Action") != "Publish" or form.pop("Version") != "2010-03-31":
        problem = problem or "not Publish"
    attributes = {}
    for key in [k for k in form if k.startswith("MessageAttributes.entry.")]:
        _, _, number, rest = key.split(".", 3)
        attributes.setdefault(int(number), {})[rest] = form.pop(key)
    if sorted(attributes) != list(range(1, len(attributes) + 1)):
        problem = problem or "attributes are not numbered"
    if attributes:
        form["MessageAttributes"] = {a["Name"]: {"DataType": a["Value.DataType"], "StringValue": a["Value.StringValue"]}
                                     for a in attributes.values()}
    return problem or complaints("sns", "Publish", form) or None, form


def events_problem(handler, body, region="eu-central-1", token=None):
    """(what is wrong or None, the request of EventBridge PutEvents)"""
    problem = wrong_signature(handler, body, "events", region, token)
    if handler.headers["X-Amz-Target"] != "AWSEvents.PutEvents" or handler.path != "/" or \
            handler.headers["Content-Type"] != "application/x-amz-json-1.1":
        problem = problem or "not PutEvents"
    request, checked = json.loads(body), json.loads(body)
    for entry in checked["Entries"]:
        entry["Time"] = datetime.datetime.fromtimestamp(entry["Time"])
        json.loads(entry["Detail"])
        if entry["Source"].startswith("aws."):
            problem = "NotAuthorizedForSourceException"
    return problem or complaints("events", "PutEvents", checked) or None, request
