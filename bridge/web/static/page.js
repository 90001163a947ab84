"use strict";

// Everything works without this; it only spares people reloading.
const log = document.getElementById("log");
if (log) {
  log.scrollTop = log.scrollHeight;
  setInterval(async () => {
    if (document.hidden) return;
    const answer = await fetch(log.dataset.source);
    if (!answer.ok) return;
    const lines = await answer.text();
    if (lines === log.textContent) return;
    log.textContent = lines;
    log.scrollTop = log.scrollHeight;
  }, 3000);
}
