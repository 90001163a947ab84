"""What is shown before it is written holds no secret, however the file is written; the rest is as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config.text import parse
from bridge.setup.hiding import HIDDEN, hidden

STARS = f'"{HIDDEN}"'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mqtt: {host: a, password: hunter2}\n", f"mqtt: {{host: a, password: {STARS}}}\n"),
        (
            "mqtt: {host: a, password: 'hunter2', port: 1}   # mine\nweb: {password: hunter3}",
            f"mqtt: {{host: a, password: {STARS}, port: 1}}   # mine\nweb: {{password: {STARS}}}",
        ),
        ("mqtt:\n  password: hunter2\n  host: a\n", f"mqtt:\n  password: {STARS}\n  host: a\n"),
        ("mqtt:\r\n  password: hunter2\r\n", f"mqtt:\r\n  password: {STARS}\r\n"),
        ("\ufeffweb: {password: hunter2}", f"web: {{password: {STARS}}}"),
        ("web:\n  password: |-\n    hunter\n    2\n  port: 1\n", f"web:\n  password: {STARS}\n  port: 1\n"),
        ("web:\n  password: >\n\n    hunter\n\n    2\nlog: {}\n", f"web:\n  password: {STARS}\nlog: {{}}\n"),
        ("web:\n  password: hunter\n    hunter2\n", f"web:\n  password: {STARS}\n"),
        ("web:\n  password:\n    hunter2\n", f"web:\n  password:\n    {STARS}\n"),
        ('web:\n  password: "hunter\n    2"\n', f"web:\n  password: {STARS}\n"),
        ('{"web": {"password": "hunter2"}}', f'{{"web": {{"password": {STARS}}}}}'),
        ("web:\n  password: hunter2 # 2 hunter\n", f"web:\n  password: {STARS}\n"),
        ("web:\n  password: 'hunter2' # of it\n", f"web:\n  password: {STARS} # of it\n"),
        ("# once hunter2\nweb: {password: hunter2}\n", f"# once {HIDDEN}\nweb: {{password: {STARS}}}\n"),
        ("mqtt:\n  # password: hunter2\n  host: a\n", f"mqtt:\n  # password: {HIDDEN}\n  host: a\n"),
        ("#mqtt: {'password': hunter2, port: 1}\n", f"#mqtt: {{'password': {HIDDEN}\n"),
        ("# Password: hunter2\n", f"# Password: {HIDDEN}\n"),
        ("#password: !secret mqtt\n", "#password: !secret mqtt\n"),
        ("web: {password: !secret web}\nmqtt: {password: '!secret x'}\n", None),
        ("web: {password: '!secret or not'}\n", f"web: {{password: {STARS}}}\n"),
        (
            "web: {password: [&p hunter2, hunter3]}\nmqtt: {password: *p}\n",
            f"web: {{password: {STARS}}}\nmqtt: {{password: *p}}\n",
        ),
        ("web: {password: }\nmqtt: {password: ~, username: a}\n", None),
        (
            "web: {password: &p hunter2}\nmqtt: {password: *p}\n",
            f"web: {{password: &p {STARS}}}\nmqtt: {{password: *p}}\n",
        ),
        ("language: &p hunter2\nweb: {password: *p}\n", f"language: &p {STARS}\nweb: {{password: *p}}\n"),
        ("log: &w {password: hunter2}\nweb: *w\n", f"log: &w {{password: {STARS}}}\nweb: *w\n"),
        ("web: {password: [hunter2, {a: hunter3}]}\n", f"web: {{password: {STARS}}}\n"),
        (
            "web:\n  password:\n    a:\n      - hunter2\n  port: 1\n",
            f"web:\n  password:\n    {STARS}\n  port: 1\n",
        ),
        (
            "web: {password: !!str &p hunter2}\nmqtt: {password: *p}\n",
            f"web: {{password: &p {STARS}}}\nmqtt: {{password: *p}}\n",
        ),
        ("web: {password: !!str hunter2}\n", f"web: {{password: {STARS}}}\n"),
        (
            "sinks: {postgresql: {dsn: 'postgresql://me:hunter2@a/b'}}\n",
            f"sinks: {{postgresql: {{dsn: {STARS}}}}}\n",
        ),
        ("# nothing\n", None),
    ],
)
def test_a_secret_is_hidden_and_nothing_else(text: str, shown: str | None) -> None:
    assert hidden(text) == (text if shown is None else shown)


@given(
    st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="{}[],#\"'\\*"), min_size=8),
    st.data(),
)
def test_no_secret_is_seen_in_any_layout(secret: str, data: st.DataObject) -> None:
    quoted = data.draw(st.sampled_from(["'{}'", '"{}"', '&x "{}"', "!!str '{}'"])).format(secret)
    layout = data.draw(
        st.sampled_from(
            [
                "mqtt: {{host: a, password: {}, port: 1}}",
                "{{'mqtt': {{'host': a, 'password': {} , port: 1}}}}",
                "mqtt: {{\n host: a,\n password:\n  {},\n port: 1}}",
                "mqtt:\n  host: a\n  password: {}\n  port: 1",
                'mqtt:\n  host: a\n  "password"   :   {}   # mine\n  port: 1\n...\n',
                "mqtt:\r\n    host: a\r\n    password:\r\n        {}\r\n    port: 1\r\n",
            ]
        )
    )
    shown = hidden(layout.format(quoted))
    assert secret not in shown
    assert parse(shown, lambda _: "") == {"mqtt": {"host": "a", "password": HIDDEN, "port": "1"}}
