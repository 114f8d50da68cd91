// What screens do: a form or button with data-api asks the admin API, exactly as a script would.
//
//   data-api="PATCH /v1/admin/products/ID"   the operation; a form's fields are its body
//   data-body='{"active": false}'            what a button sends
//   data-raw="pem"                           the one field that is the body, as it is
//   data-done="Saved."                       the toast afterwards
//   data-then="/admin/products/{id}"         where to go, with fields of the answer; else the screen
//                                            is shown anew, where it was
//   data-reveal="token" data-reveal-title, data-reveal-text
//                                            the answer's field that is shown once, with a copy button
//   data-ask="What will happen." data-ask-title, data-ask-verb, data-ask-type, data-ask-reason
//                                            ask first; see dialogs.js
//   data-rehearse                            ask for a dry run first and say what it would do
//   data-on-conflict="#id"                        the button to press after the server said conflict
"use strict";
(() => {
  const { read, clearProblems, showProblems, FieldError } = window.keysatFields;
  const { ask, reveal, offerUpgrade, toast } = window.keysatDialogs;
  const base = document.documentElement.dataset.base || "";
  const token = () => document.querySelector('meta[name="csrf-token"]')?.content || "";

  // crypto.randomUUID exists on https and localhost only.
  function freshKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  class Refusal extends Error {
    constructor(status, envelope) {
      super(envelope.message || `The server answered ${status}.`);
      this.status = status;
      this.envelope = envelope;
    }
  }

  // Asks the API. A request that may have arrived is repeated once under the same key, so that
  // nothing is done twice.
  async function call(operation, body, { dryRun = false } = {}) {
    const [method, path] = operation.split(" ");
    const headers = { "X-CSRF-Token": token(), accept: "application/json" };
    if (method !== "GET" && !dryRun) headers["Idempotency-Key"] = freshKey();
    const options = { method, headers, credentials: "same-origin" };
    if (typeof body === "string") {
      headers["content-type"] = "application/x-pem-file";
      options.body = body;
    } else if (method !== "GET" && method !== "DELETE") {
      headers["content-type"] = "application/json";
      options.body = JSON.stringify(body ?? {});
    }
    const address = base + path + (dryRun ? (path.includes("?") ? "&" : "?") + "dry_run=true" : "");
    let answer;
    try {
      answer = await fetch(address, options);
    } catch {
      answer = await fetch(address, options);
    }
    const text = await answer.text();
    let said = {};
    try {
      said = text ? JSON.parse(text) : {};
    } catch {
      said = { message: text.slice(0, 300) };
    }
    if (answer.status === 401) {
      location.assign(`${base}/admin/login?next=${encodeURIComponent(location.pathname + location.search)}`);
    }
    if (!answer.ok) throw new Refusal(answer.status, said);
    return said;
  }

  const plain = (message) => {
    const text = message.replace(/^(?:[a-z]+ ){0,3}[a-z]+: /, "");
    return text.charAt(0).toUpperCase() + text.slice(1);
  };

  function showFailure(host, failure) {
    if (failure instanceof FieldError) {
      const rest = showProblems(host, [{ field: failure.field, problem: failure.message }]);
      if (!rest.length) return;
    } else if (failure instanceof Refusal && failure.status === 402) {
      offerUpgrade(plain(failure.message), failure.envelope.upgrade_url);
      return;
    } else if (failure instanceof Refusal && Array.isArray(failure.envelope.detail) && host.matches("form")) {
      if (!showProblems(host, failure.envelope.detail).length) return;
    }
    const text = failure instanceof TypeError
      ? "The server could not be reached. Nothing was lost; try again." : plain(failure.message);
    const note = host.querySelector?.(".form-problem");
    if (!note) return toast(text, "bad");
    note.textContent = text;
    note.hidden = false;
    note.focus();
  }

  const filled = (template, answer) =>
    template.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(answer[name] ?? ""));

  // Shows the screen anew in place: focus, scroll and open folds stay.
  async function refresh() {
    await htmx.ajax("GET", location.pathname + location.search, {
      target: "#frame", select: "#frame", swap: "outerMorph",
    });
  }

  function counted(answer) {
    return Object.entries(answer)
      .filter(([, value]) => typeof value === "number" && value > 0)
      .map(([name, value]) => `${name.replace("cascaded_", "").replaceAll("_", " ")}: ${value.toLocaleString("en")}`);
  }

  async function confirmed(host) {
    const { ask: text, askTitle, askVerb, askType, askReason, askTone } = host.dataset;
    if (text === undefined) return {};
    let facts = [];
    if ("rehearse" in host.dataset) facts = counted(await call(host.dataset.api, bodyOf(host), { dryRun: true }));
    return ask({ title: askTitle, text, verb: askVerb, type: askType, reason: askReason, tone: askTone, facts });
  }

  const bodyOf = (host) => host.dataset.raw ? host.elements.namedItem(host.dataset.raw).value :
    host.matches("form") ? read(host) : host.dataset.body ? JSON.parse(host.dataset.body) : undefined;

  async function perform(host, submitter) {
    if (host.getAttribute("aria-busy") === "true") return;
    if (host.matches("form")) {
      clearProblems(host);
      const note = host.querySelector(".form-problem");
      if (note) note.hidden = true;
    }
    host.setAttribute("aria-busy", "true");
    try {
      let body = bodyOf(host);
      if (host.matches("form") && "changedOnly" in host.dataset && !Object.keys(body).length) {
        toast("Nothing was changed.");
        return;
      }
      const answer = await confirmed(host);
      if (answer === null) return;
      if (answer.reason) body = { ...body, reason: answer.reason };
      const said = await call(host.dataset.api, body);
      await finish(host, said);
    } catch (failure) {
      const other = failure instanceof Refusal && failure.status === 409 && host.dataset.onConflict;
      if (other) document.querySelector(other)?.click();
      else showFailure(host, failure);
    } finally {
      host.removeAttribute("aria-busy");
      submitter?.removeAttribute("aria-busy");
    }
  }

  async function finish(host, said) {
    const { done, then, reveal: field, revealTitle, revealText } = host.dataset;
    const dialog = host.closest("dialog");
    if (host.matches("form") && !("atOnce" in host.dataset)) host.reset();
    host.closest("[data-draft-item]")?.remove();
    dialog?.close();
    if (field) await reveal({ title: revealTitle, text: revealText, secret: said[field] });
    host.dispatchEvent(new CustomEvent("keysat:done", { bubbles: true, detail: said }));
    if (then) {
      if (done) sessionStorage.setItem("toast", done);
      location.assign(base + filled(then, said));
      return;
    }
    await refresh();
    if (done) toast(done);
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.api) return;
    event.preventDefault();
    perform(form, event.submitter);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-api]");
    if (button) perform(button, button);
  });
  document.addEventListener("click", async (event) => {
    if (!event.target.closest("[data-sign-out]")) return;
    await fetch(`${base}/admin/logout`, { method: "POST", credentials: "same-origin" });
    location.assign(`${base}/admin/login`);
  });
  // A switch saves at once: the form it is in has data-at-once.
  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (form && "atOnce" in form.dataset && event.target.checkValidity()) form.requestSubmit();
  });

  // Of a list one value may stand for all others: choosing one side leaves the other.
  document.addEventListener("change", (event) => {
    const { form, name, value, checked } = event.target;
    if (!checked || event.target.dataset.as !== "list" || name !== "event_types") return;
    for (const other of form.querySelectorAll(`[name="${name}"]`)) {
      if ((other.value === "*") !== (value === "*")) other.checked = false;
    }
  });

  // A slug follows the name until it is edited by hand.
  document.addEventListener("input", (event) => {
    const target = event.target.dataset?.slugFor;
    if (!target) {
      event.target.dataset && (event.target.dataset.isEdited = "yes");
      return;
    }
    const slug = document.querySelector(target);
    if (slug.dataset.isEdited && slug.value) return;
    slug.value = event.target.value.normalize("NFKD").toLowerCase()
      .replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 64);
  });

  document.addEventListener("DOMContentLoaded", () => {
    const said = sessionStorage.getItem("toast");
    if (said) {
      sessionStorage.removeItem("toast");
      toast(said);
    }
    const menu = document.getElementById("menu-button");
    menu?.addEventListener("click", () => {
      const isOpen = menu.getAttribute("aria-expanded") !== "true";
      menu.setAttribute("aria-expanded", String(isOpen));
    });
  });
  document.addEventListener("keydown", (event) => {
    const menu = document.getElementById("menu-button");
    if (event.key === "Escape" && menu?.getAttribute("aria-expanded") === "true") {
      menu.setAttribute("aria-expanded", "false");
      menu.focus();
    }
  });

  window.keysatAdmin = { call, refresh, showFailure, toast, ask, plain };
})();
