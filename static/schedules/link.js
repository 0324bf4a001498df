// The linking page without reloads: what htmx needs told, and nothing else. Without this file the page reloads instead.
(() => {
  "use strict";
  const notice = () => document.getElementById("unreachable");
  const say = (text) => {
    const place = notice();
    if (!place) return;
    place.textContent = text;
    place.hidden = false;
    place.scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("htmx:responseError", () => say("The page could not be brought up to date. Nothing you entered is lost: try again, or choose Check without saving."));
  document.addEventListener("htmx:sendError", () => say("echo_lms could not be reached. Nothing you entered is lost: check the network and try again."));
  document.addEventListener("htmx:timeout", () => say("That took too long. Nothing you entered is lost: try again in a moment."));
  document.addEventListener("htmx:afterOnLoad", () => { const place = notice(); if (place) place.hidden = true; });
  // What is typed while an answer is on its way is not overwritten by it.
  const typed = (form) => [...form.querySelectorAll("input:not([type=hidden], [type=radio], [type=checkbox])")];
  document.addEventListener("htmx:beforeRequest", ({ detail }) => {
    const form = document.getElementById("linking");
    if (form) detail.xhr.sent = new Map(typed(form).map((input) => [input.id, input.value]));
  });
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const { sent } = detail.xhr;
    if (sent) detail.xhr.since = typed(document.getElementById("linking")).filter((input) => sent.has(input.id) && sent.get(input.id) !== input.value).map((input) => [input.id, input.value]);
  });
  document.addEventListener("htmx:afterSwap", ({ detail }) => {
    for (const [id, value] of detail.xhr.since || []) {
      const input = document.getElementById(id);
      if (input) input.value = value;
    }
  });
  // A key pressed in the search fields searches; anywhere else Enter shows the preview (the form's first button).
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const button = { id_email: "find", id_section_query: "search-sections", id_further_query: "search-further" }[event.target.id];
    if (!button) return;
    event.preventDefault();
    document.getElementById(button)?.click();
  });
  const problems = document.getElementById("problems");
  if (problems) problems.focus();
})();
