"""The page as Home Assistant's panel."""

from bridge.web.doors import Door
from tests.rig.ingress import ingress
from tests.rig.pages import Browser, linked, page_of, words_of
from tests.rig.world import GAS, HOME, World

SUPERVISOR = Door(only_from="127.0.0.1")


def test_all_links_stay_below_the_panels_prefix(desk: World) -> None:
    desk.meters = [HOME, GAS]
    desk.fetch()
    with page_of(desk) as browser, page_of(desk, door=SUPERVISOR) as app, ingress(app.root) as panel:
        assert linked(Browser(panel.port, panel.prefix), 2) == linked(browser, 2)


def test_styles_script_and_pictures_are_there(desk: World) -> None:
    with page_of(desk, door=SUPERVISOR) as app, ingress(app.root) as panel:
        inside = Browser(panel.port, panel.prefix)
        for name, kind in (
            ("style.css", "text/css"),
            ("page.js", "text/javascript"),
            ("icon.svg", "image/svg+xml"),
        ):
            answer = inside.get(f"/static/{name}")
            assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)


def test_a_form_counts_where_browsers_are_told_not_to_say_where_they_come_from(desk: World) -> None:
    desk.fetch()
    with page_of(desk, door=SUPERVISOR) as app, ingress(app.root) as panel:
        inside = Browser(panel.port, panel.prefix)
        sent = inside.post("/sign-in", headers={"Origin": "null"})
        assert sent.url.startswith(inside.root + "/meters/home")
        forged = inside.session.post(f"{inside.root}/sign-in", headers={"Origin": "null"}, timeout=10)
        assert forged.status_code == 403
        elsewhere = inside.post("/sign-in", headers={"Origin": "http://attacker.example"})
        assert elsewhere.status_code == 403


def test_files_that_are_dropped_arrive(desk: World) -> None:
    desk.fetch()
    with page_of(desk, door=SUPERVISOR) as app, ingress(app.root) as panel:
        inside = Browser(panel.port, panel.prefix, Origin="null")
        sent = inside.post(
            "/data/import", files={"files": ("history.csv", b"0123456789" * 300_000, "text/csv")}
        )
        assert sent.url.endswith("/data/files")
        assert "history.csv" in words_of(sent)
