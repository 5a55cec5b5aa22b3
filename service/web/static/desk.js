"use strict";
/* Keys, dialogs, the list one searches by typing, ticks in the queue, dropped files, live news. Pages work through htmx. */
(() => {
  const $ = (found, root = document) => root.querySelector(found);
  const $$ = (found, root = document) => [...root.querySelectorAll(found)];
  const help = $("#keys");
  const box = $("#box");

  /* ---- keys ---- */
  const typing = (at) => at.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
  let first = "";
  let timer = 0;

  function rows() { return $$("[data-rows] [data-open]"); }

  function move(by) {
    const found = rows();
    if (!found.length) return false;
    const at = found.indexOf(document.activeElement.closest("tr")?.querySelector("[data-open]"));
    const next = found[Math.min(found.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
    return true;
  }

  const COMMANDS = {
    "?": () => { if (help && !help.open) help.showModal(); },
    "/": () => { const at = $("#find"); if (at) { at.focus(); at.select(); } },
    "g q": () => { location.href = "/queue"; },
    "g i": () => { location.href = "/intake"; },
    "j": () => move(1),
    "k": () => move(-1),
    "x": () => { const tick = document.activeElement.closest("tr")?.querySelector("[name=pick]"); if (tick) tick.click(); },
    "X": () => { const tick = $("[data-pick-all]"); if (tick && !tick.disabled) tick.click(); },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey && event.key === "Enter" || event.metaKey && event.key === "Enter") {
      const open = $("dialog[open]");
      const go = open ? $("[data-submit]", open) : $("main [data-submit]");
      if (go) { event.preventDefault(); go.click(); }
      return;
    }
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (typing(event.target) || $("dialog[open]")) return;
    const pair = first ? `${first} ${event.key}` : event.key;
    first = "";
    clearTimeout(timer);
    const target = $(`[data-key="${CSS.escape(pair)}"]`);
    if (target && !target.disabled) { event.preventDefault(); target.click(); return; }
    if (target) return;
    if (COMMANDS[pair]) { event.preventDefault(); COMMANDS[pair](); return; }
    if (event.key === "g" || event.key === "c" && $('[data-key^="c "]')) {
      event.preventDefault();
      first = event.key;
      timer = setTimeout(() => { first = ""; }, 2500);
    }
  });

  /* ---- dialogs ---- */
  const button = $("#show-keys");
  if (button && help) button.addEventListener("click", () => help.showModal());
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) event.target.closest("dialog").close();
    if (event.target.matches("dialog")) event.target.close();
    if (event.target.closest("[data-reload]")) { event.preventDefault(); location.reload(); }
  });

  /* ---- what htmx brings ---- */
  document.addEventListener("htmx:configRequest", (event) => {
    // An address says only what was chosen.
    if (event.detail.verb !== "get" || !event.target.matches(".filters")) return;
    for (const [name, value] of [...event.detail.formData.entries()]) if (value === "") event.detail.formData.delete(name);
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    // A fault is told where the eyes are: in the open dialog, else at the top of the page.
    const open = $("dialog[open] .message");
    if (event.detail.isError && open) event.detail.target = open;
    if ((event.detail.xhr.getResponseHeader("Content-Type") || "").includes("problem+json")) {
      // Refused before a page had a say in it: too many at once, too large, given up.
      const note = document.createElement("div");
      note.className = "note bad";
      note.setAttribute("role", "alert");
      note.textContent = JSON.parse(event.detail.serverResponse).detail;
      event.detail.serverResponse = note.outerHTML;
    }
  });
  document.addEventListener("htmx:sendError", () => {
    const at = $("dialog[open] .message") || $("#message");
    if (at) { at.textContent = document.body.dataset.offline; at.className = "message note bad"; }
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    const at = event.target.closest(".new-value, form")?.closest("main, dialog")?.querySelector(".message");
    if (at && !event.target.matches("[hx-trigger=load]")) { at.textContent = ""; at.className = "message"; }
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const target = event.detail.target;
    if (target.id === "box-body" && box) {
      if (!box.open) box.showModal();
      ($("[autofocus]:not([type=radio]), [type=radio]:checked, [autofocus]", box) || box).focus();
      for (const list of $$("[data-pick-input]", box)) narrowed(list, false);
    }
    if (target.id === "letter" && box?.open) box.close();
    if (event.detail.isError && target.scrollIntoView) target.scrollIntoView({ block: "nearest" });
    ticks();
    if (target.id === "list") counts();
  });

  function counts() {
    for (const one of ($("#list")?.dataset.levels || "").trim().split(" ")) {
      const [level, number] = one.split(":");
      const at = $(`#count-${level}`);
      if (at) at.textContent = number;
    }
  }

  /* ---- search as you type ---- */
  function options(input, all = false) {
    const found = $$("[role=option]", $("#" + input.getAttribute("aria-controls")));
    return all ? found : found.filter((one) => !one.hidden);
  }

  function point(input, option) {
    for (const one of options(input, true)) one.setAttribute("aria-selected", String(one === option));
    if (!option) { input.removeAttribute("aria-activedescendant"); return; }
    input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  function unfold(input, open) {
    // What follows from a choice needs the room of the list.
    $("#" + input.getAttribute("aria-controls")).hidden = !open;
    input.setAttribute("aria-expanded", String(open));
  }

  function choose(input, option) {
    point(input, option);
    unfold(input, false);
    input.value = option.textContent.trim();
    const kept = $("[data-pick-value]", input.form);
    kept.value = option.dataset.value;
    kept.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function narrowed(input, typed) {
    unfold(input, true);
    const words = input.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    for (const one of options(input, true)) one.hidden = !words.every((word) => one.dataset.find.includes(word) || one.textContent.toLowerCase().includes(word));
    const left = options(input);
    if (words.length) left.sort((a, b) => rank(b, words) - rank(a, words));
    $("[data-pick-none]", input.form).hidden = left.length > 0;
    if (typed) { $("[data-pick-value]", input.form).value = ""; $("#preview").replaceChildren(); }
    point(input, left[0]);
  }

  function rank(option, words) {
    // A name that holds the word comes before one that is only found by it.
    return words.filter((word) => option.textContent.toLowerCase().includes(word)).length;
  }

  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-pick-input]")) narrowed(event.target, true);
    if (event.target.matches("[data-narrow]")) {
      const word = event.target.value.trim().toLowerCase();
      for (const one of $$("[data-find]", event.target.form)) one.hidden = !(one.dataset.find + one.textContent.toLowerCase()).includes(word);
    }
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-pick-input], [data-narrow]")) event.stopPropagation();
  }, true);
  document.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) { const input = $(`[aria-controls="${option.parentElement.id}"]`); choose(input, option); input.focus(); }
  });
  document.addEventListener("keydown", (event) => {
    const input = event.target;
    if (!input.closest("[data-correct]") || event.isComposing || event.ctrlKey) return;
    const save = $(".save", input.form || box);
    if (input.matches("[data-pick-input]")) {
      const found = options(input);
      const at = found.findIndex((one) => one.getAttribute("aria-selected") === "true");
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        unfold(input, true);
        point(input, found[(at + (event.key === "ArrowDown" ? 1 : found.length - 1)) % found.length]);
      } else if (event.key === "Enter") {
        event.preventDefault();
        const value = $("[data-pick-value]", input.form).value;
        if (save && value && found[at]?.dataset.value === value) save.click();
        else if (found[at]) choose(input, found[at]);
      }
    } else if (event.key === "Enter" && input.matches("input, select")) {
      event.preventDefault();
      if (save) save.click();
      else input.dispatchEvent(new Event("change", { bubbles: true }));
    }
  });

  /* ---- ticks in the queue ---- */
  function ticks() {
    const picked = $$("[name=pick][type=checkbox]:checked").length;
    const bulk = $("#accept-many");
    if (!bulk) return;
    bulk.disabled = !picked;
    $("[data-picked]", bulk).textContent = String(picked);
  }
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-pick-all]")) for (const one of $$("[name=pick][type=checkbox]")) one.checked = event.target.checked;
    if (event.target.matches("[data-pick-all], [name=pick]")) ticks();
  });

  /* ---- where a hint fits ---- */
  const place = (event) => {
    const spot = event.target.closest?.(".spot");
    if (spot) spot.classList.toggle("end", spot.getBoundingClientRect().left > innerWidth / 2);
  };
  document.addEventListener("mouseover", place);
  document.addEventListener("focusin", place);

  /* ---- intake ---- */
  const drop = $("[data-drop]");
  if (drop) {
    const files = $("input[type=file]", drop);
    for (const name of ["dragenter", "dragover"]) document.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
    document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      if (!event.dataTransfer.files.length) return;
      files.files = event.dataTransfer.files;
      files.dispatchEvent(new Event("change", { bubbles: true }));
    });
    $("#letter-form").addEventListener("reset", () => setTimeout(() => { htmx.trigger("#judge", "judge"); $("#body").focus(); }));
    if ($("#body").value.trim()) window.addEventListener("load", () => htmx.trigger("#judge", "judge"));
  }

  // What was said once is not said again when the page is loaded again.
  if (new URLSearchParams(location.search).has("new")) {
    const address = new URL(location.href);
    address.searchParams.delete("new");
    history.replaceState(history.state, "", address);
  }

  /* ---- live ---- */
  const live = $('meta[name="triage-live"]');
  const news = $("#news");
  if (live && news && window.EventSource) {
    let count = 0;
    const source = new EventSource("/events");
    const tell = (words) => {
      const show = document.createElement("button");
      show.type = "button";
      show.className = "soft";
      show.dataset.reload = "";
      show.textContent = words;
      news.replaceChildren(show);
    };
    source.addEventListener("letters", (event) => {
      const told = JSON.parse(event.data);
      if (live.content === "queue" && told.entered) {
        count += told.entered;
        tell(live.dataset.words.replace("{count}", String(count)));
      }
      if (live.content === "letter" && told.changed.includes(Number(live.dataset.letter))) tell(live.dataset.words);
    });
    window.addEventListener("pagehide", () => source.close());
  }
  ticks();
})();
