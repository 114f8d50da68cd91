// Reads a form into the body of a request, and says next to a field what is wrong with it.
//
// A control's name is the field's name in the API; dots nest. data-as says what its text becomes:
//   int, money (decimal units to the smallest, by the currency in data-currency-from), percent
//   (to hundredths), days (to seconds), flag (a checkbox: true or false), instant (local time to UTC),
//   lines (none is an empty list), some-lines (none is empty), list (every checked box or chosen
//   option), json, text (the default).
// data-empty says what an empty control becomes: omit (the default), null, text.
"use strict";
(() => {
  const DECIMALS = { USD: 2, EUR: 2, SAT: 0 };

  class FieldError extends Error {
    constructor(field, problem) {
      super(problem);
      this.field = field;
    }
  }

  // Moves the decimal point without floating point, which would lose cents.
  function scaled(text, decimals, field) {
    const match = /^(\d+)(?:[.,](\d+))?$/.exec(text.replace(/[\s_]/g, ""));
    if (!match || (match[2] || "").length > decimals) {
      const form = decimals ? `a number with at most ${decimals} decimals, such as 12.50` : "a whole number";
      throw new FieldError(field, `must be ${form}`);
    }
    return Number(match[1] + (match[2] || "").padEnd(decimals, "0"));
  }

  function currencyOf(control) {
    const from = control.dataset.currencyFrom;
    if (!from) return "SAT";
    const other = control.form.elements.namedItem(from);
    return other ? other.value : from;
  }

  function converted(control) {
    const { name, value } = control;
    switch (control.dataset.as) {
      case "int":
        return scaled(value, 0, name);
      case "money":
        return scaled(value, DECIMALS[currencyOf(control)] ?? 0, name);
      case "percent":
        return scaled(value, 2, name);
      case "days": {
        const seconds = Math.round(Number(value.replace(",", ".")) * 86400);
        if (!(seconds >= 0)) throw new FieldError(name, "must be a number of days");
        return seconds;
      }
      case "instant": {
        const moment = new Date(value);
        if (Number.isNaN(moment.getTime())) throw new FieldError(name, "must be a date and time");
        return moment.toISOString().replace(/\.\d+Z$/, "Z");
      }
      case "lines":
      case "some-lines":
        return value.split("\n").map((line) => line.trim()).filter(Boolean);
      case "json":
        try {
          return JSON.parse(value);
        } catch {
          throw new FieldError(name, "must be JSON");
        }
      default:
        return value;
    }
  }

  function put(body, name, value) {
    const steps = name.split(".");
    const last = steps.pop();
    let at = body;
    for (const step of steps) at = at[step] ??= {};
    at[last] = value;
  }

  const isBox = (control) => control.type === "checkbox" || control.type === "radio";

  function wasChanged(control) {
    if (isBox(control)) return control.checked !== control.defaultChecked;
    if (control.options) {
      const options = [...control.options];
      // Without a chosen one the first is shown, which is then no change.
      const chosen = options.filter((option) => option.defaultSelected);
      if (!chosen.length && !control.multiple) return control.selectedIndex !== 0;
      return options.some((option) => option.selected !== option.defaultSelected);
    }
    return control.value !== control.defaultValue;
  }

  function readOne(body, control) {
    const { name } = control;
    const as = control.dataset.as;
    if (as === "flag") return put(body, name, control.checked);
    if (control.type === "radio" && !control.checked) return undefined;
    if (control.value.trim() === "" && as !== "lines") {
      const empty = control.dataset.empty || "omit";
      if (empty === "omit") return undefined;
      return put(body, name, empty === "null" ? null : "");
    }
    return put(body, name, converted(control));
  }

  // Gives the body of a form. With data-changed-only, what was not touched is not sent, so that it
  // stays as it is, even where it was changed by somebody else meanwhile. Controls of one
  // data-group are sent together or not at all.
  function read(form) {
    const body = {};
    const lists = new Set();
    const isChangedOnly = "changedOnly" in form.dataset;
    const controls = [...form.elements].filter((one) => one.name && !one.disabled);
    const groups = new Set();
    for (const one of controls) if (one.dataset.group && wasChanged(one)) groups.add(one.dataset.group);
    for (const control of controls) {
      if (control.dataset.as === "list") {
        if (lists.has(control.name)) continue;
        lists.add(control.name);
        const parts = controls.filter((one) => one.name === control.name);
        if (isChangedOnly && !parts.some(wasChanged)) continue;
        const chosen = parts.flatMap((one) =>
          one.selectedOptions ? [...one.selectedOptions].map((option) => option.value)
            : one.checked ? [one.value] : []);
        put(body, control.name, chosen);
        continue;
      }
      const isTouched = control.dataset.group ? groups.has(control.dataset.group) : wasChanged(control);
      if (isChangedOnly && !isTouched && !("always" in control.dataset)) continue;
      readOne(body, control);
    }
    // A component that is more than one control adds what it holds; see data-part in its script.
    form.dispatchEvent(new CustomEvent("keysat:read", { bubbles: true, detail: { body, isChangedOnly, FieldError } }));
    return body;
  }

  // A control with data-repeats="#other" must hold the same text as the other one.
  document.addEventListener("input", (event) => {
    for (const again of event.target.form?.querySelectorAll("[data-repeats]") ?? []) {
      const first = document.querySelector(again.dataset.repeats);
      again.setCustomValidity(again.value === first.value ? "" : "This is not the same text.");
    }
  });

  function clearProblems(form) {
    for (const control of form.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
    for (const note of form.querySelectorAll(".problem")) {
      note.textContent = "";
      note.hidden = true;
    }
  }

  // Shows problems next to their fields and focuses the first; gives those that have no field here.
  function showProblems(form, problems) {
    const others = [];
    let first = null;
    for (const { field, problem } of problems) {
      const found = form.querySelector(`[name="${CSS.escape(field)}"], [data-field="${CSS.escape(field)}"]`);
      const note = found && form.querySelector(`[id="${CSS.escape(found.id)}-problem"]`);
      if (!found || !note) {
        others.push(`${field}: ${problem}`);
        continue;
      }
      found.setAttribute("aria-invalid", "true");
      note.textContent = problem.charAt(0).toUpperCase() + problem.slice(1) + ".";
      note.hidden = false;
      first ??= found;
    }
    if (first) {
      const fold = first.closest("details");
      if (fold) fold.open = true;
      first.focus();
    }
    return others;
  }

  window.keysatFields = { read, clearProblems, showProblems, FieldError };
})();
