// Opens Canvas's consent page in a popup and asks our own server how it ended: the popup may lose its opener on
// the way through a sign-in page, and Canvas shows some errors itself and never comes back.
"use strict";
(() => {
  const ASK_EVERY = 2000;
  const GIVE_UP_AFTER = 30 * 60 * 1000;
  const FEATURES = "popup,width=760,height=760";
  const WAITING = "Waiting for you to finish in Canvas’s window. ";
  // A popup on an isolated sign-in page looks closed from here, so this is said and nothing is given up.
  const OUT_OF_SIGHT = "Canvas’s window is closed or out of sight. If you closed it, choose Authorize again. ";
  const following = new WeakMap();

  const follow = (link, popup) => {
    const region = link.closest("td, section, div:has([data-authorize-progress])")
      .querySelector("[data-authorize-progress]");
    const started = Date.now();
    let timer = 0;

    const say = (text, ...more) => {
      if (region.firstChild?.textContent !== text) region.replaceChildren(document.createTextNode(text), ...more);
    };
    const stop = (text, failed = false) => {
      window.clearTimeout(timer);
      following.delete(link);
      region.classList.toggle("connection-failure", failed);
      say(text);
    };
    const cancel = document.createElement("button");
    cancel.type = "button";
    cancel.className = "button connection-quiet";
    cancel.textContent = "Stop waiting";
    cancel.addEventListener("click", () => {
      stop("Not finished. Choose Authorize to try again.");
      link.focus();
    });

    const ask = async () => {
      if (Date.now() - started > GIVE_UP_AFTER) {
        stop("Not finished within half an hour. Choose Authorize to try again.");
        return;
      }
      say(popup.closed ? OUT_OF_SIGHT : WAITING, cancel);
      try {
        const address = `${link.dataset.authorize}?after=${link.dataset.after}`;
        const answer = await fetch(address, { headers: { Accept: "application/json" } });
        const progress = answer.ok ? await answer.json() : { state: "waiting" };
        if (!following.has(link)) return; // stopped meanwhile
        if (progress.event) link.dataset.after = progress.event;
        if (progress.state === "authorized") {
          if ("stay" in link.dataset) {
            stop("Authorized. Choose Search to test again.");
            return;
          }
          say("Authorized.");
          window.location.reload();
          return;
        }
        if (progress.state === "refused") {
          stop(`Not authorized: ${progress.text}`, true);
          return;
        }
      } catch {
        // The network is away for a moment: the next round asks again.
      }
      timer = window.setTimeout(ask, ASK_EVERY);
    };
    following.get(link)?.();
    following.set(link, () => window.clearTimeout(timer));
    region.classList.remove("connection-failure");
    say(WAITING, cancel);
    timer = window.setTimeout(ask, ASK_EVERY);
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-authorize]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const popup = window.open(link.href, "echo_lms_authorize", FEATURES);
    if (!popup) return; // blocked: the plain link does the same in this window
    event.preventDefault();
    popup.focus();
    follow(link, popup);
  });
})();
