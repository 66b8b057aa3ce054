"""Tables but [[mailbox]] that must not load, each for its own reason."""


from tests.config.samples import ACTING, LOOKING, MAILBOX, TOKEN_KEY, Case, mailbox, oauth2, refused, rest, webhook
from tests.families import for_each

MAKE_ONE = "make one with: openssl rand -base64 32"
FOUR_NUMBERS = "write an IPv4 address as four decimal numbers, such as 192.0.2.1"
NO_HOST = ('is neither a host name nor an address: write each host alone, without port, path, * or /24, such as '
           '"hooks.internal.example" or "10.1.2.3"')



def notify(*lines: str) -> str:
    """A sound mailbox and a notifier; these lines begin on line 9."""
    return rest('[[notify]]', 'name = "operator"', 'url = "json://127.0.0.1:8080"', *lines)


CASES = [
    Case("unknown-key", mailbox('folders = "INBOX"'),
         "line 6: mailbox[returns].folders: unknown: did you mean folder?"),
    Case("key-of-another-table", mailbox('secret = "hunter2"'),
         "line 6: mailbox[returns].secret: unknown here: it belongs in [[webhook]]"),
    Case("webhook-plain-http", webhook('url = "http://platform.example.com/hooks"'),
         "line 8: webhook[platform].url: plain http is allowed only for this machine (127.0.0.1, ::1, localhost): "
         "use https://"),
    Case("webhook-with-user", webhook('url = "https://me:pw@platform.example.com/hooks"'),
         "line 8: webhook[platform].url: contains a user name or password: remove the part before the @"),
    Case("webhook-no-url", webhook('url = "platform.example.com/hooks"'),
         'line 8: webhook[platform].url: is not a web address: write it as "https://host.example.com/path"'),
    Case("webhook-bad-port", webhook('url = "https://platform.example.com:99999/hooks"'),
         "line 8: webhook[platform].url: is not a valid web address: check its host and port"),
    *(Case(f"webhook-host-in-disguise-{host}", webhook(f'url = "https://{host}/hooks"'),
           "line 8: webhook[platform].url: names an address in disguise, which programs read differently: " + mend)
      for host, mend in (
          ("2130706433", FOUR_NUMBERS), ("0x7f000001", FOUR_NUMBERS), ("0177.0.0.1", FOUR_NUMBERS),
          ("127.1", FOUR_NUMBERS), ("127.0.0.1.", FOUR_NUMBERS), ("hooks.example.0x0a", FOUR_NUMBERS),
          ("１２７.0.0.1", "write it as 127.0.0.1"), ("127。0。0。1", "write it as 127.0.0.1"),
          ("ⓗooks.example", "write it as hooks.example"),
          ("[::ffff:10.0.0.1]", "write it as 10.0.0.1"), ("[::ffff:a00:1]", "write it as 10.0.0.1"),
          ("[fd00:0:0::1]", "write it as fd00::1"), ("[fe80::1%25eth0]", "write it without %"),
          ("%31%30.0.0.1", "write it without %"),
      )),
    Case("webhook-host-of-two-readings", webhook(r'url = "https://evil.example\\hooks.example/hooks"'),
         'line 8: webhook[platform].url: contains no valid host name: write it as '
         '"https://host.example.com/path"'),
    Case("token-url-in-disguise", oauth2('token_url = "https://2130706433/token"'),
         f"line 7: mailbox[returns].oauth2.token_url: names an address in disguise, which programs read differently: "
         f"{FOUR_NUMBERS}"),
    *(Case(f"webhook-to-{name}", webhook(f'url = "https://{host}/hooks"'),
           f"line 6: webhook[platform].allow_hosts: {host.strip('[]')} is {what} and not of the internet; if it is "
           f'meant, add allow_hosts = ["{host.strip("[]")}"] to its table, or correct url')
      for name, host, what in (
          ("metadata", "169.254.169.254", "a cloud's metadata service"),
          ("metadata-in-ipv6", "[fd00:ec2::254]", "a cloud's metadata service"),
          ("link-local", "169.254.1.1", "link-local"), ("link-local-in-ipv6", "[fe80::1]", "link-local"),
          ("carrier", "100.64.0.1", "shared by a carrier (CGNAT)"), ("multicast", "224.0.0.1", "multicast"),
          ("any", "0.0.0.0", "unspecified"), ("nat64", "[64:ff9b::a00:1]", "private"),
          ("6to4", "[2002:a00:1::]", "private"), ("nobody", "240.0.0.1", "reserved"),
      )),
    Case("allowed-network", webhook('allow_hosts = ["10.0.0.0/8"]'),
         f'line 10: webhook[platform].allow_hosts: "10.0.0.0/8" {NO_HOST}'),
    Case("allowed-pattern", webhook('allow_hosts = ["*.internal.example"]'),
         f'line 10: webhook[platform].allow_hosts: "*.internal.example" {NO_HOST}'),
    Case("allowed-port", webhook('allow_hosts = ["hooks.internal.example:8443"]'),
         f'line 10: webhook[platform].allow_hosts: "hooks.internal.example:8443" {NO_HOST}'),
    Case("allowed-in-disguise", webhook('allow_hosts = ["::ffff:10.0.0.1"]'),
         'line 10: webhook[platform].allow_hosts: "::ffff:10.0.0.1" is an address in disguise, which programs read '
         "differently: write it as 10.0.0.1"),
    Case("allowed-twice", webhook('allow_hosts = ["Hooks.example", "hooks.example."]'),
         'line 10: webhook[platform].allow_hosts: "hooks.example" is in the list twice: remove one'),
    Case("allowed-not-in-list", webhook('allow_hosts = "hooks.example"'),
         'line 10: webhook[platform].allow_hosts: must be a list in brackets, such as ["…", "…"], not text'),
    Case("webhook-format", webhook('format = "cloudevents"'),
         'line 10: webhook[platform].format: "cloudevents" is not known here: did you mean "cloudevents-binary"?'),
    Case("source-without-cloudevents", webhook('cloudevents_source = "/here"'),
         'line 10: webhook[platform].cloudevents_source: has no effect with format = "standard": add format = '
         '"cloudevents-structured" or "cloudevents-binary", or remove it'),
    Case("prefix-without-cloudevents", webhook('cloudevents_type_prefix = "com.example"'),
         'line 10: webhook[platform].cloudevents_type_prefix: has no effect with format = "standard": add format = '
         '"cloudevents-structured" or "cloudevents-binary", or remove it'),
    Case("source-no-uri", webhook('format = "cloudevents-binary"', 'cloudevents_source = "our house"'),
         'line 11: webhook[platform].cloudevents_source: "our house" is not a URI: write it as '
         '"https://bounces.example.com/" or "/bounce-watcher"'),
    Case("source-of-a-broken-host", webhook('format = "cloudevents-binary"', 'cloudevents_source = "https://[x/"'),
         'line 11: webhook[platform].cloudevents_source: "https://[x/" is not a URI: write it as '
         '"https://bounces.example.com/" or "/bounce-watcher"'),
    Case("prefix-with-a-dot-behind", webhook('format = "cloudevents-binary"', 'cloudevents_type_prefix = "com.x."'),
         'line 11: webhook[platform].cloudevents_type_prefix: "com.x." is not a reversed domain: write it as '
         '"com.example.mail"'),
    Case("webhook-unsigned", webhook('- secret'),
         'line 6: webhook[platform].secret: missing: every webhook is signed; add secret_file = "…". Make '
         'one with: echo "whsec_$(openssl rand -base64 32)"'),
    Case("webhook-secret-without-prefix", webhook('secret = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"'),
         "line 9: webhook[platform].secret: a webhook secret begins with whsec_, or for ed25519 with whsk_: "
         'make one with: echo "whsec_$(openssl rand -base64 32)"'),
    Case("webhook-public-key-for-a-secret", webhook('secret = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="'),
         "line 9: webhook[platform].secret: whpk_ is a public key, which verifies and cannot sign: write the whsk_ "
         "that it belongs to"),
    Case("webhook-private-key-short", webhook('secret = "whsk_c2hvcnQ="'),
         "line 9: webhook[platform].secret: the key has 5 bytes, must have 32, or 64 with the public half: make one "
         'with: echo "whsk_$(openssl rand -base64 32)"'),
    Case("webhook-old-private-key-bad", webhook('old_secrets = ["whsk_!!"]'),
         'line 10: webhook[platform].old_secrets: what follows whsk_ is not base64: make one with: echo '
         '"whsk_$(openssl rand -base64 32)"'),
    Case("webhook-secret-short", webhook('secret = "whsec_c2hvcnQ="'),
         "line 9: webhook[platform].secret: the key has 5 bytes, must have 24 to 64: make one with: echo "
         '"whsec_$(openssl rand -base64 32)"'),
    Case("webhook-old-secret-bad", webhook('old_secrets = ["whsec_!!"]'),
         "line 10: webhook[platform].old_secrets: what follows whsec_ is not base64: make one with: echo "
         '"whsec_$(openssl rand -base64 32)"'),
    Case("webhook-unknown-event", webhook('events = ["recipient.supressed"]'),
         'line 10: webhook[platform].events: "recipient.supressed" is not known here: did you mean '
         '"recipient.suppressed"?'),
    Case("webhook-no-event", webhook('events = []'),
         "line 10: webhook[platform].events: is an empty list: name at least one"),
    Case("webhook-event-not-in-list", webhook('events = "recipient.suppressed"'),
         'line 10: webhook[platform].events: must be a list in brackets, such as ["…", "…"], not text'),
    Case("webhook-timeout-too-long", webhook('timeout = "1h"'),
         "line 10: webhook[platform].timeout: 1h is out of range: from 1s to 2m"),
    Case("unknown-mode", rest("[policy]", 'mode = "shadows"'),
         'line 7: policy.mode: "shadows" is not known here: did you mean "shadow"?'),
    Case("block-table", rest("[policy.block]", "bounces = 3"),
         "line 6: policy.block: no key can make blocks or undetermined bounces count, as they say nothing about "
         "the address: remove it"),
    Case("undetermined-table", rest("[policy.undetermined]", "bounces = 3"),
         "line 6: policy.undetermined: no key can make blocks or undetermined bounces count, as they say nothing "
         "about the address: remove it"),
    Case("block-evidence", rest("[policy.evidence]", 'block = "prose"'),
         "line 7: policy.evidence.block: no key can make blocks or undetermined bounces count, as they say "
         "nothing about the address: remove it"),
    Case("block-expiry", rest("[policy.expiry]", 'block = "1d"'),
         "line 7: policy.expiry.block: no key can make blocks or undetermined bounces count, as they say nothing "
         "about the address: remove it"),
    Case("block-reason", rest("[policy.reasons]", 'spam = "threshold"'),
         "line 7: policy.reasons.spam: no key can make blocks or undetermined bounces count, as they say nothing "
         "about the address: remove it"),
    Case("undetermined-reason", rest("[policy.reasons]", 'unknown = "never"'),
         "line 7: policy.reasons.unknown: no key can make blocks or undetermined bounces count, as they say "
         "nothing about the address: remove it"),
    Case("reason-of-the-sender", rest("[policy.reasons]", 'rate_limited = "threshold"'),
         "line 7: policy.reasons.rate_limited: can never count, as it is about the sender's pace and passes by "
         "itself: remove it"),
    Case("soft-reason-at-once", rest("[policy.reasons]", 'mailbox_full = "suppress-now"'),
         'line 7: policy.reasons.mailbox_full: "suppress-now" would suppress too soon: a soft reason can be '
         '"threshold" or "never"'),
    Case("unknown-reason", rest("[policy.reasons]", 'mailbox_ful = "never"'),
         "line 7: policy.reasons.mailbox_ful: unknown: did you mean mailbox_full?"),
    Case("unknown-rule", rest("[policy.reasons]", 'invalid_domain = "confirmed"'),
         'line 7: policy.reasons.invalid_domain: "confirmed" is not known here: did you mean "confirm"?'),
    Case("rule-of-no-word", rest("[policy.reasons]", "invalid_domain = 2"),
         'line 7: policy.reasons.invalid_domain: a whole number is not known here: write one of "never", '
         '"threshold", "confirm", "suppress-now"'),
    Case("unknown-scope", rest("[policy]", 'complaint_scope = "all"'),
         'line 7: policy.complaint_scope: "all" is not known here: write one of "stream", "global"'),
    Case("ladder-that-goes-down", rest("[policy.expiry]", 'soft = ["30d", "7d"]'),
         'line 7: policy.expiry.soft: 7d comes after 30d: each must be longer than the one before, "never" the last'),
    Case("ladder-beyond-never", rest("[policy.expiry]", 'hard = ["never", "7d"]'),
         'line 7: policy.expiry.hard: 7d comes after never: each must be longer than the one before, "never" the '
         "last"),
    Case("ladder-without-rungs", rest("[policy.expiry]", "complaint = []"),
         'line 7: policy.expiry.complaint: is an empty list: name at least one'),
    Case("rung-too-short", rest("[policy.expiry]", 'soft = ["10m", "7d"]'),
         'line 7: policy.expiry.soft: 10m is too short: at least 1h; "never" is allowed too'),
    Case("wait-too-long", rest("[policy.guard]", 'wait = "2d"'),
         "line 7: policy.guard.wait: 2d is out of range: from 0s to 1d"),
    Case("nobody-to-wait", rest("[policy.guard]", "wait_min = 0"),
         "line 7: policy.guard.wait_min: 0 is out of range: from 1 to 1000000"),
    Case("wait-from-less-than-nothing", rest("[policy.guard]", "wait_from = -0.5"),
         "line 7: policy.guard.wait_from: -0.5 is out of range: from 0.0 to 1000.0"),
    Case("quiet-shorter-than-window", rest("[policy.guard]", 'window = "8h"'),
         "line 6: policy.guard.quiet: 6h is shorter than window (8h): one window could count as two "
         "outages; make it longer"),
    Case("unknown-grade", rest("[policy.evidence]", 'hard = "tokens"'),
         'line 7: policy.evidence.hard: "tokens" is not known here: did you mean "token"?'),
    Case("more-days-than-bounces", rest("[policy.soft]", "bounces = 2"),
         "line 6: policy.soft.distinct_days: 3 distinct days are impossible with bounces = 2: set distinct_days"
         " to 2 or less, or bounces to 3 or more"),
    Case("span-of-one-bounce", rest("[policy.soft]", "bounces = 1", "distinct_days = 1"),
         'line 6: policy.soft.span: one bounce (bounces = 1) has no span of 14d: set span = "0s", or raise bounces'),
    Case("span-beyond-window", rest("[policy.soft]", 'window = "10d"'),
         "line 7: policy.soft.window: 10d is shorter than span (14d): the threshold could never be reached; "
         "make it longer"),
    Case("days-beyond-window", rest("[policy.confirm]", 'bounces = 5', 'distinct_days = 5', 'window = "3d"'),
         "line 9: policy.confirm.window: 3d is too short for distinct_days = 5: make it longer"),
    Case("no-bounces", rest("[policy.confirm]", 'bounces = 0', 'distinct_days = 1'),
         "line 7: policy.confirm.bounces: 0 is out of range: from 1 to 1000"),
    Case("expiry-too-short", rest("[policy.expiry]", 'soft = "10m"'),
         'line 7: policy.expiry.soft: 10m is too short: at least 1h; "never" is allowed too'),
    Case("expiry-for-ever", rest("[policy.expiry]", 'soft = "forever"'),
         'line 7: policy.expiry.soft: "forever" is not a duration: write a whole number and one unit, such as'
         ' "45s", "10m", "6h" or "14d"; "never" is allowed too'),
    Case("protected-nonsense", rest("[policy]", 'protected = ["ceo"]'),
         'line 7: policy.protected: "ceo" is neither an address nor "@domain": write "ceo@example.com" or '
         '"@example.org"'),
    Case("key-one-table-too-high", rest("[policy]", 'distinct_days = 2'),
         "line 7: policy.distinct_days: unknown here: it belongs in [policy.soft] or [policy.confirm]"),
    Case("return-path-no-address", rest("[attribution]", 'return_path = "bounces.example.com"'),
         'line 7: attribution.return_path: "bounces.example.com" is not a mail address: write it as '
         '"returns@bounces.example.com"'),
    Case("return-path-delimiter-unknown", rest("[attribution]", 'return_path_delimiter = "_"'),
         'line 7: attribution.return_path_delimiter: "_" is not known here: write one of "+", "-"'),
    Case("verp-path-no-address", rest("[attribution]", 'verp_paths = ["lists.example.com"]'),
         'line 7: attribution.verp_paths: "lists.example.com" is not a mail address: write it as '
         '"returns@bounces.example.com"'),
    Case("token-key-without-return-path", rest("[attribution]", f'token_key = "{TOKEN_KEY}"'),
         "line 6: attribution.return_path: missing: with token_key set, add the return path that carries the "
         'tokens, such as return_path = "returns@bounces.example.com"'),
    Case("token-max-age-short", rest("[attribution]", 'token_max_age = "6d"'),
         "line 7: attribution.token_max_age: 6d is too short, as servers take about five days to report a "
         'failure: use at least "7d", or "never"'),
    Case("token-header-with-colon", rest("[attribution]", 'token_header = "X-Token:"'),
         'line 7: attribution.token_header: "X-Token:" is not a header field name: leave out the colon, as in '
         '"X-Campaign"'),
    Case("dkim-key-name", rest("[[attribution.dkim_key]]", 'name = "s1.example.com"', 'record = "v=DKIM1; k=ed25519; '
                               'p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="'),
         'line 7: attribution.dkim_key.name: "s1.example.com" is not a DKIM key name: write it as '
         '"s1._domainkey.example.com"'),
    Case("dkim-key-revoked", rest("[[attribution.dkim_key]]", 'name = "s1._domainkey.example.com"',
                                  'record = "v=DKIM1; p="'),
         'line 8: attribution.dkim_key.record: contains no usable DKIM key: write the whole '
         'TXT record, as in "v=DKIM1; k=rsa; p=MIIB…"'),
    Case("own-domain-is-address", rest("[attribution]", 'own_domains = ["me@example.com"]'),
         'line 7: attribution.own_domains: "me@example.com" is not a domain: leave out the part up to the @, '
         'as in "example.com"'),
    Case("database-of-another-kind", rest("[database]", 'url = "mysql://me:pw@db.example.com/b"'),
         "line 7: database.url: is not a supported database: write "
         "sqlite:////absolute/path/ledger.db or postgresql+psycopg://user@host/database"),
    Case("database-of-another-driver", rest("[database]", 'url = "postgresql+psycopg2://me:pw@db.example.com/b"'),
         "line 7: database.url: names an unsupported driver: write "
         "sqlite:////absolute/path/ledger.db or postgresql+psycopg://user@host/database"),
    Case("database-in-memory", rest("[database]", 'url = "sqlite://"'),
         "line 7: database.url: needs three slashes and a path, four for an absolute one: "
         "sqlite:////var/lib/…/ledger.db"),
    Case("database-in-memory-by-name", rest("[database]", 'url = "sqlite:///:memory:"'),
         "line 7: database.url: is an in-memory database, which loses all suppressions at every stop: name a file"),
    Case("database-relative", rest("[database]", 'url = "sqlite://ledger.db"'),
         "line 7: database.url: needs three slashes and a path, four for an absolute one: "
         "sqlite:////var/lib/…/ledger.db"),
    Case("database-without-name", rest("[database]", 'url = "postgresql://me:pw@db.example.com"'),
         "line 7: database.url: has no database name after the host: write sqlite:////absolute/path/ledger.db"
         " or postgresql+psycopg://user@host/database"),
    Case("database-unreadable", rest("[database]", 'url = "postgresql://me:p/w@db.example.com/b"'),
         "line 7: database.url: is not a valid URL: check its host and port, and write @ : / # in a password"
         " as %40 %3A %2F %23"),
    Case("event-retention-shorter-than-raw",
         rest("[database]", 'raw_retention = "200d"', 'event_retention = "180d"'),
         "line 8: database.event_retention: 180d is shorter than raw_retention (200d): mail that is still kept "
         "would create the events again; shorten raw_retention first"),
    Case("event-retention-shorter-than-raw-for-good",
         rest("[database]", 'raw_retention = "never"', 'event_retention = "400d"'),
         "line 8: database.event_retention: 400d is shorter than raw_retention (never): mail that is still kept "
         "would create the events again; shorten raw_retention first"),
    Case("event-retention-shorter-than-a-window", rest("[database]", 'event_retention = "80d"'),
         "line 7: database.event_retention: 80d is shorter than policy.guard.baseline (90d): bounces would go "
         "while they may still count; make it longer"),
    Case("outbox-retention-too-short", rest("[database]", 'outbox_retention = "1d"'),
         'line 7: database.outbox_retention: 1d is too short to investigate failures: use at least "7d", or "never"'),
    Case("retention-negative", rest("[database]", 'raw_retention = "-1d"'),
         'line 7: database.raw_retention: "-1d" is not a duration: write a whole number and one unit, such as'
         ' "45s", "10m", "6h" or "14d"; "never" is allowed too'),
    Case("level-unknown", rest("[log]", 'level = "warn"'),
         'line 7: log.level: "warn" is not known here: did you mean "warning"?'),
    Case("format-unknown", rest("[log]", 'format = "xml"'),
         'line 7: log.format: "xml" is not known here: write one of "logfmt", "json", "console"'),
    Case("hashed-exports-unknown", rest("[privacy]", 'hashed_exports = "logs"'),
         "line 7: privacy.hashed_exports: must be true or false without quotes, not text"),
    Case("workers-negative", rest("[service]", 'workers = -1'),
         "line 7: service.workers: -1 is out of range: from 0 to 64"),
    Case("web-open-without-token", rest("[web]", 'listen = "0.0.0.0:8025"'),
         'line 7: web.listen: "0.0.0.0:8025" is open to other machines and needs a token: add token_file ='
         ' "…", or listen on 127.0.0.1'),
    Case("web-reader-without-token", rest("[web]", f'read_token = "{LOOKING}"'),
         "line 7: web.read_token: has no effect without token: set token as well"),
    *(Case(f"web-token-{name}", rest("[web]", f'token = "{token}"'), f"line 7: web.token: {told}: {MAKE_ONE}")
      for name, token, told in (
          ("short", "s3cret-of-ours", "has 14 characters and can be guessed, at least 16 are needed"),
          ("of-few-characters", "aaaaabbbbbcccccddddd", "repeats a few characters and can be guessed"),
          ("of-repetition", "abcdefgh" * 4, "repeats a few characters and can be guessed"),
      )),
    Case("web-read-token-short", rest("[web]", f'token = "{ACTING}"', 'read_token = "look"'),
         f"line 8: web.read_token: has 4 characters and can be guessed, at least 16 are needed: {MAKE_ONE}"),
    Case("web-reader-like-token", rest("[web]", f'token = "{ACTING}"', f'read_token = "{ACTING}"'),
         "line 8: web.read_token: is the same as token: use another, or remove it"),
    Case("web-actors-without-header", rest("[web]", 'acting_users = ["jo"]'),
         'line 7: web.acting_users: has no effect without user_header: add user_header = "X-Forwarded-User", or '
         "remove it"),
    Case("web-proxy-by-name", rest("[web]", 'user_header = "X-User"', 'trusted_proxies = ["proxy.example.org"]'),
         'line 8: web.trusted_proxies: "proxy.example.org" is not an IP address: write it as "127.0.0.1" or "::1"'),
    Case("web-every-interface", rest("[web]", 'listen = ":8025"'),
         'line 7: web.listen: ":8025" is not an address and port: write them as "127.0.0.1:8025" or "[::1]:8025"'),
    Case("web-port", rest("[web]", 'listen = "127.0.0.1:80250"'),
         "line 7: web.listen: 80250 is not a port: use 1 to 65535"),
    Case("single-brackets", '[mailbox]\nname = "returns"\n',
         "line 1: mailbox: there can be several, so each heading has double brackets: "
         "[[mailbox]]"),
    Case("double-brackets", rest('[[policy]]', 'mode = "shadow"'),
         "line 6: policy: there can be only one, so its heading has single brackets: [policy]"),
    Case("notify-without-url", rest('[[notify]]', 'name = "operator"'),
         'line 6: notify[operator].url: missing: add the Apprise URL of a mailbox or chat, as url_file = "…"; see '
         "https://appriseit.com/services/"),
    Case("notify-no-url", rest('[[notify]]', 'name = "operator"', 'url = "operator@example.com"'),
         'line 8: notify[operator].url: is not a URL: write it as Apprise does, such as '
         '"mailtos://user:password@example.com" or "slack://…"; see https://appriseit.com/services/'),
    Case("notify-of-nothing", notify('alerts = []'),
         "line 9: notify[operator].alerts: is an empty list: name at least one"),
    Case("notify-twice", notify('alerts = ["outage", "outage"]'),
         'line 9: notify[operator].alerts: "outage" is in the list twice: remove one'),
    Case("notify-of-what-is-unknown", notify('alerts = ["outages"]'),
         'line 9: notify[operator].alerts: "outages" is not known here: did you mean "outage"?'),
    Case("notify-too-seldom", notify('every = "2d"'),
         "line 9: notify[operator].every: 2d is out of range: from 0s to 1d"),
    Case("notify-too-patient", notify('timeout = "1h"'),
         "line 9: notify[operator].timeout: 1h is out of range: from 1s to 2m"),
    Case("notify-named-as-a-webhook", webhook() + '[[notify]]\nname = "platform"\nurl = "json://127.0.0.1"\n',
         'line 11: [[notify]] #1: name: "platform" is already the name of an earlier [[webhook]]: choose another'),
    Case("unread-at-once", rest('[service]', 'unread_after = "10s"'),
         'line 7: service.unread_after: 10s is out of range: from 1m to 30d; "never" is allowed too'),
    Case("untold-for-ever", rest('[service]', 'untold_after = "31d"'),
         'line 7: service.untold_after: 31d is out of range: from 1m to 30d; "never" is allowed too'),
    Case("value-for-a-table", 'policy = "shadow"\n'+MAILBOX,
         "line 1: policy: must be a table under a [heading] of its own, not text"),
    Case("unknown-table", rest('[webhooks]', 'url = "https://x.example.com"'),
         "line 6: webhooks: unknown: did you mean [[webhook]]?"),
    Case("unknown-table-of-nothing-like-it", rest('[zzzz]', 'q = 1'),
         "line 6: zzzz: unknown: remove it. Known here: database, rules_dir, mailbox, attribution, "
         "policy, webhook, platform, notify, log, privacy, service, web"),
    Case("key-outside-its-table", 'username = "bounces@example.com"\n' + MAILBOX,
         "line 1: username: unknown here: it belongs in [[mailbox]]"),
    Case("misspelt-required-key", mailbox('- username', 'usrname = "bounces@example.com"'),
         "line 5: mailbox[returns].usrname: unknown: did you mean username?"),
    Case("misspelt-secret", mailbox('- password', 'pasword_file = "x"'),
         "line 5: mailbox[returns].pasword_file: unknown: did you mean password_file?"),
    Case("date-for-text", mailbox('stream = 2026-11-24'),
         "line 6: mailbox[returns].stream: must be text in quotes, not a date or time"),
]


@for_each("case", CASES, ids=lambda case: case.name)
def test_is_refused_for_its_own_reason_alone(case: Case) -> None:
    assert refused(case.text) == (case.problem,)
