// A Copy button copies the field that its data-copy names. Where the browser forbids it, the value is selected.
"use strict";
(() => {
  const SHOWN_FOR = 4000;

  const copy = async (button) => {
    const field = document.getElementById(button.dataset.copy);
    const done = button.parentElement.querySelector(".copy-done");
    field.focus();
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      button.focus();
      done.textContent = "Copied";
    } catch {
      done.textContent = "Selected: copy it with Ctrl+C or ⌘C";
    }
    window.setTimeout(() => { done.textContent = ""; }, SHOWN_FOR);
  };

  const show = (root) => {
    for (const button of root.querySelectorAll("button[data-copy][hidden]")) button.hidden = false;
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-copy]");
    if (button) copy(button);
  });
  document.addEventListener("htmx:load", (event) => show(event.target));
  document.addEventListener("DOMContentLoaded", () => show(document));
  if (document.readyState !== "loading") show(document);
})();
