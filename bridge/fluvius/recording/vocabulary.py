"""What may stay in a recording as it is: words that are nobody's, and where codes and moments stand."""

import re

# None that people are likely to be called.
_OF_PAGES = """
    action body br button charset class const content cp data div doctype document false fields footer form
    function h1 h2 h3 head header href html id if img input label lang let link main meta method name new
    null p return sa script section settings span src style this title true type ul undefined value var
    viewport window
"""
_OF_FIELDS = """
    0 1a access activated active address algorithms amount amounts and api as asserted attribute auth
    authorities authority authorization auxiliary b2c bearer begin box cache calorific capacitive challenge
    claims client close code codes com combined complete config configuration confirmed consumption
    conversion correlation count csrf css customer d daily date day days dc de deep default description
    detail details device direction disabled discovery display dn ean electricity element email enabled end
    endpoint endpoints energy error errors esco estimated exchange expiration extra factor fetch final
    fluvius from gas gcuv global grant granularity heading headpoint headpoints high hint history host hosts
    hour hourly hours identifier ids in index inductive info injection installation installed interval
    intervals is issuer item items jwks key keys kind klanten known limit list live local locale location
    login logo logout low mandate mandates map measurement measurements message messages meter metering
    meters methods mfa microsoft mijn minute mock mode month monthly more msal nested next night number
    oauth oauth2 off offset offtake on onmicrosoft openid options or origin page password passwords pat path
    peak period phone physical policy post power previous production prompt protected provider quantity
    quarter reactive reading readings reason redirect refresh region register registers remote renewal
    request resource response result results retry sbx scope scopes self sent seq serial service services
    session set short sign signin signup since size slot slots source spaces spike spikes sst st start state
    static status storage strings sub subject submetering supported suppress t tariff telemetry template
    tenant text time timestamp to token tokens total trace trans transaction trim types u unified unit units
    until up uri url user username ux v v1 v2 v3 valid validated validation validity values verbruik
    verifier version view volume vreg vs well with x year
"""
_OF_SENTENCES = """
    a aadb2c aadsts aanvraag accepted account accounts after again allowed also another application are
    array assertion at authentication bad be been before beschikbaar btu busy by can cancelled cannot
    certificate conditions could dag denied does due even exceeded exist exists expected expired field first
    fit for forbidden format found fout future gateway geen geweigerd gj has have headers het http https
    identity ig include including incorrect internal into invalid it its json kva kvarh kw kwartier kwh last
    later lie lies locked longer m3 maintenance make many match may mislukt missing mj moment must mwh niet
    no not object occurred of onbekend onbepaald once onderhoud ongeldig only opnieuw other out outside over
    parameter parameters past plain prevent probeer property provide range rate redeemed refused registered
    rejected requests required secret seem server signature step subscription sure technical temporarily
    terms than the thumbprint timed timeout toegang too try two unauthorized unavailable unexpected unknown
    use used utf uur verification verify verplicht vervallen vh was we were wh when where which while would
    wrong xml you your
"""
_OF_SIGN_INS = """
    alg aud authorize complex devicecode exp expires ext iat iss jti jwt kid me nbf nonce oid reference
    references remember sub tid tx typ uid ver
"""
_OURS = "characters com cookie cookies cut example failure silence someone unreachable"
WORDS = frozenset(f"{_OF_PAGES} {_OF_FIELDS} {_OF_SENTENCES} {_OF_SIGN_INS} {_OURS}".split())

# Whole values that are the same for everybody.
KNOWN_VALUES = frozenset(
    {
        *("READ", "VAL", "EST", "NVAL", "P", "D", "C", "E", "G", "Voorlopig", "Definitief", "m3", "m³", "?"),
        *("Requested", "Approved", "Rejected", "Finished", "ToBeRenewed", "RenewalRequested", "Expired"),
        *("VH_dag", "VH_kwartier_uur", "VH_onbepaald", "IG", "B2C", "B2B", "KM", "DM", "PV", "WKKB", "WKKD"),
        *("authorization_code", "refresh_token", "client_credentials", "RESPONSE", "S256", "RS256", "JWT"),
        *("readTime", "insertTime", "active", "daily", "hourly_quarterhourly", "daily,hourly_quarterhourly"),
        *("openid", "offline_access", "profile", "code", "query", "login", "Bearer", "success", "failed"),
        *("access_denied", "server_error", "temporarily_unavailable", "interaction_required", "nl", "en"),
        "https://klanten.onmicrosoft.com/MijnFluvius/user_impersonation",
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
)
KNOWN_HOSTS = frozenset(
    {
        *("mijn.fluvius.be", "login.fluvius.be", "apihub.fluvius.be", "www.fluvius.be"),
        *("klanten.b2clogin.com", "login.microsoftonline.com"),
    }
)
KNOWN_COOKIES = re.compile(r"x-ms-cpim-(trans|csrf|geo|slice|dc|ctx|cache|sso)")
CONTENT_TYPES = re.compile(
    r"((application|text)/(problem\+json|json|html|plain|xml))\s*(;\s*charset=[\"']?utf-?8[\"']?)?",
    re.IGNORECASE,
)

# What stands in a field, by its name in small letters, is told by its kind and a number.
_SECRETS = {
    "assertion": "client_assertion",
    "challenge": "code_challenge",
    "client": "client_id clientid aud appid",
    "code": "code",
    "contract": "dataaccesscontractnumber",
    "csrf": "csrf csrf_token",
    "field": "id",
    "info": "client_info",
    "link": "shorturlidentifier",
    "nonce": "nonce",
    "password": "password",
    "person": "sub oid uid",
    "policy": "policy p",
    "reference": "referencenumber",
    "resource": "resource",
    "scope": "scope scopes defaultscopes apiscopes",
    "secret": "client_secret",
    "state": "state",
    "tenant": "tid",
    "token": "access_token refresh_token id_token kid jti",
    "transaction": "transid tx",
    "verifier": "code_verifier",
    "view": "pageviewid",
    "vreg": "vregid",
}
SECRETS = {name: kind for kind, names in _SECRETS.items() for name in names.split()}
SERIALS = frozenset({"meterserialnumber", "meterid", "serial", "serialnumber", "meternumber"})
MOMENTS = frozenset(
    {
        *("d", "de", "sst", "set", "start", "end", "from", "to", "until", "fetchtime", "validto"),
        *("historyfrom", "historyuntil", "dataperiodfrom", "dataperiodto", "mandateexpirationdate"),
        *("lastupdatedfrom", "lastupdatedto"),
    }
)
SECONDS = frozenset(
    {
        *("exp", "iat", "nbf", "auth_time", "not_before", "expires_in", "expires_on", "ext_expires_in"),
        "refresh_token_expires_in",
    }
)
CODES = frozenset({"dc", "t", "u", "vs", "st", "seqnumber", "granularity", "mandatedisplaymode", "status"})
LAST_WORDS_OF_CODES = frozenset(
    {"code", "type", "status", "state", "unit", "direction", "tariff", "kind", "version"}
)
PUBLIC_FACTORS = frozenset(
    {"gcuv", "gasconversionfactor"}
)  # known to all: scaled, they would tell by how much
