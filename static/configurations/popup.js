// The last page of Authorize. In the popup it closes itself, or offers to; in an ordinary window it leads back.
"use strict";
(() => {
  if (document.querySelector("[data-close-popup]")) window.close();
  if (window.name !== "echo_lms_authorize") return;
  const close = document.querySelector("[data-close]");
  const back = document.querySelector("[data-back]");
  close.hidden = false;
  back.hidden = true;
  close.addEventListener("click", () => window.close());
  close.focus();
})();
