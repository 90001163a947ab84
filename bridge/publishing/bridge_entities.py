"""What Home Assistant shows of the bridge itself: a row per entity."""

from bridge.publishing.entities import DIAGNOSTIC, Entity


def _button(key: str, icon: str) -> Entity:
    return Entity(key, "", "info", {"icon": icon}, platform="button", command=f"request/{key}")


OF_BRIDGE = (
    Entity(
        "state",
        "state",
        "info",
        {**DIAGNOSTIC, "device_class": "connectivity", "payload_on": "online", "payload_off": "offline"},
        platform="binary_sensor",
    ),
    Entity(
        "problem",
        "problem",
        "info",
        {
            **DIAGNOSTIC,
            "device_class": "problem",
            "value_template": "{{ 'ON' if value_json.problem else 'OFF' }}",
        },
        platform="binary_sensor",
        attributes="{{ value_json | tojson }}",
    ),
    Entity(
        "version",
        "info",
        "info",
        {**DIAGNOSTIC, "icon": "mdi:tag-outline", "value_template": "{{ value_json.version }}"},
    ),
    *(
        Entity(
            f"{source}_last_success",
            "health",
            source,
            {
                **DIAGNOSTIC,
                "device_class": "timestamp",
                "value_template": "{{ value_json." + source + ".last_success }}",
            },
        )
        for source in ("portal", "energy_api")
    ),
    Entity(
        "next_run",
        "info",
        "info",
        {**DIAGNOSTIC, "device_class": "timestamp", "value_template": "{{ value_json.next_run }}"},
    ),
    _button("refresh", "mdi:cloud-refresh-outline"),
    _button("republish", "mdi:upload-outline"),
    Entity(
        "answer",
        "response/+",
        "info",
        {
            "event_types": ["ok", "error"],
            "icon": "mdi:message-reply-text-outline",
            "value_template": "{{ dict(value_json, event_type=value_json.status) | tojson }}",
        },
        platform="event",
    ),
    Entity(
        "history_from",
        "history",
        "info",
        {
            "icon": "mdi:calendar-start",
            "value_template": "{{ value_json.from }}",
            "min": 8,
            "max": 10,
        },
        platform="text",
        command="request/history_from",
    ),
    _button("fetch_history", "mdi:history"),
    _button("stop_history", "mdi:stop"),
    Entity(
        "history",
        "history",
        "info",
        {
            "icon": "mdi:progress-clock",
            "unit_of_measurement": "%",
            "value_template": "{{ value_json.progress }}",
        },
        attributes="{{ dict(value_json.backfill or {}, state=value_json.state, words=value_json.words)"
        " | tojson }}",
    ),
)
