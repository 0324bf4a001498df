// Opens Canvas's consent page in a popup and asks our own server how it ended: the popup may lose its opener on
// the way through a sign-in page, and Canvas shows some errors itself and never comes back.
"use strict";
(() => {
  const ASK_EVERY = 2000;
  const GIVE_UP_AFTER = 30 * 60 * 1000;
  const FEATURES = "popup,width=760,height=760";

  const follow = (link) => {
    const region = link.closest("td, section, div:has([data-authorize-progress])")
      .querySelector("[data-authorize-progress]");
    const started = Date.now();
    const cancel = document.createElement("button");
    cancel.type = "button";
    cancel.textContent = "Stop waiting";
    cancel.addEventListener("click", () => stop("Not finished. Choose Authorize to try again."));
    const say = (text, ...more) => region.replaceChildren(document.createTextNode(text), ...more);
    let timer = 0;

    const stop = (text) => {
      window.clearTimeout(timer);
      say(text);
    };
    const ask = async () => {
      if (Date.now() - started > GIVE_UP_AFTER) {
        stop("Not finished within half an hour. Choose Authorize to try again.");
        return;
      }
      try {
        const address = `${link.dataset.authorize}?after=${link.dataset.after}`;
        const answer = await fetch(address, { headers: { Accept: "application/json" } });
        const progress = answer.ok ? await answer.json() : { state: "waiting" };
        if (progress.state === "authorized") {
          say("Authorized.");
          window.location.reload();
          return;
        }
        if (progress.state === "refused") {
          stop(`Not authorized: ${progress.text}`);
          return;
        }
      } catch {
        // The network is away for a moment: the next round asks again.
      }
      timer = window.setTimeout(ask, ASK_EVERY);
    };
    say("Waiting for you to finish in Canvas’s window. If it shows an error there, close it. ", cancel);
    timer = window.setTimeout(ask, ASK_EVERY);
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-authorize]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const popup = window.open(link.href, "echo_lms_authorize", FEATURES);
    if (!popup) return; // blocked: the plain link does the same in this window
    event.preventDefault();
    popup.focus();
    follow(link);
  });
})();
