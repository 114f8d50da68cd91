// Editors of lists: rows that are added, removed and moved, and lists whose order is saved at once.
//
//   data-rows="entitlements_catalog"   the fieldset; its <template> is a new row, data-cell names what
//                                      an input of a row holds; sent only if it was touched
//   data-reorder="PUT /v1/…" data-reorder-field="policy_ids"
//                                      a list whose items (data-item="ID") are dragged or moved by buttons
//   data-draft="#template" data-draft-into="#list"
//                                      adds a copy of a template; __N__ in its ids becomes a number
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
    const items = [...item.parentNode.children].filter((one) => one.matches("[data-row], [data-item]"));
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

  async function save(list) {
    const { call, refresh, showFailure, toast } = window.keysatAdmin;
    const ids = [...list.querySelectorAll("[data-item]")].map((item) => item.dataset.item);
    try {
      await call(list.dataset.reorder, { [list.dataset.reorderField]: ids });
      toast("Order saved.");
    } catch (failure) {
      showFailure(list, failure);
    }
    await refresh();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-row-add], [data-row-remove], [data-move], [data-draft], [data-drop], [data-set]");
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
    } else if (button.dataset.move) {
      const item = button.closest("[data-row], [data-item]");
      if (!move(item, Number(button.dataset.move))) return;
      button.focus();
      const list = item.closest("[data-reorder]");
      if (list) save(list);
      else touch(item.closest("[data-rows]"));
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

  // Dragging; whoever cannot drag has the buttons.
  let dragged = null;
  document.addEventListener("dragstart", (event) => {
    dragged = event.target.closest?.("[data-item]");
    if (dragged) event.dataTransfer.effectAllowed = "move";
  });
  document.addEventListener("dragover", (event) => {
    const over = event.target.closest?.("[data-item]");
    if (!dragged || !over || over.parentNode !== dragged.parentNode) return;
    event.preventDefault();
    if (over === dragged) return;
    const items = [...over.parentNode.children];
    if (items.indexOf(dragged) < items.indexOf(over)) over.after(dragged);
    else over.before(dragged);
  });
  document.addEventListener("drop", (event) => {
    if (!dragged) return;
    event.preventDefault();
    save(dragged.closest("[data-reorder]"));
  });
  document.addEventListener("dragend", () => { dragged = null; });
})();
