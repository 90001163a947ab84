"""The first start, and every change of the settings: question after question, each answer tried at once."""

import os
import re
import shlex
from datetime import date
from functools import partial
from pathlib import Path

from werkzeug.exceptions import BadRequest, Forbidden
from werkzeug.wrappers import Response

from bridge.config import ConfigError
from bridge.folder.claim import make
from bridge.folder.files import OutputError
from bridge.service.imports import dropped
from bridge.setup.interview import Asked, ChangedMeanwhile, Interview
from bridge.setup.meters import ean_in
from bridge.setup.prices import NOTHING
from bridge.setup.questions import Step
from bridge.setup.sections import first_start
from bridge.setup.tries import data_dir_of
from bridge.web import uploads, wording
from bridge.web.doors import is_from_elsewhere, why_elsewhere
from bridge.web.uploads import LARGEST
from bridge.web.visit import Visit

FIRST_START = "first start"

_A_LOOK = 1.0  # seconds, that another one at the same question may last
_SOON = "2"  # seconds until the browser looks again
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TAKES_FILES = re.compile(r"files|meters\[[0-9]+\]\.ean")


def show(visit: Visit) -> Response:
    """The next question, or what will be written; or the answer to it."""
    interview = visit.interviews.of(visit.session.number)
    if interview is None:
        if visit.house.settings.is_set_up:
            return visit.to("settings")
        if is_from_elsewhere(visit.request):  # a page of others could have thousands begun
            raise Forbidden(why_elsewhere(visit.request))
        if _needs_no_questions(visit):
            return visit.to("home")
        interview = _first_start(visit)
    is_answer = visit.request.method == "POST"
    with visit.interviews.alone_with(interview, patience=_A_LOOK if is_answer else 0) as is_alone:
        if is_alone:
            return _answered(visit, interview) if is_answer else _page(visit, interview)
    return visit.to("setup") if is_answer else _being_tried(visit, interview)


def leave(visit: Visit) -> Response:
    """Ask nothing any more, and change nothing."""
    visit.interviews.end(visit.session.number)
    return visit.to("settings" if visit.house.settings.is_set_up else "setup")


def _being_tried(visit: Visit, interview: Interview) -> Response:
    """What is there while another thread has the answer: a try takes a minute, and threads are few."""
    page = visit.page("trying.html", is_first_start=interview.subject == FIRST_START)
    page.headers["Refresh"] = _SOON
    return page


def _needs_no_questions(visit: Visit) -> bool:
    """Whether everything was written meanwhile, by hand, or here at a moment when it could not be loaded."""
    try:
        settings = visit.house.place.load()
    except ConfigError:  # a question will come to it
        return False
    if settings.is_set_up:
        visit.house.take_over(settings)
    return settings.is_set_up


def _first_start(visit: Visit) -> Interview:
    place = visit.house.place
    route = first_start(place, visit.speech.language, visit.interviews.sign_ins)
    return visit.interviews.begin(visit.session.number, Interview(FIRST_START, place, route))


def _answered(visit: Visit, interview: Interview) -> Response:
    """Each turn counts once: not again for whoever clicks twice, reloads, or has two tabs."""
    form = visit.request.form
    if form.get("turn") != interview.turn:
        return visit.to("setup")
    match form.get("do"):
        case "answer":
            if (step := interview.step()) is not None:
                interview.answer(_given(visit, interview, step))
        case "keep":
            interview.keep()
        case "back":
            interview.go_back()
        case "write":
            return _written(visit, interview)
        case _:
            raise BadRequest
    return visit.to("setup")


def _given(visit: Visit, interview: Interview, step: Step) -> dict[str, str]:
    """What was typed; of files, where they were put. No name of a file is taken from a form."""
    given = {}
    for each in interview.asked(step):
        key = each.question.key
        if key in visit.request.form:
            given[key] = visit.request.form[key]
        if not _TAKES_FILES.fullmatch(key):
            continue
        files = [file for file in visit.request.files.getlist(f"file {key}") if file.filename]
        kept = [str(uploads.keep(interview.folder, file.filename or "", file.stream)) for file in files]
        if kept:
            given[key] = shlex.join(kept)
        elif key == "files":
            given[key] = each.text
        elif key in given and "://" not in given[key] and given[key] != each.text:
            given[key] = re.sub(r"[^0-9]", "", ean_in(given[key]))
    return given


def _written(visit: Visit, interview: Interview) -> Response:
    if interview.step() is not None:
        return visit.to("setup")
    try:
        _keep(interview)
        interview.write()
    except OutputError as error:
        return _page(visit, interview, 503, cannot=str(error))
    except ChangedMeanwhile:
        visit.interviews.end(visit.session.number)  # the next one begins with what stands there now
        raise
    is_first = interview.subject == FIRST_START
    visit.interviews.end(visit.session.number, is_written=True)
    visit.house.take_over(interview.place.load())
    return visit.to("home" if is_first else "settings")


def _keep(interview: Interview) -> None:
    """Put the files that were given where the bridge will find them: before anything is written."""
    folder = data_dir_of(interview.answers)
    if interview.files:
        make(folder)
    for file in interview.files:
        with file.open("rb") as content:
            uploads.keep(dropped(folder), file.name, content)


def _page(visit: Visit, interview: Interview, status: int = 200, cannot: str = "") -> Response:
    step = interview.step()
    if step is None:
        return _review(visit, interview, status, cannot)
    language = visit.speech.language
    return visit.page(
        "question.html",
        interview=interview,
        step=step,
        title=wording.title(language, step),
        asked=interview.asked(step),
        told=lambda text: wording.told(language, text),
        shown=partial(_shown, visit),
        names_of=lambda text: [Path(each).name for each in shlex.split(text)],
        takes_files=lambda key: bool(_TAKES_FILES.fullmatch(key)),
        is_first_start=interview.subject == FIRST_START,
        largest=LARGEST,
    )


def _shown(visit: Visit, each: Asked) -> str:
    """What stands in a field: no path of a file, nothing for nothing, a day as people write it."""
    if each.question.key.endswith("from") and _DAY.fullmatch(each.text) and not each.problem:
        return visit.speech.short_date(date.fromisoformat(each.text))
    is_path = bool(_TAKES_FILES.fullmatch(each.question.key)) and "/" in each.text and "://" not in each.text
    return "" if is_path or each.text == NOTHING else each.text


def _review(visit: Visit, interview: Interview, status: int, cannot: str) -> Response:
    text, wrong = "", ""
    try:
        text = interview.shown()
    except ConfigError as error:
        wrong = str(error)
    file = interview.place.file.absolute()
    if not cannot and not os.access(file.parent, os.W_OK):
        cannot = f"{file.parent} cannot be written"
    return visit.page(
        "review.html",
        status,
        interview=interview,
        file=file,
        text=text,
        wrong=wrong,
        cannot=cannot,
        is_new=interview.is_new,
        is_first_start=interview.subject == FIRST_START,
    )
