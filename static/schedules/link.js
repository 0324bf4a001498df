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
