// The Test window when our own server does not answer as expected: nothing would be shown otherwise.
"use strict";
(() => {
  const say = (text) => {
    const report = document.getElementById("report");
    const notice = document.createElement("p");
    notice.className = "errornote";
    notice.textContent = text;
    report.replaceChildren(notice);
  };
  document.addEventListener("htmx:responseError", () => say("The test could not be run. Reload this page and try again."));
  document.addEventListener("htmx:sendError", () => say("echo_lms could not be reached. Check the network and try again."));
  document.addEventListener("htmx:timeout", () => say("Canvas did not answer in time. Try again in a few minutes."));
  // Led elsewhere, that is to the sign-in page: the whole page has to go there.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, requestConfig } = event.detail;
    if (xhr.responseURL && new URL(xhr.responseURL).pathname !== new URL(requestConfig.path, window.location).pathname) {
      event.detail.shouldSwap = false;
      window.location.reload();
    }
  });
})();
