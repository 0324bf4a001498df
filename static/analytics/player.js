// The watch page: tells what was played (xAPI Video Profile), and brings polls to their moments. The page works
// without it, except that nothing is counted.
(() => {
  "use strict";
  const video = document.getElementById("video");
  const { statements: here, viewer, activity, length: known } = document.getElementById("watch").dataset;
  const PROFILE = "https://w3id.org/xapi/video";
  const X = `${PROFILE}/extensions/`;
  const ADL = "http://adlnet.gov/expapi/verbs/";
  const COMPLETE = 0.95;
  const HEARTBEAT = 15_000;
  const FLUSH = 30_000;
  const SEEK_ENDS = 400; // dragging makes many small jumps: they are one
  const BATCH = 100;
  const BEACON_BYTES = 50_000; // browsers take 64 KiB
  document.getElementById("no-script").remove();
  const rounded = (seconds) => Math.round(seconds * 1000) / 1000;

  function uuid() {
    if (crypto.randomUUID) return crypto.randomUUID();
    const bytes = crypto.getRandomValues(new Uint8Array(16)); // without https there is no randomUUID
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }

  // No two of a page at the same time, so that their order is kept.
  let lastStamp = 0;
  function stamp() {
    lastStamp = Math.max(Date.now(), lastStamp + 1);
    return new Date(lastStamp).toISOString();
  }

  // --- What waits to be sent -------------------------------------------------------------------------------
  // A statement stays until the server has said that it is stored; sent twice, it counts once.
  const KEY = `echo_lms.unsent.${viewer}`;
  const queue = restored();
  let sending = false;
  let oneByOne = 0;
  let failures = 0;
  let timer = 0;

  function restored() {
    try {
      return JSON.parse(sessionStorage.getItem(KEY)) || [];
    } catch {
      return [];
    }
  }

  function keep() {
    try {
      if (queue.length) sessionStorage.setItem(KEY, JSON.stringify(queue));
      else sessionStorage.removeItem(KEY);
    } catch { /* full or forbidden: then memory has to do */ }
  }

  function put(statement, { now = false } = {}) {
    queue.push({ to: here, statement });
    keep();
    if (now) flush();
    else schedule();
  }

  function schedule() {
    if (timer || !queue.length) return;
    const wait = failures ? Math.min(2 ** failures, 60) * 1000 * (0.75 + Math.random() / 2) : FLUSH;
    timer = setTimeout(() => { timer = 0; flush(); }, wait);
  }

  const line = document.getElementById("sending");
  let troubled = false;
  function say(trouble) {
    if (trouble) line.textContent = trouble;
    else if (troubled) line.textContent = "Connected again: what you watch is counted.";
    troubled = Boolean(trouble);
  }

  function token() {
    // The cookie is newer than the page after signing in again in another tab.
    const cookie = document.cookie.match(/(?:^|;\s*)echo_lms_csrf=([^;]+)/);
    return cookie ? cookie[1] : document.querySelector("#token [name=csrfmiddlewaretoken]").value;
  }

  function form(statements) {
    const data = new FormData();
    data.append("csrfmiddlewaretoken", token());
    data.append("viewer", viewer);
    data.append("statements", JSON.stringify(statements));
    return data;
  }

  async function flush() {
    clearTimeout(timer);
    timer = 0;
    if (sending) return; // and takes along what has come since
    sending = true;
    let going = true;
    while (going && queue.length) going = await sendSome();
    sending = false;
    schedule();
  }

  async function sendSome() {
    const to = queue[0].to;
    const some = queue.filter((one) => one.to === to).slice(0, oneByOne ? 1 : BATCH);
    oneByOne = Math.max(oneByOne - 1, 0);
    let answer;
    try {
      const body = form(some.map((one) => one.statement));
      answer = await fetch(to, { method: "POST", body, redirect: "manual", signal: AbortSignal.timeout(20_000) });
    } catch {
      return failed("There is no connection. What you watch is kept and counted later.");
    }
    if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) {
      return failed("You are signed out. Sign in again in another tab, and what you watch is counted.");
    }
    if (answer.ok) {
      const { polls } = await answer.json().catch(() => ({ polls: {} }));
      drop(some);
      failures = 0;
      say("");
      for (const [poll, html] of Object.entries(polls)) showAnswered(poll, html);
      return true;
    }
    if (answer.status === 429 || answer.status === 408 || answer.status >= 500) {
      return failed("What you watch cannot be sent just now. It is kept and counted later.");
    }
    // It will never be taken. One bad statement must not keep back the others.
    if (some.length > 1 && answer.status !== 404) {
      oneByOne = some.length;
    } else {
      drop(some);
      line.textContent = "Some of what you watched could not be counted.";
    }
    return true;
  }

  function failed(trouble) {
    failures += 1;
    oneByOne = 0;
    say(trouble);
    keepAnswersWaiting();
    return false;
  }

  function drop(sent) {
    const ids = new Set(sent.map((one) => one.statement.id));
    queue.splice(0, queue.length, ...queue.filter((one) => !ids.has(one.statement.id)));
    keep();
  }

  // Nobody hears whether a beacon arrived, so what it carries stays, for whoever comes back to the page.
  function beacon() {
    const left = [...queue];
    while (left.length) {
      const some = [];
      let bytes = 0;
      while (left.length && left[0].to === (some[0] || left[0]).to && some.length < BATCH) {
        bytes += JSON.stringify(left[0].statement).length;
        if (some.length && bytes > BEACON_BYTES) break;
        some.push(left.shift());
      }
      if (!navigator.sendBeacon(some[0].to, form(some.map((one) => one.statement)))) return;
    }
  }

  addEventListener("online", () => { failures = 0; flush(); });
  addEventListener("offline", () => say("There is no connection. What you watch is kept and counted later."));

  // --- What is played ----------------------------------------------------------------------------------------
  let session = null;

  const duration = () => (Number.isFinite(video.duration) ? video.duration : Number(known));

  function begin() {
    session = { id: uuid(), segments: [], from: null, at: video.currentTime, seek: null, completed: false };
    put(statement("initialized", null, { length: rounded(duration()), "completion-threshold": COMPLETE }, session.id));
  }

  function statement(verb, result, extensions = {}, id = uuid()) {
    const own = ["initialized", "interacted", "completed", "terminated"].includes(verb);
    const named = Object.entries({ "session-id": session.id, ...extensions });
    return {
      id,
      verb: { id: own ? ADL + verb : `${PROFILE}/verbs/${verb}` },
      object: { id: activity, definition: { type: `${PROFILE}/activity-type/video` } },
      ...(result && { result }),
      context: {
        contextActivities: { category: [{ id: PROFILE }] },
        extensions: Object.fromEntries(named.map(([name, value]) => [X + name, value])),
      },
      timestamp: stamp(),
    };
  }

  const at = (seconds) => ({ extensions: { [X + "time"]: rounded(seconds) } });

  function played() {
    const { segments, from } = session;
    return from === null ? segments : [...segments, [from, Math.max(from, session.at)]];
  }

  function progress() {
    let seen = 0;
    let end = 0;
    for (const [from, to] of [...played()].sort((a, b) => a[0] - b[0])) {
      seen += Math.max(0, to - Math.max(from, end));
      end = Math.max(end, to);
    }
    return Math.min(1, seen / duration());
  }

  function soFar(seconds) {
    const segments = played().map(([from, to]) => `${rounded(from)}[.]${rounded(to)}`).join("[,]");
    return {
      extensions: { [X + "time"]: rounded(seconds), [X + "progress"]: rounded(progress()), [X + "played-segments"]: segments },
    };
  }

  const withLength = () => ({ length: rounded(duration()) });

  function stretchEnds(seconds) {
    if (session.from !== null && seconds > session.from) session.segments.push([session.from, seconds]);
    session.from = null;
  }

  // A jump is told before what comes after it: playing on from where it landed is no stretch from where it began.
  function settle() {
    if (!session?.seek) return;
    clearTimeout(session.seek.timer);
    const { from, to = video.currentTime } = session.seek;
    session.seek = null;
    session.at = video.currentTime;
    reached = Math.max(reached, from, to);
    if (list) tidyList();
    if (Math.abs(to - from) < 0.05) return;
    put(statement("seeked", { extensions: { [X + "time-from"]: rounded(from), [X + "time-to"]: rounded(to) } }), { now: true });
  }

  function completeIfSeen() {
    if (session.completed || progress() < COMPLETE) return;
    session.completed = true;
    const seconds = played().reduce((sum, [from, to]) => sum + to - from, 0);
    const result = { completion: true, duration: `PT${rounded(seconds)}S`, ...soFar(video.currentTime) };
    put(statement("completed", result, withLength()), { now: true });
  }

  video.addEventListener("play", () => {
    if (!session) begin();
    settle();
    session.at = session.from = video.currentTime;
    put(statement("played", at(video.currentTime)));
  });

  video.addEventListener("pause", () => {
    if (!session) return;
    settle();
    session.at = video.currentTime;
    stretchEnds(video.currentTime);
    put(statement("paused", soFar(video.currentTime), withLength()), { now: true });
    completeIfSeen();
  });

  video.addEventListener("seeking", () => {
    if (!session) return;
    if (session.seek) {
      clearTimeout(session.seek.timer);
      if (session.from !== null) stretchEnds(session.at);
      return;
    }
    session.seek = { from: session.at };
    stretchEnds(session.at);
  });

  video.addEventListener("seeked", () => {
    if (!session) return;
    session.at = video.currentTime;
    if (!video.paused) session.from = video.currentTime;
    if (!session.seek) return;
    session.seek.to = video.currentTime;
    session.seek.timer = setTimeout(settle, SEEK_ENDS);
  });

  video.addEventListener("timeupdate", () => {
    if (!session || video.seeking || video.paused) return;
    const before = session.at;
    session.at = video.currentTime;
    completeIfSeen();
    passed(before, video.currentTime);
  });

  video.addEventListener("ended", () => { if (session) passed(session.at, Infinity); });

  video.addEventListener("ratechange", () => {
    if (session && !video.paused) put(statement("interacted", at(video.currentTime), { speed: `${video.playbackRate}x` }));
  });

  setInterval(() => {
    if (!session || video.paused || video.seeking) return;
    settle();
    put(statement("interacted", at(video.currentTime), { speed: `${video.playbackRate}x` }));
  }, HEARTBEAT);

  if (video.readyState >= HTMLMediaElement.HAVE_METADATA) begin();
  else video.addEventListener("loadedmetadata", () => { if (!session) begin(); }, { once: true });

  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") {
      flush();
    } else {
      settle();
      beacon();
    }
  });

  addEventListener("pagehide", () => {
    if (session) {
      settle();
      if (!video.paused) stretchEnds(video.currentTime);
      session.at = video.currentTime;
      put(statement("terminated", soFar(video.currentTime), withLength()));
      session = null;
    }
    beacon();
  });

  addEventListener("pageshow", ({ persisted }) => {
    if (!persisted) return;
    begin();
    if (!video.paused) video.dispatchEvent(new Event("play"));
  });

  // --- Polls at their moments ------------------------------------------------------------------------------
  const list = document.getElementById("polls");
  const moment = document.getElementById("moment");
  const skip = document.createElement("button");
  skip.type = "button";
  skip.addEventListener("click", goOn);
  const ahead = new Set(list ? list.querySelectorAll("[data-poll][data-at][data-open]") : []);
  const waiting = [];
  let shown = null;
  let reached = 0; // the furthest that somebody has come; what they jumped over is below

  function tidyList() {
    for (const poll of list.querySelectorAll("[data-poll]")) poll.hidden = ahead.has(poll) && Number(poll.dataset.at) > reached;
    list.hidden = !list.querySelector("[data-poll]:not([hidden])");
  }

  // Nothing comes by any more: all questions are below.
  function noMoments() {
    ahead.clear();
    if (list) tidyList();
  }

  function passed(from, to) {
    for (const poll of [...ahead]) {
      const seconds = Number(poll.dataset.at);
      if (seconds < from || seconds > to) continue;
      ahead.delete(poll);
      waiting.push(poll);
    }
    if (!shown && waiting.length) ask(waiting.shift());
  }

  function ask(poll) {
    shown = poll;
    video.pause();
    if (document.fullscreenElement) document.exitFullscreen();
    else if (video.webkitDisplayingFullscreen) video.webkitExitFullscreen();
    if (document.pictureInPictureElement) document.exitPictureInPicture();
    poll.hidden = false;
    document.getElementById("asked").replaceChildren(poll);
    moment.hidden = false;
    offer("Skip");
    poll.querySelector("h3").focus();
    poll.scrollIntoView({ block: "nearest" });
  }

  function offer(label) {
    skip.textContent = label;
    const beside = shown.querySelector(".actions");
    // "Answer again" of a right answer is folded up: there nobody would find it.
    const isBeside = beside && !beside.closest("details");
    skip.className = isBeside ? "button button-quiet" : "button";
    if (isBeside) beside.append(skip);
    else shown.querySelector(".poll-status").after(skip);
  }

  // The result is read out with the button, as what it is about.
  function offerToContinue() {
    offer("Continue");
    skip.setAttribute("aria-describedby", shown.querySelector(".poll-said").id);
    skip.focus();
    shown.scrollIntoView({ block: "nearest" });
  }

  // What was asked stays below the video, to be answered or looked at later.
  function goOn() {
    skip.remove();
    skip.removeAttribute("aria-describedby");
    list.append(shown);
    [...list.querySelectorAll("[data-poll]")].sort(byMoment).forEach((poll) => list.append(poll));
    shown = null;
    tidyList();
    moment.hidden = true;
    if (waiting.length) {
      ask(waiting.shift());
      return;
    }
    video.focus();
    if (!video.ended) video.play().catch(() => {});
  }

  function byMoment(one, other) {
    const [a, b] = [one, other].map((poll) => (poll.dataset.at === undefined ? Infinity : Number(poll.dataset.at)));
    return a === b ? 0 : a - b;
  }

  // --- Answers ---------------------------------------------------------------------------------------------
  const answered = new Map(); // by poll: the statement that is on its way

  document.addEventListener("submit", (event) => {
    const entered = event.target;
    if (!entered.matches(".poll-form")) return;
    event.preventDefault();
    const poll = entered.closest("[data-poll]");
    if (answered.has(poll.dataset.poll)) return;
    const data = new FormData(entered);
    const given = {
      id: data.get("statement"),
      verb: { id: `${ADL}answered` },
      object: { id: poll.dataset.activity },
      result: { response: data.getAll("response").join("[,]") },
      timestamp: stamp(),
    };
    answered.set(poll.dataset.poll, given.id);
    entered.querySelector("[type=submit]").setAttribute("aria-disabled", "true");
    poll.querySelector(".poll-status").textContent = "Sending your answer…";
    put(given, { now: true });
  });

  function keepAnswersWaiting() {
    for (const poll of answered.keys()) {
      const place = document.getElementById(`poll-${poll}`);
      if (!place) continue;
      place.querySelector(".poll-status").textContent = "Your answer is kept on this page and sent as soon as it can be.";
      if (place === shown) offer("Continue");
    }
  }

  function showAnswered(id, html) {
    answered.delete(id);
    const old = document.getElementById(`poll-${id}`);
    if (!old) return;
    const asked = old === shown;
    const focused = old.contains(document.activeElement);
    ahead.delete(old);
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const fresh = holder.content.querySelector("[data-poll]");
    old.replaceWith(fresh);
    const isTaken = !fresh.querySelector(".poll-error");
    if (asked) shown = fresh;
    if (asked && isTaken) {
      offerToContinue();
    } else {
      if (asked) offer("Skip");
      if (asked || focused) (fresh.querySelector("[aria-invalid]") || fresh.querySelector("h3")).focus();
    }
    if (!moment.contains(fresh)) tidyList();
  }

  if (list) {
    tidyList();
    video.addEventListener("error", noMoments);
    video.querySelector("source").addEventListener("error", () => {
      line.textContent = "The video cannot be played. Try again later, or in another browser.";
      noMoments();
    });
  }

  // What an earlier page could not send.
  if (queue.length) flush();
})();
