"use strict";
(() => {
  const $ = (found, root = document) => root.querySelector(found);
  const dialog = $("#keys");
  const button = $("#show-keys");
  if (button && dialog) button.addEventListener("click", () => dialog.showModal());
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) event.target.closest("dialog").close();
    const reload = event.target.closest("[data-reload]");
    if (reload) { event.preventDefault(); location.reload(); }
  });
})();
