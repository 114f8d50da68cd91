// Editors of lists: rows that are added, removed and moved, drafts, and buttons that fill a field.
//
//   data-rows="entitlements_catalog"   the fieldset; its <template> is a new row, data-cell names what
//                                      an input of a row holds; sent only if it was touched
//   data-draft="#template" data-draft-into="#list"
//                                      adds a copy of a template; __N__ in its ids becomes a number
//   data-set="#field" data-value="30"  fills a field
"use strict";
(() => {
  let count = 0;

  const rowsOf = (editor) => [...editor.querySelectorAll("[data-row]")];

  function touch(editor) {
    editor.dataset.touched = "yes";
  }

  function values(row) {
    const cells = [...row.querySelectorAll("[data-cell]")];
    return Object.fromEntries(cells.map((cell) => [cell.dataset.cell, cell.value.trim()]));
  }

  document.addEventListener("keysat:read", (event) => {
    for (const editor of event.target.querySelectorAll("[data-rows]")) {
      if (event.detail.isChangedOnly && !editor.dataset.touched) continue;
      const rows = rowsOf(editor).map(values).filter((row) => Object.values(row).some(Boolean));
      if (rows.length || event.detail.isChangedOnly) event.detail.body[editor.dataset.rows] = rows;
    }
  });
  document.addEventListener("reset", (event) => {
    for (const editor of event.target.querySelectorAll("[data-rows]")) delete editor.dataset.touched;
  });
  document.addEventListener("input", (event) => {
    const editor = event.target.closest("[data-rows]");
    if (editor) touch(editor);
  });

  function move(item, step) {
    const items = [...item.parentNode.children].filter((one) => one.matches("[data-row]"));
    const other = items[items.indexOf(item) + step];
    if (!other) return false;
    if (step < 0) other.before(item);
    else other.after(item);
    return true;
  }

  function clone(template) {
    const copy = template.content.cloneNode(true);
    count += 1;
    for (const element of copy.querySelectorAll("*")) {
      for (const name of element.getAttributeNames()) {
        const value = element.getAttribute(name);
        if (value.includes("__N__")) element.setAttribute(name, value.replaceAll("__N__", String(count)));
      }
    }
    return copy;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-row-add], [data-row-remove], [data-row] [data-move], [data-draft], [data-drop], [data-set]");
    if (!button) return;
    const { set, draft } = button.dataset;
    if (set) {
      const field = document.querySelector(set);
      field.value = button.dataset.value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    } else if (draft) {
      const into = document.querySelector(button.dataset.draftInto);
      into.append(clone(document.querySelector(draft)));
      into.lastElementChild.querySelector("input").focus();
    } else if ("drop" in button.dataset) {
      button.closest("[data-draft-item]").remove();
      document.querySelector("[data-draft]")?.focus();
    } else if (button.dataset.move) {
      const row = button.closest("[data-row]");
      if (!move(row, Number(button.dataset.move))) return;
      button.focus();
      touch(row.closest("[data-rows]"));
    } else {
      const editor = button.closest("[data-rows]");
      touch(editor);
      if ("rowAdd" in button.dataset) {
        editor.querySelector("[data-row-list]").append(clone(editor.querySelector("template")));
        rowsOf(editor).at(-1).querySelector("input").focus();
      } else {
        button.closest("[data-row]").remove();
        editor.querySelector("[data-row-add]").focus();
      }
    }
  });
})();
