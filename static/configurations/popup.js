// The popup's last page: closes itself where the browser allows it. Where it does not, its text says what to do.
"use strict";
if (document.querySelector("[data-close-popup]")) {
  window.close();
}
