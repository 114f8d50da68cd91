// Dialogs, toasts and copying: what screens and buyer pages talk to people with.
"use strict";
(() => {
  const TOAST_MS = 6000;

  // The clipboard's own interface exists on https and localhost only; a home server has neither.
  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      area.className = "offscreen";
      area.setAttribute("aria-hidden", "true");
      const host = document.querySelector("dialog[open]") || document.body;
      host.append(area);
      const before = document.activeElement;
      area.select();
      const isDone = document.execCommand("copy");
      area.remove();
      before?.focus?.();
      return isDone;
    }
  }

  // In the top layer, or an open dialog would cover it.
  function toast(text, tone = "good") {
    const place = document.getElementById("toasts");
    const note = document.createElement("p");
    note.className = `toast ${tone}`;
    note.textContent = text;
    place.append(note);
    if (place.showPopover && !place.matches(":popover-open")) place.showPopover();
    setTimeout(() => {
      note.remove();
      if (!place.children.length && place.hidePopover && place.matches(":popover-open")) place.hidePopover();
    }, TOAST_MS);
  }

  function setText(dialog, part, text) {
    const found = dialog.querySelector(`[data-part="${part}"]`);
    found.textContent = text || "";
    found.hidden = !text;
  }

  // Asks before something is done. Gives null if it was called off, else {reason}.
  //   title, text, verb, reason ("optional" or "required"), type (what must be typed), facts (lines)
  function ask({ title, text, verb = "Continue", reason, type, facts = [], tone = "danger" }) {
    const dialog = document.getElementById("ask");
    const form = dialog.querySelector("form");
    form.reset();
    setText(dialog, "title", title);
    setText(dialog, "text", text);
    const list = dialog.querySelector('[data-part="facts"]');
    list.replaceChildren(...facts.map((fact) => {
      const item = document.createElement("li");
      item.textContent = fact;
      return item;
    }));
    list.hidden = !facts.length;
    const why = form.elements.namedItem("reason");
    why.closest(".field").hidden = !reason;
    why.required = reason === "required";
    const typed = form.elements.namedItem("typed");
    typed.closest(".field").hidden = !type;
    typed.required = Boolean(type);
    dialog.querySelector('[data-part="type"]').textContent = type || "";
    const go = dialog.querySelector('[data-part="verb"]');
    go.textContent = verb;
    go.className = tone === "danger" ? "button danger" : "button";
    const check = () => { go.disabled = Boolean(type) && typed.value !== type; };
    check();
    typed.oninput = check;
    return new Promise((resolve) => {
      let answer = null;
      form.onsubmit = (event) => {
        event.preventDefault();
        answer = { reason: why.value.trim() };
        dialog.close();
      };
      dialog.onclose = () => resolve(answer);
      dialog.showModal();
      (reason ? why : type ? typed : dialog.querySelector("[data-close]")).focus();
    });
  }

  // Shows what is shown once: a key, a token, a secret.
  function reveal({ title, text, secret }) {
    const dialog = document.getElementById("reveal");
    setText(dialog, "title", title);
    setText(dialog, "text", text);
    dialog.querySelector('[data-part="secret"]').textContent = secret;
    return new Promise((resolve) => {
      dialog.onclose = () => {
        dialog.querySelector('[data-part="secret"]').textContent = "";
        resolve();
      };
      dialog.showModal();
    });
  }

  // Says what a cap of the tier stopped, and where a higher tier is.
  function offerUpgrade(message, url) {
    const dialog = document.getElementById("upgrade");
    setText(dialog, "text", message);
    const link = dialog.querySelector("a");
    link.hidden = !url;
    if (url) link.href = url;
    dialog.showModal();
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy], [data-copy-from], [data-open], [data-close]");
    if (!button) return;
    if ("close" in button.dataset) {
      button.closest("dialog").close();
    } else if (button.dataset.open) {
      document.querySelector(button.dataset.open).showModal();
    } else {
      const from = button.dataset.copyFrom && document.querySelector(button.dataset.copyFrom);
      const isDone = await copy(from ? from.value ?? from.textContent : button.dataset.copy);
      toast(isDone ? "Copied." : "Your browser did not let us copy. Select the text and copy it.", isDone ? "good" : "bad");
    }
  });

  window.keysatDialogs = { ask, reveal, offerUpgrade, toast, copy };
})();
