"""Why Azure AD refuses to give a token, in its own words."""

from typing import NamedTuple
from uuid import uuid4

from bridge.simulator.request import Request
from bridge.simulator.response import RefusedError, as_json

MICROSOFT = "login.microsoftonline.com"


class Reason(NamedTuple):
    """A reason to refuse."""

    code: int  # AADSTS...
    message: str  # with places for details
    error: str = "invalid_client"
    status: int = 401


SECRET_WRONG = Reason(
    7000215,
    "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value,"
    " not the client secret ID, for a secret added to app '{client}'.",
)
SECRET_EXPIRED = Reason(
    7000222,
    "The provided client secret keys for app '{client}' are expired. Visit the Azure portal to create new"
    " keys for your app.",
)
NO_PROOF = Reason(
    7000216,
    "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
)
KEY_NOT_FOUND = Reason(
    700027,
    "The certificate with identifier used to sign the client assertion is not registered on application."
    " [Reason - The key was not found., Thumbprint of key used by client: '{thumbprint}'.]",
)
KEY_EXPIRED = Reason(
    700027,
    "Client assertion contains an invalid signature. [Reason - The key used is expired., Thumbprint of key"
    " used by client: '{thumbprint}'.]",
)
SIGNATURE_WRONG = Reason(
    700027,
    "Client assertion failed signature validation. [Reason - The key was found, but use of the key to verify"
    " the signature failed., Thumbprint of key used by client: '{thumbprint}'.]",
)
AUDIENCE_WRONG = Reason(700023, "Client assertion audience claim does not match Realm issuer.")
ISSUER_WRONG = Reason(700021, "Client assertion application identifier doesn't match 'client_id' parameter.")
OUT_OF_TIME = Reason(700024, "Client assertion is not within its valid time range.")
MALFORMED = Reason(50027, "InvalidJwtToken - Invalid JWT token due to the following reasons: {why}.")
UNKNOWN_CLIENT = Reason(
    700016,
    "Application with identifier '{client}' was not found in the directory. This can happen if the"
    " application has not been installed by the administrator of the tenant.",
    "unauthorized_client",
    400,
)
UNKNOWN_TENANT = Reason(
    90002,
    "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the"
    " correct cloud.",
    "invalid_request",
    400,
)
MISSING = Reason(
    900144, "The request body must contain the following parameter: '{name}'.", "invalid_request", 400
)
ASSERTION_TYPE_UNKNOWN = Reason(
    900023, "The value of the parameter 'client_assertion_type' is not supported.", "invalid_request", 400
)
GRANT_TYPE_UNKNOWN = Reason(
    70003, "The app requested an unsupported grant type '{grant_type}'.", "unsupported_grant_type", 400
)
SCOPE_WRONG = Reason(
    1002012,
    "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with"
    " /.default suffixed to the resource identifier.",
    "invalid_scope",
    400,
)
SCOPE_UNKNOWN = Reason(
    500011, "The resource principal named {scope} was not found in the tenant.", "invalid_resource", 400
)


def refused(request: Request, reason: Reason, **details: str) -> RefusedError:
    """An error as Azure AD writes it."""
    message = reason.message.format(client=request.form.get("client_id", ""), **details)
    trace, correlation, moment = str(uuid4()), str(uuid4()), f"{request.now:%Y-%m-%d %H:%M:%SZ}"
    return RefusedError(
        as_json(
            {
                "error": reason.error,
                "error_description": f"AADSTS{reason.code}: {message} Trace ID: {trace} Correlation ID: "
                f"{correlation} Timestamp: {moment}",
                "error_codes": [reason.code],
                "timestamp": moment,
                "trace_id": trace,
                "correlation_id": correlation,
                "error_uri": f"https://{MICROSOFT}/error?code={reason.code}",
            },
            reason.status,
        )
    )
