"use strict";

// Everything works without this; it only spares people reloading.
const asked = async (url) => {
  const answer = document.hidden ? null : await fetch(url).catch(() => null);
  if (answer?.redirected) location.reload(); // to sign in again
  return answer?.ok && !answer.redirected ? answer.text() : null;
};

const log = document.getElementById("log");
if (log) {
  log.scrollTop = log.scrollHeight;
  setInterval(async () => {
    const lines = await asked(log.dataset.source);
    if (lines === null || lines === log.textContent) return;
    log.textContent = lines;
    log.scrollTop = log.scrollHeight;
  }, 3000);
}

// What moves is replaced by what the same page says of it now, until nothing does any more.
const moving = () => document.querySelectorAll("[data-live]");
const renew = async () => {
  const text = await asked(location.href);
  if (text !== null) {
    const page = new DOMParser().parseFromString(text, "text/html");
    for (const old of moving()) {
      const now = page.getElementById(old.id);
      if (!now) return location.reload(); // something else has come in its place
      if (now.innerHTML !== old.innerHTML) old.replaceChildren(...now.childNodes);
      if (!("live" in now.dataset)) delete old.dataset.live;
    }
  }
  if (moving().length) setTimeout(renew, 2000);
};
if (moving().length) setTimeout(renew, 500);

// Files may be dropped on their form; and what the bridge would not take is not sent.
const drop = document.getElementById("drop");
if (drop) {
  const input = document.getElementById("files");
  const over = (is) => (event) => {
    event.preventDefault();
    drop.classList.toggle("over", is);
  };
  drop.addEventListener("dragover", over(true));
  drop.addEventListener("dragleave", over(false));
  drop.addEventListener("drop", (event) => {
    over(false)(event);
    input.files = event.dataTransfer.files;
    if (input.files.length) drop.requestSubmit();
  });
  drop.addEventListener("submit", (event) => {
    const size = [...input.files].reduce((sum, file) => sum + file.size, 0);
    const isTooLarge = size >= Number(drop.dataset.largest);
    document.getElementById("too-large").hidden = !isTooLarge;
    document.getElementById("sending").hidden = isTooLarge;
    if (isTooLarge) event.preventDefault();
  });
}

// A try takes a while: its button is not to be pressed again.
const question = document.getElementById("question");
question?.addEventListener("submit", () => {
  document.getElementById("trying").hidden = false;
  setTimeout(() => question.querySelectorAll("button").forEach((button) => (button.disabled = true)));
});
addEventListener("pageshow", () => question?.querySelectorAll("button").forEach((button) => (button.disabled = false)));
