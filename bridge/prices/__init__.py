"""Where day-ahead prices come from: services that are asked, and what somebody publishes on MQTT.

All of them come out as quarter-hours: the start of each (aware, UTC) → its price in EUR/kWh, without VAT,
which may be negative. An hourly price stands there four times.
"""
